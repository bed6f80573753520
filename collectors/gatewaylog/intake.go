package gatewaylog

import (
	"bytes"
	"errors"
	"fmt"
	"time"

	"tripcurve/internal/incident"
)

// maxLine is where a line is cut, in bytes: nobody's request is longer, and a
// file without newlines must not fill the memory.
const maxLine = 256 << 10

var errTooLong = errors.New("line longer than 256 KiB: cut")

// Intake takes the bytes of one log and gives facts: Decoder and Aggregator
// with the places of the lines kept. It is an io.Writer that never fails.
type Intake struct {
	dec     *Decoder
	agg     *Aggregator
	rec     Record
	since   Instant // what ended before is not counted; Unknown counts everything
	offset  int64   // in the file, of the first byte not written yet
	flushed int64   // offset at the last Flush
	partial []byte  // the last line, without its end so far
	cutting bool    // in the rest of a line that was too long
	peel    peeler  // for lines with something around them
	wrapped bool    // the last line had
	// each, if it is there, takes the lines instead of counting them: r is nil for one
	// that was not understood, and why says why.
	each func(r *Record, line []byte, offset int64, why error)
}

// NewIntake reads lines of format f that stand in origin from byte offset on.
func NewIntake(f *Format, origin incident.Origin, routes *Routes, offset int64) *Intake {
	in := &Intake{dec: NewDecoder(f), agg: NewAggregator(origin, routes), since: Unknown, offset: offset, flushed: offset}
	if f.namesUpstreams() {
		in.agg.upstreams = newUpstreams()
	}
	return in
}

// Since leaves out requests that ended before t (that began before t, where the
// end is unknown).
func (in *Intake) Since(t time.Time) {
	if !t.IsZero() {
		in.since = Instant(t.UnixNano())
	}
}

// Write takes the next bytes. A last line without a newline is held until its
// rest comes, or Close.
func (in *Intake) Write(p []byte) (int, error) {
	n := len(p)
	if len(in.partial) > 0 || in.cutting {
		i := bytes.IndexByte(p, '\n')
		if i < 0 {
			in.hold(p)
			return n, nil
		}
		in.hold(p[:i+1])
		p = p[i+1:]
		if in.cutting {
			in.cutting = false
		} else {
			in.lines(in.partial, in.offset-int64(len(in.partial)))
		}
		in.partial = in.partial[:0]
	}
	if i := bytes.LastIndexByte(p, '\n'); i >= 0 {
		in.lines(p[:i+1], in.offset)
		in.offset += int64(i + 1)
		p = p[i+1:]
	}
	in.hold(p)
	in.agg.lighten()
	return n, nil
}

// hold keeps a part of a line.
func (in *Intake) hold(p []byte) {
	in.offset += int64(len(p))
	if in.cutting {
		return
	}
	in.partial = append(in.partial, p...)
	if len(in.partial) > maxLine+1 {
		in.tooLong(in.partial, in.offset-int64(len(in.partial)))
		in.partial, in.cutting = in.partial[:0], true
	}
}

// Close takes what is held for the last line of a finished file.
func (in *Intake) Close() {
	if len(in.partial) > 0 {
		in.line(in.partial, in.offset-int64(len(in.partial)))
	}
	in.partial, in.cutting = in.partial[:0], false
}

var errTorn = errors.New("cut off: the log was truncated")

// tear takes what is held for the beginning of a line whose end is lost.
func (in *Intake) tear() {
	if len(in.partial) > 0 {
		in.unparsed(in.partial, in.offset-int64(len(in.partial)), errTorn)
	}
	in.partial, in.cutting = in.partial[:0], false
}

// lines takes whole lines, each with its newline.
func (in *Intake) lines(b []byte, offset int64) {
	for len(b) > 0 {
		n := bytes.IndexByte(b, '\n')
		in.line(b[:n], offset)
		b = b[n+1:]
		offset += int64(n + 1)
	}
}

