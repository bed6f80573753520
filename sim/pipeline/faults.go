package pipeline

import (
	"cmp"
	"fmt"
	"iter"
	"math"
	"slices"
	"strings"
	"time"

	"tripcurve/internal/policy"
	"tripcurve/sim/vtime"
)

// over is when a fault ends: never where it is for good, at once where it only
// happens.
func (f *Fault) over() vtime.Time {
	switch lasts := f.What != Drop && f.What != Restart; {
	case f.For == 0 && lasts, f.For > math.MaxInt64-f.At:
		return never
	default:
		return vtime.Time(f.At + f.For)
	}
}

// fault begins what goes wrong.
func (m *machine) fault(f *Fault, n int32) {
	switch f.What {
	case LockTable:
		m.takeLock(f, n)
		return
	case Slow:
		m.slowing(f)
	case FailCalls:
		m.failing(f.Edge)
	case BlackHole:
		m.blackHole(f)
	case Drop:
		m.dropFlows(m.edgeNamed(f.Edge))
		m.note("connection_dropped", "the balancer forgot the connections of "+f.Edge+", telling neither end")
		return
	case Restart:
		m.restart(f)
	case Traffic:
		m.surging(f.Client)
	}
	if f.For > 0 {
		m.k.Post(f.For, event(evFaultEnd, 0), uint32(n))
	}
}

// faultOver ends it.
func (m *machine) faultOver(f *Fault, n int32) {
	switch f.What {
	case LockTable:
		m.releaseLock(f, n)
	case Slow:
		m.slowing(f)
	case FailCalls:
		m.failing(f.Edge)
	case BlackHole:
		if m.k.Now() >= m.edges[m.edgeNamed(f.Edge)].black {
			m.note("black_hole_over", f.Edge+" carries new connections again")
		}
	case Restart:
		m.boot(f)
	case Traffic:
		m.surging(f.Client)
	default:
	}
}

// failing sets the share of an edge's calls that fail by all the faults that are on:
// each fails its share of those that the others let through.
func (m *machine) failing(edge string) {
	fail := 0.0
	for f := range m.on(FailCalls) {
		if f.Edge == edge {
			fail += f.Share - fail*f.Share
		}
	}
	e := &m.edges[m.edgeNamed(edge)]
	was := e.fail
	e.fail = fail
	switch fail {
	case was: // one ends as another begins, or it fails none
		return
	case 0:
		m.note("fail_over", "calls over "+edge+" no longer fail")
		return
	}
	m.note("fail", fmt.Sprintf("%.10g %% of the calls over %s fail", 100*fail, edge)) // 100 times 0.07 is a little more than 7
}

// whichReplica names one of several replicas, counted from 1; 0 is all of them.
func (m *machine) whichReplica(service string, replica int) string {
	for i := range m.g.services {
		if sv := &m.g.services[i]; sv.name == service && sv.n > 1 && replica > 0 {
			return fmt.Sprintf(" (%d)", replica)
		}
	}
	return ""
}

func (m *machine) edgeNamed(name string) int32 {
	for i := range m.g.edges {
		if m.g.edges[i].name == name {
			return int32(i)
		}
	}
	panic("pipeline: no edge " + name)
}

// slowing sets how long an endpoint's times are by all the faults that are on, on those
// replicas which a fault that begins or ends is about.
func (m *machine) slowing(f *Fault) {
	m.slowed = true
	service, _, _ := strings.Cut(f.Endpoint, ".")
	type change struct {
		replica int
		factor  float64
	}
	var changes []change
	for i := range m.g.endpoints {
		e := &m.g.endpoints[i]
		if e.name != f.Endpoint {
			continue
		}
		sv := &m.g.services[e.service]
		for r := 1; r <= int(sv.n); r++ {
			if f.Replica != 0 && r != f.Replica {
				continue
			}
			factor := 1.0
			for o := range m.on(Slow) {
				if o.Endpoint == f.Endpoint && (o.Replica == 0 || o.Replica == r) {
					factor *= o.Factor
				}
			}
			if at := &m.slow[i*len(m.replicas)+int(sv.first)+r-1]; *at != factor {
				*at = factor
				changes = append(changes, change{r, factor})
			}
		}
		if len(changes) == int(sv.n) && !slices.ContainsFunc(changes, func(c change) bool { return c != change{c.replica, changes[0].factor} }) {
			changes = []change{{0, changes[0].factor}} // all replicas alike
		}
	}
	for _, c := range changes {
		who := f.Endpoint + m.whichReplica(service, c.replica)
		if c.factor == 1 {
			m.note("slow_over", who+" is as fast as before")
		} else {
			m.note("slow", fmt.Sprintf("%s takes %.10g times as long", who, c.factor))
		}
	}
}

