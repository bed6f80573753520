// Package simulation writes what a run of the simulator gave, as JSON for
// programs and as text for people.
package simulation

import (
	"time"

	"tripcurve/sim"
	"tripcurve/sim/output"
	"tripcurve/sim/trap"
)

// Report is the machine-readable result. Instants are RFC 3339 in UTC and null
// where the thing did not happen; durations are seconds.
type Report struct {
	Schema   string `json:"schema"`
	Scenario string `json:"scenario"`
	Seed     uint64 `json:"seed"`

	OrdersStarted    int      `json:"orders_started"`
	OrdersServed     int      `json:"orders_served"`
	Orders502        int      `json:"orders_502"`      // distinct orders answered 502
	Orders503        int      `json:"orders_503"`      // distinct orders answered 503
	OrdersFailed     int      `json:"orders_failed"`   // not accepted within patience, for any reason
	OrdersRejected   int      `json:"orders_rejected"` // the last answer was a breaker's rejection
	OrdersLate       int      `json:"orders_late"`     // accepted after the patience
	OrdersPaid       int      `json:"orders_paid"`
	OrdersShipped    int      `json:"orders_shipped"`
	FulfilmentFailed int      `json:"fulfilment_failed"` // paid before anything went wrong, and not shipped once by the end
	WaitP50S         float64  `json:"wait_p50_s"`        // of checkouts begun between the trigger and the recovery
	WaitP99S         float64  `json:"wait_p99_s"`
	WaitMaxS         float64  `json:"wait_max_s"`
	PoolFullAfterS   *float64 `json:"pool_full_after_s"`
	First502Started  *string  `json:"first_502_started"`
	Last502Ended     *string  `json:"last_502_ended"`
	LockWaitersMax   int      `json:"lock_waiters_max"`
	LockWindow       *Window  `json:"lock_window"`
	DeadlineExceeded int      `json:"deadline_exceeded"`
	Orphans          int      `json:"orphan_reservations"`
	ReserveCalls     int      `json:"reserve_calls"`
	CallsPerOrder    float64  `json:"reserve_calls_per_order_in_outage"`
	OutageS          float64  `json:"outage_s"` // first failing checkout's start to the last one's end, whole seconds
	Coverage         float64  `json:"coverage"` // share of the outage that the lock covers, 0..1
	RemainderS       float64  `json:"remainder_s"`
	RecoveredAt      *string  `json:"recovered_at"`

	// Queue is null where the shop never checked out asynchronously.
	Queue *CheckoutQueue `json:"checkout_queue"`

	Assumed    []string    `json:"assumed"` // what nobody measured or stated, in words
	Traps      []Trap      `json:"traps"`   // that the run fell into
	Events     []Event     `json:"events"`
	Breakers   []Breaker   `json:"breakers"`
	Endpoints  []Endpoint  `json:"endpoints"`
	OtherSeeds *OtherSeeds `json:"other_seeds"`
	// Replications says more of the same runs; null when there were none.
	Replications *Replications `json:"replications"`
}

// CheckoutQueue is what became of the orders that were accepted at once and left to
// the queue: accepted = done + declined + failed + in_flight.
type CheckoutQueue struct {
	Accepted      int      `json:"accepted"`
	Done          int      `json:"done"`
	Declined      int      `json:"declined"` // their stock could not be had
	Failed        int      `json:"failed"`   // given up after the last try
	InFlight      int      `json:"in_flight"`
	BacklogMax    int      `json:"backlog_max"`
	DrainedAfterS *float64 `json:"drained_after_s"` // after the lock's end (the beginning, without one), until the backlog was first empty
	SwitchedAt    *string  `json:"switched_at"`     // the last switch that took place
	RefusedFor    int      `json:"refused_for"`     // orders in flight for which the last switch was refused
	Backlog       []int    `json:"backlog"`         // at the end of each second
}

// Window is a half-open interval.
type Window struct {
	From string `json:"from"`
	To   string `json:"to"`
}

// Event is one thing that happened in the simulated world.
type Event struct {
	At   string `json:"at"`
	Kind string `json:"kind"`
	Text string `json:"text"`
}

