package resilience4j

import (
	"errors"
	"math"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"tripcurve/internal/policy"
	"tripcurve/internal/policy/policytest"
)

func busy(start time.Time) policy.Breaker {
	p := Default()
	p.SlidingWindowType, p.SlidingWindowSize, p.MinimumNumberOfCalls = TimeBased, 10, 20
	p.WaitDurationInOpenState = 50 * time.Millisecond
	p.EnableExponentialBackoff = true
	p.PermittedNumberOfCallsInHalfOpenState = 3
	p.MaxWaitDurationInHalfOpenState = 100 * time.Millisecond
	return New(p, start)
}

// BenchmarkMachine guards 2 million decisions a second without an allocation.
func BenchmarkMachine(b *testing.B) { policytest.Benchmark(b, busy) }

func TestDecisionsAllocateNothing(t *testing.T) { policytest.AllocatesNothing(t, busy) }

func drawParams(t *rapid.T) Params {
	ms := func(name string, lo, hi int) time.Duration {
		return time.Duration(rapid.IntRange(lo, hi).Draw(t, name)) * time.Millisecond
	}
	p := Default()
	p.FailureRateThreshold = rapid.Float64Range(0.1, 100).Draw(t, "failure rate")
	p.SlowCallRateThreshold = rapid.Float64Range(0.1, 100).Draw(t, "slow call rate")
	p.SlowCallDurationThreshold = ms("slow", 1, 2000)
	p.SlidingWindowType = rapid.SampledFrom([]string{CountBased, TimeBased}).Draw(t, "type")
	p.SlidingWindowSize = rapid.IntRange(1, 6).Draw(t, "size")
	p.MinimumNumberOfCalls = rapid.IntRange(1, 8).Draw(t, "minimum")
	p.WaitDurationInOpenState = ms("wait", 1, 1000)
	p.PermittedNumberOfCallsInHalfOpenState = rapid.IntRange(1, 4).Draw(t, "permitted")
	p.MaxWaitDurationInHalfOpenState = ms("bound", 0, 1000)
	p.TransitionToStateAfterWaitDuration = rapid.SampledFrom([]string{stateOpen, stateClosed}).Draw(t, "after")
	p.AutomaticTransitionFromOpenToHalfOpenEnabled = rapid.Bool().Draw(t, "automatic")
	p.InitialState = rapid.SampledFrom(states[:]).Draw(t, "initial state")
	switch rapid.IntRange(0, 2).Draw(t, "growth") {
	case 1:
		p.EnableExponentialBackoff, p.ExponentialBackoffMultiplier = true, rapid.Float64Range(0.1, 4).Draw(t, "multiplier")
	case 2:
		p.EnableRandomizedWait, p.RandomizedWaitFactor = true, rapid.Float64Range(0, 1).Draw(t, "factor")
	}
	return p
}

// The sums of a window are kept while calls come and go; they must equal what is in
// it. Whatever happens, permits are never negative, every rejection has a reason, and
// what is due does not lie behind.
func TestInvariants(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		start := policytest.Epoch.Add(time.Duration(rapid.IntRange(0, 999).Draw(t, "offset")) * time.Millisecond)
		m := New(drawParams(t), start)
		var flying []policy.Ticket
		now := start
		for range rapid.IntRange(1, 150).Draw(t, "steps") {
			// Time may stand still, and even go backwards by mistake.
			now = now.Add(time.Duration(rapid.IntRange(-5, 700).Draw(t, "ms")) * time.Millisecond)
			u := rapid.Float64Range(0, 0.999).Draw(t, "u")
			switch n := rapid.IntRange(0, 9).Draw(t, "what"); {
			case n < 5:
				if ticket, v := m.Allow(now, u); v.Admitted {
					flying = append(flying, ticket)
				} else if v.Reason == "" {
					t.Fatal("rejected without a reason")
				}
			case n < 9 && len(flying) > 0:
				m.Record(now, flying[0], policy.Outcome{Code: policy.Code(rapid.IntRange(0, 5).Draw(t, "code"))})
				flying = flying[1:]
			default:
				op := policy.Operation(rapid.IntRange(0, 8).Draw(t, "operation"))
				before := m.State()
				err := m.Operate(now, op)
				if err != nil && !errors.Is(err, policy.ErrUnsupported) && !errors.Is(err, policy.ErrIllegal) {
					t.Fatal(err)
				}
				if errors.Is(err, policy.ErrIllegal) && before != policy.Closed && before != policy.MetricsOnly && m.State() != policy.Closed && m.State() != policy.MetricsOnly {
					t.Fatalf("%s refuses operation %d", before, op)
				}
			}
			m.Snapshot()
			if diff := cmp.Diff(contents(m.metrics), m.metrics.total, cmp.AllowUnexported(counts{})); diff != "" {
				t.Fatalf("contents against sums:\n%s", diff)
			}
			if m.permits < 0 {
				t.Fatalf("%d permits", m.permits)
			}
			if at, ok := m.Due(); ok && at.Before(start.Add(m.now)) {
				t.Fatalf("due at %s, it is %s", at, now)
			}
		}
	})
}

