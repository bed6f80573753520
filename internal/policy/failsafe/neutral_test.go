package failsafe

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tripcurve/internal/policy"
)

func TestNeutralRoundTrip(t *testing.T) {
	for _, params := range []map[string]string{
		Factory(),
		{"successThreshold": "1"}, // as the library's own, said in full
		{"failureThreshold": "3", "failureThresholdingCapacity": "10", "successThreshold": "3", "successThresholdingCapacity": "4", "delay": "5s", "jitterFactor": "0.25"},
		{
			"failureRateThreshold": "0.33", "failureExecutionThreshold": "7", "failureThresholdingPeriod": "20s", "successThreshold": "1", "timeout.total": "10s", "bulkhead.maxConcurrency": "7",
			"retry.maxRetries": "2", "retry.delay": "100ms", "retry.maxDelay": "1s", "retry.delayFactor": "1.5", "retry.jitterFactor": "0.1", "retry.abortOnRejection": "true",
		},
		{"successThreshold": "1", "retry.maxRetries": "-1", "retry.delay": "100ms", "retry.abortOnRejection": "true"},
	} {
		p, err := Parse(params)
		if err != nil {
			t.Fatal(err)
		}
		again, losses := FromNeutral(p.Neutral())
		if len(losses) > 0 {
			t.Errorf("%v: lost %v", params, losses)
		}
		if diff := cmp.Diff(p, again); diff != "" {
			t.Errorf("%v (-before +after):\n%s", params, diff)
		}
	}
}

func TestNeutral(t *testing.T) {
	for _, tt := range []struct {
		params map[string]string
		want   policy.Neutral
	}{
		{nil, policy.Neutral{FailureRate: 1, MinCalls: 1, WindowCalls: 1, OpenFor: time.Minute, Probes: 1}},
		{
			map[string]string{"failureThreshold": "5", "failureThresholdingPeriod": "30s", "delayMin": "5s", "delayMax": "15s"},
			policy.Neutral{MinCalls: 5, Window: 30 * time.Second, OpenFor: 10 * time.Second, Growth: policy.Growth{Jitter: 0.5}, Probes: 5},
		},
		{
			map[string]string{"failureRateThreshold": "0.5", "failureExecutionThreshold": "20", "delay": "10s", "jitter": "1s"},
			policy.Neutral{FailureRate: 0.5, MinCalls: 20, WindowCalls: 20, OpenFor: 10 * time.Second, Growth: policy.Growth{Jitter: 0.1}, Probes: 20},
		},
		{
			map[string]string{"retry.maxRetries": "2", "retry.delay": "100ms", "retry.jitter": "20ms", "budget.maxRate": "0.1"},
			policy.Neutral{
				FailureRate: 1, MinCalls: 1, WindowCalls: 1, OpenFor: time.Minute, Probes: 1,
				Retry: policy.Retry{Attempts: 3, Base: 100 * time.Millisecond, Multiplier: 1, Jitter: 0.2, Budget: 0.1},
			},
		},
	} {
		p, err := Parse(tt.params)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(tt.want, p.Neutral()); diff != "" {
			t.Errorf("%v:\n%s", tt.params, diff)
		}
	}
}

