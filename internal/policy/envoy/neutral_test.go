package envoy

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"tripcurve/internal/policy"
)

func TestFromNeutral(t *testing.T) {
	got, lost := FromNeutral(policy.Neutral{
		CallTimeout: 5 * time.Second, TotalTimeout: 20 * time.Second,
		FailureRate: 0.501, MinCalls: 10, Window: 10*time.Second + time.Microsecond,
		OpenFor: 20 * time.Second, Growth: policy.Growth{Factor: 3, Max: time.Minute, Jitter: 0.25}, Probes: 1,
		Retry: policy.Retry{Attempts: 3, Base: 100 * time.Millisecond, Multiplier: 1.5, Budget: 0.2},
	})
	want := Default()
	want.MaxEjectionPercent, want.HealthyPanicThreshold = 100, 0
	want.Timeout, want.PerTryTimeout = 20*time.Second, 5*time.Second
	want.Consecutive5xx, want.EnforcingSuccessRate = 0, 0
	want.EnforcingFailurePercentage, want.FailurePercentageMinimumHosts = 100, 1
	want.FailurePercentageThreshold, want.FailurePercentageRequestVolume = 50, 10
	want.Interval = 10*time.Second + time.Millisecond
	want.BaseEjectionTime, want.MaxEjectionTimeJitter, want.MaxEjectionTime = 15*time.Second, 10*time.Second, time.Minute
	want.RetryOn, want.NumRetries, want.BaseInterval = "5xx,unavailable", 2, 100*time.Millisecond
	want.RetryBudget, want.BudgetPercent = true, 20
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	wantLost := []string{
		"failure_percentage_threshold is 50: whole percent only, not 50.1",
		"interval 10.000001s becomes 10.001s: whole milliseconds only",
		"ejections grow linearly, by base_ejection_time from one to the next, not 3-fold",
		"the jitter is 10s however long the ejection is",
		"Envoy has no probes: a host that returns gets its full share of calls at once",
		"without a bound on the calls in flight Envoy has its own: max_requests 1024",
		"Envoy draws a wait from 0 up to its length, whatever the jitter: base_interval is the longest that was asked for",
		"waits are bounded: max_interval is 1s",
		"waits double from retry to retry, they do not grow 1.5-fold",
		"failure_percentage_threshold 50 is judged for each host alone, once at the end of each interval of 10.001s and over that interval: it opens up to 10.001s later than a rolling window",
		"an ejected host returns at a sweep, up to 10.001s after base_ejection_time 15s",
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
		{policy.Neutral{}, "no rule on a failure rate was given: consecutive_5xx keeps Envoy's 5"},
		{policy.Neutral{FailureRate: 1.0001}, "a failure rate above 100 % never opens"},
		{policy.Neutral{FailureRate: 0.5, WindowCalls: 20, MinCalls: 10}, "50 % of them become consecutive_5xx 10, failures of one host in a row"},
		{policy.Neutral{FailureRate: 1, WindowCalls: 6, MinCalls: 6, OpenFor: time.Second}, "consecutive_5xx 6 counts the answers of each host alone"},
		{policy.Neutral{Retry: policy.Retry{Attempts: 2}}, "Envoy does not retry at once: base_interval is at least 1ms"},
	} {
		if _, lost := FromNeutral(tt.n); !strings.Contains(strings.Join(lost, "\n"), tt.want) {
			t.Errorf("no %q in %q", tt.want, lost)
		}
	}
}

// What Envoy says of itself it takes back, and nothing is lost: but for how its rules
// differ from others', which are its own.
func TestThereAndBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ms := func(name string, lo, hi int) time.Duration {
			return time.Duration(rapid.IntRange(lo, hi).Draw(t, name)) * time.Millisecond
		}
		p := Default()
		p.Timeout = ms("timeout", 1, 60_000)
		if rapid.Bool().Draw(t, "per try") {
			p.PerTryTimeout = ms("per_try_timeout", 1, int(p.Timeout/time.Millisecond))
		}
		p.BaseEjectionTime = ms("base", 1, 600_000)
		p.MaxEjectionTimeJitter = ms("jitter", 0, 60_000)
		p.MaxRequests = rapid.IntRange(1, 5000).Draw(t, "requests")
		if rapid.Bool().Draw(t, "rate") {
			p.EnforcingFailurePercentage = 100
			p.FailurePercentageThreshold = rapid.IntRange(1, 100).Draw(t, "threshold")
			p.Interval = ms("interval", 1, 60_000)
		} else {
			p.Consecutive5xx = rapid.IntRange(1, 100).Draw(t, "consecutive")
		}
		if rapid.Bool().Draw(t, "retries") {
			p.RetryOn = "5xx,unavailable"
			p.NumRetries = rapid.IntRange(1, 5).Draw(t, "retries")
			p.BaseInterval = ms("base_interval", 1, 1000)
			p.RetryBudget = rapid.Bool().Draw(t, "budget")
		}
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

func TestWithoutARuleNothingIsSaidOfARate(t *testing.T) {
	p := Default()
	p.EnforcingConsecutive5xx = 0
	p.MaxRequests = unlimited
	if n := p.Neutral(); n.FailureRate != 0 || n.MaxConcurrent != 0 {
		t.Errorf("%+v", n)
	}
}
