package terminal

import (
	"strings"

	"github.com/charmbracelet/x/ansi"

	"tripcurve/tui/grid"
)

// fit is text in which every cluster takes the columns that the grid has given it, on a
// terminal that measures by a method: blanks fill those of one that is narrower there. Else
// all that follows it in its line would stand further left.
func fit(text string, m ansi.Method) string {
	if !disputed(text) {
		return text
	}
	var b strings.Builder
	var state byte
	for text != "" {
		if ansi.HasCsiPrefix(text) {
			_, _, n, next := ansi.DecodeSequence(text, state, nil)
			state = next
			b.WriteString(text[:n])
			text = text[n:]
			continue
		}
		cluster, _ := ansi.FirstGraphemeCluster(text, ansi.GraphemeWidth)
		b.WriteString(cluster)
		if len(cluster) > 1 {
			_, is := ansi.FirstGraphemeCluster(cluster, m)
			for range grid.Width(cluster) - is {
				b.WriteByte(' ')
			}
		}
		text = text[len(cluster):]
	}
	return b.String()
}

// disputed says whether text may have a cluster of several runes, about whose width
// terminals differ. Of what screens are made of, nothing is: letters, rules, Braille, CJK.
func disputed(text string) bool {
	for _, r := range text {
		switch {
		case r < 0x300, r >= 0x2010 && r < 0x20d0, r >= 0x2100 && r < 0x2d00,
			r >= 0x2e80 && r < 0x3099, r > 0x309a && r < 0xa000, r >= 0xac00 && r < 0xd7b0:
		default:
			return true
		}
	}
	return false
}
