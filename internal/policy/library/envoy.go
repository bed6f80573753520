package library

import (
	"time"

	"tripcurve/internal/policy"
	"tripcurve/internal/policy/envoy"
)

func envoyLibrary() Library {
	return Library{
		Name:    "envoy",
		Version: envoy.Version,
		Params:  envoy.List(),
		Factory: envoy.Factory(),
		Hosts:   "hosts",
		Check:   envoy.Check,
		New: func(params map[string]string, start time.Time) (Built, error) {
			p, err := envoy.Parse(params)
			if err != nil {
				return Built{}, err
			}
			return builtEnvoy(p, start), nil
		},
		Traps: func(params map[string]string) ([]string, error) {
			p, err := envoy.Parse(params)
			return p.Traps(), err
		},
		ToNeutral: func(params map[string]string) (Neutral, error) {
			p, err := envoy.Parse(params)
			return p.Neutral(), err
		},
		FromNeutral: func(n Neutral) (map[string]string, []string) {
			p, losses := envoy.FromNeutral(n)
			return p.Map(), losses
		},
	}
}

// builtEnvoy is also what Istio's settings become. An attempt without a limit of
// its own has the call's.
func builtEnvoy(p envoy.Params, start time.Time) Built {
	return Built{
		Breaker:      envoy.New(p, start),
		CallTimeout:  policy.Shortest(p.PerTryTimeout, p.Timeout),
		TotalTimeout: p.Timeout,
		Ending:       EndReset,
		Retry:        p.Plan(),
		Order:        []Piece{TotalTimeout, Retry, Limit, Breaker, CallTimeout},
	}
}
