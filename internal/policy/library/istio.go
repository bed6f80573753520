package library

import (
	"time"

	"tripcurve/internal/policy/istio"
)

func istioLibrary() Library {
	return Library{
		Name:    "istio",
		Version: istio.Version,
		Params:  istio.List(),
		Factory: istio.Factory(),
		Hosts:   "hosts",
		Check:   istio.Check,
		New: func(params map[string]string, start time.Time) (Built, error) {
			p, err := istio.Parse(params)
			if err != nil {
				return Built{}, err
			}
			return builtEnvoy(p.Envoy(), start), nil
		},
		Traps: func(params map[string]string) ([]string, error) {
			p, err := istio.Parse(params)
			return p.Traps(), err
		},
		ToNeutral: func(params map[string]string) (Neutral, error) {
			p, err := istio.Parse(params)
			return p.Neutral(), err
		},
		FromNeutral: func(n Neutral) (map[string]string, []string) {
			p, losses := istio.FromNeutral(n)
			return p.Map(), losses
		},
	}
}
