// Package trap finds in a run what a setting did that nobody wanted of it: guards
// that, together or in their surroundings, keep up what they should end. A trap is
// found in the result, where it happened, and not in the settings, where it could.
package trap

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"tripcurve/internal/policy"
	"tripcurve/internal/policy/library"
	"tripcurve/sim"
)

// Trap is one that the run fell into.
type Trap struct {
	ID   string // of the rule: open_past_idle, ...
	Edge string
	At   time.Time // it first showed
	Text string    // what happened, with its figures
	Why  string    // how that comes about
	// Change is a setting that undoes it, by its path; Way is what to do in words.
	Change, Way string
}

// rules look at a run; each finds its trap once at most.
var rules = []func(*night) *Trap{openPastIdle, streamsKept, tooManyPings, deadlineBelow, lockstep, blindBreaker}

// Find is the traps of a run, in the order of the rules. It looks at nothing but the
// two, and changes neither.
func Find(sc sim.Scenario, r *sim.Result) (found []Trap) {
	n := &night{sc: sc, Result: r}
	for _, rule := range rules {
		if t := rule(n); t != nil {
			found = append(found, *t)
		}
	}
	return found
}

// reserve is the edge whose connection the balancer and the stream quota are on.
const reserve = "order.inventory"

// night is what the rules look at.
type night struct {
	sc sim.Scenario
	*sim.Result
}

// policyOf is the policy of an edge as a replica of its caller has it.
func (n *night) policyOf(edge, replica string) policy.Policy {
	if i, err := strconv.Atoi(strings.TrimPrefix(replica, "order-")); err == nil && i <= n.sc.Rollout.Replicas {
		if p, ok := n.sc.Rollout.Edges[edge]; ok {
			return p
		}
	}
	return n.sc.Edges[edge]
}

// limit is the shortest time limit on one attempt over an edge, with the one that its
// breaker's library keeps; 0 is none.
func (n *night) limit(edge string) time.Duration {
	p := n.sc.Edges[edge]
	limit := policy.Shortest(p.Timeout, p.Deadline)
	if built, err := library.New(p.Breaker, n.sc.Start); err == nil {
		limit = policy.Shortest(limit, built.CallTimeout)
	}
	return limit
}

// spell is a breaker being open: until it let a probe through, and what became of
// that.
type spell struct {
	open, probe time.Time // probe is zero when the run ended first
	ended       time.Time // the probe: it opened again or closed; zero when neither
	again       bool      // opened again
}

func (s spell) length() time.Duration { return s.probe.Sub(s.open) }

func spells(b sim.BreakerTrack) (list []spell) {
	for _, c := range b.Changes {
		last := len(list) - 1
		switch c.State {
		case policy.Open:
			if last >= 0 && list[last].ended.IsZero() {
				list[last].ended, list[last].again = c.At, true
			}
			list = append(list, spell{open: c.At})
		case policy.HalfOpen:
			if last >= 0 && list[last].probe.IsZero() {
				list[last].probe = c.At
			}
		case policy.Closed:
			if last >= 0 && list[last].ended.IsZero() {
				list[last].ended = c.At
			}
		case policy.Disabled, policy.ForcedOpen, policy.MetricsOnly, policy.ShutDown: // by hand, and nobody's is on these breakers
		}
	}
	return list
}

// troubleEnds is when the last fault of the scenario is over, as far as they are
// trouble of the callee: what fails after it fails for another reason. What people do
// about it (a restart) and a path that dies for good are none. The run's beginning
// when there is none.
func (n *night) troubleEnds() time.Time {
	end := time.Duration(0)
	for _, f := range n.sc.Faults {
		switch f := f.(type) {
		case sim.RestartService, sim.ResetConnections:
			continue
		case sim.BlackHole:
			if f.For == 0 {
				continue
			}
		}
		_, to := f.Span(n.sc.Length)
		end = max(end, to)
	}
	return n.Start.Add(end)
}

// second is the index of an instant's second in the result's series.
func (n *night) second(at time.Time) int {
	return min(max(int(at.Sub(n.Start)/time.Second), 0), len(n.Started)-1)
}

// event is the first of a kind at or after an instant whose text has the words.
func (n *night) event(kind string, from time.Time, words ...string) (sim.Event, bool) {
	for _, e := range n.Events {
		if e.Kind != kind || e.At.Before(from) {
			continue
		}
		has := true
		for _, w := range words {
			has = has && strings.Contains(e.Text, w)
		}
		if has {
			return e, true
		}
	}
	return sim.Event{}, false
}

// clock is the time of day, UTC.
func clock(at time.Time) string { return at.UTC().Format("15:04:05Z") }

// whole is a duration in seconds: "925 s", "1.5 s".
func whole(d time.Duration) string {
	if d < 10*time.Second && d%time.Second != 0 {
		return fmt.Sprintf("%.1f s", d.Seconds())
	}
	return fmt.Sprintf("%.0f s", d.Seconds())
}

// things is a number and its noun.
func things(n int, one string) string {
	if n == 1 {
		return "1 " + one
	}
	return strconv.Itoa(n) + " " + one + "s"
}
