package pipeline

import (
	"time"

	"tripcurve/internal/policy"
	"tripcurve/internal/policy/retry"
	"tripcurve/sim"
	"tripcurve/sim/vtime"
	"tripcurve/sim/world"
)

// clients is one kind of client.
type clients struct {
	spec     *Client
	requests []int32 // endpoints
	first    int32   // number of its first kind of request
	turns    []int32 // by request: the replica taken last
	retry    policy.Retry
	tag      uint64
	times    *world.Stream
	arrivals sim.Arrivals
	due      float64     // the last arrival drawn, as the integral of the rate
	drawn    [32]float64 // arrivals, in seconds from the beginning; -1 is that there are no more
	next     int         // of drawn the next to come
	n        uint64
}

// session is one client from its first request to the last answer.
type session struct {
	kind    int32
	request int32 // of the kind's
	frame   int32 // none while it thinks
	tries   int32
	life    uint32
	tag     uint64
	forks   uint64
	rounds  uint64 // of a user
	began   vtime.Time
	size    uint16
}

func (m *machine) buildClients() {
	kinds := int32(0)
	for i := range m.p.Clients {
		cl := &m.p.Clients[i]
		c := clients{
			spec: cl, first: kinds, retry: policy.Retry{Base: cl.Backoff}, tag: uint64(i+1) << 56,
			times: world.NewStream(m.p.Seed, "arrivals "+cl.Name), turns: make([]int32, len(cl.Requests)),
		}
		c.next = len(c.drawn)
		kinds += int32(len(cl.Requests))
		for _, r := range cl.Requests {
			for e := range m.g.endpoints {
				if m.g.endpoints[e].name == r {
					c.requests = append(c.requests, int32(e))
				}
			}
		}
		var surges []sim.Surge
		for _, f := range m.p.Faults {
			if f.What == Traffic && f.Client == cl.Name {
				surges = append(surges, sim.Surge{At: f.At, For: f.For, Factor: f.Factor})
			}
		}
		c.arrivals = cl.Rate.Arrivals(m.p.Length, surges)
		m.clients = append(m.clients, c)
	}
}

// open lets a kind of client in.
func (m *machine) open(kind int32) {
	c := &m.clients[kind]
	if c.spec.Users == 0 {
		m.nextArrival(kind, c)
		return
	}
	for range c.spec.Users {
		n := m.newSession(kind)
		m.think(n, m.sessions.at(n))
	}
}

// nextArrival finds when the next client comes.
func (m *machine) nextArrival(kind int32, c *clients) {
	if c.next == len(c.drawn) {
		c.draw()
	}
	if at := c.drawn[c.next]; at >= 0 {
		c.next++
		m.k.Post(time.Duration(at*float64(time.Second))-time.Duration(m.k.Now()), event(evArrival, 0), uint32(kind))
	}
}

// draw finds the next arrivals. They depend on nothing that happens, and the logarithms
// and roots of many at once do not wait for each other.
func (c *clients) draw() {
	for i := range c.drawn {
		if c.spec.Regular {
			c.due++
		} else {
			c.due += c.times.Exp()
		}
		at, ok := c.arrivals.At(c.due)
		if !ok {
			at = -1
		}
		c.drawn[i] = at
	}
	c.next = 0
}

// arrival is one client.
func (m *machine) arrival(kind int32) {
	n := m.newSession(kind)
	m.ask(n)
	m.nextArrival(kind, &m.clients[kind])
}

func (m *machine) newSession(kind int32) int32 {
	c := &m.clients[kind]
	c.n++
	n := m.sessions.take()
	s := m.sessions.at(n)
	*s = session{kind: kind, frame: none, life: s.life + 1, tag: vtime.Mix(m.p.Seed ^ vtime.Mix(c.tag|c.n))}
	s.size = c.size(m, s.tag)
	return n
}

// size is drawn from a client's sizes; its draw depends on the client alone.
func (c *clients) size(m *machine, tag uint64) uint16 {
	lo, hi := max(c.spec.SizeMin, 1), max(c.spec.SizeMax, c.spec.SizeMin, 1)
	return uint16(lo + int(m.customers.At(tag+1)*float64(hi-lo+1)))
}

// think lets a user think before the next round.
func (m *machine) think(n int32, s *session) {
	c := &m.clients[s.kind]
	s.rounds++
	m.k.Post(c.spec.Think.Draw(m.customers.At(s.tag+s.rounds<<8)), event(evUser, s.life), uint32(n))
}

