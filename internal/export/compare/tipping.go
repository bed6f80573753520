package compare

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"tripcurve/internal/export"
	"tripcurve/internal/redact"
	"tripcurve/sim/compare"
	"tripcurve/sim/output"
)

// Tipping is where a scenario tips, for programs.
type Tipping struct {
	Schema   string          `json:"schema"`
	Scenario string          `json:"scenario"`
	Seed     uint64          `json:"seed"`
	Seeds    int             `json:"seeds"` // runs of each point
	Level    float64         `json:"level"` // of every interval here, 0..1
	Watched  float64         `json:"watched_s"`
	Hold     Range           `json:"hold_range_s"`
	MostLoad float64         `json:"most_load"`
	Remedies []TippingRemedy `json:"remedies"`
}

// Range is where was looked.
type Range struct {
	From float64 `json:"from"`
	To   float64 `json:"to"`
}

// TippingRemedy is one row.
type TippingRemedy struct {
	Name string    `json:"name"`
	What string    `json:"what"`
	Hold Threshold `json:"hold_s"` // how long the lock is held
	Load Threshold `json:"load"`   // times the scenario's own arrivals, under a lock of its own length
	// LeastLoad is from where on a load was looked for: below it the balancer drops idle
	// flows though nothing is wrong.
	LeastLoad float64 `json:"least_load"`
	Loop      *string `json:"loop"` // what keeps it down; null where it never tips
}

// Threshold is the two sides of a tipping point: null below where the whole range is
// beyond it, null above where none of it is.
type Threshold struct {
	Below *Point `json:"below"`
	Above *Point `json:"above"`
}

// Point is the share of runs that did not recover by themselves.
type Point struct {
	At    float64  `json:"at"`
	Stuck Estimate `json:"not_recovered"`
}

// NewTipping makes the report.
func NewTipping(t *compare.Tipping) Tipping {
	out := Tipping{
		Schema: "tripcurve.tipping/1", Scenario: t.Scenario.Name, Seed: t.Scenario.Seed, Seeds: t.Seeds, Level: output.Level,
		Watched: export.Seconds(compare.Watched), Hold: Range{compare.ShortestHold, compare.LongestHold},
		MostLoad: compare.MostLoad,
	}
	for _, r := range t.Rows {
		row := TippingRemedy{
			Name: r.Remedy.Name, What: r.Remedy.What, Hold: threshold(r.Hold), Load: threshold(r.Load), LeastLoad: round(r.LeastLoad),
		}
		if loop := r.Loop(); loop != "" {
			row.Loop = &loop
		}
		out.Remedies = append(out.Remedies, row)
	}
	return out
}

func threshold(t compare.Threshold) Threshold { return Threshold{point(t.Below), point(t.Above)} }

func point(p *compare.Point) *Point {
	if p == nil {
		return nil
	}
	return &Point{round(p.At), estimate(p.Stuck)}
}

// JSON is the report for programs.
func (t Tipping) JSON() ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	err := enc.Encode(t)
	return b.Bytes(), err
}

