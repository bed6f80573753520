package library

import (
	"maps"
	"testing"
	"time"

	"tripcurve/internal/policy"
	"tripcurve/internal/policy/policytest"
)

// modes are the machines that a library has beside the one of its factory set: what
// is changed of that set to get them.
var modes = []struct {
	library, name string
	change        map[string]string
}{
	{"resilience4j", "time", map[string]string{"slidingWindowType": "TIME_BASED", "slidingWindowSize": "10"}},
	{"resilience4j", "count", map[string]string{"slidingWindowType": "COUNT_BASED", "slidingWindowSize": "100"}},
	{"envoy", "failure-percentage", map[string]string{"consecutive_5xx": "0", "enforcing_failure_percentage": "100", "failure_percentage_minimum_hosts": "1", "failure_percentage_request_volume": "10"}},
	{"gobreaker", "consecutive", map[string]string{"ReadyToTrip": "consecutive", "Interval": "0s", "BucketPeriod": "0s"}},
	{"gobreaker", "fixed", map[string]string{"ReadyToTrip": "requests", "Interval": "10s", "BucketPeriod": "0s"}},
	{"failsafe-go", "count", map[string]string{"failureRateThreshold": "0", "failureExecutionThreshold": "0", "failureThresholdingPeriod": "0s", "failureThreshold": "5", "failureThresholdingCapacity": "10"}},
	{"semian", "adaptive", map[string]string{"adaptive_circuit_breaker": "true"}},
	{"linkerd", "unified", map[string]string{"failure-accrual": "unified"}},
}

// machines are the libraries that have a breaker, each with its factory set and in its
// other modes.
func machines(tb testing.TB, run func(name string, build func(time.Time) policy.Breaker)) {
	build := func(l Library, name string, params map[string]string) {
		b, err := l.New(params, policytest.Epoch)
		if err != nil {
			tb.Fatalf("%s: %v", name, err)
		}
		if b.Breaker == nil {
			return // retries and time limits only
		}
		run(name, func(start time.Time) policy.Breaker {
			b, err := l.New(params, start)
			if err != nil {
				tb.Fatalf("%s: %v", name, err)
			}
			return b.Breaker
		})
	}
	for _, l := range All() {
		build(l, l.Name, l.Factory)
		for _, m := range modes {
			if m.library == l.Name {
				params := maps.Clone(l.Factory)
				maps.Copy(params, m.change)
				build(l, l.Name+"/"+m.name, params)
			}
		}
	}
}

// BenchmarkDecisions guards 2 million decisions a second without an allocation,
// for every library.
func BenchmarkDecisions(b *testing.B) {
	machines(b, func(name string, build func(time.Time) policy.Breaker) {
		b.Run(name, func(b *testing.B) { policytest.Benchmark(b, build) })
	})
}

func TestDecisionsAllocateNothing(t *testing.T) {
	seen := map[string]bool{}
	machines(t, func(name string, build func(time.Time) policy.Breaker) {
		seen[name] = true
		t.Run(name, func(t *testing.T) { policytest.AllocatesNothing(t, build) })
	})
	for _, m := range modes {
		if !seen[m.library+"/"+m.name] {
			t.Errorf("%s has no mode %s", m.library, m.name)
		}
	}
}
