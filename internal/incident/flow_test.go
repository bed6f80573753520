package incident

import (
	"math"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// counted adds a flow as a scrape each 5 s shows it; a NaN is no sample.
func counted(ev *Evidence, caller, service string, started, finished []float64) {
	series := func(name string, labels map[string]string, values []float64) {
		s := Series{Name: name, Labels: labels, Kind: Counter, Unit: "1", Origin: Origin{Group: "grpc", Name: caller}}
		for i, v := range values {
			if !math.IsNaN(v) {
				s.Points = append(s.Points, Point{sec(float64(5 * i)), v})
			}
		}
		ev.Add(s)
	}
	series("grpc_client_started_total", map[string]string{"grpc_service": service, "grpc_method": "M"}, started)
	if finished != nil {
		series("grpc_client_handled_total", map[string]string{"grpc_service": service, "grpc_method": "M", "grpc_code": "OK"}, finished)
	}
}

func TestInFlight(t *testing.T) {
	none := math.NaN()
	for _, c := range []struct {
		name              string
		started, finished []float64
		want              []float64
	}{
		{"started minus finished", []float64{10, 20, 30}, []float64{10, 15, 15}, []float64{0, 5, 15}},
		{"nothing has finished yet: absent is zero", []float64{0, 5, 9}, nil, []float64{0, 5, 9}},
		{"a code first seen with a large value", []float64{0, 100, 100}, []float64{none, none, 100}, []float64{0, 100, 0}},
		{"a restart: the old process's finished calls are gone with it", []float64{90, 100, 6, 17}, []float64{90, 90, none, none}, []float64{0, 10, 6, 17}},
		{"a restart with finished calls", []float64{90, 100, 6, 17}, []float64{90, 90, 4, 17}, []float64{0, 10, 2, 0}},
		{"no sample is no value", []float64{10, 20, none, none, none, none, 30}, []float64{10, 10, none, none, none, none, 30}, []float64{0, 10, 10, 10, none, none, 0}},
	} {
		t.Run(c.name, func(t *testing.T) {
			ev := NewEvidence()
			counted(ev, "order", "inventory.Inventory", c.started, c.finished)
			got, ok := ev.Snapshot().InFlight(Window{sec(0), sec(float64(5 * len(c.want)))}, 5*time.Second)
			if diff := cmp.Diff(c.want, got, cmpopts.EquateNaNs()); diff != "" || !ok {
				t.Error(ok, diff)
			}
		})
	}
	if _, ok := NewEvidence().Snapshot().InFlight(during(0, 10), time.Second); ok {
		t.Error("nothing counts calls, yet there is a value")
	}
}

func TestInFlightIsOfTheDeepestFlowThatPilesUp(t *testing.T) {
	ev := NewEvidence()
	counted(ev, "gateway", "order.Order", []float64{0, 300, 700}, []float64{0, 0, 0})
	counted(ev, "order", "inventory.Inventory", []float64{0, 90, 100}, []float64{0, 0, 0})
	counted(ev, "gateway", "payment.PaymentService", []float64{0, 50, 90}, []float64{0, 50, 89})
	f, ok := ev.Snapshot().Deepest(during(0, 15))
	if !ok || f.Edge() != "order.inventory" || f.Name() != "inventory.Inventory/M" {
		t.Errorf("%s %s", f.Edge(), f.Name())
	}
}

func TestFlowNames(t *testing.T) {
	ev := NewEvidence()
	ev.Add(Series{
		Name: "grpc_client_attempt_started_total", Kind: Counter, Points: []Point{{sec(0), 1}},
		Labels: map[string]string{"grpc_method": "shop.v1.InventoryService/Reserve", "job": "order"}, Origin: Origin{Name: "10.0.0.7:9090"},
	})
	flows := ev.Snapshot().Flows()
	if len(flows) != 1 || flows[0].Edge() != "order.inventory" || flows[0].Method != "Reserve" {
		t.Errorf("%+v", flows)
	}
}

// The value at the cursor, the highest value of a step and the highest of a
// window are of the same samples, whatever part of them is looked at.
func TestInFlightAtAndMost(t *testing.T) {
	ev := NewEvidence()
	counted(ev, "gateway", "order.Order", []float64{10, 20, 90, 95, 95}, []float64{10, 15, 15, 60, 95})
	counted(ev, "order", "inventory.Inventory", []float64{5, 5, 6, 6, 6}, []float64{5, 5, 5, 5, 6})
	v := ev.Snapshot()
	for _, c := range []struct {
		at   float64
		want float64
	}{{-1, math.NaN()}, {0, 0}, {4.9, 0}, {5, 5}, {10, 75}, {14.9, 75}, {15, 35}, {20, 0}, {34, 0}, {35, math.NaN()}} {
		if got := v.InFlightAt(sec(c.at)); got != c.want && !(math.IsNaN(got) && math.IsNaN(c.want)) {
			t.Errorf("at %v s: %v, want %v", c.at, got, c.want)
		}
	}
	for _, c := range []struct {
		w    Window
		want float64
		at   float64
	}{{during(0, 20), 75, 10}, {during(0, 10), 5, 5}, {during(12, 20), 75, 12}, {during(15, 20), 35, 15}} {
		if got, at := v.MostInFlight(c.w); got != c.want || !at.Equal(sec(c.at)) {
			t.Errorf("%v: %v at %v", c.w, got, at)
		}
	}
	if got, at := v.MostInFlight(during(60, 70)); !math.IsNaN(got) || !at.IsZero() {
		t.Errorf("no sample, yet %v at %v", got, at)
	}
	for _, step := range []time.Duration{time.Second, 7 * time.Second, 20 * time.Second} {
		values, _ := v.InFlight(during(0, 20), step)
		if most := slices.Max(values); most != 75 {
			t.Errorf("steps of %v show at most %v, want 75", step, most)
		}
	}
}
