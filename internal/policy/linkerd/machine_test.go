package linkerd

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"tripcurve/internal/policy"
	"tripcurve/internal/policy/policytest"
)

func TestMain(m *testing.M) {
	if os.Getenv("TRIPCURVE_UPDATE") != "" {
		_ = flag.Set("rewrite", "true")
	}
	os.Exit(m.Run())
}

// TestScripts runs testdata/*.txt, all derived from the proxy's source.
func TestScripts(t *testing.T) {
	steps, differing := 0, 0
	policytest.Runner{
		Build: func(params map[string]string, start time.Time) (policy.Breaker, time.Duration, error) {
			p, err := Parse(params)
			if err != nil {
				return nil, 0, err
			}
			return New(p, start), p.Attempt(), nil
		},
		Stats: func(b policy.Breaker) string {
			m := b.(*Machine)
			return fmt.Sprintf("%d of %d ready", len(m.ready), len(m.endpoints))
		},
		Steps: &steps,
	}.Run(t, "testdata")
	if t.Failed() {
		differing = 1
	}
	policytest.Report(t, "linkerd", "scripts derived from its source", steps, differing)
}

func busy(start time.Time) policy.Breaker {
	p := Default()
	p.FailureAccrual, p.MaxFailures, p.MinPenalty = Unified, 3, 100*time.Millisecond
	return New(p, start)
}

// BenchmarkMachine guards 2 million decisions a second without an allocation.
func BenchmarkMachine(b *testing.B) { policytest.Benchmark(b, busy) }

func TestDecisionsAllocateNothing(t *testing.T) { policytest.AllocatesNothing(t, busy) }

// Whatever happens, an endpoint in probation has one call at most, one that is shut
// comes back no later than the largest penalty, and time that jumps ends where time
// that crawls does.
func TestGates(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := Default()
		p.Endpoints = rapid.IntRange(1, 4).Draw(t, "endpoints")
		p.FailureAccrual = rapid.SampledFrom([]string{None, Consecutive, Unified}).Draw(t, "mode")
		p.MaxFailures = rapid.IntRange(0, 3).Draw(t, "failures")
		p.MinPenalty = time.Duration(rapid.IntRange(0, 500).Draw(t, "min")) * time.Millisecond
		p.MaxPenalty = max(p.MinPenalty, time.Duration(rapid.IntRange(1, 3000).Draw(t, "max"))*time.Millisecond)
		p.JitterRatio = rapid.Float64Range(0, 3).Draw(t, "jitter")
		p.MinRequests = rapid.IntRange(0, 4).Draw(t, "requests")
		jumps, crawls := New(p, policytest.Epoch), New(p, policytest.Epoch)
		var flying []policy.Ticket
		now := policytest.Epoch
		for range rapid.IntRange(1, 100).Draw(t, "steps") {
			to := now.Add(time.Duration(rapid.IntRange(-5, 700).Draw(t, "ms")) * time.Millisecond)
			for at := now; at.Before(to); at = at.Add(13 * time.Millisecond) {
				crawls.Advance(at)
			}
			now = to
			u := rapid.Float64Range(0, 0.999).Draw(t, "u")
			ticket, v := jumps.Allow(now, u)
			if v.Admitted {
				flying = append(flying, ticket)
			}
			if again, _ := crawls.Allow(now, u); again != ticket {
				t.Fatalf("%+v jumping, %+v crawling", ticket, again)
			}
			if e := &jumps.endpoints[ticket.Host]; v.Admitted && e.gate != open && (!ticket.Probe || e.gate != probation || !e.probed) {
				t.Fatalf("a call to an endpoint in %s: %+v", gateNames[e.gate], ticket)
			}
			if len(flying) > 0 && rapid.Bool().Draw(t, "ends") {
				o := policy.Outcome{
					Code:   policy.Code(rapid.IntRange(0, 5).Draw(t, "code")),
					Status: rapid.SampledFrom([]int{0, 200, 429, 500}).Draw(t, "status"),
				}
				jumps.Record(now, flying[0], o)
				crawls.Record(now, flying[0], o)
				flying = flying[1:]
			}
			for i := range jumps.endpoints {
				if e := &jumps.endpoints[i]; e.gate == shut && e.until-jumps.now > p.MaxPenalty {
					t.Fatalf("shut for %s", e.until-jumps.now)
				}
			}
			if diff := cmp.Diff(crawls.Snapshot(), jumps.Snapshot()); diff != "" {
				t.Fatalf("-crawling +jumping:\n%s", diff)
			}
			if p.FailureAccrual == None && jumps.State() != policy.Closed {
				t.Fatal("shut without failure accrual")
			}
			jumps.Take()
			crawls.Take()
		}
	})
}

func TestNothingIsDoneByHand(t *testing.T) {
	m := New(Default(), policytest.Epoch)
	for op := policy.OpOpen; op <= policy.OpShutDown; op++ {
		if err := m.Operate(policytest.Epoch, op); !errors.Is(err, policy.ErrUnsupported) {
			t.Errorf("operation %d: %v", op, err)
		}
	}
}
