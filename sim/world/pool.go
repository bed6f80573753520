package world

import (
	"fmt"

	"tripcurve/sim/vtime"
)

// Pool is a number of equal places, such as database connections. Who finds none
// free waits, first come first served.
type Pool struct {
	k        *vtime.Kernel
	size     int
	used     int
	in, out  int
	waiting  queue
	OnFull   func() // called whenever the last free place is taken; may be nil
	OnUnfull func() // called whenever a full pool has a free place again; may be nil
}

// NewPool is a pool of size places.
func NewPool(k *vtime.Kernel, size int) *Pool { return &Pool{k: k, size: size} }

// Acquire takes a place for the running process, or answers c's error when that
// ends first. c may be nil.
func (p *Pool) Acquire(c *vtime.Context) error {
	if c != nil && c.Err() != nil {
		return c.Err()
	}
	if p.used < p.size && p.waiting.n == 0 {
		p.used++
		p.in++
		if p.used == p.size && p.OnFull != nil {
			p.OnFull()
		}
		return nil
	}
	why, had := p.waiting.wait(p.k, c)
	if had {
		p.in++
	}
	switch why {
	case vtime.Killed:
		if had {
			p.Release()
		}
		p.k.Unwind()
	case vtime.Ended:
		return c.Err()
	default: // handed a place
	}
	return nil
}

// Release gives a place back, or hands it to who waits longest.
func (p *Pool) Release() {
	p.out++
	if p.waiting.wake() {
		return
	}
	if p.used == p.size && p.OnUnfull != nil {
		p.OnUnfull()
	}
	p.used--
}

// Used is how many places are taken, Waiting how many processes wait for one.
func (p *Pool) Used() int    { return p.used }
func (p *Pool) Waiting() int { return p.waiting.n }

// Size is how many places there are.
func (p *Pool) Size() int { return p.size }

// Err says whether the places add up: taken = given back + held.
func (p *Pool) Err() error {
	if p.in != p.out+p.used {
		return fmt.Errorf("pool: %d places taken, %d given back, %d held", p.in, p.out, p.used)
	}
	return nil
}
