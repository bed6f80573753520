package resilience4j

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"tripcurve/internal/policy"
)

func TestFromNeutral(t *testing.T) {
	base := policy.Neutral{CallTimeout: 5 * time.Second, FailureRate: 0.5, MinCalls: 10, Window: 10 * time.Second, OpenFor: 30 * time.Second, Probes: 1}
	for _, tt := range []struct {
		name   string
		change func(*policy.Neutral)
		want   map[string]string // what differs from base's parameters
		losses []string
	}{
		{"as it is", func(*policy.Neutral) {}, nil, nil},
		{"a rate of opossum's", func(n *policy.Neutral) { n.FailureRate = 0.5001 }, map[string]string{"failureRateThreshold": "50.01"}, nil},
		{
			"no rate", func(n *policy.Neutral) { n.FailureRate = 0 }, nil,
			[]string{"no rule on a failure rate was given: failureRateThreshold keeps the library's 50"},
		},
		{
			"never", func(n *policy.Neutral) { n.FailureRate = 1.0001 },
			map[string]string{"failureRateThreshold": "100"},
			[]string{"a failure rate above 100 % is never reached elsewhere; here the breaker opens when all calls fail"},
		},
		{
			"below 1 %", func(n *policy.Neutral) { n.FailureRate = 0.005 },
			map[string]string{"failureRateThreshold": "1"},
			[]string{"failureRateThreshold 0.5 becomes 1: Spring Boot's properties begin there"},
		},
		{"no minimum", func(n *policy.Neutral) { n.MinCalls = 0 }, map[string]string{"minimumNumberOfCalls": "1"}, nil},
		{
			"part of a second", func(n *policy.Neutral) { n.Window = 2500 * time.Millisecond },
			map[string]string{"slidingWindowSize": "3"},
			[]string{"slidingWindowSize 3: 2.5s becomes 3s, for windows are whole seconds"},
		},
		{
			"more seconds than there are", func(n *policy.Neutral) { n.Window = 300 * time.Hour },
			map[string]string{"slidingWindowSize": "1000000"},
			[]string{"slidingWindowSize 1000000: 300h becomes 277h46m40s"},
		},
		{
			"a window of calls", func(n *policy.Neutral) { n.WindowCalls = 5 },
			map[string]string{"slidingWindowType": "COUNT_BASED", "slidingWindowSize": "5", "minimumNumberOfCalls": "5"},
			[]string{"minimumNumberOfCalls 10 becomes 5: a window of calls never holds more"},
		},
		{
			"no window", func(n *policy.Neutral) { n.Window = 0 },
			map[string]string{"slidingWindowType": "COUNT_BASED", "slidingWindowSize": "100"},
			[]string{"no window was given: slidingWindowSize keeps the library's 100 calls"},
		},
		{
			"more probes than the minimum", func(n *policy.Neutral) { n.Probes = 20 },
			map[string]string{"permittedNumberOfCallsInHalfOpenState": "20", "minimumNumberOfCalls": "20"},
			[]string{"minimumNumberOfCalls 10 becomes 20: half-open would be decided after so few of its probes"},
		},
		{
			"opens shorter than a probe takes", func(n *policy.Neutral) { n.OpenFor = 3 * time.Second },
			map[string]string{"waitDurationInOpenState": "3s", "maxWaitDurationInHalfOpenState": "8s"},
			nil,
		},
		{
			"part of a millisecond", func(n *policy.Neutral) { n.CallTimeout = 1500 * time.Microsecond },
			map[string]string{"timelimiter.timeoutDuration": "2ms"},
			[]string{"timelimiter.timeoutDuration 1.5ms becomes 2ms: whole milliseconds only"},
		},
		{
			"growth and jitter", func(n *policy.Neutral) {
				n.Growth = policy.Growth{Factor: 2, Max: time.Minute, Jitter: 0.2}
			},
			map[string]string{"enableExponentialBackoff": "true", "exponentialBackoffMultiplier": "2", "exponentialMaxWaitDurationInOpenState": "1m"},
			[]string{"an open time either grows or is randomised: the jitter of 20 % is lost"},
		},
		{
			"full jitter", func(n *policy.Neutral) { n.Growth.Jitter = 1 },
			map[string]string{"enableRandomizedWait": "true", "randomizedWaitFactor": "0.99"},
			[]string{"randomizedWaitFactor 1 becomes 0.99: Spring Boot's properties end below 1"},
		},
		{
			"retries at once", func(n *policy.Neutral) { n.Retry = policy.Retry{Attempts: 2, Budget: 0.1} },
			map[string]string{"retry.maxAttempts": "2", "retry.waitDuration": "1ms", "retry.ignoreExceptions": "io.github.resilience4j.circuitbreaker.CallNotPermittedException"},
			[]string{"a retry at once is written as a wait of 1ms: older versions refuse a wait of 0", "resilience4j has no retry budget: 10 % of calls is lost"},
		},
		{
			"all too large", func(n *policy.Neutral) {
				n.OpenFor, n.MaxConcurrent, n.Retry = 9000*time.Hour, 2_000_000, policy.Retry{Attempts: 2_000_000, Base: time.Second, Multiplier: 1}
			},
			map[string]string{
				"waitDurationInOpenState": "8784h", "maxWaitDurationInHalfOpenState": "8784h", "bulkhead.maxConcurrentCalls": "1000000", "retry.maxAttempts": "1000000",
				"retry.waitDuration": "1s", "retry.ignoreExceptions": "io.github.resilience4j.circuitbreaker.CallNotPermittedException",
			},
			[]string{"waitDurationInOpenState 9000h becomes 8784h", "bulkhead.maxConcurrentCalls 2000000 becomes 1000000", "retry.maxAttempts 2000000 becomes 1000000"},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			n := base
			tt.change(&n)
			p, losses := FromNeutral(n)
			was, _ := FromNeutral(base)
			want := was.Map()
			for k, v := range tt.want {
				want[k] = v
			}
			if diff := cmp.Diff(want, p.Map()); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(tt.losses, losses); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// What came from a neutral policy is the same after the way there and back, and
// loses nothing the second time.
func TestThereAndBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := drawParams(t)
		p.TimeLimiter.TimeoutDuration = time.Duration(rapid.IntRange(0, 9000).Draw(t, "limit")) * time.Millisecond
		p.Bulkhead.MaxConcurrentCalls = rapid.IntRange(0, 9).Draw(t, "places")
		p.Retry.MaxAttempts = rapid.IntRange(1, 4).Draw(t, "attempts")
		p.Retry.EnableExponentialBackoff = rapid.Bool().Draw(t, "grows")
		p.Retry.EnableRandomizedWait = rapid.Bool().Draw(t, "random")
		once, _ := FromNeutral(p.Neutral())
		twice, losses := FromNeutral(once.Neutral())
		if p.InitialState == "DISABLED" || p.InitialState == "METRICS_ONLY" {
			return // there is no breaker to speak of
		}
		if diff := cmp.Diff(once, twice); diff != "" {
			t.Fatal(diff)
		}
		if len(losses) > 0 && p.PermittedNumberOfCallsInHalfOpenState <= once.minimum() {
			t.Fatal(losses)
		}
	})
}

