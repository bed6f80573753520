// Package bar draws one progress bar on a plain terminal, outside the screens.
package bar

import (
	"fmt"
	"io"
	"os"
	"time"

	"charm.land/bubbles/v2/progress"
	"github.com/charmbracelet/x/term"
)

// redraw is the least time between two drawings.
const redraw = 100 * time.Millisecond

// Bar is a progress bar; on anything but a terminal it stays silent.
type Bar struct {
	out  *os.File
	name string
	view progress.Model
	next time.Time
}

// New is a bar on out for the thing of that name, which must be safe to show.
func New(out io.Writer, name string) *Bar {
	f, ok := out.(*os.File)
	if !ok || !term.IsTerminal(f.Fd()) {
		return &Bar{}
	}
	return &Bar{out: f, name: name, view: progress.New(progress.WithWidth(40))}
}

// Set shows that done of total bytes are through; total 0 is unknown.
func (b *Bar) Set(done, total int64) { b.Say(done, total, "") }

// Say is Set with a note behind the bar, which must be safe to show.
func (b *Bar) Say(done, total int64, note string) {
	if b.out == nil {
		return
	}
	now := time.Now()
	if now.Before(b.next) {
		return
	}
	b.next = now.Add(redraw)
	if total <= 0 {
		fmt.Fprintf(b.out, "\r\x1b[K%s  %d MiB", b.name, done>>20)
		return
	}
	fmt.Fprintf(b.out, "\r\x1b[K%s  %s  %s", b.name, b.view.ViewAs(float64(done)/float64(total)), note)
}

// Clear takes the bar off the line.
func (b *Bar) Clear() {
	if b.out != nil {
		fmt.Fprint(b.out, "\r\x1b[K")
	}
}
