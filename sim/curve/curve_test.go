package curve

import (
	"context"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tripcurve/internal/policy/library"
	"tripcurve/internal/policy/policytest"
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
	o.Shares, o.Horizon, o.Seeds, o.HealthyLength = Shares(8), 40*time.Second, 2, 10*time.Minute
	one := compute(t, all(t, o.Timeout), o)
	o.Workers = 3
	three := compute(t, all(t, o.Timeout), o)
	three.Options.Workers = one.Options.Workers
	if d := cmp.Diff(one, three); d != "" {
		t.Errorf("(-one worker +three):\n%s", d)
	}
}

// The promise is 5 s on two cores for twelve libraries, 40 shares, errors and
// hangs, 120 s, 5 seeds. The command counts the false trips of half a day besides.
func BenchmarkCurve(b *testing.B) {
	for _, healthy := range []time.Duration{0, Defaults().HealthyLength} {
		b.Run("healthy "+healthy.String(), func(b *testing.B) {
			o := Defaults()
			o.Workers, o.HealthyLength = 2, healthy
			settings := all(b, o.Timeout)
			var decisions uint64
			b.ResetTimer()
			began := policytest.CPUTime(b)
			for range b.N {
				decisions += compute(b, settings, o).Decisions
			}
			seconds := b.Elapsed().Seconds()
			b.ReportMetric(float64(decisions)/seconds, "decisions/s")
			b.ReportMetric(float64(decisions)/float64(b.N), "decisions/op")
			b.ReportMetric((policytest.CPUTime(b)-began).Seconds()/float64(b.N), "cpu_s/op")
			b.ReportMetric(12*seconds/float64(b.N)/float64(len(settings)), "s/12libraries")
		})
	}
}

func opossum(params map[string]string) Setting {
	return Setting{Name: "opossum", Library: "opossum", Params: params}
}

// quick is few runs.
func quick() Options {
	o := Defaults()
	o.Shares, o.Healthy, o.Horizon = []float64{1}, nil, 30*time.Second
	return o
}

// A library without a time limit sees no hang; the caller's own makes it one.
func TestWithoutATimeLimitNothingOpens(t *testing.T) {
	o := quick()
	o.Timeout = 0
	forever := opossum(map[string]string{"timeout": "false"})
	curves := compute(t, []Setting{forever}, o).Curves
	if p := curves[0].Points[0]; curves[0].Mode != Errors || p.Never() != 0 {
		t.Errorf("errors do not open it: %+v", p)
	}
	if p := curves[1].Points[0]; p.Never() != o.Seeds || p.OpenAfter(0) != Never || p.Calls(0.5) < 500 {
		t.Errorf("hangs that never end: %+v", p)
	}
	forever.Timeout = time.Second
	if c := compute(t, []Setting{forever}, o).Curves[1]; c.Limit != time.Second || c.Points[0].Never() != 0 {
		t.Errorf("with the caller's own time limit: %+v", c)
	}
}

// What did not open counts as longer than everything that did.
func TestNeverIsNotAveragedAway(t *testing.T) {
	p := Point{Runs: []Run{{3 * time.Second, 30, 3}, {Never, 600, 60}, {time.Second, 10, 1}, {2 * time.Second, 20, 2}, {Never, 500, 50}}}
	for q, want := range map[float64]time.Duration{0: time.Second, 0.25: 2 * time.Second, 0.375: 2500 * time.Millisecond, 0.5: 3 * time.Second, 0.6: Never, 0.95: Never, 1: Never} {
		if got := p.OpenAfter(q); got != want {
			t.Errorf("the %g quantile is %s, want %s", q, got, want)
		}
	}
	if p.Never() != 2 || p.Calls(0.5) != 30 || p.Failed(1) != 60 {
		t.Errorf("%d never, %g calls, %g failed", p.Never(), p.Calls(0.5), p.Failed(1))
	}
}

// After a quiet window one failure opens opossum without a volume threshold.
func TestFalseTrips(t *testing.T) {
	o := quick()
	o.Rate, o.Healthy, o.HealthyLength = 0.2, []float64{0.01}, 10*24*time.Hour
	quiet := opossum(map[string]string{"volumeThreshold": "0"})
	careful := opossum(map[string]string{"volumeThreshold": "10"})
	careful.Name = "careful"
	r := compute(t, []Setting{quiet, careful}, o)
	if h := r.Healthy[0]; h.Trips < 50 || h.Length != o.HealthyLength || h.Rejected == 0 || h.PerDay() < 5 {
		t.Errorf("without a volume threshold %+v", h)
	}
	if h := r.Healthy[1]; h.Trips != 0 || h.AtMost() < 0.29 || h.AtMost() > 0.31 || h.RejectedShare() != 0 {
		t.Errorf("with one %+v, at most %g a day", h, h.AtMost())
	}
}

