package library

import (
	"time"

	"tripcurve/internal/policy/polly"
)

func pollyLibrary() Library {
	return Library{
		Name:    "polly",
		Version: polly.Version,
		Params:  polly.List(),
		Factory: polly.Factory(),
		Check:   polly.Check,
		New: func(params map[string]string, start time.Time) (Built, error) {
			p, err := polly.Parse(params)
			if err != nil {
				return Built{}, err
			}
			return Built{
				Breaker:      polly.New(p, start),
				CallTimeout:  p.AttemptTimeout,
				TotalTimeout: p.TotalRequestTimeout,
				// A cancelled attempt is no failure to ShouldHandle.
				TotalUnseen: true,
				// A timeout cancels the token and waits for the call, and HttpClient does
				// look at its token.
				Ending:        EndReset,
				MaxConcurrent: p.PermitLimit,
				Retry:         p.Retry.Plan(),
				Order:         []Piece{Limit, TotalTimeout, Retry, Breaker, CallTimeout},
			}, nil
		},
		Traps: func(params map[string]string) ([]string, error) {
			p, err := polly.Parse(params)
			if err != nil {
				return nil, err
			}
			return p.Traps(), nil
		},
		ToNeutral: func(params map[string]string) (Neutral, error) {
			p, err := polly.Parse(params)
			return p.Neutral(), err
		},
		FromNeutral: func(n Neutral) (map[string]string, []string) {
			p, losses := polly.FromNeutral(n)
			return p.Map(), losses
		},
	}
}
