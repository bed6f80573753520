package pipeline

import (
	"fmt"
	"time"

	"tripcurve/internal/policy"
	"tripcurve/sim"
	"tripcurve/sim/vtime"
)

// recorder is what a run writes down as it goes.
type recorder struct {
	res       *Result
	seconds   int
	sampled   int
	kinds     []kindRecord
	endpoints []endpointRecord
	pools     []poolRecord
	queues    []queueRecord
	waiters   []int32 // by database
	events    []sim.Event
	breakers  []sim.BreakerTrack
	track     []int32 // by guard: its place in breakers, from 1

	trigger    vtime.Time // the first fault began; never
	lastFailed vtime.Time // since then; -1
	recovered  vtime.Time // the first success after that; -1
}

type kindRecord struct {
	*RequestResult
	inFlight int32
	took     histogram
}

type endpointRecord struct {
	started, ok, failed, turnedAway, killed int
	took                                    histogram
}

// poolRecord is all replicas' pools of one kind together.
type poolRecord struct {
	waited, timeouts    int
	fullAt              time.Time
	used, usedMax       int32
	waiting, waitingMax int32
}

// connected is one more connection in use.
func (r *poolRecord) connected() {
	r.used++
	r.usedMax = max(r.usedMax, r.used)
}

// waits is one more request that waits for a connection.
func (r *poolRecord) waits() {
	r.waited++
	r.waiting++
	r.waitingMax = max(r.waitingMax, r.waiting)
}

type queueRecord struct{ enqueued, done, retried, discarded int }

func newRecorder(m *machine) *recorder {
	n := int((m.p.Length + time.Second - 1) / time.Second)
	res := &Result{Name: m.p.Name, Seed: m.p.Seed, Start: m.p.Start.UTC(), Length: m.p.Length}
	r := &recorder{res: res, seconds: n, trigger: never, lastFailed: -1, recovered: -1}
	series := func() []int32 { return make([]int32, n) }
	for _, c := range m.p.Clients {
		for _, e := range c.Requests {
			res.Requests = append(res.Requests, RequestResult{
				Client: c.Name, Endpoint: e, StartedAt: series(), OKAt: series(), FailedAt: series(), RejectedAt: series(), InFlightAt: series(),
			})
		}
	}
	for i := range res.Requests {
		r.kinds = append(r.kinds, kindRecord{RequestResult: &res.Requests[i], took: newHistogram()})
	}
	for range m.g.endpoints {
		r.endpoints = append(r.endpoints, endpointRecord{took: newHistogram()})
	}
	for _, e := range m.g.edges {
		res.Edges = append(res.Edges, EdgeResult{Name: e.name, Streams: series(), Waiting: series()})
	}
	for _, p := range m.g.pools {
		size := int(p.size)
		if p.size != Unbounded {
			size *= int(m.g.services[p.service].n)
		}
		res.Pools = append(res.Pools, PoolResult{Name: p.name, Size: size, InUse: series(), Waiting: series()})
	}
	for _, d := range m.g.databases {
		res.Databases = append(res.Databases, DatabaseResult{Name: d, Waiters: series()})
	}
	for _, q := range m.g.queues {
		res.Queues = append(res.Queues, QueueResult{Name: q.name, Depth: series()})
	}
	r.pools = make([]poolRecord, len(m.g.pools))
	r.queues = make([]queueRecord, len(m.g.queues))
	r.waiters = make([]int32, len(m.g.databases))
	for i := range m.p.Faults {
		f := &m.p.Faults[i]
		r.trigger = min(r.trigger, vtime.Time(f.At))
		over := min(f.over(), vtime.Time(m.p.Length))
		res.Lasting = res.Lasting || over == vtime.Time(m.p.Length)
		if f.For == 0 {
			over = vtime.Time(f.At)
		}
		if over := res.Start.Add(time.Duration(over)); over.After(res.TriggerEnd) {
			res.TriggerEnd = over
		}
	}
	return r
}

// second is the index of the second that an instant lies in.
func (r *recorder) second(t vtime.Time) int { return min(int(t/vtime.Time(time.Second)), r.seconds-1) }

