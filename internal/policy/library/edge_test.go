package library

import (
	"testing"
	"time"

	"tripcurve/internal/policy"
	"tripcurve/internal/policy/retry"
)

const second = time.Second

func TestBounds(t *testing.T) {
	for _, c := range []struct {
		name                  string
		times                 Times
		inside, outside, left time.Duration
		want                  Bounds
	}{
		{name: "nothing is limited", want: Bounds{}},
		{name: "gRPC's deadline alone", times: Times{Deadline: 5 * second}, want: Bounds{Deadline: 5 * second}},
		{name: "the shortest of three waits", times: Times{Call: 9 * second}, inside: 4 * second, outside: 6 * second, want: Bounds{Wait: 4 * second}},
		{name: "what is left of the total is shorter", times: Times{Call: 9 * second, Total: 20 * second}, left: 3 * second, want: Bounds{Wait: 3 * second, Total: true}},
		{name: "the total alone", times: Times{Total: 20 * second}, left: 20 * second, want: Bounds{Wait: 20 * second, Total: true}},
		{name: "a proxy resets the stream", times: Times{Call: 15 * second, Ending: EndReset, hard: 15 * second}, want: Bounds{Wait: 15 * second, Ends: true}},
		{
			name:  "the caller goes on earlier than the proxy resets",
			times: Times{Call: 2 * second, Ending: EndReset, hard: 15 * second}, want: Bounds{Wait: 2 * second, Deadline: 15 * second},
		},
		{name: "a total that is a deadline", times: Times{Total: 20 * second, Ending: EndDeadline}, left: 7 * second, want: Bounds{Deadline: 7 * second}},
		{
			name:  "a deadline of the policy's own is shorter",
			times: Times{Total: 20 * second, Deadline: 5 * second, Ending: EndDeadline}, left: 7 * second, want: Bounds{Deadline: 5 * second},
		},
		{
			name:  "the caller's wait is shorter than the deadline",
			times: Times{Call: second, Total: 20 * second, Ending: EndDeadline}, left: 7 * second, want: Bounds{Wait: second, Deadline: 7 * second},
		},
	} {
		if got := c.times.Bounds(c.inside, c.outside, c.left); got != c.want {
			t.Errorf("%s: %+v, want %+v", c.name, got, c.want)
		}
	}
}

func TestCompose(t *testing.T) {
	p := policy.Policy{Timeout: 9 * second, Deadline: 4 * second, MaxConcurrent: 50}
	e, err := Compose(p, Built{CallTimeout: 3 * second, MaxConcurrent: 20, Ending: EndReset, Order: []Piece{Limit, Breaker, Retry, CallTimeout}})
	if err != nil {
		t.Fatal(err)
	}
	want := Times{Call: 3 * second, Library: true, Deadline: 4 * second, Ending: EndReset, hard: 3 * second}
	if e.Times != want || e.Max != 20 || e.Outer != (Stage{Limit: true, LimitFirst: true}) || e.Inner != (Stage{}) {
		t.Errorf("%+v", e)
	}
	// The caller's own time limit is the shorter one; the library's limit on calls is none.
	if e, err = Compose(policy.Policy{Timeout: second, MaxConcurrent: 5}, Built{CallTimeout: 3 * second, Order: []Piece{Retry, Limit}}); err != nil {
		t.Fatal(err)
	}
	if e.Times.Call != second || e.Times.Library || e.Max != 5 || e.Outer != (Stage{}) || e.Inner != (Stage{Limit: true, LimitFirst: true}) {
		t.Errorf("%+v", e)
	}
	twice := policy.Policy{Retry: policy.Retry{Attempts: 3}, Breaker: policy.BreakerSpec{Library: "polly"}}
	if _, err := Compose(twice, Built{Retry: &retry.Plan{Attempts: 2}}); err == nil || err.Error() != "the edge makes 3 attempts and its polly 2 of each: say only one of the two" {
		t.Errorf("both retry: %v", err)
	}
}
