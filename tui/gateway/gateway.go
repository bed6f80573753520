package gateway

import (
	tea "charm.land/bubbletea/v2"

	"tripcurve/tui/grid"
	"tripcurve/tui/screen"
	"tripcurve/tui/theme"
)

// Screen is the screen.
type Screen struct{ screen.Common }

// New is the screen before any data.
func New() *Screen { return &Screen{} }

func (s *Screen) Title() string { return "Gateway" }

func (s *Screen) Actions() []screen.Action { return screen.Moves() }

func (s *Screen) Update(msg tea.Msg) (screen.Screen, tea.Cmd) {
	s.Apply(msg)
	return s, nil
}

func (s *Screen) Draw(c *grid.Canvas) { c.Text(1, 0, theme.Strong, s.Analysis.Sentence) }
