package fit

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"tripcurve/internal/incident"
	"tripcurve/internal/incident/cause"
	"tripcurve/internal/pglock"
	"tripcurve/internal/policy"
	"tripcurve/sim/pipeline"
)

// variant is what the evidence does not tell and the simulation has to.
type variant struct {
	cancel policy.Cancel // of calls that are given up by their caller's own timer
	// follow: an endpoint whose requests stopped with the successes of another is asked
	// for after each of these, and has no rate of its own.
	follow bool
	// idle: a connection was lost for being idle, and not at an instant of its own.
	idle bool
	// other: requests make the other number of attempts that the counts allow.
	other bool
}

// model is a pipeline in the making.
type model struct {
	r       *recording
	v       variant
	p       *pipeline.Pipeline
	notes   map[string][]string
	unknown []string // what is not identified, in words

	root  string // the gateway's service
	leafs map[*endpoint]leaf
	pool  poolOf
}

// leaf is where the time of an endpoint's requests goes.
type leaf struct {
	service, endpoint string
	edges             []string // from the gateway to it
}

// poolOf is the pool whose connections the locked requests take.
type poolOf struct {
	service string // empty: none is needed
	size    int
	says    string
}

// poolName and seed are those of every pipeline that is fitted.
const (
	poolName = "postgres"
	seed     = 1
)

// model makes the pipeline of a variant.
func (r *recording) model(v variant) *model {
	m := &model{
		r: r, v: v, notes: map[string][]string{}, leafs: map[*endpoint]leaf{}, root: "gateway",
		p: &pipeline.Pipeline{Name: "fitted", Seed: seed, Start: r.window.From, Length: r.window.Length(), Policies: policy.Edges{}},
	}
	for _, e := range r.endpoints {
		if len(e.path) > 0 {
			m.root = plain(r.calls[e.path[0]].Caller)
			break
		}
	}
	m.service(m.root)
	for _, e := range r.endpoints { // the one that failed most first: its edges have the plain names
		if e.mode != starved {
			m.way(e)
		}
	}
	m.findPool()
	for _, e := range r.endpoints { // to where the pool is
		if e.mode == starved {
			m.way(e)
		}
	}
	for _, e := range r.endpoints {
		m.steps(e)
		m.ended(e)
	}
	m.clients()
	m.faults()
	for _, name := range pipeline.EdgeNames(m.p) {
		if _, has := m.p.Policies[name]; !has {
			m.p.Policies[name] = policy.Policy{}
		}
	}
	m.head()
	return m
}

func (m *model) note(at, text string, args ...any) {
	m.notes[at] = append(m.notes[at], fmt.Sprintf(text, args...))
}

// service is the one of that name, made when it is not there.
func (m *model) service(name string) *pipeline.Service {
	for i := range m.p.Services {
		if m.p.Services[i].Name == name {
			return &m.p.Services[i]
		}
	}
	m.p.Services = append(m.p.Services, pipeline.Service{Name: name, Replicas: 1, Backlog: pipeline.Unbounded})
	return &m.p.Services[len(m.p.Services)-1]
}

// endpoint makes one of a service, by another name where that one is taken.
func (m *model) endpoint(service, name string) string {
	s := m.service(service)
	free := name
	for n := 2; slices.ContainsFunc(s.Endpoints, func(e pipeline.Endpoint) bool { return e.Name == free }); n++ {
		free = fmt.Sprintf("%s_%d", name, n)
	}
	s.Endpoints = append(s.Endpoints, pipeline.Endpoint{Name: free})
	return free
}

func (m *model) step(service, endpoint string, st pipeline.Step) {
	s := m.service(service)
	i := slices.IndexFunc(s.Endpoints, func(e pipeline.Endpoint) bool { return e.Name == endpoint })
	s.Endpoints[i].Steps = append(s.Endpoints[i].Steps, st)
}

// backend is the service behind the gateway where nothing counts its calls.
const backend = "backend"

// way makes the calls from the gateway to where the time of an endpoint's requests
// goes.
func (m *model) way(e *endpoint) {
	from, at := m.root, m.endpoint(m.root, e.name)
	m.note("services."+m.root+".endpoints."+at, "%s, %s", e.Endpoint, things(e.total, "request", "requests"))
	l := leaf{service: from, endpoint: at}
	hop := func(to, endpoint string) {
		edge := from + "." + to
		if m.taken(edge) {
			edge = from + "." + to + "_" + endpoint
		}
		endpoint = m.endpoint(to, endpoint)
		st := pipeline.Step{Kind: pipeline.Call, Share: 1, To: to + "." + endpoint}
		if edge != from+"."+to {
			st.Edge = edge
		}
		m.step(from, at, st)
		l.edges = append(l.edges, edge)
		from, at = to, endpoint
		l.service, l.endpoint = to, endpoint
	}
	for _, c := range e.path {
		call := &m.r.calls[c]
		method := call.Method
		if method == "" {
			method = e.name
		}
		hop(m.other(call.Callee(), from), plain(method))
	}
	switch {
	case len(e.path) > 0:
	case e.mode == starved && m.pool.service != "":
		hop(m.pool.service, e.name)
	default:
		hop(backend, e.name)
	}
	m.leafs[e] = l
}

// other is a service's name that is not the caller's own.
func (m *model) other(name, caller string) string {
	if name = plain(name); name == caller {
		return name + "_2"
	}
	return name
}

// taken says that an endpoint goes over that edge already.
func (m *model) taken(edge string) bool {
	for _, l := range m.leafs {
		if slices.Contains(l.edges, edge) {
			return true
		}
	}
	return false
}

