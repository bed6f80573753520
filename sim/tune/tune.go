// Package tune searches the settings of one edge's breaker for those that serve best:
// a sample that fills the space of a library's own parameters, a race of its points over the same
// customers, refinement around the best, and fresh customers for the few that are
// left. It looks at the user's own incident, at other ways in which the same callee can
// fail, and at healthy traffic, so that nothing fits one night alone.
package tune

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"

	"tripcurve/internal/policy"
	"tripcurve/internal/policy/library"
	"tripcurve/sim/curve"
)

// Problem is what is tuned: one edge of a pipeline, and what it has to live through.
type Problem struct {
	Name     string // of the scenario or the pipeline
	Edge     string
	Requests string        // what its clients' requests are called: "checkouts"
	Today    policy.Policy // the edge's
	Cases    []Case        // in each something goes wrong; one at least
	Healthy  Traffic       // the calls of one breaker while nothing is wrong
	// Key says all that the runs depend on beside the policy tried, for Journal.
	Key string
	// Hosts is what the library's parameter of that kind is set to.
	Hosts int
}

// Fingerprint tells problems apart, for Journal: the same one gives the same runs.
func (p Problem) Fingerprint() string {
	sum := sha256.Sum256([]byte(p.Edge + "\n" + p.Key))
	return hex.EncodeToString(sum[:])
}

// Case is one way of things going wrong.
type Case struct {
	Name, What string
	// Play makes the n-th replication with a policy on the edge; the same n has the same
	// customers whatever the policy. whole is the run as long as its owner has it, else
	// it is cut to the stretch around the trigger.
	Play func(ctx context.Context, p policy.Policy, n int, whole bool) (Seen, error)
	// Short and Whole are how long a run takes to make, in any unit that all cases share.
	Short, Whole float64
}

// Seen is what one run gave.
type Seen struct {
	Came      int     `json:"came"`       // requests while the trigger lasted
	NotServed int     `json:"not_served"` // of all requests of the run
	Wait      float64 `json:"wait_s"`     // 99 % of those who came while the trigger lasted
	Calls     int     `json:"calls"`      // that reached the callee
	Trips     int     `json:"trips"`
	Recovered bool    `json:"recovered"` // by itself; also when nothing failed
	Recovery  float64 `json:"recovery_s"`
	// Of healthy traffic, in place of all these.
	FalseTrips float64 `json:"false_trips_per_day,omitempty"`
	Lost       float64 `json:"lost,omitempty"` // share of the calls
}

// Options say how much is tried.
type Options struct {
	Library string
	Space   Space // nil is SpaceOf the library and the edge
	Calls   []string
	Configs int // settings in the first sample
	Seed    uint64
	Workers int // the answer does not depend on it
	// Written is a setting as the library's own file holds it, which is then what is
	// tried; nil leaves it as it is. An error is a setting that no file can hold.
	Written func(policy.Policy) (policy.Policy, error)
	// Finalists and Seeds are how many settings are run again, and how often each; 0 is the
	// default. With fewer than 73 runs of all cases together none recovers surely enough.
	Finalists, Seeds int
	// Bare leaves out the sensitivities and the baselines.
	Bare bool
	// Journal keeps the runs that were made; may be nil.
	Journal *Journal
	// Progress hears how much of the work is done; may be nil. It must not wait.
	Progress func(Progress)
}

// The defaults of Options: how many settings are run again, and how often each.
const (
	DefaultFinalists = 12
	DefaultSeeds     = 30
)

// Progress is how far a search is.
type Progress struct {
	Stage    string
	Done, Of float64 // in the unit of Case.Short
	Runs     int     // made so far; those that a journal knew are not among them
}

// Point is one setting and what is known of it.
type Point struct {
	Name     string // of a baseline, else empty
	Policy   policy.Policy
	Settings []string // path=value of each knob, in the space's order
	Runs     []Values // one of each replication
	Mean     Values
	Cases    []CaseMean
	// Recovered runs of Tried, over all cases; Hold is whether Wilson's lower bound
	// reaches Enough.
	Recovered, Tried int
	Holds            bool
	Front            float64 // probability of being on the front, 0..1
	Alike            bool    // not told apart from the chosen one in any objective
}

