package host

import (
	"context"
	"sync"
	"time"
)

// WallClock is real time. It owns the goroutines of its Races and AfterFuncs;
// Close ends them.
type WallClock struct {
	base   context.Context // ends at Close
	cancel context.CancelFunc
	mu     sync.Mutex // orders running.Add against Close's Wait
	closed bool
	// running counts the goroutines that Close waits for.
	running sync.WaitGroup
}

// NewWallClock starts a clock; Close it when no more calls are made on it.
func NewWallClock() *WallClock {
	base, cancel := context.WithCancel(context.Background())
	return &WallClock{base: base, cancel: cancel}
}

// Close cancels the calls that were left running behind their callers and waits
// until they have ended.
func (c *WallClock) Close() {
	c.mu.Lock()
	c.closed = true
	c.mu.Unlock()
	c.cancel()
	c.running.Wait()
}

// begin registers one more goroutine; false when the clock is closed.
func (c *WallClock) begin() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return false
	}
	c.running.Add(1)
	return true
}

// Now is the present instant in UTC.
func (c *WallClock) Now() time.Time { return time.Now().UTC() }

// Sleep waits for d or until ctx ends.
func (c *WallClock) Sleep(ctx context.Context, d time.Duration) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// WithTimeout derives a context that ends after d.
func (c *WallClock) WithTimeout(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, d)
}

// AfterFunc runs f in a goroutine after d, unless stopped or closed before.
func (c *WallClock) AfterFunc(d time.Duration, f func()) (stop func() bool) {
	t := time.AfterFunc(d, func() {
		if c.begin() {
			defer c.running.Done()
			f()
		}
	})
	return t.Stop
}

// Race runs f in a goroutine that ends when f does, however long the caller
// waited; f's context ends with the clock.
func (c *WallClock) Race(ctx context.Context, d time.Duration, f func(context.Context) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if !c.begin() {
		return context.Canceled
	}
	own, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(c.base, cancel)
	done := make(chan error, 1) // room for the late end that nobody waits for
	go func() {
		defer c.running.Done()
		defer cancel()
		defer stop()
		done <- f(own)
	}()
	var late <-chan time.Time
	if d > 0 {
		t := time.NewTimer(d)
		defer t.Stop()
		late = t.C
	}
	select {
	case err := <-done:
		return err
	case <-late:
		return ErrTimeout
	case <-ctx.Done():
		return ctx.Err()
	}
}
