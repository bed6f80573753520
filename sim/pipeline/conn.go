package pipeline

import (
	"fmt"
	"time"

	"tripcurve/internal/policy"
	"tripcurve/sim"
	"tripcurve/sim/vtime"
)

// conn is the HTTP/2 connection of one replica to one replica of another service,
// made again when it is found dead. What it does is sim/world.Conn's, as a state
// machine; the test against the coded handlers holds the two together.
type conn struct {
	edge     int32
	from, to int32 // replicas

	ready   bool   // false while connecting
	down    bool   // the other end is not up
	idle    bool   // not connecting either, until the next attempt
	open    list   // attempts that have a stream
	waiting list   // for a stream
	taken   int    // streams
	given   int    // back
	flow    uint32 // counts its incarnations; what follows is of the present one

	carries  bool // false once the balancer has dropped it
	pinging  bool // a keepalive timer is set
	unacked  bool // the client has sent data into a dropped flow
	strikes  int8 // pings too early for the server
	probes   int8 // of TCP keepalive that nobody answered
	last     vtime.Time
	lastRead vtime.Time // a byte last reached the client
	pinged   vtime.Time // the last ping left
	pings    vtime.Time // the server last got a ping; 0 for none since it last answered a call
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
	// maxStrikes is how many pings too early grpc-go's server forgives.
	maxStrikes = 2
)

func (c *conn) load() int32 { return c.open.n + c.waiting.n }

// keepalive is an edge's, as grpc-go takes it.
func (m *machine) keepalive(c *conn) policy.Keepalive {
	k := m.g.edges[c.edge].policy.Keepalive
	if k.Time > 0 {
		k.Time = max(k.Time, minKeepalive)
	}
	if k.Timeout == 0 {
		k.Timeout = pingTimeout
	}
	return k
}

// patience is how long the client's kernel waits for an acknowledgement. With
// keepalive on, grpc-go sets TCP_USER_TIMEOUT to the keepalive timeout
// (internal/transport/http2_client.go, newHTTP2Client).
func (m *machine) patience(c *conn) time.Duration {
	if k := m.keepalive(c); k.Time > 0 {
		return k.Timeout
	}
	return giveUp
}

// delay is one way of the network.
func (m *machine) delay(c *conn, key uint64) time.Duration {
	e := &m.g.edges[c.edge]
	if e.fixed {
		return e.network.A
	}
	return e.network.Draw(m.network.At(key))
}

// wire sends something over the network.
func (m *machine) wire(conn int32, op uint32, n int32, key uint64) {
	c := &m.conns[conn]
	if l := m.edges[c.edge].wire; l != nil {
		l.Post(op, uint32(n))
		return
	}
	m.k.Post(m.delay(c, key), op, uint32(n))
}

func (m *machine) streamFree(c *conn) bool {
	quota := m.g.edges[c.edge].streams
	return c.ready && (quota == 0 || c.open.n < quota)
}

// send sends an attempt, or lets it wait for a stream. Nothing answers at a replica
// that is down: the connection is refused.
func (m *machine) send(n int32, t *try) {
	c := &m.conns[t.conn]
	switch {
	case c.down:
		t.state = tryLost
		m.k.Post(2*m.delay(c, t.id+1), event(evLost, t.life), uint32(n))
	case c.waiting.n > 0 || !m.streamFree(c):
		if c.idle {
			c.idle = false
			m.dial(t.conn, c)
		}
		t.state = tryWaiting
		m.listTry(&c.waiting, n, t)
		m.edges[c.edge].res.StreamWaits++
	default:
		m.openStream(n, t, c)
	}
}

func (m *machine) openStream(n int32, t *try, c *conn) {
	t.state = tryOpen
	t.flow = c.flow
	c.taken++
	e := &m.edges[c.edge]
	e.open++
	e.res.StreamsMax = max(e.res.StreamsMax, e.open)
	m.listTry(&c.open, n, t)
	m.keep(t.conn, c)
	if m.carriesRequest(t.conn) {
		t.users++
		if t.end != never {
			t.end -= m.k.Now()
		}
		m.wire(t.conn, event(evArrive, t.life), n, t.id+1)
	}
}

// close gives a stream back and lets the next attempt have it.
func (m *machine) close(t *try) {
	t.state = tryOver
	m.armDeadline(t)
	c := &m.conns[t.conn]
	m.unlistTry(&c.open, t)
	c.given++
	m.edges[c.edge].open--
	m.grant(c)
}

// listTry and unlistTry are list.push and remove without a call for every link.
func (m *machine) listTry(l *list, n int32, t *try) {
	t.prev, t.next = l.last, none
	if l.last != none {
		m.tries.at(l.last).next = n
	} else {
		l.first = n
	}
	l.last = n
	l.n++
}

