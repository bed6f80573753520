package host

import (
	"context"
	"errors"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"tripcurve/internal/policy"
	"tripcurve/internal/policy/library"
	"tripcurve/internal/policy/retry"
)

// Guard carries out the policy of one edge in front of a connection. It is the
// same code over TCP and in virtual time. From the outside in, unless the edge's
// library documents another order (library.Piece):
//
//	total timeout    the library's own, over all attempts
//	attempts         the call is tried again while Retryable says so
//	max concurrent   each attempt needs a place, held until the call itself ends
//	breaker          each attempt is one call of the breaker
//	time limit       the shorter of the policy's Timeout and the library's own
//	deadline         a gRPC deadline on the connection below
//
// So retries are outside the breaker, which counts every attempt; a rejection
// (by breaker or by max concurrent) ends the call and is not tried again. Where the
// policy and its library both say something, the shorter time and the lower bound
// hold; the retries are the library's if it makes any, and both is a mistake.
//
// Under policy.Detach the call below hears nothing of its caller: neither a time
// limit that ran out nor the end of the caller's own context reach it, and the
// caller waits for the call or for its own timer, as the original's Node
// services did. Only a Deadline ends it. Under policy.Propagate every end of the
// caller is the call's end too, also a library's own time limit, as opossum has
// it with its abortController.
//
// After an error the reply belongs to the call that may still be running below;
// generated stubs never look at it then.
type Guard struct {
	edge      string
	conn      grpc.ClientConnInterface
	policy    policy.Policy
	clock     Clock
	meter     Meter
	rand      Rand
	retryable func(error) bool
	owned     *WallClock // a clock of the guard's own, to be closed with it
	broken    error      // why WithBreaker could not be done; every call answers it

	plan     retry.Plan    // shared by all calls; its Budget under mu
	outer    library.Stage // what a call passes
	inner    library.Stage // what each of its attempts passes
	limits   limits
	max      int  // calls in flight; 0 is no bound
	bare     bool // nothing to do but perhaps detach
	counters counters
	wakeFunc func()
	replicas []grpc.ClientConnInterface // among which the breaker chooses; nil where it does not
	events   EventMeter                 // of its hosts; nil where nobody hears of them

	mu       sync.Mutex // held around what follows, never across a call
	breaker  policy.Breaker
	state    policy.State // as last counted
	inFlight int
	spare    []*attempt // of which nobody waits for anything any more
	due      time.Time  // when stop's timer fires
	stop     func() bool
}

// counters are the names of what the guard counts, made once.
type counters struct{ open, halfOpen, close, reject string }

// Option changes how a guard is made.
type Option func(*options)

type options struct {
	clock     Clock
	meter     Meter
	rand      Rand
	spec      policy.BreakerSpec
	built     *library.Built
	retryable func(error) bool
}

// WithClock replaces the wall clock.
func WithClock(c Clock) Option { return func(o *options) { o.clock = c } }

// WithMeter says who counts the breaker's transitions.
func WithMeter(m Meter) Option { return func(o *options) { o.meter = m } }

// WithRand replaces the operating system's randomness.
func WithRand(r Rand) Option { return func(o *options) { o.rand = r } }

// WithLibrary chooses another library than opossum. Like WithParam it is
// WithBreaker's; a guard of NewGuard takes its breaker from the policy.
func WithLibrary(name string) Option { return func(o *options) { o.spec.Library = name } }

// WithParam sets one parameter under the library's own name and in its own unit.
func WithParam(name, value string) Option {
	return func(o *options) { o.spec.Params[name] = value }
}

// WithMachine brings a breaker of the caller's own and the time limit that goes
// with it; 0 is none.
func WithMachine(b policy.Breaker, callTimeout time.Duration) Option {
	return WithBuilt(library.Built{Breaker: b, CallTimeout: callTimeout})
}

// WithBuilt brings a library's pieces in place of those that the policy names.
func WithBuilt(b library.Built) Option { return func(o *options) { o.built = &b } }

// WithRetryable replaces Retryable where an edge knows more of its callee's answers.
func WithRetryable(f func(error) bool) Option { return func(o *options) { o.retryable = f } }