func TestFromNeutral(t *testing.T) {
	for _, tt := range []struct {
		name   string
		in     policy.Neutral
		want   map[string]string
		losses []string
	}{
		{
			"a rate over time, and half of five probes",
			policy.Neutral{CallTimeout: 2 * time.Second, FailureRate: 0.5, MinCalls: 20, Window: 30 * time.Second, OpenFor: 5 * time.Second, Probes: 5},
			map[string]string{
				"failureRateThreshold": "0.5", "failureExecutionThreshold": "20", "failureThresholdingPeriod": "30s", "delay": "5s",
				"successThreshold": "3", "successThresholdingCapacity": "5", "timeout.timeLimit": "2s",
			},
			nil,
		},
		{
			"0.07 of 100 calls are 7, whatever floats make of it",
			policy.Neutral{FailureRate: 0.07, MinCalls: 10, WindowCalls: 100},
			map[string]string{"failureThreshold": "7", "failureThresholdingCapacity": "100", "delay": "1m", "successThreshold": "1"},
			[]string{"7 failures open the breaker, also before 10 calls have ended"},
		},
		{
			"what it lacks",
			policy.Neutral{
				FailureRate: 0.5001, MinCalls: 10, Growth: policy.Growth{Factor: 2, Jitter: 0.5}, TotalTimeout: 20 * time.Second, MaxConcurrent: 40,
				Retry: policy.Retry{Attempts: 4, Base: 100 * time.Millisecond, Jitter: 0.2, Budget: 0.1},
			},
			map[string]string{
				"failureRateThreshold": "0.5", "failureExecutionThreshold": "10", "failureThresholdingPeriod": "10s", "delay": "1m", "jitterFactor": "0.5",
				"successThreshold": "1", "timeout.total": "20s", "bulkhead.maxConcurrency": "40", "retry.maxRetries": "3", "retry.delay": "100ms",
				"retry.maxDelay": "400ms", "retry.jitterFactor": "0.2", "retry.abortOnRejection": "true", "budget.maxRate": "0.1",
			},
			[]string{
				"failureRateThreshold 50.01 % becomes 50 %: rates are rounded to 1 %",
				"no window was given that can be cut into ten parts: failureThresholdingPeriod is 10s",
				"failsafe-go's delay does not grow by itself: every opening lasts 1m (WithDelayFunc is code)",
				"budget.maxRate 0.1 is a share of the calls in flight, not of those made, and 3 retries at once are always allowed",
			},
		},
		{
			"no rule",
			policy.Neutral{Window: 10 * time.Second, OpenFor: time.Second, Retry: policy.Retry{Attempts: 2_000_000}},
			map[string]string{"delay": "1s", "successThreshold": "1", "retry.maxRetries": "1000000", "retry.abortOnRejection": "true"},
			[]string{"no rule on a failure rate was given: the library's own opens on a single failure", "retry.maxRetries 1999999 becomes 1000000"},
		},
		{
			"never trips elsewhere",
			policy.Neutral{FailureRate: 1.0001, MinCalls: 5, Window: 10 * time.Second, Probes: 2},
			map[string]string{"failureRateThreshold": "1", "failureExecutionThreshold": "5", "failureThresholdingPeriod": "10s", "delay": "1m", "successThreshold": "1", "successThresholdingCapacity": "2"},
			[]string{"a failure rate of 100.01 % is never reached elsewhere; here the breaker opens when all calls fail"},
		},
		{
			"a rate of nearly nothing",
			policy.Neutral{FailureRate: 0.001, MinCalls: 5, Window: 10 * time.Second},
			map[string]string{"failureRateThreshold": "0.01", "failureExecutionThreshold": "5", "failureThresholdingPeriod": "10s", "delay": "1m", "successThreshold": "1"},
			[]string{"failureRateThreshold 0.1 % becomes 1 %: rates are rounded to 1 %"},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p, losses := FromNeutral(tt.in)
			if diff := cmp.Diff(tt.want, p.Map()); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(tt.losses, losses); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestTraps(t *testing.T) {
	const none = "no timeout: a call that hangs is never seen as a failure, and a hung probe keeps its permit in half-open for ever"
	for _, tt := range []struct {
		params map[string]string
		want   []string
	}{
		{nil, []string{none, "failureThreshold 1: a single failure opens the breaker"}},
		{Factory(), []string{
			"timeout 5s cancels the context and waits for the call: one that does not look at its context runs on, and the breaker sees the failure only at its end",
			"rates are rounded to 1 %: it opens from a share of 49.5 % on",
		}},
		{map[string]string{"failureRateThreshold": "0.333", "failureExecutionThreshold": "1", "failureThreshold": "3", "failureThresholdingPeriod": "1s"}, []string{
			none,
			"rates are rounded to 1 %: it opens from a share of 33.5 % on",
			"failureExecutionThreshold 1: one failure in a quiet period opens the breaker",
			"failureThreshold has no effect beside failureRateThreshold",
		}},
		{map[string]string{"failureThreshold": "0", "failureThresholdingCapacity": "5"}, []string{
			none,
			"failureThreshold 0: every result opens the breaker, a success too",
			"half-open lets 5 calls in at once, and more when calls from before the opening end meanwhile: each gives back a permit that it never took",
		}},
		{map[string]string{"failureThreshold": "6", "failureThresholdingCapacity": "5", "successThreshold": "4", "successThresholdingCapacity": "1"}, []string{
			none,
			"failureThreshold 6 is more than the 5 calls that are looked at: it never opens",
			"successThreshold 4 is more than the 1 calls that are looked at: it never closes, and opens only by hand",
		}},
		{map[string]string{"failureThreshold": "2", "successThreshold": "1", "bulkhead.maxConcurrency": "5", "retry.maxRetries": "-1", "retry.delay": "1s"}, []string{
			none,
			"the bulkhead stands inside the breaker: a call that finds it full is a failure and can open the breaker",
			"maxRetries -1: tries without end",
			"a call that the open breaker rejects is retried like any other error: AbortOnErrors(circuitbreaker.ErrOpen) ends it",
			"retry is outside the breaker: each attempt is one call to it",
		}},
	} {
		p, err := Parse(tt.params)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(tt.want, p.Traps()); diff != "" {
			t.Errorf("%v:\n%s", tt.params, diff)
		}
	}
}
