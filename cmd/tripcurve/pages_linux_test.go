package main

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
)

func TestUnchangedParts(t *testing.T) {
	const program = "/opt/trip curve/tripcurve"
	const maps = `00400000-01da5000 r-xp 00000000 fe:00 10363244                           /opt/trip curve/tripcurve
Size:              26260 kB
Rss:               13440 kB
Anonymous:             0 kB
VmFlags: rd ex mr mw me
01da5000-0278c000 r--p 019a5000 fe:00 10363244                           /opt/trip curve/tripcurve
Anonymous:             0 kB
0278c000-0378c000 r--p 0238c000 fe:00 10363244                           /opt/trip curve/tripcurve
Private_Dirty:       400 kB
Anonymous:           400 kB
0378c000-03fee000 rw-p 0338c000 fe:00 10363244                           /opt/trip curve/tripcurve
Anonymous:             0 kB
7f1c00000000-7f1c00001000 r--p 00000000 fe:00 77                         /usr/lib/other.so
Anonymous:             0 kB
7f1c00001000-7f1c00002000 r--p 00000000 00:00 0                          [vvar]
Anonymous:             0 kB
7f1c00002000-7f1c00003000 r--p 00000000 00:00 0
Anonymous:             0 kB
x-y r-xp 00000000 fe:00 10363244 /opt/trip curve/tripcurve
Anonymous:             0 kB
`
	want := []part{{0x400000, 0x1da5000}, {0x1da5000, 0x278c000}}
	if got := unchangedParts(maps, program); !slices.Equal(got, want) {
		t.Errorf("%x, want %x", got, want)
	}
	if got := unchangedParts("", program); got != nil {
		t.Errorf("of nothing: %x", got)
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
