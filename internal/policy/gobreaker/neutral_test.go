package gobreaker

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tripcurve/internal/policy"
)

func TestNeutralRoundTrip(t *testing.T) {
	for _, params := range []map[string]string{
		Factory(),
		{},
		{"consecutiveFailures": "0", "MaxRequests": "5"},
		{"ReadyToTrip": "completed", "Interval": "20s", "BucketPeriod": "2s", "failureRatio": "0.3333", "minRequests": "0"},
		{"ReadyToTrip": "completed"}, // counts never cleared
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

func TestFromNeutral(t *testing.T) {
	for _, tt := range []struct {
		name   string
		in     policy.Neutral
		want   map[string]string
		losses []string
	}{
		{
			"a rate over time",
			policy.Neutral{FailureRate: 0.25, MinCalls: 20, Window: 30 * time.Second, OpenFor: 5 * time.Second, Probes: 3},
			map[string]string{"ReadyToTrip": "completed", "Interval": "30s", "BucketPeriod": "3s", "minRequests": "20", "failureRatio": "0.25", "Timeout": "5s", "MaxRequests": "3"},
			nil,
		},
		{
			"all of the last 5 calls are 5 failures in a row",
			policy.Neutral{FailureRate: 1, MinCalls: 5, WindowCalls: 5, OpenFor: time.Minute},
			map[string]string{"ReadyToTrip": "consecutive", "consecutiveFailures": "4", "Timeout": "1m"},
			nil,
		},
		{
			"everything it lacks",
			policy.Neutral{
				CallTimeout: 2 * time.Second, TotalTimeout: 20 * time.Second, FailureRate: 0.5, MinCalls: 10, WindowCalls: 100,
				Growth: policy.Growth{Factor: 2, Jitter: 0.5}, MaxConcurrent: 40,
				Retry: policy.Retry{Attempts: 3, Base: 100 * time.Millisecond, Max: time.Second, Jitter: 0.2, Budget: 0.1},
			},
			map[string]string{"ReadyToTrip": "completed", "Timeout": "1m"},
			[]string{
				"gobreaker has no window of 100 calls: its counts are never cleared (Interval 0), so a long healthy time hides failures; set Interval and BucketPeriod",
				"gobreaker has no time limit on calls: give each call a context with a deadline of 2s, or a hang is never seen and a hung probe rejects for ever",
				"gobreaker has no time limit over several attempts: 20s is the caller's to keep",
				"gobreaker's Timeout does not grow: every opening lasts 1m",
				"gobreaker's Timeout has no jitter: breakers opened together probe together",
				"gobreaker does not bound the calls in flight: 40 is the caller's to keep",
				"gobreaker does not retry: 3 attempts are the caller's to make (first wait 100ms, longest 1s, jitter 20 %), and their budget of 10 % of calls the caller's to keep; each attempt is one call to the breaker",
			},
		},
		{
			"no rule",
			policy.Neutral{Window: 10 * time.Second},
			map[string]string{"ReadyToTrip": "consecutive", "Timeout": "1m"},
			[]string{"no rule on a failure rate was given: the library's own opens on 6 failures in a row"},
		},
		{
			"never trips elsewhere, and in a window of odd length",
			policy.Neutral{FailureRate: 1.0001, MinCalls: 1, Window: time.Second + 1},
			map[string]string{"ReadyToTrip": "completed", "Interval": "1.00000001s", "BucketPeriod": "100.000001ms", "minRequests": "1", "failureRatio": "1", "Timeout": "1m"},
			[]string{
				"Interval 1.000000001s becomes 1.00000001s, a multiple of BucketPeriod",
				"a failure rate of 100.01 % is never reached elsewhere; here the breaker opens when all calls fail",
			},
		},
		{
			"more calls than the window has, and years of it",
			policy.Neutral{FailureRate: 1, MinCalls: 9, WindowCalls: 4, OpenFor: 900 * 24 * time.Hour},
			map[string]string{"ReadyToTrip": "consecutive", "consecutiveFailures": "3", "Timeout": "8760h"},
			[]string{"9 calls never are in a window of 4: opens on 4 failures in a row"},
		},
		{
			"a window too short to be cut",
			policy.Neutral{FailureRate: 0.5, Window: 3},
			map[string]string{"ReadyToTrip": "completed", "Interval": "3ns", "minRequests": "0", "Timeout": "1m"},
			[]string{"a window of 3ns cannot be cut into buckets: it is fixed, and cleared as a whole"},
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
	const open = "Timeout 1m is how long the breaker stays open, not a time limit: a call that hangs is never seen as a failure, and a hung probe leaves the breaker half-open and rejecting for ever; give every call a deadline"
	for _, tt := range []struct {
		params map[string]string
		want   []string
	}{
		{nil, []string{open}},
		{map[string]string{"ReadyToTrip": "completed", "BucketPeriod": "1s", "minRequests": "1", "MaxRequests": "0", "Timeout": "0"}, []string{
			open,
			"Interval 0 never clears the counts: after a healthy day no outage brings the share of failures to 50 %",
			"BucketPeriod has no effect without Interval",
			"minRequests 1: one failure in a quiet window opens the breaker",
			"MaxRequests 0 is 1",
		}},
		{map[string]string{"ReadyToTrip": "requests", "Interval": "2500ms", "BucketPeriod": "700ms"}, []string{
			open,
			"Interval 2.5s becomes 2.8s, a multiple of BucketPeriod",
			"calls in flight are in the denominator: under load a hang is let through until it times out and about 50 % of the window more",
		}},
		{map[string]string{"Interval": "5s", "BucketPeriod": "10s"}, []string{
			open,
			"Interval 10s is a fixed window: calls in flight at its edge are forgotten, and when calls take longer than the window it never opens",
			"BucketPeriod 10s is no part of Interval 5s: the window is fixed and 10s long",
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
