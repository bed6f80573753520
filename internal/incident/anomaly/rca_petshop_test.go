//go:build rca

package anomaly_test

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"tripcurve/internal/incident/anomaly"
)

// petMetrics are the columns of a metrics file by node, metric and statistic;
// its first three lines are the column's name, the fourth names the index.
type petMetrics struct {
	at []float64 // unix seconds, of the end of five minutes
	by map[[3]string][]float64
}

func readPet(t *testing.T, parts ...string) petMetrics {
	t.Helper()
	lines := rows(t, parts...)
	m := petMetrics{by: map[[3]string][]float64{}}
	for _, l := range lines[4:] {
		m.at = append(m.at, number(l[0]))
	}
	for i := 1; i < len(lines[0]); i++ {
		v := make([]float64, 0, len(lines)-4)
		for _, l := range lines[4:] {
			v = append(v, number(l[i]))
		}
		m.by[[3]string{lines[0][i], lines[1][i], lines[2][i]}] = v
	}
	return m
}

// petAfter is how long after the alarm the symptom is looked at: two samples, for
// some issues were over in the third.
const petAfter = 600

// since are the values of petAfter seconds after an instant.
func (m petMetrics) since(node, metric, statistic string, at float64) []float64 {
	var list []float64
	for i, v := range m.by[[3]string{node, metric, statistic}] {
		if m.at[i] > at && m.at[i] <= at+petAfter {
			list = append(list, v)
		}
	}
	return list
}

func readGraph(t *testing.T, parts ...string) (nodes []string, calls [][]int) {
	t.Helper()
	lines := rows(t, parts...)
	nodes = lines[0][1:]
	for _, l := range lines[1:] {
		var to []int
		for i, cell := range l[1:] {
			if number(cell) > 0 {
				to = append(to, i)
			}
		}
		calls = append(calls, to)
	}
	return nodes, calls
}

func edgeOnly(node string) bool {
	return strings.HasSuffix(node, "_remote") || strings.HasSuffix(node, "_client") || strings.Contains(node, ".elb.")
}

// petMeasure is a value as one that is worse when it is more: availability is
// given in percent of requests that went well.
func petMeasure(metric string, v []float64) []float64 {
	if metric != "availability" {
		return v
	}
	out := make([]float64, len(v))
	for i, x := range v {
		out[i] = (100 - x) / 100
	}
	return out
}

// petBaseline takes one per mille of failed requests as the least that is
// a change.
func petBaseline(metric string, before []float64) anomaly.Baseline {
	b := anomaly.NewBaseline(before, 0.02)
	if metric == "availability" {
		b = b.AtLeast(0.001)
	}
	return b
}

func TestRCAPetShop(t *testing.T) {
	var r results
	usual := map[string]petMetrics{}
	without := 0
	for _, c := range cases(t, "petshop") {
		scenario, issue, _ := strings.Cut(c.Case, "/")
		if _, ok := usual[scenario]; !ok {
			if _, err := os.Stat(filepath.Join(dataFolder(t), "petshop", scenario, "noissue")); err != nil {
				without++ // no baseline was recorded
				continue
			}
			usual[scenario] = readPet(t, "petshop", scenario, "noissue", "metrics.csv.gz")
		}
		nodes, calls := readGraph(t, "petshop", scenario, "graph.csv.gz")
		m := readPet(t, "petshop", scenario, issue, "metrics.csv.gz")
		raw, err := os.ReadFile(filepath.Join(dataFolder(t), "petshop", c.Case, "target.json"))
		if err != nil {
			t.Fatal(err)
		}
		var target struct {
			Target struct {
				Node, Metric, Agg string
				Timestamp         float64
			}
		}
		if err := json.Unmarshal(raw, &target); err != nil {
			t.Fatal(err)
		}
		metric, agg, at := target.Target.Metric, target.Target.Agg, target.Target.Timestamp
		g := anomaly.Graph{Calls: calls}
		sigma, robust := map[string]float64{}, map[string]float64{}
		for _, node := range nodes {
			before := petMeasure(metric, usual[scenario].by[[3]string{node, metric, agg}])
			after := petMeasure(metric, m.since(node, metric, agg, at))
			comp := anomaly.Component{Name: node, EdgeOnly: edgeOnly(node)}
			comp.Effect = petBaseline(metric, before).Effect(after, anomaly.Up)
			if n := finite(m.since(node, "requests", "Sum", at)); len(n) > 0 {
				comp.Requests = linear(slices.Sorted(slices.Values(n)), 0.5)
			}
			g.Components = append(g.Components, comp)
			if b, a := finite(before), finite(after); len(b) > 0 && len(a) > 0 {
				sigma[node], robust[node] = nSigma(b, a), robustScorer(b, a)
			}
		}
		var ours []string
		for _, s := range g.OwnExcess(slices.Index(nodes, target.Target.Node)) {
			if !math.IsNaN(s.Score) {
				ours = append(ours, s.Name)
			}
		}
		group := scenario + " " + metric
		r.add("NSigma", group, ranked(sigma), c.Service)
		r.add("RobustScorer (BARO)", group, ranked(robust), c.Service)
		r.add("own-excess", group, ours, c.Service)
	}
	if len(r.methods) == 0 {
		return
	}
	if without > 0 {
		t.Logf("%d issues have no recorded baseline and are left out", without)
	}
	r.print(t, "PetShop", "Published, traversal baseline of the dataset's notebook, 52 issues: AC@1 .65, AC@3 .83")
	aim(t, "PetShop AC@1", r.by[[2]string{"own-excess", "all"}].ac(1), 0.85)
}
