package postmortem

import (
	"fmt"
	"strconv"

	"tripcurve/internal/export"
)

// table is the grid for readers without scripts.
func (w *WhatIf) table() Block {
	b := Block{Kind: Table, Title: fmt.Sprintf("Every point of the grid: opossum on `%s`, %s each, means", w.Edge, export.Plural(w.Runs, "run"))}
	for _, a := range w.Axes {
		b.Head = append(b.Head, a.Label+unitOf(a.Unit))
	}
	for _, m := range w.Measures {
		b.Head = append(b.Head, m.Label+unitOf(m.Unit))
	}
	today := []string{"no breaker", "none", "none"}
	for i, m := range w.Measures {
		today = append(today, export.Number(w.Today[i], m.Decimals))
	}
	b.Rows = append(b.Rows, figures(today...))
	for i, p := range w.Points {
		var cells []string
		for j, at := range p.At {
			cells = append(cells, valueWord(w.Axes[j], at))
		}
		for j, m := range w.Measures {
			cells = append(cells, export.Number(p.Figures[j], m.Decimals))
		}
		if i == w.Chosen {
			cells[0] += " (chosen)"
		}
		b.Rows = append(b.Rows, figures(cells...))
	}
	return b
}

func unitOf(unit string) string {
	if unit == "" {
		return ""
	}
	return ", " + unit
}

// valueWord is a value of an axis: a deadline of 0 is none.
func valueWord(a Axis, at int) string {
	if a.ID == "deadline" && a.Values[at] == 0 {
		return "none"
	}
	return strconv.Itoa(a.Values[at])
}

// how says how the chosen point is had as a file.
func (w *WhatIf) how() []string {
	out := []string{fmt.Sprintf("The chosen point as a file: `%s --for %s -o -`.", w.Points[w.Chosen].Command, w.Targets[0].ID)}
	for _, s := range w.Warnings {
		out = append(out, "Of that file: "+s+".")
	}
	return out
}
