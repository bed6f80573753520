package hystrix

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
// shown are those of the last health snapshot.
func TestScripts(t *testing.T) {
	steps, differing := 0, 0
	policytest.Runner{
		Build: func(params map[string]string, start time.Time) (policy.Breaker, time.Duration, error) {
			p, err := Parse(params)
			if err != nil {
				return nil, 0, err
			}
			return New(p, start), p.CallTimeout(), nil
		},
		Stats: func(b policy.Breaker) string {
			h := b.(*Machine).health.latest
			return fmt.Sprintf("%d of %d failed, %d %%", h.errors, h.total, h.errorPercentage())
		},
		Shown: []string{}, // each says no more than the line before it
		Steps: &steps,
	}.Run(t, "testdata")
	if t.Failed() {
		differing = 1
	}
	policytest.Report(t, "hystrix", "scripts derived from its source", steps, differing)
}

func TestEventsAreHystrixEventTypes(t *testing.T) {
	p := Default()
	p.CoreSize, p.RequestVolumeThreshold = 1, 1
	m := New(p, policytest.Epoch)
	at := policytest.Epoch
	var got []string
	take := func() {
		for _, e := range m.Take() {
			got = append(got, fmt.Sprint(e.At.Sub(policytest.Epoch), " ", e.Name))
		}
	}
	for _, code := range []policy.Code{policy.OK, policy.Unrecorded, policy.Ignored, policy.Busy, policy.Failure, policy.Timeout} {
		ticket, _ := m.Allow(at, 0)
		m.Allow(at, 0) // finds no place
		take()
		at = at.Add(10 * time.Millisecond)
		m.Record(at, ticket, policy.Outcome{Code: code})
		take()
	}
	m.Allow(at.Add(time.Second), 0)
	take()
	want := []string{
		"0s THREAD_POOL_REJECTED", "10ms SUCCESS", "10ms THREAD_POOL_REJECTED", "20ms SUCCESS", "20ms THREAD_POOL_REJECTED", "30ms BAD_REQUEST",
		"30ms THREAD_POOL_REJECTED", "40ms FAILURE", "40ms THREAD_POOL_REJECTED", "50ms FAILURE", "50ms THREAD_POOL_REJECTED", "60ms TIMEOUT",
		"1.06s SHORT_CIRCUITED",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestSnapshotIsTheHealthCounts(t *testing.T) {
	p := Default()
	p.RequestVolumeThreshold = 3
	m := New(p, policytest.Epoch)
	for i := range 3 {
		ticket, _ := m.Allow(policytest.Epoch, 0)
		m.Record(policytest.Epoch, ticket, policy.Outcome{Code: policy.Code(i % 2)})
	}
	at := policytest.Epoch.Add(500 * time.Millisecond)
	m.Advance(at)
	want := policy.Snapshot{Stats: []policy.Stat{{Name: "totalRequests", Value: 3}, {Name: "errorCount", Value: 1}, {Name: "errorPercentage", Value: 33}}}
	if diff := cmp.Diff(want, m.Snapshot()); diff != "" {
		t.Error(diff)
	}
	if err := m.Operate(at, policy.OpForceOpen); err != nil {
		t.Fatal(err)
	}
	if s := m.Snapshot(); s.Share != 1 || s.State != policy.ForcedOpen {
		t.Errorf("%+v", s)
	}
	if err := m.Operate(at, policy.OpHalfOpen); !errors.Is(err, policy.ErrUnsupported) {
		t.Errorf("half-open: %v", err)
	}
	if _, ok := m.Due(); ok {
		t.Error("has a timer")
	}
}

func busy(start time.Time) policy.Breaker {
	p := Default()
	p.CoreSize = 20
	return New(p, start)
}

// BenchmarkMachine guards 2 million decisions a second without an allocation.
func BenchmarkMachine(b *testing.B) { policytest.Benchmark(b, busy) }

func TestDecisionsAllocateNothing(t *testing.T) { policytest.AllocatesNothing(t, busy) }

// The counts of the snapshot are those of a list of all results, cut at the
// snapshots; no more calls are in flight than there are places; time that jumps ends
// where time that crawls does.
func TestAgainstAListOfResults(t *testing.T) {
	steps, differing := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		p := Default()
		p.HealthSnapshot = time.Duration(rapid.IntRange(1, 700).Draw(t, "snapshot")) * time.Millisecond
		p.RollingStats = p.HealthSnapshot * time.Duration(rapid.IntRange(1, 7).Draw(t, "buckets"))
		p.SleepWindow = time.Duration(rapid.IntRange(0, 900).Draw(t, "sleep")) * time.Millisecond
		p.RequestVolumeThreshold = rapid.IntRange(0, 5).Draw(t, "volume")
		p.ErrorThresholdPercentage = rapid.IntRange(0, 110).Draw(t, "threshold")
		p.CoreSize = rapid.IntRange(1, 4).Draw(t, "threads")
		jumps, crawls := New(p, policytest.Epoch), New(p, policytest.Epoch)
		list := plain{params: p}
		var flying []policy.Ticket
		now := time.Duration(0)
		for range rapid.IntRange(1, 80).Draw(t, "steps") {
			to := now + time.Duration(rapid.IntRange(0, 1200).Draw(t, "ms"))*time.Millisecond
			for ; now < to; now += 7 * time.Millisecond {
				crawls.Advance(policytest.Epoch.Add(now))
			}
			now = to
			at := policytest.Epoch.Add(now)
			if len(flying) > 0 && rapid.Bool().Draw(t, "ends") {
				o := policy.Outcome{Code: policy.Code(rapid.IntRange(0, 5).Draw(t, "code"))}
				jumps.Record(at, flying[0], o)
				crawls.Record(at, flying[0], o)
				list.end(now, o.Code)
				flying = flying[1:]
			} else {
				want := list.ask(now, len(flying))
				ticket, v := jumps.Allow(at, 0)
				if _, again := crawls.Allow(at, 0); v != again || v.Reason != want {
					t.Fatalf("%s: %+v jumping, %+v crawling, want %q", now, v, again, want)
				}
				if v.Admitted {
					flying = append(flying, ticket)
				}
			}
			steps++
			if diff := cmp.Diff(crawls.Snapshot(), jumps.Snapshot()); diff != "" {
				t.Fatalf("-crawling +jumping:\n%s", diff)
			}
		}
	})
	if t.Failed() {
		differing = 1
	}
	policytest.Report(t, "hystrix", "a list of results", steps, differing)
}

