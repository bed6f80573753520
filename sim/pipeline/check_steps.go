package pipeline

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"tripcurve/internal/pglock"
	"tripcurve/internal/policy"
)

// maxLocks is how many tables one transaction may lock, and how many rows.
const maxLocks = 6

// maxNested is how deep Lock steps may lie in each other.
const maxNested = 4

// steps checks a list; pool is that of the transaction around it, if any.
func (c *checker) steps(s *Service, steps []Step, pool string, at []string) error {
	if len(steps) == 0 {
		return wrong("no step", "at least one", at...)
	}
	for i := range steps {
		st := &steps[i]
		here := append(slices.Clone(at), strconv.Itoa(i))
		if err := share(st.Share, append(slices.Clone(here), "share")...); err != nil {
			return err
		}
		if err := within(st.Repeat, 0, maxRepeat, append(slices.Clone(here), "repeat")...); err != nil {
			return err
		}
		if err := c.step(s, st, pool, append(here, st.Kind.String())); err != nil {
			return err
		}
	}
	return nil
}

func (c *checker) step(s *Service, st *Step, pool string, at []string) error {
	below := func(name string) []string { return append(slices.Clone(at), name) }
	switch st.Kind {
	case Call:
		return c.call(s, st, at)
	case Work:
		return c.dist(&st.Time, at...)
	case Query:
		return errors.Join(c.statement(s, st, pool, at), c.dist(&st.Time, below("time")...))
	case Lock:
		if err := c.statement(s, st, pool, at); err != nil {
			return err
		}
		if pool == "" {
			if tables, rows := locksOf(st); len(tables) > maxLocks || rows > maxLocks {
				return wrong(fmt.Sprintf("a transaction that locks %d tables and %d rows", len(tables), rows), fmt.Sprintf("at most %d of each", maxLocks), at...)
			}
		}
		if c.depth++; c.depth > maxNested {
			return wrong(fmt.Sprintf("lock steps nested %d deep", c.depth), fmt.Sprintf("at most %d", maxNested), at...)
		}
		defer func() { c.depth-- }()
		return c.steps(s, st.Steps, st.Pool, below("steps"))
	case Enqueue:
		var names []string
		for _, q := range s.Queues {
			names = append(names, q.Name)
		}
		if !slices.Contains(names, st.Queue) {
			return unknown("queue of "+s.Name, st.Queue, names, at...)
		}
		return nil
	default:
		panic(fmt.Sprintf("pipeline: step of kind %d", st.Kind))
	}
}

// locksOf is the tables and the number of rows that a transaction may lock.
func locksOf(st *Step) (tables []string, rows int) {
	if st.Table != "" {
		tables = append(tables, st.Table)
	}
	if st.Rows > 0 {
		rows = max(st.Repeat, 1)
		if st.BySize {
			rows = maxLocks + 1
		}
	}
	for i := range st.Steps {
		t, r := locksOf(&st.Steps[i])
		rows += r
		for _, name := range t {
			if !slices.Contains(tables, name) {
				tables = append(tables, name)
			}
		}
	}
	return tables, rows
}

// statement checks what Lock and Query have in common.
func (c *checker) statement(s *Service, st *Step, pool string, at []string) error {
	below := func(name string) []string { return append(slices.Clone(at), name) }
	var names []string
	for _, p := range s.Pools {
		names = append(names, p.Name)
	}
	switch {
	case !slices.Contains(names, st.Pool):
		return unknown("pool of "+s.Name, st.Pool, names, below("pool")...)
	case pool != "" && st.Pool != pool:
		return wrong(strconv.Quote(st.Pool), "the pool of the transaction around it, "+pool, below("pool")...)
	case st.Table == "" && st.Mode != pglock.None:
		return wrong("a lock mode without a table", "a table", below("mode")...)
	case st.Table != "" && st.Mode == pglock.None:
		return wrong("a table without a lock mode", "one of "+modes(), below("table")...)
	}
	return within(st.Rows, 0, maxRows, below("rows")...)
}

func modes() string {
	var all []string
	for m := pglock.AccessShare; m <= pglock.AccessExclusive; m++ {
		all = append(all, m.String())
	}
	return strings.Join(all, ", ")
}

