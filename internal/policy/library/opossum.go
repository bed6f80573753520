package library

import (
	"time"

	"tripcurve/internal/policy/opossum"
)

func opossumLibrary() Library {
	return Library{
		Name:    "opossum",
		Version: opossum.Version,
		Params:  opossum.List(),
		Factory: opossum.Factory(),
		Check:   opossum.Check,
		New: func(params map[string]string, start time.Time) (Built, error) {
			p, err := opossum.Parse(params)
			if err != nil {
				return Built{}, err
			}
			b := Built{Breaker: opossum.New(p, start), CallTimeout: p.Timeout}
			if !p.Enabled {
				b.CallTimeout = 0 // a disabled breaker sets no time limit either
			}
			return b, nil
		},
		Traps: func(params map[string]string) ([]string, error) {
			p, err := opossum.Parse(params)
			return p.Traps(), err
		},
		ToNeutral: func(params map[string]string) (Neutral, error) {
			p, err := opossum.Parse(params)
			return p.Neutral(), err
		},
		FromNeutral: func(n Neutral) (map[string]string, []string) {
			p, losses := opossum.FromNeutral(n)
			return p.Map(), losses
		},
	}
}
