package pipeline

import (
	"strings"
	"time"

	"tripcurve/internal/pglock"
	"tripcurve/internal/policy"
	"tripcurve/sim"
	"tripcurve/sim/world"
)

// program is a description with every name resolved to a number: what the machine
// runs.
type program struct {
	services  []service
	endpoints []endpoint
	edges     []edge
	pools     []poolSpec
	queues    []queueSpec
	databases []string
	tables    []tableSpec
	rows      []rowSpec
	ops       []op
}

type service struct {
	name    string
	first   int32 // its first replica; the others follow
	n       int32
	workers int32 // 0 is no bound
	backlog int32
	balance sim.Balance
}

type endpoint struct {
	name    string // <service>.<endpoint>
	service int32
	begin   int32 // of its ops
}

type edge struct {
	name     string
	from, to int32 // services
	network  sim.Dist
	fixed    bool // network is always the same
	streams  int32
	idleDrop time.Duration
	minPing  time.Duration
	policy   policy.Policy
}

type poolSpec struct {
	name      string // <service>.<pool>
	service   int32
	size      int32 // Unbounded never runs out
	database  int32
	cancel    policy.Cancel
	maxWait   time.Duration
	statement time.Duration
	lock      time.Duration
	times     *world.Stream
}

type queueSpec struct {
	name     string // <service>.<queue>
	service  int32
	endpoint int32
	workers  int32
	delay    sim.Dist
	attempts int
	backoff  policy.Retry
}

type tableSpec struct {
	database int32
	name     string
}

type rowSpec struct {
	database int32
	table    string
	n        int32
}

// opKind is what one operation does.
type opKind uint8

const (
	opWork    opKind = iota
	opCall           // n calls at once, of which need must be answered
	opBegin          // take a connection of pool
	opTable          // lock table
	opRow            // lock a row of rows
	opExec           // the statement's time
	opEnd            // give back all locks and the connection
	opEnqueue        // leave a job
	opMaybe          // pass on to to, but for a share
	opWhen           // pass on to to, unless the last call ended so
	opRepeat         // begin of a loop: n times, or as the request is large
	opLoop           // end of one round: back to to
	opReturn         // answer
)

type op struct {
	kind   opKind
	mode   pglock.Mode
	first  bool // begins a statement
	failed bool // of an opWhen: the last call must have failed
	resume bool // Continue after a call that failed
	bySize bool
	to     int32 // an endpoint, or another op
	what   int32 // edge, pool, queue, which of the nested loops
	table  int32
	rows   int32
	n      int32
	need   int32
	share  float64
	key    uint64 // of the step's draws
	time   sim.Dist
}

// compile resolves a description that has been checked.
func compile(p *Pipeline) *program {
	c := compiler{p: p, g: &program{}, service: map[string]int32{}, endpoint: map[string]int32{}, edge: map[string]int32{}, pool: map[string]int32{}, queue: map[string]int32{}}
	c.declare()
	for i := range p.Services {
		s := &p.Services[i]
		for _, e := range s.Endpoints {
			c.s, c.steps = s, 0
			name := s.Name + "." + e.Name
			c.name = name
			c.g.endpoints[c.endpoint[name]].begin = int32(len(c.g.ops))
			c.list(e.Steps, false)
			c.emit(op{kind: opReturn})
		}
	}
	return c.g
}

type compiler struct {
	p                                    *Pipeline
	g                                    *program
	service, endpoint, edge, pool, queue map[string]int32

	s     *Service
	name  string // of the endpoint
	steps uint64 // of it so far
	loops int32  // around the present step
}

// declare numbers everything that has a name.
func (c *compiler) declare() {
	replicas := int32(0)
	for i := range c.p.Services {
		s := &c.p.Services[i]
		n := int32(max(s.Replicas, 1))
		c.service[s.Name] = int32(i)
		c.g.services = append(c.g.services, service{s.Name, replicas, n, int32(s.Workers), int32(s.Backlog), s.Balance})
		replicas += n
		for _, e := range s.Endpoints {
			name := s.Name + "." + e.Name
			c.endpoint[name] = int32(len(c.g.endpoints))
			c.g.endpoints = append(c.g.endpoints, endpoint{name: name, service: int32(i)})
		}
		for _, q := range s.Pools {
			name := s.Name + "." + q.Name
			c.pool[name] = int32(len(c.g.pools))
			c.g.pools = append(c.g.pools, poolSpec{
				name: name, service: int32(i), size: int32(q.Size), database: c.database(databaseOf(s, &q)),
				cancel: c.p.Policies[name].Cancel, maxWait: q.MaxWait, statement: q.StatementTimeout, lock: q.LockTimeout,
				times: world.NewStream(c.p.Seed, "statements of "+q.Name),
			})
		}
	}
	for i := range c.p.Services {
		s := &c.p.Services[i]
		for _, q := range s.Queues {
			name := s.Name + "." + q.Name
			c.queue[name] = int32(len(c.g.queues))
			c.g.queues = append(c.g.queues, queueSpec{
				name: name, service: int32(i), endpoint: c.endpoint[q.To], workers: int32(q.Workers), delay: q.Delay,
				attempts: max(q.Attempts, 1), backoff: policy.Retry{Base: q.Backoff},
			})
		}
		eachCall(s, func(st *Step) { c.declareEdge(s, st) })
	}
}