// CaseMean is a point in one case.
type CaseMean struct {
	Came, NotServed, Wait, Calls, Trips, Recovery float64
	Recovered, Runs                               int
}

// Enough is the probability of recovery that a setting must have, by the lower bound
// of its interval.
const Enough = 0.95

// Result is what a search found.
type Result struct {
	Problem Problem
	Library library.Library
	Space   Space
	Options Options
	Tried   int // settings in all
	Rungs   []Rung
	// Finalists were run again on fresh seeds, best first.
	Finalists []Point
	// Chosen is the one that is recommended and Runner the next best; nil where no setting
	// holds the constraint. Both were run once more, on seeds that chose nothing, as
	// the Baselines were.
	Chosen, Runner *Point
	Baselines      []Point
	Sensitivity    []Sensitivity
	// Sees says that some setting ends a call that hangs, by a time limit of the
	// library's or of the edge's; without one no breaker learns of it. Opens says that the
	// library has a breaker.
	Sees, Opens bool
	Runs        int // made; those that a journal knew are not among them
	// Interrupted says that the search was stopped: Finalists are then the best of what
	// had been seen, on the seeds that they were chosen by.
	Interrupted bool
	Stage       string // in which that was
}

// Rung is one part of the race.
type Rung struct {
	Name         string
	What         string // that was measured
	Settings     int
	Replications int
	Kept         int
	Dominated    int // of those left out: surely worse than another, by paired tests
}

// How many take part.
const (
	firstSeeds   = 3
	raceSeeds    = 10
	freshFrom    = 1000 // replications of the finals are those after this one
	verifyFrom   = 2000
	trajectories = 8
	children     = 6
	parents      = 8
)

// Search looks for the best settings. When ctx ends it gives the best so far, with
// Interrupted set, as long as the first rung was through; else ctx's error.
func Search(ctx context.Context, p Problem, o Options) (*Result, error) {
	s, err := newSearch(p, o)
	if err != nil {
		return nil, err
	}
	err = s.race(ctx)
	s.res.Runs = s.eval.runs
	switch {
	case err == nil:
	case errors.Is(err, context.Canceled) && s.settled != nil:
		s.stopped()
	default:
		return nil, err
	}
	return s.res, nil
}

// newSearch is one with its first sample.
func newSearch(p Problem, o Options) (*search, error) {
	o.Finalists, o.Seeds = cmp.Or(o.Finalists, DefaultFinalists), cmp.Or(o.Seeds, DefaultSeeds)
	l, ok := library.ByName(o.Library)
	if !ok {
		return nil, fmt.Errorf("no breaker library %q", o.Library)
	}
	if len(p.Cases) == 0 || o.Configs < 1 {
		return nil, errors.New("nothing to search: a case and a setting are needed")
	}
	s := &search{Problem: p, o: o, space: o.Space, eval: newEvaluator(p, o), res: &Result{Problem: p, Library: l, Options: o}}
	var err error
	if s.space == nil {
		if s.space, err = SpaceOf(l, p.Today, o.Calls); err != nil {
			return nil, err
		}
	}
	s.res.Space = s.space
	if s.base, err = baseOf(p, l); err != nil {
		return nil, err
	}
	if s.pool = s.sample(); len(s.pool) == 0 {
		return nil, fmt.Errorf("%s takes none of the %d settings that were tried", l.Name, o.Configs)
	}
	s.plan()
	for _, c := range s.pool {
		setting := curve.OfPolicy("", c.policy)
		s.res.Sees = s.res.Sees || setting.Own()
		s.res.Opens = s.res.Opens || setting.Check() == nil
	}
	return s, nil
}

// search is one search under way.
type search struct {
	Problem
	o       Options
	base    policy.Policy // on which the knobs are set
	space   Space
	eval    *evaluator
	pool    []*candidate
	tried   []*candidate
	settled []*candidate // best first, after the last rung that was through
	at      grade        // at which they were
	res     *Result
}

// grade is how well candidates are known.
type grade struct {
	cases    int // the first so many
	from, to int // replications
	whole    bool
}

// candidate is a setting that takes part.
type candidate struct {
	name   string // of a baseline
	at     []float64
	policy policy.Policy
	key    string
}

