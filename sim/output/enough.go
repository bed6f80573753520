package output

// Rule says when there have been replications enough.
type Rule struct {
	// Relative is the half-width of the mean's interval, as a share of the mean, at
	// which to stop; 0 never stops before Most.
	Relative float64
	Least    int     // replications at least; below 10 the interval itself is too unsure to stop by
	Most     int     // the budget
	Level    float64 // of the interval
}

// LeastReplications is a Rule's Least where nobody says otherwise.
const LeastReplications = 10

// Stop is what a Rule says of the values so far.
type Stop uint8

const (
	GoOn    Stop = iota
	Precise      // the interval is as narrow as was asked for
	Budget       // it is not, and there are no replications left
)

// Check looks at one value of each replication so far.
func (r Rule) Check(values []float64) Stop {
	n := len(values)
	if r.Relative > 0 && n >= max(r.Least, 2) && Mean(values, r.Level).Relative() <= r.Relative {
		return Precise
	}
	if n >= r.Most {
		return Budget
	}
	return GoOn
}
