package export

import "strings"

// Columns is how wide plain text is at most; only words longer than a line (an SQL
// statement to be pasted, a route) stand out.
const Columns = 80

// Wrap breaks s at blanks into lines of Columns, the first behind first, the
// others behind rest.
func Wrap(s, first, rest string) string {
	var b strings.Builder
	b.WriteString(first)
	n, fresh := Cells(first), true
	for _, word := range strings.Fields(s) {
		w := Cells(word)
		if !fresh && n+1+w > Columns {
			b.WriteByte('\n')
			b.WriteString(rest)
			n, fresh = Cells(rest), true
		}
		if !fresh {
			b.WriteByte(' ')
			n++
		}
		b.WriteString(word)
		n += w
		fresh = false
	}
	b.WriteByte('\n')
	return b.String()
}
