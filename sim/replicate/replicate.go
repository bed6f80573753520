// Package replicate runs the same experiment many times over, on as many cores as
// there are, with a result that does not depend on their number.
package replicate

import (
	"context"
	"errors"
	"sync"

	"tripcurve/sim/output"
	"tripcurve/sim/vtime"
)

// Seed is the seed of a replication (counted from 1) of the experiment with that
// seed. The pair goes through a mixing hash: replications of neighbouring seeds
// have nothing in common, and the n-th one is the same for every policy that is
// tried, which makes the difference of two policies a paired one. It is an
// ordinary seed, with which the replication can be run again alone. It has 53 bits,
// so that a reader of JSON who knows only doubles does not spoil it.
func Seed(seed uint64, replication int) uint64 {
	return vtime.Mix(vtime.Mix(seed+0x632be59bd9b4e019)+uint64(replication)*0xd1342543de82ef95) >> 11
}

// Plan is how often, and on how many cores.
type Plan struct {
	N       int
	Workers int // at least one works
	// Progress hears how many of how many are done, one call at a time and in
	// order; may be nil. It must not wait.
	Progress func(done, of int)
}

// Run calls run for replications 1 to N and gives what it gave, in their order.
// The first mistake, and the end of ctx, end all of it: run then gets a context
// that has ended.
func Run[R any](ctx context.Context, p Plan, run func(ctx context.Context, replication int) (R, error)) ([]R, error) {
	return part(ctx, p, 0, run)
}

// Until is Run in rounds of the rule's least number until the rule says stop,
// looking at one measure of each replication. Rounds, and not single replications,
// so that the answer does not depend on the number of workers. p.N is not looked
// at; the rule has the budget.
func Until[R any](ctx context.Context, p Plan, rule output.Rule, measure func(R) float64, run func(ctx context.Context, replication int) (R, error)) ([]R, output.Stop, error) {
	round := max(rule.Least, output.LeastReplications)
	rule.Least = round
	var all []R
	var values []float64
	for {
		p.N = min(len(all)+round, rule.Most)
		more, err := part(ctx, p, len(all), run)
		if err != nil {
			return nil, output.GoOn, err
		}
		for _, r := range more {
			values = append(values, measure(r))
		}
		all = append(all, more...)
		if stop := rule.Check(values); stop != output.GoOn {
			return all, stop, nil
		}
	}
}

// part makes the replications after the first so many.
func part[R any](ctx context.Context, p Plan, from int, run func(ctx context.Context, replication int) (R, error)) ([]R, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	n := p.N - from
	results, errs := make([]R, n), make([]error, n)
	next := make(chan int)
	var wg sync.WaitGroup
	var mu sync.Mutex
	done := from
	for range min(max(p.Workers, 1), n) {
		wg.Go(func() {
			var crew vtime.Crew
			defer crew.Close()
			ctx := vtime.WithCrew(ctx, &crew)
			for i := range next {
				if results[i], errs[i] = run(ctx, from+i+1); errs[i] != nil {
					cancel()
					continue
				}
				mu.Lock()
				done++
				if p.Progress != nil {
					p.Progress(done, p.N)
				}
				mu.Unlock()
			}
		})
	}
	for i := 0; i < n && ctx.Err() == nil; i++ {
		next <- i
	}
	close(next)
	wg.Wait()
	if err := first(errs); err != nil {
		return nil, err
	}
	return results, ctx.Err()
}

// first is the first mistake; that a replication was called off is one only where
// there is no other.
func first(errs []error) (calledOff error) {
	for _, err := range errs {
		switch {
		case err == nil:
		case !errors.Is(err, context.Canceled):
			return err
		case calledOff == nil:
			calledOff = err
		}
	}
	return calledOff
}
