//go:build rca

package anomaly_test

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
)

// board counts how often the true answer is among the first.
type board struct {
	n   int
	top [5]int // true answer at this place or before it
}

func (b *board) add(ranked []string, truth ...string) {
	b.n++
	for i := range b.top {
		if i < len(ranked) && slices.ContainsFunc(ranked[:i+1], func(r string) bool { return slices.Contains(truth, r) }) {
			b.top[i]++
		}
	}
	for i := len(ranked); i < len(b.top); i++ { // a list that ends early
		if len(ranked) > 0 && slices.ContainsFunc(ranked, func(r string) bool { return slices.Contains(truth, r) }) {
			b.top[i]++
		}
	}
}

func (b *board) ac(k int) float64 { return float64(b.top[k-1]) / float64(b.n) }

// avg5 is the mean of AC@1 to AC@5.
func (b *board) avg5() float64 {
	sum := 0.0
	for k := 1; k <= len(b.top); k++ {
		sum += b.ac(k)
	}
	return sum / float64(len(b.top))
}

// results are boards by method and group, in the order in which they came.
type results struct {
	methods, groups []string
	by              map[[2]string]*board
}

func (r *results) add(method, group string, ranked []string, truth ...string) {
	for _, g := range []string{group, "all"} {
		k := [2]string{method, g}
		if r.by == nil {
			r.by = map[[2]string]*board{}
		}
		if r.by[k] == nil {
			r.by[k] = &board{}
		}
		r.by[k].add(ranked, truth...)
		if !slices.Contains(r.groups, g) {
			r.groups = append(r.groups, g)
		}
	}
	if !slices.Contains(r.methods, method) {
		r.methods = append(r.methods, method)
	}
}

// print writes a Markdown table: AC@1 / AC@3 / Avg@5 per group. published are the
// figures of others, by method.
func (r *results) print(t *testing.T, title string, published ...string) {
	t.Helper()
	groups := slices.DeleteFunc(slices.Clone(r.groups), func(g string) bool { return g == "all" })
	slices.Sort(groups)
	groups = append(groups, "all")
	head, rule := "| "+title+", AC@1 / AC@3 / Avg@5 |", "|---|"
	for _, g := range groups {
		n := 0
		for _, m := range r.methods {
			if b := r.by[[2]string{m, g}]; b != nil {
				n = b.n
			}
		}
		head += fmt.Sprintf(" %s (%d) |", g, n)
		rule += "---|"
	}
	lines := []string{head, rule}
	for _, m := range r.methods {
		line := "| " + m + " |"
		for _, g := range groups {
			b := r.by[[2]string{m, g}]
			if b == nil {
				line += " |"
				continue
			}
			line += fmt.Sprintf(" %.2f / %.2f / %.2f |", b.ac(1), b.ac(3), b.avg5())
		}
		lines = append(lines, line)
	}
	t.Log("\n" + strings.Join(lines, "\n") + "\n" + strings.Join(published, "\n"))
}

// aim compares a figure with what is aimed at on the development split. An aim
// that is missed is told, not failed: only DBSherlock's onset is a bar.
func aim(t *testing.T, what string, got, want float64) {
	t.Helper()
	verdict := "met"
	if got < want-0.005 {
		verdict = "MISSED"
	}
	t.Logf("aim %s: %.2f, wanted %.2f: %s", what, got, want, verdict)
}

// ranked orders names by score, the highest first; a name counts once, by its
// best.
func ranked(scores map[string]float64) []string {
	names := make([]string, 0, len(scores))
	for n := range scores {
		names = append(names, n)
	}
	slices.SortFunc(names, func(a, b string) int { return cmp.Or(cmp.Compare(scores[b], scores[a]), cmp.Compare(a, b)) })
	return names
}

// best keeps the highest score of a name.
func best(scores map[string]float64, name string, v float64) {
	if have, ok := scores[name]; !ok || v > have {
		scores[name] = v
	}
}

// nSigma is the yardstick of that name: the largest distance from the mean in
// standard deviations of before, one-sided, population; 0 counts as 1.
func nSigma(before, after []float64) float64 {
	mean, n := 0.0, 0.0
	for _, v := range before {
		mean += v
		n++
	}
	mean /= n
	variance := 0.0
	for _, v := range before {
		variance += (v - mean) * (v - mean)
	}
	return overScale(after, mean, math.Sqrt(variance/n))
}

// robustScorer is BARO's (Pham, Ha, Zhang, FSE 2024): the largest distance from
// the median in interquartile ranges of before.
func robustScorer(before, after []float64) float64 {
	sorted := slices.Sorted(slices.Values(before))
	return overScale(after, linear(sorted, 0.5), linear(sorted, 0.75)-linear(sorted, 0.25))
}

func overScale(after []float64, centre, scale float64) float64 {
	if scale == 0 {
		scale = 1
	}
	most := math.Inf(-1)
	for _, v := range after {
		most = max(most, (v-centre)/scale)
	}
	return most
}

func linear(sorted []float64, q float64) float64 {
	at := q * float64(len(sorted)-1)
	i := min(int(at), len(sorted)-1)
	j := min(i+1, len(sorted)-1)
	return sorted[i] + (at-float64(i))*(sorted[j]-sorted[i])
}

// finite are the values that are there.
func finite(list []float64) []float64 {
	return slices.DeleteFunc(slices.Clone(list), func(v float64) bool { return v-v != 0 })
}