// Trap is a guard that kept up what it should have ended, found in the run.
type Trap struct {
	ID     string  `json:"id"`
	Edge   string  `json:"edge"`
	At     string  `json:"at"`
	Text   string  `json:"text"`
	Why    string  `json:"why"`
	Way    string  `json:"way_out"`
	Change *string `json:"change"` // a setting that undoes it, as --set takes it; null where no single one does
}

// Fell adds the traps that a run was found to have fallen into.
func (rep *Report) Fell(found []trap.Trap) {
	for _, f := range found {
		t := Trap{ID: f.ID, Edge: f.Edge, At: *instant(f.At), Text: f.Text, Why: f.Why, Way: f.Way}
		if f.Change != "" {
			t.Change = &f.Change
		}
		rep.Traps = append(rep.Traps, t)
	}
}

// Breaker is the states that the breaker of one edge went through.
type Breaker struct {
	Edge    string          `json:"edge"`
	Replica string          `json:"replica,omitempty"` // whose breaker it is, where the caller has several: "order-2"
	Changes []BreakerChange `json:"changes"`
}

// BreakerChange is one transition.
type BreakerChange struct {
	At    string `json:"at"`
	State string `json:"state"`
}

// Endpoint is what clients saw of one route.
type Endpoint struct {
	Method      string  `json:"method"`
	Route       string  `json:"route"`
	Requests    int     `json:"requests"`
	Failed      int     `json:"failed"`
	FirstFailed *string `json:"first_failed"` // start of the first
	LastFailed  *string `json:"last_failed"`  // end of the last
	P50S        float64 `json:"p50_s"`
	P99S        float64 `json:"p99_s"`
}

// OtherSeeds is how the same scenario comes out with other seeds, so that nobody
// mistakes a chosen seed for a law.
type OtherSeeds struct {
	Seeds         int    `json:"seeds"`
	Orders502     Spread `json:"orders_502"`
	PoolFullAfter Spread `json:"pool_full_after_s"` // over the runs in which it filled
	PoolFilled    int    `json:"pool_filled_runs"`
}

// Spread is a mean and a range.
type Spread struct {
	Mean float64 `json:"mean"`
	Min  float64 `json:"min"`
	Max  float64 `json:"max"`
}

// New makes the report of one run and, when others were run, of their spread; stop
// says why there are not more of them.
func New(r *sim.Result, others []*sim.Result, stop output.Stop) Report {
	rep := Report{
		Schema: "tripcurve.simulation/1", Scenario: r.Scenario, Seed: r.Seed,
		OrdersStarted: r.Orders.Started, OrdersServed: r.Orders.Served,
		Orders502: r.Orders.Answered502, Orders503: r.Orders.Answered503,
		OrdersFailed: r.Orders.Failed, OrdersRejected: r.Orders.Rejected, OrdersLate: r.Orders.Late,
		OrdersPaid: r.Fulfilment.Paid, OrdersShipped: r.Fulfilment.Shipped, FulfilmentFailed: r.Fulfilment.Failed,
		WaitP50S: seconds(r.Waits.P50), WaitP99S: seconds(r.Waits.P99), WaitMaxS: seconds(r.Waits.Max),
		First502Started: instant(r.First502Started), Last502Ended: instant(r.Last502Ended),
		LockWaitersMax: r.LockWaitersMax, DeadlineExceeded: r.DeadlineExceeded, Orphans: r.Orphans,
		ReserveCalls: r.ReserveCalls, CallsPerOrder: round(r.ReserveCallsPerOrder, 3), RecoveredAt: instant(r.RecoveredAt),
		Assumed: []string{}, Traps: []Trap{}, Events: []Event{}, Breakers: []Breaker{}, Endpoints: []Endpoint{},
	}
	if r.PoolFullAfter >= 0 {
		s := seconds(r.PoolFullAfter)
		rep.PoolFullAfterS = &s
	}
	if r.Backlog != nil {
		l := r.Left
		rep.Queue = &CheckoutQueue{
			Accepted: l.Accepted, Done: l.Accepted - l.Declined - l.Failed - l.InFlight, Declined: l.Declined, Failed: l.Failed,
			InFlight: l.InFlight, BacklogMax: l.Most, SwitchedAt: instant(l.Switched), RefusedFor: l.Refused, Backlog: r.Backlog,
		}
		if l.DrainedAfter >= 0 {
			s := seconds(l.DrainedAfter)
			rep.Queue.DrainedAfterS = &s
		}
	}
	if !r.LockFrom.IsZero() {
		rep.LockWindow = &Window{*instant(r.LockFrom), *instant(r.LockTo)}
	}
	for _, e := range r.Events {
		rep.Events = append(rep.Events, Event{*instant(e.At), e.Kind, e.Text})
	}
	for _, b := range r.Breakers {
		track := Breaker{Edge: b.Edge, Replica: b.Replica, Changes: []BreakerChange{}}
		for _, c := range b.Changes {
			track.Changes = append(track.Changes, BreakerChange{*instant(c.At), c.State.String()})
		}
		rep.Breakers = append(rep.Breakers, track)
	}
	for _, e := range r.Endpoints {
		rep.Endpoints = append(rep.Endpoints, Endpoint{
			e.Method, e.Route, e.Requests, e.Failed, instant(e.FirstFailed), instant(e.LastFailed), seconds(e.P50), seconds(e.P99),
		})
		if e.Method == "POST" && e.Route == "/api/orders" && e.Failed > 0 {
			rep.outage(e, r)
		}
	}
	if len(others) > 0 {
		rep.OtherSeeds, rep.Replications = spreadOf(others), replications(others, stop)
	}
	return rep
}

