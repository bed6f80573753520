package vtime

import (
	"context"
	"sync"
)

// Crew keeps coroutines from one kernel to the next: making one, growing its stack
// and ending it costs as much as several events, and a run of thousands of processes
// that hang has as many coroutines. The zero Crew is empty. Kernels of several
// goroutines may share one.
type Crew struct {
	mu   sync.Mutex
	idle []*Proc
}

type crewKey struct{}

// WithCrew is ctx for runs that are to share crew.
func WithCrew(ctx context.Context, crew *Crew) context.Context {
	return context.WithValue(ctx, crewKey{}, crew)
}

// CrewOf is the crew that WithCrew put there; nil for none.
func CrewOf(ctx context.Context) *Crew {
	crew, _ := ctx.Value(crewKey{}).(*Crew)
	return crew
}

// take is a coroutine that rests; nil when there is none, or no crew.
func (c *Crew) take() *Proc {
	if c == nil {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	n := len(c.idle) - 1
	if n < 0 {
		return nil
	}
	p := c.idle[n]
	c.idle[n] = nil
	c.idle = c.idle[:n]
	return p
}

// give takes in coroutines that rest.
func (c *Crew) give(all []*Proc) {
	c.mu.Lock()
	c.idle = append(c.idle, all...)
	c.mu.Unlock()
}

// Close ends the coroutines. No kernel may use the crew any more.
func (c *Crew) Close() {
	for p := c.take(); p != nil; p = c.take() {
		p.stop()
	}
}
