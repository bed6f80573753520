package cause

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"tripcurve/internal/incident"
)

const (
	// Grid is the distance of two evaluations, in the time of the evidence: a machine
	// that is late, or reads a recording, evaluates at the same instants.
	Grid = 2 * time.Second
	// steady is how many evaluations in a row must say the same before it is shown.
	steady = 3
	// maxChanges bounds the log; the oldest are forgotten.
	maxChanges = 1000
)

// Live evaluates evidence that grows, and keeps its findings steady: one appears,
// moves or goes only when three evaluations in a row say so, and each time it is said
// why. What the findings say is always of the newest evidence. It has one caller.
type Live struct {
	opt     Options
	at      time.Time // of the last evaluation, on the grid
	begun   bool
	held    []incident.Finding // as told last, in their order
	seen    map[string]int     // evaluations in a row in which one that is not told was found
	missed  map[string]int     // in which one that is told was not
	order   []string           // the other order of those told
	ordered int                // evaluations in a row that had it
	changes []RankChange
	told    int // changes that Changes has handed out
}

// RankChange is one finding that appears, moves or goes.
type RankChange struct {
	At       time.Time // of the evaluation, on the grid of evidence time
	Finding  string    // ID
	From, To int       // rank from 1; 0 is none
	Why      string
}

func (c RankChange) String() string {
	rank := func(n int) string {
		if n == 0 {
			return "none"
		}
		return fmt.Sprint(n)
	}
	return fmt.Sprintf("%s finding %s: rank %s, was %s: %s", clock(c.At), c.Finding, rank(c.To), rank(c.From), c.Why)
}

// NewLive begins with nothing told.
func NewLive(opt Options) *Live {
	return &Live{opt: opt, seen: map[string]int{}, missed: map[string]int{}}
}

// Observe is the analysis of a view with the findings as they are told. It counts as
// an evaluation when the evidence has come to another instant of the grid; in between
// ranks stay.
func (l *Live) Observe(v *incident.View) incident.Analysis {
	at := v.Window.To.Truncate(Grid)
	counts := at.After(l.at) && !v.Window.To.IsZero()
	if counts {
		l.at = at
	}
	return l.evaluate(v, counts)
}

// Settle evaluates the same view until what is told is what it says: the end of the
// evidence, after which nothing can contradict. The result is that of Analyze.
func (l *Live) Settle(v *incident.View) incident.Analysis {
	a := l.Observe(v)
	for range steady {
		a = l.evaluate(v, true)
	}
	return a
}

// Changes are those since it was last asked, oldest first.
func (l *Live) Changes() []RankChange {
	fresh := slices.Clone(l.changes[l.told:])
	l.told = len(l.changes)
	return fresh
}

func (l *Live) evaluate(v *incident.View, counts bool) incident.Analysis {
	opt := l.opt
	opt.arrange = func(found []incident.Finding) []incident.Finding { return l.arrange(found, counts) }
	return Analyze(v, opt)
}

// arrange takes what was found into account and returns what is told.
func (l *Live) arrange(found []incident.Finding, counts bool) []incident.Finding {
	before := ids(l.held)
	switch {
	case l.begun:
	case !counts:
		return found
	default: // nothing was told that would have to stay
		l.begun = true
		l.held = slices.Clone(found)
		l.note(before, func(string) string { return "first evaluation" })
		return slices.Clone(l.held)
	}
	for i := range l.held {
		if now := find(found, l.held[i].ID); now >= 0 {
			l.held[i] = found[now]
		}
	}
	if counts {
		why := map[string]string{}
		l.count(found)
		l.drop(found, why)
		l.take(found, why)
		l.reorder(found, why)
		l.note(before, func(id string) string { return why[id] })
	}
	return slices.Clone(l.held)
}

