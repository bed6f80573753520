package curve

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tripcurve/internal/policy/library"
)

// all are the libraries that have a breaker, with the same numbers.
func all(t testing.TB, timeout time.Duration) (settings []Setting) {
	t.Helper()
	for _, l := range library.All() {
		s, _ := OfNeutral(l, Same(timeout))
		if s.Check() == nil {
			settings = append(settings, s)
		}
	}
	return settings
}

func compute(t testing.TB, settings []Setting, o Options) *Result {
	t.Helper()
	r, err := Compute(context.Background(), settings, o, nil)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestWorkersDoNotMatter(t *testing.T) {
	o := Defaults()
	o.Shares, o.Horizon, o.Seeds, o.HealthyLength = Shares(8), 40*time.Second, 3, time.Hour
	one := compute(t, all(t, o.Timeout), o)
	o.Workers = 3
	three := compute(t, all(t, o.Timeout), o)
	three.Options.Workers = one.Options.Workers
	if d := cmp.Diff(one, three); d != "" {
		t.Errorf("(-one worker +three):\n%s", d)
	}
}

// The promise is 5 s on two cores for twelve libraries, 40 shares, errors and
// hangs, 120 s, 5 seeds.
func BenchmarkCurve(b *testing.B) {
	o := Defaults()
	o.Workers = 2
	settings := all(b, o.Timeout)
	var decisions uint64
	b.ResetTimer()
	for range b.N {
		decisions += compute(b, settings, o).Decisions
	}
	seconds := b.Elapsed().Seconds()
	b.ReportMetric(float64(decisions)/seconds, "decisions/s")
	b.ReportMetric(float64(decisions)/float64(b.N), "decisions/op")
	b.ReportMetric(12*seconds/float64(b.N)/float64(len(settings)), "s/12libraries")
}
