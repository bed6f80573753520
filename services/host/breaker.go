package host

import (
	"fmt"
	"time"

	"tripcurve/internal/policy"
)

func buildBreaker(spec policy.BreakerSpec, start time.Time) (policy.Breaker, time.Duration, error) {
	return nil, 0, fmt.Errorf("breaker library %q is unknown", spec.Library)
}

func (g *Guard) deposit() {}

func (g *Guard) withdraw() bool { return true }

func (g *Guard) backoff(n int) time.Duration { return g.policy.Retry.Base }
