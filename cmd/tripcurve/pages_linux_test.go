package main

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

func TestUnchangedPart(t *testing.T) {
	const program = "/opt/trip curve/tripcurve"
	for _, tt := range []struct {
		line   string
		lo, hi uintptr
	}{
		{"00400000-01da5000 r-xp 00000000 fe:00 10363244                           /opt/trip curve/tripcurve\n", 0x400000, 0x1da5000},
		{"01da5000-0378c000 r--p 019a5000 fe:00 10363244                           /opt/trip curve/tripcurve\n", 0x1da5000, 0x378c000},
		{"0378c000-03fee000 rw-p 0338c000 fe:00 10363244                           /opt/trip curve/tripcurve\n", 0, 0}, // what was written there would be lost
		{"7f1c00000000-7f1c00001000 r--p 00000000 fe:00 77                         /usr/lib/other.so\n", 0, 0},
		{"7f1c00000000-7f1c00001000 r--p 00000000 00:00 0                          [vvar]\n", 0, 0},
		{"7f1c00000000-7f1c00001000 r--p 00000000 00:00 0\n", 0, 0},
		{"x-y r-xp 00000000 fe:00 10363244 /opt/trip curve/tripcurve\n", 0, 0},
		{"", 0, 0},
	} {
		lo, hi, ok := unchangedPart(tt.line, program)
		if want := tt.hi > 0; ok != want || ok && (lo != tt.lo || hi != tt.hi) {
			t.Errorf("%q: %x to %x, %v", tt.line, lo, hi, ok)
		}
	}
}

// TestUnmapStart goes on afterwards: what is needed comes back.
func TestUnmapStart(t *testing.T) {
	mapped := func() (kB int) {
		b, err := os.ReadFile("/proc/self/status")
		if err != nil {
			t.Fatal(err)
		}
		_, after, _ := strings.Cut(string(b), "RssFile:")
		if _, err := fmt.Sscan(after, &kB); err != nil {
			t.Fatal(err)
		}
		return kB
	}
	before := mapped()
	unmapStart()
	if after := mapped(); after > before/2 {
		t.Errorf("%d kB of files are mapped, %d kB before", after, before)
	}
}
