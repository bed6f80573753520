package redacttest

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Inert says what in a document of a format ("text", "json", "csv", "md", "html") could still
// do something: to the terminal it is printed on, or to who opens it. Nothing is inert.
func Inert(format string, doc []byte) (active []string) {
	say := func(format string, args ...any) {
		if len(active) < 10 {
			active = append(active, fmt.Sprintf(format, args...))
		}
	}
	switch format {
	case "text", "ical":
		moves(string(doc), false, say)
	case "html": // or SVG
		moves(string(doc), true, say)
	case "md":
		moves(string(doc), false, say)
		markdown(string(doc), say)
	case "csv":
		rows, err := csv.NewReader(bytes.NewReader(doc)).ReadAll()
		if err != nil {
			say("no CSV: %v", err)
		}
		for i, row := range rows {
			for _, cell := range row {
				if moves(cell, false, say); cell != "" && strings.ContainsRune("=+-@\t\r", rune(cell[0])) && !number.MatchString(cell) {
					say("row %d: a formula: %q", i+1, cell)
				}
			}
		}
	case "json":
		dec := json.NewDecoder(bytes.NewReader(doc))
		for {
			var v any
			if err := dec.Decode(&v); err == io.EOF {
				break
			} else if err != nil {
				say("no JSON: %v", err)
				break
			}
			texts(v, func(s string) { moves(s, true, say) })
		}
	default:
		say("no such format: %s", format)
	}
	if format == "html" {
		markup(string(doc), say)
	}
	return active
}

var number = regexp.MustCompile(`^-?[0-9.]+(?:e[+-]?\d+)?$`)

func texts(v any, f func(string)) {
	switch v := v.(type) {
	case string:
		f(v)
	case []any:
		for _, x := range v {
			texts(x, f)
		}
	case map[string]any:
		for k, x := range v {
			f(k)
			texts(x, f)
		}
	}
}

// moves finds what moves a cursor, reorders or hides text.
func moves(s string, tabs bool, say func(string, ...any)) {
	if !utf8.ValidString(s) {
		say("bytes that are not UTF-8 in %.60q", s)
	}
	for i, r := range s {
		switch {
		case r == '\n', r == '\t' && tabs:
		case r == '\r' && strings.HasPrefix(s[i:], "\r\n"):
		case unicode.IsControl(r), unicode.Is(unicode.Cf, r), r == '\u2028', r == '\u2029':
			say("%U in %.60q", r, s[max(0, i-20):])
		}
	}
}

var (
	comment  = regexp.MustCompile(`<!--.*?-->`)
	code     = regexp.MustCompile("(`+)[^`].*?[^`]?(`+)")
	escaped  = regexp.MustCompile(`\\[^A-Za-z0-9\s]`)
	mention  = regexp.MustCompile(`(?:^|[^\w])@[a-z]|(?:^|[^\w&])#\d`)
	link     = regexp.MustCompile(`\]\([^#]|https?://evil|\bwww\.evil`)
	emphasis = regexp.MustCompile(`\*\*bold|~~s~~`)
)

// markdown finds what a reader of GitHub's kind would format, link, notify or run.
func markdown(doc string, say func(string, ...any)) {
	columns := 0
	fenced := false
	for n, line := range strings.Split(doc, "\n") {
		if strings.HasPrefix(line, "```") {
			fenced = !fenced
			continue
		}
		if fenced {
			continue
		}
		if !strings.HasPrefix(line, "|") {
			columns = 0
		} else {
			cells := strings.Count(escaped.ReplaceAllString(line, ""), "|")
			if columns == 0 {
				columns = cells
			}
			if cells != columns {
				say("line %d: %d cells, the table has %d: %.200q", n+1, cells-1, columns-1, line)
			}
		}
		plain := escaped.ReplaceAllString(comment.ReplaceAllString(code.ReplaceAllString(line, "x"), " "), "x")
		plain = strings.ReplaceAll(plain, "<br>", " ")
		if strings.Contains(plain, "<") {
			say("line %d: HTML: %.200q", n+1, line)
		}
		for _, re := range []*regexp.Regexp{mention, link, emphasis} {
			if m := re.FindString(plain); m != "" {
				say("line %d: %q does something: %.200q", n+1, m, line)
			}
		}
	}
}

// planted are the tags and handlers of Hostile, as a browser would meet them.
var planted = regexp.MustCompile(`(?i)<script>alert|<script>x|<img src=x|<svg onload|</td></table></title>|<b>bold|href="javascript:|[^&;\w]onerror=alert\(1\)>`)

func markup(doc string, say func(string, ...any)) {
	for _, m := range planted.FindAllString(doc, -1) {
		say("markup: %q", m)
	}
}
