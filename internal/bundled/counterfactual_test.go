package bundled

import (
	"context"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tripcurve/internal/diagnose"
	"tripcurve/internal/incident"
	"tripcurve/sim/scenario"
)

// Without the lock, and without the calls that never end, most orders are accepted;
// guards elsewhere change nothing for them. Nothing is lost in any night.
func TestLongCounterfactual(t *testing.T) {
	v := bundledView(t)
	run := func(workers int) *diagnose.Counterfactual {
		c, err := diagnose.CounterfactualOf(t.Context(), scenario.INC2847(), v, diagnose.Options{Seeds: 2, Workers: workers})
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	c := run(2)
	if !c.Fitted || c.Observed != 1245 || c.With.P5 < 1100 || c.With.P95 > 1400 {
		t.Errorf("as it was: %+v, %d observed", c.With, c.Observed)
	}
	explain := map[string]bool{}
	for _, w := range c.Without {
		explain[w.Finding.Cause] = explain[w.Finding.Cause] || w.Explains()
		if w.Finding.Cause == "lock_root" && (w.Failed.Mean != 0 || w.Necessity.Mean != 1) {
			t.Errorf("%s: %+v failed", w.Left, w.Failed)
		}
	}
	for cause, want := range map[string]bool{"lock_root": true, "call_without_deadline": true, "pool_exhausted": false} {
		if got, run := explain[cause]; got != want || !run {
			t.Errorf("%s: explains %t (simulated: %t)", cause, got, run)
		}
	}
	for _, b := range c.Books {
		if !b.Holds() || b.Arrived == 0 {
			t.Errorf("%+v: some got lost", b)
		}
	}
	if c.Tries == nil || !c.Tries.Fits() || c.Tries.Each() < 2.5 {
		t.Errorf("tries: %+v", c.Tries)
	}
	if d := cmp.Diff(c, run(1)); d != "" {
		t.Errorf("two workers, then one:\n%s", d)
	}
}

func TestCounterfactualOfNothing(t *testing.T) {
	if _, err := diagnose.CounterfactualOf(t.Context(), scenario.Healthy(), incident.NewEvidence().Snapshot(), diagnose.Options{Seeds: 1, Workers: 1}); !errors.Is(err, diagnose.ErrNoImpact) {
		t.Errorf("no evidence: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := diagnose.CounterfactualOf(ctx, scenario.INC2847(), bundledView(t), diagnose.Options{Seeds: 20, Workers: 2}); !errors.Is(err, context.Canceled) {
		t.Errorf("interrupted: %v", err)
	}
}