func (c *checker) call(s *Service, st *Step, at []string) error {
	below := func(name string) []string { return append(slices.Clone(at), name) }
	if _, err := c.endpoint(st.To, below("to")); err != nil {
		return err
	}
	callee, _, _ := strings.Cut(st.To, ".")
	caller, _, dotted := strings.Cut(edgeOf(s, st), ".")
	if !dotted || caller != s.Name {
		return wrong(strconv.Quote(st.Edge), "a name that begins with "+s.Name+".", below("edge")...)
	}
	if err := c.oneEnd(edgeOf(s, st), callee, below("edge")); err != nil {
		return err
	}
	for i := range c.p.Services {
		if other := &c.p.Services[i]; other.Name == callee && max(s.Replicas, 1)*max(other.Replicas, 1) > maxConns {
			return wrong(fmt.Sprintf("%d replicas that call %d", s.Replicas, other.Replicas), fmt.Sprintf("at most %d connections between them", maxConns), below("to")...)
		}
	}
	if err := within(st.FanOut, 0, maxFanOut, below("fan_out")...); err != nil {
		return err
	}
	return within(st.Need, 0, max(st.FanOut, 1), below("need")...)
}

// oneEnd: an edge leads to one service, and is no pool's.
func (c *checker) oneEnd(edge, callee string, at []string) error {
	if c.edges[edge] {
		return wrong(fmt.Sprintf("%q, which is a pool", edge), "an edge of its own", at...)
	}
	for i := range c.p.Services {
		other := ""
		eachCall(&c.p.Services[i], func(st *Step) {
			if to, _, _ := strings.Cut(st.To, "."); edgeOf(&c.p.Services[i], st) == edge && to != callee {
				other = to
			}
		})
		if other != "" {
			return wrong(fmt.Sprintf("%q, which leads to %s and to %s", edge, callee, other), "an edge to one service", at...)
		}
	}
	return nil
}

// edgeOf is the edge that a call goes over.
func edgeOf(s *Service, st *Step) string {
	if st.Edge != "" {
		return st.Edge
	}
	to, _, _ := strings.Cut(st.To, ".")
	return s.Name + "." + to
}

// eachCall visits the calls of a service.
func eachCall(s *Service, visit func(*Step)) {
	var walk func([]Step)
	walk = func(steps []Step) {
		for i := range steps {
			if steps[i].Kind == Call {
				visit(&steps[i])
			}
			walk(steps[i].Steps)
		}
	}
	for i := range s.Endpoints {
		walk(s.Endpoints[i].Steps)
	}
}

// EdgeNames are the edges that a description has: one of every service to every
// other that it calls, or as its calls name them, and one of every service to each
// of its pools. Sorted.
func EdgeNames(p *Pipeline) []string {
	var names []string
	add := func(n string) {
		if !slices.Contains(names, n) {
			names = append(names, n)
		}
	}
	for i := range p.Services {
		s := &p.Services[i]
		eachCall(s, func(st *Step) { add(edgeOf(s, st)) })
		for _, q := range s.Pools {
			add(s.Name + "." + q.Name)
		}
	}
	slices.Sort(names)
	return names
}

// PoolEdges are those of EdgeNames that lead to a pool.
func PoolEdges(p *Pipeline) (names []string) {
	for i := range p.Services {
		for _, q := range p.Services[i].Pools {
			names = append(names, p.Services[i].Name+"."+q.Name)
		}
	}
	return names
}

// NotOfPool says that a field of a policy has no effect on the edge to a pool.
func NotOfPool(field string) string {
	return "found " + field + " in the policy of a pool, of which only cancel counts; " +
		"expected the pool's own max_wait, statement_timeout or lock_timeout, or the policy of a call before it"
}

// cycles: calls that come back to where they began, with no queue between, would
// wait for themselves without end.
func (c *checker) cycles() error {
	const visiting, done = 1, 2
	seen := map[string]int{}
	var trail []string
	var visit func(name string, path []string) error
	visit = func(name string, path []string) error {
		trail = append(trail, name)
		defer func() { trail = trail[:len(trail)-1] }()
		switch seen[name] {
		case visiting:
			from := slices.Index(trail, name)
			return wrong("a cycle of calls without a queue: "+strings.Join(trail[from:], " -> "), "an enqueue somewhere on the way", path...)
		case done:
			return nil
		}
		seen[name] = visiting
		e, err := c.endpoint(name, path)
		if err != nil {
			return err
		}
		service, endpoint, _ := strings.Cut(name, ".")
		if err := eachStep(e.Steps, []string{"services", service, "endpoints", endpoint}, func(st *Step, at []string) error {
			if st.Kind != Call {
				return nil
			}
			return visit(st.To, append(at, "call", "to"))
		}); err != nil {
			return err
		}
		seen[name] = done
		return nil
	}
	for i := range c.p.Services {
		s := &c.p.Services[i]
		for _, e := range s.Endpoints {
			if err := visit(s.Name+"."+e.Name, []string{"services", s.Name, "endpoints", e.Name}); err != nil {
				return err
			}
		}
	}
	return nil
}

