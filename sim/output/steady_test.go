package output

import (
	"math"
	"math/rand/v2"
	"testing"
)

// process is an AR(1) series around a mean with a warm-up that decays: x is drawn
// towards its mean by 1-memory each step.
func process(seed uint64, n int, mean, memory, start float64) []float64 {
	rng := rand.New(rand.NewPCG(seed, 1))
	v := make([]float64, n)
	x := start
	for i := range v {
		x = mean + memory*(x-mean) + rng.NormFloat64()
		v[i] = x
	}
	return v
}

func TestWarmupIsFound(t *testing.T) {
	// Starting 200 above the mean, with memory 0.99, the bias is below the noise
	// (standard deviation 7) after some 350 to 600 values.
	skip, ok := Warmup(process(1, 20_000, 0, 0.99, 200))
	if !ok || skip < 200 || skip > 1500 {
		t.Errorf("%d values are warm-up, %v", skip, ok)
	}
	if skip, ok := Warmup(process(1, 20_000, 0, 0.5, 0)); !ok || skip > 5000 {
		t.Errorf("a series without warm-up loses %d values, %v", skip, ok)
	}
	rising := make([]float64, 1000)
	for i := range rising {
		rising[i] = float64(i * i)
	}
	if skip, ok := Warmup(rising); ok {
		t.Errorf("a series that never settles was cut after %d", skip)
	}
	if _, ok := Warmup([]float64{1, 2, 3}); ok {
		t.Error("three values are no series")
	}
}

func TestWarmupIsAMultipleOfFiveByHand(t *testing.T) {
	// Means of five: 9, 1, 2, 1, 2, 1, 2, 1, 2, 1, 2. Left out the first, the ten
	// others have squares of 2.5 about their mean: 2.5/100. With it 53.6/121; without
	// the first two 2.22/81, which is more.
	var v []float64
	for _, m := range []float64{9, 1, 2, 1, 2, 1, 2, 1, 2, 1, 2} {
		v = append(v, m-1, m, m+1, m, m)
	}
	if skip, ok := Warmup(v); skip != 5 || !ok {
		t.Errorf("%d, %v", skip, ok)
	}
}

// The interval of a correlated series has the coverage that it claims.
func TestSteadyMeanCovers(t *testing.T) {
	const experiments, mean = 400, 30.0
	hits, correlated := 0, 0
	for seed := range uint64(experiments) {
		s, err := SteadyMean(process(seed, 10_000, mean, 0.8, 0), 25, 0.95)
		if err != nil {
			t.Fatal(err)
		}
		if s.Contains(mean) {
			hits++
		}
		if s.Correlated() {
			correlated++
		}
	}
	if share := Share(hits, experiments, 0.999); !share.Contains(0.95) {
		t.Errorf("the mean is in %d of %d intervals of 95 %%", hits, experiments)
	}
	// Independent batches have a lag-1 correlation above 0.1 by chance: 1/sqrt(25) is
	// its standard deviation, -1/25 its mean, so in about a quarter of the runs.
	if correlated < experiments/10 || correlated > experiments*4/10 {
		t.Errorf("%d of %d runs have correlated batches", correlated, experiments)
	}
}

func TestShortBatchesAreSaid(t *testing.T) {
	s, err := SteadyMean(process(1, 3000, 0, 0.995, 0), 30, 0.95)
	if err != nil || !s.Correlated() {
		t.Errorf("batches of 100 of a series that remembers 200: lag 1 is %.2f, %v", s.Lag1, err)
	}
	if _, err := SteadyMean(process(1, 40, 0, 0, 0), 30, 0.95); err == nil {
		t.Error("40 values made 30 batches")
	}
	if _, err := SteadyMean(process(1, 4000, 0, 0, 0), 5, 0.95); err == nil {
		t.Error("5 batches were enough")
	}
	if v := lag1([]float64{1, 1, 1}); v != 0 || math.IsNaN(v) {
		t.Errorf("lag 1 of a constant: %v", v)
	}
}