// plain is the breaker said in the simplest way: it keeps every result.
type plain struct {
	params  Params
	began   time.Duration // the present stream
	results []result
	open    bool
	opened  time.Duration
}

type result struct {
	at     time.Duration
	failed bool
}

func (l *plain) ask(now time.Duration, flying int) string {
	if !l.open {
		total, failed := 0, 0
		age := now - l.began
		cut := l.began + age/l.params.HealthSnapshot*l.params.HealthSnapshot
		for _, r := range l.results {
			if r.at < cut && r.at >= cut-l.params.RollingStats && r.at >= l.began {
				total++
				if r.failed {
					failed++
				}
			}
		}
		percent := 0
		if total > 0 {
			percent = int(float64(failed) / float64(total) * 100)
		}
		if total >= l.params.RequestVolumeThreshold && percent >= l.params.ErrorThresholdPercentage {
			l.open, l.opened = true, now
		}
	}
	if l.open {
		if now <= l.opened+l.params.SleepWindow {
			return "SHORT_CIRCUITED"
		}
		l.opened = now
	}
	if flying >= l.params.CoreSize {
		l.results = append(l.results, result{now, true})
		return "THREAD_POOL_REJECTED"
	}
	return ""
}

func (l *plain) end(now time.Duration, code policy.Code) {
	switch code {
	case policy.OK, policy.Unrecorded:
		if l.open {
			l.open, l.began, l.results = false, now, nil
		}
		l.results = append(l.results, result{now, false})
	case policy.Ignored:
	default:
		l.results = append(l.results, result{now, true})
	}
}
