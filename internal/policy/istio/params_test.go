package istio

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"tripcurve/internal/policy"
	"tripcurve/internal/policy/envoy"
	"tripcurve/internal/policy/policytest"
)

func TestMain(m *testing.M) {
	if os.Getenv("TRIPCURVE_UPDATE") != "" {
		_ = flag.Set("rewrite", "true")
	}
	os.Exit(m.Run())
}

// What Istio's defaults become: Envoy's, but for the four that Istio has of its own.
func TestEnvoyOfTheDefaults(t *testing.T) {
	want := envoy.Default()
	want.EnforcingSuccessRate, want.EnforcingLocalOriginSuccessRate = 0, 0 // by failures in a row alone
	want.ConsecutiveGatewayFailure, want.EnforcingConsecutiveGatewayFailure = 0, 100
	want.HealthyPanicThreshold = 0
	want.MaxRequests, want.MaxRetries = 1<<32-1, 1<<32-1
	want.Timeout = 0
	want.RetryOn, want.NumRetries = DefaultRetryOn, 2
	if diff := cmp.Diff(want, Default().Envoy()); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// TestScripts runs testdata/*.txt, derived from the comments of Istio's API and from
// Envoy's source.
func TestScripts(t *testing.T) {
	steps, differing := 0, 0
	policytest.Runner{
		Build: func(params map[string]string, start time.Time) (policy.Breaker, time.Duration, error) {
			p, err := Parse(params)
			if err != nil {
				return nil, 0, err
			}
			return envoy.New(p.Envoy(), start), policy.Shortest(p.PerTryTimeout, p.Timeout), nil
		},
		Stats: func(b policy.Breaker) string {
			s := fmt.Sprintf("%g healthy", b.Snapshot().Stats[0].Value)
			if b.Snapshot().Stats[1].Value == 1 {
				s += ", panic"
			}
			return s
		},
		Steps: &steps,
	}.Run(t, "testdata")
	if t.Failed() {
		differing = 1
	}
	policytest.Report(t, "istio", "scripts derived from its API and Envoy", steps, differing)
}

func TestEnvoyOfWhatIsSet(t *testing.T) {
	p, err := Parse(map[string]string{
		"consecutive5xxErrors": "7", "consecutiveGatewayErrors": "3", "interval": "5s", "baseEjectionTime": "1m", "maxEjectionPercent": "0",
		"minHealthPercent": "40", "splitExternalLocalOriginErrors": "true", "consecutiveLocalOriginFailures": "2",
		"http2MaxRequests": "100", "maxRetries": "9", "retryBudget": "true", "retryBudget.percent": "12.5", "retryBudget.minRetryConcurrency": "4",
		"timeout": "5s", "perTryTimeout": "2s", "attempts": "1", "retryOn": "5xx,503", "backoff": "100ms", "hosts": "7",
	})
	if err != nil {
		t.Fatal(err)
	}
	want := envoy.Default()
	want.Hosts, want.Consecutive5xx, want.Interval, want.BaseEjectionTime = 7, 7, 5*time.Second, time.Minute
	want.ConsecutiveGatewayFailure, want.EnforcingConsecutiveGatewayFailure = 3, 100
	want.EnforcingSuccessRate, want.EnforcingLocalOriginSuccessRate = 0, 0
	want.MaxEjectionPercent = 10 // 0 is absent
	want.HealthyPanicThreshold = 40
	want.SplitLocal, want.ConsecutiveLocalOriginFailure = true, 2
	want.MaxRequests, want.MaxRetries = 100, 9
	want.RetryBudget, want.BudgetPercent, want.MinRetryConcurrency = true, 12.5, 4
	want.Timeout, want.PerTryTimeout = 5*time.Second, 2*time.Second
	want.RetryOn, want.NumRetries, want.BaseInterval = "5xx,503", 1, 100*time.Millisecond
	if diff := cmp.Diff(want, p.Envoy()); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	again, err := Parse(p.Map())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(p, again); diff != "" {
		t.Errorf("-first +again:\n%s", diff)
	}
}

// The table's defaults are shown to users; Default is what decides.
func TestTableShowsTheDefaults(t *testing.T) {
	params := map[string]string{}
	for _, p := range List() {
		params[p.Name] = p.Text
		if d, err := time.ParseDuration(p.Text); err == nil && d.Seconds() != p.Default {
			t.Errorf("%s: default %g, written %s", p.Name, p.Default, p.Text)
		}
	}
	got, err := Parse(params)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(Default(), got); diff != "" {
		t.Error(diff)
	}
	if len(Names()) != len(params) {
		t.Error("a name is there twice")
	}
}

func TestParseRefuses(t *testing.T) {
	for _, tt := range []struct{ name, value, want string }{
		{"consecutiveErrors", "5", "consecutiveErrors is deprecated"},
		{"maxEjectionPercent", "101", `istio: maxEjectionPercent: "101" is not a whole number from 0 to 100`},
		{"interval", "10", `istio: interval: "10" is not a duration`},
		{"interval", "1.5ms", `istio: interval: "1.5ms" is not a whole number of milliseconds`},
		{"retryOn", "5xx,sometimes", `istio: retryOn: "sometimes" is neither an HTTP status nor among 5xx`},
		{"http1MaxPendingRequests", "5", "http1MaxPendingRequests decides nothing"},
		{"outlierDetectionHttpErrorCodes", "429", "outlierDetectionHttpErrorCodes is Istio's but not modelled here"},
		{"maxEjectionTime", "5m", "maxEjectionTime is not Istio's: it is Envoy's, and needs an EnvoyFilter"},
		{"consecutive5xx", "5", `no istio field "consecutive5xx", did you mean consecutive5xxErrors?`},
	} {
		_, err := Parse(map[string]string{tt.name: tt.value})
		if err == nil || !strings.HasPrefix(err.Error(), tt.want) {
			t.Errorf("%s %s: %v, want %s", tt.name, tt.value, err, tt.want)
		}
	}
	if v, err := Check("retryOn", ""); v != DefaultRetryOn || err != nil {
		t.Errorf("an empty retryOn is %q, %v", v, err)
	}
	if err := Known("attempts"); err != nil {
		t.Error(err)
	}
}

func TestTraps(t *testing.T) {
	for _, tt := range []struct {
		change func(*Params)
		want   string
	}{
		{func(*Params) {}, "maxEjectionPercent 10 of 3 hosts is none"},
		{func(p *Params) { p.MaxEjectionPercent = 0 }, "maxEjectionPercent 10 of 3 hosts is none"},
		{func(p *Params) { p.MaxEjectionPercent = 100 }, "maxEjectionPercent 100 with minHealthPercent 0: all 3 hosts can be ejected"},
		{func(p *Params) { p.MaxEjectionPercent, p.MinHealthPercent = 100, 50 }, "a dependency that fails as a whole is never cut off"},
		{func(p *Params) { p.Consecutive5xxErrors = 0 }, "no rule on answers ejects"},
		{func(p *Params) { p.ConsecutiveGatewayErrors = 5 }, "consecutiveGatewayErrors 5 is not below consecutive5xxErrors 5"},
		{func(*Params) {}, "no timeout: a hung call is never seen"},
		{func(p *Params) { p.Timeout, p.PerTryTimeout = 5*time.Second, 2*time.Second }, "3 attempts of 2s are longer than timeout 5s"},
		{func(*Params) {}, "attempts 2 without maxRetries or retryBudget"},
	} {
		p := Default()
		tt.change(&p)
		if all := strings.Join(p.Traps(), "\n"); !strings.Contains(all, tt.want) {
			t.Errorf("no %q in\n%s", tt.want, all)
		}
	}
}

func TestFromNeutral(t *testing.T) {
	got, lost := FromNeutral(policy.Neutral{
		CallTimeout: 2 * time.Second, TotalTimeout: 5 * time.Second,
		FailureRate: 0.5, MinCalls: 10, Window: 10 * time.Second,
		OpenFor: 20*time.Second + 1, Growth: policy.Growth{Factor: 3, Jitter: 0.2}, Probes: 1, MaxConcurrent: 50,
		Retry: policy.Retry{Attempts: 3, Base: 100 * time.Millisecond, Max: time.Second, Multiplier: 3, Budget: 0.25},
	})
	want := Default()
	want.MaxEjectionPercent = 100
	want.Timeout, want.PerTryTimeout = 5*time.Second, 2*time.Second
	want.BaseEjectionTime = 20*time.Second + time.Millisecond
	want.HTTP2MaxRequests = 50
	want.Attempts, want.RetryOn, want.Backoff = 2, "5xx,unavailable", 100*time.Millisecond
	want.RetryBudget, want.BudgetPercent = true, 25
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	wantLost := []string{
		"Istio cannot judge by a failure rate: 50 % of 10 calls or more within 10s become consecutive5xxErrors 5, failures of one host in a row",
		"baseEjectionTime 20.000000001s becomes 20.001s: whole milliseconds only",
		"Istio has no jitter on ejections: 20 % is lost",
		"ejections grow linearly, by baseEjectionTime from one to the next up to 5m, not 3-fold",
		"Istio has no probes: a host that returns gets its full share of calls at once",
		"Envoy draws a wait from 0 up to its length, whatever the jitter: backoff is the longest that was asked for",
		"waits double from retry to retry, they do not grow 3-fold",
		"an ejected host returns at a sweep, up to 10s after baseEjectionTime 20.001s",
	}
	if diff := cmp.Diff(wantLost, lost); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestFromNeutralSaysWhatIsMissing(t *testing.T) {
	for _, tt := range []struct {
		n    policy.Neutral
		want string
	}{
		{policy.Neutral{}, "no rule on a failure rate was given: consecutive5xxErrors keeps Istio's 5"},
		{policy.Neutral{FailureRate: 1.0001}, "a failure rate above 100 % never opens"},
		{policy.Neutral{FailureRate: 0.5, WindowCalls: 20, MinCalls: 10}, "50 % of them become consecutive5xxErrors 10"},
		{policy.Neutral{FailureRate: 1, WindowCalls: 6, MinCalls: 6, OpenFor: time.Second}, "consecutive5xxErrors 6 counts the answers of each host alone"},
		{policy.Neutral{OpenFor: time.Second}, "ejections grow by baseEjectionTime from one to the next, up to 5m; Istio cannot change that"},
		{policy.Neutral{Retry: policy.Retry{Attempts: 2}}, "Istio does not retry at once: backoff is at least 1ms"},
		{policy.Neutral{Retry: policy.Retry{Attempts: 2, Base: time.Second}}, "the longest wait cannot be set: it is ten times backoff, 10s"},
	} {
		if _, lost := FromNeutral(tt.n); !strings.Contains(strings.Join(lost, "\n"), tt.want) {
			t.Errorf("no %q in %q", tt.want, lost)
		}
	}
	if p, _ := FromNeutral(policy.Neutral{CallTimeout: 9 * time.Second, TotalTimeout: 5 * time.Second}); p.PerTryTimeout != 0 || p.Timeout != 5*time.Second {
		t.Errorf("an attempt longer than the call: %+v", p)
	}
}

// What Istio says of itself it takes back, and nothing is lost: but for how its rules
// differ from others', which are its own.
func TestThereAndBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ms := func(name string, lo, hi int) time.Duration {
			return time.Duration(rapid.IntRange(lo, hi).Draw(t, name)) * time.Millisecond
		}
		p := Default()
		p.Timeout = ms("timeout", 0, 60_000)
		if p.Timeout > 0 && rapid.Bool().Draw(t, "per try") {
			p.PerTryTimeout = ms("perTryTimeout", 1, int(p.Timeout/time.Millisecond))
		}
		p.Consecutive5xxErrors = rapid.IntRange(1, 100).Draw(t, "consecutive")
		p.BaseEjectionTime = ms("base", 1, 600_000)
		p.HTTP2MaxRequests = rapid.IntRange(0, 5000).Draw(t, "requests")
		p.Attempts = rapid.IntRange(0, 5).Draw(t, "attempts")
		p.Backoff = ms("backoff", 1, 1000)
		p.RetryBudget = rapid.Bool().Draw(t, "budget")
		n := p.Neutral()
		back, lost := fromNeutral(n)
		if len(lost) > 0 {
			t.Fatalf("lost on the way to itself: %v", lost)
		}
		if diff := cmp.Diff(n, back.Neutral()); diff != "" {
			t.Fatalf("-neutral +there and back:\n%s", diff)
		}
	})
}
