package gobreaker

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tripcurve/internal/policy"
	"tripcurve/internal/policy/policytest"
)

func mixed(start time.Time) policy.Breaker {
	p := Default()
	p.Interval, p.BucketPeriod, p.Timeout = 100*time.Millisecond, 10*time.Millisecond, 50*time.Millisecond
	p.ReadyToTrip, p.MinRequests, p.MaxRequests = Completed, 20, 3
	return New(p, start)
}

// BenchmarkMachine guards 2 million decisions a second without an allocation.
func BenchmarkMachine(b *testing.B) { policytest.Benchmark(b, mixed) }

func TestDecisionsAllocateNothing(t *testing.T) { policytest.AllocatesNothing(t, mixed) }

// Time that runs backwards stands still, as the contract has it.
func TestTimeDoesNotRunBackwards(t *testing.T) {
	m := New(Default(), policytest.Epoch)
	m.Advance(policytest.Epoch.Add(time.Minute))
	ticket, _ := m.Allow(policytest.Epoch, 0)
	if want := policytest.Epoch.Add(time.Minute); !ticket.At.Equal(want) {
		t.Errorf("a call begun at %s, want %s", ticket.At, want)
	}
}

func TestNothingIsDoneByHand(t *testing.T) {
	m := New(Default(), policytest.Epoch)
	for op := policy.OpOpen; op <= policy.OpShutDown; op++ {
		if err := m.Operate(policytest.Epoch, op); !errors.Is(err, policy.ErrUnsupported) {
			t.Errorf("operation %d: %v", op, err)
		}
	}
	if _, ok := m.Due(); ok {
		t.Error("it has a timer")
	}
}

func TestSnapshot(t *testing.T) {
	p := Default()
	p.ConsecutiveFailures, p.IsExcluded = 1, true
	m := New(p, policytest.Epoch)
	at := policytest.Epoch
	for _, code := range []policy.Code{policy.OK, policy.Ignored, policy.Unrecorded, policy.Failure} {
		at = at.Add(time.Second)
		ticket, _ := m.Allow(at, 0)
		m.Record(at, ticket, policy.Outcome{Code: code})
	}
	_, _ = m.Allow(at, 0)
	want := policy.Snapshot{Stats: []policy.Stat{
		{Name: "Requests", Value: 5},
		{Name: "TotalSuccesses", Value: 2},
		{Name: "TotalFailures", Value: 1},
		{Name: "TotalExclusions", Value: 1},
		{Name: "ConsecutiveSuccesses", Value: 0},
		{Name: "ConsecutiveFailures", Value: 1},
	}}
	if diff := cmp.Diff(want, m.Snapshot()); diff != "" {
		t.Error(diff)
	}
	ticket, _ := m.Allow(at, 0)
	m.Record(at, ticket, policy.Outcome{Code: policy.Timeout})
	if s := m.Snapshot(); s.State != policy.Open || s.Share != 1 || s.Stats[0].Value != 0 {
		t.Errorf("open: %+v", s)
	}
}

func TestParamsSurviveTheirText(t *testing.T) {
	for _, params := range []map[string]string{
		{},
		Factory(),
		{"MaxRequests": "0", "Interval": "2500ms", "BucketPeriod": "700ms", "Timeout": "0", "ReadyToTrip": "requests", "minRequests": "0", "failureRatio": "0.3333", "IsExcluded": "true"},
		{"consecutiveFailures": "0"},
	} {
		p, err := Parse(params)
		if err != nil {
			t.Fatal(err)
		}
		again, err := Parse(p.Map())
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(p, again); diff != "" {
			t.Errorf("%v (-first +again):\n%s", params, diff)
		}
	}
}

func TestBadParams(t *testing.T) {
	for _, tt := range []struct {
		params map[string]string
		want   string
	}{
		{map[string]string{"Timeout": "5"}, `gobreaker: Timeout: "5" is not a duration: write 5s or 500ms`},
		{map[string]string{"Timeout": "-1s"}, `gobreaker: Timeout: "-1s" is not from 0s to 8760h`},
		{map[string]string{"MaxRequests": "1.5"}, `gobreaker: MaxRequests: "1.5" is not a whole number from 0 to 4294967295`},
		{map[string]string{"ReadyToTrip": "always"}, `gobreaker: ReadyToTrip: "always" is not one of consecutive, requests, completed`},
		{map[string]string{"failureRatio": "50"}, `gobreaker: failureRatio: "50" is not a number from 0 to 1`},
		{map[string]string{"Interval": "1h", "BucketPeriod": "1ms"}, "gobreaker: an Interval of 1h in parts of BucketPeriod 1ms are 3600000 buckets: no more than 100000"},
		{map[string]string{"timeout": "5s"}, `no gobreaker setting "timeout", did you mean Timeout? (known: MaxRequests, Interval, BucketPeriod, Timeout, ReadyToTrip, consecutiveFailures, minRequests, failureRatio, IsExcluded)`},
		{map[string]string{"IsSuccessful": "true"}, "gobreaker's IsSuccessful is code: an error that it lets pass is an outcome that counts as a success (known: MaxRequests, Interval, BucketPeriod, Timeout, ReadyToTrip, consecutiveFailures, minRequests, failureRatio, IsExcluded)"},
		{map[string]string{"Name": "x"}, "gobreaker's setting Name changes no decision of the breaker: leave it out (known: MaxRequests, Interval, BucketPeriod, Timeout, ReadyToTrip, consecutiveFailures, minRequests, failureRatio, IsExcluded)"},
	} {
		_, err := Parse(tt.params)
		if err == nil || err.Error() != tt.want {
			t.Errorf("%v\ngot  %v\nwant %s", tt.params, err, tt.want)
		}
	}
}
