package semian

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tripcurve/internal/policy"
	"tripcurve/internal/policy/policytest"
)

func TestParse(t *testing.T) {
	p, err := Parse(map[string]string{"error_timeout": "2500ms", "lumping_interval": "0.25", "tickets": "4"})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"error_threshold": "3", "error_timeout": "2.5", "success_threshold": "2", "lumping_interval": "0.25", "tickets": "4"}
	if diff := cmp.Diff(want, p.Map()); diff != "" {
		t.Error(diff)
	}
	adaptive, err := Parse(map[string]string{"adaptive_circuit_breaker": "true", "window_size": "5"})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]string{"adaptive_circuit_breaker": "true", "window_size": "5"}, adaptive.Map()); diff != "" {
		t.Error(diff)
	}
	for name, wantErr := range map[string]string{
		"bulkhead":                   "said by tickets",
		"circuit_breaker":            "give the edge none",
		"exceptions":                 "are code",
		"quota":                      "not modelled here",
		"dynamic":                    "changes no decision",
		"error_treshold":             "did you mean error_threshold?",
		"half_open_resource_timeout": "",
	} {
		err := Known(name)
		if (err == nil) != (wantErr == "") || err != nil && !strings.Contains(err.Error(), wantErr) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, bad := range [][2]string{
		{"error_threshold", "0"},
		{"error_threshold", "2.5"},
		{"error_timeout", "0"},
		{"error_timeout", "soon"},
		{"success_threshold", "-1"},
		{"initial_error_rate", "1.1"},
		{"window_size", "0.5"},
		{"adaptive_circuit_breaker", "maybe"},
	} {
		if got, err := Check(bad[0], bad[1]); err == nil {
			t.Errorf("%s %s is taken as %s", bad[0], bad[1], got)
		}
	}
	if len(Names()) != len(List()) {
		t.Error("names and list differ")
	}
}

func TestTraps(t *testing.T) {
	for _, tt := range []struct {
		set   string
		traps []string // in each a word that tells it
	}{
		{"", []string{"no time limit", "every process", "every call through"}},
		{"error_threshold_timeout_enabled=false error_threshold_timeout=5", []string{"", "", "", "add up", "no effect beside"}},
		{"lumping_interval=2 error_timeout=1 error_threshold_timeout=60", []string{"", "", "", "half-open again"}},
		{"half_open_resource_timeout=0.2 tickets=3", []string{"", "", "", "Net::HTTP", "under threads"}},
		{"exponential_backoff_error_timeout=true exponential_backoff_initial_timeout=20", []string{"", "", "", "second open time falls"}},
		{"adaptive_circuit_breaker=true", []string{"", "200 successes", "learnt as baseline"}},
	} {
		params := map[string]string{}
		for _, kv := range strings.Fields(tt.set) {
			k, v, _ := strings.Cut(kv, "=")
			params[k] = v
		}
		p, err := Parse(params)
		if err != nil {
			t.Errorf("%s: %v", tt.set, err)
			continue
		}
		got := p.Traps()
		if len(got) != len(tt.traps) {
			t.Errorf("%s: %q", tt.set, got)
			continue
		}
		for i, word := range tt.traps {
			if !strings.Contains(got[i], word) {
				t.Errorf("%s: %q has no %q", tt.set, got[i], word)
			}
		}
	}
}

