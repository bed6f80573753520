package envoy

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

// TestScripts runs testdata/*.txt, all derived from Envoy's source.
func TestScripts(t *testing.T) {
	steps, differing := 0, 0
	policytest.Runner{
		Build: func(params map[string]string, start time.Time) (policy.Breaker, time.Duration, error) {
			p, err := Parse(params)
			if err != nil {
				return nil, 0, err
			}
			return New(p, start), policy.Shortest(p.PerTryTimeout, p.Timeout), nil
		},
		Stats: stats,
		Look:  func(b policy.Breaker) string { return look(b.(*Machine)) },
		Steps: &steps,
	}.Run(t, "testdata")
	if t.Failed() {
		differing = 1
	}
	policytest.Report(t, "envoy", "scripts derived from its source", steps, differing)
}

// stats are the hosts in the rotation, and what a count that is not 0 adds to them.
func stats(b policy.Breaker) string {
	m := b.(*Machine)
	s := fmt.Sprintf("%d of %d healthy", len(m.healthy), len(m.hosts))
	if m.panics {
		s += ", panic"
	}
	if m.ejections != len(m.hosts)-len(m.healthy) {
		s += fmt.Sprintf(", ejections_active %d", m.ejections)
	}
	if m.overflow > 0 {
		s += fmt.Sprintf(", %d overflowed", m.overflow)
	}
	return s
}

// look shows what each host's next ejection is multiplied by.
func look(m *Machine) string {
	times := make([]int, len(m.hosts))
	for i, h := range m.hosts {
		times[i] = h.times
	}
	return fmt.Sprintf("look x%v", times)
}

func busy(start time.Time) policy.Breaker {
	p := Default()
	p.Hosts, p.MaxEjectionPercent, p.HealthyPanicThreshold, p.MaxRequests = 5, 100, 0, 7
	p.Interval, p.BaseEjectionTime = time.Second, 500*time.Millisecond
	p.EnforcingFailurePercentage, p.FailurePercentageThreshold = 100, 50
	return New(p, start)
}

// BenchmarkMachine guards 2 million decisions a second without an allocation.
func BenchmarkMachine(b *testing.B) { policytest.Benchmark(b, busy) }

func TestDecisionsAllocateNothing(t *testing.T) { policytest.AllocatesNothing(t, busy) }

// Whatever happens, the rotation holds the hosts that are not ejected, calls in
// flight are counted, and time that jumps ends where time that crawls does.
func TestRotation(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := Default()
		p.Hosts = rapid.IntRange(1, 6).Draw(t, "hosts")
		p.Consecutive5xx = rapid.IntRange(0, 3).Draw(t, "consecutive")
		p.MaxEjectionPercent = rapid.IntRange(0, 100).Draw(t, "percent")
		p.AlwaysEjectOneHost = rapid.Bool().Draw(t, "one")
		p.HealthyPanicThreshold = float64(rapid.IntRange(0, 100).Draw(t, "panic"))
		p.Interval = time.Duration(rapid.IntRange(1, 900).Draw(t, "interval")) * time.Millisecond
		p.BaseEjectionTime = time.Duration(rapid.IntRange(1, 3000).Draw(t, "base")) * time.Millisecond
		p.MaxEjectionTimeJitter = time.Duration(rapid.IntRange(0, 500).Draw(t, "jitter")) * time.Millisecond
		p.SplitLocal = rapid.Bool().Draw(t, "split")
		p.MaxRequests = rapid.IntRange(0, 8).Draw(t, "requests")
		p.EnforcingFailurePercentage = rapid.IntRange(0, 100).Draw(t, "enforcing")
		p.FailurePercentageMinimumHosts, p.FailurePercentageRequestVolume = 1, 2
		jumps, crawls := New(p, policytest.Epoch), New(p, policytest.Epoch)
		var flying []policy.Ticket
		now := policytest.Epoch
		for range rapid.IntRange(1, 100).Draw(t, "steps") {
			to := now.Add(time.Duration(rapid.IntRange(-5, 2000).Draw(t, "ms")) * time.Millisecond)
			for at := now; at.Before(to); at = at.Add(13 * time.Millisecond) {
				crawls.Advance(at)
			}
			now = to
			u := rapid.Float64Range(0, 0.999).Draw(t, "u")
			if ticket, v := jumps.Allow(now, u); v.Admitted {
				flying = append(flying, ticket)
			} else if v.Reason != "UH" && v.Reason != "UO" {
				t.Fatalf("rejected for %q", v.Reason)
			}
			crawls.Allow(now, u)
			if len(flying) > 0 && rapid.Bool().Draw(t, "ends") {
				o := policy.Outcome{
					Code:   policy.Code(rapid.IntRange(0, 5).Draw(t, "code")),
					Status: rapid.SampledFrom([]int{0, 200, 404, 500, 503}).Draw(t, "status"),
				}
				jumps.Record(now, flying[0], o)
				crawls.Record(now, flying[0], o)
				flying = flying[1:]
			}
			if jumps.requests != len(flying) {
				t.Fatalf("%d requests in flight, counted %d", len(flying), jumps.requests)
			}
			for i, h := range jumps.hosts {
				if in := contains(jumps.healthy, i); in == h.ejected {
					t.Fatalf("host %d: ejected %v, in the rotation %v", i, h.ejected, in)
				}
			}
			if open := jumps.State() == policy.Open; open != (jumps.Share() == 1) {
				t.Fatalf("%s with share %g", jumps.State(), jumps.Share())
			}
			if diff := cmp.Diff(crawls.Snapshot(), jumps.Snapshot()); diff != "" {
				t.Fatalf("-crawling +jumping:\n%s", diff)
			}
			jumps.Take()
			crawls.Take()
		}
	})
}

func contains(hosts []int, i int) bool {
	for _, h := range hosts {
		if h == i {
			return true
		}
	}
	return false
}

func TestNothingIsDoneByHand(t *testing.T) {
	m := New(Default(), policytest.Epoch)
	for op := policy.OpOpen; op <= policy.OpShutDown; op++ {
		if err := m.Operate(policytest.Epoch, op); !errors.Is(err, policy.ErrUnsupported) {
			t.Errorf("operation %d: %v", op, err)
		}
	}
}
