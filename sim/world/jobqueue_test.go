package world

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tripcurve/services/host"
	"tripcurve/services/host/queuetest"
	"tripcurve/services/riverqueue"
	"tripcurve/sim"
	"tripcurve/sim/vtime"
)

const hands = 4

func TestJobQueueKeepsItsContract(t *testing.T) {
	queuetest.Run(t, func(t *testing.T, o queuetest.Options) queuetest.World {
		w := newWorld(t)
		q := w.NewJobQueue(JobQueueOptions{
			Statement: sim.Dist{Shape: sim.Exponential, A: time.Millisecond}, Workers: hands, JobTimeout: o.JobTimeout, RescueAfter: o.RescueAfter, MaxAttempts: o.MaxAttempts,
		})
		shop, err := w.AddService("shop", nil)
		if err != nil {
			t.Fatal(err)
		}
		pass := func(d time.Duration) {
			if err := w.K.Run(context.Background(), w.K.Now()+vtime.Time(d)); err != nil {
				t.Fatal(err)
			}
		}
		return queuetest.World{
			Queue: q, Hands: hands, Tx: q.inTx, Clock: shop.Clock(),
			Do: func(f func(context.Context)) { // no longer than it takes
				ended := false
				w.K.Start(nil, vtime.Func(func() {
					f(vtime.Detached(context.Background()))
					ended = true
				}))
				for !ended {
					pass(time.Millisecond)
				}
			},
			Work: func(t *testing.T, handlers map[string]host.JobHandler) func() {
				s, err := w.AddService("worker", nil)
				if err != nil {
					t.Fatal(err)
				}
				return q.Work(s, handlers).Kill
			},
			Until: func(d time.Duration, f func() bool) bool {
				for until := w.K.Now() + vtime.Time(d); !f(); {
					if w.K.Now() >= until {
						return false
					}
					pass(10 * time.Millisecond)
				}
				return true
			},
		}
	})
}

// A job that fails ten times, to the second: River's waits, each with a tenth more
// or less, and the poll that finds it.
func TestJobQueueWaits(t *testing.T) {
	run := func(seed uint64) (at []time.Duration) {
		w := New(Config{Seed: seed, Start: began})
		defer w.Close()
		q := w.NewJobQueue(JobQueueOptions{Statement: sim.Dist{Shape: sim.Exponential, A: time.Millisecond}})
		s, err := w.AddService("worker", nil)
		if err != nil {
			t.Fatal(err)
		}
		q.Work(s, map[string]host.JobHandler{"parcel": func(context.Context, []byte) error {
			at = append(at, time.Duration(w.K.Now()))
			return errors.New("no")
		}})
		do(w, func(ctx context.Context) { err = q.Enqueue(ctx, host.Job{Kind: "parcel", Args: []byte(`{}`)}) })
		if err != nil {
			t.Fatal(err)
		}
		if err := w.K.Run(context.Background(), vtime.Time(8*time.Hour)); err != nil {
			t.Fatal(err)
		}
		return at
	}
	at := run(1)
	if len(at) < 10 {
		t.Fatalf("%d tries in 8 h", len(at))
	}
	for i := 1; i < 10; i++ {
		wait := riverqueue.Retry(i)
		least, most := wait-wait/10, wait+wait/10+riverqueue.DefaultPoll*11/10+10*time.Millisecond
		if d := at[i] - at[i-1]; d < least || d > most {
			t.Errorf("try %d came %v after the one before, want %v to %v", i+1, d, least, most)
		}
	}
	if diff := cmp.Diff(at, run(1)); diff != "" {
		t.Errorf("the same seed again (-first +second):\n%s", diff)
	}
	if cmp.Equal(at, run(2)) {
		t.Error("another seed gives the same times")
	}
}

// A backlog drains as fast as fetch cooldown and hands allow: with jobs that take
// no time, Workers of them every 100 ms.
func TestJobQueueDrains(t *testing.T) {
	for _, c := range []struct {
		workers   int
		takes     time.Duration
		perSecond float64
		processes int
	}{
		{10, 0, 100, 1},
		{10, 500 * time.Millisecond, 20, 1},
		{10, 500 * time.Millisecond, 40, 2},
	} {
		t.Run(fmt.Sprintf("%d x %d jobs of %s", c.processes, c.workers, c.takes), func(t *testing.T) {
			const jobs = 600
			w := newWorld(t)
			q := w.NewJobQueue(JobQueueOptions{Statement: sim.Dist{Shape: sim.Exponential, A: 100 * time.Microsecond}, Workers: c.workers})
			do(w, func(ctx context.Context) {
				for n := range jobs {
					if err := q.Enqueue(ctx, host.Job{Kind: "parcel", Args: fmt.Appendf(nil, `{"n":%d}`, n)}); err != nil {
						t.Error(err)
					}
				}
			})
			from := w.K.Now()
			var last vtime.Time
			for range c.processes {
				s, err := w.AddService("worker", nil)
				if err != nil {
					t.Fatal(err)
				}
				q.Work(s, map[string]host.JobHandler{"parcel": func(ctx context.Context, _ []byte) error {
					last = w.K.Now()
					return s.Clock().Sleep(ctx, c.takes)
				}})
			}
			if err := w.K.Run(context.Background(), from+vtime.Time(2*time.Minute)); err != nil {
				t.Fatal(err)
			}
			if got := q.Count("parcel"); got != (host.JobCounts{Done: jobs}) {
				t.Fatalf("counts %+v", got)
			}
			took, want := time.Duration(last-from).Seconds(), jobs/c.perSecond
			if took < 0.8*want || took > 1.3*want {
				t.Errorf("drained in %.1f s, want about %.1f s", took, want)
			}
		})
	}
}
