package gatewaylog

import (
	"bytes"
	"strings"
)

// wrapper is what a line got around it on its way from the gateway to us.
type wrapper uint8

const (
	noWrapper wrapper = iota
	wrapBOM
	wrapDocker        // {"log":"...\n","stream":"stdout","time":"..."}, in any order
	wrapCRI           // 2026-01-15T14:23:31.122334455Z stdout F ...
	wrapCompose       // gateway-1  | ...
	wrapKubectl       // [pod/gateway-7d9f/nginx] ...
	wrapSyslog        // <134>Jan 15 14:23:31 lb1 haproxy[2213]: ...
	wrapSyslog5424    // <134>1 2026-01-15T14:23:31.122Z lb1 haproxy 2213 - - ...
	wrapTime          // 2026-01-15T14:23:31.122334455Z ..., as kubectl --timestamps writes
	wrapJournalExport // MESSAGE=... among other fields, one a line
	wrapJournalJSON   // {"MESSAGE":"...","__REALTIME_TIMESTAMP":"...", ...}
	wrapList          // [{...},{...}], or an array with an element per line
)

var wrapperNames = [...]string{
	noWrapper: "", wrapBOM: "a byte order mark", wrapDocker: "docker json-file", wrapCRI: "CRI", wrapCompose: "docker-compose",
	wrapKubectl: "kubectl --prefix", wrapSyslog: "syslog", wrapSyslog5424: "syslog (RFC 5424)", wrapTime: "a timestamp in front",
	wrapJournalExport: "journald export", wrapJournalJSON: "journald JSON", wrapList: "a JSON array",
}

func (w wrapper) String() string { return wrapperNames[w] }

// maxWraps is how many wrappers one line may have: kubectl's around CRI's
// around syslog's is the most that somebody has seen.
const maxWraps = 4

// wraps are the wrappers of one line, the outer one first.
type wraps [maxWraps]wrapper

// String names them; a byte order mark on the first line is not worth a word.
func (w wraps) String() string {
	var names []string
	for _, one := range w {
		if one != noWrapper && one != wrapBOM {
			names = append(names, one.String())
		}
	}
	return strings.Join(names, ", then ")
}

// verdict is what became of a line.
type verdict uint8

const (
	bare   verdict = iota // it has no wrapper
	peeled                // what was inside is whole
	part                  // it is the beginning of a line that goes on
	noise                 // it belongs to the wrapper alone
	list                  // it holds several
)

// peeler takes wrappers off lines. It holds the beginnings of lines that were cut
// on their way, and so needs to see a log's lines in order.
type peeler struct {
	text    []byte // what had to be unescaped of this line
	wraps   wraps  // of this line
	journal bool   // the log is one of journald's exports
	held    [2]joint
}

// joint is the beginning of a line that goes on in a later one of its stream.
type joint struct {
	inner, outer []byte
	offset       int64
	cut          bool // it became too long
}

// joins says whether lines may go on in other lines, so that they have to be
// read in order.
func (w wraps) joins() bool {
	for _, one := range w {
		if one == wrapDocker || one == wrapCRI || one == wrapJournalExport {
			return true
		}
	}
	return false
}

// peel takes the wrappers off a line. stream is the one that the line came from,
// where the wrapper says it.
func (p *peeler) peel(line []byte) (inner []byte, stream int, v verdict) {
	p.wraps = wraps{}
	p.text = p.text[:0]
	inner, v = line, bare
	for i := range maxWraps {
		next, w, s, got := p.peelOne(inner)
		if got == bare {
			break
		}
		p.wraps[i], v = w, got
		inner = next
		if w == wrapDocker || w == wrapCRI {
			stream = s
		}
		if got != peeled || len(p.held[s].outer) > 0 && (w == wrapDocker || w == wrapCRI) {
			break // the rest is the middle of something
		}
	}
	return inner, stream, v
}

// peelOne takes one wrapper off.
func (p *peeler) peelOne(b []byte) (inner []byte, w wrapper, stream int, v verdict) {
	if len(b) == 0 {
		return b, noWrapper, 0, bare
	}
	switch c := b[0]; {
	case c == 0xef && bytes.HasPrefix(b, []byte("\ufeff")):
		return b[3:], wrapBOM, 0, peeled
	case c == '{':
		return p.peelObject(b)
	case c == '[':
		return peelBracket(b)
	case c == ']' || c == ',':
		if s := bytes.Trim(b, "], \t"); len(s) == 0 {
			return nil, wrapList, 0, noise
		}
	case c == '<':
		if inner, w := peelPriority(b); w != noWrapper {
			return inner, w, 0, peeled
		}
	case digit(c):
		if inner, w, stream, v = peelTime(b); v != bare {
			return inner, w, stream, v
		}
	case c == 'M' || c == '_' || p.journal && c-'A' <= 25:
		if inner, v = p.peelExport(b); v != bare {
			return inner, wrapJournalExport, 0, v
		}
	}
	if inner := syslogText(b); inner != nil {
		return inner, wrapSyslog, 0, peeled
	}
	if inner := composeText(b); inner != nil {
		return inner, wrapCompose, 0, peeled
	}
	return b, noWrapper, 0, bare
}

