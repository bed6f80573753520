package gatewaylog

import (
	"bytes"
	"unicode/utf8"
)

// appendUnescaped appends what b means without its escapes. What is no escape
// stays as it is.
func appendUnescaped(dst, b []byte) []byte {
	for len(b) > 0 {
		i := bytes.IndexByte(b, '\\')
		if i < 0 {
			return append(dst, b...)
		}
		dst = append(dst, b[:i]...)
		var n int
		dst, n = appendEscape(dst, b[i:])
		b = b[i+n:]
	}
	return dst
}

// appendEscape appends what stands for the escape that b begins with, and says
// how many bytes that took.
func appendEscape(dst, b []byte) ([]byte, int) {
	if len(b) == 1 {
		return append(dst, b[0]), 1
	}
	switch b[1] {
	case '"', '\\', '/':
		return append(dst, b[1]), 2
	case 'n':
		return append(dst, '\n'), 2
	case 't':
		return append(dst, '\t'), 2
	case 'r':
		return append(dst, '\r'), 2
	case 'b':
		return append(dst, '\b'), 2
	case 'f':
		return append(dst, '\f'), 2
	case 'x':
		if v, ok := hexValue(b[2:], 2); ok {
			return append(dst, byte(v)), 4
		}
	case 'u':
		if v, ok := hexValue(b[2:], 4); ok {
			return appendUnicode(dst, v, b)
		}
	}
	return append(dst, b[0]), 1
}

// appendUnicode joins surrogate pairs; half of one becomes U+FFFD.
func appendUnicode(dst []byte, v rune, b []byte) ([]byte, int) {
	n := 6
	if v >= 0xd800 && v < 0xdc00 && len(b) >= 12 && b[6] == '\\' && b[7] == 'u' {
		if low, ok := hexValue(b[8:], 4); ok && low >= 0xdc00 && low < 0xe000 {
			v, n = 0x10000+(v-0xd800)<<10+(low-0xdc00), 12
		}
	}
	return utf8.AppendRune(dst, v), n
}

// hexValue reads exactly n hexadecimal digits.
func hexValue(b []byte, n int) (rune, bool) {
	if len(b) < n {
		return 0, false
	}
	v := rune(0)
	for _, c := range b[:n] {
		switch {
		case c-'0' <= 9:
			v = v<<4 | rune(c-'0')
		case c-'a' <= 5:
			v = v<<4 | rune(c-'a'+10)
		case c-'A' <= 5:
			v = v<<4 | rune(c-'A'+10)
		default:
			return 0, false
		}
	}
	return v, true
}
