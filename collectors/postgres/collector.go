package postgres

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"tripcurve/collectors/supervise"
	"tripcurve/internal/incident"
)

// Config of a live collector.
type Config struct {
	Access   Access
	Name     string        // of the source; empty is "pg"
	Interval time.Duration // between samples while they are cheap; 0 is 1 s
}

// Collector watches one server over two connections, opened early and kept: one for
// the samples, one for all else and to go on with. It is run by a supervisor.
type Collector struct {
	cfg     Config
	target  target
	sampler *Sampler
	budget  budget
	derive  bool // queues are long: derive blockers instead of asking for them
	ran     bool
	lacks   []string               // what the newest sample could not show
	note    atomic.Pointer[string] // what the second connection says
}

// New makes a collector; the only error is ErrDSN.
func New(cfg Config) (*Collector, error) {
	t, err := parse(cfg.Access)
	if err != nil {
		return nil, err
	}
	if cfg.Name == "" {
		cfg.Name = "pg"
	}
	if cfg.Interval <= 0 {
		cfg.Interval = time.Second
	}
	return &Collector{cfg: cfg, target: t, sampler: NewSampler(cfg.Name)}, nil
}

// Source is what the collector reads, before it has read anything.
func (c *Collector) Source() incident.SourceStatus {
	return incident.SourceStatus{Name: c.cfg.Name, Group: "postgres", State: incident.SourceDown, Detail: "connecting to " + c.target.where()}
}

const (
	// slow is when pg_blocking_pids, quadratic in a queue, is given up.
	slow = 20 * time.Millisecond
	// cheap is when it is tried again: measured, deriving is at most 4.5 times cheaper.
	cheap = 4 * time.Millisecond
	// maxMissed samples in a row end the connection.
	maxMissed = 5
)

// Run samples until ctx ends or both connections do.
func (c *Collector) Run(ctx context.Context, out chan<- []incident.Fact, status chan<- incident.SourceStatus) error {
	l, err := c.target.dial(ctx, false)
	if err != nil {
		if passing(err) {
			return supervise.Soon(err)
		}
		return err
	}
	defer func() { l.close() }()
	if c.ran {
		c.sampler.Resume()
	}
	c.ran = true

	second := &side{target: c.target, origin: c.sampler.origin, out: out, spare: make(chan *link), note: &c.note}
	sideContext, endSide := context.WithCancel(ctx)
	var running sync.WaitGroup
	running.Go(func() { second.run(sideContext) })
	defer running.Wait()
	defer endSide()

	tick := time.NewTimer(0)
	defer tick.Stop()
	var last time.Time // of the newest sample, the server's clock
	spared := false    // by the second connection, since the newest sample
	for missed := 0; ; {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
		began := time.Now()
		x, err := l.sample(ctx, !c.derive)
		switch {
		case err == nil:
			missed, spared = 0, false
		case ctx.Err() != nil:
			return ctx.Err()
		case l.conn.IsClosed() || missed >= maxMissed:
			why := c.target.scrub(reason(err))
			var other *link
			if !spared && missed < maxMissed {
				other = c.spare(second)
			}
			if other == nil {
				return supervise.Soon(fmt.Errorf("sample %s: %s", c.target.where(), why))
			}
			l.close()
			l, spared = other, true
			status <- c.status(incident.SourceDegraded, last, "going on over the second connection: "+why)
			tick.Reset(0)
			continue
		default:
			missed++
			c.derive = true // most likely a queue too long for pg_blocking_pids
			status <- c.status(incident.SourceDegraded, last, "sample missed: "+c.target.scrub(reason(err)))
			took := time.Since(began)
			tick.Reset(max(0, c.budget.pause(began, took, c.cfg.Interval)-took))
			continue
		}
		if !l.start.IsZero() && !l.start.Equal(x.ServerStart) { // a pooler has another server for us
			if err := l.learn(ctx, true); err != nil {
				return supervise.Soon(fmt.Errorf("sample %s: %s", c.target.where(), c.target.scrub(reason(err))))
			}
			x.Cluster = l.cluster
		}
		l.start = x.ServerStart
		x.Every = c.budget.pause(began, x.Took, c.cfg.Interval)
		clock := incident.ClockOf(x.At, began, x.Took, time.Microsecond)
		last = x.At
		out <- c.sampler.Observe(x)
		c.lacks = lacking(l, x)
		s := c.status(incident.SourceOK, last, c.detail(l, x, clock))
		s.Clock = clock
		status <- s
		c.adapt(x)
		tick.Reset(max(0, x.Every-time.Since(began)))
	}
}

