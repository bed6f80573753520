package gobreaker

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

// TestScripts runs testdata/*.txt. A look is the library's State(), which moves it.
func TestScripts(t *testing.T) {
	policytest.Runner{
		Build: func(params map[string]string, start time.Time) (policy.Breaker, time.Duration, error) {
			p, err := Parse(params)
			if err != nil {
				return nil, 0, err
			}
			return New(p, start), 0, nil
		},
		Stats: func(b policy.Breaker) string {
			c := b.(*Machine).Counts()
			row := fmt.Sprintf("%d ok", c.ConsecutiveSuccesses)
			if c.ConsecutiveFailures > 0 {
				row = fmt.Sprintf("%d failed", c.ConsecutiveFailures)
			}
			return fmt.Sprintf("%2d requests: %d ok, %d failed, %d excluded; in a row %s", c.Requests, c.TotalSuccesses, c.TotalFailures, c.TotalExclusions, row)
		},
		Look: func(b policy.Breaker) string {
			m := b.(*Machine)
			m.Observe(m.start.Add(m.now))
			return "look"
		},
	}.Run(t, "testdata")
}