// CSV is one line for each remedy and tipping point.
func (t Tipping) CSV() ([]byte, error) {
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	rows := [][]string{{"remedy", "of", "recovers_at", "not_recovered_below", "tips_at", "not_recovered_above", "runs", "loop"}}
	for _, r := range t.Remedies {
		for _, th := range []struct {
			of string
			t  Threshold
		}{{"hold_s", r.Hold}, {"load", r.Load}} {
			row := []string{redact.CSV(r.Name), th.of, "", "", "", "", strconv.Itoa(t.Seeds), ""}
			if p := th.t.Below; p != nil {
				row[2], row[3] = number(&p.At), number(p.Stuck.Value)
			}
			if p := th.t.Above; p != nil {
				row[4], row[5] = number(&p.At), number(p.Stuck.Value)
			}
			if r.Loop != nil {
				row[7] = redact.CSV(*r.Loop)
			}
			rows = append(rows, row)
		}
	}
	if err := w.WriteAll(rows); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// table is the tipping points.
func (t Tipping) table() table {
	out := table{
		title: "Tipping points",
		head:  []string{"remedy", "lock held", "stuck %", "95 %", "load", "stuck %", "95 %"},
		note: fmt.Sprintf("lock held: the shortest lock after which half of the runs or more do not recover by themselves within %s; load: the least "+
			"arrivals, as a multiple of the scenario's own, at which that is so for a lock of its own length; stuck: of %s there. "+
			"Nobody restarts anything. Looked for by bisection to 3 %%, from %s to %s, and up to %g times the load from where on flows are not idle by themselves (%s).",
			measured(t.Watched, "s"), export.Plural(t.Seeds, "run"), measured(t.Hold.From, "s"), measured(t.Hold.To, "s"), t.MostLoad, t.idle()),
	}
	for _, r := range t.Remedies {
		row := []string{r.Name}
		row = append(row, r.Hold.cells(func(v float64) string { return measured(v, "s") })...)
		row = append(row, r.Load.cells(func(v float64) string { return "x " + export.Number(v, 2) })...)
		out.rows = append(out.rows, row)
	}
	return out
}

// idle is the ranges of the least loads.
func (t Tipping) idle() string {
	lo, hi := t.Remedies[0].LeastLoad, t.Remedies[0].LeastLoad
	for _, r := range t.Remedies {
		lo, hi = min(lo, r.LeastLoad), max(hi, r.LeastLoad)
	}
	if lo == hi {
		return "x " + export.Number(lo, 2)
	}
	return "x " + export.Number(lo, 2) + " to x " + export.Number(hi, 2) + " by the number of replicas"
}

// cells are the point that tips, and how sure it is.
func (t Threshold) cells(say func(float64) string) []string {
	p, text := t.Above, ""
	switch {
	case t.Above == nil && *t.Below.Stuck.Value == 0:
		p, text = t.Below, "never"
	case t.Above == nil:
		p, text = t.Below, "not half"
	case t.Below == nil:
		text = "<= " + say(p.At)
	default:
		text = say(p.At)
	}
	return []string{text, percent(p.Stuck.Value), percent(p.Stuck.Lo) + "-" + percent(p.Stuck.Hi)}
}

func percent(v *float64) string {
	if v == nil {
		return "?"
	}
	return fmt.Sprintf("%.0f", 100**v)
}

// says is what the points say, in sentences.
func (t Tipping) says() (lines []string) {
	var never, seldom []string
	loops, by := []string{}, map[string][]string{}
	for _, r := range t.Remedies {
		switch {
		case r.Loop != nil:
		case *r.Hold.Below.Stuck.Value+*r.Load.Below.Stuck.Value > 0:
			seldom = append(seldom, r.Name)
			continue
		default:
			never = append(never, r.Name)
			continue
		}
		if by[*r.Loop] == nil {
			loops = append(loops, *r.Loop)
		}
		by[*r.Loop] = append(by[*r.Loop], r.Name)
	}
	for _, loop := range loops {
		lines = append(lines, strings.Join(by[loop], ", ")+": "+loop+".")
	}
	if len(seldom) > 0 {
		lines = append(lines, "Some runs get stuck at the upper ends, but less than half of them: "+strings.Join(seldom, ", ")+".")
	}
	if len(never) > 0 {
		lines = append(lines, "Never tipped where it was looked for: "+strings.Join(never, ", ")+
			fmt.Sprintf(". That none of %d runs gets stuck rules out that more than %.0f %% of them would.", t.Seeds, 100*output.AtMost(t.Seeds)))
	}
	return lines
}

// Text is the report for a terminal of 80 columns.
func (t Tipping) Text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: where it tips, %s of each point\n\n", t.Scenario, export.Plural(t.Seeds, "run"))
	table := t.table()
	table.text(&b)
	b.WriteString(export.Wrap(table.note, "", ""))
	b.WriteString("\nWhat keeps it down\n\n")
	for _, s := range t.says() {
		item(&b, s)
	}
	return b.String()
}

// Markdown is the same for a document.
func (t Tipping) Markdown() string {
	var b strings.Builder
	fmt.Fprintf(&b, "# Tipping points of %s\n\n<!-- %s -->\n\n", redact.Markdown(t.Scenario), t.Schema)
	t.table().markdown(&b)
	b.WriteString("\n## What keeps it down\n\n")
	for _, s := range t.says() {
		fmt.Fprintf(&b, "- %s\n", redact.Markdown(s))
	}
	return b.String()
}
