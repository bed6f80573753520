package replicate

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tripcurve/sim/output"
	"tripcurve/sim/world"
)

// Whatever the number of workers, the replications come in their order.
func TestWorkersChangeNothing(t *testing.T) {
	run := func(_ context.Context, n int) (float64, error) { return world.NewStream(Seed(7, n), "x").Float(), nil }
	var want []float64
	for _, workers := range []int{1, 2, 8} {
		var heard []int
		got, err := Run(context.Background(), Plan{N: 50, Workers: workers, Progress: func(done, of int) {
			if of != 50 {
				t.Errorf("%d of %d are done", done, of)
			}
			heard = append(heard, done)
		}}, run)
		if err != nil {
			t.Fatal(err)
		}
		if want == nil {
			want = got
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%d workers: %s", workers, d)
		}
		if len(heard) != 50 || !slices.IsSorted(heard) || heard[49] != 50 {
			t.Errorf("%d workers: progress %v", workers, heard)
		}
	}
}

func TestNoReplications(t *testing.T) {
	got, err := Run(context.Background(), Plan{}, func(context.Context, int) (int, error) { return 1, nil })
	if len(got) != 0 || err != nil {
		t.Errorf("%v, %v", got, err)
	}
}

// The answer names the mistake, not the replications that were called off by it.
func TestMistakeEndsAll(t *testing.T) {
	broken := errors.New("broken")
	for _, workers := range []int{1, 3} {
		made := make([]bool, 1000)
		_, err := Run(context.Background(), Plan{N: 1000, Workers: workers}, func(ctx context.Context, n int) (int, error) {
			made[n-1] = true
			if n == 5 {
				return 0, fmt.Errorf("replication %d: %w", n, broken)
			}
			if n > 5 {
				<-ctx.Done()
				return 0, ctx.Err()
			}
			return n, nil
		})
		if !errors.Is(err, broken) {
			t.Errorf("%d workers: %v", workers, err)
		}
		if made[999] {
			t.Errorf("%d workers went on after the mistake", workers)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Run(ctx, Plan{N: 3, Workers: 2}, func(context.Context, int) (int, error) { return 0, nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("called off: %v", err)
	}
}

// Rounds of ten, until the interval is narrow enough or the budget is spent; the
// same for any number of workers.
func TestUntil(t *testing.T) {
	run := func(_ context.Context, n int) (float64, error) {
		return 10 + 4*world.NewStream(Seed(3, n), "x").Exp(), nil // mean 14, standard deviation 4
	}
	same := func(v float64) float64 { return v }
	for _, c := range []struct {
		rule output.Rule
		n    int // at least, and less than one round more
		stop output.Stop
	}{
		// 1.96*4/sqrt(n) <= 14 x relative, about: n = 31 at 10 %, 126 at 5 %.
		{output.Rule{Relative: 0.05, Most: 500, Level: 0.95}, 80, output.Precise},
		{output.Rule{Relative: 0.05, Most: 25, Level: 0.95}, 25, output.Budget},
		{output.Rule{Relative: 0, Most: 30, Level: 0.95}, 30, output.Budget},
		{output.Rule{Relative: 10, Most: 500, Level: 0.95}, 10, output.Precise},
		{output.Rule{Relative: 10, Most: 4, Level: 0.95}, 4, output.Budget},
	} {
		var want []float64
		for _, workers := range []int{1, 2, 8} {
			got, stop, err := Until(context.Background(), Plan{Workers: workers}, c.rule, same, run)
			if err != nil || stop != c.stop || len(got) < c.n || c.stop == output.Budget && len(got) != c.n {
				t.Errorf("%+v: %d replications, stop %d, %v", c.rule, len(got), stop, err)
			}
			if want == nil {
				want = got
			}
			if d := cmp.Diff(want, got); d != "" {
				t.Errorf("%d workers: %s", workers, d)
			}
		}
	}
}

// Streams of replications, of neighbouring seeds' replications and of seeds that
// are multiples of SplitMix64's increment have nothing to do with each other, at
// any lag: with such seeds a plain SplitMix64 gives lagged copies of one stream.
func TestReplicationsAreIndependent(t *testing.T) {
	const n, lags = 5000, 20
	var streams [][]float64
	for _, seed := range []uint64{0, 1, 2, 0x9e3779b97f4a7c15, 2 * (0x9e3779b97f4a7c15 & (1<<62 - 1))} {
		for replication := 1; replication <= 4; replication++ {
			s := world.NewStream(Seed(seed, replication), "arrivals")
			v := make([]float64, n)
			for i := range v {
				v[i] = s.Float() - 0.5
			}
			streams = append(streams, v)
		}
	}
	var worst float64
	for i, a := range streams {
		for j, b := range streams {
			for lag := range lags {
				if i == j && lag == 0 {
					continue
				}
				var sum float64
				for k := range n - lag {
					sum += a[k] * b[k+lag]
				}
				// Correlation in standard deviations: 8,000 looks at noise stay below 5.
				worst = max(worst, math.Abs(sum*12/math.Sqrt(n)))
			}
		}
	}
	if worst > 5 {
		t.Errorf("the largest cross-correlation is %.1f standard deviations from 0", worst)
	}
}

func TestSeedsDiffer(t *testing.T) {
	seen := map[uint64]bool{}
	for seed := range uint64(100) {
		for replication := range 100 {
			s := Seed(seed, replication+1)
			if seen[s] || s >= 1<<53 {
				t.Fatalf("seed %d, replication %d: %d comes twice or is too long", seed, replication+1, s)
			}
			seen[s] = true
		}
	}
}
