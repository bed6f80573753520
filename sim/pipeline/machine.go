package pipeline

import (
	"time"

	"tripcurve/sim"
	"tripcurve/sim/vtime"
	"tripcurve/sim/world"
)

// machine is one run: the program, and the state of everything in it. It is the
// kernel's vtime.Machine.
type machine struct {
	k *vtime.Kernel
	p *Pipeline
	g *program
	o Options

	frames   arena[frame]
	calls    arena[call]
	tickets  arena[ticket] // beside calls, for edges with a breaker
	tries    arena[try]
	limits   []uint32 // by try: the epoch of its client's time limits
	sessions arena[session]
	jobs     arena[job]

	replicas []replica
	guards   []guard // by edge and caller replica
	conns    []conn  // by edge, caller replica and callee replica
	edges    []edgeState
	pools    []pool  // by poolSpec and replica
	poolAt   []int32 // the first of a poolSpec's pools; one for every replica
	tables   []table
	rows     []rowSet
	queues   []queue
	clients  []clients

	frameLink, jobLink linked
	born               uint32 // frames so far

	dice, choice, failures, network *world.Stream
	customers                       *world.Stream
	works                           []*world.Stream // by service

	rejections []rejection
	slow       []float64 // by endpoint and replica: times take so many times as long
	slowed     bool
	surges     map[string]float64 // by client: so many times its requests come, as was told last
	rec        *recorder

	lockHolders []lockHolder // sessions of LockTable faults that have their lock

	fetch fetcher
}

// lockHolder is the session of a LockTable fault.
type lockHolder struct {
	fault, frame int32
	since        vtime.Time
}

// rejection is who turned a call away, and in which words.
type rejection struct {
	edge   int32
	reason string
}

// replica is one process of a service.
type replica struct {
	service int32
	busy    int32 // workers
	waiting list  // frames that wait for a worker
	down    bool
	upAt    vtime.Time // the last restart's end
}

// edgeState is what an edge has beside its guards and connections.
type edgeState struct {
	wire  *vtime.Lane // where the delay is always the same
	guard int32       // its first guard; one for every caller replica
	conn  int32       // its first connection
	black vtime.Time  // it carries nothing before that instant
	fail  float64     // share of the calls that fail
	turns []int32     // by caller replica: the callee taken last
	open  int32       // streams, over all its connections
	res   *EdgeResult
}

// What an event of the machine does. Its op is the kind, and below it the lower
// bits of the epoch of what it is about; an event of an older epoch is stale.
const (
	evFrame      uint32 = iota // a frame's wait is over: its time, or it was given what it waited for
	evLimit                    // a frame has waited too long
	evFrameEnd                 // a frame's deadline
	evArrive                   // a request reaches the server
	evAnswer                   // an answer reaches the client
	evLost                     // the client hears that an attempt's connection has failed
	evReset                    // word that nobody waits reaches the server
	evTryEnd                   // an attempt's deadline
	evTryWait                  // the caller of an attempt waits no longer
	evRetry                    // the wait before an attempt is over
	evArrival                  // a client arrives
	evUser                     // a client goes on: it has thought, or tries again
	evHangUp                   // a client's patience is at its end
	evBreaker                  // a breaker's own timer
	evDropped                  // a client hears that the process of its request has ended
	evJob                      // a job can be taken
	evJobDropped               // a job's process has ended
	evFault                    // a fault begins
	evFaultEnd                 // a fault ends
	evIdle                     // the balancer looks whether a byte has passed of late
	evConnected                // a connection is up
	evGiveUp                   // TCP gives a connection up
	evPing                     // the keepalive timer
	evPong                     // a ping's acknowledgement
	evPingCheck                // the keepalive timeout
	evProbe                    // the timer of TCP keepalive
	evSample                   // a second is over
)

const (
	epochBits = 24
	epochMask = 1<<epochBits - 1
)

func event(kind, epoch uint32) uint32 { return kind<<epochBits | epoch&epochMask }

// Stale says whether an event would do nothing.
func (m *machine) Stale(op, arg uint32) bool {
	i, epoch := int32(arg), op&epochMask
	switch op >> epochBits {
	case evFrame, evLimit:
		return m.frames.at(i).epoch&epochMask != epoch
	case evFrameEnd:
		return m.frames.at(i).life&epochMask != epoch
	case evTryEnd, evTryWait: // most are stale when they fall due: a small array says so
		return m.limits[i]&epochMask != epoch
	case evAnswer:
		t := m.tries.at(i)
		return t.life&epochMask != epoch || t.state != tryOpen
	case evLost:
		t := m.tries.at(i)
		return t.life&epochMask != epoch || t.state != tryLost
	case evArrive, evReset:
		return m.tries.at(i).life&epochMask != epoch
	case evRetry:
		return m.calls.at(i).life&epochMask != epoch
	case evUser, evHangUp, evDropped:
		return m.sessions.at(i).life&epochMask != epoch
	case evBreaker:
		return m.guards[i].epoch&epochMask != epoch
	case evIdle, evConnected, evGiveUp, evPing, evPong, evPingCheck, evProbe:
		return m.conns[i].flow&epochMask != epoch
	default:
		return false
	}
}

