package scenario

import (
	"context"
	"sync"

	"tripcurve/sim"
)

// RunSeeds is the results of the scenario under the n seeds after its own, in the
// order of the seeds, made by so many workers (at least one). The answer does not
// depend on their number.
func RunSeeds(ctx context.Context, sc sim.Scenario, n, workers int) ([]*sim.Result, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	results := make([]*sim.Result, n)
	seeds := make(chan int)
	var wg sync.WaitGroup
	for range max(workers, 1) {
		wg.Go(func() {
			for i := range seeds {
				sc := sc
				sc.Seed += uint64(i) + 1
				r, err := Run(ctx, sc, Observers{})
				if err != nil {
					cancel(err)
					continue
				}
				results[i] = r
			}
		})
	}
	for i := 0; i < n && ctx.Err() == nil; i++ {
		seeds <- i
	}
	close(seeds)
	wg.Wait()
	return results, context.Cause(ctx)
}
