package curve

import (
	"context"
	"math"
	"slices"
	"time"

	"tripcurve/internal/policy"
	"tripcurve/internal/policy/library"
)

// runner is one worker with what it uses again from run to run.
type runner struct {
	ctx   context.Context
	o     Options
	asked int64
	err   error

	answers, hung queue
}

// host is the program around one breaker: it lets calls end and timers fire when
// they are due, in the order of their instants; of one instant the timer first,
// then the ends, then the next call.
type host struct {
	*runner
	breaker policy.Breaker
	sharer  policy.Sharer // nil when it turns away none or all
	limit   time.Duration // ends a call; 0 nothing does
	late    policy.Code   // what the limit's end is to the breaker
	fired   time.Duration // latest timer that was let fire

	places     int  // bound on the calls in flight beside the machine; 0 none
	limitFirst bool // the bound is outside the breaker, which does not see its rejections
	inFlight   int
	until      time.Duration // end of the run: a call that ends later is not kept
}

const never = time.Duration(math.MaxInt64)

func (r *runner) host(s Setting) (*host, bool) {
	b, err := s.build()
	if err != nil {
		r.err = err
		return nil, false
	}
	r.answers.empty()
	r.hung.empty()
	h := &host{runner: r, breaker: b.Breaker, limit: r.o.limit(s), late: policy.Failure, fired: -1, places: b.MaxConcurrent}
	h.sharer, _ = b.Breaker.(policy.Sharer)
	own := h.limit > 0 && h.limit == b.CallTimeout
	if total := h.limit > 0 && h.limit == b.TotalTimeout; own || total {
		h.late = policy.Timeout
		if !own && b.TotalUnseen {
			h.late = policy.Unrecorded
		}
	}
	order := library.Complete(b.Order)
	h.limitFirst = slices.Index(order, library.Limit) < slices.Index(order, library.Breaker)
	return h, true
}

func (h *host) open() bool {
	switch h.breaker.State() {
	case policy.Open, policy.ForcedOpen, policy.ShutDown:
		return true
	case policy.Closed, policy.HalfOpen, policy.Disabled, policy.MetricsOnly:
	}
	return h.sharer != nil && h.sharer.Share() >= h.o.Turned
}

// step does the next thing that is due by to, and says when.
func (h *host) step(to time.Duration) (at time.Duration, ok bool) {
	q := &h.answers
	if h.hung.head() < q.head() {
		q = &h.hung
	}
	end := q.head()
	if due, timer := h.breaker.Due(); timer {
		// A machine that names the same instant again would hold time still.
		if at := due.Sub(epoch); at <= to && at <= end && at > h.fired {
			h.fired = at
			h.breaker.Advance(due)
			h.breaker.Take()
			return at, true
		}
	}
	if end > to {
		return 0, false
	}
	c := q.pop()
	h.inFlight--
	h.breaker.Record(epoch.Add(c.end), c.ticket, c.outcome)
	h.breaker.Take()
	return c.end, true
}

// ask lets one call begin, failing in this way if it fails. It says whether the
// call was let in.
func (h *host) ask(at time.Duration, dice float64, fails bool, m Mode) bool {
	took, q := h.o.Latency, &h.answers
	o := policy.Outcome{Code: policy.OK, Status: 200}
	switch {
	case fails && m == Hangs:
		took, q = never, &h.hung
	case fails:
		o = policy.Outcome{Code: policy.Failure, Status: 503}
	}
	in, _ := h.let(at, dice, took, o, q)
	return in
}

// let lets one call begin that the callee answers after a time, and says whether it
// was let in, and cut off before its answer.
func (h *host) let(at time.Duration, dice float64, took time.Duration, o policy.Outcome, q *queue) (in, cut bool) {
	h.asked++
	full := h.places > 0 && h.inFlight >= h.places
	if full && h.limitFirst {
		return false, false
	}
	t, v := h.breaker.Allow(epoch.Add(at), dice)
	h.breaker.Take()
	if !v.Admitted {
		return false, false
	}
	if full {
		h.breaker.Record(epoch.Add(at), t, policy.Outcome{Code: policy.Busy})
		h.breaker.Take()
		return false, false
	}
	h.inFlight++
	limit := h.limit
	if v.Limit > 0 && (limit == 0 || v.Limit < limit) {
		limit = v.Limit
	}
	if cut = limit > 0 && limit <= took; cut {
		took = limit
		o = policy.Outcome{Code: h.late}
		if limit < h.limit || h.limit == 0 { // the library set one for this call
			o.Code = policy.Timeout
		}
	}
	if took <= h.until-at {
		o.Took = took
		q.push(call{end: at + took, ticket: t, outcome: o})
	}
	return true, cut
}

