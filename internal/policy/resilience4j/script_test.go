package resilience4j

import (
	"flag"
	"fmt"
	"os"
	"testing"
	"time"

	"tripcurve/internal/policy"
	"tripcurve/internal/policy/policytest"
)

func TestMain(m *testing.M) {
	if os.Getenv("TRIPCURVE_UPDATE") != "" {
		_ = flag.Set("rewrite", "true")
	}
	os.Exit(m.Run())
}

// TestScripts runs testdata/*.txt: what the traces do not cover, and one script for
// every transition and boundary in words. Single calls' events are left out.
func TestScripts(t *testing.T) {
	steps := 0
	policytest.Runner{
		Build: func(params map[string]string, start time.Time) (policy.Breaker, time.Duration, error) {
			p, err := Parse(params)
			if err != nil {
				return nil, 0, err
			}
			return New(p, start), p.TimeLimiter.TimeoutDuration, nil
		},
		Stats: func(b policy.Breaker) string {
			m := b.(*Machine)
			m.metrics.turn(m.now)
			c := m.metrics.total
			text := fmt.Sprintf("%d of %d failed", c.failed, c.calls)
			if c.slow > 0 {
				text += fmt.Sprintf(", %d slow", c.slow)
			}
			if failureRate, slowCallRate, enough := m.metrics.rates(); enough {
				text += fmt.Sprintf(", %.2f %%", failureRate)
				if c.slow > 0 {
					text += fmt.Sprintf(" and %.2f %%", slowCallRate)
				}
			}
			if n := m.metrics.notPermitted; n > 0 {
				text += fmt.Sprintf(", %d not permitted", n)
			}
			return text
		},
		Shown: shown(),
		Steps: &steps,
	}.Run(t, "testdata")
	policytest.Report(t, "resilience4j", "scripts derived from its source", steps, 0)
}

func shown() []string {
	names := []string{"RESET", "FAILURE_RATE_EXCEEDED", "SLOW_CALL_RATE_EXCEEDED"}
	for _, from := range transitions {
		names = append(names, from[:]...)
	}
	return names
}
