package tui

import (
	"strings"
	"testing"

	tea "charm.land/bubbletea/v2"

	"tripcurve/tui/tuitest"
)

func TestCommands(t *testing.T) {
	r := opened(80, 24)
	for _, c := range []struct{ line, foot string }{
		{"screen locks", ""},
		{"sort wait", ""},
		{"nonsense", `!! no command "nonsense" here`},
		{"screen nowhere", `!! screen "nowhere": not one of`},
		{"help me", `!! help takes nothing, got "me"`},
		{"glyphs ascii", "drawn with ascii"},
		{"theme neon", `!! theme "neon": not one of dark, light`},
		{"goto 14:30", ""},
		{"goto 09:00", "!! goto 09:00: the evidence is from 2026-01-15 14:"},
		{"goto 14:30", ""},
		{"goto soon", `!! goto "soon": not a time`},
	} {
		keys(r, ":")
		typed(r, c.line)
		keys(r, "enter")
		if foot := said(r); c.foot != "" && !strings.Contains(foot, c.foot) {
			t.Errorf(":%s says %q, want %q", c.line, foot, c.foot)
		}
	}
	if r.screens[r.at].Title() != "Locks" || !r.common.Cursor.Equal(tuitest.At("14:30:00")) {
		t.Errorf("on %s at %v, want Locks at 14:30:00", r.screens[r.at].Title(), r.common.Cursor)
	}
}

func TestPromptCompletesAndRecalls(t *testing.T) {
	r := opened(80, 24)
	keys(r, ":")
	typed(r, "screen lo")
	if foot := lines(r)[23]; !strings.Contains(foot, ":screen locks") {
		t.Errorf("no completion is offered: %q", foot)
	}
	if c := r.View().Cursor; c == nil || c.X != 11 || c.Y != 23 {
		t.Errorf("the cursor is at %+v, want 11,23", c)
	}
	keys(r, "tab", "enter", ":", "up")
	if got := r.prompt.input.Value(); got != "screen locks" {
		t.Errorf("recalled %q", got)
	}
	keys(r, "down", "esc")
	send(r, press(":"), tea.PasteMsg{Content: "goto\n 14:31\n"})
	if got := r.prompt.input.Value(); got != "goto 14:31" {
		t.Errorf("pasted %q, want one line", got)
	}
}

// TestLongCommand: nobody types blind beyond the edge of the terminal.
func TestLongCommand(t *testing.T) {
	r := opened(80, 24)
	keys(r, ":")
	typed(r, "set "+strings.Repeat("x", 100)+"=5s")
	if foot, c := lines(r)[23], r.View().Cursor; !strings.HasSuffix(foot, "xx=5s") || c == nil || c.X != 79 {
		t.Errorf("what is typed is not seen: %q, cursor %+v", foot, c)
	}
}

func TestFilterBelongsToTheScreen(t *testing.T) {
	r := opened(80, 24)
	keys(r, "3", "/")
	typed(r, "!inventory")
	keys(r, "enter")
	got := strings.Join(lines(r), "\n")
	if strings.Contains(got, "GET /api/inventory") || !strings.Contains(got, "GET /api/orders/:id") || !strings.Contains(got, "/!inventory") {
		t.Errorf("the filter is not in force or not shown:\n%s", got)
	}
	keys(r, "1")
	if got := strings.Join(lines(r), "\n"); strings.Contains(got, "/!inventory") {
		t.Error("the filter is on another screen as well")
	}
	keys(r, "3", "esc")
	if got := strings.Join(lines(r), "\n"); !strings.Contains(got, "GET /api/inventory") {
		t.Error("esc does not lift the filter")
	}
	keys(r, "/")
	typed(r, "(")
	keys(r, "enter")
	if foot := lines(r)[23]; !strings.Contains(foot, "!! filter") {
		t.Errorf("a broken expression is not said to be one: %q", foot)
	}
}

func TestCommandLine(t *testing.T) {
	r := opened(80, 24)
	typed(r, ":")
	keys(r, "tab")
	if got := strings.Join(lines(r), "\n"); !strings.Contains(got, "export-dialog") || !strings.Contains(got, "zoom-all") {
		t.Errorf("tab on nothing lists no commands:\n%s", got)
	}
	typed(r, "quit foo")
	keys(r, "enter")
	if got := r.status.Text; !strings.HasPrefix(got, "quit takes nothing") {
		t.Errorf("said %q", got)
	}
	keys(r, "/")
	typed(r, "lock")
	keys(r, "enter", "/", "esc", "/")
	typed(r, "order")
	keys(r, "enter")
	if got := r.filters[0].Text; got != "order" {
		t.Errorf("the second filter is %q", got)
	}
}

// TestLettersStayUnderAFilter: what is hidden takes no letter from the others.
func TestLettersStayUnderAFilter(t *testing.T) {
	r := opened(80, 24)
	keys(r, "5", "/")
	typed(r, "pool")
	keys(r, "enter")
	if got := strings.Join(lines(r), "\n"); !strings.Contains(got, "C 14:23:46Z inventory pool full") {
		t.Errorf("the pool is C without a filter:\n%s", got)
	}
}
