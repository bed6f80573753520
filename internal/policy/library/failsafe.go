package library

import (
	"time"

	"tripcurve/internal/policy/failsafe"
)

func failsafeLibrary() Library {
	return Library{
		Name:    "failsafe-go",
		Version: failsafe.Version,
		Params:  failsafe.List(),
		Factory: failsafe.Factory(),
		Check:   failsafe.Check,
		New: func(params map[string]string, start time.Time) (Built, error) {
			p, err := failsafe.Parse(params)
			if err != nil {
				return Built{}, err
			}
			return Built{
				Breaker:      failsafe.New(p, start),
				CallTimeout:  p.Timeout,
				TotalTimeout: p.TotalTimeout,
				// A timeout cancels the context and waits for the call, and grpc-go's calls
				// do look at theirs.
				Ending:        EndReset,
				MaxConcurrent: p.MaxConcurrency,
				Retry:         p.Retry.Plan(),
				Order:         []Piece{TotalTimeout, Retry, Breaker, Limit, CallTimeout},
			}, nil
		},
		Traps: func(params map[string]string) ([]string, error) {
			p, err := failsafe.Parse(params)
			return p.Traps(), err
		},
		ToNeutral: func(params map[string]string) (Neutral, error) {
			p, err := failsafe.Parse(params)
			return p.Neutral(), err
		},
		FromNeutral: func(n Neutral) (map[string]string, []string) {
			p, losses := failsafe.FromNeutral(n)
			return p.Map(), losses
		},
	}
}