func (m *machine) unlistTry(l *list, t *try) {
	if t.prev != none {
		m.tries.at(t.prev).next = t.next
	} else {
		l.first = t.next
	}
	if t.next != none {
		m.tries.at(t.next).prev = t.prev
	} else {
		l.last = t.prev
	}
	t.prev, t.next = none, none
	l.n--
}

// grant lets attempts that wait have the free streams.
func (m *machine) grant(c *conn) {
	for c.waiting.n > 0 && m.streamFree(c) {
		n := c.waiting.first
		t := m.tries.at(n)
		m.unlistTry(&c.waiting, t)
		m.openStream(n, t, c)
	}
}

// carriesRequest is the client sending a frame; false when it is lost. TCP sends it
// again and again, and at last gives the connection up.
func (m *machine) carriesRequest(n int32) bool {
	c := &m.conns[n]
	if !c.carries {
		if !c.unacked {
			c.unacked = true
			m.k.Post(m.patience(c), event(evGiveUp, c.flow), uint32(n))
		}
		return false
	}
	c.last = m.k.Now()
	return true
}

// carriesAnswer is the server sending a frame; false when it is lost.
func (m *machine) carriesAnswer(n int32) bool {
	c := &m.conns[n]
	if !c.carries {
		return false
	}
	c.last = m.k.Now()
	c.pings, c.strikes = 0, 0
	return true
}

// newFlow is the connection's next incarnation.
func (m *machine) newFlow(n int32) {
	c := &m.conns[n]
	now := m.k.Now()
	c.flow++
	c.carries, c.pinging, c.unacked, c.strikes, c.probes = true, false, false, 0, 0
	c.last, c.lastRead, c.pinged, c.pings = now, now, 0, 0
	e := &m.g.edges[c.edge]
	if e.idleDrop > 0 {
		m.k.Post(e.idleDrop, event(evIdle, c.flow), uint32(n))
	}
	if e.policy.TCPKeepalive > 0 {
		m.k.Post(e.policy.TCPKeepalive, event(evProbe, c.flow), uint32(n))
	}
	if m.keepalive(c).WithoutCalls {
		m.keep(n, c)
	}
}

// idleCheck is the balancer looking whether a byte has passed of late: it drops the
// flow, or looks again when it would next be due.
func (m *machine) idleCheck(n int32) {
	c := &m.conns[n]
	if !c.carries {
		return
	}
	e := &m.g.edges[c.edge]
	due := c.last + vtime.Time(e.idleDrop)
	if now := m.k.Now(); now < due {
		m.k.Post(time.Duration(due-now), event(evIdle, c.flow), uint32(n))
		return
	}
	c.carries = false
	m.note("connection_dropped", fmt.Sprintf(
		"the balancer dropped the idle connection %s (no byte for %s), telling neither end; %d calls open on it",
		m.connName(c), policy.FormatDuration(e.idleDrop), c.open.n))
}

// probe is TCP keepalive at the client: a segment without a byte when nothing has
// passed for long enough, which the balancer takes for life as it does any other.
// Data that is not acknowledged is the retransmission timer's affair.
func (m *machine) probe(n int32) {
	c := &m.conns[n]
	every := m.g.edges[c.edge].policy.TCPKeepalive
	now := m.k.Now()
	if c.unacked {
		return
	}
	if due := c.last + vtime.Time(every); now < due {
		m.k.Post(time.Duration(due-now), event(evProbe, c.flow), uint32(n))
		return
	}
	switch {
	case c.carries:
		c.last = now
	case c.probes < tcpProbes:
		c.probes++
	default:
		m.die(n, "probes of TCP keepalive were not answered")
		return
	}
	m.k.Post(every, event(evProbe, c.flow), uint32(n))
}

// connName is the edge, and which replicas where there are several.
func (m *machine) connName(c *conn) string {
	e := &m.g.edges[c.edge]
	from, to := &m.g.services[e.from], &m.g.services[e.to]
	if from.n == 1 && to.n == 1 {
		return e.name
	}
	return fmt.Sprintf("%s (%d to %d)", e.name, c.from-from.first+1, c.to-to.first+1)
}

// keep sets the keepalive timer when there is none. As in grpc-go there are pings
// only while calls are open, unless the policy wants them always.
func (m *machine) keep(n int32, c *conn) {
	if c.pinging || m.g.edges[c.edge].policy.Keepalive.Time == 0 {
		return
	}
	c.pinging = true
	m.k.Post(m.keepalive(c).Time, event(evPing, c.flow), uint32(n))
}

