package tune

import (
	"math"
	"slices"

	"tripcurve/sim/output"
)

// Objective is one thing that a setting should be small in.
type Objective struct {
	Name string // as in JSON
	What string // in words, with its unit
	// Share and Least are the difference that matters: smaller ones count as none,
	// however sure they are. Share is of the larger value, Least in its unit.
	Share, Least float64
	// Often says how much of it is tolerable before anything else is looked at; 0 is
	// any amount.
	Often float64
}

// The objectives, in the order of Objectives.
const (
	NotServed = iota
	Wait
	Load
	FalseTrips
	HealthyLost
	Recovery
	objectives
)

// Objectives are all of them.
func Objectives() []Objective { return slices.Clone(table[:]) }

var table = [objectives]Objective{
	NotServed:   {Name: "not_served", What: "requests not answered well within their patience, per request that came while the trigger lasted; mean of the cases", Share: 0.01, Least: 0.002},
	Wait:        {Name: "wait_p99_s", What: "99 % of the waits of those who came while the trigger lasted, s; mean of the cases", Share: 0.05, Least: 0.02},
	Load:        {Name: "load", What: "calls of the run that reached the callee, per request that came while the trigger lasted; mean of the cases", Share: 0.02, Least: 0.002},
	FalseTrips:  {Name: "false_trips_per_day", What: "times that one breaker opens on a healthy day; mean of a noisy, a busy and a slow one", Share: 0.05, Least: 0.1, Often: 0.1},
	HealthyLost: {Name: "healthy_lost", What: "share of the healthy calls that are turned away or cut off; mean of the same days", Share: 0.05, Least: 0.0005, Often: 0.001},
	Recovery:    {Name: "recovery_s", What: "from the trigger's end until requests succeed for good, s; a run that did not recover counts for as long as it was watched; mean of the cases", Share: 0.05, Least: 1},
}

// Values are one of each objective.
type Values [objectives]float64

// differs says whether a is more than b by as much as matters.
func (o *Objective) more(a, b float64) bool {
	return a-b > o.margin(a, b)
}

func (o *Objective) margin(a, b float64) float64 {
	return max(o.Least, o.Share*max(math.Abs(a), math.Abs(b)))
}

// dominates says that a is worse than b in nothing, and better in something, by as
// much as matters.
func dominates(a, b Values) bool {
	better := false
	for i := range table {
		o := &table[i]
		switch {
		case o.more(a[i], b[i]):
			return false
		case o.more(b[i], a[i]):
			better = true
		}
	}
	return better
}

// Verdict is how one setting stands to another in one objective, over the same
// customers.
type Verdict struct {
	output.Difference         // a - b
	Relative          float64 // share of b; 0 where b is 0
	Means             int8    // -1 a is less, 1 more, by as much as matters and surely; else 0
}

// compare holds two settings' values over common replications against each other. All
// intervals hold together at output.Level when there are so many of them.
func compare(a, b []Values, comparisons int) (all [objectives]Verdict) {
	level := 1 - (1-output.Level)/float64(max(comparisons, 1)*objectives)
	n := min(len(a), len(b))
	for i := range table {
		o := &table[i]
		va, vb := make([]float64, n), make([]float64, n)
		for k := range n {
			va[k], vb[k] = a[k][i], b[k][i]
		}
		d, err := output.Paired(va, vb, level)
		if err != nil {
			panic("tune: " + err.Error()) // both have n values
		}
		ma, mb := mean(a[:n])[i], mean(b[:n])[i]
		v := Verdict{Difference: d}
		if mb != 0 {
			v.Relative = (ma - mb) / math.Abs(mb)
		}
		switch m := o.margin(ma, mb); {
		case n > 1 && d.Hi < 0 && d.Value < -m:
			v.Means = -1
		case n > 1 && d.Lo > 0 && d.Value > m:
			v.Means = 1
		}
		all[i] = v
	}
	return all
}

func mean(of []Values) (m Values) {
	for _, v := range of {
		for i := range v {
			m[i] += v[i] / float64(len(of))
		}
	}
	return m
}
