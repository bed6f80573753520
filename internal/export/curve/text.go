package curve

import (
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/charmbracelet/x/ansi"

	"tripcurve/internal/export"
	"tripcurve/internal/policy/library"
	"tripcurve/internal/redact"
	trip "tripcurve/sim/curve"
)

// keyShares are the failing shares of the table, where they were computed.
var keyShares = []float64{0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 1}

// nameWidth is the tables' first column.
const nameWidth = 17

// few is how many settings still get their bands in the table.
const few = 4

// Text writes the document for people: a chart for each way of failing, a table of
// key points, the healthy side, and what has to be said about it.
func (d Document) Text(out io.Writer) error {
	var b strings.Builder
	o := d.Options
	fmt.Fprintf(&b, "Trip curves: time to open against the share of calls that fail\n")
	fmt.Fprintf(&b, "%s calls/s (%s) after %s of healthy traffic; %s from %d on\n",
		export.Number(o.Rate, 3), o.Arrivals.Words(), say(o.WarmUp), export.Plural(o.Seeds, "seed"), o.Seed)
	settings := d.settings()
	for _, m := range o.Modes {
		curves := d.of(m)
		fmt.Fprintf(&b, "\n%s\n", d.title(m, curves))
		chartOf(curves, o.Horizon).write(&b)
	}
	b.WriteByte('\n')
	d.legend(&b, settings)
	for _, m := range o.Modes {
		d.table(&b, m)
	}
	d.letIn(&b)
	d.healthy(&b)
	d.foot(&b)
	_, err := io.WriteString(out, b.String())
	return err
}

func (d Document) of(m trip.Mode) (out []trip.Curve) {
	for _, c := range d.Curves {
		if c.Mode == m {
			out = append(out, c)
		}
	}
	return out
}

func (d Document) settings() (out []trip.Curve) { return d.of(d.Options.Modes[0]) }

func (d Document) title(m trip.Mode, curves []trip.Curve) string {
	if m == trip.Errors {
		return fmt.Sprintf("ERRORS, answered after %s; time to open", say(d.Options.Latency))
	}
	limits := map[time.Duration]bool{}
	for _, c := range curves {
		limits[c.Limit] = true
	}
	if len(limits) > 1 {
		return "HANGS, ended by the time limits below; time to open"
	}
	return fmt.Sprintf("HANGS, ended %s; time to open", ended(curves[0].Limit))
}

func ended(limit time.Duration) string {
	if limit == 0 {
		return "never"
	}
	return "after " + say(limit)
}

// legend names the settings and, where they differ, their time limits.
func (d Document) legend(b *strings.Builder, settings []trip.Curve) {
	if len(settings) <= 2 {
		b.WriteString("the letter is the median over the seeds, dots are the 5-95 % band\n")
	}
	const columns = 3
	for i, c := range settings {
		text := fmt.Sprintf("%c %s", letter(i), redact.Line(c.Setting.Name))
		if l, ok := library.ByName(c.Setting.Library); ok {
			text += " " + l.Version
		}
		text = pad(text, 26)
		if i%columns == columns-1 || i == len(settings)-1 {
			text = strings.TrimRight(text, " ") + "\n"
		}
		b.WriteString(text)
	}
}

// pad fills a text to a width, or cuts it.
func pad(s string, n int) string {
	if export.Cells(s) >= n {
		s = ansi.Truncate(s, n-2, "") + "~"
	}
	return export.Left(s, n)
}

// table is the key points of one way of failing.
func (d Document) table(b *strings.Builder, m trip.Mode) {
	shares := d.keys()
	fmt.Fprintf(b, "\n%-*s", nameWidth, strings.ToUpper(m.String()[:1])+m.String()[1:]+" open after")
	for _, s := range shares {
		fmt.Fprintf(b, "%9s", percent(d.Options.Shares[s]))
	}
	b.WriteByte('\n')
	curves := d.of(m)
	for i, c := range curves {
		b.WriteString(pad(fmt.Sprintf("%c %s", letter(i), redact.Line(c.Setting.Name)), nameWidth))
		for _, s := range shares {
			fmt.Fprintf(b, "%9s", median(c.Points[s]))
		}
		b.WriteByte('\n')
		if len(curves) <= few && d.Options.Seeds > 1 {
			row := ""
			for _, s := range shares {
				row += fmt.Sprintf("%9s", band(c.Points[s]))
			}
			if row = strings.TrimRight(row, " "); row != "" { // it opens somewhere
				b.WriteString(pad("  5-95 %", nameWidth) + row + "\n")
			}
		}
	}
}

