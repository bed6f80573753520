package lab

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"tripcurve/services/gateway"
)

// Event is one thing that the lab did or saw.
type Event struct {
	At   time.Time
	Kind string // lock_taken, lock_released, restart, pool_full, ...
	Text string
}

// Result is what a run gave, as the lab itself saw it: its customers, its own
// session on the database, its faults. The collectors know nothing of it.
type Result struct {
	Scenario string
	Start    time.Time // the first second of the run
	Length   time.Duration
	Answers  []Answer // in the order of their ends
	Orders   Orders
	Events   []Event

	BlockerPID int // the session that began the first lock fault; 0 when there was none
	LockFrom   time.Time
	LockTo     time.Time
	// WaitersMax is the most sessions of inventory that waited for a lock at once.
	WaitersMax int
	// PoolFullAfter is from the first fault until as many of inventory's sessions were
	// active as its pool has; -1 when they never were.
	PoolFullAfter time.Duration
	// RecoveredAt is when checkouts succeed again for good after the first fault
	// began; zero when none failed or none succeeded again.
	RecoveredAt time.Time
	// Orphans are reservations that no order names.
	Orphans int
	// Fulfilment is over all runs of the lab.
	Fulfilment Fulfilment
}

// Orders counts checkouts by how they ended.
type Orders struct {
	Started, Served, Late, Failed         int // Late counts as Failed, too
	Answered502, Answered503, Answered504 int
	NoAnswer, OutOfStock, Invalid         int
	// GaveUp are customers who hung up in the end; TriedAgain counts tries after which
	// they made another, which are no checkouts of their own.
	GaveUp, TriedAgain int
}

// run is a run under way.
type run struct {
	lab   *Lab
	sc    Scenario
	start time.Time
	say   func(Event)

	mu    sync.Mutex
	res   Result
	wrong time.Time // when the first fault was there
}

// Run lets the customers come and the faults happen. It returns when the last
// customer has his answer, or when ctx ends, with what there is until then.
func (l *Lab) Run(ctx context.Context, sc Scenario, say func(Event)) (*Result, error) {
	if say == nil {
		say = func(Event) {}
	}
	r := &run{lab: l, sc: sc, say: say, start: time.Now()}
	r.res = Result{Scenario: sc.Name, Start: r.start, Length: sc.Length, PoolFullAfter: -1}
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)

	watching, watched := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(watched)
		r.watch(ctx, watching)
	}()
	var faults sync.WaitGroup
	errs := make(chan error, len(sc.Faults))
	for _, f := range sc.Faults {
		faults.Go(func() {
			hold(ctx, time.Until(r.start.Add(f.when())))
			if ctx.Err() != nil {
				return
			}
			if err := f.inflict(ctx, r); err != nil && ctx.Err() == nil {
				errs <- fmt.Errorf("%T: %w", f, err)
				stop(err) // a run without its fault proves nothing
			}
		})
	}
	newLoad(l.Sources().Gateway, l.Sources().Payment, sc, r.answered).run(ctx, r.start, sc.Arrivals())
	faults.Wait()
	close(watching)
	<-watched
	close(errs)
	var err error
	for e := range errs {
		err = errors.Join(err, e)
	}
	if err == nil && ctx.Err() != nil {
		err = ctx.Err()
	}
	return r.result(ctx), err
}

// fault notes that something is wrong from now on.
func (r *run) fault(kind, text string) {
	r.mu.Lock()
	if r.wrong.IsZero() {
		r.wrong = time.Now()
	}
	r.mu.Unlock()
	r.event(kind, text)
}

func (r *run) event(kind, text string) {
	e := Event{At: time.Now().UTC(), Kind: kind, Text: text}
	r.mu.Lock()
	r.res.Events = append(r.res.Events, e)
	r.mu.Unlock()
	r.say(e)
}

func (r *run) lockFrom(pid int, kind, text string) {
	r.mu.Lock()
	if r.res.LockFrom.IsZero() {
		r.res.LockFrom, r.res.BlockerPID = time.Now().UTC(), pid
	}
	r.mu.Unlock()
	r.fault(kind, text)
}

func (r *run) lockTo(kind, text string) {
	r.mu.Lock()
	r.res.LockTo = time.Now().UTC()
	r.mu.Unlock()
	r.event(kind, text)
}

