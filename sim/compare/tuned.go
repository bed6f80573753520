package compare

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"sync"

	"tripcurve/internal/policy"
)

// tunedJSON is what tune.go found; run it again to write it anew.
//
//go:embed tuned.json
var tunedJSON []byte

// Tuned is a stored result of a search: the breaker and where it comes from.
type Tuned struct {
	Command  string            `json:"command"` // that writes it
	Library  string            `json:"library"`
	Params   map[string]string `json:"params"`
	Scenario string            `json:"scenario"`
	Search   TunedSearch       `json:"search"`
	// Seen is what the search saw of it, over the search's own runs; the best of many
	// is a lucky one. Estimate is over fresh ones.
	Seen     TunedFigures `json:"seen"`
	Estimate TunedFigures `json:"estimate"`
}

// TunedSearch is what was tried, and for what.
type TunedSearch struct {
	Objective string              `json:"objective"`
	Grid      map[string][]string `json:"grid"`
	Settings  int                 `json:"settings"`
	Finalists int                 `json:"finalists"`
}

// TunedFigures are means over runs.
type TunedFigures struct {
	Seed       uint64  `json:"seed"` // from which the runs' seeds follow
	Runs       int     `json:"runs"`
	Failed     float64 `json:"failed"`
	WaitP99    float64 `json:"wait_p99_s"`
	FalseTrips float64 `json:"false_trips_per_day"`
}

// tuned reads the stored result, once. That it cannot be read is a mistake of ours.
var tuned = sync.OnceValue(func() (t Tuned) {
	if err := json.Unmarshal(tunedJSON, &t); err != nil {
		panic(fmt.Sprintf("compare: tuned.json: %v", err))
	}
	return t
})

// asTuned is the breaker that the search found.
func asTuned(p *policy.Policy) {
	p.Breaker = policy.BreakerSpec{Library: tuned().Library, Params: tuned().Params}
}
