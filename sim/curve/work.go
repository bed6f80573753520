package curve

import (
	"context"
	"sync"
	"sync/atomic"
)

// work does all jobs with so many workers (at least one).
func work(ctx context.Context, o Options, jobs []func(*runner), progress func(done, total int), decisions *uint64) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var next, done, asked atomic.Int64
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
				if n := int(done.Add(1)); progress != nil {
					progress(n, len(jobs))
				}
			}
			asked.Add(r.asked)
		})
	}
	wg.Wait()
	*decisions = uint64(asked.Load())
	return context.Cause(ctx)
}
