package incident_test

import (
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tripcurve/internal/incident"
)

func TestCoarser(t *testing.T) {
	fine := []incident.Bin{{0, 0.001, 1}, {0.001, 0.0011, 2}, {0.0011, 0.0012, 3}, {0.0012, 0.0015, 4}, {0.01, 0.011, 5}, {0.011, 0.02, 6}, {0.02, math.Inf(1), 7}}
	want := []incident.Bin{{0, 0.001, 1}, {0.001, 0.0015, 9}, {0.01, 0.011, 5}, {0.011, 0.02, 6}, {0.02, math.Inf(1), 7}}
	if d := cmp.Diff(want, incident.Coarser(fine, 1.25)); d != "" {
		t.Error(d)
	}
	var many []incident.Bin
	for lo := 0.001; lo < 10; lo *= 1.01 {
		many = append(many, incident.Bin{Lo: lo, Hi: lo * 1.01, N: 1})
	}
	for i := range many[1:] {
		many[i+1].Lo = many[i].Hi
	}
	got := incident.Coarser(many, 1.2115)
	n := 0.0
	for _, b := range got {
		n += b.N
	}
	if len(got) > 4*12+1 || n != float64(len(many)) {
		t.Errorf("%d bins of %d calls, of %d", len(got), int(n), len(many))
	}
}

func TestHistogramsAreForgotten(t *testing.T) {
	at := time.Date(2026, 1, 15, 14, 23, 0, 0, time.UTC)
	ev := incident.NewEvidence()
	add := func(i int, pod string) {
		ev.Add(incident.Histogram{
			Name: "rpc", Labels: map[string]string{"pod": pod}, At: at.Add(time.Duration(i) * time.Minute),
			Bins: []incident.Bin{{Lo: float64(i), Hi: float64(i + 1), N: 2}}, Origin: incident.Origin{Group: "grpc", Name: "page"},
		})
	}
	for i := range 10 {
		add(i, "old")
	}
	before := ev.Snapshot()
	ev.Forget(at.Add(8 * time.Minute))
	add(10, "new")
	add(9, "old") // the same again adds nothing
	count := func(v *incident.View) (n int, calls float64) {
		v.EachHistogram(incident.Window{}, func(h *incident.Histogram) {
			n++
			calls += h.Count()
			if h.Bins[0].Lo != h.At.Sub(at).Minutes() {
				t.Errorf("%v has the bin %v", h.At, h.Bins[0])
			}
		})
		return n, calls
	}
	if n, calls := count(ev.Snapshot()); n != 3 || calls != 6 {
		t.Errorf("%d histograms of %g calls are left", n, calls)
	}
	if n, _ := count(before); n != 10 {
		t.Errorf("an older view has %d", n)
	}
}
