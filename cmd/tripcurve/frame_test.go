package main

import (
	"slices"
	"strings"
	"testing"
	"time"
)

// TestCommandTreeIsCheap holds what is done of it before the first frame, where no command
// is named, and the tree of all commands, which once drew the customers of a dozen
// scenarios for a flag's help.
func TestCommandTreeIsCheap(t *testing.T) {
	a := &app{env: anybody}
	for _, tt := range []struct {
		what  string
		build func()
		most  float64
	}{
		{"no command", func() { a.commandFor(nil) }, 250},
		{"open", func() { a.commandFor([]string{"open", "FILE"}) }, 350},
		{"all commands", func() { manTree() }, 12_000},
	} {
		if n := testing.AllocsPerRun(5, tt.build); n > tt.most {
			t.Errorf("%.0f allocations for %s", n, tt.what)
		} else {
			t.Logf("%.0f allocations for %s", n, tt.what)
		}
	}
}

// BenchmarkFirstFrame starts the program and the smallest Bubble Tea program in
// turn and reports, as medians, how much later the first frame of the program
// is, and when the sentence is on the screen. Run it with -benchtime 20x.
func BenchmarkFirstFrame(b *testing.B) {
	program, bare := binary(b, "tripcurve"), binary(b, "bare")
	var frames, bares, sentences []time.Duration
	firstFrame := func(path string) (*terminal, time.Duration) {
		t := startTerminal(b, 200, 50, nil, path)
		return t, t.waitUntil("a first frame", func(s string) bool { return strings.TrimSpace(s) != "" })
	}
	for b.Loop() {
		t, took := firstFrame(bare)
		bares = append(bares, took)
		t.kill()
		t, took = firstFrame(program)
		frames = append(frames, took)
		sentences = append(sentences, t.waitFor("48291"))
		t.kill()
	}
	median := func(ds []time.Duration) time.Duration {
		slices.Sort(ds)
		return ds[len(ds)/2]
	}
	b.ReportMetric(float64(median(frames))/float64(median(bares)), "x_bare")
	b.ReportMetric(float64(median(bares).Microseconds())/1000, "bare_ms")
	b.ReportMetric(float64(median(frames).Microseconds())/1000, "frame_ms")
	b.ReportMetric(float64(median(sentences).Microseconds())/1000, "sentence_ms")
	b.ReportMetric(0, "ns/op")
}
