//go:build race && !validate

package validate

// Sizes under the race detector, which is there for the workers and takes ten times
// as long for everything.
const (
	replications = 10
	customers    = 4000
	tolerance    = 8
	experiments  = 30
	steady       = 10_000
	nights       = 3
	patience     = 8
	few          = 500
)
