package opossum

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

// TestScripts runs testdata/*.txt; two of them are the order pipeline's own tests
// under their own names.
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
			w := b.(*Machine).window.sum
			failed := "no calls"
			if w[fires] > 0 {
				failed = fmt.Sprintf("%.0f %% failed", 100*float64(w[failures])/float64(w[fires]))
			} else if w[failures] > 0 {
				failed = fmt.Sprintf("%d failed", w[failures])
			}
			return fmt.Sprintf("%2d fires  %s", w[fires], failed)
		},
		Look: func(b policy.Breaker) string {
			if b.(*Machine).PendingClose() {
				return "look probe" // half-open and its probe not yet taken
			}
			return "look"
		},
		Shown: []string{"open", "halfOpen", "close", "shutdown"},
	}.Run(t, "testdata")
}
