package tui

import (
	"fmt"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"
)

// synchronized says whether the terminal is to show whole frames only (mode 2026). Left
// to itself Bubble Tea asks it, but not over ssh, where a large redraw then tears: "on"
// answers in the terminal's place, "off" lets no answer through, "auto" and nothing
// leave it to Bubble Tea.
func synchronized(mode string) ([]tea.ProgramOption, tea.Cmd, error) {
	switch mode {
	case "", "auto":
		return nil, nil, nil
	case "on":
		return nil, func() tea.Msg {
			return tea.ModeReportMsg{Mode: ansi.ModeSynchronizedOutput, Value: ansi.ModeReset} // there, and not in use yet
		}, nil
	case "off":
		return []tea.ProgramOption{tea.WithFilter(func(_ tea.Model, msg tea.Msg) tea.Msg {
			if report, ok := msg.(tea.ModeReportMsg); ok && report.Mode == ansi.ModeSynchronizedOutput {
				return nil
			}
			return msg
		})}, nil, nil
	}
	return nil, nil, fmt.Errorf("sync %q: not one of auto, on, off", mode)
}
