package terminal

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"
)

// written is a terminal that keeps what it is sent, and when.
type written struct {
	mu    sync.Mutex
	began time.Time
	at    []time.Duration
	what  []string
	stall time.Duration // how long it takes for everything
	fails error
}

func (w *written) Write(b []byte) (int, error) {
	w.mu.Lock()
	w.at = append(w.at, time.Since(w.began))
	w.what = append(w.what, string(b))
	w.mu.Unlock()
	time.Sleep(w.stall)
	return len(b), w.fails
}

func (w *written) last() string { return w.what[len(w.what)-1] }

func startPainter(w *written) *painter {
	w.began = time.Now()
	p := &painter{out: w, gap: 10 * time.Millisecond, questions: "?", failed: func(error) {}}
	p.display = *newDisplay(20, 1)
	p.start()
	return p
}

func frameNo(i int) tea.View { return tea.NewView(fmt.Sprintf("frame %d", i)) }

// TestFramesLeaveAtOnce: the first frame after a rest and the next one do not wait; more of
// them are a gap apart, and only the newest of those that wait is written.
func TestFramesLeaveAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &written{}
		p := startPainter(w)
		for i := range 100 { // one a millisecond
			p.show(frameNo(i))
			time.Sleep(time.Millisecond)
		}
		time.Sleep(time.Second)
		p.show(frameNo(100))
		time.Sleep(time.Second)
		synctest.Wait()
		n := len(w.at)
		want := []time.Duration{0, 1, 10, 20, 30, 40, 50, 60, 70, 80, 90, 100, 1100}
		if len(w.at) != len(want) {
			t.Fatalf("%d writes at %v, want %d", n, w.at, len(want))
		}
		for i, at := range want {
			if w.at[i] != at*time.Millisecond {
				t.Errorf("write %d at %v, want %v ms", i, w.at[i], at)
			}
		}
		if !strings.Contains(w.what[0], "?") || strings.Count(strings.Join(w.what, ""), "?") != strings.Count(w.what[0], "?") {
			t.Errorf("the questions are not in the first frame alone: %q", w.what)
		}
		if !strings.HasSuffix(w.last(), "100") {
			t.Errorf("the last frame is %q", w.last())
		}
		p.stopping()
		if !strings.Contains(w.last(), ansi.ResetModeAltScreenSaveCursor) {
			t.Errorf("left with %q", w.last())
		}
		n = len(w.at)
		p.stopping()
		if len(w.at) != n {
			t.Error("left twice")
		}
	})
}

// TestNothingIsWrittenForNothing: what looks the same costs no byte and no gap.
func TestNothingIsWrittenForNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &written{}
		p := startPainter(w)
		p.show(tea.NewView(""))
		synctest.Wait()
		if len(w.at) != 0 {
			t.Errorf("a view without content wrote %q", w.what)
		}
		p.stopping()
		if len(w.at) != 0 {
			t.Errorf("a terminal that was never taken was given back with %q", w.what)
		}
		p.start()
		for range 50 {
			p.show(frameNo(1))
			time.Sleep(time.Millisecond)
		}
		p.show(frameNo(2))
		synctest.Wait()
		if len(w.at) != 2 {
			t.Errorf("%d writes for two frames: %q", len(w.at), w.what)
		}
		p.stopping()
	})
}

// TestSlowTerminal: who shows frames never waits for it, and it gets the newest next.
func TestSlowTerminal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &written{stall: time.Minute}
		p := startPainter(w)
		began := time.Now()
		for i := range 1000 {
			p.show(frameNo(i))
		}
		synctest.Wait()
		p.show(tea.NewView("the newest"))
		if took := time.Since(began); took > 0 {
			t.Errorf("showing took %v", took)
		}
		time.Sleep(90 * time.Second)
		synctest.Wait()
		if len(w.what) != 2 || !strings.Contains(w.last(), "newest") {
			t.Errorf("written was %q", w.what)
		}
		p.stopping()
		time.Sleep(3 * time.Minute) // for what it still takes
	})
}