// Step is an event falling due. The frequent ones look for themselves whether they
// are stale, for the object that they need anyway.
func (m *machine) Step(op, arg uint32) bool {
	i, epoch := int32(arg), op&epochMask
	switch op >> epochBits {
	case evFrame:
		f := m.frames.at(i)
		if f.epoch&epochMask != epoch {
			return false
		}
		m.proceed(i, f)
	case evArrive:
		t := m.tries.at(i)
		if t.life&epochMask != epoch {
			return false
		}
		m.arrive(i, t)
	case evAnswer:
		t := m.tries.at(i)
		if t.life&epochMask != epoch || t.state != tryOpen {
			return false
		}
		m.answer(i, t)
	case evArrival:
		m.arrival(i)
	default:
		if m.Stale(op, arg) {
			return false
		}
		m.seldom(op>>epochBits, i)
	}
	return true
}

// seldom is one of the other events.
func (m *machine) seldom(kind uint32, i int32) {
	switch kind {
	case evLimit:
		m.tooLong(i)
	case evFrameEnd:
		m.deadline(i)
	case evLost:
		m.lost(i)
	case evReset:
		m.heardReset(i)
	case evTryEnd:
		m.tryDeadline(i)
	case evTryWait:
		m.tryAbandonedByRace(i)
	case evRetry:
		m.retryNow(i)
	case evUser:
		m.ask(i)
	case evDropped:
		m.sessionAnswered(i, unavailable, m.sessions.at(i).forks)
	case evHangUp:
		m.hangUp(i)
	case evBreaker:
		m.wakeBreaker(i)
	case evJob:
		m.jobReady(i)
	case evJobDropped:
		m.jobDone(i, unavailable)
	case evFault:
		m.fault(&m.p.Faults[i], i)
	case evFaultEnd:
		m.faultOver(&m.p.Faults[i], i)
	case evIdle:
		m.idleCheck(i)
	case evConnected:
		m.connected(i)
	case evGiveUp:
		m.die(i, "TCP gave it up")
	case evPing:
		m.ping(i)
	case evPong:
		m.pong(i)
	case evPingCheck:
		m.pingCheck(i)
	case evProbe:
		m.probe(i)
	default:
		m.sample()
	}
}

// now is the present instant as breakers know it.
func (m *machine) now() time.Time { return m.k.Clock(m.k.Now()) }

func (m *machine) note(kind, text string) {
	m.rec.events = append(m.rec.events, sim.Event{At: m.now(), Kind: kind, Text: text})
}

// replicaOf is the global number of a service's i-th replica.
func (m *machine) replicaOf(service, i int32) int32 { return m.g.services[service].first + i }

func (m *machine) rejectionOf(edge int32, reason string) outcome {
	for i, r := range m.rejections {
		if r.edge == edge && r.reason == reason {
			return outcome{code: unavailableCode, reject: uint16(i)}
		}
	}
	m.rejections = append(m.rejections, rejection{edge, reason})
	return outcome{code: unavailableCode, reject: uint16(len(m.rejections) - 1)}
}

// newMachine builds the world of a run.
func newMachine(p *Pipeline, o Options) (*machine, error) {
	m := &machine{k: vtime.New(p.Start), p: p, g: compile(p), o: o}
	m.k.Attach(m)
	m.frameLink = func(i int32) *link { return &m.frames.at(i).link }
	m.jobLink = func(i int32) *link { return &m.jobs.at(i).link }
	m.rejections = append(m.rejections, rejection{edge: none})
	stream := func(name string) *world.Stream { return world.NewStream(p.Seed, name) }
	m.dice, m.choice, m.failures, m.network = stream("dice"), stream("choices"), stream("failures"), stream("network")
	m.customers = stream("customers")
	for i := range m.g.services {
		s := &m.g.services[i]
		m.works = append(m.works, stream("work of "+s.name))
		for range s.n {
			m.replicas = append(m.replicas, replica{service: int32(i), waiting: newList()})
		}
	}
	m.slow = make([]float64, len(m.g.endpoints)*len(m.replicas))
	m.surges = map[string]float64{}
	for i := range m.slow {
		m.slow[i] = 1
	}
	m.rec = newRecorder(m)
	m.buildDatabases()
	if err := m.buildEdges(); err != nil {
		return nil, err
	}
	m.buildClients()
	m.schedule()
	return m, nil
}

// buildEdges makes the guards and connections of every edge.
func (m *machine) buildEdges() error {
	for i := range m.g.edges {
		e := &m.g.edges[i]
		from, to := &m.g.services[e.from], &m.g.services[e.to]
		st := edgeState{guard: int32(len(m.guards)), conn: int32(len(m.conns)), turns: make([]int32, from.n), res: &m.rec.res.Edges[i]}
		if e.fixed {
			st.wire = m.k.Lane(e.network.A)
		}
		for r := range st.turns {
			st.turns[r] = to.n - 1
		}
		m.edges = append(m.edges, st)
		for range from.n {
			m.guards = append(m.guards, guard{edge: int32(i)})
			if err := m.newGuard(int32(len(m.guards) - 1)); err != nil {
				return err
			}
		}
		for f := range from.n {
			for t := range to.n {
				m.conns = append(m.conns, conn{edge: int32(i), from: m.replicaOf(e.from, f), to: m.replicaOf(e.to, t), ready: true, carries: true, open: newList(), waiting: newList()})
				m.newFlow(int32(len(m.conns) - 1))
			}
		}
	}
	return nil
}

// schedule sets the clients, the faults and the sampler going.
func (m *machine) schedule() {
	for i := range m.clients {
		m.open(int32(i))
	}
	for i, f := range m.p.Faults {
		m.k.Post(f.At, event(evFault, 0), uint32(i))
	}
	m.k.Lane(time.Second).Post(event(evSample, 0), 0)
}
