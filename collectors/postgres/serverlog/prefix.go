package serverlog

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// prefix reads what log_line_prefix puts before each line of a stderr log.
type prefix struct {
	text  string // as in postgresql.conf
	whole *regexp.Regexp
	short *regexp.Regexp // up to %q, for processes without a session; nil without %q
	loc   *time.Location
}

const (
	stampPattern = `\d{4}-\d\d-\d\d \d\d:\d\d:\d\d`
	zonePattern  = ` (?:[A-Za-z]{1,6}|[+-]\d{2,4})`
)

// escapes are the fields of log_line_prefix and what they print.
var escapes = map[byte]string{
	'm': stampPattern + `\.\d{3}` + zonePattern, 't': stampPattern + zonePattern, 's': stampPattern + zonePattern, 'n': `\d{1,12}\.\d{3}`,
	'p': `\d{1,10}`, 'P': `\d{0,10}`, 'l': `\d+`, 'x': `\d+`, 'v': `(?:\d+/\d+)?`, 'c': `[0-9a-f]+\.[0-9a-f]+`, 'e': `[0-9A-Z]{5}`, 'Q': `-?\d+`,
	'a': `.*?`, 'u': `.*?`, 'd': `.*?`, 'r': `.*?`, 'h': `.*?`, 'L': `.*?`, 'b': `.*?`, 'i': `.*?`,
}

// severityPattern is what stands between prefix and message: "LOG:  ", in the
// server's language.
const severityPattern = `(?P<severity>\pL{1,24}):  `

// maxPrefix bounds a prefix, in bytes: there are 18 escapes, and each field costs
// time with every line.
const maxPrefix = 256

// readPrefix compiles a log_line_prefix as it stands in postgresql.conf. loc is
// log_timezone; nil takes it from the log.
func readPrefix(text string, loc *time.Location) (*prefix, error) {
	if len(text) > maxPrefix {
		return nil, fmt.Errorf("log_line_prefix of %d bytes, expected at most %d", len(text), maxPrefix)
	}
	pattern, seen, short := `^`, map[byte]bool{}, ""
	for i := 0; i < len(text); i++ {
		if text[i] != '%' {
			pattern += regexp.QuoteMeta(text[i : i+1])
			continue
		}
		width := ""
		for i++; i < len(text) && (text[i] == '-' && width == "" || '0' <= text[i] && text[i] <= '9'); i++ {
			width += text[i : i+1]
		}
		if i == len(text) {
			return nil, fmt.Errorf("log_line_prefix %q: ends within an escape", text)
		}
		c := text[i]
		field, known := escapes[c]
		switch {
		case c == '%':
			pattern += "%"
		case c == 'q' && short == "":
			short = pattern
		case !known:
			return nil, fmt.Errorf("log_line_prefix %q: column %d: %%%c is no escape", text, i, c)
		default:
			if seen[c] {
				field = `(?:` + field + `)`
			} else {
				field = `(?P<` + string(c) + `>` + field + `)`
			}
			if width != "" { // padded with spaces on one side
				field = ` *` + field + ` *`
			}
			pattern += field
			if seen[c] = true; short == "" {
				seen[c|0x80] = true // also in lines of processes without a session
			}
		}
	}
	if !seen['m'|0x80] && !seen['t'|0x80] && !seen['n'|0x80] {
		return nil, fmt.Errorf("log_line_prefix %q: has no %%m, %%t or %%n before any %%q: its lines do not say when they were written", text)
	}
	p := &prefix{text: text, loc: loc}
	var err error
	if p.whole, err = regexp.Compile(pattern + severityPattern); err != nil {
		return nil, fmt.Errorf("log_line_prefix %q: %w", text, err)
	}
	if short != "" {
		if p.short, err = regexp.Compile(short + severityPattern); err != nil {
			return nil, fmt.Errorf("log_line_prefix %q: %w", text, err)
		}
	}
	return p, nil
}

var errPrefix = errors.New("the line does not begin with the log_line_prefix")

