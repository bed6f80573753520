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

	grpcWord []byte // the last name of a gRPC status
	grpcCode int

	timing // of formats that say more about time than one stamp

	sighted func(v []byte) // is shown durations of no unit; nil when nobody asks

	place int               // of the next key on a line of JSON
	seen  uint64            // which required keys it has had
	odds  bool              // it has what the scanner does not read as encoding/json does
	ranks [fieldCount]uint8 // of the aliases that gave the fields
}

// timing is what lines of most formats do not say.
type timing struct {
	begin, close Instant // as stamped apart
	parted       bool    // a part of the duration is missing
	wall         int64   // time in pieces: as if in UTC, nanoseconds
	fraction     int64   // of a second, to be added
	offset       int64   // of the zone
	hasWall      bool
	hasZone      bool
	twice        bool // the clocks of the zone showed the time twice
}

// untimed is timing before a line.
var untimed = timing{begin: Unknown, close: Unknown}

// NewDecoder makes a decoder of f.
func NewDecoder(f *Format) *Decoder {
	d := &Decoder{format: f}
	// A clock that never saw a second must not know the second of 26 NULs.
	d.clock.clf, d.clock.clfAt = packCLF([]byte("01/Jan/1990:00:00:00 +0000")), minInstant
	d.clock.iso, d.clock.isoAt = packISO([]byte("1990-01-01T00:00:00")), minInstant
	d.clock.zone = f.zone
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
	if p := d.format.program; p != nil && p.fast != nil && !d.format.oddTimes && p.runFast(d, line, r) {
		d.finishFast(d.format, r)
		return nil
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

// reset forgets the line before.
func (d *Decoder) reset(f *Format, r *Record) {
	r.reset()
	d.at, d.grade, d.scratch = Unknown, 0, d.scratch[:0]
	if f.oddTimes {
		d.timing, d.step = untimed, 0
	}
}

func (d *Decoder) decode(f *Format, line []byte, r *Record) error {
	d.reset(f, r)
	var err error
	if f.program != nil {
		err = f.program.run(d, line, r)
	} else {
		err = f.object.run(d, f, line, r)
	}
	if err != nil {
		return err
	}
	if f.oddTimes && !d.settle(r) {
		return lineError(line, 0, "an end that is not before the start")
	}
	if d.at == Unknown && r.End == Unknown && r.Start == Unknown {
		return lineError(line, 0, "a line with a time")
	}
	d.finish(f, r)
	return nil
}

// settle makes instants of what the line says about time beyond one stamp.
func (d *Decoder) settle(r *Record) bool {
	if d.hasWall {
		at := d.wall - d.offset
		if !d.hasZone {
			at, r.Twice = inZone(d.wall, d.clock.zone)
		}
		d.at = Instant(at + d.fraction)
	} else if d.at.Known() && d.at%Instant(time.Second) == 0 { // HAProxy's %Ts and %ms
		d.at += Instant(d.fraction)
	}
	r.Twice = r.Twice || d.twice
	r.Start, r.End = d.begin, d.close
	if !d.begin.Known() || !d.close.Known() {
		return true
	}
	r.Took = time.Duration(d.close - d.begin)
	return r.Took >= 0 && r.Took <= maxTook
}

// finish computes what follows from the fields.
func (d *Decoder) finish(f *Format, r *Record) {
	r.Resolution = d.step
	switch {
	case r.Start.Known() && r.End.Known(): // stamped apart
	case r.End.Known():
		if r.Took >= 0 {
			r.Start = r.End - Instant(r.Took)
		}
	case r.Start.Known():
		if r.Took >= 0 {
			r.End = r.Start + Instant(r.Took)
		}
	case f.stamp == stampEnd:
		r.End = d.at
		if r.Took >= 0 {
			r.Start = r.End - Instant(r.Took)
		}
	default:
		r.Start = d.at
		if r.Took >= 0 {
			r.End = r.Start + Instant(r.Took)
		}
	}
	if r.Target != nil {
		r.Path = pathOf(r.Target)
	}
	if r.Method == nil && len(r.Route) > 0 { // API Gateway's "GET /orders/{id}"
		if i := bytes.IndexByte(r.Route, ' '); i > 0 && token(r.Route[:i]) {
			r.Method = r.Route[:i]
		}
	}
	r.Outcome = outcomeOf(r, f.outcomes)
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
	case bracketTime:
		if len(v) == 28 && v[0] == '[' && v[27] == ']' {
			at, ok = d.clock.parseCLF(v[1:27])
		}
		step = time.Second
	case isoTime:
		at, ok = d.clock.parseISO(v)
		if len(v) > 19 && v[19] != '.' {
			step = time.Second
		}
	case unixTime:
		at, ok = parseUnix(v, s.unit)
		step = min(step, s.unit)
	case anyTime:
		at, step, ok = d.clock.parseAny(v)
	case wallTime:
		at, d.twice, ok = d.clock.parseWall(v)
	case pieceTime:
		return d.setPieces(s.pieces, v)
	default:
		return false
	}
	switch {
	case !ok:
	case s.field == beginField:
		d.begin, d.step = at, max(d.step, step)
	case s.field == closeField:
		d.close, d.step = at, max(d.step, step)
	default:
		d.stamp(s, at, step)
	}
	return ok
}

func (d *Decoder) setPieces(f *strftime, v []byte) bool {
	wall, offset, ok := f.read(v)
	d.wall, d.hasWall = wall, ok
	if f.zoned {
		d.offset, d.hasZone = offset, ok
	}
	d.step = max(d.step, time.Second)
	if d.fraction != 0 {
		d.step = time.Millisecond
	}
	return ok
}

// setFraction reads what a time in pieces has behind its second.
func (d *Decoder) setFraction(s *spec, v []byte) bool {
	if len(v) != s.width || !number(v) {
		return false
	}
	scale := int64(time.Second)
	d.fraction = 0
	for _, c := range v {
		scale /= 10
		d.fraction += int64(c-'0') * scale
	}
	d.step = time.Duration(scale)
	return true
}

func (d *Decoder) setZone(v []byte) (ok bool) {
	d.offset, ok = zoneOffset(v, false)
	d.hasZone = ok
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
	d.scratch = appendUnescaped(d.scratch, v)
	return d.scratch[from:len(d.scratch):len(d.scratch)]
}