// surging tells how many requests of a client come by all the faults that are on; that
// they come is part of its rate.
func (m *machine) surging(client string) {
	factor := 1.0
	for f := range m.on(Traffic) {
		if f.Client == client {
			factor *= f.Factor
		}
	}
	was, told := m.surges[client]
	if !told {
		was = 1
	}
	m.surges[client] = factor
	switch factor {
	case was:
	case 1:
		m.note("traffic_over", "as many requests of "+client+" as before come")
	default:
		m.note("traffic", fmt.Sprintf("%.10g times as many requests of %s come", factor, client))
	}
}

// on are the faults of a kind that have begun and are not over.
func (m *machine) on(kind FaultKind) iter.Seq[*Fault] {
	now := m.k.Now()
	return func(yield func(*Fault) bool) {
		for i := range m.p.Faults {
			f := &m.p.Faults[i]
			if f.What == kind && now >= vtime.Time(f.At) && now < f.over() && !yield(f) {
				return
			}
		}
	}
}

func (m *machine) blackHole(f *Fault) {
	e := m.edgeNamed(f.Edge)
	m.edges[e].black = max(m.edges[e].black, f.over()) // another may last longer
	m.dropFlows(e)
	m.note("black_hole", f.Edge+" carries nothing any more, telling neither end")
}

// dropFlows: what is under way still arrives; nothing further does.
func (m *machine) dropFlows(edge int32) {
	for i := range m.conns {
		if c := &m.conns[i]; c.edge == edge {
			c.carries = false
		}
	}
}

// takeLock is a session of its own that takes a table lock, waiting as any other.
func (m *machine) takeLock(f *Fault, n int32) {
	for t := range m.g.tables {
		spec := &m.g.tables[t]
		if spec.name != f.Table || m.g.databases[spec.database] != f.Database {
			continue
		}
		i := m.frames.take()
		v := m.frames.at(i)
		*v = frame{
			began: m.k.Now(), deadline: never, replica: none, try: none, session: none, job: none, calls: none, pool: none,
			life: v.life + 1, epoch: v.epoch + 1, fault: n + 1, born: 1,
		}
		if m.tableFree(v, int32(t), f.Mode) {
			m.lockTaken(i)
		} else {
			m.queueFor(i, v, int32(t), f.Mode)
		}
	}
}

// lockTaken is the session having its lock, until the fault is over.
func (m *machine) lockTaken(i int32) {
	v := m.frames.at(i)
	n := v.fault - 1
	f := &m.p.Faults[n]
	m.note("lock_taken", fmt.Sprintf("a session holds %s on %s of %s", f.Mode, f.Table, f.Database))
	m.lockHolders = append(m.lockHolders, lockHolder{fault: n, frame: i, since: m.k.Now()})
	until := f.over()
	m.k.Post(max(0, time.Duration(until-m.k.Now())), event(evFaultEnd, 0), uint32(n))
}

func (m *machine) releaseLock(f *Fault, n int32) {
	j := slices.IndexFunc(m.lockHolders, func(h lockHolder) bool { return h.fault == n })
	h := m.lockHolders[j]
	m.releaseTables(m.frames.at(h.frame))
	m.frames.at(h.frame).life++
	m.frames.at(h.frame).born = 0
	m.frames.give(h.frame)
	m.lockHolders = slices.Delete(m.lockHolders, j, j+1)
	held := time.Duration(m.k.Now() - h.since) // shorter than the fault where the session had to wait for its lock
	if held > time.Second {
		held = held.Round(time.Millisecond)
	}
	m.note("lock_released", fmt.Sprintf("%s on %s of %s was released after %s", f.Mode, f.Table, f.Database, policy.FormatDuration(held)))
}

// restart ends a service's processes and their connections; they begin again at
// once, or after the fault's For. Its callers are told; those that it called are
// told only where the connection still carries anything.
func (m *machine) restart(f *Fault) {
	for s := range m.g.services {
		sv := &m.g.services[s]
		if sv.name != f.Service {
			continue
		}
		for r := range sv.n {
			if f.Replica == 0 || int(r)+1 == f.Replica {
				rep := &m.replicas[sv.first+r]
				rep.upAt = max(rep.upAt, f.over())
				m.endReplica(sv.first+r, m.k.Now() < rep.upAt)
			}
		}
	}
	text := f.Service + m.whichReplica(f.Service, f.Replica) + " service restarted"
	if f.For > 0 {
		text = f.Service + m.whichReplica(f.Service, f.Replica) + " service went down for " + policy.FormatDuration(f.For)
	}
	m.note("restart", text)
}