// count tells evaluations in a row.
func (l *Live) count(found []incident.Finding) {
	for i := range l.held {
		id := l.held[i].ID
		if find(found, id) < 0 {
			l.missed[id]++
		} else {
			delete(l.missed, id)
		}
	}
	seen := map[string]int{}
	for i := range found {
		if id := found[i].ID; find(l.held, id) < 0 {
			seen[id] = l.seen[id] + 1
		}
	}
	l.seen = seen
}

// drop lets go of those that were not found any more for long enough.
func (l *Live) drop(found []incident.Finding, why map[string]string) {
	l.held = slices.DeleteFunc(l.held, func(f incident.Finding) bool {
		if find(found, f.ID) >= 0 || l.missed[f.ID] < steady {
			return false
		}
		delete(l.missed, f.ID)
		why[f.ID] = fmt.Sprintf("not found in %d evaluations in a row", steady)
		return true
	})
}

// take takes those that were found for long enough, each before the first of those
// told that come after it.
func (l *Live) take(found []incident.Finding, why map[string]string) {
	for i := range found {
		f := found[i]
		if l.seen[f.ID] < steady {
			continue
		}
		delete(l.seen, f.ID)
		at := len(l.held)
		for _, next := range found[i+1:] {
			if n := find(l.held, next.ID); n >= 0 {
				at = min(at, n)
			}
		}
		l.held = slices.Insert(l.held, at, f)
		why[f.ID] = fmt.Sprintf("found in %d evaluations in a row: %s", steady, standing(f))
	}
}

// reorder takes another order of those told when it was the same for long enough.
func (l *Live) reorder(found []incident.Finding, why map[string]string) {
	var order []string
	for _, f := range found {
		if find(l.held, f.ID) >= 0 {
			order = append(order, f.ID)
		}
	}
	var now []string
	for _, f := range l.held {
		if find(found, f.ID) >= 0 {
			now = append(now, f.ID)
		}
	}
	if slices.Equal(order, now) {
		l.order, l.ordered = nil, 0
		return
	}
	if !slices.Equal(order, l.order) {
		l.order, l.ordered = order, 0
	}
	if l.ordered++; l.ordered < steady {
		return
	}
	// Those that are told and not found keep their places.
	next := 0
	for i := range l.held {
		if find(found, l.held[i].ID) < 0 {
			continue
		}
		l.held[i] = found[find(found, order[next])]
		next++
	}
	for i, id := range order {
		if now[i] != id {
			why[id] = fmt.Sprintf("in %d evaluations in a row it stood elsewhere: %s", steady, standing(found[find(found, id)]))
		}
	}
	l.order, l.ordered = nil, 0
}

// note logs every rank that is not as before. One that only made room says so.
func (l *Live) note(before []string, why func(id string) string) {
	now := ids(l.held)
	gone := slices.DeleteFunc(slices.Clone(before), func(id string) bool { return slices.Contains(now, id) })
	for _, id := range slices.Concat(now, gone) {
		from, to := slices.Index(before, id)+1, slices.Index(now, id)+1
		if from == to {
			continue
		}
		reason := why(id)
		if reason == "" {
			reason = "another finding came, moved or went"
		}
		l.changes = append(l.changes, RankChange{At: l.at, Finding: id, From: from, To: to, Why: reason})
	}
	if over := len(l.changes) - maxChanges; over > 0 {
		l.changes = slices.Delete(l.changes, 0, over)
		l.told = max(0, l.told-over)
	}
}

// standing is what a finding's rank follows from.
func standing(f incident.Finding) string {
	parts := []string{f.Role.String(), f.Confidence.String()}
	if f.Coverage > 0 {
		parts = append(parts, "covers "+percent(f.Coverage))
	}
	return strings.Join(parts, ", ")
}

func find(list []incident.Finding, id string) int {
	return slices.IndexFunc(list, func(f incident.Finding) bool { return f.ID == id })
}

func ids(list []incident.Finding) []string {
	out := make([]string, len(list))
	for i := range list {
		out[i] = list[i].ID
	}
	return out
}
