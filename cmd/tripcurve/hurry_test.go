package main

import (
	"runtime/debug"
	"testing"
	"testing/synctest"
	"time"
)

// gcPercent is what is set.
func gcPercent() int {
	now := debug.SetGCPercent(100)
	debug.SetGCPercent(now)
	return now
}

func TestCalmEnds(t *testing.T) {
	t.Setenv("GOGC", "")
	before := gcPercent()
	synctest.Test(t, func(t *testing.T) {
		done := calm()
		if got := gcPercent(); got != -1 {
			t.Errorf("%d %% meanwhile, want no collections", got)
		}
		done()
		if got := gcPercent(); got != before {
			t.Errorf("%d %% after the first frame, want %d", got, before)
		}
		done()

		done = calm()
		time.Sleep(2 * calmFor)
		synctest.Wait()
		if got := gcPercent(); got != before {
			t.Errorf("%d %% where no frame is ever drawn, want %d", got, before)
		}
		done()
		if got := gcPercent(); got != before {
			t.Errorf("%d %% at the end, want %d", got, before)
		}
	})
}

func TestCalmLeavesTheUsersChoice(t *testing.T) {
	t.Setenv("GOGC", "50")
	before := gcPercent()
	calm()()
	if got := gcPercent(); got != before {
		t.Errorf("%d %%, want %d", got, before)
	}
}

func TestSparePercent(t *testing.T) {
	for live, want := range map[uint64]int{0: 100, 1 << 20: 100, headroom: 100, headroom * 4 / 3: 75, 4 * headroom: 50, 1 << 40: 50} {
		if got := sparePercent(live); got != want {
			t.Errorf("%d %% beside %d bytes, want %d %%", got, live, want)
		}
	}
}
