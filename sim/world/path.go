package world

import (
	"slices"
	"time"

	"tripcurve/sim"
	"tripcurve/sim/vtime"
)

// path is what lies between the two ends of an edge's connections where that is
// more than the plain delay. Messages of one direction of a connection arrive in
// the order in which they were sent, as TCP has it.
type path struct {
	bad    []*degradation
	loss   float64       // of the messages, 0..1, from all of these
	black  [2]vtime.Time // until when each way swallows what is sent
	times  *Stream
	serial uint64 // of messages that belong to no call
}

// degradation is one thing that is wrong with a path.
type degradation struct {
	loss   float64  // of the messages, 0..1
	jitter sim.Dist // added to the delay, one way
}

// direction is one of the two ways.
type direction uint8

const (
	toServer direction = iota
	toClient
)

func (d direction) back() direction { return 1 - d }

const (
	// firstRetry is Linux's least retransmission timeout, which doubles up to the
	// longest.
	firstRetry   = 200 * time.Millisecond
	longestRetry = 120 * time.Second
	// serverUserTimeout is when the kernel of a grpc-go server gives up answers that
	// are not acknowledged: its TCP_USER_TIMEOUT is the keepalive timeout, 20 s by
	// default (internal/transport/http2_server.go, NewServerTransport).
	serverUserTimeout = 20 * time.Second
)

// way is one direction of a flow.
type way struct {
	last    vtime.Time // the latest arrival
	stalled bool       // something sent is not acknowledged, and TCP sends it again
	since   vtime.Time // it was sent
	lost    bool       // it has not arrived either; it is the first of those held
	held    []func()   // arrivals of what waits for that
}

// Path makes the connection's path one on which something can go wrong. It is to be
// called before the run.
func (c *Conn) Path() {
	if c.path == nil {
		c.path = &path{times: c.w.Stream("network of " + c.o.Edge)}
		c.inline = false
		if c.o.TCPKeepalive > 0 && c.o.IdleDrop == 0 {
			c.w.K.After(c.o.TCPKeepalive, (*tcpProbe)(c.flow))
		}
	}
}

// Degrade makes a share of the messages on the connection's path be lost and sent
// again, and adds to its delay one way, beside what is wrong with it already, until
// undo is called.
func (c *Conn) Degrade(loss float64, jitter sim.Dist) (undo func()) {
	p, d := c.path, &degradation{loss, jitter}
	p.bad = append(p.bad, d)
	p.addUp()
	return func() {
		p.bad = slices.DeleteFunc(p.bad, func(o *degradation) bool { return o == d })
		p.addUp()
	}
}

func (p *path) addUp() {
	kept := 1.0
	for _, d := range p.bad {
		kept *= 1 - d.loss
	}
	p.loss = 1 - kept
}

// Degraded says that something is wrong with the connection's path.
func (c *Conn) Degraded() bool { return len(c.path.bad) > 0 }

// Blocked says that the connection's path swallows what is sent, one way at least.
func (c *Conn) Blocked() bool { return !c.path.open(c.w.K.Now()) }

// Block makes the connection's path swallow what is sent from now until an instant,
// to the server, to the client, or both ways, and new connections with it. What is
// under way still arrives; what is swallowed is sent again by TCP.
func (c *Conn) Block(until vtime.Time, server, client bool) {
	if server {
		c.path.black[toServer] = max(c.path.black[toServer], until)
	}
	if client {
		c.path.black[toClient] = max(c.path.black[toClient], until)
	}
}

func (p *path) blocked(d direction, now vtime.Time) bool { return now < p.black[d] }

// open says whether a round trip is possible.
func (p *path) open(now vtime.Time) bool {
	return !p.blocked(toServer, now) && !p.blocked(toClient, now)
}

// transit is how long a message takes beyond the plain delay. Its draws depend on
// the call alone: tag, and 0 for what belongs to no call. A lost message is sent
// again after the retransmission timeout; where several are lost in a row that
// doubles.
func (p *path) transit(d direction, tag uint64) (extra time.Duration) {
	if tag == 0 {
		p.serial++
		tag = vtime.Mix(p.serial)
	}
	key := vtime.Mix(tag + uint64(d) + 1)
	for wait := firstRetry; p.loss > 0 && p.times.At(key) < p.loss && extra < giveUp; wait = min(2*wait, longestRetry) {
		extra += wait
		key++
	}
	for i, d := range p.bad {
		extra += d.jitter.Draw(p.times.At(^key + uint64(i)))
	}
	return extra
}

