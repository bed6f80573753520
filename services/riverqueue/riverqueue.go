// Package riverqueue is the pipeline's queue on River, in the order database: a
// job that is enqueued in a transaction commits with it.
package riverqueue

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivertype"

	"tripcurve/internal/pglock"
	"tripcurve/services/host"
	"tripcurve/services/pgkit"
)

// River's own times (v0.51.1), which none of its settings changes. With Options
// they say when a job runs: sim/world has the same ones.
const (
	// SchedulerInterval is how often the leader makes jobs that are to be tried again
	// available; one that is due sooner than that need not wait for it.
	SchedulerInterval = 5 * time.Second // internal/maintenance/job_scheduler.go
	// RescuerInterval is how often the leader looks for jobs whose worker has died.
	RescuerInterval = 30 * time.Second // internal/maintenance/job_rescuer.go
	// LeaderTTL is how long a leader that has died keeps the others from leading.
	LeaderTTL = 15 * time.Second // internal/leadership/elector.go
	// ElectInterval is how often the others try, up to 1 s more.
	ElectInterval = 5 * time.Second // internal/leadership/elector.go
	// CompleteEvery is how often ended jobs are written down.
	CompleteEvery = 250 * time.Millisecond // internal/jobcompleter/job_completer.go
	// Jitter is by what share a wait for another try is longer or shorter.
	Jitter = 0.1 // internal/retrypolicy
)

// What Options mean by zero. All but RescueAfter are River's own.
const (
	DefaultJobTimeout = time.Minute
	// DefaultRescueAfter is twice the time limit of a job, which no live one
	// outlasts, for its handler ends with its context. River's own, an hour, is how
	// long a paid order would wait for its shipment when a worker has died.
	DefaultRescueAfter   = 2 * time.Minute
	DefaultPoll          = time.Second
	DefaultFetchCooldown = 100 * time.Millisecond
	DefaultMaxAttempts   = 25 // the last one some 19 days after the first
	DefaultWorkers       = 10
	// insertConnections and workConnections are what a queue keeps at most: one
	// that works also listens, fetches, leads and writes down what has ended.
	insertConnections, workConnections = 4, 10
)

// Retry is how long River waits after so many failed attempts, but for the jitter.
func Retry(attempts int) time.Duration {
	n := time.Duration(attempts)
	return n * n * n * n * time.Second
}

// Options are what a Queue is made of.
type Options struct {
	Application string // application_name of the sessions
	// Handlers are by kind; without any the queue only takes jobs.
	Handlers map[string]host.JobHandler
	// Known are the kinds that other processes work on. Whichever process leads gives
	// all jobs whose worker has died to another; those of a kind that it has never
	// heard of it throws away.
	Known       []string
	Workers     int // jobs of one kind at once
	JobTimeout  time.Duration
	RescueAfter time.Duration // not shorter than JobTimeout
	MaxAttempts int
	// Retry is the wait after so many attempts; nil is the function Retry with its
	// jitter.
	Retry  func(attempts int) time.Duration
	Clock  interface{ Now() time.Time } // of Retry
	Logger *slog.Logger                 // nil is silence
}

// Queue is a host.Queue.
type Queue struct {
	pool        *pgxpool.Pool
	client      *river.Client[pgx.Tx]
	maxAttempts int
}

// errDSN hides the cause, which may show the password.
var errDSN = errors.New("the connection string of the queue's database cannot be read")

// Open is the queue of a database that has River's tables (Migrate), with a pool
// of its own. Connections are made when they are needed.
func Open(dsn string, o Options) (*Queue, error) {
	c, err := pgxpool.ParseConfig(dsn)
	if err != nil {
		return nil, errDSN
	}
	c.MaxConns = insertConnections
	if len(o.Handlers) > 0 {
		c.MaxConns = workConnections
	}
	c.ConnConfig.RuntimeParams["application_name"] = o.Application
	pool, err := pgxpool.NewWithConfig(context.Background(), c)
	if err != nil {
		return nil, fmt.Errorf("queue: %w", err)
	}
	config, err := o.config()
	if err != nil {
		pool.Close()
		return nil, err
	}
	client, err := river.NewClient(riverpgxv5.New(pool), config)
	if err != nil {
		pool.Close()
		return nil, fmt.Errorf("queue: %w", err)
	}
	return &Queue{pool: pool, client: client, maxAttempts: config.MaxAttempts}, nil
}

