package otlp

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"
)

// maxDepth bounds how deep values may lie in each other; metrics need eleven.
const maxDepth = 64

// cursor reads one JSON text from its beginning to its end, without a tree of it.
type cursor struct {
	b       []byte
	i       int
	depth   int
	objects int
}

// SyntaxError says what stands where in a JSON text, and what should.
type SyntaxError struct {
	At       int // byte, from 0
	Expected string
	Found    string
}

func (e *SyntaxError) Error() string {
	return fmt.Sprintf("expected %s, found %s", e.Expected, e.Found)
}

// expected is the error at a byte.
func (c *cursor) expected(at int, what string) error {
	found := "the end of the line"
	if at < len(c.b) {
		end := at
		for end < len(c.b) && end-at < 24 && utf8.RuneStart(c.b[end]) || end < len(c.b) && !utf8.RuneStart(c.b[end]) && end-at < 28 {
			end++
		}
		found = strconv.Quote(string(c.b[at:end]))
	}
	return &SyntaxError{At: at, Expected: what, Found: found}
}

// space goes on to the next byte that is not white, which it gives; 0 at the end.
func (c *cursor) space() byte {
	for c.i < len(c.b) {
		switch c.b[c.i] {
		case ' ', '\t', '\r', '\n':
			c.i++
		default:
			return c.b[c.i]
		}
	}
	return 0
}

// end checks that nothing follows.
func (c *cursor) end() error {
	if c.space() != 0 || c.i < len(c.b) {
		return c.expected(c.i, "the end of the line")
	}
	return nil
}

// object reads an object; each is called with a key and reads its value. A null is
// an empty one.
func (c *cursor) object(each func(key string) error) error {
	if c.null() {
		return nil
	}
	if c.space() != '{' {
		return c.expected(c.i, "an object")
	}
	if c.objects++; c.objects > maxMessages {
		return c.expected(c.i, "at most "+strconv.Itoa(maxMessages)+" objects")
	}
	if c.depth++; c.depth > maxDepth {
		return c.expected(c.i, "at most "+strconv.Itoa(maxDepth)+" values in each other")
	}
	c.i++
	if c.space() == '}' {
		c.i++
		c.depth--
		return nil
	}
	for {
		if c.space() != '"' {
			return c.expected(c.i, "a key in quotes")
		}
		key, err := c.text()
		if err != nil {
			return err
		}
		if c.space() != ':' {
			return c.expected(c.i, "a colon")
		}
		c.i++
		if err := each(key); err != nil {
			return err
		}
		switch c.space() {
		case ',':
			c.i++
		case '}':
			c.i++
			c.depth--
			return nil
		default:
			return c.expected(c.i, "a comma or the end of the object")
		}
	}
}

// array reads an array; each reads one value. A null is an empty one.
func (c *cursor) array(each func() error) error {
	if c.null() {
		return nil
	}
	if c.space() != '[' {
		return c.expected(c.i, "an array")
	}
	if c.depth++; c.depth > maxDepth {
		return c.expected(c.i, "at most "+strconv.Itoa(maxDepth)+" values in each other")
	}
	c.i++
	if c.space() == ']' {
		c.i++
		c.depth--
		return nil
	}
	for {
		if err := each(); err != nil {
			return err
		}
		switch c.space() {
		case ',':
			c.i++
		case ']':
			c.i++
			c.depth--
			return nil
		default:
			return c.expected(c.i, "a comma or the end of the array")
		}
	}
}

// null reads a null, if there is one.
func (c *cursor) null() bool {
	if c.space() == 'n' && len(c.b)-c.i >= 4 && string(c.b[c.i:c.i+4]) == "null" {
		c.i += 4
		return true
	}
	return false
}

// text reads a string.
func (c *cursor) text() (string, error) {
	if c.space() != '"' {
		return "", c.expected(c.i, "a string")
	}
	begin := c.i
	c.i++
	plain := c.i
	for c.i < len(c.b) {
		switch b := c.b[c.i]; {
		case b == '"':
			s := string(c.b[plain:c.i])
			c.i++
			return s, nil
		case b == '\\':
			return c.escaped(begin)
		case b < ' ':
			return "", c.expected(c.i, "the closing quote of a string")
		default:
			c.i++
		}
	}
	return "", c.expected(c.i, "the closing quote of a string")
}

