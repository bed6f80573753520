package tui

import (
	"bytes"
	"context"
	"io"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"github.com/charmbracelet/x/ansi"
	"github.com/charmbracelet/x/term"
)

func TestFirstFrameIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		calls := 0
		w := watched(&out, func() { calls++ })
		write := func(s string) {
			if n, err := io.WriteString(w, s); n != len(s) || err != nil {
				t.Errorf("wrote %d of %d bytes of %q: %v", n, len(s), s, err)
			}
			time.Sleep(2 * drawing)
			synctest.Wait()
		}
		write(ansi.RequestBackgroundColor)
		if calls != 0 {
			t.Error("a question was taken for the first frame")
		}
		frame := ansi.ResetModifyOtherKeys + ansi.SetModeAltScreenSaveCursor + "frame"
		write(frame)
		write(ansi.SetModeAltScreenSaveCursor)
		if calls != 1 {
			t.Errorf("told %d times of the first frame, want once", calls)
		}
		if want := ansi.RequestBackgroundColor + frame + ansi.SetModeAltScreenSaveCursor; out.String() != want {
			t.Errorf("written was %q, want %q", out.String(), want)
		}
	})
}

// TestWatchedTerminal: Bubble Tea asks a terminal for its size and its colours, which only
// a file can tell.
func TestWatchedTerminal(t *testing.T) {
	f, ok := watched(nil, nil).(term.File)
	if !ok || f.Fd() != os.Stdout.Fd() {
		t.Error("the standard output is no file any more")
	}
	if _, ok := watched(io.Discard, nil).(term.File); ok {
		t.Error("what is no file became one")
	}
}

func TestLoadingWaitsForTheFirstFrame(t *testing.T) {
	for _, tt := range []struct {
		what  string
		shown time.Duration // when the first frame has left; negative: never
		want  time.Duration
	}{
		{"a frame after 20 ms", 20 * time.Millisecond, 20 * time.Millisecond},
		{"a terminal that nobody reads", -1, firstFrame},
	} {
		t.Run(tt.what, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				shown := make(chan struct{})
				if tt.shown >= 0 {
					time.AfterFunc(tt.shown, func() { close(shown) })
				}
				began := time.Now()
				var took time.Duration
				r := newRoot(Options{Name: "x", shown: shown, Context: t.Context(), Load: func(context.Context) (EvidenceMsg, error) {
					took = time.Since(began)
					return EvidenceMsg{}, nil
				}})
				r.load()()
				if took != tt.want {
					t.Errorf("loaded after %v, want %v", took, tt.want)
				}
			})
		})
	}
}
