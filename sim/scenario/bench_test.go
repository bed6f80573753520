package scenario

import (
	"context"
	"runtime/debug"
	"syscall"
	"testing"
	"time"

	"tripcurve/sim/vtime"
)

// BenchmarkHandlers runs the incident with the real handlers. An event is one
// dispatch of the kernel (vtime.Kernel): a message arriving, a statement ending,
// a time limit, a process beginning or going on. The arrivals, the clients, the
// gateway's guards and the four services' handlers are all in the time measured.
// The garbage collector is set as the commands set it while somebody waits. The
// rate per second of processor time, the collector's included, is what a busy
// machine disturbs least.
func BenchmarkHandlers(b *testing.B) {
	defer debug.SetGCPercent(debug.SetGCPercent(400))
	for _, sc := range []string{"inc-2847", "healthy"} {
		b.Run(sc, func(b *testing.B) {
			sc, _ := ByName(sc)
			b.ReportAllocs()
			var events uint64
			var crew vtime.Crew // as a worker of several replications has
			defer crew.Close()
			ctx := vtime.WithCrew(context.Background(), &crew)
			began := cpuTime(b)
			for b.Loop() {
				r, err := Run(ctx, sc, Observers{})
				if err != nil {
					b.Fatal(err)
				}
				events += r.KernelEvents
			}
			b.ReportMetric(float64(events)/(cpuTime(b)-began).Seconds()/1e6, "Mevents/cpu_s")
			b.ReportMetric(float64(events)/b.Elapsed().Seconds()/1e6, "Mevents/s")
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(events), "ns/event")
		})
	}
}

// cpuTime is what this process has used so far.
func cpuTime(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