// peelObject looks for the log text in a JSON object of docker or journald.
func (p *peeler) peelObject(b []byte) ([]byte, wrapper, int, verdict) {
	if bytes.HasPrefix(b, []byte(`{"records":[{`)) && bytes.HasSuffix(b, []byte("]}")) {
		return b[len(`{"records":`) : len(b)-1], wrapList, 0, list
	}
	if bytes.HasSuffix(b, []byte("},")) {
		return b[:len(b)-1], wrapList, 0, peeled
	}
	if text, stream, ok := dockerText(b); ok {
		text = p.unescape(text)
		if t, ok := bytes.CutSuffix(text, []byte("\n")); ok {
			return t, wrapDocker, stream, peeled
		}
		return text, wrapDocker, stream, part
	}
	if !bytes.Contains(b, []byte(`"__REALTIME_TIMESTAMP"`)) {
		return b, noWrapper, 0, bare
	}
	return p.peelJournal(b)
}

// dockerText finds the text and the stream of a line of docker's json-file. Shippers
// that wrote it anew may have put its fields in another order, with blanks between.
func dockerText(b []byte) (text []byte, stream int, ok bool) {
	if !bytes.Contains(b, []byte(`"log"`)) || !bytes.Contains(b, []byte(`"stream"`)) {
		return nil, 0, false
	}
	stream = -1
	for i := blank(b, 1); i < len(b) && b[i] == '"'; i = blank(b, i+1) {
		n := closingQuote(b[i+1:])
		if n < 0 {
			return nil, 0, false
		}
		name := b[i+1:][:n]
		if i = blank(b, i+n+2); i >= len(b) || b[i] != ':' {
			return nil, 0, false
		}
		from, to, next, ok := value(b, blank(b, i+1))
		if !ok {
			return nil, 0, false
		}
		if b[from-1] == '"' {
			switch v := b[from:to:to]; {
			case string(name) == "log":
				text = v
			case string(name) != "stream":
			case string(v) == "stdout":
				stream = 0
			case string(v) == "stderr":
				stream = 1
			}
		}
		if text != nil && stream >= 0 {
			return text, stream, true
		}
		if i = blank(b, next); i >= len(b) || b[i] != ',' {
			break
		}
	}
	return nil, 0, false
}

// peelJournal finds MESSAGE on a line of journalctl -o json.
func (p *peeler) peelJournal(b []byte) ([]byte, wrapper, int, verdict) {
	const key = `"MESSAGE"`
	i := bytes.Index(b, []byte(key))
	if i < 0 || i > 0 && b[i-1] == '\\' {
		return nil, wrapJournalJSON, 0, noise
	}
	if i = blank(b, i+len(key)); i >= len(b) || b[i] != ':' {
		return nil, wrapJournalJSON, 0, noise
	}
	i = blank(b, i+1)
	switch {
	case i < len(b) && b[i] == '"':
		n := closingQuote(b[i+1:])
		if n < 0 {
			return b, noWrapper, 0, bare
		}
		return p.unescape(b[i+1:][:n]), wrapJournalJSON, 0, peeled
	case i < len(b) && b[i] == '[': // bytes that are not UTF-8, as numbers
		from := len(p.text)
		for i++; i < len(b) && b[i] != ']'; i++ {
			n, c := 0, 0
			for i+n < len(b) && n < 3 && digit(b[i+n]) {
				c = c*10 + int(b[i+n]-'0')
				n++
			}
			if n == 0 || c > 255 {
				return b, noWrapper, 0, bare
			}
			p.text = append(p.text, byte(c))
			if i += n; i < len(b) && b[i] == ']' {
				break
			}
		}
		return p.text[from:], wrapJournalJSON, 0, peeled
	}
	return nil, wrapJournalJSON, 0, noise
}

// unescape undoes the escapes of a JSON string.
func (p *peeler) unescape(v []byte) []byte {
	if bytes.IndexByte(v, '\\') < 0 {
		return v
	}
	from := len(p.text)
	p.text = appendUnescaped(p.text, v)
	return p.text[from:]
}

