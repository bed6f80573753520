package anomaly_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"tripcurve/internal/incident/anomaly"
)

// shop makes rows of noise of which the first changed jump at an instant.
func shop(r *rand.Rand, rows, samples, changed, when int) []anomaly.Row {
	list := make([]anomaly.Row, rows)
	for i := range list {
		level := 10 + 90*r.Float64()
		v := make([]float64, samples)
		for t := range v {
			v[t] = noise(r, level, level/20)
			if i < changed && t >= when {
				v[t] += level
			}
		}
		list[i] = anomaly.Row{ID: fmt.Sprintf("s%03d", i), Values: v}
	}
	return list
}

func TestConsensusFindsTheCommonJump(t *testing.T) {
	for seed := range uint64(20) {
		r := rand.New(rand.NewPCG(seed, 1))
		when := 100 + r.IntN(300)
		rows := shop(r, 40, 600, 12, when)
		o, ok := anomaly.Consensus(rows, anomaly.ConsensusParams{})
		if !ok {
			t.Fatalf("seed %d: no onset", seed)
		}
		if off := o.At - when; off < -o.Err || off > o.Err || o.Err > 6 {
			t.Errorf("seed %d: onset at %d ± %d, want %d", seed, o.At, o.Err, when)
		}
		var ids []string
		for _, a := range o.Agree {
			if a.Jump > 6 {
				ids = append(ids, a.ID)
			}
		}
		slices.Sort(ids)
		want := make([]string, 12)
		for i := range want {
			want[i] = fmt.Sprintf("s%03d", i)
		}
		if d := cmp.Diff(want, ids); d != "" {
			t.Errorf("seed %d: who agrees: %s", seed, d)
		}
		if o.Of != 40 || !o.Together() {
			t.Errorf("seed %d: %d series, strength %.2f, together %v", seed, o.Of, o.Strength, o.Together())
		}
	}
}

func TestConsensusNeedsMany(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	if o, _ := anomaly.Consensus(shop(r, 40, 600, 1, 300), anomaly.ConsensusParams{}); o.Together() {
		t.Errorf("one series of 40 that jumps is an onset: %d agree, strength %.2f", len(o.Agree), o.Strength)
	}
	if o, _ := anomaly.Consensus(shop(r, 200, 600, 0, 0), anomaly.ConsensusParams{}); o.Together() {
		t.Errorf("noise is an onset: %d agree, strength %.2f", len(o.Agree), o.Strength)
	}
}

// The first of two comes first, though the later is larger.
func TestConsensusTakesTheFirst(t *testing.T) {
	r := rand.New(rand.NewPCG(2, 2))
	rows := shop(r, 30, 600, 25, 200)
	for i := range rows[:28] {
		for t := 400; t < 600; t++ {
			rows[i].Values[t] *= 2
		}
	}
	if o, _ := anomaly.Consensus(rows, anomaly.ConsensusParams{}); o.At < 197 || o.At > 203 {
		t.Errorf("onset at %d, want 200", o.At)
	}
}

func TestConsensusSurvivesAnything(t *testing.T) {
	constant := []float64{5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5}
	gone := slices.Repeat([]float64{nan}, 40)
	for name, rows := range map[string][]anomaly.Row{
		"no rows":  nil,
		"constant": {{ID: "a", Values: constant}},
		"gone":     {{ID: "a", Values: gone}},
		"short":    {{ID: "a", Values: []float64{1, 2, 3}}},
		"empty":    {{ID: "a"}},
		"coarse":   {{ID: "a", Values: []float64{1, 2, 3, 4, 5, 6}, Every: 100}},
	} {
		if o, ok := anomaly.Consensus(rows, anomaly.ConsensusParams{}); ok || o.Together() {
			t.Errorf("%s: onset %+v", name, o)
		}
	}
}

// A series sampled each 10 s agrees on a 1 s grid, and does not blur the instant
// that finer ones tell.
func TestConsensusOfDifferentSteps(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 3))
	rows := shop(r, 10, 600, 5, 313)
	coarse := make([]float64, 600)
	for i := 0; i < 600; i += 10 {
		v := noise(r, 10, 0.5)
		if i+9 >= 313 {
			v += 20
		}
		for k := range 10 {
			coarse[i+k] = v
		}
	}
	rows = append(rows, anomaly.Row{ID: "coarse", Values: coarse, Every: 10})
	o, _ := anomaly.Consensus(rows, anomaly.ConsensusParams{})
	if off := o.At - 313; off < -2 || off > 2 {
		t.Errorf("onset at %d, want 313", o.At)
	}
	if !slices.ContainsFunc(o.Agree, func(a anomaly.Agreement) bool { return a.ID == "coarse" && a.Jump > 0 }) {
		t.Errorf("the coarse series does not agree: %+v", o.Agree)
	}
}

// Rows in another order are the same evidence.
func TestConsensusIsDeterministic(t *testing.T) {
	rows := shop(rand.New(rand.NewPCG(4, 4)), 30, 400, 10, 200)
	a, _ := anomaly.Consensus(rows, anomaly.ConsensusParams{})
	slices.Reverse(rows)
	b, _ := anomaly.Consensus(rows, anomaly.ConsensusParams{})
	if d := cmp.Diff(a, b, cmpopts.EquateApprox(0, 1e-9)); d != "" {
		t.Error(d)
	}
}

// BenchmarkLive is what an evaluation costs while an indicator is breached: the
// consensus over 1,000 series of 600 samples, own-excess over 50 components and
// the gaps of their edges. Promised: 20 ms.
func BenchmarkLive(b *testing.B) {
	rows := shop(rand.New(rand.NewPCG(5, 5)), 1000, 600, 300, 400)
	g, edges := bigGraph(50)
	before := processorTime(b)
	for b.Loop() {
		if o, ok := anomaly.Consensus(rows, anomaly.ConsensusParams{}); !ok || o.At < 390 || o.At > 410 {
			b.Fatalf("onset %+v", o)
		}
		if s := g.OwnExcess(0); s[0].Name != "n49" {
			b.Fatalf("first is %s", s[0].Name)
		}
		anomaly.NodeGaps(edges)
	}
	b.ReportMetric(float64(processorTime(b)-before)/float64(b.N)/1e6, "cpu-ms/evaluation")
}

// processorTime is what this process has used: the clock would measure the
// neighbours.
func processorTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
