package tune

import (
	"fmt"
	"math"
	"strings"

	"tripcurve/internal/redact"
	"tripcurve/sim"
	"tripcurve/tui/grid"
	"tripcurve/tui/text"
	"tripcurve/tui/theme"
)

// measure is one line of the comparison. Less is better in all of them.
type measure struct {
	name string
	get  func(*sim.Result) float64 // NaN: it never happened
	show func(float64) string
	nan  string
}

var measures = []measure{
	{"failed orders", func(r *sim.Result) float64 { return float64(r.Orders.Failed) }, whole, "-"},
	{"  answered 502", func(r *sim.Result) float64 { return float64(r.Orders.Answered502) }, whole, "-"},
	{"  answered 503", func(r *sim.Result) float64 { return float64(r.Orders.Answered503) }, whole, "-"},
	{"  rejected", func(r *sim.Result) float64 { return float64(r.Orders.Rejected) }, whole, "-"},
	{"  too late", func(r *sim.Result) float64 { return float64(r.Orders.Late) }, whole, "-"},
	{"wait p50", func(r *sim.Result) float64 { return r.Waits.P50.Seconds() }, secs, "-"},
	{"wait p99", func(r *sim.Result) float64 { return r.Waits.P99.Seconds() }, secs, "-"},
	{"reads failed", readsFailed, whole, "-"},
	{"orphans", func(r *sim.Result) float64 { return float64(r.Orphans) }, whole, "-"},
	{"calls on inv.", func(r *sim.Result) float64 { return float64(r.ReserveCalls) }, whole, "-"},
	{"recovery", recovery, secs, "never"},
}

// few and fewer are the measures that small screens show, by their place in
// measures.
var (
	few   = []int{0, 1, 2, 4, 6, 7, 8, 9, 10}
	fewer = []int{0, 1, 2, 6, 8, 9, 10}
)

// every is all of measures.
func every() []int {
	all := make([]int, len(measures))
	for i := range all {
		all[i] = i
	}
	return all
}

func whole(v float64) string { return text.Count(int64(math.Round(v))) }

func secs(v float64) string {
	switch {
	case v >= 100:
		return text.Count(int64(math.Round(v))) + " s"
	case v > 0 && v < 0.1:
		return fmt.Sprintf("%.0f ms", 1000*v)
	}
	return fmt.Sprintf("%.1f s", v)
}

func readsFailed(r *sim.Result) float64 {
	n := 0
	for _, e := range r.Endpoints {
		if e.Method == "GET" {
			n += e.Failed
		}
	}
	return float64(n)
}

// recovery is the time from the trigger to the first checkout after which all
// goes well; 0 when nothing ever failed.
func recovery(r *sim.Result) float64 {
	switch {
	case r.Orders.Failed == 0:
		return 0
	case r.RecoveredAt.IsZero():
		return math.NaN()
	}
	from := r.LockFrom
	if from.IsZero() {
		from = r.Start
	}
	return max(0, r.RecoveredAt.Sub(from).Seconds())
}

// line is one measure over all runs that are there.
type line struct {
	measure
	now, this   float64 // means over the seeds; NaN when it never happened in any
	least, most float64 // of this
	runs        int
}

func (s *Screen) lines(pick []int) []line {
	now, this := s.runs.pairs()
	out := make([]line, len(pick))
	for i, n := range pick {
		m := measures[n]
		l := line{measure: m, now: mean(now, m.get), this: mean(this, m.get), least: math.NaN(), most: math.NaN(), runs: len(this)}
		for _, r := range this {
			v := m.get(r)
			if !(v >= l.least) {
				l.least = v
			}
			if !(v <= l.most) {
				l.most = v
			}
		}
		out[i] = l
	}
	return out
}

// mean is NaN as soon as one run has none: what never ends has no mean.
func mean(rs []*sim.Result, get func(*sim.Result) float64) float64 {
	if len(rs) == 0 {
		return math.NaN()
	}
	sum := 0.0
	for _, r := range rs {
		sum += get(r)
	}
	return sum / float64(len(rs))
}

func (l line) format(v float64) string {
	if l.runs == 0 {
		return "..."
	}
	if math.IsNaN(v) {
		return l.nan
	}
	return l.show(v)
}

// difference is what this changes, and how that is to be seen.
func (l line) difference() (string, grid.Style) {
	switch {
	case l.runs == 0:
		return "", theme.Dim
	case math.IsNaN(l.now) && math.IsNaN(l.this), l.now == l.this:
		return "same", theme.Dim
	case math.IsNaN(l.now):
		return "better", theme.OK
	case math.IsNaN(l.this):
		return "worse", theme.Crit
	}
	style := theme.OK
	if l.this > l.now {
		style = theme.Crit
	}
	if l.now == 0 {
		return "+" + l.show(l.this), style
	}
	share := 100 * (l.this - l.now) / l.now
	if math.Abs(share) < 1 {
		style = theme.Dim
	}
	if math.Abs(share) >= 1000 {
		return fmt.Sprintf("x %.0f", l.this/l.now), style
	}
	return fmt.Sprintf("%+.0f %%", share), style
}

// spread is the range of this over the seeds.
func (l line) spread() string {
	switch {
	case l.runs < 2:
		return ""
	case math.IsNaN(l.least) || math.IsNaN(l.most):
		return l.nan
	case l.show(l.least) == l.show(l.most):
		return "always"
	}
	least, most := l.show(l.least), l.show(l.most)
	for _, unit := range []string{" s", " ms"} {
		if strings.HasSuffix(least, unit) && strings.HasSuffix(most, unit) {
			least = strings.TrimSuffix(least, unit)
		}
	}
	return least + ".." + most
}

// yank is the comparison as text, or as a Markdown table.
func (s *Screen) yank(markdown bool) string {
	var b strings.Builder
	ls := s.lines(every())
	head := fmt.Sprintf("%s, simulated, %s: now against this", s.opt.Scenario.Name, text.Plural(ls[0].runs, "seed"))
	changes := s.changes()
	if markdown {
		fmt.Fprintf(&b, "%s\n\n", redact.Markdown(head))
		for _, c := range changes {
			fmt.Fprintf(&b, "- %s\n", redact.MarkdownCode(c))
		}
		b.WriteString("\n| | now | this | change | range |\n|---|---|---|---|---|\n")
	} else {
		fmt.Fprintf(&b, "%s\n%s\n", head, strings.Join(changes, "\n"))
	}
	for _, l := range ls {
		diff, _ := l.difference()
		if markdown {
			fmt.Fprintf(&b, "| %s | %s | %s | %s | %s |\n", strings.TrimSpace(l.name), l.format(l.now), l.format(l.this), diff, l.spread())
			continue
		}
		fmt.Fprintf(&b, "%-15s %9s %9s %8s  %s\n", l.name, l.format(l.now), l.format(l.this), diff, l.spread())
	}
	return b.String()
}

// changes are the values that differ from what was, as --set takes them.
func (s *Screen) changes() (out []string) {
	for _, name := range s.names {
		now, this := s.opt.Scenario.Edges[name], s.edges[name]
		out = append(out, changesOf(name, now, this)...)
	}
	return out
}
