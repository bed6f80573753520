package library

import (
	"time"

	"tripcurve/internal/policy/resilience4j"
)

func resilience4jLibrary() Library {
	return Library{
		Name:    "resilience4j",
		Version: resilience4j.Version,
		Params:  resilience4j.List(),
		Factory: resilience4j.Factory(),
		Check:   resilience4j.Check,
		New: func(params map[string]string, start time.Time) (Built, error) {
			p, err := resilience4j.Parse(params)
			if err != nil {
				return Built{}, err
			}
			return Built{
				Breaker:       resilience4j.New(p, start),
				CallTimeout:   p.TimeLimiter.TimeoutDuration,
				MaxConcurrent: p.Bulkhead.MaxConcurrentCalls,
				Retry:         p.Retry.Plan(),
				Order:         []Piece{Retry, Breaker, CallTimeout, Limit},
			}, nil
		},
		Traps: func(params map[string]string) ([]string, error) {
			p, err := resilience4j.Parse(params)
			return p.Traps(), err
		},
		ToNeutral: func(params map[string]string) (Neutral, error) {
			p, err := resilience4j.Parse(params)
			return p.Neutral(), err
		},
		FromNeutral: func(n Neutral) (map[string]string, []string) {
			p, losses := resilience4j.FromNeutral(n)
			return p.Map(), losses
		},
	}
}