// peelBracket tells kubectl's prefix from an array.
func peelBracket(b []byte) ([]byte, wrapper, int, verdict) {
	if rest, ok := bytes.CutPrefix(b, []byte("[pod/")); ok {
		if i := bytes.Index(rest, []byte("] ")); i > 0 && bytes.IndexByte(rest[:i], ' ') < 0 {
			return rest[i+2:], wrapKubectl, 0, peeled
		}
		return b, noWrapper, 0, bare
	}
	s := bytes.TrimRight(b, " \t,")
	if i := blank(s, 1); i == len(s) {
		return nil, wrapList, 0, noise
	} else if s[i] == '{' && s[len(s)-1] == ']' {
		return s, wrapList, 0, list
	}
	return b, noWrapper, 0, bare
}

// peelPriority reads a line that begins with <134>.
func peelPriority(b []byte) ([]byte, wrapper) {
	n := 1
	for n < len(b) && n < 5 && digit(b[n]) {
		n++
	}
	if n == 1 || n >= len(b) || b[n] != '>' {
		return b, noWrapper
	}
	rest := b[n+1:]
	if len(rest) > 2 && rest[0] == '1' && rest[1] == ' ' {
		if inner := syslog5424(rest[2:]); inner != nil {
			return inner, wrapSyslog5424
		}
	}
	if inner := syslogText(rest); inner != nil {
		return inner, wrapSyslog
	}
	if inner, _, ok := cutTime(rest); ok {
		if text := afterTag(inner, true); text != nil {
			return text, wrapSyslog
		}
	}
	return rest, wrapSyslog
}

// syslog5424 is the message behind the version.
func syslog5424(b []byte) []byte {
	for range 5 { // time, host, application, process, message id
		i := bytes.IndexByte(b, ' ')
		if i <= 0 {
			return nil
		}
		b = b[i+1:]
	}
	if len(b) == 0 {
		return nil
	}
	if b[0] == '-' {
		b = b[1:]
	} else {
		for len(b) > 0 && b[0] == '[' {
			i, quoted := 1, false
			for i < len(b) && (quoted || b[i] != ']') {
				switch {
				case b[i] == '\\' && quoted:
					i++
				case b[i] == '"':
					quoted = !quoted
				}
				i++
			}
			if i >= len(b) {
				return nil
			}
			b = b[i+1:]
		}
	}
	b, ok := bytes.CutPrefix(b, []byte(" "))
	if !ok {
		return nil
	}
	return bytes.TrimPrefix(b, []byte("\ufeff"))
}

// syslogText is the message behind "Jan 15 14:23:31 lb1 haproxy[2213]: ", nil
// when b does not begin so.
func syslogText(b []byte) []byte {
	const stamp = len("Jan 15 14:23:31 ")
	if len(b) <= stamp || monthOf(b[:3]) == 0 || b[3] != ' ' || b[6] != ' ' || b[9] != ':' || b[12] != ':' || b[15] != ' ' ||
		!digit(b[5]) || !digit(b[7]) || !digit(b[14]) {
		return nil
	}
	return afterTag(b[stamp:], false)
}

// afterTag is the message behind "lb1 haproxy[2213]: ", or behind the tag alone
// unless there must be a host.
func afterTag(b []byte, host bool) []byte {
	for i := range 2 {
		j := bytes.IndexByte(b, ' ')
		if j <= 0 {
			return nil
		}
		tag := b[j-1] == ':'
		b = b[j+1:]
		if tag {
			if i == 0 && host {
				return nil
			}
			return b
		}
	}
	return nil
}

// peelTime reads what may follow a time in front of a line: CRI's stream and
// tags, syslog's host and tag, or the line itself.
func peelTime(b []byte) (inner []byte, w wrapper, stream int, v verdict) {
	rest, zoned, ok := cutTime(b)
	if !ok {
		return b, noWrapper, 0, bare
	}
	for i, name := range [...]string{"stdout ", "stderr "} {
		text, ok := bytes.CutPrefix(rest, []byte(name))
		if !ok {
			continue
		}
		tags, text, ok := bytes.Cut(text, []byte(" "))
		if !ok && len(tags) > 1 || len(tags) == 0 {
			break
		}
		switch {
		case tags[0] == 'F' && (len(tags) == 1 || tags[1] == ':'):
			return text, wrapCRI, i, peeled
		case tags[0] == 'P' && (len(tags) == 1 || tags[1] == ':'):
			return text, wrapCRI, i, part
		}
	}
	if text := afterTag(rest, true); text != nil {
		return text, wrapSyslog, 0, peeled
	}
	if !zoned {
		return b, noWrapper, 0, bare
	}
	return rest, wrapTime, 0, peeled
}