func (in *Intake) line(line []byte, offset int64) {
	if len(line) > maxLine {
		in.tooLong(line, offset)
		return
	}
	if len(line) == 0 || line[0] <= ' ' && len(bytes.TrimSpace(line)) == 0 {
		in.skip()
		return
	}
	if in.wrapped {
		in.unwrap(line, offset, nil)
		return
	}
	if err := in.dec.Decode(line, &in.rec); err != nil {
		in.unwrap(line, offset, err)
		return
	}
	in.count(line, offset)
}

// unwrap takes a line that may have something around it; plain is why it cannot
// be read as it is, nil when nobody tried.
func (in *Intake) unwrap(line []byte, offset int64, plain error) {
	if n := len(line); line[n-1] == '\r' {
		line = line[:n-1]
	}
	inner, stream, v := in.peel.peel(line)
	switch v {
	case noise:
		in.skip()
		return
	case part:
		in.peel.join(stream, inner, line, offset)
		in.skip()
		return
	case list:
		n := 0
		if elements(inner, func(element []byte, at int) { in.element(element, offset+int64(at+(len(line)-len(inner))), &n) }) && n > 0 {
			return
		}
	case peeled:
		whole, outer, at, cut := in.peel.joined(stream, inner, line, offset)
		if cut {
			in.unparsed(outer[:min(len(outer), maxLine)], at, errTooLong)
			in.agg.stats.TooLong++
			return
		}
		err := in.dec.Decode(whole, &in.rec)
		if err == nil {
			in.wrapped = true
			in.count(outer, at)
			return
		}
		if plain == nil {
			plain = in.dec.Decode(line, &in.rec)
		}
		if plain != nil {
			in.unparsed(outer, at, behind(err, in.peel.wraps, line, whole))
			return
		}
	case bare:
	}
	if plain == nil {
		plain = in.dec.Decode(line, &in.rec)
	}
	if plain != nil {
		in.unparsed(line, offset, plain)
		return
	}
	in.wrapped = false
	in.count(line, offset)
}

// element takes one object of an array.
func (in *Intake) element(b []byte, offset int64, n *int) {
	*n++
	if err := in.dec.Decode(b, &in.rec); err != nil {
		in.unparsed(b, offset, err)
		return
	}
	in.count(b, offset)
}

// behind says of an error where it is in the line as it stands in the log.
func behind(err error, w wraps, line, inner []byte) error {
	var bad *LineError
	if !errors.As(err, &bad) {
		return err
	}
	if !bytes.HasSuffix(line, inner) {
		return fmt.Errorf("inside %v: %w", w, err)
	}
	moved := *bad
	moved.Column += len(line) - len(inner)
	return &moved
}

// unparsed takes a line that does not fit.
func (in *Intake) unparsed(line []byte, offset int64, why error) {
	if in.each != nil {
		in.each(nil, line, offset, why)
		return
	}
	in.agg.AddUnparsed(line, offset, why)
}

// count takes the record that was read from a line.
func (in *Intake) count(line []byte, offset int64) {
	if in.each != nil {
		in.each(&in.rec, line, offset, nil)
		return
	}
	if in.since != Unknown && in.rec.latest() < in.since {
		in.skip()
		return
	}
	if in.rec.Twice {
		in.agg.stats.Twice++
	}
	if len(in.rec.Flags) > 0 && injected(in.rec.Flags) {
		in.agg.stats.Injected++
	}
	in.agg.Add(&in.rec, line, offset)
}

// latest is the end of the request, or its start where that is all we know.
func (r *Record) latest() Instant {
	if r.End.Known() {
		return r.End
	}
	return r.Start
}

func (in *Intake) skip() {
	in.agg.stats.Lines++
	in.agg.stats.Skipped++
}

func (in *Intake) tooLong(line []byte, offset int64) {
	in.unparsed(line[:maxLine], offset, errTooLong)
	in.agg.stats.TooLong++
}

// Offset is the place in the file behind the last whole line.
func (in *Intake) Offset() int64 { return in.offset - int64(len(in.partial)) }

// Stats count what was read so far.
func (in *Intake) Stats() Stats {
	s := in.agg.Stats()
	s.Bytes = in.offset
	return s
}

// Flush hands out what was counted since the last Flush.
func (in *Intake) Flush() []incident.Fact {
	from, to := in.flushed, in.Offset()
	in.flushed = to
	return in.agg.Flush(from, to)
}
