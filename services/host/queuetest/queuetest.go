// Package queuetest is the contract of host.Queue and of those who work on it, run
// on every queue that claims to be one.
package queuetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"tripcurve/services/host"
)

// Options are what a suite wants of a queue.
type Options struct {
	JobTimeout  time.Duration
	RescueAfter time.Duration
	MaxAttempts int
}

// World is one queue, with nothing in it and nobody who works on it.
type World struct {
	Queue host.Queue
	// Tx runs f in a transaction of the queue's database. f's error takes it back.
	Tx func(ctx context.Context, f func(ctx context.Context) error) error
	// Work starts a worker process. kill ends it as SIGKILL would: of what it does
	// from then on nobody learns.
	Work func(t *testing.T, handlers map[string]host.JobHandler) (kill func())
	// Hands is how many jobs at once such a process has in hand.
	Hands int
	// Do runs f as a process and returns when it has ended.
	Do func(f func(ctx context.Context))
	// Until lets time pass until f says true, at most for d, and says whether it did.
	Until func(d time.Duration, f func() bool) bool
	Clock host.Clock
	// Slack is by how much things may be later here than the contract has it: what a
	// busy machine takes.
	Slack time.Duration
}

// The contract's times: River's, as its documentation and its source have them.
const (
	poll   = 1100 * time.Millisecond // 1 s and a jitter of 10 %
	sweep  = 30 * time.Second        // how often jobs of dead workers are looked for
	lease  = 15 * time.Second        // a dead leader's
	elect  = 6 * time.Second         // how often the others try
	jitter = 0.1                     // of the wait before another try
	stored = 250 * time.Millisecond  // until the end of a job is written down
	cool   = 100 * time.Millisecond  // from one fetch to the next, of one worker process
)

// retry is the shortest and the longest wait after so many failures.
func retry(failures int) (from, to time.Duration) {
	d := float64(time.Second) * float64(failures*failures*failures*failures)
	return time.Duration(d * (1 - jitter)), time.Duration(d * (1 + jitter))
}

// Run checks the contract.
func Run(t *testing.T, open func(t *testing.T, o Options) World) {
	tests := map[string]func(*testing.T, func(Options) *suite){
		"a job commits or vanishes with its transaction":           commits,
		"a job outside of a transaction is there at once":          atOnce,
		"a job that fails is tried again after attempt^4 s":        triedAgain,
		"a job is given up after its last try":                     givenUp,
		"a job that takes too long is told, and tried again":       timesOut,
		"a unique job is left once":                                unique,
		"each of many jobs is done by one of two workers":          shared,
		"a job whose worker dies in the middle is done by another": survives,
		"a job is left alone by workers of other kinds":            kinds,
		"a backlog drains as fast as the cooldown of fetches lets": drains,
	}
	for _, name := range slices.Sorted(keys(tests)) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tests[name](t, func(o Options) *suite { return &suite{t: t, World: open(t, o)} })
		})
	}
}

