package library

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tripcurve/internal/policy"
)

// Every library must be built from its defaults and from its factory set, decide
// something, and survive the way to the neutral policy and back.
func TestEveryLibrary(t *testing.T) {
	start := time.Date(2026, 1, 15, 14, 0, 0, 0, time.UTC)
	for _, l := range All() {
		t.Run(l.Name, func(t *testing.T) {
			if _, ok := ByName(l.Name); !ok {
				t.Error("not found by its name")
			}
			for _, params := range []map[string]string{nil, l.Factory} {
				b, err := l.New(params, start)
				if err != nil {
					t.Fatal(err)
				}
				if b.Breaker != nil {
					ticket, verdict := b.Breaker.Allow(start.Add(time.Second), 0.5)
					if !verdict.Admitted {
						t.Errorf("%v: rejects the first call: %s", params, verdict.Reason)
					}
					b.Breaker.Record(start.Add(2*time.Second), ticket, policy.Outcome{Code: policy.OK})
				}
				n, err := l.ToNeutral(params)
				if err != nil {
					t.Fatal(err)
				}
				// What is said on the way to itself is how a library's rules differ from
				// others' of the same numbers: a loss changes the neutral words.
				back, _ := l.FromNeutral(n)
				again, err := l.ToNeutral(back)
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(n, again); diff != "" {
					t.Errorf("%v (-neutral +there and back):\n%s", params, diff)
				}
			}
			for _, p := range l.Params {
				if p.Name == "" || p.Help == "" || p.Max < p.Min {
					t.Errorf("incomplete parameter %+v", p)
				}
			}
		})
	}
}

func TestNew(t *testing.T) {
	b, err := New(policy.BreakerSpec{}, time.Time{})
	if err != nil || b.Breaker != nil || b.CallTimeout != 0 {
		t.Errorf("no library: %+v, %v", b, err)
	}
	b, err = New(policy.BreakerSpec{Library: "opossum", Params: map[string]string{"timeout": "3s"}}, time.Time{})
	if err != nil || b.Breaker == nil || b.CallTimeout != 3*time.Second {
		t.Errorf("opossum: %+v, %v", b, err)
	}
	b, err = New(policy.BreakerSpec{Library: "opossum", Params: map[string]string{"enabled": "false"}}, time.Time{})
	if err != nil || b.CallTimeout != 0 {
		t.Errorf("disabled opossum: %+v, %v", b, err)
	}
	if _, err = New(policy.BreakerSpec{Library: "possum"}, time.Time{}); err == nil {
		t.Error("an unknown library is no error")
	}
}

func TestNeutralOf(t *testing.T) {
	got, err := NeutralOf(policy.Policy{
		Timeout: 10 * time.Second, Deadline: 4 * time.Second, MaxConcurrent: 50,
		Retry:   policy.Retry{Attempts: 3},
		Breaker: policy.BreakerSpec{Library: "opossum", Params: map[string]string{"capacity": "20", "timeout": "5000"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	want := policy.Neutral{
		CallTimeout: 4 * time.Second, FailureRate: 0.5001, Window: 10 * time.Second, OpenFor: 30 * time.Second,
		Probes: 1, MaxConcurrent: 20, Retry: policy.Retry{Attempts: 3},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestComplete(t *testing.T) {
	for _, tt := range []struct {
		name  string
		order []Piece
		want  []Piece
	}{
		{"nothing said", nil, []Piece{TotalTimeout, Retry, Limit, Breaker, CallTimeout}},
		{"opossum", []Piece{Breaker, CallTimeout}, []Piece{TotalTimeout, Retry, Limit, Breaker, CallTimeout}},
		{"resilience4j", []Piece{Retry, Breaker, CallTimeout, Limit}, []Piece{TotalTimeout, Retry, Breaker, CallTimeout, Limit}},
		{"polly", []Piece{Limit, TotalTimeout, Retry, Breaker, CallTimeout}, []Piece{Limit, TotalTimeout, Retry, Breaker, CallTimeout}},
		{"semian", []Piece{Breaker, Limit}, []Piece{TotalTimeout, Retry, Breaker, Limit, CallTimeout}},
		{"grpc", []Piece{TotalTimeout, Retry}, []Piece{TotalTimeout, Retry, Limit, Breaker, CallTimeout}},
		{"a breaker around the retries", []Piece{Breaker, Retry, CallTimeout}, []Piece{TotalTimeout, Limit, Breaker, Retry, CallTimeout}},
	} {
		if diff := cmp.Diff(tt.want, Complete(tt.order)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
}
