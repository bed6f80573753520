package export

import (
	"fmt"
	"strings"
)

// context is how many unchanged lines surround a change.
const context = 3

// maxTable bounds the comparison table; beyond it the whole middle is shown as
// replaced, which is true, only longer. 4 M cells are 16 MB for a moment.
const maxTable = 4 << 20

// Diff is a unified diff from old to new, both the text of the file called
// name. Equal texts give "".
func Diff(name, old, new string) string {
	if old == new {
		return ""
	}
	edits := compare(lines(old), lines(new))
	var b strings.Builder
	fmt.Fprintf(&b, "--- %s\n+++ %s (new)\n", name, name)
	for from := 0; from < len(edits); {
		if edits[from].op == ' ' {
			from++
			continue
		}
		lo, hi := max(0, from-context), from
		for next := from; next < len(edits) && next-hi <= 2*context; next++ {
			if edits[next].op != ' ' {
				hi = next
			}
		}
		end := min(len(edits), hi+1+context)
		hunk(&b, edits, lo, end)
		from = end
	}
	return b.String()
}

// edit is one line that stays (' '), goes ('-') or comes ('+').
type edit struct {
	op   byte
	text string
}

func hunk(b *strings.Builder, edits []edit, lo, hi int) {
	count := func(es []edit, op byte) (n int) {
		for _, e := range es {
			if e.op == ' ' || e.op == op {
				n++
			}
		}
		return n
	}
	at := func(op byte) string {
		first, n := count(edits[:lo], op)+1, count(edits[lo:hi], op)
		if n == 0 {
			first--
		}
		if n == 1 {
			return fmt.Sprint(first)
		}
		return fmt.Sprintf("%d,%d", first, n)
	}
	fmt.Fprintf(b, "@@ -%s +%s @@\n", at('-'), at('+'))
	for _, e := range edits[lo:hi] {
		b.WriteByte(e.op)
		b.WriteString(e.text)
		if !strings.HasSuffix(e.text, "\n") {
			b.WriteString("\n\\ No newline at end of file\n")
		}
	}
}

// lines cuts s after every newline.
func lines(s string) []string {
	ls := strings.SplitAfter(s, "\n")
	if ls[len(ls)-1] == "" {
		ls = ls[:len(ls)-1]
	}
	return ls
}

// compare finds a shortest edit by the longest common subsequence of the lines
// between the common beginning and the common end.
func compare(a, b []string) []edit {
	var edits []edit
	add := func(op byte, ls ...string) {
		for _, l := range ls {
			edits = append(edits, edit{op, l})
		}
	}
	head := 0
	for head < min(len(a), len(b)) && a[head] == b[head] {
		head++
	}
	tail := 0
	for tail < min(len(a), len(b))-head && a[len(a)-1-tail] == b[len(b)-1-tail] {
		tail++
	}
	add(' ', a[:head]...)
	x, y := a[head:len(a)-tail], b[head:len(b)-tail]
	if (len(x)+1)*(len(y)+1) > maxTable {
		add('-', x...)
		add('+', y...)
		add(' ', a[len(a)-tail:]...)
		return edits
	}
	// common[i][j] is the length of the longest common subsequence of x[i:], y[j:].
	w := len(y) + 1
	common := make([]int32, (len(x)+1)*w)
	for i := len(x) - 1; i >= 0; i-- {
		for j := len(y) - 1; j >= 0; j-- {
			if x[i] == y[j] {
				common[i*w+j] = common[(i+1)*w+j+1] + 1
			} else {
				common[i*w+j] = max(common[(i+1)*w+j], common[i*w+j+1])
			}
		}
	}
	i, j := 0, 0
	for i < len(x) || j < len(y) {
		switch {
		case i < len(x) && j < len(y) && x[i] == y[j]:
			add(' ', x[i])
			i, j = i+1, j+1
		case j == len(y) || i < len(x) && common[(i+1)*w+j] >= common[i*w+j+1]:
			add('-', x[i])
			i++
		default:
			add('+', y[j])
			j++
		}
	}
	add(' ', a[len(a)-tail:]...)
	return edits
}
