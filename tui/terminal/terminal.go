// Package terminal shows frames on a terminal as soon as they are there, and gives it back
// as it was. Bubble Tea's own renderer writes at the ticks of a clock: a key waits for the
// next one, half of the time between two on average, and a screen that stands still costs a
// processor a hundred wakings a second. The cells that differ between two frames are found
// by ultraviolet, as they are there.
package terminal

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/colorprofile"
	uv "github.com/charmbracelet/ultraviolet"
	"github.com/charmbracelet/x/ansi"
	"github.com/charmbracelet/x/term"
)

// Options say which terminal it is and how it is used.
type Options struct {
	Keys    term.File            // where keys come from
	Out     term.File            // where frames go
	Env     []string             // "NAME=value"
	Profile colorprofile.Profile // the colours that it can show
	FPS     int                  // most frames per second
	Sync    Sync
	// Painted is called once, after the first frame has been written; nil is nothing.
	Painted func()
	// Failed is called when no frame can be drawn any more, on a goroutine of the terminal's
	// that has nothing else to do.
	Failed func(error)
}

// Sync says whether a terminal is to show whole frames only (mode 2026).
type Sync int

// Ask has the terminal asked, but over ssh, where answers may come late and stand in what is
// typed.
const (
	Ask Sync = iota
	On
	Off
)

// ParseSync is the Sync of a setting: auto, on, off; empty is auto.
func ParseSync(s string) (Sync, error) {
	switch s {
	case "", "auto":
		return Ask, nil
	case "on":
		return On, nil
	case "off":
		return Off, nil
	}
	return 0, fmt.Errorf("sync %q: not one of auto, on, off", s)
}

// Terminal is a terminal in raw mode, until Close. Its methods are for one goroutine, the
// event loop's.
type Terminal struct {
	opt   Options
	keys  *term.State // what Keys was before; nil: no terminal
	paint painter
	left  bool // to a shell, which will make the process go on
}

// Open takes the terminal over for keys; what it shows changes with the first frame.
func Open(o Options) (*Terminal, error) {
	t := &Terminal{opt: o}
	if err := t.raw(); err != nil {
		return nil, err
	}
	t.paint = painter{out: o.Out, gap: time.Second / time.Duration(max(1, o.FPS)), questions: questions(o), painted: o.Painted, failed: o.Failed}
	t.paint.display = display{env: o.Env, profile: o.Profile, whole: o.Sync == On, console: console(o.Env)}
	t.paint.display.resize(t.Size())
	t.paint.start()
	return t, nil
}

func (t *Terminal) raw() error {
	if !term.IsTerminal(t.opt.Keys.Fd()) {
		return nil
	}
	was, err := term.MakeRaw(t.opt.Keys.Fd())
	if err != nil {
		return fmt.Errorf("take the keys of the terminal: %w", err)
	}
	t.keys = was
	return nil
}

// Close writes the newest frame, and gives the terminal back as it was. For one that takes
// nothing it does not wait longer than some seconds.
func (t *Terminal) Close() error {
	t.paint.stopping()
	if t.keys == nil {
		return nil
	}
	if err := term.Restore(t.opt.Keys.Fd(), t.keys); err != nil && term.IsTerminal(t.opt.Keys.Fd()) { // else it is gone
		return fmt.Errorf("give back the keys of the terminal: %w", err)
	}
	t.keys = nil
	return nil
}

// Size is the terminal's, in cells; one that knows none has that of COLUMNS and LINES, or 80
// times 24.
func (t *Terminal) Size() (w, h int) {
	w, h, err := term.GetSize(t.opt.Out.Fd())
	if err != nil || w <= 0 {
		w = number(t.opt.Env, "COLUMNS", 80)
	}
	if err != nil || h <= 0 {
		h = number(t.opt.Env, "LINES", 24)
	}
	return w, h
}

func number(env []string, name string, other int) int {
	if n, err := strconv.Atoi(uv.Environ(env).Getenv(name)); err == nil && n > 0 {
		return n
	}
	return other
}

