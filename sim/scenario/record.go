package scenario

import (
	"fmt"
	"math"
	"slices"
	"time"

	"tripcurve/internal/incident/sketch"
	"tripcurve/services/gateway"
	"tripcurve/services/order"
	"tripcurve/sim"
	"tripcurve/sim/vtime"
)

// record is what a run writes down as it goes.
type record struct {
	sc  sim.Scenario
	res *sim.Result

	inFlight  int
	routes    [gateway.PostIntent + 1]route
	checkouts []checkout
	reserves  []int // calls of Reserve that had reached inventory at the end of each second

	events   []sim.Event
	breakers []sim.BreakerTrack
	rows     []sim.PGSession

	triggered  bool
	triggerAt  vtime.Time
	fullSought bool // the pool was not full yet since the last lock
}

// route is what clients saw of one route.
type route struct {
	requests, failed        int
	firstFailed, lastFailed time.Time
	took                    []time.Duration
}

// checkout is one that was answered.
type checkout struct {
	start, end vtime.Time
	served     bool
}

func newRecord(sc sim.Scenario) *record {
	n := int((sc.Length + time.Second - 1) / time.Second)
	res := &sim.Result{Scenario: sc.Name, Seed: sc.Seed, Start: sc.Start.UTC(), Length: sc.Length, PoolFullAfter: -1, Lasting: sc.Lasting()}
	for _, series := range []*[]int{
		&res.Started, &res.Served, &res.Late, &res.Failed, &res.Rejected, &res.Answered502,
		&res.InFlight, &res.PoolInUse, &res.StreamsInUse, &res.LockWaiters,
	} {
		*series = make([]int, n)
	}
	if leaves(sc) {
		res.Backlog = make([]int, n)
	}
	r := &record{sc: sc, res: res, reserves: make([]int, 0, n)}
	orders := expect(sc.Checkouts, sc.Length)
	r.checkouts = make([]checkout, 0, orders)
	for q, rate := range [...]sim.Ramp{gateway.PostOrder: sc.Checkouts, gateway.GetOrder: sc.OrderReads, gateway.GetStock: sc.InventoryReads, gateway.PostIntent: sc.Checkouts} {
		r.routes[q].took = make([]time.Duration, 0, expect(rate, sc.Length))
	}
	return r
}

// expect is room for the arrivals of a rate: their mean and four standard
// deviations, so that what is kept of them need not grow; at most some 65,000.
func expect(rate sim.Ramp, length time.Duration) int {
	mean := (rate.From + rate.To) / 2 * length.Seconds()
	return int(min(mean+4*math.Sqrt(mean), 1<<16)) + 1
}

// second is the index of the second that an instant lies in.
func (r *record) second(t vtime.Time) int {
	return min(int(t/vtime.Time(time.Second)), len(r.res.Started)-1)
}

func (r *record) started(q gateway.Route, at vtime.Time) {
	r.routes[q].requests++
	if q == gateway.PostOrder {
		r.res.Started[r.second(at)]++
		r.res.Orders.Started++
		r.inFlight++
	}
}

func (r *record) ended(q gateway.Route, resp *gateway.Response, at vtime.Time) {
	rt := &r.routes[q]
	rt.took = append(rt.took, resp.Took)
	if resp.Status >= 500 {
		rt.failed++
		if rt.firstFailed.IsZero() || resp.Start.Before(rt.firstFailed) {
			rt.firstFailed = resp.Start
		}
		rt.lastFailed = resp.Start.Add(resp.Took)
	}
	if q == gateway.PostOrder {
		r.answered(resp, at)
	}
}

