package widget

import (
	"charm.land/bubbles/v2/textinput"

	"tripcurve/tui/grid"
	"tripcurve/tui/theme"
)

// Typed draws what is typed into a field of some columns, moved to the left so far that the
// cursor is in it, and returns the column after the text.
func Typed(c *grid.Canvas, x, y, columns int, m *textinput.Model) (end int) {
	columns = max(1, columns)
	field := c.Sub(x, y, columns, 1)
	field.Fill(0, 0, columns, 1, ' ', theme.Input)
	end = field.Text(-hidden(columns, m), 0, theme.Input, m.Value())
	return x + min(end, columns)
}

// TypedCursor is the column of such a field in which its cursor stands.
func TypedCursor(columns int, m *textinput.Model) int {
	return before(m) - hidden(max(1, columns), m)
}

// hidden is how many columns of the text are left of the field.
func hidden(columns int, m *textinput.Model) int { return max(0, before(m)-columns+1) }

// before is how many columns of the text are left of the cursor.
func before(m *textinput.Model) int {
	value := []rune(m.Value())
	return grid.Width(string(value[:min(len(value), m.Position())]))
}
