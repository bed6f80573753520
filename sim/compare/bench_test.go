package compare

import (
	"runtime/debug"
	"testing"

	"tripcurve/internal/policy/policytest"
	"tripcurve/sim/scenario"
)

// The promise is 40 s on two cores, which is 80 s of processor time, for all remedies
// under 20 seeds. The garbage collector is set as the command sets it.
func BenchmarkCompare(b *testing.B) {
	defer debug.SetGCPercent(debug.SetGCPercent(400))
	began := policytest.CPUTime(b)
	for b.Loop() {
		if _, err := Run(b.Context(), scenario.INC2847(), Remedies(), Options{Seeds: 20, Workers: 2}); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric((policytest.CPUTime(b)-began).Seconds()/float64(b.N), "cpu_s/op")
}
