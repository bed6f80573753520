// Package gosource is what the writers of Go source have in common: names, comments
// and durations as Go has them.
package gosource

import (
	"fmt"
	"go/format"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// Name is the name of a service as part of a Go identifier: "order-read" is OrderRead.
func Name(service string) string {
	var b strings.Builder
	for _, part := range strings.FieldsFunc(service, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) }) {
		first := []rune(part)
		first[0] = unicode.ToUpper(first[0])
		b.WriteString(string(first))
	}
	return b.String()
}

// Doc is what stands above a function: a paragraph, where its numbers come from, and
// a list of what has to be known.
type Doc struct {
	Text   string   // sentences; a line break is one in the source
	Origin string   // one line; empty is left out
	Notes  []string // one line each
}

// String is the comment, with its slashes.
func (d Doc) String() string {
	var b strings.Builder
	for line := range strings.Lines(d.Text) {
		b.WriteString("// " + strings.TrimSuffix(line, "\n") + "\n")
	}
	if d.Origin != "" {
		b.WriteString("//\n// " + oneLine(d.Origin) + "\n")
	}
	if len(d.Notes) > 0 {
		b.WriteString("//\n// To know:\n//\n")
	}
	for _, n := range d.Notes {
		b.WriteString("//   - " + oneLine(n) + "\n")
	}
	return b.String()
}

// oneLine keeps text from leaving its comment.
func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

var units = []struct {
	of   time.Duration
	name string
}{
	{time.Hour, "time.Hour"},
	{time.Minute, "time.Minute"},
	{time.Second, "time.Second"},
	{time.Millisecond, "time.Millisecond"},
	{time.Microsecond, "time.Microsecond"},
	{time.Nanosecond, "time.Nanosecond"},
}

// Duration is d as a Go expression in the largest unit of which it is a whole number:
// 90 * time.Second.
func Duration(d time.Duration) string {
	if d == 0 {
		return "0"
	}
	for _, u := range units {
		if n := d / u.of; d%u.of == 0 {
			if n == 1 {
				return u.name
			}
			return fmt.Sprintf("%d * %s", n, u.name)
		}
	}
	panic("gosource: every duration is a whole number of nanoseconds")
}

// Float is f as a Go constant.
func Float(f float64) string {
	s := strconv.FormatFloat(f, 'f', -1, 64)
	if f == math.Trunc(f) {
		s += ".0"
	}
	return s
}

// Format is text as gofmt has it. It takes no other than our own: text that does not
// parse is a mistake of the writer.
func Format(text string) string {
	out, err := format.Source([]byte(text))
	if err != nil {
		panic(fmt.Sprintf("gosource: %v in\n%s", err, text))
	}
	return string(out)
}