// carry brings a message over the flow's path.
func (f *flow) carry(d direction, tag uint64, arrive func()) {
	p, k, w := f.c.path, f.c.w.K, &f.ways[d]
	now := k.Now()
	// Data beyond the first timeout waits with what is not acknowledged: the
	// congestion window is shut.
	if w.stalled && (len(w.held) > 0 || now >= w.since+vtime.Time(firstRetry)) {
		w.held = append(w.held, arrive)
		return
	}
	if p.blocked(d, now) {
		w.held = append(w.held, arrive)
		f.stall(d, true)
		return
	}
	f.last = now
	f.arriveAt(d, now+vtime.Time(f.c.w.delay+p.transit(d, tag)), arrive)
	if p.blocked(d.back(), now) { // it arrives, and its acknowledgement does not
		f.stall(d, false)
	}
}

// arriveAt lets a message arrive at an instant, but not before one sent earlier.
func (f *flow) arriveAt(d direction, at vtime.Time, arrive func()) {
	w, k := &f.ways[d], f.c.w.K
	w.last = max(w.last, at)
	k.After(time.Duration(w.last-k.Now()), vtime.Func(func() {
		switch {
		case f != f.c.flow:
		case d == toServer && f.serverGone:
			f.refuse()
		default:
			arrive()
		}
	}))
}

// stall begins to send again what has just been sent and will not be acknowledged,
// until that works or the sender's kernel gives the connection up. lost says that it
// does not arrive.
func (f *flow) stall(d direction, lost bool) {
	w, k := &f.ways[d], f.c.w.K
	if w.stalled {
		return
	}
	w.stalled, w.lost, w.since = true, lost, k.Now()
	f.again(d, firstRetry)
	since := w.since
	limit := f.c.patience()
	if d == toClient {
		limit = serverUserTimeout
	}
	k.After(limit, vtime.Func(func() {
		if f != f.c.flow || !w.stalled || w.since != since {
			return
		}
		if d == toServer {
			f.die(tcpGaveUp, "TCP gave it up")
			return
		}
		f.lose()
	}))
}

// again sends what is not acknowledged after its timeout, and with longer and longer
// ones until it gets through.
func (f *flow) again(d direction, timeout time.Duration) {
	f.c.w.K.After(timeout, vtime.Func(func() {
		w, p, now := &f.ways[d], f.c.path, f.c.w.K.Now()
		if f != f.c.flow || !w.stalled {
			return
		}
		if !p.blocked(d, now) {
			f.last = now
			acknowledged := !p.blocked(d.back(), now)
			n := 0 // arrive now: what was lost, and with its acknowledgement the rest
			switch {
			case acknowledged:
				n = len(w.held)
			case w.lost:
				n = 1
			}
			for _, arrive := range w.held[:n] {
				f.arriveAt(d, now+vtime.Time(f.c.w.delay), arrive)
			}
			w.held, w.lost = w.held[n:], false
			if acknowledged {
				*w = way{last: w.last}
				return
			}
		}
		f.again(d, min(2*timeout, longestRetry))
	}))
}

// lose is the server's kernel giving the connection up: its handlers are cancelled,
// and what still arrives is answered by a reset.
func (f *flow) lose() {
	f.serverGone = true
	f.ways[toClient] = way{last: f.ways[toClient].last}
	for s := f.c.open.first; s != nil; s = s.next {
		if s.f == f {
			s.users++
			(*reset)(s).Run()
		}
	}
}

// refuse is the server's reset of what arrives for a connection that it no longer
// knows.
func (f *flow) refuse() {
	if !f.c.path.blocked(toClient, f.c.w.K.Now()) {
		f.c.w.K.After(f.c.w.delay, vtime.Func(func() { f.die(serverGone, "the server had given it up, and said so") }))
	}
}

// patience is how long the client's kernel waits for an acknowledgement. With
// keepalive on, grpc-go sets TCP_USER_TIMEOUT to the keepalive timeout
// (internal/transport/http2_client.go, newHTTP2Client).
func (c *Conn) patience() time.Duration {
	if c.o.Keepalive.Time > 0 {
		return c.o.Keepalive.Timeout
	}
	return giveUp
}
