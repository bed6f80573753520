package opossum

import (
	"maps"
	"slices"

	"tripcurve/internal/policy"
)

// Policies are the policies that a file states: each breaker with its options as
// they are. The file knows of no deadline, no keepalive and no retry.
func Policies(c Config) (map[string]policy.Policy, []string) {
	policies := make(map[string]policy.Policy, len(c))
	var notes []string
	for _, name := range slices.Sorted(maps.Keys(c)) {
		p := c[name]
		policies[name] = policy.Policy{Breaker: policy.BreakerSpec{Library: "opossum", Params: p.Map()}}
		if !p.Enabled {
			notes = append(notes, name+": enabled false: the breaker guards nothing")
		}
	}
	return policies, notes
}