// spareTimeout bounds the wait for a second connection that is just being read.
const spareTimeout = 500 * time.Millisecond

// spare is the second connection, nil when there is none to be had.
func (c *Collector) spare(second *side) *link {
	give := time.NewTimer(spareTimeout)
	defer give.Stop()
	select {
	case l := <-second.spare:
		return l
	case <-give.C:
		return nil
	}
}

// adapt chooses how the next sample finds blockers.
func (c *Collector) adapt(x Sample) {
	switch {
	case x.Took > slow && waiters(x) > 0:
		c.derive = true
	case x.Took < cheap:
		c.derive = false
	}
}

func waiters(x Sample) int {
	n := 0
	for _, r := range x.Rows {
		if r.Wait != nil {
			n++
		}
	}
	return n
}

func (c *Collector) status(state incident.SourceState, last time.Time, detail string) incident.SourceStatus {
	return incident.SourceStatus{Name: c.cfg.Name, Group: "postgres", State: state, LastAt: last, Detail: detail}
}

// maxSkew is the difference between our clock and the server's that is worth a
// word.
const maxSkew = time.Second

// detail says what the samples cost and what they cannot show.
func (c *Collector) detail(l *link, x Sample, clock incident.Clock) string {
	parts := []string{fmt.Sprintf("PostgreSQL %s, sample %.1f ms each %s", l.name, float64(x.Took)/float64(time.Millisecond), x.Every.Round(100*time.Millisecond))}
	parts = append(parts, lacking(l, x)...)
	if x.derived {
		parts = append(parts, "long queues: blockers derived from modes and times")
	}
	if clock.Ahead.Abs() > maxSkew {
		parts = append(parts, "its clock is "+clock.String())
	}
	if note := c.note.Load(); note != nil && *note != "" {
		parts = append(parts, *note)
	}
	return strings.Join(parts, "; ")
}

// lacking is what the samples of a connection cannot show.
func lacking(l *link, x Sample) []string {
	var lacks []string
	if l.standby {
		lacks = append(lacks, "a standby: what waits on the primary is not seen here")
	}
	if others, hidden := x.hidden(); hidden > 0 || others == 0 && !l.rights {
		lacks = append(lacks, "without pg_read_all_stats: queries, states and times of other users are hidden, locks and who blocks whom are not (grant pg_monitor to this role)")
	}
	if l.version < 140000 {
		lacks = append(lacks, "before 14: the start of a wait is an upper bound")
	}
	if l.pooler != "" {
		lacks = append(lacks, "behind "+l.pooler+": clients' addresses are hidden, and a full pool makes samples wait; a direct DSN is better")
	}
	return lacks
}

// Lacks is what the newest sample could not show: rights, the server's age, what
// stands between. It is to be called when Run has returned.
func (c *Collector) Lacks() []string { return c.lacks }

// Look is one sample, with what else is worth a word.
type Look struct {
	Sample
	Builds []IndexBuild // under way
	Lacks  []string     // what the sample cannot show
}

// SampleOnce looks once, over a connection of its own. Errors are ErrDSN or
// ErrUnreachable and never hold the password.
func SampleOnce(ctx context.Context, dsn string) (Look, error) {
	t, err := parse(Access{DSN: dsn})
	if err != nil {
		return Look{}, err
	}
	l, err := t.dial(ctx, false)
	if err != nil {
		return Look{}, err
	}
	defer l.close()
	var look Look
	look.Sample, err = l.sample(ctx, true)
	if err == nil {
		err = l.within(ctx, func(q querier) error {
			look.Builds, err = l.builds(ctx, q)
			return err
		})
	}
	if err != nil {
		return Look{}, fmt.Errorf("%w at %s: %s", ErrUnreachable, t.where(), t.scrub(reason(err)))
	}
	look.Lacks = lacking(l, look.Sample)
	return look, nil
}
