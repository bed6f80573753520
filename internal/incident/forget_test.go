package incident

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// What is left after forgetting is what there would be if the rest had never come.
func TestForget(t *testing.T) {
	const cut = 300.0
	ev, want := NewEvidence(), NewEvidence()
	for i := range 600 {
		x := float64(i)
		add := func(stays bool, f Fact) {
			ev.Add(f)
			if stays {
				want.Add(f)
			}
		}
		add(x+1 > cut, logged(x, orders, 1, 1, 0, 0))
		add(x >= cut, Series{Name: "c", Kind: Counter, Points: []Point{{sec(x), x}}})
		add(x >= cut, Series{Name: LockWaitersSeries, Points: []Point{{sec(x), 0}}})
		if i%50 == 0 {
			add(x+30 >= cut, wait(51000+i, x, x+30, false, Blocker{PID: 1, Hard: true}))
			add(x >= cut, Change{At: sec(x), System: fmt.Sprint(i)})
			add(x+20 >= cut, Exemplar{Kind: Sampled, Endpoint: orders, Start: sec(x), End: sec(x + 20), Origin: Origin{Name: "log"}})
		}
	}
	long := wait(7, 10, 595, true, Blocker{PID: 1, Hard: true}) // begun long before, and still so
	ev.Add(long)
	want.Add(long)
	old := ev.Snapshot()
	before := fmt.Sprintf("%+v", old.Facts())

	ev.Forget(sec(cut))
	if diff := cmp.Diff(fmt.Sprintf("%+v", want.Snapshot().Facts()), fmt.Sprintf("%+v", ev.Snapshot().Facts())); diff != "" {
		t.Errorf("facts (-never came +forgotten):\n%s", diff)
	}
	if w := ev.Snapshot().Window; !w.From.Equal(sec(cut)) || !w.To.Equal(want.Snapshot().Window.To) {
		t.Errorf("window %v", w)
	}
	at := Window{From: sec(0), To: sec(700)}
	if n := len(ev.Snapshot().SampleTimes(at)); n != 300 {
		t.Errorf("%d looks at the locks, want the 300 of the second half", n)
	}
	if after := fmt.Sprintf("%+v", old.Facts()); after != before {
		t.Error("a snapshot from before has changed")
	}
	// What goes on goes on.
	long.To, long.Open = sec(610), false
	ev.Add(long)
	want.Add(long)
	if got, all := len(ev.Snapshot().Episodes()), len(want.Snapshot().Episodes()); got != all {
		t.Errorf("%d episodes when a long one went on, want %d", got, all)
	}
	ev.Forget(sec(10_000))
	if v := ev.Snapshot(); len(v.Facts()) != 0 || !v.Window.From.IsZero() {
		t.Errorf("%d facts left of nothing, window %v", len(v.Facts()), v.Window)
	}
	ev.Add(logged(20_000, orders, 1, 1, 0, 0))
	if v := ev.Snapshot(); len(v.Buckets()) != 1 || !v.Window.From.Equal(sec(20_000)) {
		t.Errorf("afterwards: %+v, window %v", v.Buckets(), v.Window)
	}
}
