package library

import (
	"fmt"
	"time"

	"tripcurve/internal/policy"
	"tripcurve/internal/policy/retry"
)

// Edge is an edge's policy and what its library was built to, put together in the
// library's order. Whoever makes calls under it, on a real connection or in the
// simulator, makes them as it says.
type Edge struct {
	Plan    retry.Plan
	Breaker policy.Breaker // nil where there is none
	Max     int            // calls in flight; 0 is no bound
	Outer   Stage          // what a call passes
	Inner   Stage          // what each of its attempts passes
	Times   Times
}

// Stage is what stands on one side of the retries.
type Stage struct {
	Limit, Breaker bool
	LimitFirst     bool // the limit is outside the breaker, which does not see its rejections
}

// Times are the time limits of an edge; 0 is none.
type Times struct {
	Call     time.Duration // of one attempt, the caller's own or the library's
	Library  bool          // Call is the library's
	Deadline time.Duration // of one attempt, gRPC's
	Total    time.Duration // the library's over all attempts
	Unseen   bool          // the breaker does not see Total end an attempt
	Ending   Ending
	hard     time.Duration // the library's on one attempt, where it ends the call below
}

// Compose puts what a policy and its library say in the library's order. It fails
// where both of them retry.
func Compose(p policy.Policy, b Built) (Edge, error) {
	e := Edge{
		Plan: retry.PlanOf(p.Retry), Breaker: b.Breaker, Max: p.MaxConcurrent,
		Times: Times{Call: p.Timeout, Deadline: p.Deadline, Total: b.TotalTimeout, Unseen: b.TotalUnseen, Ending: b.Ending},
	}
	if b.Retry != nil && b.Retry.Attempts > 1 {
		if p.Retry.Attempts > 1 {
			return Edge{}, fmt.Errorf("the edge makes %d attempts and its %s %d of each: say only one of the two", p.Retry.Attempts, p.Breaker.Library, b.Retry.Attempts)
		}
		e.Plan = *b.Retry
	}
	if b.MaxConcurrent > 0 && (e.Max == 0 || b.MaxConcurrent < e.Max) {
		e.Max = b.MaxConcurrent
	}
	if b.CallTimeout > 0 && (e.Times.Call == 0 || b.CallTimeout <= e.Times.Call) {
		e.Times.Call, e.Times.Library = b.CallTimeout, true
	}
	if b.Ending != EndByPolicy {
		e.Times.hard = b.CallTimeout
	}
	at := &e.Outer
	for _, piece := range Complete(b.Order) {
		switch piece {
		case Retry:
			at = &e.Inner
		case Limit:
			at.Limit = e.Max > 0
			at.LimitFirst = !at.Breaker
		case Breaker:
			at.Breaker = e.Breaker != nil
		default: // time limits are always where they are in Bounds
		}
	}
	return e, nil
}

// Bounds are the time limits of one attempt; 0 is none.
type Bounds struct {
	Wait     time.Duration // the caller waits no longer
	Total    bool          // Wait is what is left of the total time limit
	Ends     bool          // Wait ends the call below, too
	Deadline time.Duration // a deadline on the call below
}

// Bounds of an attempt that begins now, which the breaker inside the retries allows so
// much and the one outside of them, or 0; left is of the total time limit, where there
// is one.
func (t *Times) Bounds(inside, outside, left time.Duration) Bounds {
	b := Bounds{Wait: policy.Shortest(t.Call, outside, inside), Deadline: t.Deadline}
	hard := t.hard
	if t.Total > 0 {
		if b.Wait == 0 || left <= b.Wait {
			b.Wait, b.Total = left, true
		}
		if t.Ending != EndByPolicy {
			hard = policy.Shortest(hard, left)
		}
	}
	switch {
	case hard == 0:
	case t.Ending == EndDeadline:
		b.Deadline = policy.Shortest(b.Deadline, hard)
		if b.Deadline <= b.Wait {
			b.Wait, b.Total = 0, false // the deadline's own status is the answer
		}
	case hard <= b.Wait:
		b.Ends = true
	default: // the caller goes on earlier, and the call ends later all the same
		b.Deadline = policy.Shortest(b.Deadline, hard)
	}
	return b
}
