package tui

import (
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"
)

// The first frame is drawn before there is anything to show, and nothing that is not for
// it is done before it has left: on two cores it would come later.

// drawing is how long the terminal is left alone with the first frame, for it needs a
// processor to draw it.
const drawing = 8 * time.Millisecond

// measureWidths has the tables made by which the width of what is not ASCII is found, 2 MB
// of them, beside the making of the screens; the first frame needs them. The result waits
// until that is done.
func measureWidths() (wait func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		ansi.StringWidthWc("─")
	}()
	return func() { <-done }
}

// ended is the model where there is nothing to show: it draws nothing, and ends.
type ended struct{}

func (ended) Init() tea.Cmd                         { return tea.Quit }
func (e ended) Update(tea.Msg) (tea.Model, tea.Cmd) { return e, nil }
func (ended) View() tea.View                        { return tea.View{} }