// ping is the keepalive timer: it sends a ping when nothing was read for the
// keepalive time.
func (m *machine) ping(n int32) {
	c := &m.conns[n]
	alive := m.keepalive(c)
	if c.open.n == 0 && !alive.WithoutCalls {
		c.pinging = false
		return
	}
	now := m.k.Now()
	if due := c.lastRead + vtime.Time(alive.Time); now < due {
		m.k.Post(time.Duration(due-now), event(evPing, c.flow), uint32(n))
		return
	}
	c.pinged = now
	if m.carriesRequest(n) {
		if m.tooEarly(c) {
			m.die(n, sim.TooManyPings)
			return
		}
		m.k.Post(2*m.delay(c, uint64(n)), event(evPong, c.flow), uint32(n))
	}
	m.k.Post(alive.Timeout, event(evPingCheck, c.flow), uint32(n))
}

// tooEarly is the server counting a ping; true when it has had enough.
func (m *machine) tooEarly(c *conn) bool {
	now := m.k.Now()
	least := m.g.edges[c.edge].minPing
	if least > 0 && c.pings > 0 && now < c.pings+vtime.Time(least) {
		c.strikes++
	}
	c.pings = now
	return c.strikes > maxStrikes
}

// pong is a ping's acknowledgement reaching the client.
func (m *machine) pong(n int32) {
	c := &m.conns[n]
	if c.carries {
		c.last = m.k.Now()
		c.lastRead = c.last
	}
}

// pingCheck is the keepalive timeout: the connection is dead when nothing was read
// since the ping.
func (m *machine) pingCheck(n int32) {
	c := &m.conns[n]
	if c.lastRead <= c.pinged {
		m.die(n, "a ping was not answered")
		return
	}
	due := c.lastRead + vtime.Time(m.keepalive(c).Time)
	m.k.Post(max(0, time.Duration(due-m.k.Now())), event(evPing, c.flow), uint32(n))
}

func (m *machine) die(n int32, why string) {
	c := &m.conns[n]
	m.note("connection_dead", fmt.Sprintf("the client found its connection %s dead: %s", m.connName(c), why))
	m.lose(n, c.carries, false)
	// A client that balances (grpc-go's round_robin) connects anew at once, one that
	// does not (pick_first) with the next attempt.
	switch c = &m.conns[n]; {
	case c.down:
	case c.waiting.n == 0 && m.g.services[m.g.edges[c.edge].to].n == 1:
		c.idle = true
	default:
		m.dial(n, c)
	}
}

// reset ends a connection, and a new one is made.
func (m *machine) reset(n int32, told, gone bool) {
	m.lose(n, told, gone)
	if c := &m.conns[n]; !c.down {
		m.dial(n, c)
	}
}

// lose ends a connection: every attempt open on it fails. Attempts that still wait for
// a stream were never sent; they go over the next one. told says that the server hears
// of it, gone that its process has ended.
func (m *machine) lose(n int32, told, gone bool) {
	c := &m.conns[n]
	open := c.open
	c.open = newList()
	m.edges[c.edge].open -= open.n
	m.newFlow(n)
	c.ready, c.idle = false, false
	for i := open.first; i != none; {
		t := m.tries.at(i)
		next := t.next
		t.prev, t.next = none, none
		t.state = tryLost
		m.armDeadline(t)
		c.given++
		if told {
			m.tell(i, t)
		}
		t.heard = t.heard || gone
		m.k.PostSoon(event(evLost, t.life), uint32(i))
		i = next
	}
}

// dial makes the connection's next incarnation come up.
func (m *machine) dial(n int32, c *conn) {
	m.k.Post(2*m.delay(c, uint64(n)), event(evConnected, c.flow), uint32(n))
}

// connected is the client's connection being up, unless nothing gets through.
func (m *machine) connected(n int32) {
	c := &m.conns[n]
	now := m.k.Now()
	if black := m.edges[c.edge].black; now < black {
		m.k.Post(time.Duration(black-now)+2*m.delay(c, uint64(n)), event(evConnected, c.flow), uint32(n))
		return
	}
	c.last, c.lastRead = now, now
	c.ready, c.idle = true, false
	m.grant(c)
}

// connErr says whether the streams add up: taken = given back + held, and an edge's are
// its connections'.
func (m *machine) connErr() error {
	open := make([]int32, len(m.edges))
	for i := range m.conns {
		c := &m.conns[i]
		open[c.edge] += c.open.n
		if c.taken != c.given+int(c.open.n) {
			return fmt.Errorf("%s: %d streams taken, %d given back, %d held", m.connName(c), c.taken, c.given, c.open.n)
		}
	}
	for i, n := range open {
		if m.edges[i].open != n {
			return fmt.Errorf("edge %s: %d streams counted, %d held", m.g.edges[i].name, m.edges[i].open, n)
		}
	}
	return nil
}
