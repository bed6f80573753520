package world

import (
	"context"
	"errors"
	"fmt"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"tripcurve/internal/policy"
	"tripcurve/sim"
	"tripcurve/sim/vtime"
)

// ConnOptions is what a connection is like.
type ConnOptions struct {
	Edge string // for events and counters
	// Streams is how many calls may be open at once; 0 is no bound. Further calls
	// wait for a stream, first come first served.
	Streams int
	// IdleDrop is how long no byte may pass before the balancer on the way drops
	// the flow, telling neither end; 0 never.
	IdleDrop  time.Duration
	Keepalive policy.Keepalive
	// TCPKeepalive is when the client's kernel first probes a flow on which nothing
	// passes, and every how long then; 0 never. What it finds is only what IdleDrop did.
	TCPKeepalive time.Duration
	// MinPing is how seldom the server wants pings (grpc-go's
	// EnforcementPolicy.MinTime); the third one too early, with no answer sent
	// between, makes it close the connection. 0 allows any.
	MinPing time.Duration
	// Eager: a connection that was found dead is made again at once, as those of a
	// client that balances are (grpc-go's round_robin), and not with the next call
	// (pick_first).
	Eager bool
}

const (
	// grpc-go raises a shorter keepalive time to this.
	minKeepalive = 10 * time.Second
	// grpc-go's default for an unanswered ping.
	pingTimeout = 20 * time.Second
	// giveUp is when Linux gives up a connection with unacknowledged data
	// (tcp_retries2 = 15): 200 ms doubled 15 times, each at most 120 s.
	giveUp = 924600 * time.Millisecond
	// tcpProbes is how many unanswered probes of TCP keepalive end a connection
	// (tcp_keepalive_probes of Linux, and Go's default).
	tcpProbes = 9
)

// Conn is one HTTP/2 connection from one service to another, made again when it
// is found dead. It is a grpc.ClientConnInterface: generated stubs and guards run
// on it unchanged.
//
// Messages are handed over, not encoded: the handler has the very message that was
// sent, and the caller a shallow copy of the answer, so neither side may change a message
// once it has been sent. The handlers do not.
type Conn struct {
	w        *World
	from, to *Service
	o        ConnOptions

	flow    *flow
	ready   bool // false while connecting
	idle    bool // not connecting either, until the next call
	open    list // calls that have a stream
	waiting queue
	granted int   // streams promised to calls that are about to go on
	path    *path // nil where nothing but the delay lies between the ends
	failing error // the last try to connect failed so; calls fail at once
	tries   int   // to connect that failed in a row
	dice    *Stream
	in, out int // streams taken and given back

	// inline: nothing but the server's restart can part the two ends of a call, so
	// the handler of a call that its caller cannot give up runs on the caller's
	// coroutine. That is half the coroutines and a third of the switches.
	inline bool

	OnFull   func() // called whenever the last stream is taken; may be nil
	OnUnfull func() // called whenever there is a free stream again; may be nil

	counts []*methodCounts
}

// Counts are the counters of one method at the client, as its metrics export
// them: a call that never ends is started and not handled.
type Counts struct {
	Method  string // /package.Service/Method
	Started int64
	Handled [17]int64 // by gRPC status code
}

// methodCounts are the counters of one method, which is looked up once.
type methodCounts struct {
	Counts
	m *method // nil while the server has none of that name
}

// Add counts another's calls of the same method too.
func (c *Counts) Add(o *Counts) {
	c.Started += o.Started
	for code, n := range o.Handled {
		c.Handled[code] += n
	}
}

// Codes are the statuses that occurred.
func (c *Counts) Codes() (by []sim.CodeCount) {
	for code, n := range c.Handled {
		if n > 0 {
			by = append(by, sim.CodeCount{Code: codes.Code(code).String(), Count: n})
		}
	}
	return by
}