func (s *search) race(ctx context.Context) error {
	all := len(s.Cases)
	first := grade{cases: 1, to: firstSeeds}
	wide := grade{cases: all, to: firstSeeds}
	deep := grade{cases: all, to: raceSeeds}
	s.tried = slices.Clone(s.pool)
	for _, r := range []struct {
		name, what string
		at         grade
		keep       int
	}{
		{"first", "the first case cut short, and healthy hours on the machine alone", first, s.keep(5)},
		{"all cases", "every case cut short, and healthy hours", wide, s.keep(12)},
	} {
		if err := s.rung(ctx, r.name, r.what, r.at, r.keep); err != nil {
			return err
		}
	}
	born := s.refine()
	s.tried = append(s.tried, born...)
	s.pool = append(s.pool, born...)
	if err := s.rung(ctx, "refined", "the same, and settings near the best", wide, s.keep(20)); err != nil {
		return err
	}
	if err := s.rung(ctx, "more seeds", "the same over more customers", deep, s.o.Finalists); err != nil {
		return err
	}
	if !s.o.Bare {
		if err := s.sensitivities(ctx, wide); err != nil {
			return err
		}
	}
	return s.finals(ctx)
}

// keep is how many of the first sample go on.
func (s *search) keep(share int) int { return max(s.o.Configs/share, s.o.Finalists+4) }

// rung makes all of the pool known as well as at says, and leaves so many.
func (s *search) rung(ctx context.Context, name, what string, at grade, keep int) error {
	s.eval.stage = name
	if err := s.eval.make(ctx, s.pool, at); err != nil {
		return err
	}
	r := Rung{Name: name, What: what, Settings: len(s.pool), Replications: at.to}
	s.settled, r.Dominated = s.cull(s.pool, at, keep)
	s.at, s.pool = at, slices.Clone(s.settled)
	r.Kept = len(s.pool)
	s.res.Rungs = append(s.res.Rungs, r)
	s.res.Tried = len(s.tried)
	return nil
}

// finals runs the last few again on fresh seeds, and chooses; then the chosen one, the
// next best and the baselines once more.
func (s *search) finals(ctx context.Context) error {
	s.eval.stage = "finalists on fresh seeds"
	last := grade{cases: len(s.Cases), from: freshFrom, to: freshFrom + s.o.Seeds, whole: true}
	if err := s.eval.make(ctx, s.pool, last); err != nil {
		return err
	}
	order := s.prefer(s.pool, last)
	slices.SortStableFunc(order, func(a, b *candidate) int { return cmp.Compare(s.fails(a, last), s.fails(b, last)) })
	points := s.points(order, last)
	s.settled, s.at = order, last
	s.membership(points)
	s.res.Finalists = points
	s.eval.stage = "chosen and baselines once more"
	verify := grade{cases: len(s.Cases), from: verifyFrom, to: verifyFrom + s.o.Seeds, whole: true}
	held := slices.IndexFunc(points, func(p Point) bool { return p.Holds })
	var bases []*candidate
	if !s.o.Bare {
		bases = s.baselines(order[max(held, 0)])
	}
	again := slices.Clone(bases)
	if held >= 0 {
		again = append(again, order[held])
		if next := s.runner(points, held); next >= 0 {
			again = append(again, order[next])
		}
	}
	if err := s.eval.make(ctx, again, verify); err != nil {
		return err
	}
	checked := s.points(again, verify)
	s.res.Baselines = checked[:len(bases)]
	if held >= 0 {
		s.res.Chosen = &checked[len(bases)]
		s.alike(points, held)
		if len(checked) > len(bases)+1 {
			s.res.Runner = &checked[len(bases)+1]
		}
	}
	return nil
}

// runner is the next best that holds the constraint; -1 where there is none.
func (s *search) runner(points []Point, chosen int) int {
	for i := chosen + 1; i < len(points); i++ {
		if points[i].Holds {
			return i
		}
	}
	return -1
}

// stopped makes a result of what had been seen when the search was stopped.
func (s *search) stopped() {
	r := s.res
	r.Interrupted, r.Stage = true, s.eval.stage
	if r.Finalists == nil {
		best := s.settled[:min(s.o.Finalists, len(s.settled))]
		r.Finalists = s.points(best, s.at)
		s.membership(r.Finalists)
	}
	if len(r.Finalists) > 0 {
		chosen := r.Finalists[0]
		r.Chosen = &chosen
	}
}
