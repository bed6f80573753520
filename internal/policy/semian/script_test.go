package semian

import (
	"flag"
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

func TestScripts(t *testing.T) {
	policytest.Runner{
		Build: func(params map[string]string, start time.Time) (policy.Breaker, time.Duration, error) {
			p, err := Parse(params)
			if err != nil {
				return nil, 0, err
			}
			return New(p, start), 0, nil
		},
		Shown: []string{"open", "half_open", "closed", "busy"},
	}.Run(t, "testdata")
}
