package world

import (
	"fmt"
	"time"

	"tripcurve/sim"
	"tripcurve/sim/vtime"
)

// flow is one incarnation of a connection as the balancer on the way sees it.
type flow struct {
	c        *Conn
	carries  bool       // false once the balancer has dropped it
	last     vtime.Time // a byte last passed
	lastRead vtime.Time // a byte last reached the client
	pinging  bool       // a keepalive timer is set
	pinged   vtime.Time // the last ping left
	unacked  bool       // the client has sent data into a dropped flow
	pings    vtime.Time // the server last got a ping; 0 for none since it last answered a call
	strikes  int        // pings too early for the server
	probes   int        // of TCP keepalive that nobody answered

	// Where the connection has a path.
	ways       [2]way
	serverGone bool // the server's kernel has given the connection up
}

func newFlow(c *Conn) *flow {
	now := c.w.K.Now()
	f := &flow{c: c, carries: true, last: now, lastRead: now}
	if c.o.IdleDrop > 0 {
		c.w.K.After(c.o.IdleDrop, (*idleCheck)(f))
	}
	if c.o.TCPKeepalive > 0 && (c.o.IdleDrop > 0 || c.path != nil) {
		c.w.K.After(c.o.TCPKeepalive, (*tcpProbe)(f))
	}
	if c.o.Keepalive.WithoutCalls {
		f.keep()
	}
	return f
}

// send is the client sending a frame; false when it is lost. TCP sends it again
// and again, and at last gives the connection up.
func (f *flow) send() bool {
	if !f.carries {
		if !f.unacked && f == f.c.flow {
			f.unacked = true
			f.c.w.K.After(f.c.patience(), (*tcpTimeout)(f))
		}
		return false
	}
	f.last = f.c.w.K.Now()
	return true
}

// answer is the server sending a frame; false when it is lost.
func (f *flow) answer() bool {
	if !f.carries {
		return false
	}
	f.last = f.c.w.K.Now()
	f.pings, f.strikes = 0, 0
	return true
}

// idleCheck is the balancer looking whether a byte has passed of late.
type idleCheck flow

// Run drops the flow, or looks again when it would next be due.
func (i *idleCheck) Run() {
	f := (*flow)(i)
	c := f.c
	if f != c.flow || !f.carries {
		return
	}
	if !c.ready { // not made yet
		c.w.K.After(c.o.IdleDrop, i)
		return
	}
	due := f.last + vtime.Time(c.o.IdleDrop)
	if now := c.w.K.Now(); now < due {
		c.w.K.After(time.Duration(due-now), i)
		return
	}
	f.carries = false
	c.w.event("connection_dropped", fmt.Sprintf(
		"the balancer dropped the idle connection %s (no byte for %s), telling neither end; %d calls open on it",
		c.o.Edge, c.o.IdleDrop, c.open.n))
}

// BlackHole is the path that the connection has now swallowing every byte from now
// on, and telling neither end. A connection made later is not touched.
func (c *Conn) BlackHole() {
	if !c.flow.carries {
		return
	}
	c.flow.carries = false
	c.w.event("connection_dropped", fmt.Sprintf(
		"the path of the connection %s swallows what is sent, telling neither end; %d calls open on it", c.o.Edge, c.open.n))
	if c.o.IdleDrop == 0 && c.o.TCPKeepalive > 0 && c.path == nil {
		c.w.K.After(c.o.TCPKeepalive, (*tcpProbe)(c.flow))
	}
}

// connected is the client's connection being up.
type connected flow

// Run lets the calls that waited go.
func (r *connected) Run() {
	f := (*flow)(r)
	if f != f.c.flow {
		return
	}
	f.last, f.lastRead = f.c.w.K.Now(), f.c.w.K.Now()
	f.c.ready, f.c.failing, f.c.tries = true, nil, 0
	f.c.grant()
}

// tcpTimeout is the kernel giving up a connection with unacknowledged data.
type tcpTimeout flow

// Run ends the connection.
func (t *tcpTimeout) Run() { (*flow)(t).die(tcpGaveUp, "TCP gave it up") }

// tcpProbe is TCP keepalive at the client: a segment without a byte, which the
// balancer takes for life as it does any other.
type tcpProbe flow

