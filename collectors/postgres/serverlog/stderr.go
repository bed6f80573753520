package serverlog

import (
	"regexp"
	"strings"
	"sync"
)

// stderrDecoder reads a stderr log: each line begins with log_line_prefix and a
// severity; lines that begin with a tab go on, and DETAIL, CONTEXT, STATEMENT and
// their like are lines of their own that belong to the message before. A server
// writes an entry at once, so entries of several processes do not mix.
type stderrDecoder struct {
	to     sink
	prefix *prefix

	held *heldEntry       // the last entry, that may go on
	part *strings.Builder // of it, which the last line belongs to; nil when that was not understood
}

// heldEntry is an entry whose parts are still coming.
type heldEntry struct {
	entry
	rawText                             strings.Builder
	messageText, detailText             strings.Builder
	contextText, statementText, dropped strings.Builder
}

// parts are the severities of the lines that belong to the message before.
var parts = map[string]func(*heldEntry) *strings.Builder{
	"DETAIL":    func(h *heldEntry) *strings.Builder { return &h.detailText },
	"CONTEXT":   func(h *heldEntry) *strings.Builder { return &h.contextText },
	"STATEMENT": func(h *heldEntry) *strings.Builder { return &h.statementText },
	"HINT":      func(h *heldEntry) *strings.Builder { return &h.dropped },
	"QUERY":     func(h *heldEntry) *strings.Builder { return &h.dropped },
	"LOCATION":  func(h *heldEntry) *strings.Builder { return &h.dropped },
	"BACKTRACE": func(h *heldEntry) *strings.Builder { return &h.dropped },
}

func (d *stderrDecoder) line(line []byte, p place, _ bool) {
	if len(line) > 0 && line[0] == '\t' && d.part != nil {
		d.add(line, p, "\n"+string(line[1:]))
		return
	}
	if len(line) == 0 {
		if d.part != nil { // an empty line of a statement has no tab in some versions
			d.add(line, p, "\n")
		}
		return
	}
	var e entry
	text, err := d.prefix.read(line, &e)
	if err != nil {
		d.to.unparsed(line, p, 1, err.Error())
		d.part = nil
		return
	}
	part, secondary := parts[e.severity]
	switch {
	case !secondary:
		d.close()
		d.held = &heldEntry{entry: e}
		d.held.offset, d.held.line = p.offset, p.line
		d.part = &d.held.messageText
	case d.held != nil && d.held.pid == e.pid:
		d.part = part(d.held)
	default:
		d.to.unparsed(line, p, 1, e.severity+" without the message it belongs to")
		d.part = nil
		return
	}
	d.add(line, p, string(text))
}

// add goes on with the part that the last line began.
func (d *stderrDecoder) add(line []byte, p place, text string) {
	h := d.held
	h.length = p.offset + p.length - h.offset
	if room := maxRecord - d.part.Len(); room > 0 {
		d.part.WriteString(clip(text, room))
	}
	if room := maxRaw - h.rawText.Len(); room > 0 {
		if h.rawText.Len() > 0 {
			h.rawText.WriteByte('\n')
		}
		h.rawText.Write(line[:min(len(line), room)])
	}
}

var atCharacter = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(` at character \d+$`) })

func (d *stderrDecoder) close() {
	h := d.held
	if h == nil {
		return
	}
	h.message, h.detail = h.messageText.String(), h.detailText.String()
	h.context, h.statement, h.raw = h.contextText.String(), h.statementText.String(), h.rawText.String()
	if tail := max(0, len(h.message)-40); atCharacter().MatchString(h.message[tail:]) { // csvlog has a column for it
		h.message = h.message[:strings.LastIndex(h.message, " at character ")]
	}
	d.held, d.part = nil, nil
	d.to.entry(&h.entry)
}
