package demo

import (
	"strings"
	"testing"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"
)

// numbered are screens that number their lines.
type numbered struct{ w, h int }

func (n numbered) Init() tea.Cmd { return nil }

func (n numbered) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	if m, ok := msg.(tea.WindowSizeMsg); ok {
		n.w, n.h = m.Width, m.Height
	}
	return n, nil
}

func (n numbered) View() tea.View {
	return tea.NewView(strings.TrimSuffix(strings.Repeat("a line\n", n.h), "\n"))
}

// TestSmallestTerminal: the tour runs wherever the screens do: they keep their 18 rows,
// and the bar covers the last ones; its keys are named whole.
func TestSmallestTerminal(t *testing.T) {
	for _, size := range [][3]int{{60, 18, 18}, {60, 22, 18}, {80, 24, 19}, {80, 10, 10}} {
		var d tea.Model = newDemo(numbered{}, 1, "")
		d, _ = d.Update(tea.WindowSizeMsg{Width: size[0], Height: size[1]})
		if got := d.(*Demo).screens.(numbered).h; got != size[2] {
			t.Errorf("%v: the screens have %d rows", size, got)
		}
		frame := strings.Split(ansi.Strip(d.View().Content), "\n")
		if len(frame) != size[1] || frame[size[1]-bar-1] != "a line" || !strings.HasPrefix(frame[size[1]-bar], "= tour 1/") {
			t.Errorf("%v: %d rows:\n%s", size, len(frame), strings.Join(frame, "\n"))
		}
		last := frame[len(frame)-1]
		if want := "other keys end it"; size[0] == 60 && !strings.HasSuffix(last, want) {
			t.Errorf("%v: %q lacks %q", size, last, want)
		}
		d, _ = d.Update(tea.KeyPressMsg{Code: '3', Text: "3"})
		if got := d.(*Demo).screens.(numbered).h; got != size[1] {
			t.Errorf("%v: %d rows after the tour", size, got)
		}
	}
}