// ask makes the session's present request: the first try of it, or one more.
func (m *machine) ask(n int32) {
	s := m.sessions.at(n)
	c := &m.clients[s.kind]
	if s.tries == 0 {
		s.began = m.k.Now()
		m.rec.kinds[c.first+s.request].started(m, s.began)
		if c.spec.HangUp {
			m.k.Post(c.spec.Patience, event(evHangUp, s.life), uint32(n))
		}
	}
	s.tries++
	ep := c.requests[s.request]
	sv := &m.g.services[m.g.endpoints[ep].service]
	turn := &c.turns[s.request]
	replica := sv.first + *turn
	*turn = (*turn + 1) % sv.n
	id := s.tag
	if !m.o.HandlerKeys {
		id += vtime.Mix(s.rounds<<32 + uint64(s.request)<<16 + uint64(s.tries))
	}
	i := m.newFrame(replica, ep, id, s.size)
	f := m.frames.at(i)
	f.session, f.forks = n, s.forks
	s.frame = i
	if m.replicas[replica].down {
		m.fail(i, unavailable)
		return
	}
	m.admit(i)
}

// sessionAnswered is a client having its answer.
func (m *machine) sessionAnswered(n int32, o outcome, forks uint64) {
	s := m.sessions.at(n)
	c := &m.clients[s.kind]
	s.frame, s.forks = none, forks
	if !o.ok() && o.retryable() && int(s.tries) < c.spec.Attempts {
		wait := retry.Backoff(c.retry, int(s.tries), 0)
		if c.spec.Patience == 0 || time.Duration(m.k.Now()-s.began)+wait < c.spec.Patience {
			m.k.Post(wait, event(evUser, s.life), uint32(n))
			return
		}
	}
	m.conclude(n, s, c, o)
}

// conclude writes a request down and goes on to the next.
func (m *machine) conclude(n int32, s *session, c *clients, o outcome) {
	m.rec.ended(m, c.first+s.request, s, c.spec.Patience, o)
	s.life++ // of the hang-up timer
	s.tries = 0
	switch {
	case o.ok() && int(s.request)+1 < len(c.requests):
		s.request++
		m.ask(n)
	case c.spec.Users > 0:
		s.request = 0
		m.think(n, s)
	default:
		m.sessions.give(n)
	}
}

// hangUp is a client's patience being at its end.
func (m *machine) hangUp(n int32) {
	s := m.sessions.at(n)
	if i := s.frame; i != none {
		m.frames.at(i).session = none
		s.frame = none
		m.cancel(i)
	}
	m.conclude(n, s, &m.clients[s.kind], outcome{code: canceledCode, flags: abandoned})
}

// job is one piece of work left in a queue.
type job struct {
	link
	queue   int32
	attempt int32
	id      uint64
	size    uint16
}

// queue is the jobs left in it.
type queue struct {
	spec  queueSpec
	ready list
	busy  int32
	turn  int32
}

// enqueue leaves a job.
func (m *machine) enqueue(o *op, key uint64, size uint16) {
	q := &m.queues[o.what]
	n := m.jobs.take()
	*m.jobs.at(n) = job{queue: o.what, id: key, size: size}
	m.rec.queues[o.what].enqueued++
	m.k.Post(q.spec.delay.Draw(m.choice.At(key)), event(evJob, 0), uint32(n))
}

// jobReady is a job that can be taken.
func (m *machine) jobReady(n int32) {
	j := m.jobs.at(n)
	q := &m.queues[j.queue]
	q.ready.push(n, m.jobLink)
	m.takeJobs(q)
	res := &m.rec.res.Queues[j.queue]
	res.DepthMax = max(res.DepthMax, q.ready.n)
}

// takeJobs lets free workers take what is ready.
func (m *machine) takeJobs(q *queue) {
	for q.busy < q.spec.workers && q.ready.n > 0 {
		n := q.ready.first
		j := m.jobs.at(n)
		sv := &m.g.services[q.spec.service]
		replica := none
		for range sv.n {
			r := sv.first + q.turn
			q.turn = (q.turn + 1) % sv.n
			if !m.replicas[r].down {
				replica = r
				break
			}
		}
		if replica == none {
			return // until the service is up again
		}
		q.ready.remove(n, m.jobLink)
		q.busy++
		j.attempt++
		i := m.newFrame(replica, q.spec.endpoint, j.id+vtime.Mix(uint64(j.attempt)), j.size)
		m.frames.at(i).job = n
		m.admit(i)
	}
}

// jobDone is a job having been done, or having failed.
func (m *machine) jobDone(n int32, o outcome) {
	j := m.jobs.at(n)
	at := j.queue
	q := &m.queues[at]
	q.busy--
	switch r := &m.rec.queues[at]; {
	case o.ok():
		r.done++
		m.jobs.give(n)
	case int(j.attempt) < q.spec.attempts:
		r.retried++
		m.k.Post(retry.Backoff(q.spec.backoff, int(j.attempt), 0), event(evJob, 0), uint32(n))
	default:
		r.discarded++
		m.jobs.give(n)
	}
	m.takeJobs(q)
}