// TestTerminalThatTakesNothing: who stops waits for it as long as it takes anything at all.
func TestTerminalThatTakesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, c := range []struct{ stall, waits time.Duration }{
			{0, 0}, {4 * time.Second, 4 * 4 * time.Second}, {time.Hour, patience},
		} {
			w := &written{stall: c.stall}
			p := startPainter(w)
			p.show(tea.NewView("shown"))
			p.plainly(make([]byte, 2*piece)) // two before the frame, and one that leaves
			synctest.Wait()
			began := time.Now()
			p.stopping()
			if took := time.Since(began); took != c.waits {
				t.Errorf("of a terminal that takes %v for a piece it took leave in %v, want %v", c.stall, took, c.waits)
			}
			p.start() // when that has come to an end
			p.show(tea.NewView("again"))
			synctest.Wait()
			if c.stall < time.Hour && !strings.Contains(w.last(), "again") {
				t.Errorf("later it was sent %q", w.last())
			}
			p.stopping()
		}
		time.Sleep(3 * time.Hour)
	})
}

// TestRefused: a terminal that takes a part of a frame, and then nothing for a while, gets
// the rest.
func TestRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &written{}
		room := 10
		p := startPainter(w)
		p.out = writer(func(b []byte) (int, error) {
			if room == 0 {
				room = 10
				return 0, syscall.EAGAIN
			}
			n := min(room, len(b))
			room -= n
			_, _ = w.Write(b[:n])
			if n < len(b) {
				return n, syscall.EAGAIN
			}
			return n, nil
		})
		p.show(frameNo(1))
		time.Sleep(time.Second)
		synctest.Wait()
		if all := strings.Join(w.what, ""); !strings.HasSuffix(all, "frame 1?") {
			t.Errorf("it got %q", all)
		}
		p.stopping()
	})
}

type writer func(b []byte) (int, error)

func (f writer) Write(b []byte) (int, error) { return f(b) }

// TestPlainBytesGoFirst: a clipboard is set before the frame that says so.
func TestPlainBytesGoFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &written{}
		p := startPainter(w)
		p.show(frameNo(1))
		synctest.Wait()
		p.plainly([]byte("plain"))
		p.show(frameNo(2))
		synctest.Wait()
		if all := strings.Join(w.what[1:], ""); !strings.HasPrefix(all, "plain") || strings.Count(all, "plain") != 1 {
			t.Errorf("written was %q", w.what)
		}
		p.stopping()
	})
}

// TestResizeWaitsForItsFrame: the frame of before would be cut off or leave a gap.
func TestResizeWaitsForItsFrame(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &written{}
		p := startPainter(w)
		p.show(frameNo(1))
		synctest.Wait()
		p.set(func(d *display, plain []byte) []byte { d.resize(9, 1); return plain })
		time.Sleep(time.Second)
		synctest.Wait()
		if len(w.at) != 1 {
			t.Errorf("resized with %q", w.last())
		}
		p.show(frameNo(1)) // the same text, in a terminal that has moved it
		synctest.Wait()
		if len(w.at) != 2 || !strings.Contains(w.last(), "frame 1") {
			t.Errorf("after it: %q", w.what[1:])
		}
		p.stopping()
	})
}

// TestTerminalIsGone: after an error nothing is written any more.
func TestTerminalIsGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &written{fails: errors.New("input/output error")}
		p := startPainter(w)
		p.painted = func() { t.Error("a frame that nobody saw was called painted") }
		p.show(frameNo(1))
		synctest.Wait()
		p.show(frameNo(2))
		synctest.Wait()
		p.stopping()
		if len(w.at) != 1 {
			t.Errorf("written was %q", w.what)
		}
	})
}

// TestPanicWhileDrawing gives the terminal back and says so.
func TestPanicWhileDrawing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &written{}
		p := startPainter(w)
		var said error
		p.failed = func(err error) { said = err }
		p.show(frameNo(1))
		synctest.Wait()
		p.set(func(d *display, plain []byte) []byte { d.diff = nil; return plain })
		p.show(frameNo(2))
		synctest.Wait()
		if said == nil || !strings.Contains(said.Error(), "display.go") {
			t.Errorf("said %v", said)
		}
		if !strings.Contains(w.last(), ansi.ResetModeAltScreenSaveCursor) {
			t.Errorf("the terminal was not given back: %q", w.last())
		}
		n := len(w.at)
		p.show(frameNo(3)) // nobody waits for ever
		p.stopping()
		if len(w.at) != n {
			t.Errorf("written after it: %q", w.what[n:])
		}
	})
}