// findPool is the pool of those that wait for the lock, as large as a source says.
func (m *model) findPool() {
	for _, e := range m.r.endpoints {
		if e.mode == locked {
			m.pool.service = m.leafs[e].service
			break
		}
	}
	if m.pool.service == "" {
		return
	}
	m.pool.size = pipeline.Unbounded
	m.pool.says = fmt.Sprintf("its size is not identified: no source shows it full, and at most %d sessions waited at once", m.r.fault.waiters)
	for _, f := range m.r.a.Findings {
		if f.Cause == "pool_exhausted" && f.Confidence > incident.NoClearCause && f.Subject.Waiters > 0 {
			m.pool.size, m.pool.says = f.Subject.Waiters, f.Claim
			break
		}
	}
	if m.pool.size == pipeline.Unbounded {
		for _, p := range cause.Pools(m.r.v) {
			if plain(p.Name) == m.pool.service {
				m.pool.size, m.pool.says = p.Size, fmt.Sprintf("its own gauge says %d; it was not full", p.Size)
				break
			}
		}
	}
	if m.pool.size == pipeline.Unbounded {
		m.unknown = append(m.unknown, "the size of "+m.pool.service+"'s connection pool: nothing shows it full, and it is written as unlimited")
	}
	s := m.service(m.pool.service)
	s.Pools = append(s.Pools, pipeline.Pool{Name: poolName, Size: m.pool.size})
	m.note("services."+m.pool.service+".pools."+poolName, "%s", m.pool.says)
	m.p.Policies[m.pool.service+"."+poolName] = policy.Policy{Cancel: m.v.cancel}
}

// steps is what is done where an endpoint's time goes.
func (m *model) steps(e *endpoint) {
	l := m.leafs[e]
	st := pipeline.Step{Kind: pipeline.Work, Share: 1, Time: distOf(e.usual)}
	if e.mode == gated {
		m.gate(l.service)
		st.Kind, st.Pool, st.Table, st.Mode = pipeline.Query, GateName, GateName, pglock.AccessShare
	}
	if l.service == m.pool.service && (e.mode == locked || e.mode == starved) {
		st.Kind, st.Pool = pipeline.Query, poolName
		if e.mode == locked {
			st.Table, st.Mode = m.r.fault.table, m.r.fault.waitsFor(e.Endpoint)
		}
	}
	at := "services." + l.service + ".endpoints." + l.endpoint
	m.note(at+".0", "the time of %s that ended well in healthy times, all of it here: %s", things(float64(count(e.usual)), "request", "requests"), m.quantiles(e))
	m.step(l.service, l.endpoint, st)
}

// GateName is of a table that there is not: whoever waits for it waits until the fault
// is over.
const GateName = "gate"

// gate is what the requests of a service wait for that hang until the fault is over.
func (m *model) gate(service string) {
	s := m.service(service)
	if slices.ContainsFunc(s.Pools, func(p pipeline.Pool) bool { return p.Name == GateName }) {
		return
	}
	s.Pools = append(s.Pools, pipeline.Pool{Name: GateName, Size: pipeline.Unbounded})
	m.note("services."+service+".pools."+GateName, "no pool of yours: requests that hung until the fault was over wait for its table")
	m.p.Policies[service+"."+GateName] = policy.Policy{Cancel: m.v.cancel}
}

func (m *model) quantiles(e *endpoint) string {
	return fmt.Sprintf("p50 %s, p99 %s", duration(middle(e.usual, 0.5).Round(time.Microsecond)), duration(middle(e.usual, 0.99).Round(time.Microsecond)))
}

// ending is where the requests of an endpoint are given up in this variant.
func (m *model) ending(e *endpoint) ending {
	x := m.r.endingOf(e)
	if m.v.other && x.other > 0 {
		x.tries, x.each = x.other, (e.limit.took / time.Duration(x.other)).Round(time.Millisecond)
		x.says += fmt.Sprintf(", and %d are nearer to the recording", x.other)
	}
	return x
}

// ended puts the limit that ended an endpoint's requests on its edge.
func (m *model) ended(e *endpoint) {
	if !e.waits() {
		return
	}
	l, x := m.leafs[e], m.ending(e)
	edge := l.edges[min(x.at, len(l.edges)-1)]
	pol := policy.Policy{Retry: policy.Retry{Attempts: x.tries}}
	if x.tries == 1 {
		pol.Retry.Attempts = 0
	}
	what := "DEADLINE_EXCEEDED ended them, which cancels what is below"
	if x.deadline {
		pol.Deadline = x.each
	} else {
		pol.Timeout, pol.Cancel = x.each, m.v.cancel
		what = "no deadline was seen to end them: the caller's own timer, and what it leaves behind goes on"
		if m.v.cancel == policy.Propagate {
			what = "no deadline was seen to end them: the caller's own timer, which cancels what is below"
		}
	}
	m.p.Policies[edge] = pol
	for _, below := range l.edges[min(x.at, len(l.edges)-1)+1:] {
		if pol := m.p.Policies[below]; m.v.cancel == policy.Propagate {
			pol.Cancel = policy.Propagate
			m.p.Policies[below] = pol
		}
	}
	m.note("edges."+edge, "%s; %s; %s", e.limit, x.says, what)
}

// head says what the whole file is.
func (m *model) head() {
	r := m.r
	m.note("", "Fitted to a recording by `tripcurve fit`: %s to %s.", r.window.From.Format(time.RFC3339), r.window.To.Format(time.RFC3339))
	m.note("", "%s", strings.TrimSuffix(r.a.Sentence, ".")+".")
}
