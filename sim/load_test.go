package sim

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// Scale multiplies all who come, and leaves the scenario that it was made from alone.
func TestScale(t *testing.T) {
	base := Scenario{Checkouts: Ramp{1, 2}, OrderReads: Ramp{5, 5}}
	base.Load.InventoryReads = Steady(3)
	base.Load.Users.N = 5
	twice := base
	twice.Scale(2.5)
	want := Scenario{Checkouts: Ramp{2.5, 5}, OrderReads: Ramp{12.5, 12.5}}
	want.Load.InventoryReads = Steady(7.5)
	want.Load.Users.N = 13 // 12.5
	if diff := cmp.Diff(want, twice); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if base.Load.InventoryReads.Points[0].Per != 3 {
		t.Error("the base has changed too")
	}
}

// The integral of a rate over a run, with its steps and its period.
func TestRateMean(t *testing.T) {
	for text, want := range map[string]float64{
		"2":                              1200,
		"0s:1,5m:1,5m:4":                 300 + 1200,
		"0s:0,10m:2":                     600,
		"1m/0s:6,30s:6,30s:0":            2700, // and a straight line from 0 back to 6
		"20m/0s:1,5m:1,5m:3,10m:3,10m:0": 300 + 900,
	} {
		r, err := ParseRate(text)
		if err != nil {
			t.Fatal(err)
		}
		if got := r.Mean(10 * time.Minute); got < want-1e-6 || got > want+1e-6 {
			t.Errorf("%s: %g arrivals in 10 minutes, want %g", text, got, want)
		}
	}
}
