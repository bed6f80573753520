package world

import (
	"context"
	"time"

	"tripcurve/services/host"
	"tripcurve/sim/vtime"
)

// Clock is virtual time as the handlers of one service see it.
type Clock struct {
	k     *vtime.Kernel
	group *vtime.Group
	lane  *vtime.Lane // the last one asked for: a service has one time limit, as a rule
	d     time.Duration
	began time.Time // when the kernel began, as the service's host has it
	spare []*race
}

// Clock is the service's clock: processes that it starts die with the service.
func (s *Service) Clock() *Clock {
	return &Clock{k: s.w.K, group: &s.group, began: s.w.K.Clock(0).Add(s.ahead)}
}

// Skew sets the service's clock so far ahead of the true time, or behind it. What
// takes a time takes as long; what is asked for the time of day is wrong. It is to be
// called before Clock.
func (s *Service) Skew(ahead time.Duration) { s.ahead = ahead }

// Now is the present instant, as the service's host has it.
func (c *Clock) Now() time.Time { return c.began.Add(time.Duration(c.k.Now())) }

// Sleep waits for d or until ctx ends.
func (c *Clock) Sleep(ctx context.Context, d time.Duration) error {
	return sleep(c.k, vtime.Virtual(ctx), d)
}

func sleep(k *vtime.Kernel, c *vtime.Context, d time.Duration) error {
	switch k.Sleep(c, d) {
	case vtime.Killed:
		k.Unwind()
	case vtime.Ended:
		return c.Err()
	default: // slept out
	}
	return nil
}

// WithTimeout derives a context that ends after d.
func (c *Clock) WithTimeout(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	v := c.k.WithTimeout(ctx, d)
	return v, v.Cancel
}

// AfterFunc runs f as a process of the service after d.
func (c *Clock) AfterFunc(d time.Duration, f func()) (stop func() bool) {
	return c.k.StartAfter(d, c.group, vtime.Func(f)).Stop
}

// Race runs f as a process of its own and waits for it for at most d.
func (c *Clock) Race(ctx context.Context, d time.Duration, f func(context.Context) error) error {
	v := vtime.Virtual(ctx)
	if v != nil && v.Err() != nil {
		return v.Err()
	}
	r := c.race()
	r.f, r.caller = f, c.k.Current()
	r.ctx.Detach(ctx)
	c.k.Start(c.group, r)
	var limit vtime.Timer
	if d > 0 {
		if c.lane == nil || c.d != d {
			c.lane, c.d = c.k.Lane(d), d
		}
		limit = c.lane.Resume(r.caller, vtime.TimeOut)
	}
	why := c.k.ParkUnder(v)
	r.caller = nil
	limit.Stop()
	switch why {
	case vtime.Killed:
		c.k.Unwind()
	case vtime.TimeOut:
		return host.ErrTimeout
	case vtime.Ended:
		return v.Err()
	default: // answered
	}
	err := r.err
	r.leave()
	return err
}

// race is a function that runs for a caller that may not wait for its end.
type race struct {
	c      *Clock
	ctx    vtime.Loose
	f      func(context.Context) error
	caller *vtime.Proc // nil when it has gone on
	err    error
}

// race is a new race, or one that has come to its end.
func (c *Clock) race() *race {
	n := len(c.spare) - 1
	if n < 0 {
		return &race{c: c}
	}
	r := c.spare[n]
	c.spare = c.spare[:n]
	return r
}

// leave is the last of its two users being done with it: the caller that has the
// answer, or the function whose caller has gone on.
func (r *race) leave() {
	r.f, r.err = nil, nil
	r.c.spare = append(r.c.spare, r)
}

// Run is the process.
func (r *race) Run() {
	r.err = r.f(&r.ctx)
	if r.caller != nil {
		r.caller.Wake(answered)
		return
	}
	r.leave()
}

// Why processes of the world wake, beyond the kernel's own reasons.
const (
	answered vtime.Reason = 16 + iota
	granted
)
