package tui

import (
	"fmt"
	"strings"
	"testing"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/colorprofile"

	"tripcurve/tui/glyph"
	"tripcurve/tui/grid"
	"tripcurve/tui/screen"
	"tripcurve/tui/theme"
	"tripcurve/tui/tuitest"
)

// TestEveryThemeAndGlyphLevel has a golden frame of two screens: of the levels as text
// and roles, of the themes as the terminal gets it.
func TestEveryThemeAndGlyphLevel(t *testing.T) {
	for key, name := range map[string]string{"1": "overview", "5": "timeline"} {
		r := opened(80, 24)
		keys(r, key)
		for l := glyph.Braille; l <= glyph.ASCII; l++ {
			send(r, screen.GlyphsMsg{Level: l})
			r.common.Glyphs = l
			r.frame.dirty = true
			r.View()
			tuitest.Golden(t, fmt.Sprintf("%s_%s", name, l), &r.frame.grid)
		}
		r.common.Glyphs = glyph.Braille
		r.tellAll(screen.GlyphsMsg{Level: glyph.Braille})
		send(r, tea.ColorProfileMsg{Profile: colorprofile.ANSI256})
		for _, th := range theme.All() {
			r.setTheme(th.Name)
			r.frame.dirty = true
			tuitest.GoldenText(t, fmt.Sprintf("%s_%s", name, th.Name), strings.ReplaceAll(r.View().Content, "\x1b", "ESC")+"\n")
		}
	}
}

// TestEveryScreenDrawsCheaply: what a frame at rest allocates is what slow machines and
// the collector of garbage feel.
func TestEveryScreenDrawsCheaply(t *testing.T) {
	r := newRoot(Options{Name: "INC-2847", Theme: "dark", NoAnimation: true, Screens: quick()})
	send(r, tea.WindowSizeMsg{Width: 200, Height: 50}, tuitest.Incident())
	const bound = 64
	for i, s := range r.screens {
		keys(r, fmt.Sprint(i+1))
		g := grid.New(200, 47)
		if n := testing.AllocsPerRun(10, func() { s.Draw(g.Canvas()) }); n > bound {
			t.Errorf("%s: %v allocations to draw, at most %d", s.Title(), n, bound)
		}
		if n := testing.AllocsPerRun(10, func() { r.frame.dirty = true; r.View() }); n > bound+100 {
			t.Errorf("%s: %v allocations for the whole frame, at most %d", s.Title(), n, bound+100)
		}
	}
}

// BenchmarkDraw draws each screen as it stands, at the largest of the sizes.
func BenchmarkDraw(b *testing.B) {
	r := newRoot(Options{Name: "INC-2847", Theme: "dark", NoAnimation: true, Screens: quick()})
	send(r, tea.WindowSizeMsg{Width: 200, Height: 50}, tuitest.Incident())
	for i, s := range r.screens {
		keys(r, fmt.Sprint(i+1))
		b.Run(s.Title(), func(b *testing.B) {
			g := grid.New(200, 47)
			b.ReportAllocs()
			for b.Loop() {
				g.Clear()
				s.Draw(g.Canvas())
			}
		})
	}
}
