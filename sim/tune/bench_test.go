package tune

import (
	"context"
	"runtime"
	"runtime/debug"
	"testing"

	"tripcurve/sim/scenario"
)

// BenchmarkTune is the whole search of `tripcurve tune inc-2847 --for opossum`: 1,000
// settings raced, 12 finalists, sensitivities, baselines.
func BenchmarkTune(b *testing.B) {
	defer debug.SetGCPercent(debug.SetGCPercent(400))
	for b.Loop() {
		p, err := OfScenario(context.Background(), scenario.INC2847(), "order.inventory")
		if err != nil {
			b.Fatal(err)
		}
		r, err := Search(context.Background(), p, Options{Library: "opossum", Configs: 1000, Seed: 68, Workers: runtime.NumCPU()})
		if err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(r.Runs), "runs")
	}
}

// BenchmarkDraft is the run that the Tune screen waits for after a step of a slider.
func BenchmarkDraft(b *testing.B) {
	sc := Draft(scenario.INC2847())
	for b.Loop() {
		if _, err := scenario.Run(b.Context(), sc, scenario.Observers{}); err != nil {
			b.Fatal(err)
		}
	}
}
