package pipeline

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"tripcurve/internal/policy"
	"tripcurve/sim/replicate"
	"tripcurve/sim/vtime"
)

// Options of a run. The zero value is a plain one.
type Options struct {
	// OnRequest gets every request when its client has the answer, in the order of
	// virtual time.
	OnRequest func(Answer)
	// HandlerKeys draws every time with the key that the coded handlers of the order
	// pipeline would use for it: the number of the context in which they draw. It is
	// for holding the two against each other; else a draw belongs to the request,
	// the step and the attempt, whatever the policies are.
	HandlerKeys bool

	most int // objects of a kind at once; 0 is maxLive
}

// maxLive keeps a pipeline that cannot keep up with its clients from filling the
// memory: some 700 MB of requests with their calls.
const maxLive = 2 << 20

// Answer is how one request ended for its client.
type Answer struct {
	Client, Endpoint string
	Start, End       time.Time
	Code             int    // gRPC's
	Late             bool   // answered well, after the client's patience
	TimedOut         bool   // nobody answered in time
	Degraded         bool   // a fallback answered
	RejectedBy       string // <edge>: <the library's reason>; empty for nobody
}

// Run makes one run. The same description gives the same result to the byte, with
// any options and whatever else runs. It fails when the description makes no
// sense, when ctx ends, and when the run's own books do not balance.
func Run(ctx context.Context, p *Pipeline, o Options) (*Result, error) {
	if err := Check(p); err != nil {
		return nil, fmt.Errorf("pipeline %s: %w", p.Name, err)
	}
	m, err := newMachine(p, o)
	if err != nil {
		return nil, fmt.Errorf("pipeline %s: %w", p.Name, err)
	}
	defer m.k.Close()
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	most := int32(cmp.Or(o.most, maxLive))
	full := func() { stop(&TooManyError{Most: int(most), After: time.Duration(m.k.Now())}) }
	m.frames.most, m.sessions.most, m.jobs.most = most, most, most
	m.frames.full, m.sessions.full, m.jobs.full = full, full, full
	if err := m.k.Run(ctx, vtime.Time(p.Length)); err != nil {
		return nil, fmt.Errorf("pipeline %s: %w", p.Name, context.Cause(ctx))
	}
	res := m.result()
	if err := m.balance(res); err != nil {
		return nil, fmt.Errorf("pipeline %s, seed %d: books do not balance: %w", p.Name, p.Seed, err)
	}
	return res, nil
}

// TooManyError is a run that was ended because more requests or jobs were under way at
// once than the memory is for.
type TooManyError struct {
	Most  int
	After time.Duration // of the run's beginning
}

func (e *TooManyError) Error() string {
	return fmt.Sprintf("more than %d requests or jobs are under way at once after %s: they come faster than they are done, and nothing turns them away", e.Most, policy.FormatDuration(e.After.Round(time.Millisecond)))
}

// Replicate is the results of the pipeline's replications (replicate.Seed), in their
// order; the pipeline's own seed is not among them: it may have been chosen.
func Replicate(ctx context.Context, p *Pipeline, plan replicate.Plan) ([]*Result, error) {
	return replicate.Run(ctx, plan, func(ctx context.Context, n int) (*Result, error) {
		own := *p
		own.Seed = replicate.Seed(p.Seed, n)
		return Run(ctx, &own, Options{})
	})
}