// Run probes when nothing has passed for long enough. Data that is not
// acknowledged is the retransmission timer's affair.
func (p *tcpProbe) Run() {
	f := (*flow)(p)
	c, k := f.c, f.c.w.K
	if f != c.flow || f.unacked {
		return
	}
	if f.ways[toServer].stalled || !c.ready {
		k.After(c.o.TCPKeepalive, p)
		return
	}
	if due := f.last + vtime.Time(c.o.TCPKeepalive); k.Now() < due {
		k.After(time.Duration(due-k.Now()), p)
		return
	}
	switch {
	case f.carries && (c.path == nil || c.path.open(k.Now())):
		f.last, f.probes = k.Now(), 0
	case f.probes < tcpProbes:
		f.probes++
	default:
		f.die(tcpGaveUp, "probes of TCP keepalive were not answered")
		return
	}
	k.After(c.o.TCPKeepalive, p)
}

func (f *flow) die(err error, why string) {
	if f != f.c.flow {
		return
	}
	f.c.w.event("connection_dead", fmt.Sprintf("the client found its connection %s dead: %s", f.c.o.Edge, why))
	f.c.reset(err, true)
}

// keep sets the keepalive timer when there is none. As in grpc-go there are pings
// only while calls are open, unless the policy wants them always.
func (f *flow) keep() {
	if f.c.o.Keepalive.Time == 0 || f.pinging {
		return
	}
	f.pinging = true
	f.c.w.K.After(f.c.o.Keepalive.Time, (*ping)(f))
}

// ping is the keepalive timer.
type ping flow

// Run sends a ping when nothing was read for the keepalive time.
func (p *ping) Run() {
	f := (*flow)(p)
	c, k := f.c, f.c.w.K
	if f != c.flow {
		return
	}
	if c.open.n == 0 && !c.o.Keepalive.WithoutCalls {
		f.pinging = false
		return
	}
	if !c.ready {
		k.After(c.o.Keepalive.Time, p)
		return
	}
	if due := f.lastRead + vtime.Time(c.o.Keepalive.Time); k.Now() < due {
		k.After(time.Duration(due-k.Now()), p)
		return
	}
	f.pinged = k.Now()
	switch {
	case !f.send():
	case c.path != nil:
		f.carry(toServer, 0, f.pingArrived)
	case f.tooEarly():
		f.die(tooMany, sim.TooManyPings)
		return
	default:
		k.After(2*c.w.delay, (*pong)(f))
	}
	k.After(c.o.Keepalive.Timeout, (*pingCheck)(f))
}

// pingArrived is a ping reaching the server over a path.
func (f *flow) pingArrived() {
	if f.tooEarly() {
		f.carry(toClient, 0, func() { f.die(tooMany, sim.TooManyPings) })
		return
	}
	f.carry(toClient, 0, (*pong)(f).Run)
}

// maxStrikes is how many pings too early grpc-go's server forgives.
const maxStrikes = 2

// tooEarly is the server counting a ping; true when it has had enough.
func (f *flow) tooEarly() bool {
	now := f.c.w.K.Now()
	if f.c.o.MinPing > 0 && f.pings > 0 && now < f.pings+vtime.Time(f.c.o.MinPing) {
		f.strikes++
	}
	f.pings = now
	return f.strikes > maxStrikes
}

// pong is the ping's acknowledgement reaching the client.
type pong flow

// Run counts the byte on both ways.
func (p *pong) Run() {
	f := (*flow)(p)
	if f == f.c.flow && f.carries {
		f.last = f.c.w.K.Now()
		f.lastRead = f.last
	}
}

// pingCheck is the keepalive timeout.
type pingCheck flow

// Run ends the connection when nothing was read since the ping.
func (p *pingCheck) Run() {
	f := (*flow)(p)
	if f != f.c.flow {
		return
	}
	if f.lastRead <= f.pinged {
		f.die(connDead, "a ping was not answered")
		return
	}
	due := f.lastRead + vtime.Time(f.c.o.Keepalive.Time)
	f.c.w.K.After(max(0, time.Duration(due-f.c.w.K.Now())), (*ping)(f))
}