// answered is told of every answer, and of those that the end of the run cut off.
func (r *run) answered(a Answer) {
	if a.Status == 0 && a.Took == 0 {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.res.Answers = append(r.res.Answers, a)
}

// well says whether the checkout that was answered last was served.
func (r *run) well() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, a := range slices.Backward(r.res.Answers) {
		if a.Route == gateway.PostOrder {
			return r.sc.served(a)
		}
	}
	return true
}

// looksEvery is how often the lab's own session looks at inventory's.
const looksEvery = 100 * time.Millisecond

// watch notes how many of inventory's sessions wait, until done or ctx ends.
func (r *run) watch(ctx context.Context, done <-chan struct{}) {
	c, err := r.lab.settings.Cluster.connect(ctx, roleMonitor, dbInventory, "lab")
	if err != nil {
		r.event("lab", "the lab's own session: "+err.Error())
		return
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.Background(), undoTimeout)
		defer cancel()
		_ = c.Close(ctx)
	}()
	tick := time.NewTicker(looksEvery)
	defer tick.Stop()
	for {
		var busy, waiting int
		err := c.QueryRow(ctx, `SELECT count(*) FILTER (WHERE state <> 'idle'), count(*) FILTER (WHERE wait_event_type = 'Lock')
FROM pg_stat_activity WHERE application_name = $1`, serviceInventory).Scan(&busy, &waiting)
		if err == nil {
			r.saw(busy, waiting)
		}
		select {
		case <-ctx.Done():
			return
		case <-done:
			return
		case <-tick.C:
		}
	}
}

func (r *run) saw(busy, waiting int) {
	r.mu.Lock()
	full := false
	if r.res.WaitersMax < waiting {
		r.res.WaitersMax = waiting
	}
	if busy >= r.sc.World.PoolSize && r.res.PoolFullAfter < 0 && !r.wrong.IsZero() {
		r.res.PoolFullAfter = time.Since(r.wrong)
		full = true
	}
	r.mu.Unlock()
	if full {
		r.event("pool_full", fmt.Sprintf("all %d connections of inventory's pool are in use", r.sc.World.PoolSize))
	}
}

// result sums up.
func (r *run) result(ctx context.Context) *Result {
	orphans, err := r.lab.orphans(context.WithoutCancel(ctx))
	if err != nil {
		r.event("lab", "orphans: "+err.Error())
	}
	fulfilment, err := r.lab.fulfilment(context.WithoutCancel(ctx))
	if err != nil {
		r.event("lab", "fulfilment: "+err.Error())
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	res := &r.res
	res.Orphans, res.Fulfilment = orphans, fulfilment
	slices.SortFunc(res.Answers, func(a, b Answer) int { return a.End().Compare(b.End()) })
	slices.SortStableFunc(res.Events, func(a, b Event) int { return cmp.Compare(a.At.UnixNano(), b.At.UnixNano()) })
	for _, a := range res.Answers {
		if a.Route == gateway.PostOrder {
			res.Orders.count(a, r.sc)
		}
	}
	res.RecoveredAt = res.recovered(r.sc)
	return res
}

// served says whether a checkout was accepted within its customer's patience.
func (sc Scenario) served(a Answer) bool { return a.ok() && a.Took <= sc.Patience }

func (o *Orders) count(a Answer, sc Scenario) {
	if a.Again {
		o.TriedAgain++
		return
	}
	o.Started++
	switch {
	case sc.served(a):
		o.Served++
		return
	case a.ok():
		o.Late++
	case a.Status == 502:
		o.Answered502++
	case a.Status == 503:
		o.Answered503++
	case a.Status == 504:
		o.Answered504++
	case a.Status == 409:
		o.OutOfStock++
	case a.GaveUp:
		o.GaveUp++
	case a.Status == 0:
		o.NoAnswer++
	default:
		o.Invalid++
	}
	o.Failed++
}

// recovered is the first checkout served after the last one that was not.
func (r *Result) recovered(sc Scenario) time.Time {
	if len(sc.Faults) == 0 {
		return time.Time{}
	}
	from := sc.Trouble()
	var last time.Time
	for _, a := range r.Answers {
		if a.Route == gateway.PostOrder && !sc.served(a) && !a.End().Before(r.Start.Add(from)) {
			last = a.End()
		}
	}
	if last.IsZero() {
		return last
	}
	for _, a := range r.Answers {
		if a.Route == gateway.PostOrder && sc.served(a) && !a.End().Before(last) {
			return a.End()
		}
	}
	return time.Time{}
}
