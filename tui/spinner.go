package tui

import (
	"slices"
	"strings"

	"charm.land/bubbles/v2/spinner"
	tea "charm.land/bubbletea/v2"

	"tripcurve/tui/glyph"
)

// spinning starts the spinner when something runs.
func (r *Root) spinning() tea.Cmd {
	if r.busy.What == "" || r.opts.NoAnimation {
		return nil
	}
	return r.spin.Tick
}

func (r *Root) spun(msg spinner.TickMsg) tea.Cmd {
	if r.busy.What == "" {
		return nil
	}
	var cmd tea.Cmd
	r.spin, cmd = r.spin.Update(msg)
	return cmd
}

// frames are those of the spinner: four a second, for slow links.
func frames(l glyph.Level) spinner.Spinner {
	s := spinner.Line
	if l == glyph.Braille {
		s = spinner.Dot
		s.Frames = slices.Clone(s.Frames)
		for i := range s.Frames {
			s.Frames[i] = strings.TrimSpace(s.Frames[i])
		}
	}
	s.FPS = 250_000_000 // ns
	return s
}