// keys are the places in Options.Shares of the table's columns.
func (d Document) keys() (places []int) {
	for _, s := range keyShares {
		best := 0
		for i, have := range d.Options.Shares {
			if math.Abs(have-s) < math.Abs(d.Options.Shares[best]-s) {
				best = i
			}
		}
		if !slices.Contains(places, best) {
			places = append(places, best)
		}
	}
	return places
}

// median says, where some of the runs did not open, how many did.
func median(p trip.Point) string {
	switch t, n := p.OpenAfter(0.5), p.Never(); {
	case n == len(p.Runs):
		return "never"
	case n > 0:
		return fmt.Sprintf("%d/%d open", len(p.Runs)-n, len(p.Runs))
	default:
		return say(t)
	}
}

func band(p trip.Point) string {
	lo, hi := p.OpenAfter(0.05), p.OpenAfter(0.95)
	switch {
	case lo == trip.Never:
		return ""
	case hi == trip.Never:
		return short(lo) + "..."
	case short(lo) == short(hi):
		return short(lo)
	}
	return short(lo) + "-" + short(hi)
}

// short is a number of seconds in four characters.
func short(d time.Duration) string {
	s := d.Seconds()
	if s >= 10 {
		return fmt.Sprintf("%.0f", s)
	}
	return fmt.Sprintf("%.2g", s)
}

// letIn is the calls that reach the failing dependency when all of them fail.
func (d Document) letIn(b *strings.Builder) {
	last := len(d.Options.Shares) - 1
	fmt.Fprintf(b, "\n%-*s", nameWidth, "Let in at "+percent(d.Options.Shares[last]))
	for _, m := range d.Options.Modes {
		fmt.Fprintf(b, "%18s", "calls, "+m.String())
	}
	if slices.Contains(d.Options.Modes, trip.Hangs) {
		fmt.Fprintf(b, "%18s", "a hang ends")
	}
	b.WriteByte('\n')
	for i, c := range d.settings() {
		b.WriteString(pad(fmt.Sprintf("%c %s", letter(i), redact.Line(c.Setting.Name)), nameWidth))
		for _, m := range d.Options.Modes {
			p := d.of(m)[i].Points[last]
			text := export.Number(p.Calls(0.5), 0)
			if p.OpenAfter(0.5) == trip.Never {
				text = "all, " + text
			}
			fmt.Fprintf(b, "%18s", text)
		}
		if slices.Contains(d.Options.Modes, trip.Hangs) {
			fmt.Fprintf(b, "%18s", ended(c.Limit))
		}
		b.WriteByte('\n')
	}
}

// healthy is the false trips.
func (d Document) healthy(b *strings.Builder) {
	n := len(d.Options.Healthy)
	if n == 0 || len(d.Healthy) == 0 {
		return
	}
	fmt.Fprintf(b, "\n%-*s", nameWidth, "False trips a day")
	for _, s := range d.Options.Healthy {
		fmt.Fprintf(b, "%18s", percent(s)+" fail")
	}
	b.WriteByte('\n')
	for i, c := range d.settings() {
		b.WriteString(pad(fmt.Sprintf("%c %s", letter(i), redact.Line(c.Setting.Name)), nameWidth))
		for _, h := range d.Healthy[i*n : (i+1)*n] {
			text := "none, below " + export.Number(h.AtMost(), 1)
			if h.Trips > 0 {
				text = export.Number(h.PerDay(), 1)
				if rejected := 100 * h.RejectedShare(); rejected >= 0.1 {
					text = fmt.Sprintf("%s, %.2g %% lost", text, rejected)
				}
			}
			fmt.Fprintf(b, "%18s", text)
		}
		b.WriteByte('\n')
	}
	fmt.Fprintf(b, "over %s of calls that fail by chance; lost is the share of calls turned away\n", spanOf(d.Healthy[0].Length))
}

func spanOf(d time.Duration) string {
	if h := d.Hours(); h < 48 {
		return export.Number(h, 1) + " h"
	}
	return export.Number(d.Hours()/24, 1) + " days"
}

func (d Document) foot(b *strings.Builder) {
	fmt.Fprintf(b, "\nnever: not within %s. Where a library judges hosts one by one or turns away a\n"+
		"share of the calls, %s of them turned away counts as open.\n", say(d.Options.Horizon), percent(d.Options.Turned))
	for i, n := range d.Notes {
		if i == 0 {
			b.WriteString("\nNotes:\n")
		}
		text := redact.Line(n.Text)
		if !strings.HasPrefix(strings.ToLower(text), strings.ToLower(n.Setting)) {
			text = redact.Line(n.Setting) + ": " + text
		}
		b.WriteString(export.Wrap(text, "  ", "    "))
	}
}
