package anomaly_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"tripcurve/internal/incident/anomaly"
)

func noise(r *rand.Rand, level, sigma float64) float64 { return level + sigma*r.NormFloat64() }

func second(i int) time.Time { return t0.Add(time.Duration(i) * time.Second) }

func TestCUSUMFindsAStepAndItsBeginning(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	c := anomaly.NewCUSUM(anomaly.CUSUMParams{Bad: anomaly.Up})
	raised := -1
	for i := range 600 {
		v := noise(r, 100, 5)
		if i >= 400 && i < 500 {
			v += 200
		}
		in := c.Observe(second(i), v)
		switch {
		case i < 400 && in:
			t.Fatalf("alarm at %d, before anything happened", i)
		case in && raised < 0:
			raised = i
			began, _, _ := c.Onset()
			if off := began.Sub(second(400)); off < -3*time.Second || off > time.Second {
				t.Errorf("onset %v off", off)
			}
		}
	}
	if raised < 400 || raised > 410 {
		t.Errorf("raised at %d, want within 10 s of 400", raised)
	}
	if _, _, still := c.Onset(); still {
		t.Error("still in alarm 100 s after it was over")
	}
}

// What was learned stands still in alarm: after an incident as long as the whole
// baseline the old level is still the usual one.
func TestCUSUMDoesNotLearnTheIncident(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	c := anomaly.NewCUSUM(anomaly.CUSUMParams{Bad: anomaly.Up, Baseline: 100})
	for i := range 100 {
		c.Observe(second(i), noise(r, 10, 1))
	}
	for i := range 1000 {
		if in := c.Observe(second(100+i), noise(r, 100, 1)); i > 20 && !in {
			t.Fatalf("the incident became the usual after %d s", i)
		}
	}
	c.Accept()
	for i := range 200 {
		if c.Observe(second(1100+i), noise(r, 100, 1)) {
			t.Fatal("alarm at a level that was accepted")
		}
	}
}

func TestCUSUMWatchesTheBadSideOnly(t *testing.T) {
	for _, bad := range []anomaly.Direction{anomaly.Up, anomaly.Down, anomaly.Both} {
		r := rand.New(rand.NewPCG(5, 6))
		c := anomaly.NewCUSUM(anomaly.CUSUMParams{Bad: bad})
		in := false
		for i := range 200 {
			v := noise(r, 100, 2)
			if i >= 150 {
				v = 10
			}
			in = c.Observe(second(i), v)
		}
		if want := bad != anomaly.Up; in != want {
			t.Errorf("a fall, bad is %d: alarm %v, want %v", bad, in, want)
		}
	}
}

func TestCUSUMOneSampleIsNoAlarm(t *testing.T) {
	c := anomaly.NewCUSUM(anomaly.CUSUMParams{Bad: anomaly.Up})
	for i := range 300 {
		v := 100 + float64(i%7)
		if i%50 == 49 {
			v = 1e9
		}
		if c.Observe(second(i), v) {
			t.Fatalf("alarm at %d for single samples", i)
		}
		c.Observe(second(i), nan) // a gap changes nothing
	}
}

func BenchmarkCUSUM(b *testing.B) {
	r := rand.New(rand.NewPCG(7, 8))
	values := make([]float64, 4096)
	for i := range values {
		values[i] = noise(r, 100, 5)
	}
	c := anomaly.NewCUSUM(anomaly.CUSUMParams{})
	i := 0
	for b.Loop() {
		c.Observe(t0, values[i%len(values)])
		i++
	}
}
