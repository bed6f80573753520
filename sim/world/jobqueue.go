package world

import (
	"cmp"
	"context"
	"slices"
	"time"

	"tripcurve/services/host"
	"tripcurve/services/riverqueue"
	"tripcurve/sim"
	"tripcurve/sim/vtime"
)

// JobQueueOptions are what a JobQueue is made of. A zero is what riverqueue's Options
// have there.
type JobQueueOptions struct {
	Statement   sim.Dist // time of one statement
	Workers     int      // jobs of one kind at once, per process
	JobTimeout  time.Duration
	RescueAfter time.Duration
	MaxAttempts int
	Expect      int // so many jobs: what is remembered of them is made that large
}

// JobQueue is the job queue in the order database, a host.Queue with River's
// waits: a job is fetched when its commit is told, or at the next poll; one that
// has failed waits attempt^4 s; one whose worker has died is found by whoever
// leads by then.
type JobQueue struct {
	backend
	o      JobQueueOptions
	draws  *Stream
	n      uint64
	ready  []*queued // by the time at which they are due, then in the order of their coming
	later  []*queued // to be tried again, until the leader's scheduler sees that it is near
	busy   []*queued // fetched, and their end not written down
	unique map[string]*queued
	counts map[string]*host.JobCounts

	workers []*QueueWorker // that live
	leader  *QueueWorker
	lease   vtime.Time // of a leader that has died
}

// queued is one job.
type queued struct {
	host.Job
	n       uint64
	due     vtime.Time
	tries   int
	errors  int
	began   vtime.Time // the last try
	running bool
	done    bool
	ended   vtime.Time // when done
}

// NewJobQueue is an empty queue that nobody works on.
func (w *World) NewJobQueue(o JobQueueOptions) *JobQueue {
	o.Workers = cmp.Or(o.Workers, riverqueue.DefaultWorkers)
	o.JobTimeout = cmp.Or(o.JobTimeout, riverqueue.DefaultJobTimeout)
	o.RescueAfter = cmp.Or(o.RescueAfter, riverqueue.DefaultRescueAfter)
	o.MaxAttempts = cmp.Or(o.MaxAttempts, riverqueue.DefaultMaxAttempts)
	return &JobQueue{
		backend: backend{k: w.K, time: o.Statement, times: w.Stream("statements of the job queue")},
		o:       o, draws: w.Stream("job queue"),
		unique: make(map[string]*queued, o.Expect), counts: make(map[string]*host.JobCounts),
	}
}

// Enqueue leaves a job, when the transaction that ctx carries commits; at once
// where there is none.
func (q *JobQueue) Enqueue(ctx context.Context, j host.Job) error {
	if err := q.query(ctx); err != nil {
		return err
	}
	insert := func() { q.insert(j) }
	if c, ok := ctx.Value(commitKey{}).(*commit); ok {
		c.then = append(c.then, insert)
	} else {
		insert()
	}
	return nil
}

// keep is how long a job that is done stands in the way of another like it.
const keep = vtime.Time(24 * time.Hour)

func (q *JobQueue) insert(j host.Job) {
	id := j.Kind + "\x00" + string(j.Args)
	if j.Unique {
		if u := q.unique[id]; u != nil && (!u.done || q.k.Now() < u.ended+keep) {
			return
		}
	}
	q.n++
	v := &queued{Job: j, n: q.n, due: q.k.Now()}
	if j.Unique {
		q.unique[id] = v
	}
	q.of(j.Kind).Waiting++
	q.wait(v)
	q.notify(j.Kind)
}

// of is the counts of a kind.
func (q *JobQueue) of(kind string) *host.JobCounts {
	c := q.counts[kind]
	if c == nil {
		c = &host.JobCounts{}
		q.counts[kind] = c
	}
	return c
}

// Counts says how many jobs of a kind there are.
func (q *JobQueue) Counts(ctx context.Context, kind string) (host.JobCounts, error) {
	if err := q.query(ctx); err != nil {
		return host.JobCounts{}, err
	}
	return q.Count(kind), nil
}

