package fit

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"tripcurve/internal/incident"
	"tripcurve/internal/incident/sketch"
	"tripcurve/sim"
)

// poisson is a count of that mean, by Knuth's product.
func poisson(r *rand.Rand, mean float64) float64 {
	n, p := -1.0, 1.0
	for least := math.Exp(-mean); p > least; n++ {
		p *= r.Float64()
	}
	return n
}

// TestSegments: a step of the traffic is found to a few seconds, traffic without one is
// one stretch, and what comes in each part between two cuts is right to the request.
func TestSegments(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	one := 0
	for n := range 20 {
		var counts []float64
		for s := range 600 {
			mean := 2.0
			if s >= 200 && s < 300 {
				mean = 8
			}
			counts = append(counts, poisson(r, mean))
		}
		parts := segmentsOf(counts, []int{450})
		came := func(from, to int) (n float64) {
			for _, p := range parts {
				n += p.per * float64(max(0, min(p.to, to)-max(p.from, from)))
			}
			return n
		}
		for _, w := range [][2]int{{0, 450}, {450, 600}} {
			if want := sum(counts[w[0]:w[1]]); math.Abs(came(w[0], w[1])-want) > 1e-6*want {
				t.Errorf("%d: %.3f requests from %d to %d, there were %.0f", n, came(w[0], w[1]), w[0], w[1], want)
			}
		}
		for _, at := range []int{200, 300} {
			near := false
			for _, p := range parts {
				near = near || max(p.from-at, at-p.from) <= 4
			}
			if !near {
				t.Errorf("%d: the step at %d s is not found: %+v", n, at, parts)
			}
		}
		if len(segmentsOf(counts[300:], nil)) == 1 {
			one++
		}
	}
	if one < 19 {
		t.Errorf("steady traffic is one stretch in %d of 20 cases", one)
	}
}

// TestSegmentsGap: seconds without a log are no seconds without requests.
func TestSegmentsGap(t *testing.T) {
	counts := make([]float64, 300)
	for i := range counts {
		counts[i] = 3
		if i >= 100 && i < 200 {
			counts[i] = math.NaN()
		}
	}
	if parts := segmentsOf(counts, nil); len(parts) != 1 || parts[0].per != 3 {
		t.Errorf("%+v", parts)
	}
	for _, short := range [][]float64{nil, {0}, {math.NaN(), math.NaN()}} {
		for _, p := range segmentsOf(short, []int{0, len(short), 7}) {
			if p.per != 0 {
				t.Errorf("%v: %+v", short, p)
			}
		}
	}
}

// TestRateOf: steps as the description has them, two points at one instant.
func TestRateOf(t *testing.T) {
	r := rateOf([]segment{{0, 10, 1.23456}, {10, 30, 2}})
	want := []sim.RatePoint{{Per: 1.235}, {At: 10 * time.Second, Per: 1.235}, {At: 10 * time.Second, Per: 2}}
	if len(r.Points) != len(want) {
		t.Fatalf("%+v", r.Points)
	}
	for i, p := range r.Points {
		if p != want[i] {
			t.Errorf("point %d: %+v, expected %+v", i, p, want[i])
		}
	}
}

// TestRound: a limit is as round as its bin allows, and never outside of it.
func TestRound(t *testing.T) {
	for _, c := range []time.Duration{30 * time.Second, 10 * time.Second, 6 * time.Second, 5 * time.Second, 1500 * time.Millisecond, time.Second, 250 * time.Millisecond, 100 * time.Millisecond} {
		s := sketch.New()
		s.AddN(c, 100)
		if got := round(s.Quantile(0.5)); got != c {
			t.Errorf("%s: %s", c, got)
		}
	}
	s := sketch.New()
	s.AddN(5123*time.Millisecond, 100)
	if got := round(s.Quantile(0.5)); float64(got) < 0.98*5123e6 || float64(got) > 1.02*5123e6 {
		t.Errorf("5.123 s: %s", got)
	}
}

