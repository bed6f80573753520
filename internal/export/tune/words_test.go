package tune

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"tripcurve/internal/policy"
	"tripcurve/internal/policy/library"
	"tripcurve/sim"
	"tripcurve/sim/pipeline"
	"tripcurve/sim/tune"
)

// found is a small search on a pipeline of two services, with a deadline between them.
func found(t *testing.T, library string, deadline time.Duration) Report {
	t.Helper()
	p := &pipeline.Pipeline{
		Name: "shop", Seed: 1, Length: 5 * time.Minute,
		Services: []pipeline.Service{
			{Name: "web", Endpoints: []pipeline.Endpoint{{Name: "buy", Steps: []pipeline.Step{{Kind: pipeline.Call, To: "stock.take", Share: 1}}}}},
			{Name: "stock", Workers: 20, Backlog: pipeline.Unbounded, Endpoints: []pipeline.Endpoint{{Name: "take", Steps: []pipeline.Step{
				{Kind: pipeline.Work, Share: 1, Time: sim.Dist{Shape: sim.Exponential, A: 50 * time.Millisecond}},
			}}}},
		},
		Policies: policy.Edges{"web.stock": {Deadline: deadline}},
		Clients:  []pipeline.Client{{Name: "shoppers", Requests: []string{"web.buy"}, Rate: sim.Steady(0.2), Patience: 5 * time.Second}},
	}
	problem, err := tune.OfPipeline(context.Background(), p, "web.stock")
	if err != nil {
		t.Fatal(err)
	}
	problem.Healthy.Whole = 1
	r, err := tune.Search(context.Background(), problem, tune.Options{Library: library, Configs: 2, Finalists: 2, Seeds: 25, Seed: 1, Workers: 2})
	if err != nil {
		t.Fatal(err)
	}
	return New(r)
}

// TestLongWhereABreakerDoesNotHelp: where it does not that is said, and where it does it is not.
func TestLongWhereABreakerDoesNotHelp(t *testing.T) {
	const blind, nothing, better, none = "cannot see a hang", "A breaker gains nothing here", "No breaker is better here", "has no circuit breaker"
	for _, c := range []struct {
		library   string
		deadline  time.Duration
		says, not []string
	}{
		// Its calls have no time limit of any kind.
		{"gobreaker", 0, []string{"gobreaker cannot see a hang: it has no time limit of its own on a call, and web.stock has none either"}, []string{none}},
		// With a deadline on the edge nothing outlasts the trigger, and a breaker turns away
		// calls that would have been served.
		{"gobreaker", 2 * time.Second, []string{nothing + ": with its limits alone (deadline "}, []string{blind, none}},
		{"opossum", 2 * time.Second, []string{nothing}, []string{blind, none}},
		{"grpc", 0, []string{"grpc has no circuit breaker"}, []string{blind}},
		{"polly", 0, []string{"Against the postmortem's 5 s / 50 % / 30 s (opossum): "}, []string{blind, none}},
	} {
		rep := found(t, c.library, c.deadline)
		all := strings.Join(rep.Says, "\n")
		for _, want := range c.says {
			if !strings.Contains(all, want) {
				t.Errorf("%s {deadline %s} does not say %q:\n%s", c.library, c.deadline, want, all)
			}
		}
		for _, not := range c.not {
			if strings.Contains(all, not) {
				t.Errorf("%s {deadline %s} says %q:\n%s", c.library, c.deadline, not, all)
			}
		}
		if _, err := json.Marshal(rep); err != nil {
			t.Errorf("%s: %v", c.library, err)
		}
		for line := range strings.Lines(rep.Text()) {
			if strings.ContainsAny(line, "\x1b\t") {
				t.Errorf("%q", line)
			}
		}
	}
}

// As Hystrix on INC-2847: its time limit cancels the call, and alone serves more.
func TestNoBreakerIsBetter(t *testing.T) {
	l, _ := library.ByName("hystrix")
	point := func(name string, p policy.Policy, m tune.Values, recovered int) tune.Point {
		return tune.Point{Name: name, Policy: p, Mean: m, Runs: slices.Repeat([]tune.Values{m}, 30), Recovered: recovered, Tried: 120, Holds: recovered > 118}
	}
	chosen := point("", policy.Policy{Breaker: policy.BreakerSpec{Library: "hystrix"}}, tune.Values{0.53, 5.1, 4.43, 0, 0, 0.5}, 120)
	none := point(tune.NoBreaker, policy.Policy{Timeout: 2300 * time.Millisecond, Cancel: policy.Propagate}, tune.Values{0.51, 5.1, 5.67, 0, 0, 0.5}, 120)
	r := &tune.Result{Problem: tune.Problem{Name: "inc-2847", Edge: "order.inventory"}, Library: l, Chosen: &chosen, Baselines: []tune.Point{none}}
	want := "No breaker is better here: with its limits alone (timeout 2.3s, cancel propagate) order.inventory recovers too (120 of 120 runs), and it " +
		"gains in not served 0.51, not 0.53 (-4 %), and loses in load 5.67, not 4.43 (+28 %). What is recommended is the best setting of hystrix, not better than none."
	if got := withoutOne(r); got != want {
		t.Errorf("%s\nexpected\n%s", got, want)
	}
	for what, other := range map[string]tune.Point{
		"more not served": point(tune.NoBreaker, none.Policy, tune.Values{0.6, 5.1, 4, 0, 0, 0.5}, 120),
		"no recovery":     point(tune.NoBreaker, none.Policy, none.Mean, 90),
	} {
		if r.Baselines = []tune.Point{other}; withoutOne(r) != "" {
			t.Errorf("with %s: %s", what, withoutOne(r))
		}
	}
}

// A search that is stopped at its first runs has seen too few to say what recovers.
func TestStoppedSearchPromisesNoRecovery(t *testing.T) {
	l, _ := library.ByName("opossum")
	r := &tune.Result{Problem: tune.Problem{Name: "inc-2847", Edge: "order.payment", Requests: "orders"}, Library: l, Interrupted: true, Tried: 60}
	for recovered, want := range map[int]string{
		0:  "it is the best so far, though too few runs say that it recovers (0 of 3 runs, at least 0 %)",
		80: "it is the one that recovers (80 of 80 runs, at least 95.4 %)",
	} {
		r.Chosen = &tune.Point{Policy: policy.Policy{Breaker: policy.BreakerSpec{Library: "opossum"}}, Recovered: recovered, Tried: max(recovered, 3), Holds: recovered == 80}
		if got := chosen(r); !strings.Contains(got, want) {
			t.Errorf("%s\nexpected in it\n%s", got, want)
		}
	}
}
