package opossum

import "tripcurve/internal/policy/opossum"

// Traps are what a file with these options does that its keys do not say.
func Traps(p opossum.Params) []string {
	traps := p.Traps()
	if p.FiltersTimeout || p.FiltersLocked {
		traps = append(traps, "errorFilter is a function and cannot stand in a JSON file: write it in the code")
	}
	return traps
}