func (c *compiler) declareEdge(s *Service, st *Step) {
	name := edgeOf(s, st)
	if _, known := c.edge[name]; known {
		return
	}
	to, _, _ := strings.Cut(st.To, ".")
	e := edge{name: name, from: c.service[s.Name], to: c.service[to], network: c.p.Network, policy: c.p.Policies[name]}
	for _, own := range c.p.Edges {
		if own.Name != name {
			continue
		}
		if own.Network != nil {
			e.network = *own.Network
		}
		e.streams, e.idleDrop, e.minPing = int32(own.Streams), own.IdleDrop, own.MinPing
	}
	e.fixed = e.network.Shape == sim.Constant
	c.edge[name] = int32(len(c.g.edges))
	c.g.edges = append(c.g.edges, e)
}

func (c *compiler) database(name string) int32 {
	for i, n := range c.g.databases {
		if n == name {
			return int32(i)
		}
	}
	c.g.databases = append(c.g.databases, name)
	return int32(len(c.g.databases) - 1)
}

// table is the number of a table of a pool's database.
func (c *compiler) table(pool int32, name string) int32 {
	if name == "" {
		return none
	}
	t := tableSpec{c.g.pools[pool].database, name}
	for i, o := range c.g.tables {
		if o == t {
			return int32(i)
		}
	}
	c.g.tables = append(c.g.tables, t)
	return int32(len(c.g.tables) - 1)
}

func (c *compiler) rows(pool int32, table string, n int) int32 {
	r := rowSpec{c.g.pools[pool].database, table, int32(n)}
	for i, o := range c.g.rows {
		if o == r {
			return int32(i)
		}
	}
	c.g.rows = append(c.g.rows, r)
	return int32(len(c.g.rows) - 1)
}

func (c *compiler) emit(o op) int32 {
	c.g.ops = append(c.g.ops, o)
	return int32(len(c.g.ops) - 1)
}

// key names a step's draws: what the step is, wherever it stands among others.
func (c *compiler) key() uint64 {
	c.steps++
	return world.NewStream(c.steps, c.name).Key()
}

func (c *compiler) list(steps []Step, inside bool) {
	for i := range steps {
		st := &steps[i]
		when, maybe, loop := none, none, none
		if st.When != Always {
			when = c.emit(op{kind: opWhen, failed: st.When == IfFailed})
		}
		if st.Share < 1 {
			maybe = c.emit(op{kind: opMaybe, share: st.Share, key: c.key()})
		}
		if st.Repeat > 1 || st.BySize {
			loop = c.emit(op{kind: opRepeat, what: c.loops, n: int32(st.Repeat), bySize: st.BySize})
			c.loops++
		}
		c.step(st, inside)
		if loop != none {
			c.loops--
			c.emit(op{kind: opLoop, what: c.loops, to: loop + 1})
		}
		if maybe != none {
			c.g.ops[maybe].to = int32(len(c.g.ops))
		}
		if when != none {
			c.g.ops[when].to = int32(len(c.g.ops))
		}
	}
}

func (c *compiler) step(st *Step, inside bool) {
	switch st.Kind {
	case Work:
		c.emit(op{kind: opWork, time: st.Time, key: c.key()})
	case Call:
		n := int32(max(st.FanOut, 1))
		need := int32(st.Need)
		if need == 0 {
			need = n
		}
		c.emit(op{
			kind: opCall, to: c.endpoint[st.To], what: c.edge[edgeOf(c.s, st)], n: n, need: need,
			resume: st.OnError == Continue, key: c.key(),
		})
	case Enqueue:
		c.emit(op{kind: opEnqueue, what: c.queue[c.s.Name+"."+st.Queue], key: c.key()})
	case Lock, Query:
		c.transaction(st, inside)
	}
}

// transaction is one around the step, or the step inside one.
func (c *compiler) transaction(st *Step, inside bool) {
	pool := c.pool[c.s.Name+"."+st.Pool]
	if !inside {
		c.emit(op{kind: opBegin, what: pool})
	}
	begins := true
	if t := c.table(pool, st.Table); t != none {
		c.emit(op{kind: opTable, what: pool, first: begins, table: t, mode: st.Mode})
		begins = false
	}
	if st.Rows > 0 {
		c.emit(op{kind: opRow, what: pool, first: begins, rows: c.rows(pool, st.Table, st.Rows), key: c.key()})
		begins = false
	}
	if st.Kind == Query {
		c.emit(op{kind: opExec, what: pool, first: begins, time: st.Time, key: c.key()})
	} else {
		c.list(st.Steps, true)
	}
	if !inside {
		c.emit(op{kind: opEnd, what: pool})
	}
}
