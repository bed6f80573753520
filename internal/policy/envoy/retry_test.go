package envoy

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tripcurve/internal/policy/policytest"
)

// The n-th wait is a random one up to base_interval, doubled n-1 times, and no
// more than ten times base_interval unless max_interval says otherwise.
func TestWaits(t *testing.T) {
	steps := 0
	for _, tt := range []struct {
		name string
		max  time.Duration
		want []time.Duration // the ends that the waits stay below
	}{
		{"by default", 0, []time.Duration{25, 50, 100, 200, 250, 250}},
		{"bounded", 60, []time.Duration{25, 50, 60, 60}},
		{"bounded at a doubling", 50, []time.Duration{25, 50, 50}},
		{"not growing", 25, []time.Duration{25, 25}},
	} {
		p := Default()
		p.RetryOn, p.MaxInterval = "5xx", tt.max*time.Millisecond
		plan := p.Plan()
		for i, end := range tt.want {
			steps++
			if got, want := plan.Wait(i+1, 0.5), end*time.Millisecond/2; got != want {
				t.Errorf("%s: retry %d waits %s at u = 0.5, want %s", tt.name, i+1, got, want)
			}
			if got := plan.Wait(i+1, 0); got != 0 {
				t.Errorf("%s: retry %d waits %s at u = 0", tt.name, i+1, got)
			}
		}
	}
	policytest.Report(t, "envoy", "back-off of its source", steps, 0)
}

func TestPlan(t *testing.T) {
	p := Default()
	if p.Plan() != nil {
		t.Error("retries without retry_on")
	}
	p.RetryOn, p.NumRetries = "5xx", 0
	if p.Plan() != nil {
		t.Error("retries with num_retries 0")
	}
	p.NumRetries = 2
	if got := p.Plan().Attempts; got != 3 {
		t.Errorf("%d attempts, want 3", got)
	}
}

// max_retries counts retries from the decision to their end, waits included.
func TestMaxRetries(t *testing.T) {
	p := Default()
	p.RetryOn, p.NumRetries, p.MaxRetries = "5xx", 5, 2
	plan := p.Plan()
	a, b, c := plan.Begin(), plan.Begin(), plan.Begin()
	if _, again := a.Failed(0); !again {
		t.Error("the first retry is refused")
	}
	if _, again := b.Failed(0); !again {
		t.Error("the second retry is refused")
	}
	if _, again := c.Failed(0); again {
		t.Error("the third retry is made while two wait")
	}
	c.End()
	if !a.Again() {
		t.Error("a retry that was decided upon is not made")
	}
	a.Succeeded()
	a.End()
	d := plan.Begin()
	if _, again := d.Failed(0); !again {
		t.Error("a retry that has ended leaves no place")
	}
	b.Again()
	b.GivenUp()
	b.End()
	d.Again()
	d.Succeeded()
	d.End()
	if left := plan.Budget.(*breaker); left.requests != 0 || left.retries != 0 {
		t.Errorf("%d requests and %d retries are left when all have ended", left.requests, left.retries)
	}
}

// The budget is a share of the requests in flight, cut to a whole number: 20 % of 24
// are 4, of 25 are 5; and never below min_retry_concurrency.
func TestRetryBudget(t *testing.T) {
	p := Default()
	p.RetryOn, p.NumRetries, p.RetryBudget, p.MaxRetries = "5xx", 1, true, 0
	for _, tt := range []struct{ requests, want int }{{1, 3}, {19, 3}, {20, 4}, {24, 4}, {25, 5}, {1000, 200}} {
		b := &breaker{params: p, requests: tt.requests}
		if got := b.most(); got != tt.want {
			t.Errorf("%d requests: %d retries, want %d", tt.requests, got, tt.want)
		}
	}
	b := &breaker{params: p, requests: 10}
	b.Failed(true)
	if b.retries != 0 {
		t.Error("a call without retries left takes a place")
	}
}

func TestRetryOn(t *testing.T) {
	for _, tt := range []struct {
		on   string
		want []uint32
	}{
		{"5xx", []uint32{4, 14}},
		{"connect-failure,refused-stream,unavailable,cancelled", []uint32{1, 14}},
		{"internal, resource-exhausted", []uint32{8, 13}},
		{"retriable-4xx", nil},
	} {
		p := Default()
		p.RetryOn = tt.on
		var got []uint32
		for status := range uint32(17) {
			if p.Plan().Retries(status) {
				got = append(got, status)
			}
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.on, diff)
		}
	}
}
