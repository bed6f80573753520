//go:build !race && !validate

package validate

// Sizes of the short run, part of make test.
const (
	replications = 10
	customers    = 4000   // of each replication, after as many again of warm-up at high load
	tolerance    = 8      // times the full run's bound on the width of a band
	experiments  = 100    // of the coverage
	steady       = 10_000 // customers of a run for batch means
	nights       = 6      // of each published scenario
	patience     = 4      // times shorter than the full run's watch, where only its length matters
	few          = 500    // customers of a replication for Student's t
)
