package diagnose

import (
	"math"
	"testing"

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