// Count is Counts for whoever looks on.
func (q *JobQueue) Count(kind string) host.JobCounts { return *q.of(kind) }

// wait makes a job available.
func (q *JobQueue) wait(v *queued) {
	at, _ := slices.BinarySearchFunc(q.ready, v, func(a, b *queued) int {
		return cmp.Or(cmp.Compare(a.due, b.due), cmp.Compare(a.n, b.n))
	})
	q.ready = slices.Insert(q.ready, at, v)
}

// notify tells the workers that there is something to fetch.
func (q *JobQueue) notify(kind string) {
	for _, w := range q.workers {
		if p := w.producer(kind); p != nil {
			p.call()
		}
	}
}

// take marks at most limit due jobs of a kind as running.
func (q *JobQueue) take(kind string, limit int) (taken []*queued) {
	now := q.k.Now()
	q.ready = slices.DeleteFunc(q.ready, func(v *queued) bool {
		if len(taken) == limit || v.Kind != kind || v.due > now {
			return false
		}
		taken = append(taken, v)
		return true
	})
	for _, v := range taken {
		v.tries++
		v.began, v.running = now, true
		q.busy = append(q.busy, v)
		q.of(kind).Waiting--
		q.of(kind).Running++
	}
	return taken
}

// dueOf says whether a job of a kind is due.
func (q *JobQueue) dueOf(kind string) bool {
	for _, v := range q.ready {
		if v.due > q.k.Now() {
			return false
		}
		if v.Kind == kind {
			return true
		}
	}
	return false
}

// over ends a try: running it is not any more.
func (q *JobQueue) over(v *queued) {
	v.running = false
	q.busy = slices.DeleteFunc(q.busy, func(o *queued) bool { return o == v })
	q.of(v.Kind).Running--
}

// failed is a try that failed at an instant. A job that is to be tried again soon
// is available at once, unless its worker died.
func (q *JobQueue) failed(v *queued, at vtime.Time, died bool) {
	q.over(v)
	v.errors++
	if v.tries >= q.o.MaxAttempts {
		q.of(v.Kind).Failed++
		delete(q.unique, v.Kind+"\x00"+string(v.Args))
		return
	}
	q.of(v.Kind).Waiting++
	wait := float64(riverqueue.Retry(v.errors)) * (1 + riverqueue.Jitter*(2*q.draws.Float()-1))
	v.due = at + vtime.Time(wait)
	if !died && time.Duration(v.due-q.k.Now()) <= riverqueue.SchedulerInterval {
		q.wait(v)
		return
	}
	q.later = append(q.later, v)
}

// schedule is a round of the leader's scheduler.
func (q *JobQueue) schedule() {
	horizon := q.k.Now() + vtime.Time(riverqueue.SchedulerInterval)
	var due []string
	q.later = slices.DeleteFunc(q.later, func(v *queued) bool {
		if v.due > horizon {
			return false
		}
		q.wait(v)
		if v.due <= q.k.Now() && !slices.Contains(due, v.Kind) {
			due = append(due, v.Kind)
		}
		return true
	})
	for _, kind := range due {
		q.notify(kind)
	}
}

// rescue is a round of the leader's rescuer.
func (q *JobQueue) rescue() {
	for _, v := range slices.Clone(q.busy) {
		if time.Duration(q.k.Now()-v.began) > max(q.o.RescueAfter, q.o.JobTimeout) {
			q.failed(v, q.k.Now(), true)
		}
	}
}

// commit is a transaction of the order database: what is to happen when it
// commits.
type commit struct{ then []func() }

type commitKey struct{}

// inTx runs f in a transaction of the database, which commits when f succeeds.
func (b *backend) inTx(ctx context.Context, f func(context.Context) error) error {
	c := &commit{}
	if err := f(context.WithValue(ctx, commitKey{}, c)); err != nil {
		return err
	}
	if err := b.query(ctx); err != nil {
		return err
	}
	for _, then := range c.then {
		then()
	}
	return nil
}