// WithBreaker puts a breaker in front of a connection, as the factory of the
// original did: without options it is opossum with a timeout of 5 s, a threshold
// of 50 % and a reset of 30 s. A parameter that the library refuses makes every
// call answer that refusal.
func WithBreaker(name string, conn grpc.ClientConnInterface, opts ...Option) *Guard {
	o := options{spec: policy.BreakerSpec{Library: "opossum", Params: map[string]string{}}}
	for _, opt := range opts {
		opt(&o)
	}
	if l, ok := library.ByName(o.spec.Library); ok {
		for name, value := range l.Factory {
			if _, set := o.spec.Params[name]; !set {
				o.spec.Params[name] = value
			}
		}
	}
	var owned *WallClock
	if o.clock == nil {
		owned = NewWallClock()
		o.clock = owned
	}
	g, err := newGuard(name, policy.Policy{Breaker: o.spec}, conn, o)
	if err != nil {
		g = &Guard{edge: name, broken: err}
	}
	g.owned = owned
	return g
}

// NewGuard carries out p on the edge of that name. It fails when p names a
// breaker library that does not exist or a parameter that it refuses.
func NewGuard(edge string, p policy.Policy, conn grpc.ClientConnInterface, clock Clock, meter Meter, rand Rand, opts ...Option) (*Guard, error) {
	o := options{clock: clock, meter: meter, rand: rand, spec: policy.BreakerSpec{Params: map[string]string{}}}
	for _, opt := range opts {
		opt(&o)
	}
	return newGuard(edge, p, conn, o)
}

func newGuard(edge string, p policy.Policy, conn grpc.ClientConnInterface, o options) (*Guard, error) {
	g := &Guard{
		edge: edge, conn: conn, policy: p,
		clock: o.clock, meter: o.meter, rand: o.rand, retryable: o.retryable,
		counters: counters{
			open: "circuit." + edge + ".open", halfOpen: "circuit." + edge + ".half_open",
			close: "circuit." + edge + ".close", reject: "circuit." + edge + ".reject",
		},
	}
	if g.meter == nil {
		g.meter = NewMemoryMeter()
	}
	if g.rand == nil {
		g.rand = CryptoRand
	}
	if g.retryable == nil {
		g.retryable = Retryable
	}
	if o.built == nil {
		built, err := library.New(p.Breaker, g.clock.Now())
		if err != nil {
			return nil, err
		}
		o.built = &built
	}
	if err := g.compose(*o.built); err != nil {
		return nil, err
	}
	if err := g.findReplicas(); err != nil {
		return nil, err
	}
	g.wakeFunc = g.wake
	if g.breaker != nil {
		// A series that is born when the breaker trips is born as 1, in which
		// Prometheus's rate and increase see no increase.
		for _, name := range []string{g.counters.open, g.counters.halfOpen, g.counters.close, g.counters.reject} {
			g.meter.Count(name, 0)
		}
	}
	return g, nil
}

// Edge is the guard's name.
func (g *Guard) Edge() string { return g.edge }

