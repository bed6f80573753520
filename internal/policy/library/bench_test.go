package library

import (
	"testing"
	"time"

	"tripcurve/internal/policy"
	"tripcurve/internal/policy/policytest"
)

// machines are the libraries that have a breaker, each with its factory set.
func machines(tb testing.TB, run func(name string, build func(time.Time) policy.Breaker)) {
	for _, l := range All() {
		b, err := l.New(l.Factory, policytest.Epoch)
		if err != nil {
			tb.Fatal(err)
		}
		if b.Breaker == nil {
			continue // retries and time limits only
		}
		run(l.Name, func(start time.Time) policy.Breaker {
			b, err := l.New(l.Factory, start)
			if err != nil {
				tb.Fatal(err)
			}
			return b.Breaker
		})
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
	machines(t, func(name string, build func(time.Time) policy.Breaker) {
		t.Run(name, func(t *testing.T) { policytest.AllocatesNothing(t, build) })
	})
}
