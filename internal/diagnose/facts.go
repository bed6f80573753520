package diagnose

import (
	"math"
	"time"

	"tripcurve/internal/incident"
)

// Unit is what a fact's figure counts.
type Unit uint8

const (
	Count   Unit = iota
	Seconds      // s
	Share        // 0..1
)

// Fact is one figure that can be read out of evidence, recorded or simulated, and how
// near a simulated one must come.
type Fact struct {
	ID   string
	Text string // what it is: "checkouts failed until"
	Unit Unit
	// None is said when the thing itself did not happen: "no read failed".
	None string
	// Abs and Rel are the tolerance: a simulated figure agrees within either, Rel
	// being a share of the observed one.
	Abs, Rel float64

	read func(*incident.View, Marks) Value
}

// Value is a fact's figure. It is not Known where no source looked, and Absent where
// the sources looked and the thing did not happen.
type Value struct {
	Number        float64
	Known, Absent bool
}

func number(n float64) Value { return Value{Number: n, Known: !math.IsNaN(n)} }

var absent = Value{Known: true, Absent: true, Number: math.NaN()}

// agrees says that the simulated nights have the observed figure: their middle one
// lies within the tolerance, and most of them have the thing at all.
func (f Fact) agrees(observed Value, s Spread) bool {
	if most := 2*s.Absent > s.Seeds; observed.Absent || most {
		return observed.Absent && most
	}
	return math.Abs(s.Median-observed.Number) <= max(f.Abs, f.Rel*math.Abs(observed.Number))
}

var (
	checkout  = incident.Endpoint{Method: "POST", Route: "/api/orders"}
	stockRead = incident.Endpoint{Method: "GET", Route: "/api/inventory/:sku"}
	orderRead = incident.Endpoint{Method: "GET", Route: "/api/orders/:id"}
)

const (
	// longest is how long a checkout takes that fails by the gateway's timers.
	longest = 30 * time.Second
	// settle is how long after the lock's release a waiter may be seen yet.
	settle = 2 * time.Second
	// scrape is how late the counters may be read.
	scrape = 5 * time.Second
)

