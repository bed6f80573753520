package resilience4j

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"tripcurve/internal/policy"
	"tripcurve/internal/policy/resilience4j"
)

// TestImport runs testdata/import.txt: the policies of a file, and what is not in them.
func TestImport(t *testing.T) {
	datadriven.RunTest(t, "testdata/import.txt", func(t *testing.T, d *datadriven.TestData) string {
		c, err := Read("application.yml", d.Input)
		if err != nil {
			return err.Error() + "\n"
		}
		policies, notes := Policies(c)
		var b strings.Builder
		for _, name := range slices.Sorted(maps.Keys(policies)) {
			p := policies[name]
			fmt.Fprintf(&b, "%s:\n", name)
			for _, f := range policy.Fields() {
				if v := f.Get(p); v != f.Get(policy.Policy{}) {
					fmt.Fprintf(&b, "  %s %s\n", f.Name, v)
				}
			}
			for _, k := range slices.Sorted(maps.Keys(p.Breaker.Params)) {
				fmt.Fprintf(&b, "  breaker.%s %s\n", k, p.Breaker.Params[k])
			}
		}
		for _, n := range notes {
			b.WriteString("! " + n + "\n")
		}
		return b.String()
	})
}

func drawParams(t *rapid.T) resilience4j.Params {
	pick := func(p, other string) string { return rapid.SampledFrom([]string{p, other}).Draw(t, other) }
	ms := func(name string, least int) time.Duration {
		return time.Duration(rapid.IntRange(least, 100_000).Draw(t, name)) * time.Millisecond
	}
	p := resilience4j.Default()
	p.FailureRateThreshold = float64(rapid.IntRange(10, 1000).Draw(t, "rate")) / 10
	p.SlowCallRateThreshold = float64(rapid.IntRange(10, 1000).Draw(t, "slow rate")) / 10
	p.SlowCallDurationThreshold = ms("slow", 1)
	p.SlidingWindowType = pick("COUNT_BASED", "TIME_BASED")
	p.SlidingWindowSize = rapid.IntRange(1, 300).Draw(t, "size")
	p.MinimumNumberOfCalls = rapid.IntRange(1, 300).Draw(t, "minimum")
	p.WaitDurationInOpenState = ms("wait", 1)
	p.EnableExponentialBackoff = rapid.Bool().Draw(t, "grows")
	p.ExponentialBackoffMultiplier = float64(rapid.IntRange(1, 40).Draw(t, "multiplier")) / 10
	p.ExponentialMaxWaitDurationInOpenState = ms("longest", 0)
	p.EnableRandomizedWait = !p.EnableExponentialBackoff && rapid.Bool().Draw(t, "random")
	p.RandomizedWaitFactor = float64(rapid.IntRange(0, 9).Draw(t, "factor")) / 10
	p.PermittedNumberOfCallsInHalfOpenState = rapid.IntRange(1, 20).Draw(t, "permitted")
	p.MaxWaitDurationInHalfOpenState = ms("bound", 0)
	p.TransitionToStateAfterWaitDuration = pick("OPEN", "CLOSED")
	p.AutomaticTransitionFromOpenToHalfOpenEnabled = rapid.Bool().Draw(t, "automatic")
	p.InitialState = pick("CLOSED", "METRICS_ONLY")
	p.RecordExceptions = resilience4j.Exceptions(pick("", "java.lang.Exception"))
	p.IgnoreExceptions = resilience4j.Exceptions(pick("", "a.B,a.C$D"))
	p.TimeLimiter.TimeoutDuration = ms("limit", 0)
	p.TimeLimiter.CancelRunningFuture = p.TimeLimiter.TimeoutDuration == 0 || rapid.Bool().Draw(t, "cancel")
	if rapid.Bool().Draw(t, "bulkhead") {
		p.Bulkhead.MaxConcurrentCalls = rapid.IntRange(1, 100).Draw(t, "places")
		p.Bulkhead.MaxWaitDuration = ms("queue", 0)
	}
	if rapid.Bool().Draw(t, "retry") {
		r := &p.Retry
		r.MaxAttempts = rapid.IntRange(2, 9).Draw(t, "attempts")
		r.WaitDuration = ms("retry wait", 1)
		r.EnableExponentialBackoff = rapid.Bool().Draw(t, "retry grows")
		r.ExponentialBackoffMultiplier = float64(rapid.IntRange(1, 40).Draw(t, "retry multiplier")) / 10
		r.ExponentialMaxWaitDuration = ms("retry longest", 0)
		r.EnableRandomizedWait = rapid.Bool().Draw(t, "retry random")
		r.RandomizedWaitFactor = float64(rapid.IntRange(0, 9).Draw(t, "retry factor")) / 10
		r.RetryExceptions = resilience4j.Exceptions(pick("", "java.io.IOException"))
		r.IgnoreExceptions = resilience4j.Exceptions(pick("", "a.E"))
	}
	return p
}

// Any number of policies go into one file and come out of it as they were, and what is
// written of them again is the same to the byte.
func TestThereAndBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var c Config
		want := map[string]policy.Policy{}
		for i := range rapid.IntRange(1, 3).Draw(t, "policies") {
			name, p := fmt.Sprintf("service-%d", i), drawParams(t)
			c.Add(name, p, true)
			want[name] = policy.Policy{Breaker: policy.BreakerSpec{Library: "resilience4j", Params: p.Map()}}
		}
		text := Write(c, nil)
		read, err := Read("application.yml", text)
		if err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		got, notes := Policies(read)
		if diff := cmp.Diff(want, got); diff != "" || len(notes) > 0 {
			t.Fatalf("%v\n%s\n%s", notes, diff, text)
		}
		var again Config
		for _, name := range slices.Sorted(maps.Keys(got)) {
			p, err := resilience4j.Parse(got[name].Breaker.Params)
			if err != nil {
				t.Fatal(err)
			}
			again.Add(name, p, true)
		}
		if diff := cmp.Diff(text, Write(again, nil)); diff != "" {
			t.Fatal(diff)
		}
	})
}

// A bound without its enabling switch is kept, and so is every factor.
func TestWhatIsOffIsKept(t *testing.T) {
	p := resilience4j.Default()
	p.ExponentialMaxWaitDurationInOpenState = time.Minute
	p.Retry.MaxAttempts, p.Retry.ExponentialMaxWaitDuration = 3, time.Second
	var c Config
	c.Add("x", p, true)
	got, _ := Policies(c)
	if diff := cmp.Diff(p.Map(), got["x"].Breaker.Params); diff != "" {
		t.Error(diff)
	}
}
