package curve

import (
	"context"
	"sync"
	"sync/atomic"
)

// work does all jobs with so many workers (at least one) and tells how far it is.
// It returns the number of calls that asked a breaker.
func work(ctx context.Context, o Options, jobs []func(*runner), progress func(done, total int)) (asked uint64, err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var next, sum atomic.Int64
	finished := make(chan struct{}, 64)
	var wg sync.WaitGroup
	for range min(max(o.Workers, 1), len(jobs)) {
		wg.Go(func() {
			r := &runner{ctx: ctx, o: o}
			for ctx.Err() == nil {
				i := int(next.Add(1)) - 1
				if i >= len(jobs) {
					break
				}
				jobs[i](r)
				if r.err != nil {
					cancel(r.err)
				}
				finished <- struct{}{}
			}
			sum.Add(r.asked)
		})
	}
	go func() {
		wg.Wait()
		close(finished)
	}()
	done := 0
	for range finished {
		if done++; progress != nil {
			progress(done, len(jobs))
		}
	}
	return uint64(sum.Load()), context.Cause(ctx)
}
