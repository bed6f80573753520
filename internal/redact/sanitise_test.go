package redact

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestLine(t *testing.T) {
	for _, tt := range []struct{ name, in, want string }{
		{"clean", "POST /api/orders 502", "POST /api/orders 502"},
		{"letters of other scripts stay", "naïve 注文 заказ é", "naïve 注文 заказ é"},
		{"escape", "\x1b[2J", `\x1b[2J`},
		{"operating system command", "\x1b]52;c;Zm9v\x07", `\x1b]52;c;Zm9v\x07`},
		{"del and nul", "a\x7fb\x00c", `a\x7fb\x00c`},
		{"newline and tab", "a\nb\tc\r", `a\x0ab\x09c\x0d`},
		{"a C1 byte that is not UTF-8", "\x9b31m", `\x9b31m`},
		{"C1 in UTF-8", "\u009b31m", `\u{9b}31m`},
		{"bidi override", "admin\u202etxt.exe\u202c", `admin\u{202e}txt.exe\u{202c}`},
		{"bidi isolates", "\u2066x\u2069", `\u{2066}x\u{2069}`},
		{"zero width", "pass\u200bword\ufeff", `pass\u{200b}word\u{feff}`},
		{"tag characters", "x\U000e0041", `x\u{e0041}`},
		{"line separator", "a\u2028b", `a\u{2028}b`},
		{"torn UTF-8", "caf\xc3", `caf\xc3`},
		{"the replacement character itself", "\ufffd", "\ufffd"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := Line(tt.in); got != tt.want {
				t.Errorf("Line(%q) = %q, want %q", tt.in, got, tt.want)
			}
		})
	}
}

func TestLines(t *testing.T) {
	if got, want := Lines("a\r\n\tb\x1b\n"), "a\n    b\\x1b\n"; got != want {
		t.Errorf("Lines = %q, want %q", got, want)
	}
}

func TestFlat(t *testing.T) {
	in := "\n  UPDATE stock_reservations\r\n\tSET status = 'reserved'\x00 \n"
	if got, want := Flat(in), `UPDATE stock_reservations SET status = 'reserved'\x00`; got != want {
		t.Errorf("Flat = %q, want %q", got, want)
	}
	if got := Flat("one two"); got != "one two" {
		t.Errorf("Flat = %q", got)
	}
}

func TestCleanTextIsNotCopied(t *testing.T) {
	s := strings.Repeat("10.0.0.7 - - GET /api/orders/ord_9c4d1e 200 ", 20) + "注文"
	if n := testing.AllocsPerRun(100, func() { Line(s) }); n != 0 {
		t.Errorf("Line allocates %v times on clean text", n)
	}
}

func FuzzLine(f *testing.F) {
	f.Add("\x1b[31m\u202e\xff\n")
	f.Fuzz(func(t *testing.T, s string) {
		got := Line(s)
		if !utf8.ValidString(got) {
			t.Fatalf("Line(%q) = %q is not UTF-8", s, got)
		}
		if i := firstUnsafe(got, keepNone); i >= 0 {
			t.Fatalf("Line(%q) = %q is unsafe at byte %d", s, got, i)
		}
		if strings.ContainsAny(Flat(s), "\n\t\r") || strings.Contains(Flat(s), "  ") {
			t.Fatalf("Flat(%q) = %q", s, Flat(s))
		}
		if strings.ContainsAny(Lines(s), "\x1b\t\r") {
			t.Fatalf("Lines(%q) = %q", s, Lines(s))
		}
	})
}

func BenchmarkLine(b *testing.B) {
	s := strings.Repeat("10.0.0.7 - - GET /api/orders/ord_9c4d1e 200 ", 5)
	b.SetBytes(int64(len(s)))
	b.ReportAllocs()
	for b.Loop() {
		Line(s)
	}
}
