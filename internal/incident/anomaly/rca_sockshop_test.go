//go:build rca

package anomaly_test

import (
	"slices"
	"strings"
	"testing"

	"tripcurve/internal/incident/anomaly"
)

const (
	sockHalf = 300 // seconds on either side of the fault
	sockLate = 60  // the delay test moves the split by this
)

// sockKind is what a column's suffix measures.
func sockKind(column string) anomaly.Kind {
	switch {
	case strings.HasSuffix(column, "_cpu"):
		return anomaly.CPU
	case strings.HasSuffix(column, "_mem"):
		return anomaly.Memory
	case strings.Contains(column, "_lat_"):
		return anomaly.Latency
	}
	return anomaly.Rate // _lod, the load
}

func sockService(column string) string {
	service, _, _ := strings.Cut(column, "_")
	return strings.TrimSuffix(service, "-db")
}

// sockCase is what RCAEval's rq2.py makes of a case: 300 s before and after,
// without columns that are constant in either half.
func sockCase(t *testing.T, name string, late int) (columns []string, before, after [][]float64) {
	t.Helper()
	normal, bad := table(t, "sockshop", name, "normal.csv.gz"), table(t, "sockshop", name, "anomalous.csv.gz")
	byName := map[string][]float64{}
	for _, c := range bad {
		byName[c.name] = c.values
	}
	for _, c := range normal {
		v, ok := byName[c.name]
		if !ok || c.name == "time" || strings.HasSuffix(c.name, "_lat_50") || strings.HasSuffix(c.name, "_lat_99") {
			continue
		}
		whole := slices.Concat(c.values, v)
		if strings.HasSuffix(c.name, "_mem") { // MB: an IQR of 0 counts as 1
			for i := range whole {
				whole[i] /= 1e6
			}
		}
		split := len(c.values) + late
		if split >= len(whole) {
			continue
		}
		b, a := finite(whole[max(0, split-sockHalf):split]), finite(whole[split:min(len(whole), split+sockHalf)])
		if constant(b) || constant(a) {
			continue
		}
		columns, before, after = append(columns, c.name), append(before, b), append(after, a)
	}
	return columns, before, after
}

func constant(v []float64) bool {
	return len(v) == 0 || slices.Min(v) == slices.Max(v)
}

func TestRCASockShop(t *testing.T) {
	for _, late := range []int{0, sockLate} {
		var r results
		for _, c := range cases(t, "sockshop") {
			columns, before, after := sockCase(t, c.Case, late)
			sigma, robust, ours := map[string]float64{}, map[string]float64{}, map[string]float64{}
			for i, name := range columns {
				service := sockService(name)
				best(sigma, service, nSigma(before[i], after[i]))
				best(robust, service, robustScorer(before[i], after[i]))
				e := anomaly.NewBaseline(before[i], 0.02).Effect(after[i], sockKind(name).Bad())
				best(ours, service, e.Median)
			}
			r.add("NSigma", c.Fault, ranked(sigma), c.Service)
			r.add("RobustScorer (BARO)", c.Fault, ranked(robust), c.Service)
			r.add("sustained robust effect", c.Fault, ranked(ours), c.Service)
		}
		if len(r.methods) == 0 {
			return
		}
		if late == 0 {
			r.print(t, "Sock Shop", "Published Avg@5, CPU / MEM: NSigma .98 / .99, BARO .99 / .99 (RCAEval, all 50 cases)")
			aim(t, "Sock Shop Avg@5", r.by[[2]string{"sustained robust effect", "all"}].avg5(), 0.97)
			for method, published := range map[string][2]float64{"NSigma": {.98, .99}, "RobustScorer (BARO)": {.99, .99}} {
				for i, fault := range []string{"cpu", "mem"} {
					if got := r.by[[2]string{method, fault}].avg5(); got < published[i]-0.03 || got > published[i]+0.03 {
						t.Errorf("%s on %s has Avg@5 %.3f, published %.2f: the yardstick is not what it says", method, fault, got, published[i])
					}
				}
			}
			continue
		}
		r.print(t, "Sock Shop, split 60 s late", "Published Avg@5, split late, CPU / MEM: NSigma .15 / .33")
	}
}