func TestNeutral(t *testing.T) {
	for _, tt := range []struct {
		name   string
		n      policy.Neutral
		want   map[string]string
		losses int
	}{
		{
			"a rate",
			policy.Neutral{FailureRate: 0.1, MinCalls: 30, Window: 20 * time.Second, OpenFor: 5 * time.Second},
			map[string]string{"error_threshold": "3", "error_timeout": "5", "success_threshold": "2", "error_threshold_timeout": "20"},
			3,
		},
		{
			"no minimum",
			policy.Neutral{FailureRate: 0.5, Window: 10 * time.Second, OpenFor: 10 * time.Second},
			map[string]string{"error_threshold": "3", "error_timeout": "10", "success_threshold": "2"},
			3,
		},
		{
			"nothing",
			policy.Neutral{},
			map[string]string{"error_threshold": "3", "error_timeout": "10", "success_threshold": "2"},
			3,
		},
		{
			"a window of calls",
			policy.Neutral{FailureRate: 0.5, MinCalls: 10, WindowCalls: 100, OpenFor: 10 * time.Second},
			map[string]string{"error_threshold": "5", "error_timeout": "10", "success_threshold": "2"},
			4,
		},
		{
			"counts never cleared",
			policy.Neutral{MinCalls: 4, OpenFor: time.Second},
			map[string]string{"error_threshold": "4", "error_timeout": "1", "success_threshold": "2", "error_threshold_timeout_enabled": "false"},
			0,
		},
		{
			"growth without bound",
			policy.Neutral{MinCalls: 4, Window: time.Second, OpenFor: time.Second, Growth: policy.Growth{Factor: 3, Jitter: 0.1}},
			map[string]string{
				"error_threshold": "4", "error_timeout": "300", "success_threshold": "2", "error_threshold_timeout": "1",
				"exponential_backoff_error_timeout": "true", "exponential_backoff_multiplier": "3",
			},
			2,
		},
		{
			"too long",
			policy.Neutral{MinCalls: 4, Window: 9e8 * time.Second, OpenFor: 9e8 * time.Second},
			map[string]string{"error_threshold": "4", "error_timeout": "31536000", "success_threshold": "2", "error_threshold_timeout": "31536000"},
			2,
		},
		{"all around it", policy.Neutral{
			MinCalls: 4, Window: 10 * time.Second, OpenFor: 10 * time.Second, MaxConcurrent: 7, CallTimeout: time.Second, TotalTimeout: 5 * time.Second,
			Retry: policy.Retry{Attempts: 3, Base: time.Second, Max: 2 * time.Second, Jitter: 0.5, Budget: 0.1},
		}, map[string]string{"error_threshold": "4", "error_timeout": "10", "success_threshold": "2", "tickets": "7"}, 3},
	} {
		p, losses := FromNeutral(tt.n)
		if diff := cmp.Diff(tt.want, p.Map()); diff != "" || len(losses) != tt.losses {
			t.Errorf("%s: lost %q\n%s", tt.name, losses, diff)
		}
		if _, err := Parse(p.Map()); err != nil {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
	// Its own neutral words come back without a loss.
	for _, set := range []map[string]string{
		Factory(),
		{"error_threshold": "7", "error_timeout": "3", "error_threshold_timeout": "9", "success_threshold": "4", "tickets": "2"},
		{"error_timeout": "30", "exponential_backoff_error_timeout": "true", "exponential_backoff_multiplier": "1.5"},
	} {
		p, err := Parse(set)
		if err != nil {
			t.Fatal(err)
		}
		back, losses := FromNeutral(p.Neutral())
		if diff := cmp.Diff(p, back); diff != "" || losses != nil {
			// A window that equals error_timeout need not be said.
			if back.Window() != p.Window() || losses != nil {
				t.Errorf("%v: lost %q\n%s", set, losses, diff)
			}
		}
	}
	if n := (Params{AdaptiveCircuitBreaker: true, WindowSize: 4}).Neutral(); n.Window != 4*time.Second || n.MinCalls != 0 {
		t.Errorf("adaptive: %+v", n)
	}
}

// TestEarlierTime: an earlier time than the last one counts as the last one.
func TestEarlierTime(t *testing.T) {
	p := Default()
	for _, adaptive := range []bool{false, true} {
		p.AdaptiveCircuitBreaker = adaptive
		b := New(p, policytest.Epoch)
		at := policytest.Epoch.Add(time.Minute)
		b.Advance(at)
		ticket, _ := b.Allow(policytest.Epoch, 0.5)
		if !ticket.At.Equal(at) {
			t.Errorf("adaptive %v: admitted at %s", adaptive, ticket.At)
		}
	}
}

// TestSnapshotShare: an open breaker turns everything away.
func TestSnapshotShare(t *testing.T) {
	p := Default()
	p.ErrorThreshold = 1
	m := New(p, policytest.Epoch)
	ticket, _ := m.Allow(policytest.Epoch, 0)
	m.Record(policytest.Epoch, ticket, policy.Outcome{Code: policy.Failure})
	if s := m.Snapshot(); s.State != policy.Open || s.Share != 1 {
		t.Errorf("%+v", s)
	}
	if _, ok := m.Due(); ok {
		t.Error("the classic breaker has no timer")
	}
	p.AdaptiveCircuitBreaker = true
	a := NewAdaptive(p, policytest.Epoch)
	for range 100 {
		ticket, _ := a.Allow(policytest.Epoch, 0.999)
		a.Record(policytest.Epoch, ticket, policy.Outcome{Code: policy.Timeout})
	}
	a.Advance(policytest.Epoch.Add(3 * time.Second))
	if s := a.Snapshot(); s.State != policy.Open || s.Share != 1 || a.Share() != 1 {
		t.Errorf("%+v", s)
	}
}

func adaptive(start time.Time) policy.Breaker { return NewAdaptive(Default(), start) }

func classic(start time.Time) policy.Breaker { return NewClassic(Default(), start) }

// The benchmark guards 2 million decisions a second without an allocation.
func BenchmarkClassic(b *testing.B) { policytest.Benchmark(b, classic) }

func BenchmarkAdaptive(b *testing.B) { policytest.Benchmark(b, adaptive) }

func TestDecisionsAllocateNothing(t *testing.T) {
	policytest.AllocatesNothing(t, classic)
	policytest.AllocatesNothing(t, adaptive)
}