func (k *kindRecord) started(m *machine, at vtime.Time) {
	k.Started++
	k.inFlight++
	k.StartedAt[m.rec.second(at)]++
}

// ended is a client having its answer, or having given up.
func (r *recorder) ended(m *machine, kind int32, s *session, patience time.Duration, o outcome) {
	k := &r.kinds[kind]
	now := m.k.Now()
	sec := r.second(now)
	took := time.Duration(now - s.began)
	k.inFlight--
	k.took.add(took)
	served := o.ok() && (patience == 0 || took <= patience)
	switch {
	case served:
		k.OK++
		k.OKAt[sec]++
	case o.reject != 0:
		k.Rejected++
		k.RejectedAt[sec]++
	default:
		k.Failed++
		k.FailedAt[sec]++
		k.why(o)
	}
	if now >= r.trigger {
		switch {
		case !served:
			r.lastFailed, r.recovered = now, -1
		case r.lastFailed >= 0 && r.recovered < 0:
			r.recovered = now
		}
	}
	if m.o.OnRequest != nil {
		m.o.OnRequest(Answer{
			Client: k.Client, Endpoint: k.Endpoint, Start: m.k.Clock(s.began), End: m.k.Clock(now), Code: int(o.code),
			Late: o.ok() && !served, TimedOut: o.timedOut(), Degraded: o.flags&degraded != 0, RejectedBy: m.rejectedBy(o),
		})
	}
}

// why counts what a failure was.
func (k *kindRecord) why(o outcome) {
	switch {
	case o.ok():
		k.Late++
	case o.flags&abandoned != 0:
		k.HungUp++
	case o.flags&degraded != 0:
		k.Degraded++
	case o.timedOut():
		k.TimedOut++
	}
}

func (m *machine) rejectedBy(o outcome) string {
	if r := m.rejections[o.reject]; r.edge != none {
		return m.g.edges[r.edge].name + ": " + r.reason
	}
	return ""
}

func (r *recorder) endpointEnded(f *frame, o outcome, now vtime.Time) {
	e := &r.endpoints[f.ep]
	if o.ok() {
		e.ok++
	} else {
		e.failed++
	}
	e.took.add(time.Duration(now - f.began))
}

func (r *recorder) lockWait(database, n int32) {
	r.waiters[database] += n
	d := &r.res.Databases[database]
	if n > 0 {
		d.LockWaits++
		d.WaitersMax = max(d.WaitersMax, r.waiters[database])
	}
}

// poolFull notes the first time at which a pool has no connection free.
func (r *recorder) poolFull(m *machine, spec, replica int32) {
	p := &r.pools[spec]
	if p.fullAt.IsZero() && m.k.Now() >= r.trigger {
		p.fullAt = m.now()
		name := m.g.pools[spec].name + m.whichReplica(m.g.services[m.g.pools[spec].service].name, int(replica)+1)
		text := fmt.Sprintf("all %d connections of %s are in use", m.g.pools[spec].size, name)
		if m.g.pools[spec].size == 1 {
			text = "the one connection of " + name + " is in use"
		}
		m.note("pool_full", text)
	}
}

func (r *recorder) breaker(m *machine, n, edge int32, s policy.State) {
	name := m.g.edges[edge].name
	if sv := &m.g.services[m.g.edges[edge].from]; sv.n > 1 {
		name = fmt.Sprintf("%s (%d)", name, n-m.edges[edge].guard+1)
	}
	at := m.now()
	m.note("breaker", "breaker "+name+" is "+s.String())
	for len(r.track) <= int(n) {
		r.track = append(r.track, 0)
	}
	if r.track[n] == 0 {
		r.breakers = append(r.breakers, sim.BreakerTrack{Edge: name})
		r.track[n] = int32(len(r.breakers))
	}
	b := &r.breakers[r.track[n]-1]
	b.Changes = append(b.Changes, sim.BreakerChange{At: at, State: s})
}

// sample is the end of a second.
func (m *machine) sample() {
	r := m.rec
	if r.sampled < r.seconds {
		m.look(r.sampled)
		r.sampled++
	}
	if r.sampled < r.seconds {
		m.k.Lane(time.Second).Post(event(evSample, 0), 0)
	}
}

