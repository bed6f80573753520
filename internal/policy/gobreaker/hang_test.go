package gobreaker

import (
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	sony "github.com/sony/gobreaker/v2"

	"tripcurve/internal/policy"
	"tripcurve/internal/policy/policytest"
)

// gap is between the calls of TestHangs: 20 a second.
const gap = 50 * time.Millisecond

// TestHangs holds a full hang beside the real library: 20 calls a second, healthy for 30
// s, then each of them hangs until its time limit. Where in a window it begins moves
// the opening by up to a bucket, and with a fixed window by up to the window.
func TestHangs(t *testing.T) {
	ratio := Params{ReadyToTrip: Requests, MinRequests: 10, FailureRatio: 0.5, Interval: 10 * time.Second, Timeout: time.Minute}
	rolling := ratio
	rolling.BucketPeriod = time.Second
	completed := rolling
	completed.ReadyToTrip = Completed
	steps, differ := 0, 1
	t.Cleanup(func() { policytest.Report(t, "gobreaker", "the real v2.4.0, hangs", steps, differ) })
	for _, tt := range []struct {
		name   string
		params Params
		phase  time.Duration // from a bucket's edge to the first call that hangs
		limit  time.Duration
		want   string // opens after, with so many calls let in
	}{
		{"defaults", Params{ReadyToTrip: Consecutive, ConsecutiveFailures: 5, Timeout: time.Minute}, 0, 5 * time.Second, "5.25s 105"},
		{"fixed, at its edge", ratio, 0, 5 * time.Second, "10.05s 201"},
		{"fixed, at its edge", ratio, 0, time.Second, "2.05s 41"},
		{"fixed, behind its edge", ratio, gap, 5 * time.Second, "10s 200"},
		{"fixed, behind its edge", ratio, gap, time.Second, "2s 40"},
		{"fixed, worst", ratio, time.Second / 2, 5 * time.Second, "19.6s 392"},
		{"fixed, worst", ratio, 4500 * time.Millisecond, time.Second, "7.6s 152"},
		{"rolling, at an edge", rolling, 0, 5 * time.Second, "9.9s 198"},
		{"rolling, at an edge", rolling, 0, time.Second, "5.9s 118"},
		{"rolling, behind an edge", rolling, gap, 5 * time.Second, "10.85s 217"},
		{"rolling, behind an edge", rolling, gap, time.Second, "5.95s 119"},
		{"rolling, in the middle", rolling, time.Second / 2, 5 * time.Second, "10.4s 208"},
		{"rolling, completed", completed, 0, 5 * time.Second, "7s 140"},
		{"rolling, completed", completed, 0, time.Second, "5s 100"},
	} {
		t.Run(fmt.Sprintf("%s, %s", tt.name, tt.limit), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				if got := hang(t, tt.params, tt.phase, tt.limit, &steps); got != tt.want {
					t.Errorf("opens after %s calls, want %s", got, tt.want)
				}
			})
		})
	}
	if !t.Failed() {
		differ = 0
	}
}

// hang is when both open, counted from the first call that hangs, and the calls let in
// until then. What ends goes before what begins.
func hang(t *testing.T, p Params, phase, limit time.Duration, steps *int) string {
	type call struct {
		at     time.Duration
		err    error
		end    func(error)
		ticket policy.Ticket
	}
	start := time.Now()
	ours, real := New(p, start), sony.NewTwoStepCircuitBreaker[int](realSettings(p))
	var flying []call
	begins, let := 30*time.Second+phase, 0
	for at := phase; at < time.Minute; at += gap {
		time.Sleep(time.Until(start.Add(at)))
		flying = slices.DeleteFunc(flying, func(c call) bool {
			if c.at > at {
				return false
			}
			c.end(c.err)
			code := policy.OK
			if c.err != nil {
				code = policy.Failure
			}
			ours.Record(time.Now(), c.ticket, policy.Outcome{Code: code})
			*steps++
			return true
		})
		ticket, verdict := ours.Allow(time.Now(), 0)
		end, err := real.Allow()
		*steps++
		if verdict.Admitted != (err == nil) {
			t.Fatalf("at %s ours admits: %v, the real one answers: %v", at, verdict.Admitted, err)
		}
		if diff := cmp.Diff(Counts(real.Counts()), ours.Counts()); diff != "" {
			t.Fatalf("at %s, counts (-real +ours):\n%s", at, diff)
		}
		switch {
		case err != nil:
			return fmt.Sprintf("%s %d", at-begins, let)
		case at < begins:
			end(nil)
			ours.Record(time.Now(), ticket, policy.Outcome{Code: policy.OK})
		default:
			let++
			flying = append(flying, call{at + limit, errFailed, end, ticket})
		}
	}
	return "never"
}
