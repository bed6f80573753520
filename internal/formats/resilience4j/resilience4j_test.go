package resilience4j

import (
	"flag"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"tripcurve/internal/formats/trap"
	"tripcurve/internal/policy/resilience4j"
)

func TestMain(m *testing.M) {
	if os.Getenv("TRIPCURVE_UPDATE") != "" {
		_ = flag.Set("rewrite", "true")
	}
	os.Exit(m.Run())
}

// TestFiles runs testdata/read.txt: what a file says, written again, and its traps.
func TestFiles(t *testing.T) {
	datadriven.RunTest(t, "testdata/read.txt", func(t *testing.T, d *datadriven.TestData) string {
		c, err := Read("application.yml", d.Input)
		if err != nil {
			return err.Error() + "\n"
		}
		return Write(c, nil) + strings.Join(append(trap.Sentences(Traps(c)), ""), "\n")
	})
}

func TestRoundTrip(t *testing.T) {
	millis := rapid.Custom(func(t *rapid.T) Duration {
		return Duration(rapid.Int64Range(1, 1e9).Draw(t, "ms")) * Duration(time.Millisecond)
	})
	rapid.Check(t, func(t *rapid.T) {
		b := CircuitBreaker{
			FailureRateThreshold:               new(rapid.Float64Range(0.001, 100).Draw(t, "rate")),
			SlidingWindowType:                  new(rapid.SampledFrom([]WindowType{CountBased, TimeBased}).Draw(t, "type")),
			SlidingWindowSize:                  new(rapid.IntRange(1, 1000).Draw(t, "size")),
			WaitDurationInOpenState:            new(millis.Draw(t, "wait")),
			EnableRandomizedWait:               new(rapid.Bool().Draw(t, "randomised")),
			InitialState:                       new(State("METRICS_ONLY")),
			RecordExceptions:                   rapid.SliceOfN(rapid.String(), 1, 3).Draw(t, "exceptions"),
			TransitionToStateAfterWaitDuration: new(After("CLOSED")),
		}
		name := rapid.String().Draw(t, "name")
		c := Config{
			CircuitBreaker: &Module[CircuitBreaker]{Instances: map[string]CircuitBreaker{name: b}},
			TimeLimiter:    &Module[TimeLimiter]{Instances: map[string]TimeLimiter{name: {TimeoutDuration: new(millis.Draw(t, "limit"))}}},
			Bulkhead:       &Module[Bulkhead]{Configs: map[string]Bulkhead{"default": {MaxConcurrentCalls: new(7)}}},
		}
		text := Write(c, map[string]string{"slidingWindowSize": "why: so # there"})
		got, err := Read("f", text)
		if err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		if diff := cmp.Diff(c, got, cmp.AllowUnexported(Config{}, skipped{})); diff != "" {
			t.Fatalf("%s\n%s", text, diff)
		}
	})
}

func FuzzRead(f *testing.F) {
	f.Add("resilience4j:\n  circuitbreaker:\n    instances:\n      inventory:\n        failure-rate-threshold: 50\n        waitDurationInOpenState: PT30S\n")
	f.Add("resilience4j: {circuitbreaker: {configs: {default: {baseConfig: a}, a: {initialState: open}}, instances: {a: {}, b: {recordExceptions: [x.Y]}}}}\n")
	f.Add("resilience4j.retry:\n  instances: {}\n")
	f.Add("spring: {}\n---\nresilience4j: {retry: {instances: {a: {waitDuration: 500}}}}\n")
	f.Fuzz(func(t *testing.T, text string) {
		c, err := Read("f", text)
		if err != nil {
			return
		}
		_ = Traps(c)
		policies, _ := Policies(c)
		for name, p := range policies {
			if p.Breaker.Library == "" {
				continue
			}
			if _, err := resilience4j.Parse(p.Breaker.Params); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		written := Write(c, nil)
		again, err := Read("f", written)
		if err != nil || Write(again, nil) != written {
			t.Errorf("%s\nbecame %s, %v", written, Write(again, nil), err)
		}
	})
}