// Facts are the facts, those of the customers first.
func Facts() []Fact {
	return []Fact{
		{
			ID: "failing_began", Text: "first failing checkout began, after the trigger", Unit: Seconds, None: "no checkout failed", Abs: 3,
			read: func(v *incident.View, m Marks) Value { return since(m.Began, first(v, checkout, started)) },
		},
		{
			ID: "failing_ended", Text: "last failing checkout answered, after the trigger", Unit: Seconds, None: "no checkout failed", Abs: longest.Seconds(),
			read: func(v *incident.View, m Marks) Value { return since(m.Began, last(v, checkout)) },
		},
		{
			ID: "failing_share", Text: "checkouts that failed, of those begun after the release", Unit: Share, Abs: 0.02,
			read: func(v *incident.View, m Marks) Value {
				return shareFailed(v, checkout, incident.Window{From: m.Released, To: m.Ended.Add(-longest)})
			},
		},
		{
			ID: "answered_502", Text: "checkouts answered 502", Unit: Count, Rel: 0.1,
			read: func(v *incident.View, m Marks) Value {
				return countEnded(v, m, func(b *incident.Bucket) bool { return b.Endpoint == checkout && b.Status == 502 })
			},
		},
		{
			ID: "failing_took", Text: "a failing checkout took, in the middle", Unit: Seconds, None: "no checkout failed", Rel: 0.05,
			read: func(v *incident.View, m Marks) Value { return medianFailed(v, checkout, m) },
		},
		{
			ID: "back_after_end", Text: "checkouts that failed in the minute after the end", Unit: Count, Abs: 0,
			read: func(v *incident.View, m Marks) Value {
				return countStarted(v, incident.Window{From: m.Ended.Add(time.Second), To: m.Ended.Add(time.Minute)}, failedOf(checkout))
			},
		},
		{
			ID: "stock_reads_back", Text: "last failing read of stock answered, after the release", Unit: Seconds, None: "no read of stock failed", Abs: 3,
			read: func(v *incident.View, m Marks) Value { return since(m.Released, last(v, stockRead)) },
		},
		{
			ID: "stock_reads_failed", Text: "reads of stock that failed", Unit: Count, Rel: 0.2,
			read: func(v *incident.View, m Marks) Value { return countEnded(v, m, failedOf(stockRead)) },
		},
		{
			ID: "order_reads_failed", Text: "reads of orders that failed", Unit: Count, Abs: 0,
			read: func(v *incident.View, m Marks) Value { return countEnded(v, m, failedOf(orderRead)) },
		},
		{
			ID: "lock_waiters", Text: "sessions that waited for the lock, at most", Unit: Count, Rel: 0.02,
			read: func(v *incident.View, m Marks) Value {
				return mostWaiting(v, incident.Window{From: m.Began, To: m.Released})
			},
		},
		{
			ID: "pool_full", Text: "the most sessions waited, after the trigger", Unit: Seconds, Rel: 0.3,
			read: func(v *incident.View, m Marks) Value { return poolFull(v, m) },
		},
		{
			ID: "waiters_after", Text: "sessions that waited for a lock after the release", Unit: Count, Abs: 0,
			read: func(v *incident.View, m Marks) Value {
				return mostWaiting(v, incident.Window{From: m.Released.Add(settle), To: m.Ended})
			},
		},
		{
			ID: "reserves_ended", Text: "calls order -> inventory that ended before the end", Unit: Count, Abs: 2,
			read: func(v *incident.View, m Marks) Value {
				return calls(v, "order.inventory", "Reserve", incident.Window{From: m.Began.Add(scrape), To: m.Ended.Add(-scrape)}, finished)
			},
		},
		{
			ID: "reserves_in_flight", Text: "calls order -> inventory in flight just before the end", Unit: Count, Rel: 0.1,
			read: func(v *incident.View, m Marks) Value { return inFlight(v, "order.inventory", "Reserve", m.Ended) },
		},
		{
			ID: "intents_begun", Text: "payment intents that the order service asked for", Unit: Count, Abs: 2,
			read: func(v *incident.View, m Marks) Value {
				return calls(v, "order.payment", "CreateIntent", incident.Window{From: m.Began.Add(scrape), To: m.Ended.Add(-scrape)}, begun)
			},
		},
		{
			ID: "deadline_exceeded", Text: "calls that ended with DEADLINE_EXCEEDED", Unit: Count, Abs: 0,
			read: func(v *incident.View, m Marks) Value {
				w := incident.Window{From: m.Began.Add(-time.Minute), To: m.Ended.Add(time.Minute)}
				return calls(v, "", "", w, func(p incident.FlowPoint) float64 { return p.Deadline })
			},
		},
	}
}

func failedOf(e incident.Endpoint) func(*incident.Bucket) bool {
	return func(b *incident.Bucket) bool { return b.Endpoint == e && b.Failed() }
}

func started(b *incident.Bucket) int64 { return b.Started }

// first is the second in which the first failing request of an endpoint counts; zero
// for none.
func first(v *incident.View, e incident.Endpoint, n func(*incident.Bucket) int64) (at time.Time) {
	is := failedOf(e)
	v.EachBucket(incident.Window{}, func(b *incident.Bucket) {
		if at.IsZero() && is(b) && n(b) > 0 {
			at = b.At
		}
	})
	return at
}

// last is when the last failing request of an endpoint was answered, to the full
// second after it.
func last(v *incident.View, e incident.Endpoint) (at time.Time) {
	is := failedOf(e)
	v.EachBucket(incident.Window{}, func(b *incident.Bucket) {
		if is(b) && b.Ended > 0 {
			at = b.At.Add(b.Width)
		}
	})
	return at
}

// since is how long after an instant something was; absent when it never was.
func since(from, at time.Time) Value {
	if at.IsZero() {
		return absent
	}
	return number(at.Sub(from).Seconds())
}