// look writes the present state down as that of a second.
func (m *machine) look(sec int) {
	res := m.rec.res
	for i := range m.rec.kinds {
		m.rec.kinds[i].InFlightAt[sec] = m.rec.kinds[i].inFlight
	}
	for i := range m.conns {
		c := &m.conns[i]
		res.Edges[c.edge].Streams[sec] += c.open.n
		res.Edges[c.edge].Waiting[sec] += c.waiting.n
	}
	for i := range m.pools {
		p := &m.pools[i]
		out := &res.Pools[p.spec]
		out.InUse[sec] += p.used
		out.Waiting[sec] += p.waiting.n
	}
	for i, n := range m.rec.waiters {
		res.Databases[i].Waiters[sec] = n
	}
	for i := range m.queues {
		res.Queues[i].Depth[sec] = m.queues[i].ready.n
	}
}

// result is the run's, when it has ended.
func (m *machine) result() *Result {
	r, res := m.rec, m.rec.res
	for ; r.sampled < r.seconds; r.sampled++ { // a last second that is not a whole one
		m.look(r.sampled)
	}
	for i := range r.kinds {
		k := &r.kinds[i]
		k.InFlight = int(k.inFlight)
		k.Mean, k.P50, k.P99, k.Max = k.took.mean(), k.took.quantile(0.5), k.took.quantile(0.99), k.took.max
	}
	for i := range r.endpoints {
		e := &r.endpoints[i]
		res.Endpoints = append(res.Endpoints, EndpointResult{
			Name: m.g.endpoints[i].name, Calls: e.started, OK: e.ok, Failed: e.failed, TurnedAway: e.turnedAway, Killed: e.killed,
			InFlight: e.started - e.ok - e.failed - e.killed,
			Mean:     e.took.mean(), P50: e.took.quantile(0.5), P99: e.took.quantile(0.99),
		})
	}
	for i := range r.pools {
		p := &res.Pools[i]
		p.Waited, p.TimedOut, p.FullAt = r.pools[i].waited, r.pools[i].timeouts, r.pools[i].fullAt
		p.InUseMax, p.WaitingMax = r.pools[i].usedMax, r.pools[i].waitingMax
	}
	for i, q := range r.queues {
		out := &res.Queues[i]
		out.Enqueued, out.Done, out.Retried, out.Discarded = q.enqueued, q.done, q.retried, q.discarded
	}
	res.Disturbed = r.lastFailed >= 0
	if r.recovered >= 0 {
		res.RecoveredAt = m.k.Clock(r.recovered)
	}
	res.Events, res.Breakers, res.KernelEvents = r.events, r.breakers, m.k.Events()
	return res
}

// balance says whether what came in equals what went out and what is left, in every
// part of the run.
func (m *machine) balance(res *Result) error {
	for _, k := range res.Requests {
		if k.Started != k.OK+k.Failed+k.Rejected+k.InFlight || k.InFlight < 0 {
			return fmt.Errorf("%s of %s: %d started, %d ok, %d failed, %d rejected, %d in flight", k.Endpoint, k.Client, k.Started, k.OK, k.Failed, k.Rejected, k.InFlight)
		}
	}
	alive := make([]int, len(m.g.endpoints))
	for i := range m.frames.n {
		if f := m.frames.at(i); f.born != 0 && f.fault == 0 {
			alive[f.ep]++
		}
	}
	for i, e := range res.Endpoints {
		if e.InFlight != alive[i] {
			return fmt.Errorf("endpoint %s: %d calls, %d ok, %d failed, %d killed, %d alive", e.Name, e.Calls, e.OK, e.Failed, e.Killed, alive[i])
		}
	}
	for i, q := range m.rec.queues {
		if q.enqueued < q.done+q.discarded {
			return fmt.Errorf("queue %s: %d enqueued, %d done, %d discarded", m.g.queues[i].name, q.enqueued, q.done, q.discarded)
		}
	}
	if err := m.connErr(); err != nil {
		return err
	}
	return m.databaseErr()
}
