// Package riverqueue is the pipeline's queue on River, in the order database: a
// job that is enqueued in a transaction commits with it.
package riverqueue

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivermigrate"
	"github.com/riverqueue/river/rivertype"

	"tripcurve/services/pgkit"
)

// Handler does one job. It may be called more than once for the same job.
type Handler func(ctx context.Context, args []byte) error

// Options are what a Queue is made of. Every zero is River's own default.
type Options struct {
	Handlers map[string]Handler // by kind; without any the queue only takes jobs
	Workers  int                // jobs at once; at least 1 with Handlers
	// JobTimeout ends a job's context: 1 min.
	JobTimeout time.Duration
	// RescueAfter is when a job whose worker died is given to another: 1 h after
	// JobTimeout. It is not shorter than JobTimeout.
	RescueAfter time.Duration
	// Retry is the wait after so many attempts: attempt^4 s, 10 % more or less.
	Retry  func(attempt int) time.Duration
	Clock  interface{ Now() time.Time } // of Retry
	Logger *slog.Logger                 // nil is silence
}

// Queue is a host.Queue.
type Queue struct{ client *river.Client[pgx.Tx] }

// Migrate makes River's tables, or brings them up to date.
func Migrate(ctx context.Context, db *pgkit.DB) error {
	m, err := rivermigrate.New(riverpgxv5.New(db.Pool()), &rivermigrate.Config{Logger: slog.New(slog.DiscardHandler)})
	if err == nil {
		_, err = m.Migrate(ctx, rivermigrate.DirectionUp, nil)
	}
	if err != nil {
		return fmt.Errorf("migrate the queue: %w", err)
	}
	return nil
}

// New is the queue of a database that has River's tables.
func New(db *pgkit.DB, o Options) (*Queue, error) {
	c := &river.Config{JobTimeout: o.JobTimeout, RescueStuckJobsAfter: o.RescueAfter, Logger: o.Logger}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Retry != nil {
		if o.Clock == nil {
			return nil, errors.New("queue: a retry of its own needs a clock")
		}
		c.RetryPolicy = retry{o}
	}
	if len(o.Handlers) > 0 {
		c.Queues = map[string]river.QueueConfig{river.QueueDefault: {MaxWorkers: o.Workers}}
		c.Workers = river.NewWorkers()
		// Other processes may work other kinds.
		c.SkipUnknownJobCheck, c.FetchOnlyKnownKinds = true, true
		for kind, h := range o.Handlers {
			river.AddWorkerArgs(c.Workers, job{kind: kind}, &worker{do: h})
		}
	}
	client, err := river.NewClient(riverpgxv5.New(db.Pool()), c)
	if err != nil {
		return nil, fmt.Errorf("queue: %w", err)
	}
	return &Queue{client}, nil
}

// Enqueue leaves a job, in the transaction that ctx carries where there is one.
// args is a JSON object. A job of the same kind and args that is there already,
// done or not, is not left again until River forgets it, a day after its end.
func (q *Queue) Enqueue(ctx context.Context, kind string, args []byte) error {
	var err error
	j, o := job{kind: kind, args: args}, &river.InsertOpts{UniqueOpts: river.UniqueOpts{ByArgs: true}}
	if tx, ok := pgkit.TxOf(ctx); ok {
		_, err = q.client.InsertTx(ctx, tx, j, o)
	} else {
		_, err = q.client.Insert(ctx, j, o)
	}
	if err != nil {
		return fmt.Errorf("enqueue %s: %w", kind, err)
	}
	return nil
}

// Start begins to work; the end of ctx is a Stop that is not waited for.
func (q *Queue) Start(ctx context.Context) error { return q.client.Start(ctx) }

// Stop takes no more jobs and waits for those under way, until ctx ends.
func (q *Queue) Stop(ctx context.Context) error { return q.client.Stop(ctx) }

// Abort cancels the jobs under way and waits for them, until ctx ends. They are
// tried again.
func (q *Queue) Abort(ctx context.Context) error { return q.client.StopAndCancel(ctx) }

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
	do Handler
}

func (w *worker) Work(ctx context.Context, j *river.Job[job]) error { return w.do(ctx, j.Args.args) }

// retry is Options.Retry as River knows it.
type retry struct{ o Options }

func (r retry) NextRetry(j *rivertype.JobRow) time.Time {
	return r.o.Clock.Now().Add(r.o.Retry(j.Attempt))
}
