// Package widget draws the small things that several screens show alike:
// severities, rules, bars, evidence ticks, rows of tables.
package widget

import (
	"math"
	"strconv"

	"tripcurve/internal/incident"
	"tripcurve/tui/glyph"
	"tripcurve/tui/grid"
	"tripcurve/tui/theme"
)

// Severity is how bad something is: a mark, a word and a colour together, so
// that no one of them has to be seen.
type Severity uint8

const (
	Normal Severity = iota
	Note
	Warn
	Crit
)

// Mark is the severity's sign, two columns wide.
func (s Severity) Mark() string { return [...]string{". ", "- ", "! ", "!!"}[s&3] }

// Style is the severity's colour.
func (s Severity) Style() grid.Style {
	return [...]grid.Style{theme.Dim, theme.Note, theme.Warn, theme.Crit}[s&3]
}

// OfFinding is how bad what a finding says is.
func OfFinding(f incident.Finding) Severity {
	switch {
	case f.Role == incident.Trigger && f.Confidence > incident.NoClearCause:
		return Crit
	case f.Role == incident.Symptom:
		return Note
	}
	return Warn
}

// notable is the share of an endpoint's requests that nobody calls normal when they
// fail.
const notable = 0.05

// OfImpact is how bad an endpoint fares, and the word for it.
func OfImpact(i incident.Impact) (Severity, string) {
	switch share := float64(i.Failed) / max(1, float64(i.Requests)); {
	case i.FirstFailed.IsZero() && !i.Vanished && share >= notable: // no impact, be it that they are too few
		return Warn, "failed"
	case i.FirstFailed.IsZero() && !i.Vanished: // some fail now and then
		return Normal, "normal"
	case i.Failed > 0 && share >= 0.5:
		return Crit, "failing"
	case i.Failed > 0:
		return Warn, "failing"
	case i.Vanished:
		return Warn, "gone"
	}
	return Normal, "normal"
}

// RoleWord is the word for what part a finding plays.
func RoleWord(r incident.Role) string {
	switch r {
	case incident.Trigger:
		return "trigger"
	case incident.FirstFailure:
		return "first"
	case incident.Amplifier:
		return "amplifier"
	default: // incident.Symptom
		return "symptom"
	}
}

// Rule draws a line across the canvas.
func Rule(c *grid.Canvas, y int, set *glyph.Set) { c.Fill(0, y, c.W(), 1, set.Rule, theme.Faint) }

// Wall draws a line down the canvas.
func Wall(c *grid.Canvas, x, y, h int, set *glyph.Set) { c.Fill(x, y, 1, h, set.Wall, theme.Faint) }

// Bar draws part (0..1) of w columns filled; an unknown part stays blank.
func Bar(c *grid.Canvas, x, y, w int, part float64, set *glyph.Set, s grid.Style) {
	if math.IsNaN(part) || w <= 0 {
		return
	}
	full := int(math.Round(min(1, max(0, part)) * float64(w)))
	if part > 0 {
		full = max(1, full) // something is never drawn as nothing
	}
	c.Fill(x, y, full, 1, set.Full, s)
	c.Fill(x+full, y, w-full, 1, set.Empty, theme.Faint)
}

// Cursor draws the mark before a row and, when it is the selected one, its
// background.
func Cursor(c *grid.Canvas, x, y, w int, selected bool, set *glyph.Set) {
	if selected {
		c.Set(x, y, set.Cursor, theme.Accent)
		c.Select(x, y, w)
	}
}

// Scroll tells at the right of row y how much of a list is above and below.
func Scroll(c *grid.Canvas, y, top, shown, n int) {
	if n <= shown {
		return
	}
	x := c.W() - 1
	x = rightInt(c, x, y, n)
	x = c.Right(x, y, theme.Dim, " of ")
	x = rightInt(c, x, y, min(n, top+shown))
	x = c.Right(x, y, theme.Dim, "-")
	rightInt(c, x, y, top+1)
}

// ScrollWidth is how many columns Scroll takes.
func ScrollWidth(top, shown, n int) int {
	if n <= shown {
		return 0
	}
	return 1 + len(strconv.Itoa(top+1)) + len("-") + len(strconv.Itoa(min(n, top+shown))) + len(" of ") + len(strconv.Itoa(n))
}

func rightInt(c *grid.Canvas, end, y, n int) int {
	x := end
	for {
		x--
		c.Set(x, y, rune('0'+n%10), theme.Dim)
		if n /= 10; n == 0 {
			return x
		}
	}
}
