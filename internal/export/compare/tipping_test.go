package compare

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"tripcurve/internal/export"
	"tripcurve/sim/compare"
	"tripcurve/sim/output"
	"tripcurve/sim/scenario"
)

func TestTipping(t *testing.T) {
	at := func(v float64, stuck int) *compare.Point {
		return &compare.Point{At: v, Stuck: output.Share(stuck, 10, output.Level)}
	}
	row := func(name string, hold, load compare.Threshold) compare.TippingRow {
		return compare.TippingRow{Remedy: compare.Remedy{Name: name, What: "w"}, Hold: hold, Load: load, LeastLoad: 0.164}
	}
	tip := NewTipping(&compare.Tipping{Scenario: scenario.INC2847(), Seeds: 10, Rows: []compare.TippingRow{
		row("today", compare.Threshold{Below: at(103, 4), Above: at(106, 7)}, compare.Threshold{Above: at(0.164, 10)}),
		row("deadline", compare.Threshold{Below: at(600, 0)}, compare.Threshold{Below: at(4, 0)}),
		row("rollout-75", compare.Threshold{Below: at(600, 4)}, compare.Threshold{Below: at(4, 2)}),
	}})
	loop := "dead connection: all streams are held"
	tip.Remedies[0].Loop = &loop
	text := tip.Text()
	for _, want := range []string{
		"today 106 s 70 40-89 <= x 0.16 100 72-100 ",
		"deadline never 0 0-28 never 0 0-28 ",
		"rollout-75 not half 40 17-69 not half 20 6-51 ",
		"- today: dead connection: all streams are held.",
		"- Some runs get stuck at the upper ends, but less than half of them: rollout-75.",
		"- Never tipped where it was looked for: deadline. That none of 10 runs",
	} {
		if !strings.Contains(strings.Join(strings.Fields(text), " "), want) {
			t.Errorf("no %q in:\n%s", want, text)
		}
	}
	for _, line := range strings.Split(text, "\n") {
		if utf8.RuneCountInString(line) > export.Columns {
			t.Errorf("%d columns: %s", utf8.RuneCountInString(line), line)
		}
	}
	data, err := tip.JSON()
	if err != nil {
		t.Fatal(err)
	}
	var got Tipping
	if err := json.Unmarshal(data, &got); err != nil {
		t.Fatal(err)
	}
	if got.Schema != "tripcurve.tipping/1" || got.Remedies[1].Hold.Above != nil || *got.Remedies[0].Hold.Above.Stuck.Value != 0.7 ||
		got.Remedies[0].Load.Below != nil || got.Remedies[1].Loop != nil {
		t.Errorf("%s", data)
	}
	if md := tip.Markdown(); !strings.Contains(md, "| today | 106 s | 70 | 40-89 | <= x 0.16 | 100 | 72-100 |") {
		t.Error(md)
	}
	rows, err := tip.CSV()
	if err != nil || !strings.Contains(string(rows), "\ntoday,hold_s,103,0.4,106,0.7,10,dead connection: all streams are held\n") ||
		!strings.Contains(string(rows), "\ndeadline,load,4,0,,,10,\n") {
		t.Errorf("%s, %v", rows, err)
	}
}
