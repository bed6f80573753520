package incident

import (
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// What nobody looked at is not zero: before the first look, in a hole between
// looks, and after the last one has ceased to hold.
func TestLockWaitersOfUnsampledTime(t *testing.T) {
	none := math.NaN()
	ev := NewEvidence()
	for s := 2.0; s <= 5; s++ {
		ev.Sampled(sec(s))
	}
	ev.Add(wait(51000, 1.5, 5, true, Blocker{PID: 1, Hard: true}))
	for s := 14.0; s <= 15; s++ {
		ev.Sampled(sec(s))
	}
	ev.Add(wait(51001, 14, 15, true, Blocker{PID: 1, Hard: true}))
	v := ev.Snapshot()
	want := []float64{none, 1, 1, 1, 1, 1, 0, 0, none, none, none, none, none, none, 1, 1, 1, 1, none, none}
	if diff := cmp.Diff(want, v.LockWaiters(during(0, 20), time.Second), cmpopts.EquateNaNs()); diff != "" {
		t.Error(diff)
	}
	for at, waiting := range map[float64]int{15: 1, 15.4: 1, 17.9: 1, 18: 0} {
		if tree := v.LockTree(sec(at)); tree.Waiting != waiting {
			t.Errorf("at %v s %d wait, want %d", at, tree.Waiting, waiting)
		}
	}
	if at := v.LockTree(sec(15.4)).At; !at.Equal(sec(15)) {
		t.Errorf("the tree of the last look says %v", at)
	}
}

func TestRateOfTimeThatNoLogCovers(t *testing.T) {
	none := math.NaN()
	ev := NewEvidence()
	bucket := func(name string, at float64) {
		ev.Add(Bucket{At: sec(at), Width: time.Second, Endpoint: orders, Status: 200, Started: 1, Ended: 1, Origin: Origin{Group: "gateway", Name: name}})
	}
	bucket("a.log", 1)
	bucket("a.log", 3)
	bucket("b.log", 6)
	ev.SetSource(SourceStatus{Name: "b.log", Group: "gateway", LastAt: sec(7.5)})
	all := func(Bucket) bool { return true }
	want := []float64{none, 1, 0, 1, none, none, 1, 0, none}
	if diff := cmp.Diff(want, ev.Snapshot().Rate(all, during(0, 9), time.Second, true), cmpopts.EquateNaNs()); diff != "" {
		t.Error(diff)
	}
}