// endReplica ends one process.
func (m *machine) endReplica(r int32, down bool) {
	rep := &m.replicas[r]
	rep.down = down
	for n := range m.conns {
		if c := &m.conns[n]; c.to == r {
			c.down = down
			m.reset(int32(n), false, true)
		}
	}
	for _, i := range m.framesOf(r) {
		m.kill(i)
	}
	rep.busy = 0
	for n := range m.conns {
		if c := &m.conns[n]; c.from == r {
			m.endClient(int32(n), c)
		}
	}
	for i := range m.edges {
		e := &m.g.edges[i]
		if sv := &m.g.services[e.from]; r >= sv.first && r < sv.first+sv.n {
			if err := m.newGuard(m.edges[i].guard + r - sv.first); err != nil {
				panic(fmt.Sprintf("pipeline: edge %s: a policy that could be carried out no longer can: %v", e.name, err))
			}
		}
	}
}

// framesOf are the frames of a replica, oldest first.
func (m *machine) framesOf(r int32) (all []int32) {
	for i := range m.frames.n {
		if f := m.frames.at(i); f.born != 0 && f.replica == r && f.fault == 0 {
			all = append(all, i)
		}
	}
	slices.SortFunc(all, func(a, b int32) int { return cmp.Compare(m.frames.at(a).born, m.frames.at(b).born) })
	return all
}

// endClient ends a connection whose client has gone, with all that waits on it.
func (m *machine) endClient(n int32, c *conn) {
	for c.waiting.n > 0 {
		m.leaveTry(c.waiting.first, outcome{code: unavailableCode, flags: abandoned})
	}
	tell := c.carries
	open := c.open
	for i := open.first; i != none; {
		t := m.tries.at(i)
		next := t.next
		m.unlistTry(&c.open, t)
		c.given++
		m.edges[c.edge].open--
		if tell {
			m.tell(i, t)
		}
		t.state = tryOver
		m.armDeadline(t)
		m.tryDone(i, t, outcome{code: unavailableCode, flags: abandoned})
		i = next
	}
	m.reset(n, false, false)
}

// kill ends a frame whose process has ended: it gives back what it holds and
// answers nobody.
func (m *machine) kill(i int32) {
	f := m.frames.at(i)
	for c := f.calls; c != none; {
		v := m.calls.at(c)
		next := v.next
		v.frame = none
		if v.sleeps {
			m.givenUp(c, v, outcome{code: canceledCode, flags: abandoned})
		}
		c = next
	}
	f.calls = none
	m.letGo(i, f)
	m.rec.endpoints[f.ep].killed++
	f.born = 0
	f.life++
	f.epoch++
	try, session, job, forks := f.try, f.session, f.job, f.forks
	m.frames.give(i)
	switch {
	case try != none:
		t := m.tries.at(try)
		t.frame = none
		m.leave(try, t)
	case session != none:
		s := m.sessions.at(session)
		s.frame, s.forks = none, forks
		m.k.PostSoon(event(evDropped, s.life), uint32(session))
	case job != none:
		m.k.PostSoon(event(evJobDropped, 0), uint32(job))
	}
}

// boot is the end of a restart: those of its replicas that no other keeps down are up
// again.
func (m *machine) boot(f *Fault) {
	up := false
	for s := range m.g.services {
		sv := &m.g.services[s]
		if sv.name != f.Service {
			continue
		}
		for r := range sv.n {
			rep := &m.replicas[sv.first+r]
			if (f.Replica == 0 || int(r)+1 == f.Replica) && rep.down && m.k.Now() >= rep.upAt {
				m.bootReplica(sv.first + r)
				up = true
			}
		}
	}
	if up {
		m.note("boot", f.Service+m.whichReplica(f.Service, f.Replica)+" service is up again")
	}
}

func (m *machine) bootReplica(r int32) {
	m.replicas[r].down = false
	for n := range m.conns {
		if c := &m.conns[n]; c.to == r {
			c.down = false
			m.connected(int32(n))
		}
	}
	for i := range m.queues {
		m.takeJobs(&m.queues[i])
	}
}