// outage fills the share of the checkouts' outage that the lock covers, in whole
// seconds as the analysis of the evidence has it: from the second of the first
// failing start to the end of the second of the last failing end.
func (rep *Report) outage(e sim.Endpoint, r *sim.Result) {
	e.FirstFailed = e.FirstFailed.Truncate(time.Second)
	if end := e.LastFailed.Truncate(time.Second); end.Before(e.LastFailed) {
		e.LastFailed = end.Add(time.Second)
	}
	length := e.LastFailed.Sub(e.FirstFailed)
	rep.OutageS = seconds(length)
	rep.RemainderS = rep.OutageS
	if length <= 0 || r.LockFrom.IsZero() {
		return
	}
	from, to := r.LockFrom, r.LockTo
	if from.Before(e.FirstFailed) {
		from = e.FirstFailed
	}
	if to.After(e.LastFailed) {
		to = e.LastFailed
	}
	covered := max(0, to.Sub(from))
	rep.Coverage = round(float64(covered)/float64(length), 4)
	rep.RemainderS = seconds(length - covered)
}

func spreadOf(rs []*sim.Result) *OtherSeeds {
	o := &OtherSeeds{Seeds: len(rs)}
	var orders, full []float64
	for _, r := range rs {
		orders = append(orders, float64(r.Orders.Answered502))
		if r.PoolFullAfter >= 0 {
			full = append(full, r.PoolFullAfter.Seconds())
		}
	}
	o.PoolFilled = len(full)
	o.Orders502, o.PoolFullAfter = spread(orders), spread(full)
	return o
}

func spread(vs []float64) Spread {
	if len(vs) == 0 {
		return Spread{}
	}
	s := Spread{Min: vs[0], Max: vs[0]}
	for _, v := range vs {
		s.Mean += v
		s.Min, s.Max = min(s.Min, v), max(s.Max, v)
	}
	s.Mean = round(s.Mean/float64(len(vs)), 1)
	s.Min, s.Max = round(s.Min, 1), round(s.Max, 1)
	return s
}

// seconds is d in seconds to the millisecond.
func seconds(d time.Duration) float64 { return round(d.Seconds(), 3) }

// instant is t as RFC 3339 to the millisecond, nil for the zero time.
func instant(t time.Time) *string {
	if t.IsZero() {
		return nil
	}
	s := t.UTC().Format("2006-01-02T15:04:05.000Z07:00")
	return &s
}