func keys[V any](m map[string]V) func(func(string) bool) {
	return func(yield func(string) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

// suite is a world under test.
type suite struct {
	t *testing.T
	World
	mu   sync.Mutex
	runs []call
}

// call is one run of a handler.
type call struct {
	args string
	at   time.Time
}

const kind = "parcel"

func (s *suite) job(n int) host.Job {
	return host.Job{Kind: kind, Args: fmt.Appendf(nil, `{"n":%d}`, n)}
}

// note is a handler that writes down its call and then does do.
func (s *suite) note(do func(ctx context.Context, n int) error) map[string]host.JobHandler {
	return map[string]host.JobHandler{kind: func(ctx context.Context, args []byte) error {
		s.mu.Lock()
		s.runs = append(s.runs, call{string(args), s.Clock.Now()})
		n := 0
		for _, r := range s.runs {
			if r.args == string(args) {
				n++
			}
		}
		s.mu.Unlock()
		if do == nil {
			return nil
		}
		return do(ctx, n)
	}}
}

// calls of the handler with these args; of every one when args is empty.
func (s *suite) calls(args string) (all []call) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range s.runs {
		// A database may store JSON in another spelling.
		if args == "" || spelled(r.args) == spelled(args) {
			all = append(all, r)
		}
	}
	return all
}

func spelled(args string) string {
	return string(slices.DeleteFunc([]byte(args), func(b byte) bool { return b == ' ' }))
}

func (s *suite) enqueue(j host.Job) {
	s.t.Helper()
	s.Do(func(ctx context.Context) {
		if err := s.Queue.Enqueue(ctx, j); err != nil {
			s.t.Errorf("enqueue %s: %v", j.Args, err)
		}
	})
}

// reach waits for so many calls.
func (s *suite) reach(n int, args string, within time.Duration) []call {
	s.t.Helper()
	if !s.Until(within+s.Slack, func() bool { return len(s.calls(args)) >= n }) {
		s.t.Fatalf("%d calls of %s within %v, want %d", len(s.calls(args)), args, within+s.Slack, n)
	}
	return s.calls(args)
}

// settled waits until the counts are as wanted.
func (s *suite) settled(want host.JobCounts, within time.Duration) {
	s.t.Helper()
	var got host.JobCounts
	if !s.Until(within+s.Slack, func() bool {
		s.Do(func(ctx context.Context) {
			var err error
			if got, err = s.Queue.Counts(ctx, kind); err != nil {
				s.t.Errorf("counts: %v", err)
			}
		})
		return got == want
	}) {
		s.t.Errorf("counts %+v, want %+v", got, want)
	}
}

// pass lets time pass.
func (s *suite) pass(d time.Duration) { s.Until(d, func() bool { return false }) }

// between checks a time that has passed.
func (s *suite) between(what string, from, to time.Time, least, most time.Duration) {
	s.t.Helper()
	if d := to.Sub(from); d < least || d > most+s.Slack {
		s.t.Errorf("%s after %v, want %v to %v", what, d, least, most+s.Slack)
	}
}

var errNo = errors.New("no")

func commits(t *testing.T, open func(Options) *suite) {
	s := open(Options{})
	s.Work(t, s.note(nil))
	var committed time.Time
	s.Do(func(ctx context.Context) {
		err := s.Tx(ctx, func(ctx context.Context) error {
			err := errors.Join(s.Queue.Enqueue(ctx, s.job(1)), s.Clock.Sleep(ctx, 2*poll))
			committed = s.Clock.Now()
			return err
		})
		if err != nil {
			t.Error(err)
		}
	})
	if got := s.reach(1, `{"n":1}`, poll); got[0].at.Before(committed) {
		t.Errorf("the job was done %v before its transaction committed", committed.Sub(got[0].at))
	}
	s.Do(func(ctx context.Context) {
		err := s.Tx(ctx, func(ctx context.Context) error {
			return errors.Join(s.Queue.Enqueue(ctx, s.job(2)), errNo)
		})
		if !errors.Is(err, errNo) {
			t.Errorf("error %v, want %v", err, errNo)
		}
	})
	s.pass(3 * poll)
	if n := len(s.calls(`{"n":2}`)); n != 0 {
		t.Errorf("the job of a transaction that was taken back was done %d times", n)
	}
	s.settled(host.JobCounts{Done: 1}, stored)
}

func atOnce(t *testing.T, open func(Options) *suite) {
	s := open(Options{})
	s.enqueue(s.job(1))
	s.settled(host.JobCounts{Waiting: 1}, 0)
	s.Work(t, s.note(nil))
	s.reach(1, "", poll)
	at := s.Clock.Now()
	s.enqueue(s.job(2))
	got := s.reach(1, `{"n":2}`, poll)
	s.between("a job was done", at, got[0].at, 0, poll)
	s.settled(host.JobCounts{Done: 2}, stored)
}

func triedAgain(t *testing.T, open func(Options) *suite) {
	s := open(Options{})
	s.Work(t, s.note(func(_ context.Context, n int) error {
		if n < 4 && n < s.tries() {
			return errNo
		}
		return nil
	}))
	s.enqueue(s.job(1))
	tries := s.tries()
	_, last := retry(tries - 1)
	got := s.reach(tries, "", 2*last+time.Duration(tries)*poll)
	for i := 1; i < tries; i++ {
		from, to := retry(i)
		s.between(fmt.Sprintf("try %d", i+1), got[i-1].at, got[i].at, from, to+poll)
	}
	s.settled(host.JobCounts{Done: 1}, stored)
}

// tries is how many tries are looked at: three take 17 s, four take 98 s.
func (s *suite) tries() int {
	if s.Slack == 0 {
		return 4
	}
	return 3
}

func givenUp(t *testing.T, open func(Options) *suite) {
	s := open(Options{MaxAttempts: 2})
	s.Work(t, s.note(func(context.Context, int) error { return errNo }))
	s.enqueue(s.job(1))
	s.reach(2, "", 3*poll)
	s.settled(host.JobCounts{Failed: 1}, stored)
	s.pass(3 * poll)
	if n := len(s.calls("")); n != 2 {
		t.Errorf("%d tries, want 2", n)
	}
}

func timesOut(t *testing.T, open func(Options) *suite) {
	const limit = 2 * time.Second
	s := open(Options{JobTimeout: limit, RescueAfter: time.Hour})
	var ended time.Time
	var why error
	s.Work(t, s.note(func(ctx context.Context, n int) error {
		if n > 1 {
			return nil
		}
		err := s.Clock.Sleep(ctx, time.Minute)
		s.mu.Lock()
		defer s.mu.Unlock()
		ended, why = s.Clock.Now(), err
		return err
	}))
	s.enqueue(s.job(1))
	_, wait := retry(1)
	got := s.reach(2, "", poll+limit+wait+poll)
	s.mu.Lock()
	defer s.mu.Unlock()
	if !errors.Is(why, context.DeadlineExceeded) {
		t.Errorf("the handler's context ended with %v", why)
	}
	s.between("the job's end", got[0].at, ended, limit-50*time.Millisecond, limit)
}

func unique(t *testing.T, open func(Options) *suite) {
	s := open(Options{})
	one := s.job(1)
	one.Unique = true
	other := s.job(2)
	other.Unique = true
	s.enqueue(one)
	s.enqueue(one)
	s.enqueue(other)
	s.settled(host.JobCounts{Waiting: 2}, 0)
	s.Work(t, s.note(func(ctx context.Context, _ int) error { return s.Queue.Enqueue(ctx, one) })) // while it runs
	s.reach(2, "", poll)
	s.settled(host.JobCounts{Done: 2}, poll)
	s.enqueue(one) // when it is done
	s.pass(2 * poll)
	if n := len(s.calls("")); n != 2 {
		t.Errorf("%d calls, want one of each: %v", n, s.calls(""))
	}
	again := s.job(1)
	s.enqueue(again) // which does not ask for it
	s.reach(2, `{"n":1}`, poll)
}

func shared(t *testing.T, open func(Options) *suite) {
	const jobs = 60
	s := open(Options{})
	s.Do(func(ctx context.Context) {
		for n := range jobs {
			if err := s.Queue.Enqueue(ctx, s.job(n)); err != nil {
				t.Error(err)
			}
		}
	})
	var mu sync.Mutex
	by := map[string]int{}
	for _, name := range []string{"a", "b"} {
		s.Work(t, s.note(func(ctx context.Context, _ int) error {
			mu.Lock()
			by[name]++
			mu.Unlock()
			return s.Clock.Sleep(ctx, 50*time.Millisecond)
		}))
	}
	s.settled(host.JobCounts{Done: jobs}, 10*poll)
	for n := range jobs {
		if got := len(s.calls(fmt.Sprintf(`{"n":%d}`, n))); got != 1 {
			t.Errorf("job %d was done %d times", n, got)
		}
	}
	mu.Lock()
	defer mu.Unlock()
	if by["a"]+by["b"] != jobs || by["a"] == 0 || by["b"] == 0 {
		t.Errorf("done by %v", by)
	}
}

func survives(t *testing.T, open func(Options) *suite) {
	o := Options{JobTimeout: time.Second, RescueAfter: 2 * time.Second}
	s := open(o)
	kill := s.Work(t, s.note(func(ctx context.Context, _ int) error {
		_ = s.Clock.Sleep(ctx, time.Hour)
		return errNo // too late: it is dead
	}))
	s.enqueue(s.job(1))
	first := s.reach(1, "", poll)
	kill()
	died := s.Clock.Now()
	s.settled(host.JobCounts{Running: 1}, 0)
	s.Work(t, s.note(nil))
	_, wait := retry(1)
	most := lease + elect + time.Second + sweep + o.RescueAfter + wait + poll
	got := s.reach(2, "", most)
	s.between("done by another", died, got[1].at, 0, most)
	s.between("done by another", first[0].at, got[1].at, o.RescueAfter, most+poll)
	s.settled(host.JobCounts{Done: 1}, stored)
}

func kinds(t *testing.T, open func(Options) *suite) {
	s := open(Options{})
	s.Work(t, map[string]host.JobHandler{"letter": func(context.Context, []byte) error {
		t.Error("a job of another kind was done")
		return nil
	}})
	s.enqueue(s.job(1))
	s.pass(2 * poll)
	s.settled(host.JobCounts{Waiting: 1}, 0)
	s.Work(t, s.note(nil))
	s.reach(1, "", poll)
}

func drains(t *testing.T, open func(Options) *suite) {
	const rounds = 40
	s := open(Options{})
	s.Do(func(ctx context.Context) {
		for n := range rounds * s.Hands {
			if err := s.Queue.Enqueue(ctx, s.job(n)); err != nil {
				t.Error(err)
			}
		}
	})
	s.Work(t, s.note(nil))
	got := s.reach(rounds*s.Hands, "", rounds*cool*13/10)
	s.between("the last job", got[0].at, got[len(got)-1].at, (rounds-1)*cool*9/10, rounds*cool*13/10)
}
