package tune

import (
	"strings"

	"tripcurve/tui/grid"
)

// What stands in the rows of the knobs and of the table is put together when it changes
// and not with every frame: a frame is drawn for each key and each tick of the clock.

// knobTexts is what the rows of the knobs say.
type knobTexts struct {
	gen   uint64 // of the policies
	rows  []knobText
	names int // widths of the longest ones
	values,
	spans int
}

// knobText is one row's; the zero value for what is no knob.
type knobText struct {
	name, value, span string
	changed           bool
	was, is           float64 // where it stands on its slider
}

// knobTexts are those of the policies as they are now. relist forgets them.
func (s *Screen) knobTexts() *knobTexts {
	t := &s.knobs
	if t.rows != nil && t.gen == s.runs.gen {
		return t
	}
	*t = knobTexts{gen: s.runs.gen, rows: make([]knobText, len(s.rows))}
	p, now := s.policy(), s.now()
	for i, r := range s.rows {
		if !r.turns() {
			continue
		}
		f := r.field
		k := knobText{name: name(f), value: value(f, p), span: limits(f), changed: changed(f, now, p)}
		if f.Max > f.Min {
			k.was, k.is = f.Number(now), f.Number(p)
		}
		t.rows[i] = k
		t.names, t.values, t.spans = max(t.names, grid.Width(k.name)), max(t.values, grid.Width(k.value)), max(t.spans, grid.Width(k.span))
	}
	return t
}

// tableTexts is what the table says.
type tableTexts struct {
	version  uint64 // of the runs
	measures int
	long     bool
	head     string
	lines    []tableText
}

type tableText struct {
	name, now, this, change, spread string
	style                           grid.Style
}

// tableTexts are those of so many measures, with long names or short ones.
func (s *Screen) tableTexts(measures int, long bool) *tableTexts {
	t := &s.table
	if t.lines != nil && t.version == s.runs.version && t.measures == measures && t.long == long {
		return t
	}
	*t = tableTexts{version: s.runs.version, measures: measures, long: long, head: s.runs.said()}
	if i := strings.IndexByte(t.head, '('); i > 0 && !long {
		t.head = t.head[:i]
	}
	for _, m := range s.lines(s.pick(measures)) {
		x := tableText{name: m.name, now: m.format(m.now), this: m.format(m.this), spread: m.spread()}
		if long {
			x.name = m.full()
		}
		x.change, x.style = m.difference()
		t.lines = append(t.lines, x)
	}
	return t
}
