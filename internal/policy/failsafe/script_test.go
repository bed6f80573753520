package failsafe

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

// TestScripts runs testdata/*.txt.
func TestScripts(t *testing.T) {
	policytest.Runner{
		Build: func(params map[string]string, start time.Time) (policy.Breaker, time.Duration, error) {
			p, err := Parse(params)
			if err != nil {
				return nil, 0, err
			}
			return New(p, start), p.Timeout, nil
		},
		Stats: func(b policy.Breaker) string {
			m := b.(*Machine)
			return fmt.Sprintf("%d of %d failed (%.0f %%)", m.stats.failures, m.stats.executions(), 100*m.stats.rate(m.stats.failures))
		},
	}.Run(t, "testdata")
}
