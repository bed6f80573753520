// Package redact makes foreign text safe: MaskSecrets when it comes in, Line and
// its kin when it is shown, a Redactor when it leaves in an export or a yank.
// Query text, log lines and annotations are written by whoever reaches the
// systems we watch, so all three are used on all of it.
package redact

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

const hexDigits = "0123456789abcdef"

// Line makes s safe to show on one line. Every byte and character that could
// move a cursor, start an escape sequence, reorder or hide text becomes visible:
// C0, DEL and bytes that are not UTF-8 as \x1b, C1, bidi controls, zero-width
// and other format characters as \u{202e}. Line feed and tab are C0 too. Clean
// text is returned as it is, without allocation.
func Line(s string) string {
	return sanitise(s, keepNone)
}

// Lines is Line for text shown on several lines: line feeds stay, a tab becomes
// four spaces, and the carriage return of a CR LF goes.
func Lines(s string) string {
	return sanitise(s, keepLayout)
}

// Flat is Line for text that was laid out on several lines and is to be shown on
// one, such as SQL: each run of spaces, tabs, line feeds and carriage returns
// becomes one space, at the ends none.
func Flat(s string) string {
	return sanitise(squeeze(s), keepNone)
}

type keep bool

const (
	keepNone   keep = false
	keepLayout keep = true
)

func sanitise(s string, k keep) string {
	i := firstUnsafe(s, k)
	if i < 0 {
		return s
	}
	dst := make([]byte, 0, len(s)+32)
	return string(appendSafe(append(dst, s[:i]...), s[i:], k))
}

// firstUnsafe is the byte position of the first thing to rewrite, -1 when none.
func firstUnsafe(s string, k keep) int {
	for i := 0; i < len(s); {
		if b := s[i]; b < utf8.RuneSelf {
			if (b < ' ' || b == 0x7f) && (k != keepLayout || b != '\n') {
				return i
			}
			i++
			continue
		}
		r, n := utf8.DecodeRuneInString(s[i:])
		if r == utf8.RuneError && n == 1 || hides(r) {
			return i
		}
		i += n
	}
	return -1
}

func appendSafe(dst []byte, s string, k keep) []byte {
	for i := 0; i < len(s); {
		b := s[i]
		switch {
		case b >= ' ' && b < 0x7f:
			dst = append(dst, b)
			i++
			continue
		case b < utf8.RuneSelf:
			switch {
			case k == keepLayout && b == '\n':
				dst = append(dst, b)
			case k == keepLayout && b == '\t':
				dst = append(dst, "    "...)
			case k == keepLayout && b == '\r' && strings.HasPrefix(s[i:], "\r\n"):
			default:
				dst = append(dst, '\\', 'x', hexDigits[b>>4], hexDigits[b&15])
			}
			i++
			continue
		}
		r, n := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && n == 1:
			dst = append(dst, '\\', 'x', hexDigits[b>>4], hexDigits[b&15])
		case hides(r):
			dst = append(dst, `\u{`...)
			dst = appendHex(dst, uint32(r))
			dst = append(dst, '}')
		default:
			dst = append(dst, s[i:i+n]...)
		}
		i += n
	}
	return dst
}

func appendHex(dst []byte, v uint32) []byte {
	if v > 15 {
		dst = appendHex(dst, v>>4)
	}
	return append(dst, hexDigits[v&15])
}

// hides says whether r, beyond ASCII, does something else than to show itself:
// C1 controls; format characters (Cf: bidi, zero-width, soft hyphen, byte order
// mark, tags); line and paragraph separators; and the fillers that fonts draw
// as nothing.
func hides(r rune) bool {
	switch r {
	case 0x115f, 0x1160, 0x3164, 0xffa0, 0x2800, 0x034f, 0x17b4, 0x17b5, 0x2028, 0x2029:
		return true
	}
	return r < 0xa0 || unicode.Is(unicode.Cf, r)
}

// squeeze makes one space of each run of white space and trims the ends.
func squeeze(s string) string {
	blank := func(b byte) bool { return b == ' ' || b == '\t' || b == '\n' || b == '\r' }
	clean := true
	for i := 0; i < len(s); i++ {
		if blank(s[i]) && (s[i] != ' ' || i == 0 || i == len(s)-1 || s[i-1] == ' ') {
			clean = false
			break
		}
	}
	if clean {
		return s
	}
	var b strings.Builder
	b.Grow(len(s))
	for i := 0; i < len(s); {
		if !blank(s[i]) {
			b.WriteByte(s[i])
			i++
			continue
		}
		for i < len(s) && blank(s[i]) {
			i++
		}
		if b.Len() > 0 && i < len(s) {
			b.WriteByte(' ')
		}
	}
	return b.String()
}
