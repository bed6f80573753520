package tui

import (
	"bytes"
	"io"
	"os"
	"sync/atomic"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"
	"github.com/charmbracelet/x/term"
)

// The first frame is drawn before there is anything to show, and nothing that is not for
// it is done before it has left: on two cores it would come later.

// firstOutput is where frames are written; it says when the first one has been.
type firstOutput struct {
	io.Writer
	seen atomic.Bool
	left func()
}

// firstTerminal is a firstOutput that Bubble Tea takes for the terminal that it is.
type firstTerminal struct {
	*firstOutput
	term.File
}

// Write is that of both.
func (t firstTerminal) Write(b []byte) (int, error) { return t.firstOutput.Write(b) }

// drawing is how long the terminal is left alone with the first frame, for it needs a
// processor to draw it.
const drawing = 8 * time.Millisecond

// watched is out, or the standard output where it is nil, and calls left once, drawing
// after the first frame has been written to it.
func watched(out io.Writer, left func()) io.Writer {
	if out == nil {
		out = os.Stdout
	}
	w := &firstOutput{Writer: out, left: left}
	if f, ok := out.(term.File); ok {
		return firstTerminal{w, f}
	}
	return w
}

// Write tells the first frame from what the terminal is asked before it by the alternate
// screen, which is entered with it.
func (w *firstOutput) Write(b []byte) (int, error) {
	n, err := w.Writer.Write(b)
	if !w.seen.Load() && bytes.Contains(b, []byte(ansi.SetModeAltScreenSaveCursor)) && w.seen.CompareAndSwap(false, true) {
		time.AfterFunc(drawing, w.left)
	}
	return n, err
}

// measureWidths has the tables made by which Bubble Tea finds the width of what is not
// ASCII, 2 MB of them, while it waits for the tick of the first frame; it would make them
// when the tick has come. The result waits until that is done.
func measureWidths() (wait func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		ansi.StringWidthWc("─")
	}()
	return func() { <-done }
}

// curtain is the model until Bubble Tea has started, which then waits for the tick of the
// first frame: only in that wait the screens are made.
type curtain struct {
	raise     func() tea.Model
	tea.Model        // nil until it is raised
	wait      func() // for what raise has begun
}

// Init raises it.
func (c *curtain) Init() tea.Cmd {
	c.Model = c.raise()
	return c.Model.Init()
}

// close waits for what raising it has begun.
func (c *curtain) close() {
	if c.wait != nil {
		c.wait()
	}
}

// answering is how long a terminal is given to answer what Bubble Tea asks it at the
// start: an answer that comes after the program has ended would stand on the prompt.
const answering = 200 * time.Millisecond

// ended is the model where there is nothing to show: it draws nothing, and ends.
type ended struct{}

func (ended) Init() tea.Cmd {
	return tea.Tick(answering, func(time.Time) tea.Msg { return tea.QuitMsg{} })
}
func (e ended) Update(tea.Msg) (tea.Model, tea.Cmd) { return e, nil }
func (ended) View() tea.View                        { return tea.View{} }
