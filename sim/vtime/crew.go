package vtime

import (
	"context"
	"sync"
)

// Crew keeps coroutines from one kernel to the next: making one, growing its stack
// and ending it costs as much as several events, and a run of thousands of processes
// that hang has as many coroutines. With them it keeps what queues have grown to. The
// zero Crew is empty. Kernels of several goroutines may share one.
type Crew struct {
	mu    sync.Mutex
	idle  []*Proc
	rooms []room
}

// room is the memory of a kernel's queues, without what was in it.
type room struct {
	heap  []entry
	ready []soon
	slots []slot
	free  []uint32
	idle  []*Proc
	all   []*Proc
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

// room is that of a kernel that has been closed; empty when there is none.
func (c *Crew) room() (r room) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if n := len(c.rooms) - 1; n >= 0 {
		r, c.rooms[n] = c.rooms[n], room{}
		c.rooms = c.rooms[:n]
	}
	return r
}

// give takes in coroutines that rest, and the memory that their kernel needs no more.
func (c *Crew) give(all []*Proc, r room) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.idle = append(c.idle, all...)
	// What is left in it would keep a whole run in memory.
	clear(r.ready)
	clear(r.slots)
	clear(r.idle[:cap(r.idle)])
	clear(all)
	c.rooms = append(c.rooms, room{
		heap: r.heap[:0], ready: r.ready, slots: r.slots[:0], free: r.free[:0], idle: r.idle[:0], all: all[:0],
	})
}

// Close ends the coroutines. No kernel may use the crew any more.
func (c *Crew) Close() {
	for p := c.take(); p != nil; p = c.take() {
		p.stop()
	}
}
