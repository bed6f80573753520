package policytest

import (
	"syscall"
	"testing"
	"time"

	"tripcurve/internal/policy"
)

// pause between two decisions of the benchmark: 1,000 calls a second.
const pause = time.Millisecond

// Benchmark measures decisions a second on mixed traffic: each iteration is an
// Allow and, where it was admitted, the Record of the call admitted eight calls
// earlier; one in four fails, every 16th call ends in the library's time limit, and
// each minute has ten seconds of nothing but failures, so that the machine goes
// through all its states. The promise is 2 million decisions a second and no
// allocation.
func Benchmark(b *testing.B, build func(start time.Time) policy.Breaker) {
	d := newDriver(build(Epoch))
	d.run(20_000)
	b.ReportAllocs()
	b.ResetTimer()
	began := CPUTime(b)
	d.run(b.N)
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "decisions/s")
	b.ReportMetric(float64(b.N)/(CPUTime(b)-began).Seconds(), "decisions/cpu_s")
}

// CPUTime is the processor time that the process has taken so far: on a machine that
// others use too it says more of the code than the clock on the wall does.
func CPUTime(tb testing.TB) time.Duration {
	tb.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		tb.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// AllocatesNothing fails when a decision allocates once the machine is warm.
func AllocatesNothing(t *testing.T, build func(start time.Time) policy.Breaker) {
	t.Helper()
	d := newDriver(build(Epoch))
	d.run(100_000)
	if allocs := testing.AllocsPerRun(50, func() { d.run(1_000) }); allocs != 0 {
		t.Errorf("%.2f allocations per 1,000 decisions, want none", allocs)
	}
}

// driver is a caller with eight calls in flight.
type driver struct {
	breaker policy.Breaker
	at      time.Time
	n       int
	flight  [8]policy.Ticket
	held    [8]bool
}

func newDriver(b policy.Breaker) *driver { return &driver{breaker: b, at: Epoch} }

func (d *driver) run(decisions int) {
	for range decisions {
		d.n++
		d.at = d.at.Add(pause)
		slot := d.n % len(d.flight)
		if d.held[slot] {
			d.breaker.Record(d.at, d.flight[slot], d.outcome())
		}
		// A cheap dice that has seen every part of [0,1) after 64 calls.
		u := float64(d.n*37%64) / 64
		t, v := d.breaker.Allow(d.at, u)
		d.flight[slot], d.held[slot] = t, v.Admitted
		d.breaker.Take()
	}
}

func (d *driver) outcome() policy.Outcome {
	o := policy.Outcome{Code: policy.OK, Took: time.Duration(len(d.flight)) * pause, Status: 200}
	switch second := d.n / 1000 % 60; {
	case second >= 50, d.n%4 == 0:
		o.Code, o.Status = policy.Failure, 503
	case d.n%16 == 1:
		o.Code, o.Status = policy.Timeout, 0
	}
	return o
}
