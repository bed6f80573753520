package world

import (
	"maps"
	"slices"
	"time"

	"tripcurve/services/host"
	"tripcurve/services/riverqueue"
	"tripcurve/sim/vtime"
)

// QueueWorker is a service's process as the queue sees it: it fetches jobs, does
// them, writes down their end, and may lead.
type QueueWorker struct {
	q         *JobQueue
	s         *Service
	producers []*producer
	began     vtime.Time
	elected   vtime.Time
	dead      bool
}

// Work lets a service work on the jobs that it has handlers for. A service that
// is restarted calls it again: its process before has died.
func (q *JobQueue) Work(s *Service, handlers map[string]host.JobHandler) *QueueWorker {
	for _, w := range q.workers {
		if w.s == s {
			w.die()
			break
		}
	}
	w := &QueueWorker{q: q, s: s, began: q.k.Now()}
	for _, kind := range slices.Sorted(maps.Keys(handlers)) {
		w.producers = append(w.producers, &producer{w: w, kind: kind, do: handlers[kind]})
	}
	q.workers = append(q.workers, w)
	for _, p := range w.producers {
		p.call()
		p.poll()
	}
	w.elect()
	return w
}

// Kill ends the service's processes. What they had in hand stays in the queue as
// running.
func (w *QueueWorker) Kill() {
	w.die()
	w.s.group.Kill()
}

// die is the queue's side of a death: nobody hears of it, and a leader's lease
// runs on from when it was last renewed.
func (w *QueueWorker) die() {
	w.dead = true
	q := w.q
	q.workers = slices.DeleteFunc(q.workers, func(o *QueueWorker) bool { return o == w })
	if q.leader == w {
		every := vtime.Time(riverqueue.ElectInterval)
		q.leader = nil
		q.lease = w.elected + (q.k.Now()-w.elected)/every*every + vtime.Time(riverqueue.LeaderTTL)
	}
}

// after runs f after d, if the process still lives then.
func (w *QueueWorker) after(d time.Duration, f func()) {
	w.q.k.After(d, vtime.Func(func() {
		if !w.dead {
			f()
		}
	}))
}

// second is a random part of one.
func (w *QueueWorker) second() time.Duration {
	return time.Duration(w.q.draws.Float() * float64(time.Second))
}

// elect tries to become the leader, and goes on trying.
func (w *QueueWorker) elect() {
	q := w.q
	if q.leader != nil || q.k.Now() < q.lease {
		w.after(riverqueue.ElectInterval+w.second(), w.elect)
		return
	}
	q.leader, w.elected = w, q.k.Now()
	w.every(riverqueue.SchedulerInterval, q.schedule)
	w.every(riverqueue.RescuerInterval, q.rescue)
}

// every is a round of the leader's, the first one within a second.
func (w *QueueWorker) every(d time.Duration, round func()) {
	var next func()
	next = func() {
		round()
		w.after(d, next)
	}
	w.after(w.second(), next)
}

// producer fetches the jobs of one kind.
type producer struct {
	w    *QueueWorker
	kind string
	do   host.JobHandler

	active   int  // jobs in hand
	cooling  bool // the last fetch was less than the cooldown ago
	again    bool // a fetch is due when it is over
	missed   bool // a fetch found no free hand, or took as much as it could
	fetching bool
}

// What a producer waits for, without a function made for every wait: each is an event
// of its own.
type (
	polling  producer
	cooling  producer
	fetching producer
)

func (w *QueueWorker) producer(kind string) *producer {
	for _, p := range w.producers {
		if p.kind == kind {
			return p
		}
	}
	return nil
}

// poll asks for a fetch every second, and up to a tenth more.
func (p *producer) poll() {
	d := riverqueue.DefaultPoll
	p.w.q.k.After(d+time.Duration(p.w.q.draws.Float()*float64(d/10)), (*polling)(p))
}

// Run asks for a fetch, and for the next one.
func (f *polling) Run() {
	if p := (*producer)(f); !p.w.dead {
		p.call()
		p.poll()
	}
}

// call asks for a fetch: now, or when the cooldown is over.
func (p *producer) call() {
	if p.cooling {
		p.again = true
		return
	}
	p.cooling = true
	p.w.q.k.After(riverqueue.DefaultFetchCooldown, (*cooling)(p))
	p.fetch()
}

// Run is the end of the cooldown.
func (f *cooling) Run() {
	p := (*producer)(f)
	if p.w.dead {
		return
	}
	p.cooling = false
	if p.again {
		p.again = false
		p.call()
	}
}

// fetch takes what is due, if anything is.
func (p *producer) fetch() {
	if p.active >= p.w.q.o.Workers {
		p.missed = true
		return
	}
	if p.fetching {
		p.again = true
		return
	}
	if !p.w.q.dueOf(p.kind) {
		return
	}
	p.fetching = true
	p.w.q.k.Start(&p.w.s.group, (*fetching)(p))
}

// Run is the process of one fetch.
func (f *fetching) Run() {
	p := (*producer)(f)
	q := p.w.q
	var ctx vtime.Loose
	ctx.SetTag(vtime.Mix(q.n<<20 + uint64(q.k.Now())))
	err := q.query(&ctx)
	p.fetching = false
	if err != nil {
		return
	}
	limit := q.o.Workers - p.active
	jobs := q.take(p.kind, limit)
	p.active += len(jobs)
	p.missed = p.missed || len(jobs) == limit
	for _, v := range jobs {
		q.k.Start(&p.w.s.group, vtime.Func(func() { p.run(v) }))
	}
}

// run is the process of one try.
func (p *producer) run(v *queued) {
	q := p.w.q
	var ctx vtime.Context
	q.k.Root(&ctx, vtime.Mix(vtime.Mix(v.n)+uint64(v.tries)))
	ctx.SetDeadline(q.k.Now() + vtime.Time(q.o.JobTimeout))
	try := v.tries
	err := p.do(&ctx, v.Args)
	ctx.Cancel()
	p.active--
	if p.missed {
		p.missed = false
		p.call()
	}
	at := q.k.Now()
	p.w.after(p.w.untilStored(), func() {
		switch {
		case !v.running || v.tries != try: // it was given to another
		case err != nil:
			q.failed(v, at, false)
		default:
			q.over(v)
			v.done, v.ended = true, q.k.Now()
			q.of(v.Kind).Done++
		}
	})
}

// untilStored is how long it takes until the ends of jobs are written down again.
func (w *QueueWorker) untilStored() time.Duration {
	every := riverqueue.CompleteEvery
	return every - time.Duration(w.q.k.Now()-w.began)%every
}