func contents(w *metrics) counts {
	var sum counts
	for _, s := range w.seconds {
		sum.calls += s.calls
		sum.failed += s.failed
		sum.slow += s.slow
		sum.slowFailed += s.slowFailed
	}
	for i := range min(len(w.calls), int(w.total.calls)) {
		sum.add(w.calls[i], 1)
	}
	return sum
}

func TestSnapshot(t *testing.T) {
	p := Default()
	p.MinimumNumberOfCalls = 2
	m := New(p, policytest.Epoch)
	rate := func() float64 { return m.Snapshot().Stats[0].Value }
	if !math.IsNaN(rate()) {
		t.Errorf("failureRate %v of no calls", rate())
	}
	for i := range 2 {
		at := policytest.Epoch.Add(time.Duration(i) * time.Second)
		ticket, _ := m.Allow(at, 0)
		m.Record(at, ticket, policy.Outcome{Code: policy.Failure})
	}
	m.Allow(policytest.Epoch.Add(3*time.Second), 0)
	s := m.Snapshot()
	want := policy.Snapshot{State: policy.Open, Share: 1, Stats: []policy.Stat{
		{Name: "failureRate", Value: 100},
		{Name: "slowCallRate"},
		{Name: "bufferedCalls", Value: 2},
		{Name: "failedCalls", Value: 2},
		{Name: "slowCalls"},
		{Name: "slowFailedCalls"},
		{Name: "notPermittedCalls", Value: 1},
	}}
	if diff := cmp.Diff(want, s); diff != "" {
		t.Error(diff)
	}
}

func TestParamsSurviveTheirText(t *testing.T) {
	for _, params := range []map[string]string{
		{},
		Factory(),
		{"failureRateThreshold": "33.3", "slowCallDurationThreshold": "1500ms", "slidingWindowType": "time_based", "enableExponentialBackoff": "true", "exponentialMaxWaitDurationInOpenState": "5m"},
		{"initialState": "METRICS_ONLY", "recordExceptions": "java.io.IOException, java.util.concurrent.TimeoutException", "timelimiter.timeoutDuration": "2s", "timelimiter.cancelRunningFuture": "false"},
		{"bulkhead.maxConcurrentCalls": "20", "bulkhead.maxWaitDuration": "10ms", "retry.maxAttempts": "4", "retry.enableRandomizedWait": "true", "retry.randomizedWaitFactor": "0.25"},
	} {
		p, err := Parse(params)
		if err != nil {
			t.Fatal(err)
		}
		again, err := Parse(p.Map())
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(p, again); diff != "" {
			t.Errorf("%v (-first +again):\n%s", params, diff)
		}
	}
}

