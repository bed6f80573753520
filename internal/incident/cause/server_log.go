package cause

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"tripcurve/internal/incident"
)

// loggedWords are the events of a server's log that are trouble, as one and as
// several.
var loggedWords = map[string]struct{ one, many, lane string }{
	"deadlock":                    {"deadlock", "deadlocks", "locks"},
	"lock_timeout":                {"lock timeout", "lock timeouts", "locks"},
	"statement_timeout":           {"statement timeout", "statement timeouts", "errors"},
	"canceled":                    {"cancelled statement", "cancelled statements", "errors"},
	"terminated":                  {"terminated session", "terminated sessions", "errors"},
	"idle_in_transaction_timeout": {"idle-in-transaction timeout", "idle-in-transaction timeouts", "locks"},
	"transaction_timeout":         {"transaction timeout", "transaction timeouts", "errors"},
	"too_many_connections":        {"connection refused for lack of slots", "connections refused for lack of slots", "pool"},
	"cannot_connect_now":          {"connection refused while the server was not ready", "connections refused while the server was not ready", "errors"},
	"crash":                       {"crash", "crashes", "errors"},
	"disk_full":                   {"full disk", "errors for a full disk", "errors"},
	"out_of_memory":               {"error for lack of memory", "errors for lack of memory", "errors"},
	"checkpoints_too_frequent":    {"warning of too frequent checkpoints", "warnings of too frequent checkpoints", "errors"},
}

// logged is one kind of trouble that a server's log tells of.
type logged struct {
	event string
	n     int64              // as often, in all of the log
	first *incident.Exemplar // the first of them, whole
}

// words are the count and the noun: "3 deadlocks".
func (l logged) words() string {
	w := loggedWords[l.event]
	return things(l.n, w.one, w.many)
}

// serverLog is the trouble of all server logs, by its first appearance.
func (s *scene) serverLog() []logged {
	counts := map[string]int64{}
	for _, x := range s.v.AllSeries() {
		if x.Name == incident.ServerLogEvents && len(x.Points) > 0 {
			counts[x.Labels["event"]] += int64(x.Points[len(x.Points)-1].V)
		}
	}
	var list []logged
	all := s.v.Exemplars()
	for i := range all { // by their start
		x := &all[i]
		event := x.Endpoint.Route
		if x.Kind != incident.FirstFailing || x.Endpoint.Method != incident.ServerLogMethod || loggedWords[event].one == "" {
			continue
		}
		if slices.ContainsFunc(list, func(l logged) bool { return l.event == event }) {
			continue // of another log
		}
		list = append(list, logged{event, max(1, counts[event]), x})
	}
	slices.SortStableFunc(list, func(a, b logged) int { return cmp.Compare(a.first.Start.UnixNano(), b.first.Start.UnixNano()) })
	return list
}

// loggedTrouble is that trouble in words; empty when there is none.
func (s *scene) loggedTrouble() string {
	var words []string
	for _, l := range s.serverLog() {
		words = append(words, l.words())
	}
	return strings.Join(words, ", ")
}

// momentsOfServerLog are the first ones of each kind, where they are near the
// impact.
func (s *scene) momentsOfServerLog() []incident.Moment {
	var list []incident.Moment
	for _, l := range s.serverLog() {
		if !s.closeUp.Has(l.first.Start) {
			continue
		}
		text := loggedWords[l.event].one
		if l.n > 1 {
			text = "first of " + l.words()
		}
		list = append(list, incident.Moment{
			ID: string(l.first.ID()), At: l.first.Start, Kind: incident.MSymptom, Lane: loggedWords[l.event].lane, System: "postgres",
			Text: fmt.Sprintf("%s: %s", text, oneLine(l.first.Note)), Confidence: "measured", Precision: time.Millisecond, Support: []incident.ID{l.first.ID()},
		})
	}
	return list
}

// silentLogs says of the server logs that they tell of no lock wait; empty without
// a log.
func (s *scene) silentLogs() string {
	var names []string
	for _, x := range s.v.Sources {
		if x.Group == incident.ServerLogGroup && x.State != incident.SourceAbsent {
			names = append(names, x.Name)
		}
	}
	switch len(names) {
	case 0:
		return ""
	case 1:
		return names[0] + " tells of no wait: log_lock_waits was off, or none lasted for deadlock_timeout"
	}
	return strings.Join(names, ", ") + " tell of no wait: log_lock_waits was off, or none lasted for deadlock_timeout"
}
