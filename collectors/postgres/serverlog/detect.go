package serverlog

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"time"

	"tripcurve/collectors/logfile"
)

// SampleHead is how much of a log is looked at to tell its format, in bytes.
const SampleHead = 64 << 10

// Format is a way in which the server writes its log.
type Format uint8

const (
	CSV    Format = iota // log_destination = csvlog
	JSON                 // jsonlog, since 15
	Stderr               // stderr, with log_line_prefix
)

func (f Format) String() string { return [...]string{"csvlog", "jsonlog", "stderr"}[f] }

// Detection is which format a log is of, and why.
type Detection struct {
	Format Format
	Reason string // in words
	prefix *prefix
}

// ErrUnknownFormat says that a text is no server log that we know.
var ErrUnknownFormat = errors.New("neither csvlog nor jsonlog, and no line begins with a known log_line_prefix")

// Sniff tells the format of a log by its first bytes, at most SampleHead of them,
// compressed or not. prefix is log_line_prefix; empty tries the usual ones.
func Sniff(head []byte, prefix string) (Detection, error) {
	text, done, err := logfile.Text(bufio.NewReader(bytes.NewReader(head)))
	if err != nil {
		return Detection{}, err
	}
	defer done()
	plain := make([]byte, SampleHead)
	n, err := io.ReadFull(text, plain) // a head of an archive ends in the middle of it
	if n == 0 && err != nil && !errors.Is(err, io.EOF) {
		return Detection{}, err
	}
	return detect(plain[:n], Options{Prefix: prefix})
}

// detect tells the format by the beginning of a log.
func detect(head []byte, opt Options) (Detection, error) {
	sample := sampleLines(head)
	if n := fitting(head, &jsonDecoder{loc: time.UTC}); n.fit > 0 && n.fit >= n.not && len(sample) > 0 && looksJSON(sample[0]) {
		return Detection{Format: JSON, Reason: fmt.Sprintf("jsonlog: %d of the first %d lines are", n.fit, n.fit+n.not)}, nil
	}
	if n := fitting(head, &csvDecoder{loc: time.UTC}); n.fit > 0 && n.fit >= n.not {
		return Detection{Format: CSV, Reason: fmt.Sprintf("csvlog: %d of the first %d records are", n.fit, n.fit+n.not)}, nil
	}
	candidates, given := usualPrefixes, opt.Prefix != ""
	if given {
		candidates = []string{opt.Prefix}
	}
	var best Detection
	most, sessions := 0, 0
	for _, text := range candidates {
		p, err := readPrefix(text, opt.Zone)
		if err != nil {
			return Detection{}, err
		}
		fit, named, all := p.fitting(sample)
		// Of several that fit as well, the one that reads more out of sessions' lines.
		better := fit > most || fit == most && (named > sessions || named == sessions && named > 0 && len(text) > len(best.prefix.text))
		if fit > 0 && better && 2*fit >= all {
			most, sessions = fit, named
			how := "found by trying the usual ones"
			if given {
				how = "given"
			}
			best = Detection{
				Format: Stderr, prefix: p,
				Reason: fmt.Sprintf("stderr with log_line_prefix '%s' (%s): %d of the first %d lines fit", text, how, fit, all),
			}
		}
	}
	if most > 0 {
		return best, nil
	}
	first := ""
	if len(sample) > 0 {
		first = fmt.Sprintf(": line 1 begins %q", clip(string(sample[0]), 60))
	}
	if given {
		return best, fmt.Errorf("%w (given: '%s')%s", ErrUnknownFormat, opt.Prefix, first)
	}
	return best, fmt.Errorf("%w%s", ErrUnknownFormat, first)
}

// sampleLines are the lines of a head; one that is cut off counts when it is the
// only one.
func sampleLines(head []byte) [][]byte {
	all := bytes.Split(head, []byte("\n"))
	if len(all) > 1 {
		all = all[:len(all)-1]
	}
	var kept [][]byte
	for _, line := range all {
		if line = trimmed(line); len(line) > 0 && line[0] != '\t' {
			kept = append(kept, line)
		}
	}
	return kept
}

// tally counts what a decoder makes of a head.
type tally struct{ fit, not int }

func (t *tally) entry(*entry)                        { t.fit++ }
func (t *tally) unparsed([]byte, place, int, string) { t.not++ }

// fitting counts the entries in a head; its last line may be cut off and is left
// out when it is not the only one.
func fitting(head []byte, d decoder) tally {
	var t tally
	switch d := d.(type) {
	case *jsonDecoder:
		d.to = &t
	case *csvDecoder:
		d.to = &t
	}
	l := lines{to: d}
	if i := bytes.LastIndexByte(head, '\n'); i >= 0 {
		_, _ = l.Write(head[:i+1]) // never fails
		return t
	}
	_, _ = l.Write(head)
	l.close()
	return t
}

// fitting counts the lines that begin with the prefix and a severity of the
// server, and those of them that have what stands behind %q.
func (p *prefix) fitting(sample [][]byte) (fit, named, all int) {
	const most = 200
	asUTC := *p
	if asUTC.loc == nil {
		asUTC.loc = time.UTC // which zone it is matters later
	}
	for _, line := range sample[:min(len(sample), most)] {
		all++
		var e entry
		if _, err := asUTC.read(line, &e); err == nil && known[e.severity] {
			fit++
			if p.short != nil && p.whole.Match(line[:min(len(line), maxPrefixed)]) {
				named++
			}
		}
	}
	return fit, named, all
}

var known = map[string]bool{
	"DEBUG": true, "LOG": true, "INFO": true, "NOTICE": true, "WARNING": true, "ERROR": true, "FATAL": true, "PANIC": true,
	"DETAIL": true, "HINT": true, "QUERY": true, "CONTEXT": true, "STATEMENT": true, "LOCATION": true, "BACKTRACE": true,
}

// decoder reads the format.
func (d Detection) decoder(to sink, zone *time.Location) decoder {
	switch d.Format {
	case CSV:
		return &csvDecoder{to: to, loc: zone}
	case JSON:
		return &jsonDecoder{to: to, loc: zone}
	default:
		return &stderrDecoder{to: to, prefix: d.prefix}
	}
}
