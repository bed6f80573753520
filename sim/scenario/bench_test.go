package scenario

import (
	"context"
	"runtime/debug"
	"testing"
)

// BenchmarkHandlers runs the incident with the real handlers. An event is one
// dispatch of the kernel (vtime.Kernel): a message arriving, a statement ending,
// a time limit, a process beginning or going on. The arrivals, the clients, the
// gateway's guards and the four services' handlers are all in the time measured.
// The garbage collector is set as the commands set it while somebody waits.
func BenchmarkHandlers(b *testing.B) {
	defer debug.SetGCPercent(debug.SetGCPercent(400))
	for _, sc := range []string{"inc-2847", "healthy"} {
		b.Run(sc, func(b *testing.B) {
			sc, _ := ByName(sc)
			b.ReportAllocs()
			var events uint64
			for b.Loop() {
				r, err := Run(context.Background(), sc, Observers{})
				if err != nil {
					b.Fatal(err)
				}
				events += r.KernelEvents
			}
			b.ReportMetric(float64(events)/b.Elapsed().Seconds()/1e6, "Mevents/s")
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(events), "ns/event")
		})
	}
}