// Dial connects a service to another. The connection is up at once.
func (w *World) Dial(from, to *Service, o ConnOptions) *Conn {
	if o.Keepalive.Time > 0 {
		o.Keepalive.Time = max(o.Keepalive.Time, minKeepalive)
	}
	if o.Keepalive.Timeout == 0 {
		o.Keepalive.Timeout = pingTimeout
	}
	c := &Conn{
		w: w, from: from, to: to, o: o, ready: true,
		inline: from.boot == nil && o.IdleDrop == 0 && o.Keepalive.Time == 0,
	}
	from.out = append(from.out, c)
	to.in = append(to.in, c)
	w.conns = append(w.conns, c)
	c.flow = newFlow(c)
	return c
}

// Edge is the connection's name.
func (c *Conn) Edge() string { return c.o.Edge }

// Reset ends the connection in a way that both ends hear of, and it is made again.
func (c *Conn) Reset() {
	c.w.event("connection_dead", "the connection "+c.o.Edge+" was reset, and both ends were told")
	c.reset(resetError, true)
}

// Client is the service whose metrics count the connection's calls.
func (c *Conn) Client() *Service { return c.from }

// Open is how many calls have a stream.
func (c *Conn) Open() int { return c.open.n }

// load is how many calls are open or wait to be.
func (c *Conn) load() int { return c.open.n + c.granted + c.waiting.n }

// Counts are the counters by method, in the order of the first call. They go on
// counting.
func (c *Conn) Counts() []*Counts {
	all := make([]*Counts, len(c.counts))
	for i, n := range c.counts {
		all[i] = &n.Counts
	}
	return all
}

// Began is when the client's process began, and with it its counters.
func (c *Conn) Began() time.Time { return c.from.began }

// Err says whether the streams add up: taken = given back + held.
func (c *Conn) Err() error {
	if c.in != c.out+c.open.n {
		return fmt.Errorf("%s: %d streams taken, %d given back, %d held", c.o.Edge, c.in, c.out, c.open.n)
	}
	return nil
}

func (c *Conn) countsOf(name string) *methodCounts {
	for _, n := range c.counts {
		if n.Method == name {
			return n
		}
	}
	n := &methodCounts{Counts: Counts{Method: name}}
	c.counts = append(c.counts, n)
	return n
}

// Errors that need not be made anew for every call.
var (
	resetError = status.Error(codes.Unavailable, "connection reset")
	serverGone = status.Error(codes.Unavailable, "connection reset by peer")
	clientGone = status.Error(codes.Unavailable, "the client's process has ended")
	connDead   = status.Error(codes.Unavailable, "keepalive ping not acknowledged")
	tooMany    = status.Error(codes.Unavailable, "closing transport due to: connection error: code = ENHANCE_YOUR_CALM, debug data: \"too_many_pings\"")
	tcpGaveUp  = status.Error(codes.Unavailable, "connection timed out")
	deadline   = status.Error(codes.DeadlineExceeded, context.DeadlineExceeded.Error())
	canceled   = status.Error(codes.Canceled, context.Canceled.Error())
)

func contextError(err error) error {
	if errors.Is(err, context.DeadlineExceeded) {
		return deadline
	}
	return canceled
}

// NewStream is not supported: the pipeline's methods are all unary.
func (c *Conn) NewStream(context.Context, *grpc.StreamDesc, string, ...grpc.CallOption) (grpc.ClientStream, error) {
	return nil, status.Error(codes.Unimplemented, "streams are not simulated")
}

// Invoke makes one call and waits for its end. It and what it calls keep little on the
// stack where they wait, which thousands do at once.
func (c *Conn) Invoke(ctx context.Context, name string, args, reply any, _ ...grpc.CallOption) error {
	n := c.countsOf(name)
	n.Started++
	err := c.invoke(ctx, n, args, reply)
	c.ended(n, err)
	return err
}

// ended counts the end of a call.
//
//go:noinline
func (c *Conn) ended(n *methodCounts, err error) {
	code := codes.OK
	if err != nil {
		if code = status.Code(err); code == codes.DeadlineExceeded {
			c.w.deadlineExceeded++
		}
	}
	n.Handled[min(code, codes.Unauthenticated)]++
}

