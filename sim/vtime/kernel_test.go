package vtime

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var began = time.Date(2026, 1, 15, 14, 18, 0, 0, time.UTC)

func run(t *testing.T, k *Kernel, d time.Duration) {
	t.Helper()
	if err := k.Run(context.Background(), k.Now()+Time(d)); err != nil {
		t.Fatal(err)
	}
}

// Simultaneous events run in the order they were scheduled, whichever queue
// they sit in.
func TestOrderOfSimultaneousEvents(t *testing.T) {
	k := New(began)
	defer k.Close()
	var got []string
	say := func(s string) Runner { return Func(func() { got = append(got, s) }) }
	k.After(2, say("heap a"))
	k.Lane(2).After(say("lane b"))
	k.StartAfter(2, nil, Func(func() {
		k.Soon(say("soon f"))
		k.Sleep(nil, 0)
		got = append(got, "process g")
	}))
	k.Lane(2).After(say("lane d"))
	k.After(2, say("heap e"))
	k.After(1, say("first"))
	run(t, k, 10)
	want := []string{"first", "heap a", "lane b", "lane d", "heap e", "soon f", "process g"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if k.Now() != 10 {
		t.Errorf("the run ended at %d, not at its limit", k.Now())
	}
}

// Random timers, some stopped, fire in the order of a sorted list, in lanes and
// in the heap alike.
func TestTimersAgainstAModel(t *testing.T) {
	for seed := range uint64(200) {
		rng := rand.New(rand.NewPCG(seed, 1))
		k := New(began)
		type want struct {
			at Time
			n  int
		}
		var timers []Timer
		var wants []want
		var got []int
		stopped := map[int]bool{}
		set := func() {
			n := len(wants)
			d := time.Duration(rng.IntN(5))
			fire := Func(func() { got = append(got, n) })
			if rng.IntN(2) == 0 {
				timers = append(timers, k.Lane(d).After(fire))
			} else {
				timers = append(timers, k.After(d, fire))
			}
			wants = append(wants, want{k.Now() + Time(d), n})
		}
		for range 60 {
			set()
			if rng.IntN(3) == 0 {
				n := rng.IntN(len(timers))
				if timers[n].Stop() {
					stopped[n] = true
				}
			}
			if rng.IntN(4) == 0 {
				run(t, k, time.Duration(rng.IntN(4)))
			}
		}
		run(t, k, 100)
		var model []int
		for at := Time(0); at < 200; at++ {
			for _, w := range wants {
				if w.at == at && !stopped[w.n] {
					model = append(model, w.n)
				}
			}
		}
		// A timer may be set for the instant at which the clock stands after others
		// of that instant ran; per instant the order is that of setting either way.
		if diff := cmp.Diff(model, got); diff != "" {
			t.Fatalf("seed %d: %s", seed, diff)
		}
		k.Close()
	}
}

func TestStopIsOnce(t *testing.T) {
	k := New(began)
	defer k.Close()
	a := k.After(1, Func(func() {}))
	run(t, k, 2)
	if a.Stop() {
		t.Error("a timer that has fired was stopped")
	}
	b := k.Lane(5).After(Func(func() { t.Error("a stopped timer fired") }))
	if !b.Stop() || b.Stop() {
		t.Error("Stop is true once")
	}
	if (Timer{}).Stop() {
		t.Error("the zero Timer was stopped")
	}
	run(t, k, 10)
	if k.Events() != 1 {
		t.Errorf("%d events counted, want 1: stopped timers are none", k.Events())
	}
}

// The coroutine of a finished process serves the next one.
func TestCoroutinesAreReused(t *testing.T) {
	k := New(began)
	defer k.Close()
	for i := range 1000 {
		k.StartAfter(time.Duration(i*10), nil, Func(func() { k.Sleep(nil, 5) }))
	}
	run(t, k, 20000)
	if len(k.all) != 1 {
		t.Errorf("%d coroutines for processes that never overlap", len(k.all))
	}
	if k.Events() != 2000 {
		t.Errorf("%d events, want 2000: a start and a wake each", k.Events())
	}
}

func TestCloseUnwindsEveryProcess(t *testing.T) {
	before := runtime.NumGoroutine()
	k := New(began)
	unwound := 0
	c := k.WithCancel(context.Background())
	for i := range 100 {
		k.Start(nil, Func(func() {
			defer func() {
				unwound++
				if k.Sleep(nil, time.Hour) == Killed { // a deferred call that waits does not hang the end
					k.Unwind()
				}
			}()
			if i%2 == 0 {
				if k.ParkUnder(c) == Killed {
					k.Unwind()
				}
				return
			}
			if k.Sleep(nil, time.Hour) == Killed {
				k.Unwind()
			}
		}))
	}
	run(t, k, time.Second)
	if k.Live() != 100 {
		t.Fatalf("%d live processes", k.Live())
	}
	k.Close()
	if unwound != 100 || k.Live() != 0 {
		t.Errorf("%d unwound, %d live after Close", unwound, k.Live())
	}
	if c.waiter != nil {
		t.Error("an unwound process is still parked under its context")
	}
	if n := runtime.NumGoroutine(); n > before {
		t.Errorf("%d goroutines before, %d after", before, n)
	}
}

func TestKillEndsAGroup(t *testing.T) {
	k := New(began)
	defer k.Close()
	var g Group
	var got []string
	for i := range 3 {
		k.Start(&g, Func(func() {
			defer func() { got = append(got, fmt.Sprint("end ", i)) }()
			if k.Sleep(nil, time.Duration(i)*time.Second) == Killed {
				k.Unwind()
			}
			got = append(got, fmt.Sprint("done ", i))
		}))
	}
	k.After(1500*time.Millisecond, Func(func() { got = append(got, fmt.Sprint("kill ", g.Len())); g.Kill() }))
	run(t, k, time.Minute)
	want := []string{"done 0", "end 0", "done 1", "end 1", "kill 1", "end 2"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if g.Len() != 0 || k.Live() != 0 {
		t.Error("the group still holds processes")
	}
}

// A contained process is unwound as far as its containment, also when it was
// about to go on, or ends before it can notice.
func TestKillEndsAtTheContainment(t *testing.T) {
	k := New(began)
	var home, away Group
	var got []string
	for i, work := range []time.Duration{time.Hour, time.Second, 2 * time.Second} {
		k.Start(&home, Func(func() {
			killed := k.Contain(&away, Func(func() {
				if i == 1 {
					k.After(0, Func(away.Kill)) // killed at the instant of the wake below
				}
				if k.Sleep(nil, work) == Killed {
					k.Unwind()
				}
				if i == 2 {
					k.Current().Kill() // and never parks again
				}
			}))
			got = append(got, fmt.Sprint(i, " killed: ", killed, ", then ", k.Sleep(nil, time.Second) == TimeOut))
		}))
	}
	run(t, k, time.Minute)
	want := []string{"0 killed: true, then true", "1 killed: true, then true", "2 killed: true, then true"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if home.Len()+away.Len() != 0 {
		t.Error("a group still holds processes")
	}

	unwound := false
	k.Start(nil, Func(func() {
		defer func() { unwound = true }()
		k.Contain(&away, Func(func() {
			if k.Sleep(nil, time.Hour) == Killed {
				k.Unwind()
			}
		}))
		t.Error("the end of the kernel stopped at a containment")
	}))
	run(t, k, time.Second)
	k.Close()
	if !unwound {
		t.Error("a contained process was not unwound")
	}
}

// Far more processes than enter one another sleep for random times: each goes on when
// it is due, in the order of all the instants. One of them panics at last, from below
// the others or from above them.
func TestProcessesEnterOneAnother(t *testing.T) {
	for seed := range uint64(50) {
		rng := rand.New(rand.NewPCG(seed, 2))
		k := New(began)
		last := Time(0)
		for range 4 * maxDepth {
			k.StartAfter(time.Duration(rng.IntN(100)), nil, Func(func() {
				for range 10 {
					d := time.Duration(rng.IntN(100))
					due := k.Now() + Time(d)
					if k.Sleep(nil, d) == Killed {
						k.Unwind()
					}
					if k.Now() != due || due < last {
						t.Errorf("seed %d: a process that is due at %d goes on at %d, after one at %d", seed, due, k.Now(), last)
					}
					last = due
				}
			}))
		}
		k.StartAfter(time.Duration(rng.IntN(100)), nil, Func(func() {
			k.Sleep(nil, 300)
			panic("at last")
		}))
		func() {
			defer func() {
				if p, ok := recover().(*ProcessPanic); !ok || p.Value != "at last" {
					t.Errorf("seed %d: recovered %v", seed, p)
				}
			}()
			_ = k.Run(context.Background(), 1000)
		}()
		k.Close()
		if k.Live() != 0 || k.depth != 0 {
			t.Errorf("seed %d: %d processes live after Close, %d deep", seed, k.Live(), k.depth)
		}
	}
}

func TestAPanicSurfacesWithItsStack(t *testing.T) {
	k := New(began)
	defer k.Close()
	k.Start(nil, Func(func() {
		k.Sleep(nil, 3)
		brokenHandler()
	}))
	defer func() {
		p, ok := recover().(*ProcessPanic)
		if !ok || p.Value != "out of cheese" || !strings.Contains(string(p.Stack), "brokenHandler") {
			t.Errorf("recovered %v", p)
		}
	}()
	_ = k.Run(context.Background(), 10)
	t.Error("Run returned")
}

func brokenHandler() { panic("out of cheese") }

func TestTimeDoesNotGoBack(t *testing.T) {
	k := New(began)
	defer k.Close()
	run(t, k, 10)
	defer func() {
		if s, _ := recover().(string); !strings.Contains(s, "5 ns") || !strings.Contains(s, "10 ns") {
			t.Errorf("panic %q names not both instants", s)
		}
	}()
	_ = k.Run(context.Background(), 5)
}

func TestRunIsCalledOff(t *testing.T) {
	k := New(began)
	defer k.Close()
	ctx, cancel := context.WithCancel(context.Background())
	n := 0
	k.Start(nil, Func(func() {
		for {
			if n++; n == 10000 {
				cancel()
			}
			if k.Sleep(nil, 1) == Killed {
				k.Unwind()
			}
		}
	}))
	err := k.Run(ctx, 1<<62)
	if !errors.Is(err, context.Canceled) || n > 20000 {
		t.Errorf("Run returned %v after %d events", err, n)
	}
}

func BenchmarkTimers(b *testing.B) {
	k := New(began)
	defer k.Close()
	n := 0
	var tick [64]Func
	for i := range tick {
		d := time.Duration(1000 + i*7)
		tick[i] = func() {
			if n++; n < b.N {
				k.After(d, tick[i])
			}
		}
		k.After(d, tick[i])
	}
	b.ReportAllocs()
	b.ResetTimer()
	_ = k.Run(context.Background(), 1<<62)
	b.ReportMetric(float64(k.Events())/b.Elapsed().Seconds()/1e6, "Mevents/s")
}

func BenchmarkLaneTimers(b *testing.B) {
	k := New(began)
	defer k.Close()
	n := 0
	l := k.Lane(1000)
	var tick Func
	tick = func() {
		if n++; n < b.N {
			l.After(tick)
		}
	}
	for range 64 {
		l.After(tick)
	}
	b.ReportAllocs()
	b.ResetTimer()
	_ = k.Run(context.Background(), 1<<62)
	b.ReportMetric(float64(k.Events())/b.Elapsed().Seconds()/1e6, "Mevents/s")
}

// Two processes that wake each other: every event is a switch.
func BenchmarkSwitch(b *testing.B) {
	k := New(began)
	defer k.Close()
	var ps [2]*Proc
	n := 0
	for i := range ps {
		k.Start(nil, Func(func() {
			ps[i] = k.Current()
			for n < b.N {
				n++
				if o := ps[1-i]; o != nil {
					o.Wake(None)
				}
				if k.Park() == Killed {
					k.Unwind()
				}
			}
			ps[1-i].Wake(None)
		}))
	}
	b.ReportAllocs()
	b.ResetTimer()
	_ = k.Run(context.Background(), 1<<62)
	b.ReportMetric(float64(k.Events())/b.Elapsed().Seconds()/1e6, "Mevents/s")
}

// Sleeps through which nothing else happens cost no switch.
func BenchmarkSleepAlone(b *testing.B) {
	k := New(began)
	defer k.Close()
	k.Start(nil, Func(func() {
		for range b.N {
			k.Sleep(nil, 100)
		}
	}))
	b.ReportAllocs()
	b.ResetTimer()
	_ = k.Run(context.Background(), 1<<62)
	b.ReportMetric(float64(k.Events())/b.Elapsed().Seconds()/1e6, "Mevents/s")
}

// A crew's coroutines run one kernel's processes after another's, also those that
// were killed in the middle. The queues' memory goes with them, and nothing of a run in it.
func TestCrew(t *testing.T) {
	var crew Crew
	defer crew.Close()
	for run := range 3 {
		k := New(began)
		lane := k.Lane(time.Second) // there already when the memory comes
		k.Hire(&crew)
		fired := false
		lane.After(Func(func() { fired = true }))
		k.After(time.Hour, Func(func() { t.Error("an event of a run that was over") }))
		ended, unwound := 0, 0
		for n := range 10 {
			k.Start(nil, Func(func() {
				defer func() { unwound++ }()
				if n < 5 {
					k.Sleep(nil, time.Second)
					ended++
					return
				}
				if k.Park() == Killed {
					k.Unwind()
				}
			}))
		}
		if err := k.Run(t.Context(), Time(time.Minute)); err != nil {
			t.Fatal(err)
		}
		k.Close()
		if !fired || ended != 5 || unwound != 10 {
			t.Errorf("run %d: a lane's timer fired: %t; %d processes of 5 ended, %d of 10 were unwound", run, fired, ended, unwound)
		}
		if len(crew.idle) != 10 {
			t.Errorf("run %d: %d coroutines rest, not 10: none is made where one rests", run, len(crew.idle))
		}
		if len(crew.rooms) != 1 {
			t.Fatalf("run %d: %d kernels' memory is kept, not 1", run, len(crew.rooms))
		}
		r := crew.rooms[0]
		used := func(s slot) bool { return s != slot{} }
		if len(r.ready) == 0 || cap(r.slots) < 2 || slices.ContainsFunc(r.slots[:cap(r.slots)], used) || slices.ContainsFunc(r.ready, func(s soon) bool { return s != soon{} }) {
			t.Errorf("run %d: what is kept holds something of the run, or has no room: %+v", run, r)
		}
	}
}

// A timer of a kernel that has been closed stops nothing, least of all the event of the
// kernel that has the memory now.
func TestTimerOutlivesItsKernel(t *testing.T) {
	var crew Crew
	defer crew.Close()
	first := New(began)
	first.Hire(&crew)
	timer := first.After(time.Hour, Func(func() { t.Error("an event of a run that was over") }))
	first.Close()
	second := New(began)
	second.Hire(&crew)
	fired := false
	second.After(time.Second, Func(func() { fired = true }))
	if timer.Stop() {
		t.Error("stopped an event of a closed kernel")
	}
	if err := second.Run(t.Context(), Time(time.Minute)); err != nil {
		t.Fatal(err)
	}
	second.Close()
	if !fired {
		t.Error("it stopped another kernel's event")
	}
}
