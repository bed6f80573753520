//go:build validate

package validate

// Sizes of make validate.
const (
	replications = 30
	customers    = 40_000
	tolerance    = 1
	experiments  = 1000
	steady       = 50_000 // customers of a run for batch means
	nights       = 40
	patience     = 1
	few          = 2000 // customers of a replication for Student's t
)
