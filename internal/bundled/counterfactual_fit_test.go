package bundled

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tripcurve/internal/diagnose"
	"tripcurve/internal/incident"
	"tripcurve/internal/incident/cause"
	"tripcurve/sim/fit"
)

// A pipeline that is fitted to the recording, and knows nothing else of it, says which
// of what was found explains: with the lock it has about as many failures as were seen,
// without it none.
func TestLongCounterfactualOfAFit(t *testing.T) {
	v := bundledView(t)
	f, err := fit.Of(t.Context(), v, fit.Options{Workers: 2})
	if err != nil {
		t.Fatal(err)
	}
	run := func(workers int) *diagnose.Counterfactual {
		c, err := diagnose.CounterfactualOfPipeline(t.Context(), f.Pipeline, v, diagnose.Options{Seeds: 4, Workers: workers})
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	c := run(2)
	if !c.Fitted || c.Observed != 1578 {
		t.Errorf("as it was: %+v, %d observed", c.With, c.Observed)
	}
	explain := map[string]bool{}
	for _, w := range c.Without {
		explain[w.Finding.Cause] = explain[w.Finding.Cause] || w.Explains()
		if w.Finding.Cause == "lock_root" && w.Failed.Mean > 1 {
			t.Errorf("%s: %+v failed", w.Left, w.Failed)
		}
	}
	for rule, want := range map[string]bool{"lock_root": true, "call_without_deadline": true, "no_keepalive": false, "pool_exhausted": false, "retry_amplification": false} {
		if got, run := explain[rule]; got != want || !run {
			t.Errorf("%s: explains %t (simulated: %t)", rule, got, run)
		}
	}
	for _, b := range c.Books {
		if !b.Holds() || b.Arrived == 0 {
			t.Errorf("%+v: some got lost", b)
		}
	}
	if d := cmp.Diff(c, run(1)); d != "" {
		t.Errorf("two workers, then one:\n%s", d)
	}
	if a := cause.Analyze(v, cause.Options{Passed: c.Passed()}); a.Confidence != incident.Likely {
		t.Errorf("the cause is %s", a.Confidence)
	}
	if _, err := diagnose.CounterfactualOfPipeline(t.Context(), f.Pipeline, incident.NewEvidence().Snapshot(), diagnose.Options{Seeds: 1, Workers: 1}); !errors.Is(err, diagnose.ErrNoImpact) {
		t.Errorf("no evidence: %v", err)
	}
}