// trip is one run of a curve: healthy calls, then a share of them failing, until
// the breaker is open.
func (r *runner) trip(s Setting, m Mode, share float64, t *traffic) Run {
	h, ok := r.host(s)
	if !ok {
		return Run{}
	}
	h.until = t.fault + r.o.Horizon
	for i, at := range t.at[:t.first] {
		for ok := true; ok; {
			_, ok = h.step(at)
		}
		h.ask(at, t.dice[i], false, m)
	}
	var run Run
	until := func(to time.Duration) bool {
		for {
			at, ok := h.step(to)
			switch {
			case !ok:
				return false
			case h.open():
				run.OpenAfter = max(0, at-t.fault)
				return true
			}
		}
	}
	if until(t.fault) || h.open() {
		return run
	}
	for i := t.first; i < len(t.at); i++ {
		if i%4096 == 0 && r.ctx.Err() != nil {
			return run
		}
		at, fails := t.at[i], t.coin[i] < share
		if until(at) {
			return run
		}
		if h.ask(at, t.dice[i], fails, m) {
			run.Calls++
			if fails {
				run.Failed++
			}
		}
		if h.open() { // lazy libraries decide when they are asked
			run.OpenAfter = at - t.fault
			return run
		}
	}
	if !until(t.fault + r.o.Horizon) {
		run.OpenAfter = Never
	}
	return run
}

// healthy is one seed's part of the healthy days.
func (r *runner) healthy(s Setting, share float64, seed uint64) Healthy {
	out := Healthy{Setting: s, Share: share, Length: r.o.HealthyLength / time.Duration(r.o.Seeds)}
	h, ok := r.host(s)
	if !ok {
		return out
	}
	h.until = out.Length
	look := h.trips(&out.Trips)
	c := newClock(r.o, seed, healthyDay)
	for at := c.next(); at <= out.Length; at = c.next() {
		h.catchUp(at, look)
		out.Calls++
		if !h.ask(at, c.dice(), c.coin() < share, Errors) {
			out.Rejected++
		}
		look()
		if out.Calls%4096 == 0 && r.ctx.Err() != nil {
			break
		}
	}
	return out
}

// catchUp does all that is due by to, looking after each thing.
func (h *host) catchUp(to time.Duration, look func()) {
	for {
		if _, ok := h.step(to); !ok {
			return
		}
		look()
	}
}

// trips counts in n how often the breaker opens, whenever it is called. Opening again
// from half-open is the same trip.
func (h *host) trips(n *int) (look func()) {
	tripped := false
	return func() {
		switch open := h.open(); {
		case open && !tripped:
			*n++
			tripped = true
		case !open && tripped && h.breaker.State() != policy.HalfOpen:
			tripped = false
		}
	}
}

// call is one call in flight.
type call struct {
	end     time.Duration
	ticket  policy.Ticket
	outcome policy.Outcome
}

// queue is the calls in flight by their ends, in a ring. They come nearly in
// order, for most have the same length.
type queue struct {
	ring []call
	from int
	n    int
}

func (q *queue) empty() { q.from, q.n = 0, 0 }

// head is the earliest end.
func (q *queue) head() time.Duration {
	if q.n == 0 {
		return never
	}
	return q.ring[q.from].end
}

func (q *queue) push(c call) {
	if q.n == len(q.ring) {
		bigger := make([]call, max(64, 2*len(q.ring)))
		for i := range q.n {
			bigger[i] = q.ring[(q.from+i)&(len(q.ring)-1)]
		}
		q.ring, q.from = bigger, 0
	}
	mask := len(q.ring) - 1
	i := q.n
	for ; i > 0 && q.ring[(q.from+i-1)&mask].end > c.end; i-- {
		q.ring[(q.from+i)&mask] = q.ring[(q.from+i-1)&mask]
	}
	q.ring[(q.from+i)&mask] = c
	q.n++
}

func (q *queue) pop() call {
	c := q.ring[q.from]
	q.from = (q.from + 1) & (len(q.ring) - 1)
	q.n--
	return c
}
