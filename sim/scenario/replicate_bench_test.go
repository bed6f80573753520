package scenario

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"sync"
	"testing"
	"time"
)

// BenchmarkReplications makes replications of INC-2847 with one worker on one
// processor and with two on two, in turn. x_one is how many times as many the two
// make per second. x_spin is the same of two goroutines that only count, beside one:
// what the machine itself gives at that moment, for its second processor may be
// busy with something else. x_apart is the same of two processes that simulate on a processor
// each and know nothing of each other, beside one alone: they share the way to the memory,
// which those that count do not need. of_apart is x_one as a share of it. All times are sums over
// short rounds, of which every second one begins with the two: the host's other guests make one
// minute a tenth slower than the next, and where the one worker had a whole minute and the two
// the next, the same program showed anything from 1.66 to 1.96 times.
func BenchmarkReplications(b *testing.B) {
	defer debug.SetGCPercent(debug.SetGCPercent(400))
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	const (
		rounds = 6
		nights = 110 // of 44 the last one, which one worker makes while the other has nothing left, is 1 % of the time and more
	)
	var took, spun, alone [3]time.Duration
	timed := func(d *time.Duration, f func()) {
		at := b.Elapsed()
		f()
		*d += b.Elapsed() - at
	}
	for b.Loop() {
		for round := range rounds {
			for turn := range 2 {
				workers := 1 + (round+turn)%2
				runtime.GOMAXPROCS(workers)
				timed(&took[workers], func() {
					if _, err := RunSeeds(context.Background(), INC2847(), nights, workers); err != nil {
						b.Fatal(err)
					}
				})
				timed(&spun[workers], func() { spin(workers) })
				timed(&alone[workers], func() { apart(b, workers, nights/2) })
			}
		}
	}
	one, possible := took[1].Seconds()/took[2].Seconds(), 2*alone[1].Seconds()/alone[2].Seconds()
	b.ReportMetric(one, "x_one")
	b.ReportMetric(spun[1].Seconds()/spun[2].Seconds(), "x_spin")
	b.ReportMetric(possible, "x_apart")
	b.ReportMetric(one/possible, "of_apart")
	b.ReportMetric(took[1].Seconds()*1e3/rounds/nights/float64(b.N), "ms/run")
}

// apart runs as many processes at once, of which each simulates n nights on one processor.
func apart(b *testing.B, processes, n int) {
	nights := make([]*exec.Cmd, processes)
	for i := range nights {
		cmd := exec.CommandContext(b.Context(), os.Args[0], "-test.run", "^$", "-test.bench", "BenchmarkHandlers/inc-2847",
			"-test.benchtime", fmt.Sprintf("%dx", n))
		cmd.Env = append(os.Environ(), "GOMAXPROCS=1")
		if err := cmd.Start(); err != nil {
			b.Fatal(err)
		}
		nights[i] = cmd
	}
	for _, cmd := range nights {
		if err := cmd.Wait(); err != nil {
			b.Fatal(err)
		}
	}
}

// spin counts a fixed number, divided among goroutines.
func spin(goroutines int) {
	const all = 100_000_000
	var wg sync.WaitGroup
	for range goroutines {
		wg.Go(func() {
			x := uint64(1)
			for range all / goroutines {
				x = x*6364136223846793005 + 1442695040888963407
			}
			if x == 0 {
				panic("an odd increment never gives 0 here")
			}
		})
	}
	wg.Wait()
}