func (c *Conn) invoke(ctx context.Context, n *methodCounts, args, reply any) error {
	v := vtime.Virtual(ctx)
	if err := c.enter(n, v); err != nil {
		if errors.Is(err, errKilled) {
			c.w.K.Unwind() // here, where the way up is shorter
		}
		return err
	}
	s := c.begin(ctx, v, n.m, args)
	if c.inline && v == nil {
		return s.call(reply)
	}
	return s.exchange(v, reply)
}

// errKilled is the answer to a process that was killed while it waited.
var errKilled = errors.New("killed")

// enter says that a call may open a stream, and waits until it may.
func (c *Conn) enter(n *methodCounts, v *vtime.Context) error {
	if n.m == nil {
		if n.m = c.to.methods[n.Method]; n.m == nil {
			return status.Errorf(codes.Unimplemented, "unknown method %s", n.Method)
		}
	}
	if v != nil && v.Err() != nil {
		return contextError(v.Err())
	}
	if c.waiting.n == 0 && c.free() {
		return nil
	}
	if c.idle {
		c.idle = false
		c.connect()
	}
	return c.wait(v)
}

// begin opens the stream of a call.
//
//go:noinline
func (c *Conn) begin(ctx context.Context, v *vtime.Context, m *method, args any) *stream {
	s := c.w.stream()
	s.c, s.f, s.m, s.args, s.caller = c, c.flow, m, args, c.w.K.Current()
	if near := vtime.Nearest(ctx); near != nil {
		s.tag = near.Fork()
	}
	if v != nil {
		if at, ok := v.At(); ok {
			s.timeout = time.Duration(at - c.w.K.Now())
		}
	}
	c.take(s)
	return s
}

// free says whether a call may open a stream now.
func (c *Conn) free() bool {
	return c.ready && (c.o.Streams == 0 || c.open.n+c.granted < c.o.Streams)
}

// wait parks the running process until it may open a stream.
func (c *Conn) wait(v *vtime.Context) error {
	k := c.w.K
	for {
		if c.failing != nil {
			return c.failing
		}
		why, had := c.waiting.wait(k, v)
		if had {
			c.granted--
		}
		switch {
		case why == vtime.Killed:
			c.grant()
			return errKilled
		case why == vtime.Ended:
			return contextError(v.Err())
		case c.ready: // else the connection was lost at this very instant
			return nil
		}
	}
}

// take opens a stream.
func (c *Conn) take(s *stream) {
	c.in++
	c.open.push(s)
	s.isOpen = true
	if c.o.Streams > 0 && c.open.n == c.o.Streams && c.OnFull != nil {
		c.OnFull()
	}
	c.flow.keep()
}

// give closes a stream and lets the next call have it.
func (c *Conn) give(s *stream) {
	s.isOpen = false
	c.open.remove(s)
	c.out++
	if c.o.Streams > 0 && c.open.n == c.o.Streams-1 && c.waiting.n == 0 && c.OnUnfull != nil {
		c.OnUnfull()
	}
	c.grant()
}

// grant lets calls that wait have the free streams.
func (c *Conn) grant() {
	for c.free() && c.waiting.wake() {
		c.granted++
	}
}

// reset ends the connection: every open call fails with err, and a new connection
// is made, where it was found dead perhaps only with the next call. Calls that still
// wait for a stream were never sent; they go over the new one.
func (c *Conn) reset(err error, found bool) {
	old := c.flow
	gone := errors.Is(err, serverGone)
	tell := old.carries && !gone && (c.path == nil || !c.path.blocked(toServer, c.w.K.Now()))
	for s := c.open.first; s != nil; s = c.open.first {
		s.answer.Stop()
		s.isOpen = false
		c.open.remove(s)
		c.out++
		s.err = err
		if tell {
			s.tell()
		}
		if gone {
			s.over = true
		}
		if s.inline && s.serving {
			s.caller.Kill() // as far as its call
		} else {
			s.caller.Wake(answered)
		}
	}
	c.flow = newFlow(c)
	c.ready, c.failing = false, nil
	if c.idle = found && !c.o.Eager && c.waiting.n == 0; !c.idle {
		c.connect()
	}
}
