package gatewaylog

import (
	"bytes"
	"time"
)

// Decoder turns lines of one format into records. It keeps what makes the next
// line cheap, so each goroutine needs its own.
type Decoder struct {
	format  *Format
	clock   clock
	at      Instant // as stamped on this line
	grade   int     // of the field that gave at
	step    time.Duration
	scratch []byte // what had to be unescaped on this line
	keys    keyMemo
}

// NewDecoder makes a decoder of f.
func NewDecoder(f *Format) *Decoder {
	d := &Decoder{format: f}
	// A clock that never saw a second must not know the second of 26 NULs.
	d.clock.clf, d.clock.clfAt = packCLF([]byte("01/Jan/1990:00:00:00 +0000")), minInstant
	d.clock.iso, d.clock.isoAt = packISO([]byte("1990-01-01T00:00:00")), minInstant
	return d
}

// Format is what the decoder reads.
func (d *Decoder) Format() *Format { return d.format }

// Decode reads one line without its newline. A line that does not fit gives a
// *LineError and leaves r without meaning. Where formats of one family are
// mixed in a log, the relatives are tried before giving up.
func (d *Decoder) Decode(line []byte, r *Record) error {
	if n := len(line); n > 0 && line[n-1] == '\r' {
		line = line[:n-1]
	}
	err := d.decode(d.format, line, r)
	if err == nil {
		return nil
	}
	for _, f := range d.format.relatives {
		if d.decode(f, line, r) == nil {
			return nil
		}
	}
	return err
}

func (d *Decoder) decode(f *Format, line []byte, r *Record) error {
	r.reset()
	d.at, d.grade, d.scratch = Unknown, 0, d.scratch[:0]
	var err error
	if f.program != nil {
		err = f.program.run(d, line, r)
	} else {
		err = f.object.run(d, line, r)
	}
	if err != nil {
		return err
	}
	if d.at == Unknown {
		return lineError(line, 0, "a line with a time")
	}
	d.finish(f, r)
	return nil
}

// finish computes what follows from the fields.
func (d *Decoder) finish(f *Format, r *Record) {
	r.Resolution = d.step
	if f.stamp == stampEnd {
		r.End = d.at
		if r.Took >= 0 {
			r.Start = r.End - Instant(r.Took)
		}
	} else {
		r.Start = d.at
		if r.Took >= 0 {
			r.End = r.Start + Instant(r.Took)
		}
	}
	if r.Target != nil {
		r.Path = pathOf(r.Target)
	}
	r.Outcome = outcomeOf(r, f.Family == "nginx")
}

// setTime takes an instant; of several on a line the finest counts.
func (d *Decoder) setTime(s *spec, v []byte) bool {
	var at Instant
	var ok bool
	step := time.Millisecond
	switch s.time {
	case clfTime:
		at, ok = d.clock.parseCLF(v)
		step = time.Second
	case isoTime:
		at, ok = d.clock.parseISO(v)
		if len(v) > 19 && v[19] != '.' {
			step = time.Second
		}
	case unixTime:
		at, ok = parseUnix(v, s.unit)
	default:
		return false
	}
	if ok {
		d.stamp(s, at, step)
	}
	return ok
}

func (d *Decoder) stamp(s *spec, at Instant, step time.Duration) {
	if d.at == Unknown || s.grade > d.grade {
		d.at, d.grade, d.step = at, s.grade, step
	}
}

// pathOf cuts the query off a target, and scheme and host of an absolute one.
func pathOf(target []byte) []byte {
	if target[0] != '/' {
		if i := bytes.Index(target, []byte("://")); i > 0 && i < 12 {
			target = target[i+3:]
			j := bytes.IndexByte(target, '/')
			if j < 0 {
				return []byte("/")
			}
			target = target[j:]
		}
	}
	if i := bytes.IndexByte(target, '?'); i >= 0 {
		target = target[:i]
	}
	return target
}

// unescaped undoes \xXX, \uXXXX and the other escapes of nginx and JSON. Without
// a backslash, the rule, it is v itself.
func (d *Decoder) unescaped(v []byte) []byte {
	if bytes.IndexByte(v, '\\') < 0 {
		return v
	}
	from := len(d.scratch)
	for i := 0; i < len(v); {
		c, n := unescape(v[i:])
		d.scratch = append(d.scratch, c...)
		i += n
	}
	return d.scratch[from:len(d.scratch):len(d.scratch)]
}
