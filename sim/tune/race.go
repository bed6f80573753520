package tune

import (
	"cmp"
	"math"
	"slices"
)

// cull leaves so many of the candidates, best first: half by preference, half by how
// few of the others dominate them, so that what is preferred now does not leave the
// race with nothing but its likes. Those that another one surely dominates go first.
func (s *search) cull(cs []*candidate, at grade, keep int) (kept []*candidate, dominated int) {
	order := s.prefer(cs, at)
	runs := make([][]Values, len(order))
	means := make([]Values, len(order))
	lost := make([]float64, len(order)) // share of the runs that did not recover
	for i, c := range order {
		runs[i] = s.eval.values(c, at)
		means[i] = mean(runs[i])
		got, of := s.eval.recovered(c, at)
		lost[i] = 1 - float64(got)/float64(of)
	}
	in := make([]int, 0, len(order))
	for i := range order {
		if i > 0 && lost[i] >= lost[0] && surely(runs[0], runs[i]) {
			dominated++
			continue
		}
		in = append(in, i)
	}
	pick := func(i int) {
		if len(kept) < keep && !slices.Contains(kept, order[i]) {
			kept = append(kept, order[i])
		}
	}
	for _, i := range in[:min((keep+1)/2, len(in))] {
		pick(i)
	}
	above := make([]int, len(order))
	for _, i := range in {
		for _, k := range in {
			if lost[k] <= lost[i] && dominates(means[k], means[i]) {
				above[i]++
			}
		}
	}
	byFront := slices.Clone(in)
	slices.SortStableFunc(byFront, func(a, b int) int {
		return cmp.Or(cmp.Compare(lost[a], lost[b]), cmp.Compare(above[a], above[b]))
	})
	for _, i := range byFront {
		pick(i)
	}
	slices.SortFunc(kept, func(a, b *candidate) int {
		return cmp.Compare(slices.Index(order, a), slices.Index(order, b))
	})
	return kept, dominated
}

// surely says that a dominates b by paired tests over the same customers.
func surely(a, b []Values) bool {
	better := false
	ma, mb := mean(a), mean(b)
	for i, v := range compare(a, b, 1) {
		if !(v.Hi <= table[i].margin(ma[i], mb[i])) {
			return false
		}
		better = better || v.Means < 0
	}
	return better
}

// standing is a candidate with what it is judged by.
type standing struct {
	*candidate
	judged [len(criteria) + 1]float64
	rank   int
}

// criteria are the objectives in the order in which they are looked at, after the share
// of runs that did not recover.
var criteria = [...]int{FalseTrips, HealthyLost, NotServed, Wait, Load, Recovery}

// prefer is the candidates by the order in which one would choose them: those that
// recover; then those that trip and lose no more of healthy traffic than is tolerable;
// then, each time among those that what came before does not tell apart, the fewest not
// served, the shortest waits, the least load, the soonest recovery.
func (s *search) prefer(cs []*candidate, at grade) []*candidate {
	all := make([]standing, len(cs))
	for i, c := range cs {
		got, of := s.eval.recovered(c, at)
		all[i] = standing{candidate: c, judged: judge(float64(got)/float64(of), mean(s.eval.values(c, at)))}
	}
	rank(all, 0)
	out := make([]*candidate, len(all))
	for i, x := range all {
		out[i] = x.candidate
	}
	return out
}

// judge is what a setting is judged by: what is tolerable counts as nothing.
func judge(recovered float64, m Values) (j [len(criteria) + 1]float64) {
	j[0] = max(1-recovered, 1-Enough)
	for k, i := range criteria {
		j[k+1] = max(m[i], table[i].Often)
	}
	return j
}

// rank sorts by the k-th criterion and, where it does not tell candidates apart, by the
// next. Steps as wide as what matters are counted from the least value on.
func rank(xs []standing, k int) {
	if len(xs) < 2 || k > len(criteria) {
		return
	}
	least := math.Inf(1)
	for _, x := range xs {
		least = min(least, x.judged[k])
	}
	step := 1 - Enough
	if k > 0 {
		step = table[criteria[k-1]].margin(least, least)
	}
	for i := range xs {
		xs[i].rank = int(min((xs[i].judged[k]-least)/step, 1<<30))
	}
	slices.SortStableFunc(xs, func(a, b standing) int { return cmp.Compare(a.rank, b.rank) })
	for from := 0; from < len(xs); {
		to := from
		for to < len(xs) && xs[to].rank == xs[from].rank {
			to++
		}
		rank(xs[from:to], k+1)
		from = to
	}
}
