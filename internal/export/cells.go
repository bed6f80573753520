package export

import (
	"strings"

	"github.com/charmbracelet/x/ansi"
)

// Cells is how many columns of a terminal a text takes: two for a CJK character, none for
// what combines with the one before.
func Cells(s string) int { return ansi.StringWidth(s) }

// Left is a text at the left of n columns; a longer one is not cut.
func Left(s string, n int) string { return s + strings.Repeat(" ", max(0, n-Cells(s))) }

// Right is a text at the right of n columns; a longer one is not cut.
func Right(s string, n int) string { return strings.Repeat(" ", max(0, n-Cells(s))) + s }

// Align writes a table with names to the left and numbers to the right.
func Align(b *strings.Builder, rows [][]string) {
	var widths []int
	for _, row := range rows {
		for i, cell := range row {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], Cells(cell))
		}
	}
	for _, row := range rows {
		line := Left(row[0], widths[0])
		for i, cell := range row[1:] {
			line += "  " + Right(cell, widths[i+1])
		}
		b.WriteString(strings.TrimRight(line, " ") + "\n")
	}
}