// tail is how long after the release the last failing checkout was answered.
func tail(v *incident.View, m Marks) Value {
	at := since(m.Released, last(v, checkout))
	at.Number = max(0, at.Number)
	return at
}

// around is the incident and a minute to each side: the day before is not counted.
func (m Marks) around() incident.Window {
	return incident.Window{From: m.Began.Add(-time.Minute), To: m.Ended.Add(time.Minute)}
}

func countEnded(v *incident.View, m Marks, is func(*incident.Bucket) bool) Value {
	if !v.Sees("gateway") {
		return Value{}
	}
	var n int64
	v.EachBucket(m.around(), func(b *incident.Bucket) {
		if is(b) {
			n += b.Ended
		}
	})
	return number(float64(n))
}

func countStarted(v *incident.View, w incident.Window, is func(*incident.Bucket) bool) Value {
	if !v.Sees("gateway") {
		return Value{}
	}
	var n int64
	v.EachBucket(w, func(b *incident.Bucket) {
		if is(b) {
			n += b.Started
		}
	})
	return number(float64(n))
}

func shareFailed(v *incident.View, e incident.Endpoint, w incident.Window) Value {
	all := countStarted(v, w, func(b *incident.Bucket) bool { return b.Endpoint == e })
	if !all.Known || all.Number == 0 {
		return Value{}
	}
	return number(countStarted(v, w, failedOf(e)).Number / all.Number)
}

// medianFailed is the median duration of the requests that failed and ended in the
// incident; of the interval that holds it, the lower end.
func medianFailed(v *incident.View, e incident.Endpoint, m Marks) Value {
	if !v.Sees("gateway") {
		return Value{}
	}
	var all incident.Sketch
	v.EachLatency(m.around(), func(l *incident.Latency) {
		if l.Endpoint != e || !l.Failed() || l.Sketch == nil {
			return
		}
		all = incident.Together(all, l.Sketch)
	})
	if all == nil || all.Count() == 0 {
		return absent
	}
	q := all.Quantile(0.5)
	return number(((q.Lo + q.Hi) / 2).Seconds())
}

func mostWaiting(v *incident.View, w incident.Window) Value {
	most := math.NaN()
	for _, n := range v.LockWaiters(w, time.Second) {
		if !(n <= most) && !math.IsNaN(n) {
			most = n
		}
	}
	return number(most)
}

// poolFull is when as many sessions waited for the first time as ever did.
func poolFull(v *incident.View, m Marks) Value {
	most := mostWaiting(v, incident.Window{From: m.Began, To: m.Released})
	if !most.Known {
		return most
	}
	for i, n := range v.LockWaiters(incident.Window{From: m.Began, To: m.Released}, time.Second) {
		if n == most.Number {
			return number(float64(i))
		}
	}
	return Value{}
}

func finished(p incident.FlowPoint) float64 { return p.Finished }
func begun(p incident.FlowPoint) float64    { return p.Started }

// calls sums what the counters of one edge and method say of w; of every edge when
// edge is empty. A sample belongs to w when the one before it does too.
func calls(v *incident.View, edge, method string, w incident.Window, of func(incident.FlowPoint) float64) Value {
	var sum Value
	for _, f := range v.Flows() {
		if edge != "" && (f.Edge() != edge || f.Method != method) {
			continue
		}
		sum.Known = true
		for i, p := range f.Points(w) {
			if i > 0 {
				sum.Number += of(p)
			}
		}
	}
	return sum
}

// inFlight is the calls in flight at the last sample before an instant.
func inFlight(v *incident.View, edge, method string, at time.Time) Value {
	for _, f := range v.Flows() {
		if f.Edge() != edge || f.Method != method {
			continue
		}
		points := f.Points(incident.Window{From: at.Add(-4 * scrape), To: at})
		if len(points) > 0 {
			return number(points[len(points)-1].InFlight)
		}
	}
	return Value{}
}