func TestRefusals(t *testing.T) {
	for _, tt := range []struct{ name, value, want string }{
		{"failureRateThreshold", "0", "not a percentage above 0"},
		{"failureRateThreshold", "100.1", "not a percentage above 0"},
		{"slidingWindowSize", "0", "not a whole number from 1"},
		{"slidingWindowSize", "10s", "not a whole number from 1"},
		{"slidingWindowType", "TIME", "not one of COUNT_BASED, TIME_BASED"},
		{"waitDurationInOpenState", "30", "write 5s or 500ms"},
		{"waitDurationInOpenState", "0", "is not from 1ms"},
		{"transitionToStateAfterWaitDuration", "HALF_OPEN", "not one of OPEN, CLOSED"},
		{"initialState", "ON", "not one of CLOSED"},
		{"randomizedWaitFactor", "1.1", "not a number from 0 to 1"},
		{"recordExceptions", "a,,b", "not the name of a class"},
		{"retry.maxAttempts", "0", "not a whole number from 1"},
		{"timeoutDuration", "1s", "write timelimiter.timeoutDuration"},
		{"maxConcurrentCalls", "1", "write bulkhead.maxConcurrentCalls"},
		{"maxAttempts", "3", "write retry.maxAttempts"},
		{"ringBufferSizeInClosedState", "3", "write slidingWindowSize"},
		{"ringBufferSizeInHalfOpenState", "3", "write permittedNumberOfCallsInHalfOpenState"},
		{"recordFailurePredicate", "x", "leave it out"},
		{"failureThreshold", "3", "did you mean"},
	} {
		if _, err := Check(tt.name, tt.value); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s=%s: got %v, want %s", tt.name, tt.value, err, tt.want)
		}
	}
}

func TestTraps(t *testing.T) {
	for _, tt := range []struct {
		params map[string]string
		want   string
	}{
		{nil, "no TimeLimiter"},
		{nil, "maxWaitDurationInHalfOpenState 0"},
		{map[string]string{"slidingWindowSize": "10"}, "minimumNumberOfCalls 100 is cut to slidingWindowSize 10"},
		{map[string]string{"minimumNumberOfCalls": "1"}, "one failure after a quiet window"},
		{map[string]string{"minimumNumberOfCalls": "5"}, "half-open is decided after 5 results"},
		{map[string]string{"initialState": "DISABLED"}, "every call goes through"},
		{map[string]string{"initialState": "FORCED_OPEN"}, "every call is rejected"},
		{map[string]string{"initialState": "OPEN"}, "the first calls are rejected"},
		{map[string]string{"slowCallDurationThreshold": "2s"}, "only when all calls are slow"},
		{map[string]string{"slowCallDurationThreshold": "2s", "timelimiter.timeoutDuration": "1s"}, "cut off before it is slow"},
		{map[string]string{"recordExceptions": "a.B", "timelimiter.timeoutDuration": "1s"}, "a time-out is no failure here"},
		{map[string]string{"maxWaitDurationInHalfOpenState": "1s", "timelimiter.timeoutDuration": "1s"}, "half-open ends before a hung probe does"},
		{map[string]string{"failureRateThreshold": "0.5"}, "Spring Boot's properties begin at 1"},
		{map[string]string{"bulkhead.maxConcurrentCalls": "5"}, "the Bulkhead stands inside the breaker"},
		{map[string]string{"retry.maxAttempts": "3"}, "each of up to 3 attempts"},
		{map[string]string{"retry.maxAttempts": "3"}, "a call that the open breaker rejects is retried"},
	} {
		p, err := Parse(tt.params)
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(p.Traps(), "\n"); !strings.Contains(got, tt.want) {
			t.Errorf("%v: no %q in\n%s", tt.params, tt.want, got)
		}
	}
	good, err := Parse(Factory())
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"the TimeLimiter gives up on the future only: behind a CompletableFuture the work runs on"}
	if diff := cmp.Diff(want, good.Traps()); diff != "" {
		t.Error(diff)
	}
}

// The table's defaults are shown to users; Default is what decides.
func TestTableShowsTheDefaults(t *testing.T) {
	params := map[string]string{}
	for _, p := range List() {
		switch p.Kind {
		case policy.KindText, policy.KindChoice:
		case policy.KindDuration:
			params[p.Name] = time.Duration(p.Default * float64(time.Second)).String()
		case policy.KindSwitch:
			params[p.Name] = map[float64]string{0: "false", 1: "true"}[p.Default]
		default:
			params[p.Name] = strconv.FormatFloat(p.Default, 'f', -1, 64)
		}
	}
	got, err := Parse(params)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(Default(), got); diff != "" {
		t.Error(diff)
	}
}
