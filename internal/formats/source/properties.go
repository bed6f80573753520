package source

import (
	"fmt"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// Properties reads a Java properties file as java.util.Properties.load does, and
// more strictly: a key twice is a mistake, where Java takes the last one in silence.
// The result is a flat Map: each property is one member, its key dots and all, and
// its value is text. An empty text is an empty Map.
func Properties(file, text string) (*Node, error) {
	root := NewNode(file, Pos{1, 1}, Map, "")
	places := placesOf(text)
	for rest := 0; rest < len(text); {
		var l logicalLine
		l, rest = nextLine(text, rest)
		if len(l.bytes) == 0 {
			continue
		}
		p := property{file: file, places: places, line: l}
		if len(root.Members) == mostValues {
			return nil, &Error{file, p.pos(), "one more property", fmt.Sprintf("%d in one file at most", mostValues), Syntax}
		}
		if err := p.addTo(root); err != nil {
			return nil, err
		}
	}
	return root, nil
}

// logicalLine is a line with those that continue it, and where in the text each of
// its bytes stands. A comment and a blank line are empty.
type logicalLine struct {
	bytes   []byte
	offsets []int
	end     int // where the text goes on
}

func nextLine(text string, from int) (l logicalLine, rest int) {
	for {
		start, end, next := from, from, len(text)
		for end < len(text) && text[end] != '\n' && text[end] != '\r' {
			end++
		}
		if end < len(text) {
			next = end + 1
			if text[end] == '\r' && next < len(text) && text[next] == '\n' {
				next++
			}
		}
		for start < end && blank(text[start]) {
			start++
		}
		if len(l.bytes) == 0 && start < end && (text[start] == '#' || text[start] == '!') {
			return l, next
		}
		backslashes := 0
		for end-backslashes > start && text[end-1-backslashes] == '\\' {
			backslashes++
		}
		goesOn := backslashes%2 == 1
		if goesOn {
			end--
		}
		for i := start; i < end; i++ {
			l.bytes = append(l.bytes, text[i])
			l.offsets = append(l.offsets, i)
		}
		l.end = end
		if from = next; !goesOn || next == len(text) {
			return l, next
		}
	}
}

func blank(c byte) bool { return c == ' ' || c == '\t' || c == '\f' }

// property takes a logical line apart: a key up to an unescaped =, : or blank, at
// most one = or : among blanks, and the value.
type property struct {
	file   string
	places places
	line   logicalLine
	at     int
}

func (p *property) addTo(root *Node) error {
	place := p.pos()
	key, err := p.unescape(func(c byte) bool { return c == '=' || c == ':' || blank(c) })
	if err != nil {
		return err
	}
	p.skipBlanks()
	if c := p.peek(); c == '=' || c == ':' {
		p.at++
		p.skipBlanks()
	}
	value := NewNode(p.file, p.pos(), String, "")
	if value.Text, err = p.unescape(func(byte) bool { return false }); err != nil {
		return err
	}
	return root.Add(place, key, value)
}

func (p *property) peek() byte {
	if p.at == len(p.line.bytes) {
		return 0
	}
	return p.line.bytes[p.at]
}

func (p *property) skipBlanks() {
	for blank(p.peek()) {
		p.at++
	}
}

// pos is the place of the next byte.
func (p *property) pos() Pos {
	if p.at == len(p.line.bytes) {
		return p.places.at(p.line.end)
	}
	return p.places.at(p.line.offsets[p.at])
}

// unescape reads up to a byte that ends it. A backslash before anything but t, n, r,
// f and u is dropped.
func (p *property) unescape(ends func(byte) bool) (string, error) {
	var b strings.Builder
	for p.at < len(p.line.bytes) {
		c := p.line.bytes[p.at]
		if ends(c) {
			break
		}
		if c != '\\' {
			b.WriteByte(c)
			p.at++
			continue
		}
		place := p.pos()
		p.at++
		switch c := p.peek(); c {
		case 'u':
			r, ok := p.unicode()
			if !ok {
				return "", &Error{p.file, place, `a \u without four hexadecimal digits`, `an escape such as \u00e4`, Syntax}
			}
			b.WriteRune(r)
			continue
		case 't', 'n', 'r', 'f':
			b.WriteByte(controls[c])
		default:
			if p.at < len(p.line.bytes) {
				b.WriteByte(c)
			}
		}
		p.at = min(p.at+1, len(p.line.bytes))
	}
	return b.String(), nil
}

var controls = map[byte]byte{'t': '\t', 'n': '\n', 'r': '\r', 'f': '\f'}

// unicode reads u and four hexadecimal digits, twice for a character of two halves.
func (p *property) unicode() (rune, bool) {
	r, ok := p.half()
	if !ok || !utf16.IsSurrogate(r) {
		return r, ok
	}
	if p.at+1 < len(p.line.bytes) && p.line.bytes[p.at] == '\\' && p.line.bytes[p.at+1] == 'u' {
		behind := *p
		behind.at++
		if low, ok := behind.half(); ok {
			if both := utf16.DecodeRune(r, low); both != utf8.RuneError {
				p.at = behind.at
				return both, true
			}
		}
	}
	return utf8.RuneError, true
}

func (p *property) half() (rune, bool) {
	if p.at+5 > len(p.line.bytes) {
		return 0, false
	}
	r := rune(0)
	for _, c := range p.line.bytes[p.at+1 : p.at+5] {
		d := strings.IndexByte("0123456789abcdef", c|0x20)
		if d < 0 || c < '0' {
			return 0, false
		}
		r = r<<4 | rune(d)
	}
	p.at += 5
	return r, true
}

// EscapeProperty writes text so that Properties and Java read it back, in ASCII,
// because Java reads a file of properties as Latin-1. In a key blanks and separators
// are escaped too, in a value only what would be lost at its beginning.
func EscapeProperty(text string, key bool) string {
	var b strings.Builder
	for i, r := range text {
		switch {
		case r == '\t':
			b.WriteString(`\t`)
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\r':
			b.WriteString(`\r`)
		case r == '\f':
			b.WriteString(`\f`)
		case r == '\\', key && strings.ContainsRune(" =:#!", r), i == 0 && r == ' ':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r < ' ' || r > '~':
			for _, half := range utf16.Encode([]rune{r}) {
				b.WriteString(`\u`)
				for shift := 12; shift >= 0; shift -= 4 {
					b.WriteByte("0123456789abcdef"[half>>shift&15])
				}
			}
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}
