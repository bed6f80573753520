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

// All are all moments, in order of time; those that are hidden have no letter.
func All(timeline []incident.Moment) []Event {
	list := Of(timeline)
	for _, m := range timeline {
		if m.Hidden {
			list = append(list, Event{Moment: m, Key: HiddenKey, Label: label(m)})
		}
	}
	slices.SortStableFunc(list, func(a, b Event) int { return a.At.Compare(b.At) })
	return list
}

// Of are the moments that are not hidden, in order of time.
func Of(timeline []incident.Moment) []Event {
	shown := incident.Shown(timeline)
	events := make([]Event, len(shown))
	for i, m := range shown {
		events[i] = Event{Moment: m, Key: incident.Letter(i), Label: label(m)}
	}
	return events
}

// Markers are the events as charts show them.
func Markers(events []Event) []chart.Marker {
	out := make([]chart.Marker, len(events))
	for i, e := range events {
		out[i] = chart.Marker{At: e.At, Key: e.Key, Label: e.Label, Weight: weight(e.Moment)}
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
