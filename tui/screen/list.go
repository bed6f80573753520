package screen

import (
	tea "charm.land/bubbletea/v2"

	"tripcurve/tui/grid"
)

// List is the cursor and the scroll position of a list whose rows are drawn on
// demand: it holds indices only, so a million rows cost the same as ten.
type List struct {
	At, Top int

	moved         bool
	x, y, w, rows int // where the rows were drawn last, in the frame
}

// Move does a Moves action on n rows of which page are visible, and says
// whether it was one.
func (l *List) Move(action string, n, page int) bool {
	page = max(1, page)
	switch action {
	case "up":
		l.At--
	case "down":
		l.At++
	case "top":
		l.At = 0
	case "bottom":
		l.At = n - 1
	case "page-up":
		l.At -= page
	case "page-down":
		l.At += page
	default:
		return false
	}
	l.Clamp(n)
	l.moved = true
	return true
}

// Select moves the cursor to a row.
func (l *List) Select(row int) { l.At, l.moved = row, true }

// Moved says whether anybody has moved the cursor. Where nobody has, the worst row, which
// is the first, is better than the one that was it.
func (l *List) Moved() bool { return l.moved }

// Place notes where the rows from Top on are drawn, so that a click finds them.
func (l *List) Place(c *grid.Canvas, y, rows int) {
	l.x, l.y = c.Origin()
	l.y, l.w, l.rows = l.y+y, c.W(), min(rows, c.H()-y)
}

// Click selects the row of n at a cell of the frame. hit says that there is one, again
// that it was selected already: a second click is as enter.
func (l *List) Click(msg tea.MouseClickMsg, n int) (hit, again bool) {
	row := msg.Y - l.y
	if msg.Button != tea.MouseLeft || row < 0 || row >= l.rows || msg.X < l.x || msg.X >= l.x+l.w || l.Top+row >= n {
		return false, false
	}
	again = l.At == l.Top+row
	l.Select(l.Top + row)
	return true, again
}

// Clamp keeps the cursor on one of n rows.
func (l *List) Clamp(n int) { l.At = max(0, min(l.At, n-1)) }

// Follow keeps the cursor on what it was on, of which the n rows now have another order or
// number: same says whether that stands in a row. Where it is gone the cursor stays where
// it is.
func (l *List) Follow(n int, same func(row int) bool) {
	l.Clamp(n)
	if n == 0 || same(l.At) {
		return
	}
	for i := range n {
		if same(i) {
			l.At = i
			return
		}
	}
}

// Visible is the first row to draw when page rows fit, such that the cursor is
// among them.
func (l *List) Visible(n, page int) int {
	page = max(1, page)
	l.Top = max(min(l.Top, l.At), l.At-page+1)
	l.Top = max(0, min(l.Top, n-page))
	return l.Top
}
