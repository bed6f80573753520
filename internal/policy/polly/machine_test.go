package polly

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

// TestScripts runs testdata/*.txt, all derived from the library's source. The counts
// shown are as the last result left them.
func TestScripts(t *testing.T) {
	steps, differing := 0, 0
	policytest.Runner{
		Build: func(params map[string]string, start time.Time) (policy.Breaker, time.Duration, error) {
			p, err := Parse(params)
			if err != nil {
				return nil, 0, err
			}
			return New(p, start), p.AttemptTimeout, nil
		},
		Stats: func(b policy.Breaker) string {
			h := b.(*Machine).health
			return fmt.Sprintf("%d of %d failed, %d slices", h.failures, h.throughput(), h.live)
		},
		Steps: &steps,
	}.Run(t, "testdata")
	if t.Failed() {
		differing = 1
	}
	policytest.Report(t, "polly", "scripts derived from its source", steps, differing)
}

func TestSnapshotIsTheHealthInfo(t *testing.T) {
	m := New(Default(), policytest.Epoch)
	want := policy.Snapshot{Stats: []policy.Stat{{Name: "Throughput"}, {Name: "FailureCount"}, {Name: "FailureRate"}}}
	if diff := cmp.Diff(want, m.Snapshot()); diff != "" {
		t.Error(diff)
	}
	for i := range 4 {
		ticket, _ := m.Allow(policytest.Epoch, 0)
		m.Record(policytest.Epoch, ticket, policy.Outcome{Code: policy.Code(i)})
	}
	if err := m.Operate(policytest.Epoch, policy.OpForceOpen); err != nil {
		t.Fatal(err)
	}
	want = policy.Snapshot{State: policy.ForcedOpen, Share: 1, Stats: []policy.Stat{
		{Name: "Throughput", Value: 4}, {Name: "FailureCount", Value: 2}, {Name: "FailureRate", Value: 0.5},
	}}
	m.Advance(policytest.Epoch.Add(time.Hour)) // looking does not move the window
	if diff := cmp.Diff(want, m.Snapshot()); diff != "" {
		t.Error(diff)
	}
	if err := m.Operate(policytest.Epoch, policy.OpHalfOpen); !errors.Is(err, policy.ErrUnsupported) {
		t.Errorf("half-open: %v", err)
	}
	if _, ok := m.Due(); ok {
		t.Error("has a timer")
	}
}

func busy(start time.Time) policy.Breaker {
	p := Default()
	p.FailureRatio = 0.5
	return New(p, start)
}

// BenchmarkMachine guards 2 million decisions a second without an allocation.
func BenchmarkMachine(b *testing.B) { policytest.Benchmark(b, busy) }

func TestDecisionsAllocateNothing(t *testing.T) { policytest.AllocatesNothing(t, busy) }

// The window is that of a list of slices without a ring, the sums are those of the
// slices alive, and half-open has one probe.
func TestAgainstAListOfSlices(t *testing.T) {
	steps, differing := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		p := Default()
		p.SamplingDuration = time.Duration(rapid.IntRange(5_000_000, 20_000_000).Draw(t, "sampling ticks")) * Tick
		p.BreakDuration = time.Duration(rapid.IntRange(500, 2000).Draw(t, "break")) * time.Millisecond
		p.MinimumThroughput = rapid.IntRange(2, 8).Draw(t, "throughput")
		p.FailureRatio = rapid.Float64Range(0, 1).Draw(t, "ratio")
		m := New(p, policytest.Epoch)
		var list []slice
		state, blocked := policy.Closed, time.Duration(0)
		var flying []policy.Ticket
		now := time.Duration(0)
		count := func(failed bool) (total, failures int) {
			if n := len(list); n == 0 || now-list[n-1].startedAt >= p.SamplingDuration/10/Tick*Tick {
				list = append(list, slice{startedAt: now})
			}
			for now-list[0].startedAt >= p.SamplingDuration {
				list = list[1:]
			}
			if s := &list[len(list)-1]; failed {
				s.failures++
			} else {
				s.successes++
			}
			for _, s := range list {
				total += s.successes + s.failures
				failures += s.failures
			}
			return total, failures
		}
		for range rapid.IntRange(1, 120).Draw(t, "steps") {
			now += time.Duration(rapid.IntRange(0, 300).Draw(t, "ms")) * time.Millisecond
			at := policytest.Epoch.Add(now)
			steps++
			if len(flying) == 0 || rapid.Bool().Draw(t, "asks") {
				probe := state == policy.Open && now >= blocked
				if probe {
					state = policy.HalfOpen
				}
				ticket, v := m.Allow(at, 0)
				if v.Admitted != (state == policy.Closed || probe) || ticket.Probe != probe {
					t.Fatalf("%s: %+v %+v in %s", now, v, ticket, state)
				}
				if v.Admitted {
					flying = append(flying, ticket)
				}
				continue
			}
			failed := rapid.Bool().Draw(t, "fails")
			o := policy.Outcome{}
			if failed {
				o.Code = policy.Timeout
			}
			m.Record(at, flying[0], o)
			flying = flying[1:]
			switch {
			case state == policy.HalfOpen && failed:
				state, blocked = policy.Open, now+p.BreakDuration
			case state == policy.HalfOpen:
				state, list = policy.Closed, nil
			default:
				total, failures := count(failed)
				if state == policy.Closed && failed && total >= p.MinimumThroughput && float64(failures)/float64(total) >= p.FailureRatio {
					state, blocked = policy.Open, now+p.BreakDuration
				}
				if got := m.health.throughput(); got != total || m.health.failures != failures {
					t.Fatalf("%s: %d of %d failed, want %d of %d", now, m.health.failures, got, failures, total)
				}
			}
			if m.State() != state {
				t.Fatalf("%s: %s, want %s", now, m.State(), state)
			}
		}
	})
	if t.Failed() {
		differing = 1
	}
	policytest.Report(t, "polly", "a list of slices", steps, differing)
}
