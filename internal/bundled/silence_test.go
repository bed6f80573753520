package bundled

import (
	"context"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"tripcurve/internal/incident"
	"tripcurve/internal/incident/cause"
	"tripcurve/services/gateway"
	"tripcurve/sim"
	"tripcurve/sim/scenario"
)

// shopDay is a healthy shop's day: few requests at night, six times as many in
// the evening, Poisson about that.
func shopDay(seed uint64) sim.Scenario {
	sc := scenario.Healthy()
	sc.Name, sc.Seed, sc.Length = "a healthy day", seed, 24*time.Hour
	// At night no checkout comes for a minute, and a balancer that then drops the
	// connection makes an incident: a shop whose calls have no deadline is not healthy.
	sc.World.IdleDrop = 0
	r := rand.New(rand.NewPCG(seed, 2847))
	const most = 1.2 // per second
	for at := time.Duration(0); ; {
		at += time.Duration(r.ExpFloat64() / most * float64(time.Second))
		if at >= sc.Length {
			break
		}
		hour := at.Hours()
		share := (1 + 5*math.Pow(math.Sin(math.Pi*hour/24), 2)) / 6 // the day's peak is at its middle
		if r.Float64() > share {
			continue
		}
		route := gateway.GetOrder
		switch u := r.Float64(); {
		case u < 0.25:
			route = gateway.PostOrder
		case u < 0.6:
			route = gateway.GetStock
		}
		sc.Arrivals = append(sc.Arrivals, sim.Arrival{At: at, Route: route})
	}
	return sc
}

// part is the evidence that lies in a window, as somebody would have it who
// began to look then.
func part(v *incident.View, w incident.Window) *incident.View {
	ev := incident.NewEvidence()
	v.EachBucket(w, func(b *incident.Bucket) { ev.Add(*b) })
	v.EachLatency(w, func(l *incident.Latency) { ev.Add(*l) })
	v.EachEpisode(func(e *incident.Episode) {
		if w.Has(e.From) && w.Has(e.To) {
			ev.Add(*e)
		}
	})
	for _, s := range v.AllSeries() {
		of := *s
		of.Points = nil
		for _, p := range s.Points {
			if w.Has(p.At) {
				of.Points = append(of.Points, p)
			}
		}
		if len(of.Points) > 0 {
			ev.Add(of)
		}
	}
	return ev.Snapshot()
}

// TestLongHealthyDayOpensNothing looks at a simulated day 287 times, ten minutes
// each. The recorded fault-free time of other systems is looked at by make rca.
func TestLongHealthyDayOpensNothing(t *testing.T) {
	in, err := FromScenario(context.Background(), shopDay(1))
	if err != nil {
		t.Fatal(err)
	}
	v := in.Evidence.Snapshot()
	const length, every = 10 * time.Minute, 5 * time.Minute
	start := in.Scenario.Start
	windows, impacts := 0, 0
	for from := start; !from.Add(length).After(start.Add(in.Scenario.Length)); from = from.Add(every) {
		windows++
		w := incident.Window{From: from, To: from.Add(length)}
		seen := part(v, w)
		if n := len(seen.Buckets()); n < 20 {
			t.Fatalf("%s has %d buckets: the window is empty", from, n)
		}
		a := cause.Analyze(seen, cause.Options{})
		if a.Impact.Length() > 0 {
			impacts++
		}
		for _, f := range a.Findings {
			if f.Confidence == incident.Likely {
				t.Errorf("%s: Likely: %s", from, f.Claim)
			}
		}
		if a.Onset.Opens {
			t.Errorf("%s opens an incident: %s", from, a.Onset.Says)
		}
	}
	if windows < 280 {
		t.Errorf("%d windows, 287 are wanted", windows)
	}
	t.Logf("%d windows of %d requests: %d impacts, 0 Likely, 0 incidents", windows, len(in.Scenario.Arrivals), impacts)
}
