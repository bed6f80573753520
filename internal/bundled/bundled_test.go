package bundled

import (
	"context"
	"testing"
)

// BenchmarkBuild is what the first screen waits for.
func BenchmarkBuild(b *testing.B) {
	for b.Loop() {
		if _, err := Build(context.Background()); err != nil {
			b.Fatal(err)
		}
	}
}
