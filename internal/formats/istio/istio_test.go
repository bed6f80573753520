package istio

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"tripcurve/internal/formats/trap"
	"tripcurve/internal/policy"
	"tripcurve/internal/policy/istio"
)

func TestMain(m *testing.M) {
	if os.Getenv("TRIPCURVE_UPDATE") != "" {
		_ = flag.Set("rewrite", "true")
	}
	os.Exit(m.Run())
}

// TestFiles runs testdata/*.txt: read shows the traps of a file, policies what it
// says, lint its mistakes as well.
func TestFiles(t *testing.T) {
	datadriven.Walk(t, "testdata", func(t *testing.T, path string) {
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			if d.Cmd == "lint" {
				traps, _, err := Lint("istio.yaml", d.Input)
				out := ""
				if err != nil {
					out = err.Error() + "\n"
				}
				return out + list(traps)
			}
			c, err := Read("istio.yaml", d.Input)
			if err != nil {
				return err.Error() + "\n"
			}
			if d.Cmd == "policies" {
				return say(Policies(c))
			}
			return list(Traps(c))
		})
	})
}

func list(traps []trap.Trap) string {
	var b strings.Builder
	for _, t := range traps {
		fmt.Fprintf(&b, "%s %s at %s\n  %s\n", t.Severity, t.Rule, strings.Join(t.Path, "."), t)
	}
	return b.String()
}

func say(policies map[string]policy.Policy, notes []string) string {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(policies)) {
		p := policies[name]
		fmt.Fprintf(&b, "%s: %s", name, p.Breaker.Library)
		for _, param := range slices.Sorted(maps.Keys(p.Breaker.Params)) {
			fmt.Fprintf(&b, " %s=%s", param, p.Breaker.Params[param])
		}
		if p.Keepalive != (policy.Keepalive{}) {
			fmt.Fprintf(&b, " keepalive %s/%s", p.Keepalive.Time, p.Keepalive.Timeout)
		}
		b.WriteString("\n")
	}
	for _, n := range notes {
		b.WriteString("! " + n + "\n")
	}
	return b.String()
}

func TestDetect(t *testing.T) {
	for text, want := range map[string]string{
		"apiVersion: networking.istio.io/v1\nkind: Gateway": "its apiVersion is networking.istio.io/v1",
		`{"kind": "Pod"}`: "",
		"a: b\n\"kind\": \"VirtualService\"\nspec: [":             "its kind is VirtualService",
		"kind: Service\nmetadata: {annotations: {a: istio.io/x}}": "",
	} {
		if got := Detect("f", text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

// Whatever a policy says is written so that Istio's own schema takes it, and read
// again as the same policy.
func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		p := drawn(r)
		k := policy.Keepalive{}
		if rapid.Bool().Draw(r, "keepalive") {
			k = policy.Keepalive{Time: 20 * time.Second, Timeout: 5 * time.Second, WithoutCalls: true}
		}
		c := Of("inventory", p, k)
		text := Write(c)
		got, err := Read("f", text)
		if err != nil {
			r.Fatalf("%v\n%s", err, text)
		}
		if diff := cmp.Diff(c, got, cmp.AllowUnexported(Config{})); diff != "" {
			r.Fatalf("%s\n%s", text, diff)
		}
		policies, notes := Policies(got)
		if len(notes) > 0 {
			r.Fatalf("%v\n%s", notes, text)
		}
		back, err := istio.Parse(policies["inventory"].Breaker.Params)
		if err != nil {
			r.Fatalf("%v\n%s", err, text)
		}
		if diff := cmp.Diff(text, Write(Of("inventory", back, policies["inventory"].Keepalive))); diff != "" {
			r.Fatalf("-written +read and written:\n%s", diff)
		}
		validated(t, text)
	})
}

func drawn(t *rapid.T) istio.Params {
	ms := func(name string, lo, hi int) time.Duration {
		return time.Duration(rapid.IntRange(lo, hi).Draw(t, name)) * time.Millisecond
	}
	n := func(name string, hi int) int { return rapid.IntRange(0, hi).Draw(t, name) }
	p := istio.Default()
	p.Timeout, p.PerTryTimeout = ms("timeout", 0, 60_000), ms("perTryTimeout", 0, 60_000)
	p.Consecutive5xxErrors, p.ConsecutiveGatewayErrors = n("5xx", 10), n("gateway", 10)
	p.Interval, p.BaseEjectionTime = ms("interval", 1, 60_000), ms("base", 1, 60_000)
	p.MaxEjectionPercent, p.MinHealthPercent = 1+n("percent", 99), n("health", 100)
	p.SplitExternalLocalOriginErrors = rapid.Bool().Draw(t, "split")
	p.ConsecutiveLocalOriginFailures = n("local", 10)
	p.HTTP2MaxRequests, p.MaxRetries = n("requests", 2000), n("retries", 10)
	p.RetryBudget = rapid.Bool().Draw(t, "budget")
	p.BudgetPercent, p.MinRetryConcurrency = float64(n("budget percent", 1000))/10, 1+n("min", 9)
	p.Attempts, p.Backoff = n("attempts", 5), ms("backoff", 1, 1000)
	p.RetryOn = rapid.SampledFrom([]string{istio.DefaultRetryOn, "5xx,503"}).Draw(t, "retryOn")
	return p
}

func FuzzRead(f *testing.F) {
	f.Add(Write(Of("inventory", istio.Default(), policy.Keepalive{})))
	f.Add("apiVersion: networking.istio.io/v1\nkind: DestinationRule\nspec: {host: a, trafficPolicy: {outlierDetection: {consecutiveErrors: 3, interval: 1m}}}\n---\nkind: Pod\n")
	f.Fuzz(func(t *testing.T, text string) {
		_, _, _ = Lint("f", text)
		c, err := Read("f", text)
		if err != nil {
			return
		}
		_ = Traps(c)
		policies, _ := Policies(c)
		for name, p := range policies {
			if _, err := istio.Parse(p.Breaker.Params); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		written := Write(c)
		again, err := Read("f", written)
		if err != nil || Write(again) != written {
			t.Errorf("%s\nbecame %s, %v", written, Write(again), err)
		}
	})
}
