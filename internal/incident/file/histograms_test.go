package file

import (
	"math"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tripcurve/internal/incident"
)

func TestHistograms(t *testing.T) {
	all := func(v *incident.View) (list []incident.Histogram) {
		v.EachHistogram(incident.Window{}, func(h *incident.Histogram) {
			x := *h
			x.Bins = slices.Clone(h.Bins)
			list = append(list, x)
		})
		return list
	}
	w, path := newFile(t)
	origin := incident.Origin{Group: "grpc", Name: "order:/metrics"}
	labels := map[string]string{"grpc_method": "Reserve"}
	want := []incident.Histogram{
		{Name: "grpc_client_handling_seconds", Labels: labels, At: second(5), Origin: origin, Bins: []incident.Bin{{Lo: 0.005, Hi: 0.01, N: 40}, {Lo: 10, Hi: math.Inf(1), N: 2}}},
		{Name: "grpc_client_handling_seconds", Labels: labels, At: second(10), Origin: origin}, // no call ended
	}
	for range 2 { // the same again adds nothing
		if err := w.Append([]incident.Fact{want[0], want[1]}, nil); err != nil {
			t.Fatal(err)
		}
	}
	v, _ := load(t, path)
	if d := cmp.Diff(want, all(v)); d != "" {
		t.Error(d)
	}
	if n := len(v.AllSeries()); n != 0 {
		t.Errorf("%d series, where there are only histograms", n)
	}
	if f, ok := v.Get(want[0].ID()); !ok || f.ID() != want[0].ID() {
		t.Errorf("%s is not found", want[0].ID())
	}
	trimmed := filepath.Join(t.TempDir(), "t.incident")
	// A window without anything else is none that Trim makes a file of.
	if err := w.Append(facts(t), nil); err != nil {
		t.Fatal(err)
	}
	if err := Trim(path, trimmed, incident.Window{From: second(0), To: second(8)}); err != nil {
		t.Fatal(err)
	}
	v, _ = load(t, trimmed)
	if d := cmp.Diff(want[:1], all(v)); d != "" {
		t.Error("trimmed:", d)
	}
	if err := w.Forget(second(7)); err != nil {
		t.Fatal(err)
	}
	v, _ = load(t, path)
	if d := cmp.Diff(want[1:], all(v)); d != "" {
		t.Error("after forgetting:", d)
	}
}
