package pipeline

import (
	"context"
	"fmt"
	"time"

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
}

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
	if err := m.k.Run(ctx, vtime.Time(p.Length)); err != nil {
		return nil, fmt.Errorf("pipeline %s: %w", p.Name, err)
	}
	res := m.result()
	if err := m.balance(res); err != nil {
		return nil, fmt.Errorf("pipeline %s, seed %d: books do not balance: %w", p.Name, p.Seed, err)
	}
	return res, nil
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