// eachStep visits steps and those inside, with the path of each.
func eachStep(steps []Step, at []string, visit func(*Step, []string) error) error {
	for i := range steps {
		here := append(slices.Clone(at), strconv.Itoa(i))
		if err := visit(&steps[i], here); err != nil {
			return err
		}
		if steps[i].Kind == Lock {
			if err := eachStep(steps[i].Steps, append(here, "lock", "steps"), visit); err != nil {
				return err
			}
		}
	}
	return nil
}

func (c *checker) faults() error {
	for i := range c.p.Faults {
		f := &c.p.Faults[i]
		at := func(name string) []string { return []string{"faults", strconv.Itoa(i), f.What.String(), name} }
		if f.At < 0 || f.At >= c.p.Length {
			return wrong(policy.FormatDuration(f.At), "an instant within the run's "+policy.FormatDuration(c.p.Length), at("at")...)
		}
		if err := notNegative(f.For, at("for")...); err != nil {
			return err
		}
		if err := c.fault(f, at); err != nil {
			return err
		}
	}
	return nil
}

func (c *checker) fault(f *Fault, at func(string) []string) error {
	var services, clients []string
	replicas := 0
	for _, s := range c.p.Services {
		services = append(services, s.Name)
		if callee, _, _ := strings.Cut(f.Endpoint, "."); s.Name == f.Service || s.Name == callee {
			replicas = max(s.Replicas, 1)
		}
	}
	for _, cl := range c.p.Clients {
		clients = append(clients, cl.Name)
	}
	switch f.What {
	case LockTable:
		return c.lockFault(f, at)
	case Slow:
		if _, err := c.endpoint(f.Endpoint, at("endpoint")); err != nil {
			return err
		}
		if err := within(f.Replica, 0, replicas, at("replica")...); err != nil {
			return err
		}
		return positive(f.Factor, at("factor"))
	case FailCalls, BlackHole, Drop:
		if known := callEdges(c.p); !slices.Contains(known, f.Edge) {
			return unknown("edge", f.Edge, known, at("edge")...)
		}
		return share(f.Share, at("share")...)
	case Restart:
		if !slices.Contains(services, f.Service) {
			return unknown("service", f.Service, services, at("service")...)
		}
		return within(f.Replica, 0, replicas, at("replica")...)
	case Traffic:
		if !slices.Contains(clients, f.Client) {
			return unknown("client", f.Client, clients, at("client")...)
		}
		for _, cl := range c.p.Clients {
			if cl.Name == f.Client && cl.Users > 0 {
				return wrong(strconv.Quote(f.Client)+", whose users come as they are answered", "a client with a rate", at("client")...)
			}
		}
		return positive(f.Factor, at("factor"))
	default:
		panic(fmt.Sprintf("pipeline: fault of kind %d", f.What))
	}
}

func (c *checker) lockFault(f *Fault, at func(string) []string) error {
	tables := map[string][]string{}
	var databases []string
	for i := range c.p.Services {
		s := &c.p.Services[i]
		for _, p := range s.Pools {
			if db := databaseOf(s, &p); !slices.Contains(databases, db) {
				databases = append(databases, db)
			}
		}
		for _, e := range s.Endpoints {
			_ = eachStep(e.Steps, nil, func(st *Step, _ []string) error {
				if st.Table != "" {
					db := databaseOf(s, s.pool(st.Pool))
					tables[db] = append(tables[db], st.Table)
				}
				return nil
			})
		}
	}
	switch {
	case !slices.Contains(databases, f.Database):
		return unknown("database", f.Database, databases, at("database")...)
	case !slices.Contains(tables[f.Database], f.Table):
		known := slices.Compact(slices.Sorted(slices.Values(tables[f.Database])))
		return unknown("table that any step of "+f.Database+" locks", f.Table, known, at("table")...)
	case f.Mode == pglock.None:
		return wrong("no mode", "one of "+modes(), at("mode")...)
	case f.For == 0:
		return wrong("no duration", "how long the lock is held", at("for")...)
	}
	return nil
}

func (s *Service) pool(name string) *Pool {
	for i := range s.Pools {
		if s.Pools[i].Name == name {
			return &s.Pools[i]
		}
	}
	return nil
}

func databaseOf(s *Service, p *Pool) string {
	if p.Database != "" {
		return p.Database
	}
	return s.Name + "." + p.Name
}

// callEdges are the edges over which calls go.
func callEdges(p *Pipeline) []string {
	var names []string
	for i := range p.Services {
		s := &p.Services[i]
		eachCall(s, func(st *Step) { names = append(names, edgeOf(s, st)) })
	}
	slices.Sort(names)
	return slices.Compact(names)
}

func positive(x float64, at []string) error {
	if !(x >= 0 && x <= 1e6) {
		return wrong(strconv.FormatFloat(x, 'g', -1, 64), "a number from 0 to 1000000", at...)
	}
	return nil
}
