package library

import (
	"time"

	"tripcurve/internal/policy/gobreaker"
)

func gobreakerLibrary() Library {
	return Library{
		Name:    "gobreaker",
		Version: gobreaker.Version,
		Params:  gobreaker.List(),
		Factory: gobreaker.Factory(),
		Check:   gobreaker.Check,
		New: func(params map[string]string, start time.Time) (Built, error) {
			p, err := gobreaker.Parse(params)
			if err != nil {
				return Built{}, err
			}
			return Built{Breaker: gobreaker.New(p, start), Order: []Piece{Breaker}}, nil
		},
		Traps: func(params map[string]string) ([]string, error) {
			p, err := gobreaker.Parse(params)
			return p.Traps(), err
		},
		ToNeutral: func(params map[string]string) (Neutral, error) {
			p, err := gobreaker.Parse(params)
			return p.Neutral(), err
		},
		FromNeutral: func(n Neutral) (map[string]string, []string) {
			p, losses := gobreaker.FromNeutral(n)
			return p.Map(), losses
		},
	}
}
