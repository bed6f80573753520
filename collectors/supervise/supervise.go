// Package supervise runs the collectors: it starts them, starts them again when
// they end in an error or a panic, records the time a source was down as a gap,
// and hands what they bring to one writer, which may be slow without any
// collector noticing.
package supervise

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime/debug"
	"sync"
	"time"

	"tripcurve/internal/incident"
)

// Collector brings evidence in from one source.
//
// Run sends facts and, whenever its health changes or a reading was made, its
// status; it returns when ctx ends, when the source has nothing more to give
// (nil) or when it cannot go on. It may be called again after an error. The
// supervisor always receives: a send never waits for the writer.
type Collector interface {
	Source() incident.SourceStatus
	Run(ctx context.Context, out chan<- []incident.Fact, status chan<- incident.SourceStatus) error
}

// Paced is a collector that has news less often than every few seconds: it is
// called stale only after three of its intervals.
type Paced interface{ Every() time.Duration }

// Batch is what the writer gets: all that came in since its last call, in order
// of arrival.
type Batch struct {
	Facts   []incident.Fact
	Sources []incident.SourceStatus // the newest of each source that changed
	// DroppedFacts counts what was thrown away since the last batch because the
	// writer was too slow; 0 is the rule.
	DroppedFacts int
}

// Writer takes what the collectors bring. It is called by one goroutine at a
// time. An error ends the supervisor.
type Writer func(ctx context.Context, b Batch) error

// Options of a Supervisor; the zero value is ready to use.
type Options struct {
	// MaxFacts bounds the memory between collectors and writer; 0 is 100,000.
	MaxFacts int
	// StaleAfter is how long an OK source may be silent before it is shown as
	// stale; 0 is 10 s, negative never.
	StaleAfter time.Duration
	// BackoffMin and BackoffMax bound the wait before a restart; 0 is 1 s and 30 s.
	BackoffMin, BackoffMax time.Duration
	// Rand is the jitter's dice in [0,1); nil is math/rand/v2.
	Rand func() float64
}

func (o Options) withDefaults() Options {
	if o.MaxFacts == 0 {
		o.MaxFacts = 100_000
	}
	if o.StaleAfter == 0 {
		o.StaleAfter = 10 * time.Second
	}
	if o.BackoffMin == 0 {
		o.BackoffMin = time.Second
	}
	if o.BackoffMax == 0 {
		o.BackoffMax = 30 * time.Second
	}
	if o.Rand == nil {
		o.Rand = rand.Float64
	}
	return o
}

// Permanent marks an error that trying again cannot mend, such as a log of an
// unknown format: the source stays down and is not started again.
func Permanent(err error) error {
	if err == nil {
		return nil
	}
	return permanent{err}
}

type permanent struct{ error }

func (p permanent) Unwrap() error { return p.error }

// Soon marks an error after which trying again costs nobody much, such as a server
// that cannot be reached: the wait before the next start does not grow, so that the
// source is back soon after what it reads is.
func Soon(err error) error {
	if err == nil {
		return nil
	}
	return soon{err}
}

type soon struct{ error }

func (s soon) Unwrap() error { return s.error }

// flushTimeout bounds the last write after the context has ended.
const flushTimeout = 5 * time.Second

// Supervisor owns the goroutines of all collectors.
type Supervisor struct {
	collectors []Collector
	opts       Options
}

// New makes a supervisor of collectors; each source name must be used once.
func New(collectors []Collector, opts Options) *Supervisor {
	return &Supervisor{collectors: collectors, opts: opts.withDefaults()}
}

// Run runs the collectors until ctx ends, all of them are done, or write
// answers an error, which it returns. Everything received before that is
// written before Run returns.
func (s *Supervisor) Run(ctx context.Context, write Writer) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()

	in := make(chan event)
	var running sync.WaitGroup
	for _, c := range s.collectors {
		running.Go(func() { s.keep(ctx, c, in) })
	}
	go func() {
		running.Wait()
		close(in)
	}()

	batches := make(chan Batch)
	failed := make(chan error, 1)
	var writing sync.WaitGroup
	writing.Go(func() {
		for b := range batches {
			if err := deliver(ctx, write, b); err != nil {
				failed <- err
				stop()
				return
			}
		}
	})
	err := s.fanIn(in, batches, failed)
	close(batches)
	writing.Wait()
	if err == nil {
		select {
		case err = <-failed:
		default:
		}
	}
	if err != nil {
		return fmt.Errorf("write evidence: %w", err)
	}
	return nil
}

// deliver calls write with a context that outlives ctx long enough for the last
// batch.
func deliver(ctx context.Context, write Writer, b Batch) error {
	if ctx.Err() != nil {
		var done context.CancelFunc
		ctx, done = context.WithTimeout(context.WithoutCancel(ctx), flushTimeout)
		defer done()
	}
	return write(ctx, b)
}

// event is what one source said.
type event struct {
	facts  []incident.Fact
	status *incident.SourceStatus
}

// fanIn receives from all collectors at all times and hands on what is queued
// whenever the writer is ready. It ends when every collector has.
func (s *Supervisor) fanIn(in <-chan event, batches chan<- Batch, failed <-chan error) error {
	q := newQueue(s.opts.MaxFacts)
	var failure error
	for in != nil || (!q.empty() && failure == nil) {
		var ready chan<- Batch
		var next Batch
		if !q.empty() && failure == nil {
			ready, next = batches, q.batch()
		}
		select {
		case e, ok := <-in:
			if !ok {
				in = nil
				continue
			}
			q.add(e)
		case ready <- next:
			q.reset()
		case failure = <-failed: // the writer is gone; go on receiving until the collectors have ended
		}
	}
	return failure
}

// keep runs one collector again and again until ctx ends or it is done.
func (s *Supervisor) keep(ctx context.Context, c Collector, in chan<- event) {
	w := watch{opts: s.opts, in: in}
	begun := c.Source()
	begun.State = incident.SourceStarting
	w.say(begun)
	if p, ok := c.(Paced); ok && w.opts.StaleAfter > 0 {
		w.opts.StaleAfter = max(w.opts.StaleAfter, 3*p.Every())
	}
	wait := s.opts.BackoffMin
	for ctx.Err() == nil {
		began := time.Now()
		err := w.run(ctx, c)
		if ctx.Err() != nil {
			w.ended()
			return
		}
		if err == nil {
			w.done()
			return
		}
		if time.Since(began) >= s.opts.BackoffMax {
			wait = s.opts.BackoffMin
		}
		if errors.As(err, new(permanent)) {
			w.down(time.Now(), err, 0)
			<-ctx.Done()
			w.ended()
			return
		}
		if errors.As(err, new(soon)) {
			wait = s.opts.BackoffMin
		}
		pause := s.jitter(wait)
		w.down(time.Now(), err, pause)
		if !sleep(ctx, pause) {
			w.ended()
			return
		}
		wait = min(2*wait, s.opts.BackoffMax)
	}
}

// jitter spreads d over [0.8 d, 1.2 d), so that sources that fell together do
// not come back together.
func (s *Supervisor) jitter(d time.Duration) time.Duration {
	return time.Duration(float64(d) * (0.8 + 0.4*s.opts.Rand()))
}

func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}

// guarded turns a panic of a collector into an error, for one broken parser must
// not take the recorder down.
func guarded(ctx context.Context, c Collector, out chan<- []incident.Fact, status chan<- incident.SourceStatus) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v at %s", p, panicSite(debug.Stack()))
		}
	}()
	return c.Run(ctx, out, status)
}
