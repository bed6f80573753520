package gatewaylog

import "unicode/utf8"

// unescape reads one character or escape at the start of b, which is not empty,
// and says how many bytes it took. What is no escape stays as it is.
func unescape(b []byte) (char []byte, n int) {
	if b[0] != '\\' || len(b) == 1 {
		return b[:1], 1
	}
	switch b[1] {
	case '"', '\\', '/':
		return b[1:2], 2
	case 'n':
		return []byte{'\n'}, 2
	case 't':
		return []byte{'\t'}, 2
	case 'r':
		return []byte{'\r'}, 2
	case 'b':
		return []byte{'\b'}, 2
	case 'f':
		return []byte{'\f'}, 2
	case 'x':
		if v, ok := hexValue(b[2:], 2); ok {
			return []byte{byte(v)}, 4
		}
	case 'u':
		if v, ok := hexValue(b[2:], 4); ok {
			return unescapeUnicode(v, b)
		}
	}
	return b[:1], 1
}

// unescapeUnicode joins surrogate pairs; half of one becomes U+FFFD.
func unescapeUnicode(v rune, b []byte) ([]byte, int) {
	n := 6
	if v >= 0xd800 && v < 0xdc00 && len(b) >= 12 && b[6] == '\\' && b[7] == 'u' {
		if low, ok := hexValue(b[8:], 4); ok && low >= 0xdc00 && low < 0xe000 {
			v, n = 0x10000+(v-0xd800)<<10+(low-0xdc00), 12
		}
	}
	return utf8.AppendRune(nil, v), n
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