// TestDistOf: what is drawn from a recorded distribution has its quantiles.
func TestDistOf(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	s := sketch.New()
	for range 5000 {
		s.Add(time.Duration(r.ExpFloat64() * float64(20*time.Millisecond)))
	}
	s.AddN(0, 30) // below what the log tells
	d := distOf(s)
	if found, expected := d.Wrong(); found != "" {
		t.Fatalf("found %s, expected %s", found, expected)
	}
	for _, q := range []float64{0.1, 0.5, 0.9, 0.99} {
		want, got := middle(s, q), d.Draw(q)
		if off := math.Abs(float64(got-want)) / float64(want); off > 0.03 {
			t.Errorf("p%g: %s, expected %s", 100*q, got, want)
		}
	}
	if d.Draw(0) <= 0 {
		t.Error("a time of nothing can be drawn")
	}
}

// TestBeyond: so many times as long, and that share of the times outlasts the limit.
func TestBeyond(t *testing.T) {
	s := sketch.New()
	for i := 1; i <= 1000; i++ {
		s.Add(time.Duration(i) * time.Millisecond)
	}
	d := distOf(s)
	for _, share := range []float64{0.2, 0.5, 0.9, 1} {
		factor := beyond(5*time.Second, share, d)
		n := 0
		for i := range 1000 {
			if factor*float64(d.Draw((float64(i)+0.5)/1000)) > 5e9 {
				n++
			}
		}
		if got := float64(n) / 1000; math.Abs(got-share) > 0.03 {
			t.Errorf("%g of them are to last longer: %g do, at %g times as long", share, got, factor)
		}
	}
}

// TestBetween: a minute where it is possible, else within the bounds.
func TestBetween(t *testing.T) {
	for _, c := range []struct{ least, most, want time.Duration }{
		{7 * time.Second, 195 * time.Second, time.Minute},
		{2 * time.Second, 14 * time.Second, 5 * time.Second},
		{2 * time.Minute, 8 * time.Minute, 4 * time.Minute},
	} {
		if got := between(c.least, c.most); got != c.want {
			t.Errorf("between %s and %s: %s, expected %s", c.least, c.most, got, c.want)
		}
	}
}

// TestNames: every endpoint has one of its own, of which a pipeline takes any.
func TestNames(t *testing.T) {
	r := &recording{}
	for _, e := range []incident.Endpoint{{Method: "GET", Route: "/a/:id"}, {Method: "GET", Route: "/a/{id}"}, {Method: "", Route: "\x1b[31m"}, {Method: "", Route: ""}, {Method: "POST", Route: "/é"}} {
		r.endpoints = append(r.endpoints, &endpoint{Impact: incident.Impact{Endpoint: e}})
	}
	r.nameEndpoints()
	want := []string{"get_a_id", "get_a_id_2", "x31m", "x", "post"}
	for i, e := range r.endpoints {
		if e.name != want[i] {
			t.Errorf("%q: %s, expected %s", e.Endpoint, e.name, want[i])
		}
	}
}

// TestHolds: outside of the bound only what chance gives holds, and what is told
// infinitely wrong never.
func TestHolds(t *testing.T) {
	for _, c := range []struct {
		name       string
		q          Quantity
		holds, may bool
	}{
		{"within", relative("e", "n", "1", 100, 101, 1, 0.02), true, false},
		{"outside", relative("e", "n", "1", 100, 103, 1, 0.02), false, false},
		{"outside, by chance", Quantity{Recorded: 0.1, Error: 0.3, Bound: 0.1, Lo: 0.08, Hi: 0.2}, true, true},
		{"outside, and not by chance", Quantity{Recorded: 0.1, Error: 0.3, Bound: 0.1, Lo: 0.11, Hi: 0.2}, false, false},
		{"nothing recorded", relative("e", "n", "1", 0, 3, 1, 0.02), false, false},
		{"nothing in either", relative("e", "n", "1", 0, 0, 1, 0.02), true, false},
	} {
		if c.q.Holds() != c.holds || c.q.ByChance() != c.may {
			t.Errorf("%s: holds %t, by chance %t", c.name, c.q.Holds(), c.q.ByChance())
		}
	}
}
