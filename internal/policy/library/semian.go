package library

import (
	"time"

	"tripcurve/internal/policy/semian"
)

func semianLibrary() Library {
	return Library{
		Name:    "semian",
		Version: semian.Version,
		Params:  semian.List(),
		Factory: semian.Factory(),
		Check:   semian.Check,
		New: func(params map[string]string, start time.Time) (Built, error) {
			p, err := semian.Parse(params)
			if err != nil {
				return Built{}, err
			}
			// No time limit of its own: the client's is the edge's.
			return Built{Breaker: semian.New(p, start), MaxConcurrent: p.Tickets, Order: []Piece{Breaker, Limit}}, nil
		},
		Traps: func(params map[string]string) ([]string, error) {
			p, err := semian.Parse(params)
			return p.Traps(), err
		},
		ToNeutral: func(params map[string]string) (Neutral, error) {
			p, err := semian.Parse(params)
			return p.Neutral(), err
		},
		FromNeutral: func(n Neutral) (map[string]string, []string) {
			p, losses := semian.FromNeutral(n)
			return p.Map(), losses
		},
	}
}
