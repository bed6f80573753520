package tune

import (
	"math/rand/v2"
	"slices"
	"time"

	"tripcurve/internal/policy"
	"tripcurve/internal/policy/library"
	"tripcurve/sim/replicate"
)

// resamples give a probability its second digit.
const resamples = 1000

// membership says of each point how probably it is on the front: the share of bootstrap
// resamples of the common replications in which no other point dominates it.
func (s *search) membership(points []Point) {
	if len(points) == 0 || len(points[0].Runs) == 0 {
		return
	}
	n := len(points[0].Runs)
	rng := rand.New(rand.NewPCG(replicate.Seed(s.o.Seed, 3), 0x7a11))
	means := make([]Values, len(points))
	on := make([]int, len(points))
	for range resamples {
		clear(means)
		for range n {
			k := rng.IntN(n)
			for i := range points {
				for o, v := range points[i].Runs[k] {
					means[i][o] += v / float64(n)
				}
			}
		}
		for i := range points {
			if !slices.ContainsFunc(means, func(m Values) bool { return dominates(m, means[i]) }) {
				on[i]++
			}
		}
	}
	for i := range points {
		points[i].Front = float64(on[i]) / resamples
	}
}

// alike marks the points that the runs do not tell apart from the chosen one, in any
// objective.
func (s *search) alike(points []Point, chosen int) {
	for i := range points {
		if i == chosen {
			continue
		}
		points[i].Alike = !slices.ContainsFunc(slices.Collect(verdicts(points[i], points[chosen], len(points)-1)), func(v Verdict) bool { return v.Means != 0 })
	}
}

func verdicts(a, b Point, comparisons int) func(func(Verdict) bool) {
	return func(yield func(Verdict) bool) {
		for _, v := range compare(a.Runs, b.Runs, comparisons) {
			if !yield(v) {
				return
			}
		}
	}
}

// Versus holds two points of the same replications against each other, one verdict for
// each objective. The intervals of so many comparisons hold together.
func Versus(a, b Point, comparisons int) []Verdict {
	return slices.Collect(verdicts(a, b, comparisons))
}

// Better says whether a would be chosen before b.
func Better(a, b Point) bool {
	at := func(p Point) standing {
		return standing{judged: judge(float64(p.Recovered)/float64(max(p.Tried, 1)), p.Mean)}
	}
	xs := []standing{at(b), at(a)}
	xs[0].candidate, xs[1].candidate = &candidate{name: "b"}, &candidate{name: "a"}
	rank(xs, 0)
	return xs[0].name == "a"
}

// The names of the baselines.
const (
	Today      = "today"
	NoBreaker  = "no breaker"
	Postmortem = "postmortem"
)

// baselines are what the chosen setting is held against: the edge as it is; the chosen
// one's time limit and retries without its breaker; and opossum with 5 s, 50 % and
// 30 s, as the postmortem of INC-2847 has it.
func (s *search) baselines(chosen *candidate) (all []*candidate) {
	opossum := s.Today
	opossum.Breaker = policy.BreakerSpec{Library: "opossum", Params: map[string]string{
		"timeout": "5000", "errorThresholdPercentage": "50", "resetTimeout": "30000",
	}}
	of := []*candidate{{name: Today, policy: s.Today}}
	if chosen != nil {
		if p, ok := without(chosen.policy); ok {
			of = append(of, &candidate{name: NoBreaker, policy: p})
		}
	}
	for _, b := range append(of, &candidate{name: Postmortem, policy: opossum}) {
		b.key = keyOf(b.policy)
		known := slices.ContainsFunc(all, func(had *candidate) bool { return had.key == b.key })
		if !known && takes(b.policy) == nil {
			all = append(all, b)
		}
	}
	return all
}

// without is a policy without its breaker: what its library does beside that is the
// edge's own. ok is false where the library has no breaker to leave out.
func without(p policy.Policy) (bare policy.Policy, ok bool) {
	b, err := library.New(p.Breaker, time.Time{})
	if err != nil || b.Breaker == nil {
		return p, false
	}
	n, err := library.NeutralOf(p)
	if err != nil {
		return p, false
	}
	bare = p
	bare.Breaker, bare.Retry = policy.BreakerSpec{}, n.Retry
	if limit := policy.Shortest(b.CallTimeout, b.TotalTimeout); limit > 0 {
		bare.Timeout = policy.Shortest(p.Timeout, limit)
		if b.Ending == library.EndReset {
			bare.Cancel = policy.Propagate
		}
	}
	return bare, true
}

// Baseline is the one of that name; false where there is none.
func (r *Result) Baseline(name string) (Point, bool) {
	i := slices.IndexFunc(r.Baselines, func(p Point) bool { return p.Name == name })
	if i < 0 {
		return Point{}, false
	}
	return r.Baselines[i], true
}
