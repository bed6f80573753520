package diagnose

import (
	"fmt"
	"slices"
	"strings"

	"tripcurve/sim"
)

// Verdict is what the facts say of a mechanism.
type Verdict uint8

const (
	Contradicted Verdict = iota // by at least one fact
	Fits                        // every fact, and nothing else simulated does
	NotToldApart                // every fact, as do others
)

func (v Verdict) String() string {
	return [...]string{"contradicted", "fits", "fits, not told apart"}[v]
}

// judge gives every candidate its verdict and says what is left.
func judge(x *Explanation) {
	var fitting []*Candidate
	for _, list := range [][]Candidate{x.Candidates, x.Twins} {
		for i := range list {
			if len(list[i].Failing()) == 0 {
				fitting = append(fitting, &list[i])
			}
		}
	}
	for _, c := range fitting {
		c.Verdict = Fits
		if len(fitting) > 1 {
			c.Verdict = NotToldApart
		}
	}
	x.Weight = weigh(x)
	x.Unexplained = unexplained(x, fitting)
}

// weigh sets the dropped flow beside the backlog, which is the same night on a
// connection that lives.
func weigh(x *Explanation) *Weight {
	find := func(id string) int {
		return slices.IndexFunc(x.Candidates, func(c Candidate) bool { return c.ID == id })
	}
	a, b := find("dropped_flow"), find("backlog")
	i := slices.IndexFunc(x.Facts, func(o Observed) bool { return o.ID == "answered_502" })
	if a < 0 || b < 0 || i < 0 || x.Candidates[a].Verdict == Contradicted {
		return nil
	}
	with, without := &x.Candidates[a], &x.Candidates[b]
	w := Weight{Observed: x.Facts[i].Value.Number, With: with.Fits[i].Simulated.Median, Without: without.Fits[i].Simulated.Median}
	w.Necessity, w.Sufficiency = 1-w.Without/w.With, w.With/w.Observed
	return &w
}

// Fitting are the candidates and twins that no fact contradicts.
func (x *Explanation) Fitting() (fs []Candidate) {
	for _, c := range slices.Concat(x.Candidates, x.Twins) {
		if c.Verdict != Contradicted {
			fs = append(fs, c)
		}
	}
	return fs
}

// unexplained is what the evidence leaves open.
func unexplained(x *Explanation, fitting []*Candidate) (open []string) {
	switch len(fitting) {
	case 0:
		open = append(open, fmt.Sprintf("what held the %.0f s after the release: every mechanism that was simulated is contradicted", x.Marks.Remainder().Seconds()))
	case 1:
	default:
		var names, tells []string
		for _, c := range fitting {
			names = append(names, c.Name)
			tells = append(tells, c.Tell)
		}
		slices.Sort(tells)
		open = append(open, fmt.Sprintf("which of these it was: %s. None of the facts differs between them; it takes %s",
			strings.Join(names, "; "), strings.Join(slices.Compact(tells), "; or ")))
	}
	if len(fitting) > 0 {
		open = append(open,
			"who or what decided on the restart at the end, and why not before: no source says",
			"what inventory saw of those calls: nobody recorded its own counters; that it answered others speaks against stuck handlers, and does not show that those of Reserve had answered")
	}
	return open
}

// predictions are figures that nobody recorded and that differ between mechanisms.
var predictions = []struct {
	name string
	of   func(*sim.Result, Marks) float64
}{
	{"reservations that no order names", func(r *sim.Result, _ Marks) float64 { return float64(r.Orphans) }},
	{"calls of Reserve that reached inventory", func(r *sim.Result, _ Marks) float64 { return float64(r.ReserveCalls) }},
	{"streams open on order's connection just before the end", func(r *sim.Result, m Marks) float64 { return at(r, r.StreamsInUse, m) }},
	{"inventory's sessions in use just before the end", func(r *sim.Result, m Marks) float64 { return at(r, r.PoolInUse, m) }},
}

// at is a series' value in the last whole second before the end.
func at(r *sim.Result, series []int, m Marks) float64 {
	i := int(m.Ended.Sub(r.Start).Seconds()) - 2
	if i < 0 || i >= len(series) {
		return 0
	}
	return float64(series[i])
}
