package terminal

import (
	"strings"
	"testing"

	uv "github.com/charmbracelet/ultraviolet"
	"github.com/charmbracelet/x/ansi"

	"tripcurve/tui/grid"
)

// disputedTexts are clusters that terminals draw whole or rune by rune.
var disputedTexts = []string{
	"⚠\ufe0f", "1\ufe0f\u20e3", "👍🏽", "ｶﾞ", "मि", "नमस्ते", "🇩🇪", "e\u0301", "在庫", "plain", "\u1112\u1161\u11ab",
}

// TestColumnsStayInLine: what stands behind a cluster is in the column where the grid has
// it, however the terminal measures.
func TestColumnsStayInLine(t *testing.T) {
	table := &grid.Table{}
	table[0], table[1] = "\x1b[m", "\x1b[1m"
	for _, text := range disputedTexts {
		for _, m := range []ansi.Method{ansi.WcWidth, ansi.GraphemeWidth} {
			if text == "\u1112\u1161\u11ab" && m == ansi.WcWidth {
				continue // ansi takes each of them for a column, unlike terminals
			}
			g := grid.New(20, 1)
			c := g.Canvas()
			c.Text(c.Text(2, 0, 1, text), 0, 0, " end")
			c.Text(18, 0, 1, "|")
			b := uv.NewScreenBuffer(20, 1)
			b.Method = m
			uv.NewStyledString(fit(string(g.Append(nil, table)), m)).Draw(b, b.Bounds())
			if got := b.CellAt(18, 0).Content; got != "|" {
				t.Errorf("%+q, measured by method %d: in column 18 stands %q of %q", text, m, got, b.Render())
			}
			if !strings.Contains(b.Render(), text) {
				t.Errorf("%+q, measured by method %d: %+q", text, m, b.Render())
			}
		}
	}
}

// TestFitLeavesOthersAlone: nearly all lines are of runes about which nobody differs.
func TestFitLeavesOthersAlone(t *testing.T) {
	for _, s := range []string{"", "abc", "\x1b[1mé ─⣿▸ 在庫予約 한국\x1b[m", "a\nb"} {
		if disputed(s) {
			t.Errorf("%q is taken for disputed", s)
		}
	}
	s := "\x1b[1m⚠\ufe0f\x1b[m\n👍🏽"
	if got := fit(s, ansi.WcWidth); got != "\x1b[1m⚠\ufe0f \x1b[m\n👍🏽" {
		t.Errorf("rune by rune it is %q", got)
	}
	if got := fit(s, ansi.GraphemeWidth); got != s+"  " {
		t.Errorf("by clusters it is %q", got)
	}
}
