package telemetry

import (
	"errors"
	"fmt"
	"time"

	"tripcurve/internal/datadog"
)

// intakeVariable names another intake than the site's own, as for Datadog's Agent.
const intakeVariable = "DD_URL"

// circuitSubmitter is who tells Datadog what breakers do: nil when the environment
// has no DD_API_KEY. DD_SITE and DD_URL say where.
func circuitSubmitter(c Config) (*datadog.Submitter, error) {
	keys, err := datadog.SubmitKeysFrom(c.Getenv)
	if errors.Is(err, datadog.ErrNoAPIKey) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	s, err := datadog.NewSubmitter(keys, datadog.SubmitOptions{
		URL: c.Getenv(intakeVariable), Tags: []string{"service:" + c.Service},
		Report: func(err error) {
			if err != nil {
				c.Log.Warn("datadog takes no metrics", "error", err)
				return
			}
			c.Log.Info("datadog takes metrics again")
		},
	})
	if err != nil {
		return nil, fmt.Errorf("%w: breakers to Datadog: %w", ErrConfig, err)
	}
	return s, nil
}

// circuits passes on what breakers do, and nothing else: transitions and
// rejections under the very names that a guard gives them.
type circuits struct{ to *datadog.Submitter }

func (c circuits) Count(name string, n int64, _ ...string) {
	if _, _, ok := circuit(name); ok {
		c.to.Count(name, n)
	}
}

func (circuits) Observe(string, time.Duration, ...string) {}