// maxPrefixed is how much of a line is searched for the end of its prefix, in
// bytes: names have 63, and the text behind it is the message.
const maxPrefixed = 1024

// read takes the prefix off a line: its fields go to e, what follows it is text.
func (p *prefix) read(line []byte, e *entry) (text []byte, err error) {
	head := line[:min(len(line), maxPrefixed)]
	if end := bytes.Index(head, []byte(":  ")); end < 0 {
		return nil, errPrefix // cheap, and true of nearly all lines that are no log's
	}
	re := p.whole
	m := re.FindSubmatchIndex(head)
	if m == nil && p.short != nil {
		re = p.short
		m = re.FindSubmatchIndex(head)
	}
	if m == nil {
		return nil, errPrefix
	}
	for i, name := range re.SubexpNames() {
		if i == 0 || m[2*i] < 0 {
			continue
		}
		value := strings.TrimSpace(string(head[m[2*i]:m[2*i+1]]))
		if value == "[unknown]" {
			continue
		}
		if err := p.set(e, name, value); err != nil {
			return nil, err
		}
	}
	if e.at.IsZero() {
		return nil, errPrefix
	}
	return line[m[1]:], nil
}

func (p *prefix) set(e *entry, name, value string) (err error) {
	switch name {
	case "m":
		e.at, err = readStamp(value, p.loc)
	case "n":
		e.at, err = readEpoch(value)
	case "t":
		if e.at.IsZero() { // %m is finer
			e.at, err = readStamp(value, p.loc)
		}
	case "s":
		e.sessionStart, err = readStamp(value, p.loc)
	case "c":
		start, pid, _ := strings.Cut(value, ".")
		if n, bad := strconv.ParseInt(start, 16, 64); bad == nil && e.sessionStart.IsZero() && n > 0 && n < 1<<33 {
			e.sessionStart = time.Unix(n, 0).UTC()
		}
		if n, bad := strconv.ParseInt(pid, 16, 64); bad == nil && e.pid == 0 && n <= maxPID {
			e.pid = int(n)
		}
	case "p":
		e.pid, err = readPID(value)
	case "P":
		e.leader, err = readPID(value)
	case "u":
		e.user = value
	case "d":
		e.database = value
	case "a":
		e.application = value
	case "r":
		host, port, ok := strings.Cut(strings.TrimSuffix(value, ")"), "(")
		e.client = host
		if ok {
			e.client += ":" + port
		}
	case "h":
		if e.client == "" {
			e.client = value
		}
	case "b":
		e.backendType = value
	case "i":
		e.command = value
	case "e":
		e.state = value
	case "severity":
		e.severity = value
	}
	return err
}

// usualPrefixes are tried when none is given: PostgreSQL's own, Debian's, those
// of the packages, clouds and log analysers.
var usualPrefixes = []string{
	"%m [%p] %q%u@%d ",
	"%m [%p] %q%u@%d/%a ",
	"%m [%p] %q[user=%u,db=%d,app=%a] ",
	"%m [%p]: [%l-1] user=%u,db=%d,app=%a,client=%h ",
	"%t [%p]: [%l-1] user=%u,db=%d,app=%a,client=%h ",
	"%t [%p]: user=%u,db=%d,app=%a,client=%h ",
	"%t [%p]: [%l-1] user=%u,db=%d ",
	"%t:%r:%u@%d:[%p]:",
	"%m:%r:%u@%d:[%p]:%l:%e:%s:%v:%x:%c:%q%a:",
	"%t [%p]: [%l-1] ",
	"%t [%p] %q%u@%d ",
	"%t [%p] ",
	"%m [%p] ",
	"%m %p %u@%d ",
	"%m [%p] %u@%d ",
	"< %m >",
	"< %t >",
	"%t ",
	"%m ",
}

// CheckPrefix says what is wrong with a log_line_prefix, naming the column.
func CheckPrefix(text string) error {
	_, err := readPrefix(text, nil)
	return err
}