func TestWaits(t *testing.T) {
	r := Retry{MaxAttempts: 9, WaitDuration: 500 * time.Millisecond, ExponentialBackoffMultiplier: 1.5, RandomizedWaitFactor: 0.5, ExponentialMaxWaitDuration: time.Second}
	grows, random, both, long := r, r, r, r
	long.WaitDuration = 2 * time.Second
	grows.EnableExponentialBackoff = true
	random.EnableRandomizedWait = true
	both.EnableExponentialBackoff, both.EnableRandomizedWait = true, true
	for _, tt := range []struct {
		name string
		r    Retry
		n    int
		u    float64
		want time.Duration
	}{
		{"fixed", r, 5, 0.9, 500 * time.Millisecond},
		{"a bound without growth is none", long, 1, 0.9, 2 * time.Second},
		{"the first is not grown", grows, 1, 0.9, 500 * time.Millisecond},
		{"grown", grows, 2, 0.9, 750 * time.Millisecond},
		{"bounded", grows, 3, 0.9, time.Second},
		{"random", random, 4, 0, 250 * time.Millisecond},
		{"random, without a bound", random, 4, 0.999, 749 * time.Millisecond},
		{"both", both, 2, 0, 375 * time.Millisecond},
		{"the bound comes after the dice", both, 2, 0.999, time.Second},
	} {
		if got := tt.r.wait(tt.n, tt.u); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
	}
}

func TestPlan(t *testing.T) {
	if Default().Retry.Plan() != nil {
		t.Error("one attempt is a plan")
	}
	r := Default().Retry
	r.MaxAttempts = 3
	if p := r.Plan(); p.Attempts != 3 || !p.Steady || !p.Rejected {
		t.Errorf("%+v", p)
	}
	r.EnableRandomizedWait = true
	r.IgnoreExceptions = ExceptionsOf(callNotPermitted[:1])
	if p := r.Plan(); p.Steady || p.Rejected {
		t.Errorf("%+v", p)
	}
	r.IgnoreExceptions, r.RetryExceptions = "", "java.io.IOException"
	if r.Plan().Rejected {
		t.Error("retries what is not listed")
	}
	r.IgnoreExceptions, r.RetryExceptions = "java.lang.RuntimeException", ExceptionsOf(callNotPermitted[:1])
	if r.Plan().Rejected {
		t.Error("retries what is ignored")
	}
}
