package tune

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"sync"

	"tripcurve/internal/policy"
	"tripcurve/sim/output"
	"tripcurve/sim/replicate"
)

// healthy is the name of the healthy traffic among the cases of a unit.
const healthy = "healthy"

// unit is one run: of a setting, in a case, with the customers of one replication.
type unit struct {
	key   string // of the setting
	name  string // of the case, or healthy
	n     int
	whole bool
}

// evaluator makes runs and remembers them.
type evaluator struct {
	Problem
	o     Options
	stage string
	runs  int

	mu   sync.Mutex
	seen map[unit]Seen

	done, of float64 // work, in the unit of Case.Short
}

func newEvaluator(p Problem, o Options) *evaluator {
	e := &evaluator{Problem: p, o: o, seen: map[unit]Seen{}}
	if o.Journal != nil {
		o.Journal.fill(e.seen)
	}
	return e
}

// keyOf tells policies apart by what they do.
func keyOf(p policy.Policy) string {
	var b strings.Builder
	for _, f := range policy.FieldsOf(p) {
		fmt.Fprintf(&b, "%s=%s\n", f.Name, f.Get(p))
	}
	sum := sha256.Sum256([]byte(b.String()))
	return hex.EncodeToString(sum[:8])
}

// unitsOf are the runs that a setting needs to be known so well.
func (e *evaluator) unitsOf(c *candidate, at grade) (all []unit) {
	for n := at.from + 1; n <= at.to; n++ {
		all = append(all, unit{c.key, healthy, n, at.whole})
		for _, k := range e.Cases[:at.cases] {
			all = append(all, unit{c.key, k.Name, n, at.whole})
		}
	}
	return all
}

// weight is what a run costs.
func (e *evaluator) weight(u unit) float64 {
	for _, c := range e.Cases {
		if c.Name == u.name && u.whole {
			return c.Whole
		}
		if c.Name == u.name {
			return c.Short
		}
	}
	return e.Healthy.weight(u.whole)
}

// make makes the runs that are missing.
func (e *evaluator) make(ctx context.Context, cs []*candidate, at grade) error {
	type job struct {
		unit
		policy policy.Policy
	}
	var jobs []job
	wanted := map[unit]bool{}
	for _, c := range cs {
		for _, u := range e.unitsOf(c, at) {
			if _, known := e.seen[u]; known || wanted[u] {
				continue
			}
			wanted[u] = true
			jobs = append(jobs, job{u, c.policy})
		}
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	_, err := replicate.Run(ctx, replicate.Plan{N: len(jobs), Workers: e.o.Workers}, func(ctx context.Context, i int) (struct{}, error) {
		j := jobs[i-1]
		seen, err := e.play(ctx, j.unit, j.policy)
		if err != nil {
			return struct{}{}, err
		}
		e.keep(j.unit, seen)
		return struct{}{}, nil
	})
	return err
}

func (e *evaluator) play(ctx context.Context, u unit, p policy.Policy) (Seen, error) {
	if u.name == healthy {
		return e.Healthy.spend(ctx, p, u.n, u.whole)
	}
	for _, c := range e.Cases {
		if c.Name == u.name {
			return c.Play(ctx, p, u.n, u.whole)
		}
	}
	panic("tune: no case " + u.name)
}

// keep takes in one run, from any worker.
func (e *evaluator) keep(u unit, s Seen) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.seen[u] = s
	e.runs++
	e.done += e.weight(u)
	if e.o.Journal != nil {
		e.o.Journal.put(u, s)
	}
	if e.o.Progress != nil {
		e.o.Progress(Progress{Stage: e.stage, Done: e.done, Of: max(e.of, e.done), Runs: e.runs})
	}
}

// values are a candidate's, one of each replication.
func (e *evaluator) values(c *candidate, at grade) []Values {
	all := make([]Values, 0, at.to-at.from)
	for n := at.from + 1; n <= at.to; n++ {
		var v Values
		for _, k := range e.Cases[:at.cases] {
			s := e.seen[unit{c.key, k.Name, n, at.whole}]
			came, cases := float64(max(s.Came, 1)), float64(at.cases)
			v[NotServed] += float64(s.NotServed) / came / cases
			v[Wait] += s.Wait / cases
			v[Load] += float64(s.Calls) / came / cases
			v[Recovery] += s.Recovery / cases
		}
		h := e.seen[unit{c.key, healthy, n, at.whole}]
		v[FalseTrips], v[HealthyLost] = h.FalseTrips, h.Lost
		all = append(all, v)
	}
	return all
}

// recovered counts the runs of a candidate after which requests succeeded again.
func (e *evaluator) recovered(c *candidate, at grade) (recovered, of int) {
	for n := at.from + 1; n <= at.to; n++ {
		for _, k := range e.Cases[:at.cases] {
			of++
			if e.seen[unit{c.key, k.Name, n, at.whole}].Recovered {
				recovered++
			}
		}
	}
	return recovered, of
}

// fails is 1 where a candidate does not recover surely enough, else 0.
func (s *search) fails(c *candidate, at grade) int {
	if got, of := s.eval.recovered(c, at); output.Share(got, of, output.Level).Lo >= Enough {
		return 0
	}
	return 1
}

// points are candidates with all that is known of them.
func (s *search) points(cs []*candidate, at grade) []Point {
	all := make([]Point, len(cs))
	for i, c := range cs {
		p := Point{Name: c.name, Policy: c.policy, Settings: s.space.Settings(c.policy), Runs: s.eval.values(c, at)}
		p.Mean = mean(p.Runs)
		p.Recovered, p.Tried = s.eval.recovered(c, at)
		p.Holds = s.fails(c, at) == 0
		for _, k := range s.Cases[:at.cases] {
			p.Cases = append(p.Cases, s.eval.caseMean(c, k.Name, at))
		}
		all[i] = p
	}
	return all
}

func (e *evaluator) caseMean(c *candidate, name string, at grade) (m CaseMean) {
	for n := at.from + 1; n <= at.to; n++ {
		s := e.seen[unit{c.key, name, n, at.whole}]
		m.Runs++
		if s.Recovered {
			m.Recovered++
		}
		m.Came += float64(s.Came)
		m.NotServed += float64(s.NotServed)
		m.Wait += s.Wait
		m.Calls += float64(s.Calls)
		m.Trips += float64(s.Trips)
		m.Recovery += s.Recovery
	}
	for _, v := range []*float64{&m.Came, &m.NotServed, &m.Wait, &m.Calls, &m.Trips, &m.Recovery} {
		*v /= float64(max(m.Runs, 1))
	}
	return m
}
