package widget

import (
	"strings"
	"testing"

	"charm.land/bubbles/v2/textinput"

	"tripcurve/tui/grid"
)

// TestTyped: what is typed is seen where the cursor is, however long it is and whatever it is
// made of.
func TestTyped(t *testing.T) {
	for _, c := range []struct {
		value  string
		at     int // the cursor, in runes
		shown  string
		cursor int
		end    int
	}{
		{"", 0, "", 0, 2},
		{"abc", 3, "abc", 3, 5},
		{"abc", 1, "abc", 1, 5},
		{"在庫", 2, "在庫", 4, 6},
		{"abcdefgh", 8, "cdefgh", 6, 8}, // of seven columns the last is the cursor's
		{"abcdefghij", 10, "efghij", 6, 8},
		{"abcdefghij", 0, "abcdefg", 0, 9},
		{"abcdefghij", 7, "bcdefgh", 6, 9},
	} {
		m := textinput.New()
		m.SetValue(c.value)
		m.SetCursor(c.at)
		g := grid.New(12, 1)
		end := Typed(g.Canvas(), 2, 0, 7, &m)
		if got := strings.TrimSpace(g.Lines()[0]); got != c.shown || TypedCursor(7, &m) != c.cursor || end != c.end {
			t.Errorf("%q at %d: %q, cursor in column %d, ends at %d; want %q, %d, %d", c.value, c.at, got, TypedCursor(7, &m), end, c.shown, c.cursor, c.end)
		}
	}
}