// Watch calls resized with the terminal's size whenever it changes, and continued whenever
// the process goes on after it was stopped, until ctx ends.
func (t *Terminal) Watch(ctx context.Context, resized func(w, h int), continued func()) {
	sizes, goes := make(chan os.Signal, 1), make(chan os.Signal, 1)
	uv.NotifyWinch(sizes)
	defer signal.Stop(sizes)
	signal.Notify(goes, syscall.SIGCONT)
	defer signal.Stop(goes)
	for {
		select {
		case <-ctx.Done():
			return
		case <-sizes:
			resized(t.Size())
		case <-goes:
			continued()
		}
	}
}

// Write writes b as it is before the next frame; it is for what no frame can say. It never
// waits and never fails.
func (t *Terminal) Write(b []byte) (int, error) {
	t.paint.plainly(b)
	return len(b), nil
}

var _ io.Writer = (*Terminal)(nil)

// Show makes v what the terminal shows; of one frame too many only the newest is shown. A
// view without content shows nothing.
func (t *Terminal) Show(v tea.View) { t.paint.show(v) }

// questions is what asks the terminal how it shows what it is sent; Heed takes its answers.
func questions(o Options) string {
	switch {
	case !answers(o.Env):
		return ""
	case o.Sync == Ask:
		return ansi.RequestModeSynchronizedOutput + ansi.RequestModeUnicodeCore
	default:
		return ansi.RequestModeUnicodeCore
	}
}

// console says whether it is the screen of a Linux machine itself.
func console(env []string) bool { return uv.Environ(env).Getenv("TERM") == "linux" }

// answers says whether a terminal can be asked for its modes. Apple's and Linux's own print
// the question; over ssh an answer may come when nobody waits for it any more.
func answers(env []string) bool {
	if console(env) {
		return false
	}
	get := uv.Environ(env).LookupEnv
	if _, windows := get("WT_SESSION"); windows {
		return true
	}
	name, _ := get("TERM")
	for _, known := range []string{"ghostty", "wezterm", "alacritty", "kitty", "rio"} {
		if strings.Contains(name, known) {
			return true
		}
	}
	_, ssh := get("SSH_TTY")
	program, _ := get("TERM_PROGRAM")
	return !ssh && !strings.Contains(program, "Apple")
}

// Heed takes from a message what the terminal must know of it before the next Show.
func (t *Terminal) Heed(msg tea.Msg) {
	switch msg := msg.(type) {
	case tea.WindowSizeMsg:
		t.paint.set(func(d *display, plain []byte) []byte { d.resize(msg.Width, msg.Height); return plain })
	case tea.ColorProfileMsg:
		t.paint.set(func(d *display, plain []byte) []byte { d.setProfile(msg.Profile); return plain })
	case tea.ModeReportMsg:
		switch {
		case msg.Mode == ansi.ModeSynchronizedOutput && msg.Value == ansi.ModeReset && t.opt.Sync != Off: // there, and not in use yet
			t.paint.set(func(d *display, plain []byte) []byte { d.whole = true; return plain })
		case msg.Mode == ansi.ModeUnicodeCore && (msg.Value == ansi.ModeReset || msg.Value == ansi.ModeSet || msg.Value == ansi.ModePermanentlySet):
			t.paint.set(func(d *display, plain []byte) []byte { return d.byGraphemes(plain) })
		}
	}
}

// Leave gives the terminal back for a while, to a shell; Return takes it again.
func (t *Terminal) Leave() error {
	t.left = true
	return t.Close()
}

// Return is Open once more, with the frame that is the newest.
func (t *Terminal) Return() error {
	err := t.raw()
	t.paint.start()
	return err
}

// Retake takes back a terminal that was never left: somebody else has stopped the process,
// and a shell has written to it meanwhile and changed its modes. A process that goes on
// because a shell was left is for Return.
func (t *Terminal) Retake() error {
	if t.left {
		t.left = false
		return nil
	}
	return errors.Join(t.Close(), t.Return())
}
