package semian

import (
	"math/rand/v2"
	"testing"
	"time"

	"tripcurve/internal/policy"
	"tripcurve/internal/policy/policytest"
)

// TestFullHang: 20 calls a second, healthy for 30 s, then every call hangs until the
// client's time limit. How long the library lets them in was measured on the real
// one: 5.1 s with three errors, 5.5 s with ten, and for the adaptive breaker 8 s to
// half and 9 s to all, at a time limit of 5 s.
func TestFullHang(t *testing.T) {
	const hang, every = 30 * time.Second, 50 * time.Millisecond
	type measured struct{ half, all, letIn float64 } // s after the hang began; calls, 0 where they were not counted
	for _, tt := range []struct {
		name   string
		params map[string]string
		limit  time.Duration
		want   measured
		off    float64 // calls; the adaptive breaker rejects at random
	}{
		{"3 errors", map[string]string{}, 5 * time.Second, measured{5.1, 5.1, 102}, 1},
		{"10 errors", map[string]string{"error_threshold": "10"}, 5 * time.Second, measured{5.5, 5.5, 109}, 1},
		{"3 errors, 1 s", map[string]string{}, time.Second, measured{1.1, 1.1, 0}, 0},
		{"10 errors, 1 s", map[string]string{"error_threshold": "10"}, time.Second, measured{1.5, 1.5, 0}, 0},
		{"adaptive", map[string]string{"adaptive_circuit_breaker": "true"}, 5 * time.Second, measured{8, 9, 152}, 20},
		{"adaptive, 1 s", map[string]string{"adaptive_circuit_breaker": "true"}, time.Second, measured{5, 7, 0}, 0},
	} {
		p, err := Parse(tt.params)
		if err != nil {
			t.Fatal(err)
		}
		b := New(p, policytest.Epoch)
		h := policytest.NewHost(b, policytest.Epoch)
		dice := rand.New(rand.NewPCG(1, 2))
		share := func() float64 { return b.Snapshot().Share }
		got := measured{}
		for at := time.Duration(0); at < 2*hang; at += every {
			h.Run(at)
			since := (at - hang).Seconds()
			if got.half == 0 && share() >= 0.5 {
				got.half = since
			}
			if got.all == 0 && share() == 1 {
				got.all = since
			}
			ticket, v := b.Allow(h.Now(at), dice.Float64())
			end := policytest.End{At: at + 10*time.Millisecond, Ticket: ticket}
			if at >= hang {
				end.At, end.Outcome.Code = at+tt.limit, policy.Failure
				if v.Admitted && got.all == 0 {
					got.letIn++
				}
			}
			if v.Admitted {
				h.Schedule(end)
			}
		}
		near := func(a, b float64) bool { return a-b <= every.Seconds()+1e-9 && b-a <= every.Seconds()+1e-9 }
		if !near(got.half, tt.want.half) || !near(got.all, tt.want.all) ||
			tt.want.letIn > 0 && (got.letIn < tt.want.letIn-tt.off || got.letIn > tt.want.letIn+tt.off) {
			t.Errorf("%s: %+v, want %+v", tt.name, got, tt.want)
		}
	}
}
