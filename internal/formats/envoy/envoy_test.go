package envoy

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
	"tripcurve/internal/policy/envoy"
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
				traps, _, err := Lint("envoy.yaml", d.Input)
				out := ""
				if err != nil {
					out = err.Error() + "\n"
				}
				return out + list(traps)
			}
			c, err := Read("envoy.yaml", d.Input)
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

// Whatever a policy says is written so that Envoy's own schema takes it, and read
// again as the same policy.
func TestRoundTrip(t *testing.T) {
	checks := 0
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
		if diff := cmp.Diff(c, got); diff != "" {
			r.Fatalf("%s\n%s", text, diff)
		}
		policies, _ := Policies(got)
		back, err := envoy.Parse(policies["inventory"].Breaker.Params)
		if err != nil {
			r.Fatalf("%v\n%s", err, text)
		}
		if diff := cmp.Diff(text, Write(Of("inventory", back, policies["inventory"].Keepalive))); diff != "" {
			r.Fatalf("-written +read and written:\n%s", diff)
		}
		if p.Detects() && p.RetryOn != "" {
			p.Hosts = back.Hosts
			if !p.RetryBudget {
				p.BudgetPercent, p.MinRetryConcurrency = back.BudgetPercent, back.MinRetryConcurrency
			}
			if diff := cmp.Diff(p, back); diff != "" {
				r.Fatalf("%s\n%s", text, diff)
			}
		}
		if checks++; checks%4 == 0 {
			validated(t, text)
		}
	})
}

func drawn(t *rapid.T) envoy.Params {
	ms := func(name string, lo, hi int) time.Duration {
		return time.Duration(rapid.IntRange(lo, hi).Draw(t, name)) * time.Millisecond
	}
	n := func(name string, hi int) int { return rapid.IntRange(0, hi).Draw(t, name) }
	p := envoy.Default()
	p.Timeout, p.PerTryTimeout = ms("timeout", 0, 60_000), ms("per_try_timeout", 0, 60_000)
	p.Consecutive5xx, p.EnforcingConsecutive5xx = n("consecutive_5xx", 10), n("enforcing", 100)
	p.ConsecutiveGatewayFailure, p.EnforcingConsecutiveGatewayFailure = n("gateway", 10), n("enforcing gateway", 100)
	p.SplitLocal = rapid.Bool().Draw(t, "split")
	p.Interval, p.BaseEjectionTime = ms("interval", 1, 60_000), ms("base", 1, 60_000)
	if rapid.Bool().Draw(t, "max") {
		p.MaxEjectionTime = p.BaseEjectionTime + ms("max_ejection_time", 0, 60_000)
	}
	p.MaxEjectionTimeJitter = ms("jitter", 0, 1000)
	p.MaxEjectionPercent = n("percent", 100)
	p.AlwaysEjectOneHost = rapid.Bool().Draw(t, "one")
	p.EnforcingSuccessRate = rapid.SampledFrom([]int{0, 100}).Draw(t, "success rate")
	p.EnforcingFailurePercentage, p.FailurePercentageThreshold = n("enforcing share", 100), n("threshold", 100)
	p.HealthyPanicThreshold = float64(n("panic", 1000)) / 10
	p.MaxRequests, p.MaxRetries = n("requests", 2000), n("retries", 10)
	p.RetryBudget = rapid.Bool().Draw(t, "budget")
	if p.RetryBudget {
		p.BudgetPercent, p.MinRetryConcurrency = float64(n("budget_percent", 1000))/10, n("min", 10)
	}
	if rapid.Bool().Draw(t, "retries") {
		p.RetryOn, p.NumRetries = "5xx,unavailable", n("num_retries", 5)
		p.BaseInterval = ms("base_interval", 1, 1000)
		if rapid.Bool().Draw(t, "max_interval") {
			p.MaxInterval = p.BaseInterval + ms("max_interval", 0, 1000)
		}
	}
	return p
}

func FuzzRead(f *testing.F) {
	f.Add(Write(Of("inventory", envoy.Default(), policy.Keepalive{})))
	f.Add("static_resources: {clusters: [{name: a, outlierDetection: {consecutive5xx: 3, interval: 0.5s}, circuitBreakers: {thresholds: [{priority: HIGH, maxRequests: 3}]}}]}")
	f.Add("virtual_hosts:\n- name: a\n  routes:\n  - match: {prefix: /}\n    route: {cluster: a, timeout: 5s, retry_policy: {retry_on: 5xx}}\n")
	f.Fuzz(func(t *testing.T, text string) {
		_, _, _ = Lint("f", text)
		c, err := Read("f", text)
		if err != nil {
			return
		}
		_ = Traps(c)
		policies, _ := Policies(c)
		for name, p := range policies {
			if _, err := envoy.Parse(p.Breaker.Params); err != nil {
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

func TestDurations(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0s", 5 * time.Second: "5s", 250 * time.Millisecond: "0.25s", time.Hour + time.Nanosecond: "3600.000000001s",
	} {
		if got := Duration(d).String(); got != want {
			t.Errorf("%d is written %s, want %s", d, got, want)
		}
	}
}
