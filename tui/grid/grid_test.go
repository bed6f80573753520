package grid

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func table() *Table {
	t := &Table{}
	for i := range t {
		t[i] = "<" + string(rune('a'+i%26)) + ">"
	}
	t[0] = "<>"
	return t
}

func TestTextIsCutAtTheEdge(t *testing.T) {
	g := New(6, 2)
	c := g.Canvas()
	if x := c.Text(0, 0, 0, "abcdefgh"); x != 8 {
		t.Errorf("the column after is %d, want 8", x)
	}
	c.Text(-2, 1, 0, "abcd")
	c.Right(6, 1, 0, "xy")
	c.Text(0, 5, 0, "below")
	if diff := cmp.Diff([]string{"abcdef", "cd  xy"}, g.Lines()); diff != "" {
		t.Error(diff)
	}
}

func TestWideTextAligns(t *testing.T) {
	g := New(7, 3)
	c := g.Canvas()
	c.Text(0, 0, 0, "在庫a在庫") // the last half does not fit
	c.Text(0, 1, 0, "在庫")
	c.Set(1, 1, 'x', 0) // takes the wide cell's other half with it
	c.Text(0, 2, 0, "e\u0301e")
	if diff := cmp.Diff([]string{"在庫a在", " x庫", "e\u0301e"}, g.Lines()); diff != "" {
		t.Error(diff)
	}
	if w := Width("在庫e\u0301"); w != 5 {
		t.Errorf("width %d, want 5", w)
	}
}

func TestNothingHostileReachesACell(t *testing.T) {
	g := New(40, 1)
	g.Canvas().Text(0, 0, 0, "a\x1b[2Jb\u202ec\x07\u009bd\u200be\nf\xff")
	line := g.Lines()[0]
	for _, r := range line {
		if r < ' ' || r >= 0x7f && r < 0xa0 || r == 0x202e || r == 0x200b {
			t.Errorf("%q has %q", line, r)
		}
	}
}

func TestAppendJoinsEqualStyles(t *testing.T) {
	g := New(8, 2)
	c := g.Canvas()
	c.Text(0, 0, 1, "ab")
	c.Text(2, 0, 1, "cd")
	c.Text(4, 0, 2, "e")
	c.Text(0, 1, 0, "plain")
	got := string(g.Append(nil, table()))
	if want := "<b>abcd<c>e<>\nplain"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestClip(t *testing.T) {
	g := New(10, 1)
	c := g.Canvas()
	c.Clip(0, 0, 6, 0, "abcdefgh", "..")
	c.Clip(7, 0, 3, 0, "xyz", "..")
	if got := g.Lines()[0]; got != "abcd.. xyz" {
		t.Errorf("got %q", got)
	}
}

func TestWrapBreaksAtBlanks(t *testing.T) {
	for _, c := range []struct {
		text string
		w    int
		want []string
	}{
		{"the quick brown fox", 10, []string{"the quick", "brown fox"}},
		{"exactly ten", 7, []string{"exactly", "ten"}},
		{"unbreakableword x", 5, []string{"unbre", "akabl", "eword", "x"}},
		{"one\ntwo", 10, []string{"one", "two"}},
		{"在庫予約", 4, []string{"在庫", "予約"}},
		{"a", 0, nil},
		{"", 5, nil},
	} {
		got := slices.Collect(WrapSeq(c.text, c.w))
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%q at %d (-want +got):\n%s", c.text, c.w, diff)
		}
	}
}

func TestSubBlit(t *testing.T) {
	g := New(6, 3)
	c := g.Canvas()
	c.Fill(0, 0, 6, 3, '.', 0)
	s := c.Sub(1, 1, 10, 10)
	if s.W() != 5 || s.H() != 2 {
		t.Errorf("the part is %dx%d, want 5x2", s.W(), s.H())
	}
	src := New(3, 1)
	src.Canvas().Text(0, 0, 0, "x z")
	s.Blit(0, 0, src)
	s.Blit(4, 0, src) // beyond the edge
	if diff := cmp.Diff([]string{"......", ".x z.x", "......"}, g.Lines()); diff != "" {
		t.Error(diff)
	}
}

func TestBox(t *testing.T) {
	g := New(4, 3)
	g.Canvas().Box(0, 0, 4, 3, Frame{'-', '|', '+', '+', '+', '+'}, 0)
	if diff := cmp.Diff([]string{"+--+", "|  |", "+--+"}, g.Lines()); diff != "" {
		t.Error(diff)
	}
}

func TestStyledReadsWhatWidgetsWrite(t *testing.T) {
	g := New(10, 2)
	g.Canvas().Styled(1, 0, "a\x1b[1mb\x1b[0mc\x1b]0;x\n\x1b[38;5;2md\x1b[Ke", func(p string) Style {
		return map[string]Style{"": 0, "1": 1}[p] + map[bool]Style{true: 2}[strings.HasPrefix(p, "38")]
	})
	name := func(s Style) byte { return '0' + byte(s) }
	if diff := cmp.Diff([]string{"0010000000", "0220000000"}, g.Styles(name)); diff != "" {
		t.Error(diff)
	}
}

// FuzzText: whatever is written, a row keeps its width and what follows its place.
func FuzzText(f *testing.F) {
	f.Add("plain", 3)
	f.Add("在\u0301庫\u200d👩‍👩‍👧", -1)
	f.Fuzz(func(t *testing.T, s string, x int) {
		g := New(12, 2)
		c := g.Canvas()
		c.Text(x%20, 0, 1, s)
		c.Text(x%7, 0, 0, s)
		c.Clip(2, 1, 8, 0, s, "..")
		for i, r := range g.cells {
			if r.r == 0 && (i%g.w == 0 || g.cells[i-1].r == 0 || g.cells[i-1].r == ' ') {
				t.Fatalf("half of a wide cell at %d in %q", i, g.Lines())
			}
		}
		for _, line := range g.Lines() {
			if w := Width(line); w > 12 {
				t.Fatalf("%q is %d wide", line, w)
			}
		}
	})
}

func BenchmarkAppend(b *testing.B) {
	g := New(200, 50)
	for y := range 50 {
		for x := 0; x < 200; x += 10 {
			g.Canvas().Text(x, y, Style(x%7), "some text")
		}
	}
	t := table()
	var buf []byte
	b.ReportAllocs()
	for b.Loop() {
		buf = g.Append(buf[:0], t)
	}
}
