package anomaly_test

import (
	"math/rand/v2"
	"testing"

	"tripcurve/internal/incident/anomaly"
)

// errors is a share of failed requests: half a percent, and from an instant on
// more.
func failing(r *rand.Rand, n, when int, share float64) anomaly.Indicator {
	i := anomaly.Indicator{ID: "errors", Bad: anomaly.Up, Quantum: 0.01}
	for t := range n {
		v := 0.01 * r.Float64()
		if t >= when {
			v += share
		}
		i.Values = append(i.Values, v)
	}
	return i
}

func TestOpenTakesABreachAndConsensus(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 9))
	moved, still := shop(r, 40, 600, 12, 300), shop(r, 40, 600, 0, 0)
	bad, good := failing(r, 600, 302, 0.5), failing(r, 600, 600, 0)
	for _, c := range []struct {
		name string
		sli  anomaly.Indicator
		rows []anomaly.Row
		want bool
	}{
		{"both", bad, moved, true},
		{"many series, no user notices", good, moved, false},
		{"users notice, nothing else moved", bad, still, false},
		{"nothing", good, still, false},
	} {
		o := anomaly.Open([]anomaly.Indicator{c.sli}, func() []anomaly.Row { return c.rows }, anomaly.ConsensusParams{})
		if o.Open != c.want {
			t.Errorf("%s: open %v (onset %d ± %d, %d of %d agree, strength %.2f, %d breaches), want %v", c.name, o.Open,
				o.Onset.At, o.Onset.Err, len(o.Onset.Agree), o.Onset.Of, o.Onset.Strength, len(o.Breaches), c.want)
		}
		if o.Open && (o.Breaches[0].At < 300 || o.Breaches[0].At > 320) {
			t.Errorf("%s: alarm at %d, want soon after 302", c.name, o.Breaches[0].At)
		}
	}
}

// While no indicator alarms nobody asks for the series.
func TestOpenLooksOnlyOnAlarm(t *testing.T) {
	r := rand.New(rand.NewPCG(10, 10))
	o := anomaly.Open([]anomaly.Indicator{failing(r, 600, 600, 0)}, func() []anomaly.Row {
		t.Error("the series were asked for")
		return nil
	}, anomaly.ConsensusParams{})
	if o.Open {
		t.Errorf("opens: %+v", o)
	}
}
