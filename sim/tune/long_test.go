package tune

import (
	"context"
	"runtime"
	"slices"
	"testing"
	"time"

	"tripcurve/internal/policy"
	"tripcurve/internal/policy/library"
	"tripcurve/sim/curve"
	"tripcurve/sim/replicate"
	"tripcurve/sim/scenario"
)

// onTheMachine is a problem whose cases are played on the breaker's machine alone:
// outages of two minutes in which every call hangs, 60 % of them fail, or all. It is
// cheap enough for all settings of a small space to be known.
func onTheMachine(seed uint64) Problem {
	const rate = 0.5
	at, to := time.Minute, 3*time.Minute
	usual := newTraffic(seed, rate/10, 50*time.Millisecond, 400*time.Millisecond)
	usual.Whole = 0.5
	play := func(fails float64, hangs bool) func(ctx context.Context, p policy.Policy, n int, whole bool) (Seen, error) {
		return func(ctx context.Context, p policy.Policy, n int, _ bool) (Seen, error) {
			wrong := func(t time.Duration) bool { return t >= at && t < to }
			h := curve.Hour{
				Length: 5 * time.Minute,
				Rate:   func(time.Duration) float64 { return rate },
				Fails: func(t time.Duration) float64 {
					if wrong(t) {
						return fails
					}
					return 0.01
				},
				Latency: func(t time.Duration, u float64) time.Duration {
					if hangs && wrong(t) {
						return time.Hour
					}
					return usual.answers.at(u)
				},
			}
			s, err := curve.Spend(ctx, curve.OfPolicy("", p), h, replicate.Seed(seed, n))
			limit := p.Breaker.Params["timeout"]
			d, _ := time.ParseDuration(limit + "ms")
			return Seen{
				Came: int(rate * (to - at).Seconds()), NotServed: s.Rejected + s.Cut, Calls: s.Calls - s.Rejected, Trips: s.Trips,
				Wait: d.Seconds(), Recovered: true,
			}, err
		}
	}
	return Problem{
		Name: "machine", Edge: "a.b", Requests: "requests", Healthy: usual, Key: "machine",
		Cases: []Case{
			{Name: "hang", Play: play(0.01, true), Short: 1, Whole: 1},
			{Name: "errors", Play: play(0.6, false), Short: 1, Whole: 1},
			{Name: "all fail", Play: play(1, false), Short: 1, Whole: 1},
		},
	}
}

var small = Space{
	some("timeout", "300", "1000", "3000"), some("resetTimeout", "2000", "30000"),
	some("volumeThreshold", "0", "2", "4"),
}

// TestLongPicksAreAmongTheBest makes a hundred small tunings, each over other customers,
// whose 18 settings are all known from 200 runs each. At least 95 of the picks are
// among the best.
func TestLongPicksAreAmongTheBest(t *testing.T) {
	truth := onTheMachine(1)
	o := Options{Library: "opossum", Space: small, Configs: 18, Seed: 1, Workers: runtime.NumCPU(), Bare: true}
	all := &search{Problem: truth, o: o, space: small, eval: newEvaluator(truth, o)}
	var err error
	if all.base, err = baseOf(truth, libraryOf(t, "opossum")); err != nil {
		t.Fatal(err)
	}
	settings := all.sample()
	if len(settings) != 18 {
		t.Fatalf("%d settings, the space has 18", len(settings))
	}
	known := grade{cases: 3, to: 200}
	if err := all.eval.make(context.Background(), settings, known); err != nil {
		t.Fatal(err)
	}
	best := map[string]bool{}
	for _, c := range all.best(settings, known) {
		best[c.key] = true
	}
	if len(best) == 0 || len(best) > 6 {
		t.Fatalf("%d of 18 are the best: such a test says nothing", len(best))
	}
	hits := 0
	for i := range 100 {
		o.Seed = uint64(i + 1)
		r := mustSearch(t, onTheMachine(uint64(1000+i)), o)
		if r.Chosen != nil && best[keyOf(r.Chosen.Policy)] {
			hits++
		} else if r.Chosen != nil {
			t.Logf("tuning %d: %s", i, small.Show(r.Chosen.Policy))
		}
	}
	t.Logf("proof: %d of 100 picks among the %d best of 18 settings", hits, len(best))
	if hits < 95 {
		t.Errorf("%d of 100", hits)
	}
}

func libraryOf(t testing.TB, name string) library.Library {
	t.Helper()
	l, ok := library.ByName(name)
	if !ok {
		t.Fatal(name)
	}
	return l
}

// TestLongTheIncidentIsTuned makes a small search for opossum on INC-2847: what it
// chooses is not dominated by the postmortem's setting on fresh seeds, and gains where
// the postmortem's loses.
func TestLongTheIncidentIsTuned(t *testing.T) {
	p, err := OfScenario(context.Background(), scenario.INC2847(), "order.inventory")
	if err != nil {
		t.Fatal(err)
	}
	s, err := newSearch(p, Options{Library: "opossum", Configs: 12, Finalists: 1, Seeds: 20, Seed: 68, Workers: runtime.NumCPU(), Bare: true})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.race(context.Background()); err != nil {
		t.Fatal(err)
	}
	if s.res.Chosen == nil || !s.res.Chosen.Holds {
		t.Fatalf("nothing was chosen among %+v", s.res.Finalists)
	}
	written := s.baselines(nil)
	written = written[len(written)-1:]
	again := grade{cases: len(p.Cases), from: verifyFrom, to: verifyFrom + 20, whole: true}
	if err := s.eval.make(context.Background(), written, again); err != nil {
		t.Fatal(err)
	}
	chosen, postmortem := *s.res.Chosen, s.points(written, again)[0]
	if postmortem.Name != Postmortem || dominates(postmortem.Mean, chosen.Mean) || Better(postmortem, chosen) {
		t.Errorf("%s (%v) is no better than the postmortem's (%v)", s.space.Show(chosen.Policy), chosen.Mean, postmortem.Mean)
	}
	vs := Versus(chosen, postmortem, 1)
	for _, o := range []int{NotServed, FalseTrips, Recovery} {
		if vs[o].Means != -1 {
			t.Errorf("%s: %v against %v, %v", table[o].Name, chosen.Mean[o], postmortem.Mean[o], vs[o])
		}
	}
	t.Logf("proof: %s: %.3v, the postmortem's %.3v", s.space.Show(chosen.Policy), chosen.Mean, postmortem.Mean)
}

// best are the settings that no other one is preferred to by as much as matters.
func (s *search) best(cs []*candidate, at grade) []*candidate {
	left := slices.Clone(cs)
	value := func(c *candidate, k int) float64 {
		got, of := s.eval.recovered(c, at)
		return judge(float64(got)/float64(of), mean(s.eval.values(c, at)))[k]
	}
	for k := range len(criteria) + 1 {
		least := value(left[0], k)
		for _, c := range left {
			least = min(least, value(c, k))
		}
		step := 1 - Enough
		if k > 0 {
			step = table[criteria[k-1]].margin(least, least)
		}
		left = slices.DeleteFunc(left, func(c *candidate) bool { return value(c, k)-least > step })
	}
	return left
}
