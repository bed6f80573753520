//go:build rca

package anomaly_test

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"tripcurve/internal/incident/anomaly"
)

const (
	rampUp = 15 // rows in which the load generator starts
	within = 5  // seconds of the marked beginning that count as found
)

// cumulative says that a column is a counter: it never falls, and rises again
// and again.
func cumulative(v []float64) bool {
	up := 0
	for i := 1; i < len(v); i++ {
		switch {
		case v[i] < v[i-1]:
			return false
		case v[i] > v[i-1]:
			up++
		}
	}
	return up > 10
}

// dbRows are a recording's measures from the end of the ramp on; counters as what
// they rose by.
func dbRows(t *testing.T, c recorded) []anomaly.Row {
	t.Helper()
	var rows []anomaly.Row
	for _, col := range table(t, "dbsherlock", c.Case+".csv.gz") {
		if col.name == "Epoch" {
			continue
		}
		v := col.values
		if cumulative(v[rampUp:]) {
			d := make([]float64, len(v))
			for i := 1; i < len(v); i++ {
				d[i] = v[i] - v[i-1]
			}
			v = d
		}
		rows = append(rows, anomaly.Row{ID: col.name, Values: v[rampUp:]})
	}
	return rows
}

// TestRCADBSherlock is the one bar among the aims: the onset within 5 s of the
// marked beginning for half of the single causes and .85 of the compound ones.
func TestRCADBSherlock(t *testing.T) {
	type tally struct{ n, hit, bound int }
	by := map[string]*tally{}
	off := map[string][]float64{}
	together := 0
	list := cases(t, "dbsherlock")
	for _, c := range list {
		rows := dbRows(t, c)
		o, ok := anomaly.Consensus(rows, anomaly.ConsensusParams{})
		group := "single"
		if c.Compound {
			group = "compound"
		}
		for _, g := range []string{group, group + ": " + c.Cause} {
			if by[g] == nil {
				by[g] = &tally{}
			}
			by[g].n++
			if !ok {
				continue
			}
			e := float64(o.At + rampUp - c.AbnormalFirst)
			off[g] = append(off[g], math.Abs(e))
			if math.Abs(e) <= within {
				by[g].hit++
			}
			if math.Abs(e) <= float64(o.Err) {
				by[g].bound++
			}
		}
		if o.Together() {
			together++
		}
	}
	if len(list) == 0 {
		return
	}
	lines := []string{"| DBSherlock, onset by consensus | recordings | median error, s | within 5 s | marked beginning within the error bound |", "|---|---|---|---|---|"}
	names := make([]string, 0, len(by))
	for g := range by {
		names = append(names, g)
	}
	slices.Sort(names)
	for _, g := range names {
		b := by[g]
		slices.Sort(off[g])
		lines = append(lines, fmt.Sprintf("| %s | %d | %.1f | %.2f | %.2f |", g, b.n, linear(off[g], 0.5), float64(b.hit)/float64(b.n), float64(b.bound)/float64(b.n)))
	}
	t.Log("\n" + strings.Join(lines, "\n"))
	t.Logf("of %d recordings with a fault the series agree on one event in %d", len(list), together)
	for g, least := range map[string]float64{"single": 0.50, "compound": 0.85} {
		if got := float64(by[g].hit) / float64(by[g].n); got < least {
			t.Errorf("onset within %d s of the marked beginning, %s causes: %.2f, at least %.2f is the bar", within, g, got, least)
		}
	}
}
