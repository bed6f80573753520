package curve

import (
	"context"
	"sync"
	"sync/atomic"
)

// job is one run to make.
type job struct {
	calls int // as many as it may take, for the progress
	do    func(*runner)
}

// work does all jobs with so many workers (at least one) and tells how far it is.
// It returns the number of calls that asked a breaker.
func work(ctx context.Context, o Options, jobs []job, progress func(done, total int)) (asked uint64, err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var next, sum atomic.Int64
	finished := make(chan int, 64)
	var wg sync.WaitGroup
	for range min(max(o.Workers, 1), len(jobs)) {
		wg.Go(func() {
			r := &runner{ctx: ctx, o: o}
			for ctx.Err() == nil {
				i := int(next.Add(1)) - 1
				if i >= len(jobs) {
					break
				}
				jobs[i].do(r)
				if r.err != nil {
					cancel(r.err)
				}
				finished <- jobs[i].calls
			}
			sum.Add(r.asked)
		})
	}
	go func() {
		wg.Wait()
		close(finished)
	}()
	done, total := 0, 0
	for _, j := range jobs {
		total += j.calls
	}
	for calls := range finished {
		if done += calls; progress != nil {
			progress(done, total)
		}
	}
	return uint64(sum.Load()), context.Cause(ctx)
}
