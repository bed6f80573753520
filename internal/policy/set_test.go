package policy_test

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"
	"github.com/google/go-cmp/cmp"

	"tripcurve/internal/policy"
	_ "tripcurve/internal/policy/library"
)

func TestMain(m *testing.M) {
	if os.Getenv("TRIPCURVE_UPDATE") != "" {
		_ = flag.Set("rewrite", "true")
	}
	os.Exit(m.Run())
}

// TestSet runs testdata/set.txt: each line sets one path on two bare edges; the
// output is the errors and then what differs from a bare policy.
func TestSet(t *testing.T) {
	datadriven.RunTest(t, "testdata/set.txt", func(t *testing.T, d *datadriven.TestData) string {
		edges := policy.Edges{"gateway.order": {}, "order.inventory": {}}
		var out strings.Builder
		for line := range strings.Lines(d.Input) {
			path, value, _ := strings.Cut(strings.TrimSpace(line), "=")
			if err := edges.Set(path, value); err != nil {
				fmt.Fprintf(&out, "error: %v\n", err)
			}
		}
		for _, name := range edges.Names() {
			var bare policy.Policy
			for _, f := range policy.FieldsOf(edges[name]) {
				if got := f.Get(edges[name]); got != f.Get(bare) {
					fmt.Fprintf(&out, "%s.%s = %s\n", name, f.Name, got)
				}
			}
		}
		// Whoever adds a library need not come here.
		return strings.ReplaceAll(out.String(), strings.Join(policy.Dialects(), ", "), "<the libraries>")
	})
}

func TestEveryFieldTakesItsOwnText(t *testing.T) {
	p := policy.Policy{
		Timeout: 90 * time.Second, Deadline: 1500 * time.Millisecond, Cancel: policy.Propagate,
		Keepalive: policy.Keepalive{Time: time.Hour, Timeout: 10 * time.Second}, TCPKeepalive: 15 * time.Second,
		Retry:    policy.Retry{Attempts: 3, Base: 50 * time.Millisecond, Max: time.Second, Multiplier: 1.5, Jitter: 0.2, Budget: 0.1},
		Breaker:  policy.BreakerSpec{Library: "opossum", Params: map[string]string{"timeout": "5000", "capacity": "7"}},
		Fallback: true, MaxConcurrent: 40,
	}
	var again policy.Policy
	for range 2 { // the second round has the breaker's own fields too
		for _, f := range policy.FieldsOf(p) {
			if f.Get(p) == "" {
				continue
			}
			if err := again.Set(f.Name, f.Get(p)); err != nil && again.Breaker.Library != "" {
				t.Errorf("%s: %v", f.Name, err)
			}
		}
	}
	for _, f := range policy.FieldsOf(p) {
		if f.Get(p) != f.Get(again) {
			t.Errorf("%s: %q became %q", f.Name, f.Get(p), f.Get(again))
		}
	}
}

func TestSlidersReachBothEnds(t *testing.T) {
	p := policy.Policy{Breaker: policy.BreakerSpec{Library: "opossum"}}
	for _, f := range policy.FieldsOf(p) {
		if f.Kind == policy.KindText {
			continue
		}
		if f.Max <= f.Min || f.Step <= 0 {
			t.Errorf("%s: a slider from %v to %v by %v", f.Name, f.Min, f.Max, f.Step)
		}
		for _, n := range []float64{f.Max, f.Min} {
			q := p
			if err := f.SetNumber(&q, n); err != nil {
				t.Errorf("%s at %v: %v", f.Name, n, err)
			}
			if f.Name == "breaker.timeout" && n == 0 {
				continue // the library writes it as false
			}
			if got := f.Number(q); got != n {
				t.Errorf("%s: set to %v, shows %v", f.Name, n, got)
			}
		}
	}
}

func TestSetLeavesSharedPoliciesAlone(t *testing.T) {
	a := policy.Edges{"x": {}}
	if err := a.Set("x.breaker", "opossum"); err != nil {
		t.Fatal(err)
	}
	b := policy.Edges{"x": a["x"]} // shares the parameters' map
	if err := b.Set("x.breaker.timeout", "1s"); err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"timeout": "5000", "errorThresholdPercentage": "50", "resetTimeout": "30000"}
	if diff := cmp.Diff(want, a["x"].Breaker.Params); diff != "" {
		t.Error(diff)
	}
}

// TestSince: setting what it names makes of what was what is, whatever library was and is,
// also where a parameter stands at what another library would have.
func TestSince(t *testing.T) {
	libraries := append(policy.Dialects(), "none")
	for i, library := range libraries {
		was := policy.Edges{"a": {Deadline: time.Second}, "b": {}}
		if err := was.Set("a.breaker", libraries[(i+1)%len(libraries)]); err != nil {
			t.Fatal(err)
		}
		is := was.Clone()
		for _, set := range []string{"a.breaker=" + library, "a.deadline=0s", "b.attempts=3"} {
			path, value, _ := strings.Cut(set, "=")
			if err := is.Set(path, value); err != nil {
				t.Fatal(err)
			}
		}
		for _, f := range policy.FieldsOf(is["a"]) {
			bare := policy.Policy{Breaker: policy.BreakerSpec{Library: library}}
			if strings.HasPrefix(f.Name, "breaker.") {
				if err := is.Set("a."+f.Name, f.Get(bare)); err != nil {
					t.Fatalf("%s: %v", f.Name, err)
				}
			}
		}
		got := was.Clone()
		for _, set := range is.Since(was) {
			path, value, _ := strings.Cut(set, "=")
			if err := got.Set(path, value); err != nil {
				t.Fatalf("%s: %v", set, err)
			}
		}
		if left := is.Since(got); len(left) > 0 {
			t.Errorf("%q: after setting %q there is left %q", library, is.Since(was), left)
		}
		if len(is.Since(is)) > 0 {
			t.Errorf("%q differs from itself: %q", library, is.Since(is))
		}
	}
}
