package vtime

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
)

// FuzzQueueOrder: whatever is pushed and taken, in whichever numbers and at whichever
// distances, comes out as it does of a heap. Two bytes of the script are an operation.
func FuzzQueueOrder(f *testing.F) {
	for seed := range uint64(60) {
		r := rand.New(rand.NewPCG(seed, 1))
		script := make([]byte, 2+r.IntN(60))
		for i := range script {
			script[i] = byte(r.Uint32())
		}
		f.Add(script)
	}
	f.Fuzz(func(t *testing.T, script []byte) {
		p := pair{T: t, q: newQueue()}
		for script = script[:min(len(script), 80)]; len(script) >= 2; script = script[2:] {
			n, scale := 4*(int(script[1])+1), uint(script[0]>>3)
			switch script[0] % 8 {
			case 0, 1: // evenly
				for i := range n {
					p.push(Time(i) << scale)
				}
			case 2: // at one instant
				for range n {
					p.push(1 << scale)
				}
			case 3: // more and more seldom
				for i := range n {
					p.push(1 << (scale + uint(i)%16))
				}
			case 4: // at the end of time
				for i := range n {
					p.push(never - p.now - Time(i%3)<<scale)
				}
			case 5: // each makes another
				for i := range n {
					p.take()
					p.push(Time(i*i) << scale)
				}
			default:
				for range 2 * n {
					p.take()
				}
			}
		}
		for len(p.want.es) > 0 {
			p.take()
		}
		p.take()
	})
}

// pair is a queue and a heap to which the same is done.
type pair struct {
	*testing.T
	q    queue
	want heap
	now  Time
	seq  uint64
}

func (p *pair) push(after Time) {
	p.seq++
	e := entry{at: p.now + after, seq: p.seq}
	if e.at < p.now {
		e.at = never
	}
	p.q.push(e)
	p.want.push(e)
}

func (p *pair) take() {
	p.Helper()
	got, want := p.q.top(), p.want.top()
	switch {
	case got == nil && want == nil:
	case got == nil || want == nil || *got != *want:
		p.Fatalf("%v is next, want %v", got, want)
	default:
		p.now = got.at
		p.q.take()
		p.want.pop()
	}
}

// Timers that are stopped and set again go off in the same order whether or not the
// kernel's queue has a horizon.
func TestTimersBehindTheHorizon(t *testing.T) {
	run := func(most int) string {
		k := New(time.Unix(0, 0))
		k.queue.most = most
		r := rand.New(rand.NewPCG(1, 2))
		var log strings.Builder
		timers := make([]Timer, 5000)
		split := false
		var set func(i int)
		set = func(i int) {
			d := time.Duration(r.ExpFloat64() * float64(time.Second))
			if r.IntN(2) == 0 {
				d = d.Round(100 * time.Millisecond) // many at one instant
			}
			timers[i] = k.After(d, Func(func() {
				split = split || k.queue.n > 0
				fmt.Fprintln(&log, k.Now(), i)
				set(i)
				for range 2 {
					if j := r.IntN(len(timers)); timers[j].Stop() {
						set(j)
					}
				}
			}))
		}
		for i := range timers {
			set(i)
		}
		if err := k.Run(context.Background(), Time(20*time.Second)); err != nil {
			t.Fatal(err)
		}
		if split != (most == heapMost) {
			t.Fatalf("with %d at most in the heap it is %t that some were behind a horizon", most, split)
		}
		return log.String()
	}
	got, want := run(heapMost), run(math.MaxInt)
	if got != want || strings.Count(got, "\n") < 50_000 {
		t.Errorf("%d timers went off with a horizon, %d without, in another order", strings.Count(got, "\n"), strings.Count(want, "\n"))
	}
}

// What falls due behind the horizon allocates nothing once there is room for it.
func TestQueueAllocatesNothing(t *testing.T) {
	p := pair{T: t, q: newQueue()}
	r := rand.New(rand.NewPCG(1, 2))
	push := func() { p.push(Time(r.ExpFloat64() * float64(time.Second))) }
	for range 20_000 {
		push()
	}
	round := func() {
		for range 50_000 {
			p.take()
			push()
		}
	}
	round()
	if n := testing.AllocsPerRun(5, round); n > 0 || p.q.n == 0 {
		t.Errorf("%v allocations in 50,000 events, %d entries behind the horizon", n, p.q.n)
	}
}

// What falls due at one instant, or a few times only, costs a sort and not one for
// each: there is no horizon that could part it.
func TestQueueOfEqualTimes(t *testing.T) {
	q := newQueue()
	splits := 0
	for i := range uint64(100_000) {
		most := q.most
		q.push(entry{at: Time(i % 2), seq: i + 1})
		if q.most != most {
			splits++
		}
	}
	if splits > 10 {
		t.Errorf("split %d times", splits)
	}
}