// cutTime cuts an RFC 3339 time and its blank off; zoned is false for one
// without its zone.
func cutTime(b []byte) (rest []byte, zoned, ok bool) {
	if len(b) < 21 || b[4] != '-' || b[7] != '-' || b[10] != 'T' || b[13] != ':' || b[16] != ':' {
		return b, false, false
	}
	i := bytes.IndexByte(b[:min(len(b), 40)], ' ')
	if i < 19 {
		return b, false, false
	}
	z := b[i-1]
	return b[i+1:], z == 'Z' || i > 19 && digit(z) && bytes.ContainsAny(b[19:i], "+-"), true
}

// composeText is what stands behind "gateway-1  | ", nil when nothing does.
// docker-compose colours the name when it believes in a terminal.
func composeText(b []byte) []byte {
	b = skipColour(b)
	n := 0
	for n < len(b) && (digit(b[n]) || b[n]-'a' <= 25 || b[n]-'A' <= 25 || b[n] == '-' || b[n] == '_' || b[n] == '.') {
		n++
	}
	m := n
	for m < len(b) && b[m] == ' ' {
		m++
	}
	if n == 0 || m == n || m >= len(b) || b[m] != '|' {
		return nil
	}
	b = skipColour(b[m+1:])
	if len(b) == 0 || b[0] != ' ' {
		return nil
	}
	return b[1:]
}

func skipColour(b []byte) []byte {
	for len(b) > 2 && b[0] == 0x1b && b[1] == '[' {
		i := bytes.IndexByte(b, 'm')
		if i < 0 || i > 12 {
			return b
		}
		b = b[i+1:]
	}
	return b
}

// peelExport reads one line of journalctl -o export: FIELD=value. Of a message
// with bytes that are no text only its length and the bytes follow, which is not
// how access logs look.
func (p *peeler) peelExport(b []byte) ([]byte, verdict) {
	i := bytes.IndexByte(b, '=')
	if i <= 0 {
		return b, bare
	}
	for _, c := range b[:i] {
		if c-'A' > 25 && c != '_' && !digit(c) {
			return b, bare
		}
	}
	name := string(b[:i])
	switch {
	case name == "__CURSOR" || name == "__REALTIME_TIMESTAMP":
		p.journal = true
	case !p.journal && b[0] != '_' && name != "MESSAGE":
		return b, bare
	}
	if name == "MESSAGE" {
		return b[i+1:], peeled
	}
	return b, noise
}

// join adds a part of a line to what is held of its stream.
func (p *peeler) join(stream int, inner, outer []byte, offset int64) {
	j := &p.held[stream]
	if len(j.outer) == 0 {
		j.offset, j.cut = offset, false
	}
	if j.cut = j.cut || len(j.inner)+len(inner) > maxLine; j.cut {
		return
	}
	j.inner = append(j.inner, inner...)
	j.outer = append(append(j.outer, outer...), '\n')
}

// joined is the line that inner is the end of, with what it looks like outside
// and where it begins.
func (p *peeler) joined(stream int, inner, outer []byte, offset int64) (in, out []byte, at int64, cut bool) {
	j := &p.held[stream]
	if len(j.outer) == 0 && !j.cut {
		return inner, outer, offset, false
	}
	p.join(stream, inner, outer, offset)
	in, out, at, cut = j.inner, j.outer, j.offset, j.cut
	if !cut {
		out = out[:len(out)-1]
	}
	j.inner, j.outer, j.cut = j.inner[:0], j.outer[:0], false
	return in, out, at, cut
}

// elements calls do for each object of an array.
func elements(b []byte, do func(element []byte, at int)) bool {
	i := blank(b, 1)
	for i < len(b) && b[i] == '{' {
		end := skipNested(b, i)
		if end == 0 {
			return false
		}
		do(b[i:end], i)
		if i = blank(b, end); i < len(b) && b[i] == ',' {
			i = blank(b, i+1)
			continue
		}
		break
	}
	return i < len(b) && b[i] == ']'
}

// unwrapped is a sample without its wrappers, and which most of the lines had.
func unwrapped(lines [][]byte) ([][]byte, wraps) {
	var p peeler
	count := map[wraps]int{}
	var all [][]byte
	for _, line := range lines {
		if n := len(line); n > 0 && line[n-1] == '\r' {
			line = line[:n-1]
		}
		inner, stream, v := p.peel(line)
		switch v {
		case noise:
			continue
		case part:
			p.join(stream, inner, line, 0)
			continue
		case list:
			elements(inner, func(element []byte, _ int) { all = append(all, bytes.Clone(element)) })
		case bare:
			all = append(all, line)
		case peeled:
			whole, _, _, _ := p.joined(stream, inner, line, 0)
			all = append(all, bytes.Clone(whole))
		}
		count[p.wraps]++
	}
	most, best := wraps{}, 0
	for w, n := range count {
		if n > best || n == best && w.String() < most.String() {
			most, best = w, n
		}
	}
	return all, most
}
