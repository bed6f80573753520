package library

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tripcurve/internal/policy"
)

func TestNeutralIsReadAndMovedButNotRun(t *testing.T) {
	var p policy.Policy
	for field, v := range map[string]string{"breaker": "neutral"} {
		if err := p.Set(field, v); err != nil {
			t.Fatal(err)
		}
	}
	if err := p.Set("breaker.window", "20s"); err != nil {
		t.Fatal(err)
	}
	if _, err := New(p.Breaker, time.Time{}); !errors.Is(err, ErrNeutral) {
		t.Errorf("running it: %v", err)
	}
	n, err := NeutralOf(p)
	want := Neutral{FailureRate: 0.5, MinCalls: 10, Window: 20 * time.Second, OpenFor: 30 * time.Second}
	if diff := cmp.Diff(want, n); diff != "" || err != nil {
		t.Errorf("%v\n%s", err, diff)
	}
	if err := p.Set("breaker.open_growth", "-1"); err == nil {
		t.Error("a growth of -1 is taken")
	}
}

func TestNeutralised(t *testing.T) {
	p := policy.Policy{Breaker: policy.BreakerSpec{Library: "opossum", Params: map[string]string{
		"timeout": "5000", "allowWarmUp": "true", "rollingCountBuckets": "5", "volumeThreshold": "7",
	}}}
	got, lost, err := Neutralised(p)
	if err != nil {
		t.Fatal(err)
	}
	want := policy.BreakerSpec{Library: NeutralName, Params: map[string]string{
		"call_timeout": "5s", "failure_rate": "0.5001", "min_calls": "7", "window": "10s", "open_for": "30s", "probes": "1",
	}}
	if diff := cmp.Diff(want, got.Breaker); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"rollingCountBuckets 5", "allowWarmUp true"}, lost); diff != "" {
		t.Error(diff)
	}
}