// escaped reads a string with escapes that begins at a byte.
func (c *cursor) escaped(begin int) (string, error) {
	var out []byte
	for c.i = begin + 1; c.i < len(c.b); {
		b := c.b[c.i]
		switch {
		case b == '"':
			c.i++
			return string(out), nil
		case b < ' ':
			return "", c.expected(c.i, "the closing quote of a string")
		case b != '\\':
			out = append(out, b)
			c.i++
			continue
		case c.i+1 == len(c.b):
			return "", c.expected(c.i+1, "the rest of an escape")
		}
		at := c.i
		c.i += 2
		switch e := c.b[at+1]; e {
		case '"', '\\', '/':
			out = append(out, e)
		case 'b':
			out = append(out, '\b')
		case 'f':
			out = append(out, '\f')
		case 'n':
			out = append(out, '\n')
		case 'r':
			out = append(out, '\r')
		case 't':
			out = append(out, '\t')
		case 'u':
			r, ok := c.hex()
			if !ok {
				return "", c.expected(at, "an escape of four hexadecimal digits")
			}
			if r >= 0xd800 && r < 0xdc00 && len(c.b)-c.i >= 6 && c.b[c.i] == '\\' && c.b[c.i+1] == 'u' {
				was := c.i
				c.i += 2
				if low, ok := c.hex(); ok && low >= 0xdc00 && low < 0xe000 {
					r = 0x10000 + (r-0xd800)<<10 + (low - 0xdc00)
				} else {
					c.i = was
				}
			}
			out = utf8.AppendRune(out, r) // half a pair becomes U+FFFD
		default:
			return "", c.expected(at, "an escape such as \\n")
		}
	}
	return "", c.expected(c.i, "the closing quote of a string")
}

func (c *cursor) hex() (rune, bool) {
	if len(c.b)-c.i < 4 {
		return 0, false
	}
	n, err := strconv.ParseUint(string(c.b[c.i:c.i+4]), 16, 32)
	c.i += 4
	return rune(n), err == nil
}

// literal is a number or a word up to what ends it.
func (c *cursor) literal() string {
	begin := c.i
	for c.i < len(c.b) {
		switch c.b[c.i] {
		case ',', '}', ']', ' ', '\t', '\r', '\n', ':', '"', '{', '[':
			return string(c.b[begin:c.i])
		}
		c.i++
	}
	return string(c.b[begin:c.i])
}

// number is a number as text, also in quotes, as 64-bit ones are.
func (c *cursor) number() (text string, at int, err error) {
	if c.space() == '"' {
		at = c.i
		text, err = c.text()
		return text, at, err
	}
	at = c.i
	return c.literal(), at, nil
}

// unsigned reads a count or an instant, which are strings of digits.
func (c *cursor) unsigned() (uint64, error) {
	if c.null() {
		return 0, nil
	}
	text, at, err := c.number()
	if err != nil {
		return 0, err
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		return 0, c.expected(at, "an integer from 0 to 2^64-1")
	}
	return n, nil
}

// signed reads an integer.
func (c *cursor) signed() (int64, error) {
	if c.null() {
		return 0, nil
	}
	text, at, err := c.number()
	if err != nil {
		return 0, err
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return 0, c.expected(at, "an integer of 64 bits")
	}
	return n, nil
}

// small reads an integer of 32 bits, such as an enum's.
func (c *cursor) small() (int32, error) {
	c.space()
	at := c.i
	n, err := c.signed()
	if err == nil && (n < math.MinInt32 || n > math.MaxInt32) {
		return 0, c.expected(at, "an integer of 32 bits")
	}
	return int32(n), err
}

// float reads a number; those that JSON has none for are words in quotes.
func (c *cursor) float() (float64, error) {
	if c.null() {
		return 0, nil
	}
	text, at, err := c.number()
	if err != nil {
		return 0, err
	}
	switch text {
	case "NaN":
		return math.NaN(), nil
	case "Infinity":
		return math.Inf(1), nil
	case "-Infinity":
		return math.Inf(-1), nil
	}
	v, err := strconv.ParseFloat(text, 64)
	if err != nil || !digits(text) {
		return 0, c.expected(at, "a number")
	}
	return v, nil
}

// digits says whether a text that Go takes for a number is made of what JSON's are.
func digits(text string) bool {
	return text != "" && text[0] != '+' && strings.Trim(text, "0123456789+-.eE") == ""
}

// boolean reads true or false.
func (c *cursor) boolean() (bool, error) {
	if c.null() {
		return false, nil
	}
	c.space()
	at := c.i
	switch c.literal() {
	case "true":
		return true, nil
	case "false":
		return false, nil
	}
	return false, c.expected(at, "true or false")
}

// skip reads over a value of any kind.
func (c *cursor) skip() error {
	switch c.space() {
	case '{':
		return c.object(func(string) error { return c.skip() })
	case '[':
		return c.array(c.skip)
	case '"':
		_, err := c.text()
		return err
	}
	at := c.i
	switch text := c.literal(); text {
	case "true", "false", "null":
	default:
		if _, err := strconv.ParseFloat(text, 64); err != nil && !errors.Is(err, strconv.ErrRange) || !digits(text) {
			return c.expected(at, "a value")
		}
	}
	return nil
}
