package postgres

import "testing"

// BenchmarkObserve is one sample of 100 waiters behind a migration, every second
// of which the bundled incident has 240.
func BenchmarkObserve(b *testing.B) {
	rows := []Row{migration()}
	for i := range 100 {
		rows = append(rows, writer(51000+i, 1.2))
	}
	s := NewSampler("pg")
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		s.Observe(sample(float64(i+2), rows...))
	}
}