// answered counts one checkout by how it ended.
func (r *record) answered(resp *gateway.Response, at vtime.Time) {
	sec, o := r.second(at), &r.res.Orders
	r.inFlight--
	c := checkout{start: at - vtime.Time(resp.Took), end: at}
	switch {
	case resp.OK() && resp.Took <= r.sc.Patience:
		c.served = true
		o.Served++
		r.res.Served[sec]++
	case resp.OK():
		o.Late++
		o.Failed++
		r.res.Late[sec]++
	case resp.Rejected != "":
		o.Rejected++
		o.Failed++
		r.res.Rejected[sec]++
	default:
		o.Failed++
		r.res.Failed[sec]++
	}
	r.checkouts = append(r.checkouts, c)
	switch resp.Status {
	case 502:
		o.Answered502++
		r.res.Answered502[sec]++
		if r.res.First502Started.IsZero() || resp.Start.Before(r.res.First502Started) {
			r.res.First502Started = resp.Start
		}
		r.res.Last502Ended = resp.Start.Add(resp.Took)
	case 503:
		o.Answered503++
	case 504:
		o.Answered504++
	}
}

// well says whether the checkout that was answered last was served.
func (r *record) well() bool {
	n := len(r.checkouts)
	return n == 0 || r.checkouts[n-1].served
}

// trigger is a fault beginning; the first one counts.
func (r *record) trigger(at vtime.Time, _ time.Time) {
	r.fullSought = true
	if !r.triggered {
		r.triggered, r.triggerAt = true, at
	}
}

func (r *record) lockFrom(at time.Time) {
	if r.res.LockFrom.IsZero() {
		r.res.LockFrom = at
	}
}

func (r *record) lockTo(at time.Time) { r.res.LockTo = at }

// poolFull says whether this is the first time since the last lock began.
func (r *record) poolFull(at vtime.Time) bool {
	if !r.fullSought {
		return false
	}
	r.fullSought = false
	if r.res.PoolFullAfter < 0 {
		r.res.PoolFullAfter = time.Duration(at - r.triggerAt)
	}
	return true
}

// sample is the end of a second.
func (r *record) sample(run *run) {
	i := len(r.reserves)
	if i == len(r.res.InFlight) {
		return
	}
	r.res.InFlight[i] = r.inFlight
	r.res.PoolInUse[i] = run.inventories.inUse()
	r.res.StreamsInUse[i] = run.fleet.streams()
	r.res.LockWaiters[i] = run.db.Waiting()
	if r.res.Backlog != nil {
		r.res.Backlog[i] = run.back.queue.Count(order.CheckoutJob).Left()
	}
	r.reserves = append(r.reserves, run.inventories.calls(reserveMethod))
}

const reserveMethod = "/inventory.Inventory/Reserve"

// settling is how long before the end a reservation may have been made whose
// order is not stored yet.
const settling = time.Second

// result is the run's, when it has ended.
func (r *run) result() *sim.Result {
	rec, res := r.rec, r.rec.res
	res.Orders.InFlightLeft = rec.inFlight
	if n := len(rec.reserves); n < len(res.InFlight) { // a last second that is not a whole one
		rec.sample(r)
	}
	res.LockWaitersMax = r.db.WaitingMax()
	res.DeadlineExceeded = r.w.DeadlineExceeded()
	res.ReserveCalls = r.inventories.calls(reserveMethod)
	named := r.orders.Reservations()
	for _, v := range r.stock.Reserved() {
		if !named[v.ID] && v.At.Before(res.Start.Add(res.Length-settling)) {
			res.Orphans++
			if v.Returned() {
				res.OrphansSwept++
			}
		}
	}
	res.Left = r.left()
	res.Fulfilment = r.back.count()
	rec.recovery(r)
	rec.waits()
	rec.endpoints()
	res.Events, res.Breakers = rec.events, rec.breakers
	res.KernelEvents = r.w.K.Events()
	return res
}

