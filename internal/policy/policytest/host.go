package policytest

import (
	"slices"
	"time"

	"tripcurve/internal/policy"
)

// Host is the program around a breaker: it owns the calls in flight and lets
// each end when it is due. Times are since the breaker's construction.
type Host struct {
	Breaker policy.Breaker
	start   time.Time
	ends    []End // by At, those of one instant in the order of their scheduling
	events  []Stamped
	settled []Settled
}

// End is how and when an admitted call will end.
type End struct {
	At      time.Duration
	Call    int
	Ticket  policy.Ticket
	Outcome policy.Outcome
	Verdict string // what its caller gets
}

// NewHost is the program around b, constructed at start.
func NewHost(b policy.Breaker, start time.Time) *Host {
	return &Host{Breaker: b, start: start}
}

// Now is an instant since the construction.
func (h *Host) Now(at time.Duration) time.Time { return h.start.Add(at) }

// Schedule lets a call end later, or at once by a Run up to its time.
func (h *Host) Schedule(e End) {
	i, _ := slices.BinarySearchFunc(h.ends, e, func(a, b End) int {
		if a.At <= b.At {
			return -1
		}
		return 1
	})
	h.ends = slices.Insert(h.ends, i, e)
}

// Settle notes what a caller got without a call, a rejection.
func (h *Host) Settle(at time.Duration, call int, verdict string) {
	h.settled = append(h.settled, Settled{at.Milliseconds(), call, verdict})
}

// Run does everything that is due by to, in order: ends of calls and the
// breaker's own timers, a timer before a call that ends in the same instant.
func (h *Host) Run(to time.Duration) {
	for {
		due, timer := h.Breaker.Due()
		at := due.Sub(h.start)
		switch call := len(h.ends) > 0 && h.ends[0].At <= to; {
		case timer && at <= to && (!call || at <= h.ends[0].At):
			h.Breaker.Advance(due)
			h.take()
		case call:
			e := h.ends[0]
			h.ends = slices.Delete(h.ends, 0, 1)
			h.Breaker.Record(h.Now(e.At), e.Ticket, e.Outcome)
			h.take()
			h.Settle(e.At, e.Call, e.Verdict)
		default:
			h.Breaker.Advance(h.Now(to))
			h.take()
			return
		}
	}
}

func (h *Host) take() {
	for _, e := range h.Breaker.Take() {
		h.events = append(h.events, Stamped{e.At.Sub(h.start).Milliseconds(), e.Name})
	}
}

// Drain hands over what happened since the last Drain, never nil.
func (h *Host) Drain() ([]Stamped, []Settled) {
	h.take()
	events, settled := h.events, h.settled
	h.events, h.settled = nil, nil
	if events == nil {
		events = []Stamped{}
	}
	if settled == nil {
		settled = []Settled{}
	}
	return events, settled
}
