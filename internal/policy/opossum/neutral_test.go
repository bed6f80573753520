package opossum

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
		{"timeout": "false", "errorThresholdPercentage": "33.33", "volumeThreshold": "7", "capacity": "40", "rollingCountTimeout": "20000"},
		{"errorThresholdPercentage": "0"},
		{"errorThresholdPercentage": "100"},
	} {
		p, err := Parse(params)
		if err != nil {
			t.Fatal(err)
		}
		again, losses := fromNeutral(p.Neutral())
		if len(losses) > 0 {
			t.Errorf("%v: lost %v", params, losses)
		}
		if diff := cmp.Diff(p, again); diff != "" {
			t.Errorf("%v (-before +after):\n%s", params, diff)
		}
	}
}

const diluted = "errorThresholdPercentage 49.99 is of the calls begun, those in flight and those rejected among them, not of the calls ended: a hang reaches it later"

func TestFromNeutral(t *testing.T) {
	for _, tt := range []struct {
		name   string
		in     policy.Neutral
		want   map[string]string
		losses []string
	}{
		{
			"trips at a half: just below it here",
			policy.Neutral{CallTimeout: 2 * time.Second, FailureRate: 0.5, MinCalls: 10, Window: 10 * time.Second, OpenFor: 5 * time.Second},
			map[string]string{"timeout": "2000", "errorThresholdPercentage": "49.99", "volumeThreshold": "10", "resetTimeout": "5000"},
			[]string{diluted},
		},
		{
			"everything it lacks",
			policy.Neutral{
				FailureRate: 0.5, WindowCalls: 100, OpenFor: 1500 * time.Microsecond, Probes: 10,
				MaxConcurrent: 50, Growth: policy.Growth{Factor: 2, Jitter: 0.5}, Retry: policy.Retry{Attempts: 3, Budget: 0.1},
			},
			map[string]string{"timeout": "false", "errorThresholdPercentage": "49.99", "resetTimeout": "2", "capacity": "50"},
			[]string{
				"opossum has no window of a number of calls: 100 calls become the library's window of 10s",
				"resetTimeout 1.5ms becomes 2ms: whole milliseconds only",
				"opossum's resetTimeout does not grow: every opening lasts 2ms",
				"opossum's resetTimeout has no jitter: breakers opened together probe together",
				"opossum lets one probe through, not 10",
				"opossum does not retry: 3 attempts are the caller's to make",
				"opossum has no retry budget",
				diluted,
				"capacity 50 does not hold a call that timed out, though its work goes on",
			},
		},
		{
			"longer than Node's timers",
			policy.Neutral{CallTimeout: 30 * 24 * time.Hour, FailureRate: 0.5},
			map[string]string{"timeout": "2147483647", "errorThresholdPercentage": "49.99", "resetTimeout": "30000"},
			[]string{"timeout 720h0m0s becomes 596h31m23.647s, the longest that Node's timers take", diluted},
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
	p, err := Parse(Factory())
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"volumeThreshold 0: after a quiet window (10s without calls) one failure opens the breaker for 30s",
		"under load a hang is let through for about 10s before the breaker opens (timeout + errorThresholdPercentage of rollingCountTimeout), because calls in flight and rejected calls dilute the rate",
		"timeout settles the caller only: the call runs on, and its result is thrown away",
	}
	if diff := cmp.Diff(want, p.Traps()); diff != "" {
		t.Error(diff)
	}
}
