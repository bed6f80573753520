package library

import (
	"time"

	"tripcurve/internal/policy/grpc"
)

func grpcLibrary() Library {
	return Library{
		Name:    "grpc",
		Version: grpc.Version,
		Params:  grpc.List(),
		Factory: grpc.Factory(),
		Check:   grpc.Check,
		New: func(params map[string]string, _ time.Time) (Built, error) {
			p, err := grpc.Parse(params)
			if err != nil {
				return Built{}, err
			}
			return Built{
				TotalTimeout: p.Timeout,
				Ending:       EndDeadline,
				Retry:        p.Plan(),
				Order:        []Piece{TotalTimeout, Retry},
			}, nil
		},
		Traps: func(params map[string]string) ([]string, error) {
			p, err := grpc.Parse(params)
			return p.Traps(), err
		},
		ToNeutral: func(params map[string]string) (Neutral, error) {
			p, err := grpc.Parse(params)
			return p.Neutral(), err
		},
		FromNeutral: func(n Neutral) (map[string]string, []string) {
			p, losses := grpc.FromNeutral(n)
			return p.Map(), losses
		},
	}
}