// recovery finds when checkouts succeed again for good, and the load on inventory
// until then.
func (r *record) recovery(run *run) {
	from, to := vtime.Time(0), vtime.Time(r.sc.Length)
	if r.triggered {
		from = r.triggerAt
	}
	var lastFailed, recovered vtime.Time = -1, -1
	for _, c := range r.checkouts {
		if !c.served && c.end >= from {
			lastFailed = c.end
		}
	}
	for _, c := range r.checkouts { // in the order of their ends
		if c.served && lastFailed >= 0 && c.end >= lastFailed {
			recovered = c.end
			break
		}
	}
	if recovered >= 0 {
		to = recovered
		at := run.w.K.Clock(recovered)
		r.res.RecoveredAt = at
		e := sim.Event{At: at, Kind: "recovered", Text: "checkouts succeed again"}
		if r.res.Lasting { // nothing says that the next one would
			e.Text = "no checkout fails any more before the run ends, though a fault goes on"
		}
		i, _ := slices.BinarySearchFunc(r.events, e, func(a, b sim.Event) int {
			if a.At.After(b.At) {
				return 1
			}
			return -1
		})
		r.events = slices.Insert(r.events, i, e)
		if run.obs.OnEvent != nil {
			run.obs.OnEvent(e)
		}
	} else if r.triggered && lastFailed < 0 {
		to = from // nothing was ever wrong
	}
	r.res.ReserveCallsPerOrder = r.perOrder(from, to)
}

// perOrder is the calls of Reserve per checkout started in the seconds from from
// to to; over the whole run when nothing was wrong.
func (r *record) perOrder(from, to vtime.Time) float64 {
	a, b := r.second(from), r.second(to)
	if from == to {
		a, b = 0, len(r.reserves)-1
	}
	calls, orders := r.reserves[b], 0
	if a > 0 {
		calls -= r.reserves[a-1]
	}
	for _, n := range r.res.Started[a : b+1] {
		orders += n
	}
	if orders == 0 {
		return 0
	}
	return float64(calls) / float64(orders)
}

// waits is over the checkouts that started between the trigger and the recovery.
func (r *record) waits() {
	from, to := vtime.Time(0), vtime.Time(math.MaxInt64)
	if r.triggered && !r.res.RecoveredAt.IsZero() {
		from, to = r.triggerAt, vtime.Time(r.res.RecoveredAt.Sub(r.res.Start))
	}
	var took []time.Duration
	for _, c := range r.checkouts {
		if c.start >= from && c.start < to {
			took = append(took, time.Duration(c.end-c.start))
		}
	}
	r.res.Waits = sim.Waits{P50: quantile(took, 0.5), P99: quantile(took, 0.99), Max: quantile(took, 1)}
}

func (r *record) endpoints() {
	for q := gateway.PostOrder; q <= gateway.PostIntent; q++ {
		rt := &r.routes[q]
		r.res.Endpoints = append(r.res.Endpoints, sim.Endpoint{
			Method: q.Method(), Route: q.Template(), Requests: rt.requests, Failed: rt.failed,
			FirstFailed: rt.firstFailed, LastFailed: rt.lastFailed,
			P50: quantile(rt.took, 0.5), P99: quantile(rt.took, 0.99),
		})
	}
}

// quantile is the smallest of the values that at least a share q of them does not
// exceed; 0 when there are none. It reorders them.
func quantile(all []time.Duration, q float64) time.Duration {
	if len(all) == 0 {
		return 0
	}
	return sketch.Kth(all, max(int(math.Ceil(q*float64(len(all))))-1, 0))
}

// balance says whether what came in equals what went out and what is left.
func (r *run) balance(res *sim.Result) error {
	sum := func(series []int) (n int) {
		for _, v := range series {
			n += v
		}
		return n
	}
	in := sum(res.Started)
	out := sum(res.Served) + sum(res.Late) + sum(res.Failed) + sum(res.Rejected)
	o := res.Orders
	switch {
	case in != out+o.InFlightLeft:
		return fmt.Errorf("%d checkouts started, %d ended, %d in flight", in, out, o.InFlightLeft)
	case in != o.Started || o.Started != o.Served+o.Failed+o.InFlightLeft:
		return fmt.Errorf("orders: %+v", o)
	}
	if jobs := r.back.queue.Count(order.CheckoutJob); r.orders.Left() != jobs.Left()+jobs.Done+jobs.Failed {
		return fmt.Errorf("%d orders left to the queue, which has these of them: %+v", r.orders.Left(), jobs)
	}
	for _, c := range r.w.Conns() {
		if err := c.Err(); err != nil {
			return err
		}
	}
	if err := r.stock.Err(); err != nil {
		return err
	}
	for _, v := range r.inventories.replicas {
		if err := v.db.Pool.Err(); err != nil {
			return err
		}
	}
	return nil
}
