package vtime

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"
)

// tape takes down what a machine is handed; the args in dead are stale.
type tape struct {
	k    *Kernel
	seen []string
	dead map[uint32]bool
	told int
}

func (p *tape) Step(op, arg uint32) bool {
	if p.Stale(op, arg) {
		return false
	}
	p.seen = append(p.seen, time.Duration(p.k.Now()).String()+" "+string(rune('a'+op))+string(rune('0'+arg)))
	return true
}

func (p *tape) Stale(_, arg uint32) bool { return p.dead[arg] }

func (p *tape) Prefetch(next []Posted) { p.told += len(next) }

func TestMachineEventsComeInOrder(t *testing.T) {
	k := New(time.Unix(0, 0))
	p := &tape{k: k, dead: map[uint32]bool{}}
	k.Attach(p)
	lane := k.Lane(2 * time.Second)
	lane.Post(0, 1)
	k.Post(time.Second, 1, 2)
	k.Post(2*time.Second, 2, 3) // after the lane's, which was set first
	k.After(time.Second, Func(func() { k.PostSoon(3, 4); p.seen = append(p.seen, "1s call") }))
	lane.After(Func(func() { p.seen = append(p.seen, "2s lane call") }))
	if err := k.Run(context.Background(), Time(5*time.Second)); err != nil {
		t.Fatal(err)
	}
	want := []string{"1s b2", "1s call", "1s d4", "2s a1", "2s c3", "2s lane call"}
	if !slices.Equal(p.seen, want) {
		t.Errorf("events %q, want %q", p.seen, want)
	}
	if k.Events() != 6 {
		t.Errorf("%d events counted, want 6", k.Events())
	}
}

// What has become stale is neither handed over nor counted, and a lane drops it
// without an entry of the heap for each.
func TestStaleEventsOfAMachine(t *testing.T) {
	k := New(time.Unix(0, 0))
	p := &tape{k: k, dead: map[uint32]bool{}}
	k.Attach(p)
	lane := k.Lane(time.Second)
	for i := range uint32(10) {
		lane.Post(0, i)
		p.dead[i] = i != 0 && i != 7
	}
	k.Post(time.Second, 1, 3)
	if n, heads := len(k.queue.es), len(k.heads.es); n != 1 || heads != 1 {
		t.Errorf("%d entries in the heap and %d among the heads, want the other and the lane's", n, heads)
	}
	if err := k.Run(context.Background(), Time(time.Second)); err != nil {
		t.Fatal(err)
	}
	if want := []string{"1s a0", "1s a7"}; !slices.Equal(p.seen, want) || k.Events() != 2 {
		t.Errorf("events %q (%d counted), want %q", p.seen, k.Events(), want)
	}
}

// Deadlines of what is over make room for others long before they are due: a lane is
// as long as what lives, not as what was set.
func TestLaneForgetsWhatIsStale(t *testing.T) {
	k := New(time.Unix(0, 0))
	p := &tape{k: k, dead: map[uint32]bool{}}
	k.Attach(p)
	lane := k.Lane(5 * time.Second)
	for i := range uint32(1000) {
		lane.Post(0, i)
		p.dead[i-3] = true // three live at a time
	}
	if n := len(lane.pending.buf); n > 16 {
		t.Errorf("room for %d", n)
	}
	k.Post(5*time.Second, 1, 1000) // after all of the lane's
	if err := k.Run(context.Background(), Time(5*time.Second)); err != nil {
		t.Fatal(err)
	}
	if len(p.seen) != 4 || !strings.HasPrefix(p.seen[3], "5s b") || k.Events() != 4 {
		t.Errorf("events %q, want three of the lane and then the other", p.seen)
	}
}

func TestMachineEventsAllocateNothing(t *testing.T) {
	k := New(time.Unix(0, 0))
	p := &tape{k: k, dead: map[uint32]bool{0: true}}
	k.Attach(p)
	lane := k.Lane(time.Millisecond)
	round := func() {
		for range 100 {
			lane.Post(0, 0)
			k.Post(time.Microsecond, 1, 0)
			k.PostSoon(2, 0)
		}
		if err := k.Run(context.Background(), k.Now()+Time(2*time.Millisecond)); err != nil {
			t.Fatal(err)
		}
	}
	round()
	if n := testing.AllocsPerRun(20, round); n > 0 {
		t.Errorf("%v allocations in 300 events", n)
	}
}

// A machine with a great many events hears of most of them, and of none twice,
// before they fall due.
func TestMachineHearsOfWhatIsNext(t *testing.T) {
	k := New(time.Unix(0, 0))
	p := &tape{k: k, dead: map[uint32]bool{}}
	k.Attach(p)
	const n = 20_000
	for i := range uint32(n) {
		k.Post(time.Duration(Mix(uint64(i)+1)%uint64(time.Second)), 0, i%10)
	}
	k.After(time.Millisecond, Func(func() {}))
	if err := k.Run(context.Background(), Time(time.Second)); err != nil {
		t.Fatal(err)
	}
	if len(p.seen) != n || p.told < n*7/10 || p.told > n {
		t.Errorf("%d events, of which the machine heard of %d before", len(p.seen), p.told)
	}
}
