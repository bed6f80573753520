package gatewaylog

import (
	"fmt"
	"slices"
	"strings"
)

// ParseFormat makes a format of what a user names or pastes: the name of a
// built-in format, nginx's log_format, Apache's LogFormat or HAProxy's log-format
// directive as it stands in the configuration, only its string, or what Envoy or
// API Gateway are to write.
func ParseFormat(text string) (*Format, error) {
	text = strings.TrimSpace(text)
	if text != "" && !strings.ContainsAny(text, "$% \t\n'\"{") {
		if text == "combined" { // the one name that nginx predefines
			text = "nginx_combined"
		}
		return FormatByName(text)
	}
	parse := ParseLogFormat
	switch {
	case strings.Contains(text, "$context."):
		parse = parseContextFormat
	case envoyLooking(text):
		parse = parseEnvoyFormat
	case haproxyLooking(text):
		parse = parseHAProxyFormat
	case apacheLooking(text):
		parse = parseApacheFormat
	}
	f, err := parse(text)
	if err == nil {
		f.written = text
	}
	return f, err
}

// ParseLogFormat compiles an nginx log_format: the directive with its name,
// escape= and the quoted strings that are joined, or only the strings, or the
// bare text of one.
func ParseLogFormat(text string) (*Format, error) {
	name, escape, layout, err := directive(text)
	if err != nil {
		return nil, fmt.Errorf("log_format: %w", err)
	}
	esc, ok := escapings[escape]
	if !ok {
		return nil, fmt.Errorf("log_format: escape=%s: default, json or none", escape)
	}
	f := &Format{
		Name: "log_format", Title: "nginx log_format", Family: "nginx",
		Layout: layout, Vocabulary: "nginx", Escape: escape, Outcomes: "nginx", stamp: stampEnd,
	}
	if name != "" {
		f.Title += " " + name
	}
	f.program, err = compile(layout, esc, vocabulary{sign: "$", next: variable, look: func(name string) (spec, error) {
		s, known := nginxVar(name)
		if note := "$" + name + " is not a variable that we know: read over"; !known && !slices.Contains(f.Notes, note) {
			f.Notes = append(f.Notes, note)
		}
		return s, nil
	}})
	if err != nil {
		return nil, fmt.Errorf("log_format: %w", err)
	}
	if err := f.complete(); err != nil {
		return nil, err
	}
	return f, f.checkPasted()
}

// checkPasted says what a pasted layout cannot do without, and notes what it
// does without.
func (f *Format) checkPasted() error {
	switch {
	case !f.has(atField):
		return fmt.Errorf("log_format: no time: one of $time_local, $time_iso8601, $msec is needed")
	case !f.has(statusField):
		return fmt.Errorf("log_format: no $status")
	case !f.has(requestField) && !f.has(targetField):
		return fmt.Errorf("log_format: no request: one of $request, $request_uri, $uri is needed")
	}
	if !f.has(requestField) && !f.has(methodField) {
		f.Notes = append(f.Notes, "no $request_method: requests of all methods are counted together")
	}
	return nil
}

// directive takes the pieces of a log_format apart.
func directive(text string) (name, escape, layout string, err error) {
	text = strings.TrimSpace(text)
	rest, named := strings.CutPrefix(text, "log_format")
	if named && (rest == "" || !strings.ContainsRune(" \t\r\n", rune(rest[0]))) {
		named = false
	}
	if !named && !strings.HasPrefix(text, "'") && !wrapped(text) && !strings.HasPrefix(text, "escape=") {
		return "", "", text, nil // the bare text
	}
	if !named {
		rest = text
	}
	words, err := nginxWords(rest)
	if err != nil {
		return "", "", "", err
	}
	if named {
		if len(words) == 0 || words[0].quoted {
			return "", "", "", fmt.Errorf("no name after log_format")
		}
		name, words = words[0].text, words[1:]
	}
	if len(words) > 0 && !words[0].quoted {
		if e, ok := strings.CutPrefix(words[0].text, "escape="); ok {
			escape, words = e, words[1:]
		}
	}
	if len(words) == 0 {
		return "", "", "", fmt.Errorf("no format string")
	}
	for _, w := range words {
		layout += w.text
	}
	return name, escape, layout, nil
}

// wrapped says that double quotes stand around the text, and not in it.
func wrapped(text string) bool {
	text = strings.TrimRight(text, "; \t\r\n")
	return len(text) > 1 && text[0] == '"' && strings.IndexByte(text[1:], '"') == len(text)-2
}

type word struct {
	text   string
	quoted bool
}

// nginxWords splits configuration text as nginx does: blanks, quotes of both
// kinds, backslash escapes, comments, up to a semicolon.
func nginxWords(s string) ([]word, error) {
	var words []word
	for i := 0; i < len(s); {
		switch c := s[i]; {
		case strings.IndexByte(" \t\r\n", c) >= 0:
			i++
		case c == '#':
			end := strings.IndexByte(s[i:], '\n')
			if end < 0 {
				return words, nil
			}
			i += end
		case c == ';':
			return words, nil
		case c == '\'' || c == '"':
			text, n, ok := nginxText(s[i+1:], string(c))
			if !ok {
				return nil, fmt.Errorf("the %c of column %d is not closed", c, i+1)
			}
			words = append(words, word{text, true})
			i += n + 2
		default:
			text, n, _ := nginxText(s[i:], " \t\r\n;")
			words = append(words, word{text, false})
			i += n
		}
	}
	return words, nil
}

// nginxText reads up to one of the ends, undoing the escapes that nginx's
// configuration knows.
func nginxText(s, ends string) (text string, n int, closed bool) {
	var b strings.Builder
	for n < len(s) {
		if strings.IndexByte(ends, s[n]) >= 0 {
			return b.String(), n, true
		}
		if s[n] == '\\' && n+1 < len(s) {
			if c, ok := nginxEscapes[s[n+1]]; ok {
				b.WriteByte(c)
				n += 2
				continue
			}
		}
		b.WriteByte(s[n])
		n++
	}
	return b.String(), n, false
}

var nginxEscapes = map[byte]byte{'"': '"', '\'': '\'', '\\': '\\', 't': '\t', 'r': '\r', 'n': '\n'}
