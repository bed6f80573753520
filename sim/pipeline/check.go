package pipeline

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"tripcurve/internal/policy"
	"tripcurve/internal/policy/library"
	"tripcurve/sim"
)

// Mistake is what makes a description impossible. Path leads to the value, by the
// names that the description's own text has, so that a reader can say the line.
type Mistake struct {
	Path        []string
	Key         bool   // the last name of Path is itself what is wrong
	Found, Want string // as in "found 0, expected a whole number from 1"; Want may be empty
}

func (m *Mistake) Error() string {
	at := strings.Join(m.Path, ".")
	if m.Want == "" {
		return at + ": " + m.Found
	}
	return fmt.Sprintf("%s: found %s, expected %s", at, m.Found, m.Want)
}

// Bounds that keep a mistyped number from filling the memory.
const (
	maxReplicas  = 1000
	maxEndpoints = math.MaxUint16 // of all services: a try has its number in 16 bits
	maxPool      = 1_000_000
	maxRate      = 1_000_000
	maxUsers     = 1_000_000
	maxRequests  = 200_000_000
	maxFanOut    = 10_000
	maxRepeat    = 10_000
	maxRows      = 10_000_000
	maxLength    = 7 * 24 * time.Hour // series have a value per second
	maxConns     = 100_000            // of one edge: every caller replica has one to every callee replica
)

