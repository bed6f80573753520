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
	ahead time.Duration // of the true time
}

// Clock is the service's clock: processes that it starts die with the service.
func (s *Service) Clock() *Clock { return &Clock{k: s.w.K, group: &s.group, ahead: s.ahead} }

// Skew sets the service's clock so far ahead of the true time, or behind it. What
// takes a time takes as long; what is asked for the time of day is wrong. It is to be
// called before Clock.
func (s *Service) Skew(ahead time.Duration) { s.ahead = ahead }

// Now is the present instant, as the service's host has it.
func (c *Clock) Now() time.Time { return c.k.Clock(c.k.Now()).Add(c.ahead) }

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
	r := &race{f: f, caller: c.k.Current()}
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
	return r.err
}

// race is a function that runs for a caller that may not wait for its end.
type race struct {
	ctx    vtime.Loose
	f      func(context.Context) error
	caller *vtime.Proc // nil when it has gone on
	err    error
}

// Run is the process.
func (r *race) Run() {
	r.err = r.f(&r.ctx)
	if r.caller != nil {
		r.caller.Wake(answered)
	}
}

// Why processes of the world wake, beyond the kernel's own reasons.
const (
	answered vtime.Reason = 16 + iota
	granted
)
