package library

import (
	"time"

	"tripcurve/internal/policy/linkerd"
)

func linkerdLibrary() Library {
	return Library{
		Name:    "linkerd",
		Version: linkerd.Version,
		Params:  linkerd.List(),
		Factory: linkerd.Factory(),
		Hosts:   "endpoints",
		Check:   linkerd.Check,
		New: func(params map[string]string, start time.Time) (Built, error) {
			p, err := linkerd.Parse(params)
			if err != nil {
				return Built{}, err
			}
			return Built{
				Breaker:      linkerd.New(p, start),
				CallTimeout:  p.Attempt(),
				TotalTimeout: p.RequestTimeout,
				Ending:       EndReset,
				Retry:        p.Plan(),
				Order:        []Piece{TotalTimeout, Retry, Breaker, CallTimeout},
			}, nil
		},
		Traps: func(params map[string]string) ([]string, error) {
			p, err := linkerd.Parse(params)
			return p.Traps(), err
		},
		ToNeutral: func(params map[string]string) (Neutral, error) {
			p, err := linkerd.Parse(params)
			return p.Neutral(), err
		},
		FromNeutral: func(n Neutral) (map[string]string, []string) {
			p, losses := linkerd.FromNeutral(n)
			return p.Map(), losses
		},
	}
}
