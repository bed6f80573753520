package scenario

import (
	"context"
	"math"
	"sync"

	"tripcurve/sim"
)

// Spread is the mean and the range of one number over several seeds.
type Spread struct{ Mean, Min, Max float64 }

// Others is how a scenario comes out under other seeds than its own.
type Others struct {
	Seeds     int
	Orders502 Spread
	// PoolFullAfter is in seconds, over the seeds under which the pool was full at
	// all; NeverFull counts the rest.
	PoolFullAfter Spread
	NeverFull     int
}

// Seeds runs the scenario under the n seeds after its own, on so many workers
// (at least one). The answer does not depend on their number.
func Seeds(ctx context.Context, sc sim.Scenario, n, workers int) (Others, error) {
	results, err := RunSeeds(ctx, sc, n, workers)
	if err != nil {
		return Others{}, err
	}
	o := Others{Seeds: n}
	var orders, full []float64
	for _, r := range results {
		orders = append(orders, float64(r.Orders.Answered502))
		if r.PoolFullAfter >= 0 {
			full = append(full, r.PoolFullAfter.Seconds())
		} else {
			o.NeverFull++
		}
	}
	o.Orders502, o.PoolFullAfter = spread(orders), spread(full)
	return o, nil
}

// RunSeeds is the results of the scenario under the n seeds after its own, in the
// order of the seeds.
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

// spread is NaN-free: all zero for no values.
func spread(values []float64) Spread {
	if len(values) == 0 {
		return Spread{}
	}
	s := Spread{Min: math.Inf(1), Max: math.Inf(-1)}
	for _, v := range values {
		s.Mean += v
		s.Min, s.Max = min(s.Min, v), max(s.Max, v)
	}
	s.Mean /= float64(len(values))
	return s
}
