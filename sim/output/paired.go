package output

import (
	"fmt"

	"gonum.org/v1/gonum/stat"
)

// Difference compares two ways of doing things over the same replications.
type Difference struct {
	Interval // of the mean of a - b
	// Reduction is how many times more replications two independent samples would
	// have needed for the same interval: Var(a)+Var(b) over Var(a-b). Below 1 the
	// common random numbers hurt. 0 when all differences are equal.
	Reduction float64
}

// Paired is the difference of a and b, whose i-th values come from the same random
// numbers (the same replication).
func Paired(a, b []float64, level float64) (Difference, error) {
	if len(a) != len(b) {
		return Difference{}, fmt.Errorf("paired difference of %d and %d values", len(a), len(b))
	}
	d := make([]float64, len(a))
	for i := range a {
		d[i] = a[i] - b[i]
	}
	diff := Difference{Interval: Mean(d, level)}
	if v := stat.Variance(d, nil); v > 0 {
		diff.Reduction = (stat.Variance(a, nil) + stat.Variance(b, nil)) / v
	}
	return diff, nil
}