// config is the options in River's words.
func (o Options) config() (*river.Config, error) {
	c := &river.Config{
		JobTimeout:           or(o.JobTimeout, DefaultJobTimeout),
		RescueStuckJobsAfter: or(o.RescueAfter, DefaultRescueAfter),
		MaxAttempts:          or(o.MaxAttempts, DefaultMaxAttempts),
		FetchPollInterval:    DefaultPoll, FetchCooldown: DefaultFetchCooldown,
		Logger: or(o.Logger, slog.New(slog.DiscardHandler)),
		// A job may be left for a process of another kind.
		SkipUnknownJobCheck: true,
	}
	if o.Retry != nil {
		if o.Clock == nil {
			return nil, errors.New("queue: a wait of its own before another try needs a clock")
		}
		c.RetryPolicy = retry{o}
	}
	if len(o.Handlers) == 0 {
		return c, nil
	}
	c.Queues, c.Workers = map[string]river.QueueConfig{}, river.NewWorkers()
	all := map[string]host.JobHandler{}
	for _, kind := range o.Known {
		all[kind] = notOurs // never called: this process does not fetch from that kind's queue
	}
	for kind, h := range o.Handlers {
		all[kind] = h
		c.Queues[kind] = river.QueueConfig{MaxWorkers: or(o.Workers, DefaultWorkers)}
	}
	for kind, h := range all {
		river.AddWorkerArgs(c.Workers, job{kind: kind}, &worker{do: h})
	}
	return c, nil
}

func or[T comparable](v, zero T) T {
	if v == *new(T) {
		return zero
	}
	return v
}

func notOurs(context.Context, []byte) error {
	return errors.New("another process works on jobs of this kind")
}

// Enqueue leaves a job, in the transaction that ctx carries where there is one
// (pgkit.TxOf).
func (q *Queue) Enqueue(ctx context.Context, j host.Job) error {
	o := &river.InsertOpts{Queue: j.Kind, MaxAttempts: q.maxAttempts, UniqueOpts: river.UniqueOpts{ByArgs: j.Unique}}
	args := job{kind: j.Kind, args: j.Args}
	var err error
	if tx, ok := pgkit.TxOf(ctx); ok {
		_, err = q.client.InsertTx(ctx, tx, args, o)
	} else {
		_, err = q.client.Insert(ctx, args, o)
	}
	if err != nil {
		return fmt.Errorf("enqueue %s: %w", j.Kind, err)
	}
	return nil
}

// jobsByState counts the jobs of a kind.
var jobsByState = host.Statement{
	Name:  "jobs_by_state",
	SQL:   `SELECT state::text, count(*) FROM river_job WHERE kind = $1 GROUP BY state`,
	Table: "river_job", Lock: pglock.AccessShare,
}

// Statements are those that are not River's own.
func Statements() []host.Statement { return []host.Statement{jobsByState} }

// Counts says how many jobs of a kind there are.
func (q *Queue) Counts(ctx context.Context, kind string) (host.JobCounts, error) {
	var c host.JobCounts
	rows, err := q.pool.Query(ctx, jobsByState.SQL, kind)
	if err != nil {
		return c, fmt.Errorf("count %s jobs: %w", kind, err)
	}
	var state string
	var n int
	_, err = pgx.ForEachRow(rows, []any{&state, &n}, func() error {
		switch s := rivertype.JobState(state); {
		case slices.Contains(over, s):
			c.Failed += n
		case s == rivertype.JobStateCompleted:
			c.Done += n
		case s == rivertype.JobStateRunning:
			c.Running += n
		default:
			c.Waiting += n
		}
		return nil
	})
	if err != nil {
		return c, fmt.Errorf("count %s jobs: %w", kind, err)
	}
	return c, nil
}

// over are the states of a job that is not tried again.
var over = []rivertype.JobState{rivertype.JobStateDiscarded, rivertype.JobStateCancelled}

// Start begins to work on jobs until Close. It needs Handlers. ctx bounds the start alone.
func (q *Queue) Start(ctx context.Context) error {
	if err := q.pool.Ping(ctx); err != nil {
		return fmt.Errorf("queue: %w", err)
	}
	if err := q.client.Start(context.WithoutCancel(ctx)); err != nil {
		return fmt.Errorf("queue: %w", err)
	}
	return nil
}

// Close takes no more jobs, cancels those under way, which are tried again, and
// waits for them until ctx ends.
func (q *Queue) Close(ctx context.Context) error {
	err := q.client.StopAndCancel(ctx)
	if err == nil || ctx.Err() == nil {
		q.pool.Close()
		return err
	}
	return fmt.Errorf("queue: %w", err)
}

// job is any kind's args as River knows them.
type job struct {
	kind string
	args []byte
}

func (j job) Kind() string                  { return j.kind }
func (j job) MarshalJSON() ([]byte, error)  { return json.RawMessage(j.args).MarshalJSON() }
func (j *job) UnmarshalJSON(b []byte) error { j.args = append([]byte(nil), b...); return nil }

type worker struct {
	river.WorkerDefaults[job]
	do host.JobHandler
}

func (w *worker) Work(ctx context.Context, j *river.Job[job]) error { return w.do(ctx, j.Args.args) }

// retry is Options.Retry as River knows it.
type retry struct{ o Options }

func (r retry) NextRetry(j *rivertype.JobRow) time.Time {
	return r.o.Clock.Now().Add(r.o.Retry(j.Attempt))
}
