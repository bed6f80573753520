package tune

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"tripcurve/internal/redact"
	"tripcurve/sim"
	"tripcurve/tui/grid"
	"tripcurve/tui/text"
	"tripcurve/tui/theme"
)

// measure is one line of the comparison. Less is better in all of them.
type measure struct {
	name string
	long string                    // the name where there is room, the same as in other outputs; empty: name
	get  func(*sim.Result) float64 // NaN: it is not over
	show func(float64) string
	nan  string
}

func (m measure) full() string {
	if m.long != "" {
		return m.long
	}
	return m.name
}

var measures = []measure{
	{"orders failed", "", func(r *sim.Result) float64 { return float64(r.Orders.Failed) }, whole, "-"},
	{"  answered 502", "", func(r *sim.Result) float64 { return float64(r.Orders.Answered502) }, whole, "-"},
	{"  answered 503", "", func(r *sim.Result) float64 { return float64(r.Orders.Answered503) }, whole, "-"},
	{"  (rejected)", "  (of them rejected)", func(r *sim.Result) float64 { return float64(r.Orders.Rejected) }, whole, "-"},
	{"  too late", "  accepted too late", func(r *sim.Result) float64 { return float64(r.Orders.Late) }, whole, "-"},
	{"wait p50", "customer's wait p50", func(r *sim.Result) float64 { return r.Waits.P50.Seconds() }, secs, "-"},
	{"wait p99", "customer's wait p99", func(r *sim.Result) float64 { return r.Waits.P99.Seconds() }, secs, "-"},
	{"reads failed", "", readsFailed, whole, "-"},
	{"orphans", "orphan reservations", func(r *sim.Result) float64 { return float64(r.Orphans) }, whole, "-"},
	{"calls on inv.", "calls on inventory", func(r *sim.Result) float64 { return float64(r.ReserveCalls) }, whole, "-"},
	{"outage", "outage of checkouts", outage, secs, "not over"},
}

// Places in measures, in the order in which they are left out where there is no
// room: parts that are nothing in both runs first, then what others imply.
var (
	parts   = []int{4, 2, 3, 1, 7}
	implied = []int{5, 2, 4, 7, 9, 8}
)

// every is all of measures.
func every() []int {
	all := make([]int, len(measures))
	for i := range all {
		all[i] = i
	}
	return all
}

// pick is the n measures that say most of the runs that are there.
func (s *Screen) pick(n int) []int {
	left := every()
	if n >= len(left) {
		return left
	}
	drop := func(i int) { left = slices.DeleteFunc(left, func(k int) bool { return k == i }) }
	for _, i := range parts {
		if l := s.lines([]int{i})[0]; len(left) > n && l.runs > 0 && l.now == 0 && l.this == 0 {
			drop(i)
		}
	}
	for _, i := range implied {
		if len(left) > n {
			drop(i)
		}
	}
	return left
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

// outage is the time from the second of the first failing checkout's start to
// the end of the second of the last one's end; 0 when none failed.
func outage(r *sim.Result) float64 {
	if r.Orders.Failed == 0 {
		return 0
	}
	if r.RecoveredAt.IsZero() {
		return math.NaN()
	}
	for _, e := range r.Endpoints {
		if e.Method == "POST" && e.Route == "/api/orders" && e.Failed > 0 {
			return e.LastFailed.Add(time.Second - 1).Truncate(time.Second).Sub(e.FirstFailed.Truncate(time.Second)).Seconds()
		}
	}
	return 0
}

// line is one measure over all runs that are there.
type line struct {
	measure
	now, this   float64 // means over the seeds; NaN when it never happened in any
	least, most float64 // of this
	runs        int
}

func (s *Screen) lines(pick []int) []line {
	now, this := s.runs.compared()
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
	return l.of(v)
}

// of is a value for people, nan where it is none.
func (m measure) of(v float64) string {
	if math.IsNaN(v) {
		return m.nan
	}
	return m.show(v)
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
	switch {
	case math.Abs(share) < 0.5:
		return "same", theme.Dim
	case math.Abs(share) < 1:
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
		return "all equal"
	}
	least, most := l.show(l.least), l.show(l.most)
	for _, unit := range []string{" s", " ms"} {
		if strings.HasSuffix(least, unit) && strings.HasSuffix(most, unit) {
			least, most = strings.TrimSuffix(least, unit), strings.TrimSuffix(most, unit)
		}
	}
	return least + ".." + most
}

// yank is the comparison as text, or as a Markdown table.
func (s *Screen) yank(markdown bool) string {
	var b strings.Builder
	ls := s.lines(every())
	head := fmt.Sprintf("%s, simulated, %s: %s against this", s.opt.Scenario.Name, s.runs.said(), s.runs.base())
	changes := s.changes()
	if markdown {
		fmt.Fprintf(&b, "%s\n\n", redact.Markdown(head))
		for _, c := range changes {
			fmt.Fprintf(&b, "- %s\n", redact.MarkdownCode(c))
		}
		b.WriteString("\n| | " + s.runs.base() + " | this | change | range |\n|---|---|---|---|---|\n")
	} else {
		fmt.Fprintf(&b, "%s\n%s\n", head, strings.Join(changes, "\n"))
	}
	for _, l := range ls {
		diff, _ := l.difference()
		if markdown {
			fmt.Fprintf(&b, "| %s | %s | %s | %s | %s |\n", strings.TrimSpace(l.full()), l.format(l.now), l.format(l.this), diff, l.spread())
			continue
		}
		fmt.Fprintf(&b, "%-20s %9s %9s %8s  %s\n", l.full(), l.format(l.now), l.format(l.this), diff, l.spread())
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
