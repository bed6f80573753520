package screen

// List is the cursor and the scroll position of a list whose rows are drawn on
// demand: it holds indices only, so a million rows cost the same as ten.
type List struct{ At, Top int }

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
	return true
}

// Clamp keeps the cursor on one of n rows.
func (l *List) Clamp(n int) { l.At = max(0, min(l.At, n-1)) }

// Visible is the first row to draw when page rows fit, such that the cursor is
// among them.
func (l *List) Visible(n, page int) int {
	page = max(1, page)
	l.Top = max(min(l.Top, l.At), l.At-page+1)
	l.Top = max(0, min(l.Top, n-page))
	return l.Top
}
