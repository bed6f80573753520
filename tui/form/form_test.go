package form

import (
	"strings"
	"testing"

	tea "charm.land/bubbletea/v2"

	"tripcurve/tui/glyph"
	"tripcurve/tui/grid"
)

func key(name string) tea.KeyPressMsg {
	codes := map[string]tea.KeyPressMsg{
		"enter": {Code: tea.KeyEnter}, "esc": {Code: tea.KeyEscape}, "tab": {Code: tea.KeyTab},
		"shift+tab": {Code: tea.KeyTab, Mod: tea.ModShift}, "left": {Code: tea.KeyLeft}, "right": {Code: tea.KeyRight},
		"space": {Code: tea.KeySpace, Text: " "},
	}
	if k, ok := codes[name]; ok {
		return k
	}
	return tea.KeyPressMsg{Code: []rune(name)[0], Text: name}
}

func press(f *Form, keys ...string) (last Event) {
	for _, k := range keys {
		last, _ = f.Update(key(k))
	}
	return last
}

func opened() *Form {
	return New("a form",
		Field{Name: "what", Label: "what", Hint: "one fact"},
		Field{Name: "kind", Label: "kind", Value: "action", Choices: []string{"observation", "action", "alert"}},
	)
}

func TestTypingAndChoosing(t *testing.T) {
	f := opened()
	if f.Dirty() {
		t.Error("a new form is dirty")
	}
	if got := press(f, "a", "b", "space", "c", "tab", "right", "enter"); got != Taken {
		t.Errorf("enter gives %v", got)
	}
	if f.Value("what") != "ab c" || f.Value("kind") != "alert" || !f.Changed("kind") {
		t.Errorf("%q, %q", f.Value("what"), f.Value("kind"))
	}
	press(f, "a", "shift+tab") // the next choice that begins so
	if f.Value("kind") != "action" || f.Changed("kind") {
		t.Errorf("kind %q", f.Value("kind"))
	}
	f.Update(tea.PasteMsg{Content: "d"})
	if f.Value("what") != "ab cd" {
		t.Errorf("pasted: %q", f.Value("what"))
	}
}

// TestNothingTypedIsLostByOneKey: esc asks first, a refusal keeps everything, and while
// it is being kept keys do nothing.
func TestNothingTypedIsLostByOneKey(t *testing.T) {
	f := opened()
	if press(f, "esc") != Left {
		t.Error("esc does not leave a form in which nothing was typed")
	}
	if press(f, "x", "esc") != None {
		t.Error("one esc throws away what was typed")
	}
	if press(f, "y", "esc") != None {
		t.Error("a key between takes the first esc back")
	}
	if press(f, "esc") != Left {
		t.Error("a second esc does not leave")
	}
	f.Wait()
	if press(f, "z", "enter") != None || f.Value("what") != "xy" {
		t.Errorf("while it is kept: %q", f.Value("what"))
	}
	f.Refuse("kind", "no such kind")
	press(f, "tab", "!")
	if f.Value("what") != "xy!" {
		t.Errorf("after a refusal: %q", f.Value("what"))
	}
}

// TestDrawnAtAnySize: the focused field and the foot are seen, the cursor is on the canvas.
func TestDrawnAtAnySize(t *testing.T) {
	for _, size := range [][2]int{{0, 0}, {3, 2}, {20, 4}, {57, 15}, {200, 47}} {
		f := opened()
		for range 300 {
			press(f, "w")
		}
		g := grid.New(size[0], size[1])
		f.Draw(g.Canvas(), glyph.ASCII.Set())
		if x, y, _ := f.Cursor(); size[0] >= 57 && (x <= 0 || x >= size[0] || y <= 0 || y >= size[1]) {
			t.Errorf("%v: the cursor is at %d,%d", size, x, y)
		}
		if text := strings.Join(g.Lines(), "\n"); size[0] >= 57 && (!strings.Contains(text, "wwww") || !strings.Contains(text, "enter keep")) {
			t.Errorf("%v:\n%s", size, text)
		}
	}
}
