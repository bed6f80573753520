package sim

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestParseDist(t *testing.T) {
	const ms = time.Millisecond
	for text, want := range map[string]Dist{
		"3ms":                              Fixed(3 * ms),
		"0":                                {},
		"exponential:3ms":                  {Shape: Exponential, A: 3 * ms},
		"log_normal:3ms:0.8":               {Shape: LogNormal, A: 3 * ms, B: 0.8},
		"pareto:1ms:1.5":                   {Shape: Pareto, A: ms, B: 1.5},
		"pareto:1ms:1.5:10s":               {Shape: Pareto, A: ms, B: 1.5, Most: 10 * time.Second},
		"uniform:1ms:5ms":                  {Shape: Empirical, Points: []QuantilePoint{{At: ms}, {Share: 1, At: 5 * ms}}},
		"empirical:p0=1ms:p50=3ms:p100=1s": {Shape: Empirical, Points: []QuantilePoint{{At: ms}, {Share: 0.5, At: 3 * ms}, {Share: 1, At: time.Second}}},
	} {
		got, err := ParseDist(text)
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("%s: %v (-want +got):\n%s", text, err, diff)
		}
	}
	d, err := ParseDist("log_normal:3ms:p99=40ms")
	if err != nil {
		t.Fatal(err)
	}
	if p99 := d.Draw(0.99); math.Abs(float64(p99-40*ms)) > float64(time.Microsecond) {
		t.Errorf("the p99 of one with p99=40ms is %s", p99)
	}
	for text, want := range map[string]string{
		"gauss:3ms":                 `"gauss:3ms" is not a distribution: expected one like 3ms, exponential:3ms`,
		"exponential":               "is not a distribution",
		"exponential:-3ms":          "is not a distribution",
		"log_normal:3ms:p99=1ms":    "is not a distribution",
		"log_normal:3ms:11":         "found a spread of 11, expected a number from 0 to 10",
		"pareto:0ms:1.5":            "expected both above 0",
		"pareto:2ms:1.5:1ms":        "expected more than the least, 2ms",
		"uniform:5ms:1ms":           "expected rising quantiles",
		"empirical:p10=1ms:p100=1s": "found quantiles that do not reach from p0 to p100",
	} {
		if _, err := ParseDist(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want one with %s", text, err, want)
		}
	}
}

// The mean of each shape is that of its draws.
func TestDistMean(t *testing.T) {
	for _, text := range []string{"3ms", "exponential:3ms", "log_normal:3ms:0.8", "pareto:1ms:1.5:10s", "pareto:1ms:3", "uniform:1ms:5ms", "empirical:p0=1ms:p50=3ms:p100=1s"} {
		d, err := ParseDist(text)
		if err != nil {
			t.Fatal(err)
		}
		const n = 1_000_000
		sum := 0.0
		for i := range n {
			sum += float64(d.Draw((float64(i) + 0.5) / n))
		}
		if mean := sum / n; math.Abs(mean/d.Mean()-1) > 0.002 {
			t.Errorf("%s: mean %g, its draws have %g", text, d.Mean(), mean)
		}
	}
}