// Check is the first mistake of a description; nil when it can be run.
func Check(p *Pipeline) error {
	c := &checker{p: p, edges: map[string]bool{}}
	for _, step := range []func() error{c.run, c.names, c.services, c.cycles, c.edgesKnown, c.clients, c.faults} {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

type checker struct {
	p     *Pipeline
	edges map[string]bool // of pools
	depth int             // of Lock steps around the present one
}

func wrong(found, want string, path ...string) error {
	return &Mistake{Path: path, Found: found, Want: want}
}

// unknown is a name that nothing has.
func unknown(what, name string, known []string, path ...string) error {
	return &Mistake{Path: path, Found: policy.Unknown(what, name, known).Error()}
}

// within refuses what is out of bounds. A zero that is let through means that nothing was
// said, which nobody writes down.
func within(n, lo, hi int, path ...string) error {
	if n < lo || n > hi {
		return wrong(strconv.Itoa(n), fmt.Sprintf("a whole number from %d to %d", max(lo, 1), hi), path...)
	}
	return nil
}

func notNegative(d time.Duration, path ...string) error {
	if d < 0 {
		return wrong(d.String(), "a duration that is not negative", path...)
	}
	return nil
}

func share(s float64, path ...string) error {
	if !(s >= 0 && s <= 1) {
		return wrong(strconv.FormatFloat(s, 'g', -1, 64), "a share from 0 to 1", path...)
	}
	return nil
}

func (c *checker) run() error {
	p := c.p
	if p.Length < time.Second || p.Length > maxLength {
		return wrong(policy.FormatDuration(p.Length), "a length from 1s to "+policy.FormatDuration(maxLength), "length")
	}
	if len(p.Services) == 0 {
		return wrong("no service", "at least one", "services")
	}
	if len(p.Clients) == 0 {
		return wrong("no client", "at least one", "clients")
	}
	return c.dist(&p.Network, "network")
}

// names: each once, and without the dot that joins them.
func (c *checker) names() error {
	n := 0
	for _, s := range c.p.Services {
		if n += len(s.Endpoints); n > maxEndpoints {
			return wrong(fmt.Sprintf("%d endpoints", n), strconv.Itoa(maxEndpoints)+" at most, of all services", "services", s.Name, "endpoints")
		}
	}
	var services []string
	for _, s := range c.p.Services {
		if err := c.name(s.Name, &services, "services", s.Name); err != nil {
			return err
		}
		var endpoints, pools, queues []string
		for _, e := range s.Endpoints {
			if err := c.name(e.Name, &endpoints, "services", s.Name, "endpoints", e.Name); err != nil {
				return err
			}
		}
		for _, e := range s.Pools {
			if err := c.name(e.Name, &pools, "services", s.Name, "pools", e.Name); err != nil {
				return err
			}
		}
		for _, e := range s.Queues {
			if err := c.name(e.Name, &queues, "services", s.Name, "queues", e.Name); err != nil {
				return err
			}
		}
	}
	return nil
}

func (c *checker) name(name string, seen *[]string, path ...string) error {
	if name == "" || strings.ContainsAny(name, ". *\t\n") {
		return wrong(strconv.Quote(name), "a name without dots, blanks and stars", path...)
	}
	if slices.Contains(*seen, name) {
		return wrong(fmt.Sprintf("the name %q a second time", name), "each once", path...)
	}
	*seen = append(*seen, name)
	return nil
}

func (c *checker) services() error {
	for i := range c.p.Services {
		s := &c.p.Services[i]
		at := []string{"services", s.Name}
		if err := c.service(s, at); err != nil {
			return err
		}
		for j := range s.Endpoints {
			e := &s.Endpoints[j]
			if err := c.steps(s, e.Steps, "", append(slices.Clone(at), "endpoints", e.Name)); err != nil {
				return err
			}
		}
	}
	return nil
}

func (c *checker) service(s *Service, at []string) error {
	below := func(names ...string) []string { return append(slices.Clone(at), names...) }
	if len(s.Endpoints) == 0 {
		return wrong("no endpoint", "at least one", below("endpoints")...)
	}
	if s.Backlog < Unbounded {
		return wrong(strconv.Itoa(s.Backlog), "a whole number from 0", below("backlog")...)
	}
	err := errors.Join(within(s.Replicas, 0, maxReplicas, below("replicas")...), within(s.Workers, 0, maxPool, below("workers")...))
	if err != nil {
		return first(err)
	}
	for _, p := range s.Pools {
		if p.Size != Unbounded {
			if err := within(p.Size, 1, maxPool, below("pools", p.Name, "size")...); err != nil {
				return err
			}
		}
		c.edges[s.Name+"."+p.Name] = true
		for _, d := range []struct {
			d   time.Duration
			key string
		}{{p.MaxWait, "max_wait"}, {p.StatementTimeout, "statement_timeout"}, {p.LockTimeout, "lock_timeout"}} {
			if err := notNegative(d.d, below("pools", p.Name, d.key)...); err != nil {
				return err
			}
		}
	}
	for _, q := range s.Queues {
		if err := c.queue(s, &q, below("queues", q.Name)); err != nil {
			return err
		}
	}
	return nil
}

// first is one error of several that were joined.
func first(err error) error {
	var m *Mistake
	if errors.As(err, &m) {
		return m
	}
	return err
}

func (c *checker) queue(s *Service, q *Queue, at []string) error {
	below := func(name string) []string { return append(slices.Clone(at), name) }
	if _, err := c.endpoint(q.To, below("to")); err != nil {
		return err
	}
	if service, _, _ := strings.Cut(q.To, "."); service != s.Name {
		return wrong(strconv.Quote(q.To), "an endpoint of the queue's own service "+s.Name, below("to")...)
	}
	if err := errors.Join(within(q.Workers, 1, maxPool, below("workers")...), within(q.Attempts, 0, 1000, below("attempts")...), notNegative(q.Backoff, below("backoff")...)); err != nil {
		return first(err)
	}
	return c.dist(&q.Delay, below("delay")...)
}

// endpoint finds <service>.<endpoint>.
func (c *checker) endpoint(name string, path []string) (*Endpoint, error) {
	service, endpoint, dotted := strings.Cut(name, ".")
	if !dotted {
		return nil, wrong(strconv.Quote(name), "<service>.<endpoint>, such as "+c.p.Services[0].Name+"."+exampleEndpoint(&c.p.Services[0]), path...)
	}
	var services []string
	for i := range c.p.Services {
		s := &c.p.Services[i]
		services = append(services, s.Name)
		if s.Name != service {
			continue
		}
		var endpoints []string
		for j := range s.Endpoints {
			if s.Endpoints[j].Name == endpoint {
				return &s.Endpoints[j], nil
			}
			endpoints = append(endpoints, s.Endpoints[j].Name)
		}
		return nil, unknown("endpoint of "+service, endpoint, endpoints, path...)
	}
	return nil, unknown("service", service, services, path...)
}

func exampleEndpoint(s *Service) string {
	if len(s.Endpoints) == 0 {
		return "get"
	}
	return s.Endpoints[0].Name
}

func (c *checker) dist(d *sim.Dist, path ...string) error {
	if found, expected := d.Wrong(); found != "" {
		return wrong(found, expected, path...)
	}
	return nil
}

func (c *checker) clients() error {
	var names []string
	for i := range c.p.Clients {
		cl := &c.p.Clients[i]
		at := func(names ...string) []string { return append([]string{"clients", cl.Name}, names...) }
		if cl.Name == "" || slices.Contains(names, cl.Name) {
			return wrong(strconv.Quote(cl.Name), "a name of its own", at()...)
		}
		names = append(names, cl.Name)
		if len(cl.Requests) == 0 {
			return wrong("no request", "at least one endpoint", at("requests")...)
		}
		for j, r := range cl.Requests {
			if _, err := c.endpoint(r, at("requests", strconv.Itoa(j))); err != nil {
				return err
			}
		}
		err := errors.Join(
			within(cl.Users, 0, maxUsers, at("users")...), notNegative(cl.Patience, at("patience")...),
			within(cl.Attempts, 0, 100, at("attempts")...), notNegative(cl.Backoff, at("backoff")...),
			within(cl.SizeMin, 0, maxRepeat, at("size")...), within(cl.SizeMax, cl.SizeMin, maxRepeat, at("size")...),
			c.dist(&cl.Think, at("think")...))
		if err != nil {
			return first(err)
		}
		if cl.HangUp && cl.Patience == 0 {
			return wrong("hang_up without a patience", "how long the client waits", at("hang_up")...)
		}
		if cl.Users == 0 {
			if err := c.rate(cl, at("rate")); err != nil {
				return err
			}
		}
	}
	return nil
}

func (c *checker) rate(cl *Client, at []string) error {
	if len(cl.Rate.Points) == 0 {
		return wrong("neither a rate nor users", "one of the two", at[:len(at)-1]...)
	}
	for i, q := range cl.Rate.Points {
		if !(q.Per >= 0 && q.Per <= maxRate) {
			return wrong(fmt.Sprintf("%g/s", q.Per), fmt.Sprintf("a rate from 0 to %d/s", maxRate), at...)
		}
		if i > 0 && q.At < cl.Rate.Points[i-1].At {
			return wrong("the instant "+q.At.String()+" after "+cl.Rate.Points[i-1].At.String(), "rising instants", at...)
		}
	}
	n := cl.Rate.Mean(c.p.Length)
	if n > maxRequests || math.IsNaN(n) {
		return wrong(fmt.Sprintf("some %.3g requests in %s", n, policy.FormatDuration(c.p.Length)), fmt.Sprintf("at most %d", maxRequests), at...)
	}
	return nil
}

// edgesKnown: nothing is said of an edge that there is not, and every policy can
// be carried out.
func (c *checker) edgesKnown() error {
	known := EdgeNames(c.p)
	for _, e := range c.p.Edges {
		if !slices.Contains(known, e.Name) {
			return &Mistake{Path: []string{"edges", e.Name}, Key: true, Found: policy.Unknown("edge", e.Name, known).Error()}
		}
		if key := ofConnections(&e); key != "" && c.edges[e.Name] {
			return &Mistake{Path: []string{"edges", e.Name, key}, Key: true, Found: key + " on the way to a pool", Want: "policy alone: only calls between services go over such a connection"}
		}
		if e.Network != nil {
			if err := c.dist(e.Network, "edges", e.Name, "network"); err != nil {
				return err
			}
		}
		if err := errors.Join(within(e.Streams, 0, maxPool, "edges", e.Name, "streams"), notNegative(e.IdleDrop, "edges", e.Name, "idle_drop"), notNegative(e.MinPing, "edges", e.Name, "min_ping")); err != nil {
			return first(err)
		}
	}
	for _, name := range c.p.Policies.Names() {
		if !slices.Contains(known, name) {
			return &Mistake{Path: []string{"edges", name}, Key: true, Found: policy.Unknown("edge", name, known).Error()}
		}
		pol := c.p.Policies[name]
		built, err := library.New(pol.Breaker, c.p.Start)
		if err == nil {
			_, err = newShape(pol, built)
		}
		if err != nil {
			return wrong(err.Error(), "", "edges", name, "policy")
		}
	}
	return nil
}

// ofConnections is the first key that says something of the connections that calls go
// over; empty when there is none.
func ofConnections(e *Edge) string {
	switch {
	case e.Network != nil:
		return "network"
	case e.Streams > 0:
		return "streams"
	case e.IdleDrop > 0:
		return "idle_drop"
	case e.MinPing > 0:
		return "min_ping"
	}
	return ""
}
