package grpc

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"tripcurve/internal/policy"
)

func TestParse(t *testing.T) {
	for _, tt := range []struct {
		name, value string
		want        string // or the beginning of the error
	}{
		{"timeout", "5s", "5s"},
		{"timeout", "250ms", "0.25s"},
		{"timeout", "none", "none"},
		{"timeout", "0", "none"},
		{"timeout", "5", `"5" is not a duration`},
		{"timeout", "-1s", `"-1s" is not from 0s to 999999999s`},
		{"retryPolicy.maxAttempts", "9", "9"},
		{"retryPolicy.maxAttempts", "0", `"0" is not a whole number from 1 to 2147483647`},
		{"retryPolicy.initialBackoff", "0s", `"0s" is not from 0.000000001s`},
		{"retryPolicy.maxBackoff", "none", `"none" is not a duration`},
		{"retryPolicy.backoffMultiplier", "0", `"0" is not a number above 0`},
		{"retryPolicy.retryableStatusCodes", "unavailable, 8,UNAVAILABLE", "UNAVAILABLE,RESOURCE_EXHAUSTED"},
		{"retryPolicy.retryableStatusCodes", "UNAVAILABL", `no gRPC status "UNAVAILABL", did you mean UNAVAILABLE?`},
		{"retryPolicy.retryableStatusCodes", "", `no gRPC status ""`},
		{"retryThrottling.maxTokens", "1001", `"1001" is not a number from 0 to 1000`},
		{"retryThrottling.tokenRatio", "0", `"0" is not a number above 0`},
		{"grpc.max_concurrent_streams", "100", "grpc.max_concurrent_streams is the server's"},
		{"hedgingPolicy", "x", "grpc-go does not carry out a hedgingPolicy"},
		{"deadline", "5s", "a call's own deadline is the edge's deadline"},
		{"retryPolicy.maxattempts", "3", `no grpc parameter "retryPolicy.maxattempts", did you mean retryPolicy.maxAttempts?`},
	} {
		got, err := Check(tt.name, tt.value)
		if err != nil {
			got = err.Error()
		}
		if err != nil && !strings.HasPrefix(got, tt.want) || err == nil && got != tt.want {
			t.Errorf("%s=%s: %s, want %s", tt.name, tt.value, got, tt.want)
		}
	}
}

func TestTraps(t *testing.T) {
	for _, tt := range []struct {
		params map[string]string
		want   []string // the traps' beginnings
	}{
		{nil, []string{"no timeout"}},
		{map[string]string{"timeout": "5s"}, nil},
		{
			map[string]string{
				"timeout": "1s", "retryPolicy.maxAttempts": "9", "retryPolicy.retryableStatusCodes": "DEADLINE_EXCEEDED",
			},
			[]string{
				"retryPolicy.maxAttempts 9: clients make no more than 5",
				"timeout 1s covers all attempts together",
				"waits between attempts of 1.5s",
				"DEADLINE_EXCEEDED among the statuses to retry",
				"no retryThrottling: retries multiply the load by up to 5",
				"a server may set the wait itself",
			},
		},
	} {
		p, err := Parse(tt.params)
		if err != nil {
			t.Fatal(err)
		}
		got := p.Traps()
		for i, trap := range got {
			if i >= len(tt.want) || !strings.HasPrefix(trap, tt.want[i]) {
				t.Errorf("%v: unexpected %q", tt.params, trap)
			}
		}
		if len(got) != len(tt.want) {
			t.Errorf("%v: %d traps, want %d", tt.params, len(got), len(tt.want))
		}
	}
}

func TestNeutral(t *testing.T) {
	p, err := Parse(map[string]string{
		"timeout": "5s", "retryPolicy.maxAttempts": "9", "retryThrottling.maxTokens": "10", "retryThrottling.tokenRatio": "0.2",
	})
	if err != nil {
		t.Fatal(err)
	}
	want := policy.Neutral{
		TotalTimeout: 5 * time.Second,
		Retry:        policy.Retry{Attempts: 5, Base: 100 * time.Millisecond, Max: time.Second, Multiplier: 2, Jitter: 0.2, Budget: 0.2},
	}
	if diff := cmp.Diff(want, p.Neutral()); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(policy.Neutral{CallTimeout: time.Second}, Params{Timeout: time.Second, Attempts: 1}.Neutral()); diff != "" {
		t.Error(diff)
	}
}

func TestFromNeutral(t *testing.T) {
	retry := policy.Retry{Attempts: 3, Base: 100 * time.Millisecond, Max: time.Second, Jitter: 0.2}
	with := func(change func(*policy.Neutral)) policy.Neutral {
		n := policy.Neutral{CallTimeout: 5 * time.Second}
		change(&n)
		return n
	}
	for _, tt := range []struct {
		name   string
		n      policy.Neutral
		params map[string]string // beside maxAttempts 1
		losses []string          // their beginnings
	}{
		{"a call's limit", with(func(*policy.Neutral) {}), map[string]string{"timeout": "5s"}, nil},
		{
			"without retries the shorter limit",
			with(func(n *policy.Neutral) { n.TotalTimeout = 20 * time.Second }),
			map[string]string{"timeout": "5s"},
			[]string{"without retries the time limit of the attempt, 5s"},
		},
		{
			"an attempt's limit with retries",
			with(func(n *policy.Neutral) { n.Retry = retry }),
			map[string]string{"timeout": "5s", "retryPolicy.maxAttempts": "3"},
			[]string{"timeout 5s covers all attempts together"},
		},
		{
			"both limits with retries",
			with(func(n *policy.Neutral) { n.Retry, n.TotalTimeout = retry, 20*time.Second }),
			map[string]string{"timeout": "20s", "retryPolicy.maxAttempts": "3"},
			[]string{"gRPC has no time limit on one attempt: 5s"},
		},
		{
			"a breaker and a limit", with(func(n *policy.Neutral) { n.FailureRate, n.MaxConcurrent = 0.5, 10 }),
			map[string]string{"timeout": "5s"},
			[]string{"gRPC's service config has no circuit breaker", "gRPC has no bound on a client's calls in flight"},
		},
		{
			"too many attempts at once, for ever longer, without jitter, in a budget",
			policy.Neutral{Retry: policy.Retry{Attempts: 8, Budget: 0.2}},
			map[string]string{
				"timeout": "none", "retryPolicy.maxAttempts": "5", "retryPolicy.initialBackoff": "0.001s", "retryPolicy.maxBackoff": "0.008s",
				"retryThrottling.maxTokens": "10", "retryThrottling.tokenRatio": "0.2",
			},
			[]string{"clients make no more than 5 attempts, not 8", "a retry at once is not expressible", "gRPC's jitter is fixed at 20 %, not 0 %", "tokenRatio 0.2 is a share of the successes"},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p, losses := FromNeutral(tt.n)
			if tt.params["retryPolicy.maxAttempts"] == "" {
				tt.params["retryPolicy.maxAttempts"] = "1"
			}
			if diff := cmp.Diff(tt.params, p.Map()); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if len(losses) != len(tt.losses) {
				t.Fatalf("losses %q, want %q", losses, tt.losses)
			}
			for i, l := range losses {
				if !strings.HasPrefix(l, tt.losses[i]) {
					t.Errorf("loss %q, want %q", l, tt.losses[i])
				}
			}
		})
	}
}

// What is written is read again as it was.
func TestMap(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := anyParams(t)
		got, err := Parse(p.Map())
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(p, got); diff != "" {
			t.Fatalf("%v\n%s", p.Map(), diff)
		}
	})
}