// Snapshot is what the breaker shows of itself now; false when there is none.
func (g *Guard) Snapshot() (policy.Snapshot, bool) {
	if g.breaker == nil {
		return policy.Snapshot{}, false
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.settle(g.advance())
	return g.breaker.Snapshot(), true
}

// Close stops the breaker's timer and, where WithBreaker was given no clock, ends
// what is still running on the guard's own.
func (g *Guard) Close() {
	g.mu.Lock()
	if g.stop != nil {
		g.stop()
		g.stop = nil
	}
	g.mu.Unlock()
	if g.owned != nil {
		g.owned.Close()
	}
}

// NewStream passes a stream through unguarded: the pipeline's methods are all
// unary, and libraries put breakers around calls, not around streams.
func (g *Guard) NewStream(ctx context.Context, desc *grpc.StreamDesc, method string, opts ...grpc.CallOption) (grpc.ClientStream, error) {
	if g.broken != nil {
		return nil, g.broken
	}
	return g.conn.NewStream(ctx, desc, method, opts...)
}

// Invoke makes one call under the policy.
func (g *Guard) Invoke(ctx context.Context, method string, args, reply any, opts ...grpc.CallOption) error {
	if g.broken != nil {
		return g.broken
	}
	trace, opts := takeTrace(opts)
	if g.bare && trace == nil {
		return g.conn.Invoke(g.below(ctx), method, args, reply, opts...)
	}
	return g.guarded(ctx, method, args, reply, opts, trace)
}

// guarded is Invoke where there is something to do. It is a function of its own so that
// its frame does not lie on the stack of every call of a bare edge: thousands hang at once
// in a simulation.
//
//go:noinline
func (g *Guard) guarded(ctx context.Context, method string, args, reply any, opts []grpc.CallOption, trace *Trace) error {
	var c call
	c.method, c.args, c.reply, c.opts, c.trace = method, args, reply, opts, trace
	if g.limits.Total > 0 {
		c.end = g.clock.Now().Add(g.limits.Total)
	}
	var outer pass
	if rejection := g.enter(g.outer, &outer); rejection != nil {
		return rejection
	}
	c.limit = outer.limit
	err := g.attempts(ctx, &c)
	g.leave(&outer, err)
	return err
}

// call is one call and its attempts.
type call struct {
	method      string
	args, reply any
	opts        []grpc.CallOption
	trace       *Trace
	tries       retry.Call
	end         time.Time     // of the total time limit; zero is none
	limit       time.Duration // what a breaker outside the retries allows an attempt; 0 is no limit
}

// attempts makes a call until it succeeds or is given up.
func (g *Guard) attempts(ctx context.Context, c *call) error {
	g.lockBudget()
	c.tries = g.plan.Begin()
	g.unlockBudget()
	err := g.tryAndRetry(ctx, c)
	g.lockBudget()
	c.tries.End()
	g.unlockBudget()
	return err
}

func (g *Guard) tryAndRetry(ctx context.Context, c *call) error {
	for {
		rejected, err := g.attempt(ctx, c)
		wait, again := g.judge(c, err, rejected)
		if !again {
			return err
		}
		// A caller that has gone gets no further attempt, and the attempt's own
		// error says more than its going. A total time limit that ends in the wait
		// is an answer of its own.
		left, bounded := g.left(c)
		over := bounded && left <= wait
		if over && left > 0 {
			wait, err = left, g.tooLate()
		}
		gone := ctx.Err() != nil || over && left <= 0 || wait > 0 && g.clock.Sleep(ctx, wait) != nil
		if !g.again(&c.tries, gone || over) {
			return err
		}
	}
}

// judge says whether an attempt that ended so is made again, and after which wait.
func (g *Guard) judge(c *call, err error, rejected bool) (wait time.Duration, again bool) {
	worth := err != nil && g.worth(c, err, rejected)
	var u float64
	if worth && !g.plan.Steady {
		u = g.rand()
	}
	g.lockBudget()
	defer g.unlockBudget()
	switch {
	case err == nil:
		c.tries.Succeeded()
	case !worth:
		c.tries.GivenUp()
	default:
		return c.tries.Failed(u)
	}
	return 0, false
}

// worth says whether an attempt that failed may be made again as far as its error
// goes. After the total time limit none is; gRPC counts such an attempt for its
// throttling all the same.
func (g *Guard) worth(c *call, err error, rejected bool) bool {
	if left, bounded := g.left(c); bounded && left <= 0 && g.limits.Ending != library.EndDeadline {
		return false
	}
	switch {
	case rejected:
		return g.plan.Rejected
	case g.plan.Retries != nil:
		return g.plan.Retries(uint32(status.Code(err)))
	default:
		return g.retryable(err)
	}
}

// again begins the next attempt of a call, unless its caller has gone or its time
// is over.
func (g *Guard) again(c *retry.Call, gone bool) bool {
	g.lockBudget()
	defer g.unlockBudget()
	if !c.Again() {
		return false
	}
	if gone {
		c.GivenUp()
	}
	return !gone
}

// lockBudget: all calls of the edge share one budget, where there is one.
func (g *Guard) lockBudget() {
	if g.plan.Budget != nil {
		g.mu.Lock()
	}
}

func (g *Guard) unlockBudget() {
	if g.plan.Budget != nil {
		g.mu.Unlock()
	}
}

// below is the context that the call gets: the caller's own end is kept from it
// under Detach.
func (g *Guard) below(ctx context.Context) context.Context {
	if g.policy.Cancel == policy.Detach {
		if own, ok := ctx.(interface{ WithoutCancel() context.Context }); ok { // cheaper where time is virtual
			return own.WithoutCancel()
		}
		return context.WithoutCancel(ctx)
	}
	return ctx
}

// attempt makes one try; rejected says that it was none, for it was not let through.
func (g *Guard) attempt(ctx context.Context, c *call) (rejected bool, err error) {
	var p pass
	if rejection := g.enter(g.inner, &p); rejection != nil {
		return true, rejection
	}
	start := g.clock.Now()
	err = g.call(ctx, g.to(&p), c, g.bounds(c, p.limit))
	took := g.clock.Now().Sub(start)
	if c.trace != nil {
		c.trace.add(Attempt{Start: start, Took: took, Err: err})
	}
	if p.asked {
		g.record(p.ticket, g.outcome(err, took))
	}
	return false, err
}

// outcome is what the breaker is told. Only the library's own time limits are a
// Timeout to it; the caller's is an error like any other.
func (g *Guard) outcome(err error, took time.Duration) policy.Outcome {
	switch {
	case !errors.Is(err, ErrTimeout):
		return policy.Outcome{Code: codeOf(err), Took: took, Status: HTTPStatus(status.Code(err))}
	case g.limits.Unseen && errors.Is(err, g.limits.overall):
		return policy.Outcome{Code: policy.Unrecorded, Took: took}
	case g.limits.Library || errors.Is(err, g.limits.overall):
		return policy.Outcome{Code: policy.Timeout, Took: took}
	default:
		return policy.Outcome{Code: policy.Failure, Took: took}
	}
}

// record tells the breaker how what it admitted ended, once.
func (g *Guard) record(t policy.Ticket, o policy.Outcome) {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := g.advance()
	g.breaker.Record(now, t, o)
	g.settle(now)
}

// call runs one admitted attempt under its time limits. A limit that ran out
// gives a TimeoutError, a deadline the status of one.
func (g *Guard) call(ctx context.Context, conn grpc.ClientConnInterface, c *call, b library.Bounds) error {
	ctx = g.below(ctx)
	if b.Wait == 0 || b.Ends || g.policy.Cancel == policy.Propagate {
		defer g.release()
		return g.invoke(ctx, conn, b, c.method, c.args, c.reply, c.opts)
	}
	a := g.attemptFor(c)
	if a == nil {
		g.release()
		return status.Errorf(codes.Internal, "%s: %s: a reply of type %T cannot be tried twice", g.edge, c.method, c.reply)
	}
	a.conn, a.deadline = conn, b.Deadline
	err := g.clock.Race(ctx, b.Wait, a.run)
	if err == nil {
		a.hand(c.reply)
	}
	a.leave()
	if errors.Is(err, ErrTimeout) {
		return g.timedOut(b)
	}
	return err
}

// invoke calls the connection under its deadline and, where the call is cancelled
// with its caller, under the caller's time limit.
func (g *Guard) invoke(ctx context.Context, conn grpc.ClientConnInterface, b library.Bounds, method string, args, reply any, opts []grpc.CallOption) error {
	d := b.Deadline
	own := b.Wait > 0 && (d == 0 || b.Wait <= d)
	if own {
		d = b.Wait
	}
	if d == 0 {
		return conn.Invoke(ctx, method, args, reply, opts...)
	}
	bounded, cancel := g.clock.WithTimeout(ctx, d)
	defer cancel()
	err := conn.Invoke(bounded, method, args, reply, opts...)
	if err != nil && own && errors.Is(bounded.Err(), context.DeadlineExceeded) && ctx.Err() == nil {
		return g.timedOut(b)
	}
	return err
}

// wake does what the library's own timer would have done.
func (g *Guard) wake() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if now := g.clock.Now(); !now.Before(g.due) { // else a newer timer has taken this one's place
		g.due, g.stop = time.Time{}, nil
	}
	g.settle(g.advance())
}

