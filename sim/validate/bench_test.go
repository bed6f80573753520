package validate

import (
	"container/heap"
	"fmt"
	"math"
	"os/exec"
	"strings"
	"testing"
	"time"

	"tripcurve/sim/world"
)

// BenchmarkMM1 runs M/M/1 at a load of 0.8 in turn as the simulator does it (a
// process for each customer, a pool with one place), in an engine of the usual kind
// (closures in a container/heap, a counter and a list for the queue), and in SimPy
// where Debian's python3-simpy3 is installed. x_heap and x_simpy are how many times
// as many customers per second the simulator serves in the same run. The one on the
// heap does less: its customers are no sequential code that could wait anywhere.
func BenchmarkMM1(b *testing.B) {
	const customers, load = 200_000, 0.8
	want := waitMMc(1, load)
	near := func(what string, wait float64) {
		if math.Abs(wait/want-1) > 0.25 {
			b.Fatalf("%s: mean wait %.3f, by the formula %.3f", what, wait, want)
		}
	}
	var ours, theirs time.Duration
	for b.Loop() {
		at := b.Elapsed()
		s := newSystem(seed, servers(1, exponential)).open(load, 0, customers)
		ours += b.Elapsed() - at
		near("the simulator", s.average(0, waiting))

		at = b.Elapsed()
		wait := newHeapEngine(seed).mm1(load, customers)
		theirs += b.Elapsed() - at
		near("container/heap", wait)
	}
	perSecond := customers * float64(b.N) / ours.Seconds()
	b.ReportMetric(perSecond/1e6, "Mcustomers/s")
	b.ReportMetric(theirs.Seconds()/ours.Seconds(), "x_heap")

	const python = "/usr/bin/python3" // where Debian's packages are
	if exec.Command(python, "-c", "import simpy").Run() != nil {
		b.Log("no SimPy beside it: Debian's python3-simpy3 is not installed")
		return
	}
	out, err := exec.Command(python, "testdata/mm1.py", "1", fmt.Sprint(customers)).Output()
	if err != nil {
		b.Fatal(err)
	}
	var wait, took float64
	if _, err := fmt.Sscan(strings.TrimSpace(string(out)), &wait, &took); err != nil {
		b.Fatal(err)
	}
	near("SimPy", wait)
	b.ReportMetric(perSecond/(customers/took), "x_simpy")
}

// heapEngine is a discrete event simulator as one writes it first.
type heapEngine struct {
	now      float64
	events   eventHeap
	number   int
	arrivals *world.Stream
	services *world.Stream
}

type event struct {
	at     float64
	number int
	do     func()
}

type eventHeap []event

func (h eventHeap) Len() int { return len(h) }
func (h eventHeap) Less(i, j int) bool {
	return h[i].at < h[j].at || h[i].at == h[j].at && h[i].number < h[j].number
}
func (h eventHeap) Swap(i, j int) { h[i], h[j] = h[j], h[i] }
func (h *eventHeap) Push(x any)   { *h = append(*h, x.(event)) }
func (h *eventHeap) Pop() any {
	old := *h
	e := old[len(old)-1]
	*h = old[:len(old)-1]
	return e
}

func newHeapEngine(seed uint64) *heapEngine {
	return &heapEngine{arrivals: world.NewStream(seed, "arrivals"), services: world.NewStream(seed, "service a")}
}

func (e *heapEngine) after(d float64, do func()) {
	e.number++
	heap.Push(&e.events, event{e.now + d, e.number, do})
}

// mm1 is the mean wait of so many customers.
func (e *heapEngine) mm1(load float64, customers int) float64 {
	var queue []float64 // when those who wait came
	busy, came, waited := false, 0, 0.0
	var arrive, leave, begin func()
	begin = func() {
		busy = true
		e.after(exponential(e.services.Float()), leave)
	}
	leave = func() {
		if busy = len(queue) > 0; busy {
			waited += e.now - queue[0]
			queue = queue[1:]
			begin()
		}
	}
	arrive = func() {
		if came++; came < customers {
			e.after(e.arrivals.Exp()/load, arrive)
		}
		if busy {
			queue = append(queue, e.now)
		} else {
			begin()
		}
	}
	e.after(e.arrivals.Exp()/load, arrive)
	for e.events.Len() > 0 {
		next := heap.Pop(&e.events).(event)
		e.now = next.at
		next.do()
	}
	return waited / float64(customers)
}