// The library's own bound on the calls in flight stands where its order puts it:
// inside semian's breaker a call without a ticket is an error that it counts.
func TestBoundOnCallsInFlight(t *testing.T) {
	o := quick()
	o.Arrivals, o.Modes = Regular, []Mode{Hangs}
	s := Setting{Name: "semian", Library: "semian", Params: map[string]string{"error_threshold": "3", "error_timeout": "10", "tickets": "5"}}
	p := compute(t, []Setting{s}, o).Curves[0].Points[0]
	if p.Calls(0.5) != 5 || p.OpenAfter(0.5) != 350*time.Millisecond {
		t.Errorf("%g calls let in, open after %s: want the 5 tickets, and the 3 calls after them to open it", p.Calls(0.5), p.OpenAfter(0.5))
	}
}

func TestShares(t *testing.T) {
	if got := Shares(40); len(got) != 40 || got[0] != 0.01 || got[3] != 0.1 || got[9] != 0.25 || got[19] != 0.5 || got[39] != 1 {
		t.Errorf("40 shares: %v", got)
	}
	for n := 1; n < 100; n++ {
		s := Shares(n)
		if len(s) != n || s[n-1] != 1 || !slices.IsSorted(s) || s[0] <= 0 {
			t.Errorf("%d shares: %v", n, s)
		}
	}
}

func TestQueueKeepsOrder(t *testing.T) {
	var q queue
	for round := range 3 {
		var want []time.Duration
		for i := range 200 {
			at := time.Duration(i*7%50 + i)
			q.push(call{end: at})
			want = append(want, at)
			if i%3 == 0 {
				slices.Sort(want)
				if got := q.pop().end; got != want[0] {
					t.Fatalf("round %d: popped %d, want %d", round, got, want[0])
				}
				want = want[1:]
			}
		}
		q.empty()
		if q.head() != never {
			t.Fatal("not empty")
		}
	}
}

func TestBadInput(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*Options)
		want   string
	}{
		"no rate":       {func(o *Options) { o.Rate = 0 }, "rate 0"},
		"rate not real": {func(o *Options) { o.Rate = math.NaN() }, "rate NaN"},
		"no seeds":      {func(o *Options) { o.Seeds = 0 }, "0 seeds"},
		"a million":     {func(o *Options) { o.Seeds = 1_000_000 }, "1000000 seeds: expected 1 to 1000"},
		"many runs":     {func(o *Options) { o.Seeds, o.Shares = 1000, Shares(1000) }, "2000000 runs"},
		"much to keep":  {func(o *Options) { o.Seeds, o.Rate, o.Healthy = 1000, 10_000, nil }, "calls to keep"},
		"busy and long": {func(o *Options) { o.Rate = 2000 }, "healthy length of 12h0m0s: more than"},
		"no shares":     {func(o *Options) { o.Shares = nil }, "no share"},
		"share above 1": {func(o *Options) { o.Shares = []float64{1.5} }, "share 1.5"},
		"healthy 0":     {func(o *Options) { o.Healthy = []float64{0} }, "share 0"},
		"no horizon":    {func(o *Options) { o.Horizon = 0 }, "horizon 0s"},
		"too long":      {func(o *Options) { o.Horizon = 1 << 60 }, "more than"},
		"100 hours":     {func(o *Options) { o.Horizon, o.Healthy = 100*time.Hour, nil }, "more than 10000000 calls to keep: shorten the horizon"},
		"turned":        {func(o *Options) { o.Turned = 2 }, "turned away"},
	} {
		o := Defaults()
		c.change(&o)
		_, err := Compute(context.Background(), []Setting{opossum(nil)}, o, nil)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, s := range map[string]Setting{
		"no such breaker library": {Name: "x", Library: "x"},
		"has no circuit breaker":  {Name: "grpc", Library: "grpc"},
		"no option \"window\"":    opossum(map[string]string{"window": "5s"}),
	} {
		_, err := Compute(context.Background(), []Setting{s}, quick(), nil)
		if err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	o := Defaults()
	last := 0
	_, err := Compute(ctx, all(t, o.Timeout), o, func(done, total int) {
		if done <= last || done > total {
			t.Errorf("%d of %d done after %d", done, total, last)
		}
		last = done
		cancel()
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("ended with %v", err)
	}
}

// Every run has a machine of its own, and what fails at a share fails at all
// greater ones: a higher share never opens much later.
func TestMoreFailuresOpenSooner(t *testing.T) {
	o := Defaults()
	o.Healthy, o.Workers, o.Shares, o.Seeds = nil, 2, Shares(16), 3
	for _, c := range compute(t, all(t, o.Timeout), o).Curves {
		last := Never
		for _, p := range c.Points {
			if p.Share < 0.6 {
				continue
			}
			got := p.OpenAfter(0.5)
			if last != Never && (got == Never || got > last+2*time.Second) {
				t.Errorf("%s, %s: opens after %s at %g, after %s at less", c.Setting.Name, c.Mode, got, p.Share, last)
			}
			last = got
		}
	}
}