// advance brings the breaker up to now. Transitions that time alone made are
// counted before a call can undo them. The lock is held.
func (g *Guard) advance() time.Time {
	now := g.clock.Now()
	g.breaker.Advance(now)
	g.transition()
	return now
}

// transition counts a change of state. It looks at the state and not at the
// events' names, which every library chooses for itself. The lock is held.
func (g *Guard) transition() {
	s := g.breaker.State()
	if s == g.state {
		return
	}
	g.state = s
	switch s {
	case policy.Open:
		g.meter.Count(g.counters.open, 1)
	case policy.HalfOpen:
		g.meter.Count(g.counters.halfOpen, 1)
	case policy.Closed:
		g.meter.Count(g.counters.close, 1)
	default: // the rest are set by hand and not by calls
	}
}

// settle counts what an operation changed and keeps the timer set to the
// breaker's next own change. The lock is held.
func (g *Guard) settle(now time.Time) {
	g.transition()
	events := g.breaker.Take() // also where nobody hears of them: untaken they would pile up
	if g.events != nil {
		for _, e := range events {
			g.events.BreakerEvent(g.edge, e)
		}
	}
	at, ok := g.breaker.Due()
	if ok && at.Equal(g.due) {
		return
	}
	if g.stop != nil {
		g.stop()
		g.due, g.stop = time.Time{}, nil
	}
	if ok {
		g.due = at
		g.stop = g.clock.AfterFunc(at.Sub(now), g.wakeFunc)
	}
}
