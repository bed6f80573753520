package tune

import (
	"fmt"
	"strings"

	"tripcurve/internal/export"
	"tripcurve/internal/redact"
	"tripcurve/sim/tune"
)

// Text is the result for a terminal.
func (rep Report) Text() string {
	r := rep.r
	var b strings.Builder
	fmt.Fprintf(&b, "%s, %s: %s %s, %s in %s runs\n", redact.Line(rep.Scenario), redact.Line(rep.Edge), rep.Library, rep.Version,
		export.Plural(rep.Settings, "setting"), export.Count(rep.Runs))
	b.WriteString("\nWhat it says\n\n")
	for _, s := range rep.Says {
		b.WriteString(export.Wrap(redact.Line(s), "- ", "  "))
	}
	rep.table(&b)
	rep.byCase(&b)
	rep.finalists(&b)
	rep.sensitivities(&b)
	b.WriteString("\nHow it was found\n\n")
	for _, x := range rep.Rungs {
		line := fmt.Sprintf("%s: %s of %s, %s, %d kept", x.Name, export.Plural(x.Replications, "run"), export.Plural(x.Settings, "setting"), x.What, x.Kept)
		if x.Dominated > 0 {
			line += fmt.Sprintf("; %d were surely worse than another", x.Dominated)
		}
		b.WriteString(export.Wrap(line, "- ", "  "))
	}
	if !r.Interrupted {
		b.WriteString(export.Wrap(fmt.Sprintf("finalists: %d fresh runs of each case, whole; then the chosen one, the runner-up and those it is held against in %d more, on which nothing was chosen",
			r.Options.Seeds, r.Options.Seeds), "- ", "  "))
	}
	b.WriteString("\nIn which cases\n\n")
	for _, c := range rep.Cases {
		b.WriteString(export.Wrap(redact.Line(c.Name+": "+c.What), "- ", "  "))
	}
	h := rep.Healthy
	b.WriteString(export.Wrap(fmt.Sprintf("healthy: %s calls/s of one breaker, answered in %s, 99 %% in %s; a noisy, a busy and a slow hour on the machine alone",
		export.Number(h.Rate, 2), took(h.P50), took(h.P99)), "- ", "  "))
	return b.String()
}

// took is how many seconds a call took: of a cache it is a fraction of a millisecond.
func took(s float64) string {
	if s < 1 {
		return export.Number(1000*s, 1) + " ms"
	}
	return export.Number(s, 2) + " s"
}

// narrow are the objectives' names where there is little room.
var narrow = [...]string{
	tune.NotServed: "not served", tune.Wait: "wait p99", tune.Load: "load", tune.FalseTrips: "trips/day", tune.HealthyLost: "lost", tune.Recovery: "recovery",
}

// columns are the points that are shown side by side.
func (rep Report) columns() (names []string, points []Point) {
	if rep.Chosen != nil {
		names, points = append(names, "chosen"), append(points, *rep.Chosen)
	}
	for _, p := range rep.Baselines {
		names, points = append(names, p.Name), append(points, p)
	}
	return names, points
}

// table is the objectives of the chosen point beside the others.
func (rep Report) table(b *strings.Builder) {
	names, points := rep.columns()
	if len(points) == 0 {
		return
	}
	b.WriteString("\nWhat it is judged by, with 95 % intervals\n\n")
	rows := [][]string{append([]string{""}, names...)}
	for i, o := range tune.Objectives() {
		row := []string{short[i]}
		for _, p := range points {
			e := p.Measures[o.Name]
			cell := Figure(i, e.Value)
			if e.Lo != nil && Figure(i, (*e.Hi-*e.Lo)/2) != Figure(i, 0) {
				cell += " ±" + Figure(i, (*e.Hi-*e.Lo)/2)
			}
			row = append(row, cell)
		}
		rows = append(rows, row)
	}
	row := []string{"recovered"}
	for _, p := range points {
		row = append(row, fmt.Sprintf("%d of %d", p.Recovered, p.Runs))
	}
	export.Align(b, append(rows, row))
	b.WriteString(export.Wrap("not served and load: for each request that came while the trigger lasted; healthy lost: share of healthy calls that are turned away or cut off; means of all cases.", "", ""))
}

// byCase is the same points case by case.
func (rep Report) byCase(b *strings.Builder) {
	names, points := rep.columns()
	if len(points) == 0 {
		return
	}
	b.WriteString("\nNot served of those that came while the trigger lasted, and their wait (p99)\n\n")
	rows := [][]string{append([]string{""}, names...)}
	for _, c := range rep.Cases {
		row := []string{redact.Line(c.Name)}
		for _, p := range points {
			m := p.Cases[c.Name]
			row = append(row, fmt.Sprintf("%s/%s %s s", export.Number(m.NotServed, 0), export.Number(m.Came, 0), export.Number(m.Wait, 1)))
		}
		rows = append(rows, row)
	}
	export.Align(b, rows)
}

// finalists is the front.
func (rep Report) finalists(b *strings.Builder) {
	if len(rep.Front) == 0 {
		return
	}
	b.WriteString("\nFinalists, best first; = the runs do not tell it apart from the chosen one\n\n")
	rows := [][]string{append([]string{"", "front"}, narrow[:]...)}
	for _, p := range rep.Front {
		mark := " "
		if p.Alike {
			mark = "="
		}
		if !p.Holds {
			mark = "x"
		}
		row := []string{fmt.Sprintf("%s%2d", mark, p.N), fmt.Sprintf("%.0f %%", 100*p.Front)}
		for i, o := range tune.Objectives() {
			row = append(row, Figure(i, p.Measures[o.Name].Value))
		}
		rows = append(rows, row)
	}
	export.Align(b, rows)
	b.WriteByte('\n')
	for _, p := range rep.Front {
		b.WriteString(export.Wrap(redact.Line(p.Shown+ranges(p)), fmt.Sprintf("%3d ", p.N), "    "))
	}
	b.WriteString(export.Wrap("x: does not recover surely enough. Front: how probably no other finalist is as good in everything and better in something.", "", ""))
}

// ranges are the intervals of a point's objectives that have a width.
func ranges(p Point) string {
	var parts []string
	for i, o := range tune.Objectives() {
		e := p.Measures[o.Name]
		if e.Lo == nil || e.Hi == nil {
			continue
		}
		if lo, hi := Figure(i, max(*e.Lo, 0)), Figure(i, *e.Hi); lo != hi {
			parts = append(parts, short[i]+" "+lo+" to "+hi)
		}
	}
	if len(parts) == 0 {
		return ""
	}
	return fmt.Sprintf(" (95 %%: %s)", strings.Join(parts, ", "))
}

func (rep Report) sensitivities(b *strings.Builder) {
	if len(rep.Sensitivity) == 0 {
		return
	}
	b.WriteString("\nWhat each knob moves over its whole scale (Morris: mean size of the effect)\n\n")
	rows := [][]string{append([]string{""}, narrow[:]...)}
	for _, s := range rep.Sensitivity {
		row := []string{s.Knob[strings.LastIndexByte(s.Knob, '.')+1:]}
		for i, o := range tune.Objectives() {
			row = append(row, Figure(i, s.Size[o.Name]))
		}
		rows = append(rows, row)
	}
	export.Align(b, rows)
}
