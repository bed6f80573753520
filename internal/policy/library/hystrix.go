package library

import (
	"time"

	"tripcurve/internal/policy/hystrix"
)

func hystrixLibrary() Library {
	return Library{
		Name:    "hystrix",
		Version: hystrix.Version,
		Params:  hystrix.List(),
		Factory: hystrix.Factory(),
		Check:   hystrix.Check,
		New: func(params map[string]string, start time.Time) (Built, error) {
			p, err := hystrix.Parse(params)
			if err != nil {
				return Built{}, err
			}
			// The pool is the machine's: what it rejects counts.
			b := Built{Breaker: hystrix.New(p, start), CallTimeout: p.CallTimeout(), Order: []Piece{Breaker, Limit, CallTimeout}}
			if p.Strategy == hystrix.Thread && p.InterruptOnTimeout {
				b.Ending = EndReset // an interrupted grpc-java call is cancelled
			}
			return b, nil
		},
		Traps: func(params map[string]string) ([]string, error) {
			p, err := hystrix.Parse(params)
			if err != nil {
				return nil, err
			}
			return p.Traps(), nil
		},
		ToNeutral: func(params map[string]string) (Neutral, error) {
			p, err := hystrix.Parse(params)
			return p.Neutral(), err
		},
		FromNeutral: func(n Neutral) (map[string]string, []string) {
			p, losses := hystrix.FromNeutral(n)
			return p.Map(), losses
		},
	}
}
