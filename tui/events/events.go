// Package events gives the moments of the timeline the letters and short names
// that they have on every screen.
package events

import (
	"slices"
	"strings"

	"tripcurve/internal/incident"
	"tripcurve/internal/redact"
	"tripcurve/tui/chart"
)

// Event is a moment of the timeline with the letter that it has on every screen,
// whatever a filter hides there.
type Event struct {
	incident.Moment
	Key   rune   // 'A' to 'Z', then 'a' to 'z', then '+'
	Label string // what happened, in two words, safe to show
}

// HiddenKey stands where a letter would, of a moment that is hidden.
const HiddenKey = '-'

// letters is how many moments have one of their own.
const letters = 52

// List are all moments, in order of time. Those that are hidden have no letter.
type List struct {
	*incident.Rows
	lettered []int // the rows that have a letter of their own
}

// Of are the moments of a timeline, which may be nil.
func Of(rows *incident.Rows) List {
	l := List{Rows: rows}
	for i := 0; i < rows.Len() && len(l.lettered) < letters; i++ {
		if !rows.Hidden(i) {
			l.lettered = append(l.lettered, i)
		}
	}
	return l
}

// Shown is how many rows are not hidden.
func (l List) Shown() (n int) {
	for i := range l.Len() {
		if !l.Hidden(i) {
			n++
		}
	}
	return n
}

// Key is the letter of the i-th row.
func (l List) Key(i int) rune {
	if l.Hidden(i) {
		return HiddenKey
	}
	n, _ := slices.BinarySearch(l.lettered, i)
	return incident.Letter(n)
}

// Event is the i-th row with its letter.
func (l List) Event(i int) Event {
	m := l.Moment(i)
	return Event{Moment: m, Key: l.Key(i), Label: label(m)}
}

// Markers are the events of a window as charts show them.
func (l List) Markers(w incident.Window) []chart.Marker {
	if l.Len() == 0 {
		return nil
	}
	var out []chart.Marker
	for i := l.From(w.From); i < l.Len() && !l.At(i).After(w.To); i++ {
		if !l.Hidden(i) {
			e := l.Event(i)
			out = append(out, chart.Marker{At: e.At, Key: e.Key, Label: e.Label, Weight: weight(e.Moment)})
		}
	}
	return out
}

// label names what happened; the lane alone would not tell a beginning from an
// end.
func label(m incident.Moment) string {
	switch {
	case m.Lane == "locks" && m.Kind == incident.MRecovery:
		return "released"
	case m.Lane == "locks":
		return "lock"
	case m.Lane == "pool":
		return "pool full"
	case m.Lane == "grpc":
		return "calls hang"
	case m.Lane == "errors" && m.Kind == incident.MRecovery:
		return "works again"
	case m.Lane == "errors" && m.Kind == incident.MNote:
		return "last error"
	case m.Lane == "errors" && strings.HasSuffix(m.ID, "/vanished"):
		return "none come"
	case m.Lane == "errors":
		return "first error"
	case m.Lane == "deploy" && m.Kind == incident.MRecovery:
		return "restart"
	case m.Lane == "deploy":
		word, _, _ := strings.Cut(m.Text, " ")
		return redact.Line(word)
	case strings.HasPrefix(m.ID, "gap/"):
		return "no data"
	}
	return redact.Line(m.Lane)
}

// weight is which event is named first where there is room for few.
func weight(m incident.Moment) int {
	switch {
	case m.Kind == incident.MTrigger:
		return 5
	case m.Lane == "locks", m.Lane == "deploy":
		return 4
	case m.Lane == "pool":
		return 3
	case m.Lane == "errors" && m.Kind == incident.MSymptom:
		return 2
	}
	return 1
}
