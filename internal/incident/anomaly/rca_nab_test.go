//go:build rca

package anomaly_test

import (
	"testing"
	"time"

	"tripcurve/internal/incident/anomaly"
)

// TestRCANAB shows why a single CUSUM is no alarm: on series that only follow the
// day it fires as well.
func TestRCANAB(t *testing.T) {
	windows, hit, alarms, samples, quiet := 0, 0, 0, 0, 0
	list := cases(t, "nab")
	for _, c := range list {
		lines := rows(t, "nab", c.Case+".gz")
		sum := anomaly.NewCUSUM(anomaly.CUSUMParams{Relative: 0.02, Warm: 300})
		found := make([]bool, len(c.Windows))
		was := false
		for _, l := range lines[1:] {
			at, err := time.Parse(time.DateTime, l[0])
			if err != nil {
				t.Fatal(err)
			}
			in := sum.Observe(at, number(l[1]))
			for i, w := range c.Windows {
				if in && l[0] >= w[0][:len(time.DateTime)] && l[0] <= w[1][:len(time.DateTime)] {
					found[i] = true
				}
			}
			if len(c.Windows) == 0 {
				samples++
				if in && !was {
					alarms++
				}
			}
			was = in
		}
		for _, f := range found {
			windows++
			if f {
				hit++
			}
		}
		if len(c.Windows) == 0 {
			quiet++
		}
		if o := anomaly.Open([]anomaly.Indicator{{ID: c.Case, Values: column0(lines)}}, func() []anomaly.Row { return []anomaly.Row{{ID: c.Case, Values: column0(lines)}} }, anomaly.ConsensusParams{}); o.Open {
			t.Errorf("%s: one series alone opens an incident", c.Case)
		}
	}
	if len(list) > 0 {
		t.Logf("NAB, one CUSUM a series: %d of %d labelled windows, and %d alarms on %d samples of %d series without an anomaly (%.1f per 1,000); "+
			"as incidents none of %d series opens one", hit, windows, alarms, samples, quiet, 1000*float64(alarms)/float64(max(1, samples)), len(list))
	}
}

func column0(lines [][]string) []float64 {
	var v []float64
	for _, l := range lines[1:] {
		v = append(v, number(l[1]))
	}
	return v
}
