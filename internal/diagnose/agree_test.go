package diagnose

import (
	"math"
	"testing"
	"time"

	"tripcurve/internal/incident"
	"tripcurve/sim"
	"tripcurve/sim/scenario"
)

// TestAgrees: within either tolerance, and only where most nights have the thing.
func TestAgrees(t *testing.T) {
	nights := func(values ...float64) Spread {
		var vs []Value
		for _, v := range values {
			if math.IsNaN(v) {
				vs = append(vs, absent)
				continue
			}
			vs = append(vs, number(v))
		}
		return spread(vs)
	}
	none := math.NaN()
	for _, c := range []struct {
		name     string
		fact     Fact
		observed Value
		nights   Spread
		want     bool
	}{
		{"equal", Fact{}, number(0), nights(0, 0, 0), true},
		{"one too many", Fact{}, number(0), nights(1, 1, 1), false},
		{"the middle counts", Fact{Abs: 1}, number(10), nights(5, 10, 90), true},
		{"within the share", Fact{Rel: 0.1}, number(1245), nights(1130), true},
		{"outside of the share", Fact{Rel: 0.1}, number(1245), nights(1110), false},
		{"the wider tolerance counts", Fact{Abs: 30, Rel: 0.01}, number(1397), nights(1370), true},
		{"happened, and not in most nights", Fact{Abs: 3}, number(0), nights(0, none, none), false},
		{"happened, and in most nights", Fact{Abs: 3}, number(0), nights(0, 1, none), true},
		{"did not happen in either", Fact{}, absent, nights(none, none), true},
		{"did not happen, but in the nights", Fact{}, absent, nights(3, 3), false},
	} {
		if got := c.fact.agrees(c.observed, c.nights); got != c.want {
			t.Errorf("%s: %t", c.name, got)
		}
	}
}

// TestPlaced: the trigger is where the evidence has it and as long, and a restart is
// there only where the evidence has one.
func TestPlaced(t *testing.T) {
	sc := scenario.INC2847()
	began := time.Date(2031, 5, 4, 3, 2, 1, 0, time.UTC)
	m := Marks{Began: began, Released: began.Add(time.Minute), Ended: began.Add(50 * time.Minute)}
	ev := incident.NewEvidence()
	for _, restarted := range []bool{false, true} {
		if restarted {
			ev.Add(incident.Change{At: m.Ended.Add(time.Second), Kind: incident.Restart, System: "order"})
		}
		got := placed(sc, ev.Snapshot(), m)
		lock := got.Faults[0].(sim.LockTable)
		if !got.Start.Add(lock.At).Equal(began) || lock.Hold != time.Minute {
			t.Errorf("the lock is held from %s for %s", got.Start.Add(lock.At), lock.Hold)
		}
		if n := len(got.Faults); restarted != (n == 2) {
			t.Errorf("restarted %t: %d faults", restarted, n)
		}
		if restarted && !got.Start.Add(got.Faults[1].(sim.RestartService).At).Equal(m.Ended) {
			t.Errorf("the restart is at %+v", got.Faults[1])
		}
		if got.Length < m.Ended.Sub(got.Start)+time.Minute {
			t.Errorf("it ends after %s, too early for what is to be explained", got.Length)
		}
	}
	if lock := sc.Faults[0].(sim.LockTable); lock.Hold != 240*time.Second {
		t.Errorf("the scenario that was handed in has changed: %+v", lock)
	}
}

// TestClosedForms: the figures that are shown beside the simulated ones.
func TestClosedForms(t *testing.T) {
	sc := scenario.INC2847()
	began := sc.Start.Add(301e9)
	f := figuresOf(&sc, Marks{Began: began, Released: began.Add(240e9), Ended: began.Add(1397e9)})
	for name, c := range map[string]struct{ got, want float64 }{
		"calls a second while every try fails":             {f.calls(), 3 * 0.897},
		"calls that wait at the release without a session": {f.backlog(), 3*0.897*240 - 100},
		"session time that would make the backlog last":    {f.needed(), 100 / (3*0.897 + 545.6/1157)},
		"session time of one healthy call":                 {f.hold, 5 * 0.0015},
		"remainder":                                        {f.remainder, 1157},
	} {
		if math.Abs(c.got-c.want) > 0.01*c.want {
			t.Errorf("%s: %.4f, expected %.4f", name, c.got, c.want)
		}
	}
}
