package gatewaylog

import (
	"bytes"
	"encoding/binary"
	"math/bits"
	"time"
)

// Most lines of most logs are alike: a request line in order, one try, durations
// below ten seconds, a literal of a few bytes between two values. runFast reads such
// a line in one go. Whatever is different it leaves to run, which reads it from the
// beginning, so that it need not know what else there can be; a fuzz test holds the
// two against each other.

// planFast says whether all values of the program have a usual way, and only one of
// them is a time.
func (p *program) planFast() {
	times := 0
	for i := range p.ops {
		o := &p.ops[i]
		if o.usual == usualNone || len(o.lit) > 8 {
			return
		}
		if o.usual == usualCLF {
			times++
		}
	}
	p.fast = times == 1 && p.tail == len(p.ops)
}

// Eight bytes at a time: each byte of ones is 1, of highs 128.
const (
	ones  = 0x0101010101010101
	highs = 0x8080808080808080
)

// zeros marks the bytes of x that are zero, in their highest bits; the lowest mark is
// right, those above it may be marks of a byte that is one.
func zeros(x uint64) uint64 { return (x - ones) &^ x & highs }

// runFast reads a usual line whole. Where it says no, r is without meaning.
func (p *program) runFast(d *Decoder, line []byte, r *Record) bool {
	if len(line) < len(p.head) || string(line[:len(p.head)]) != p.head {
		return false
	}
	if r.by != d {
		r.reset()
	}
	r.by = nil
	pos := len(p.head) // an index costs less than a slice that is cut again and again
	for i := range p.ops {
		o := &p.ops[i]
		switch o.usual {
		case usualSkip:
			n := indexShort(line, pos, o.lit[0])
			if n < 0 {
				return false
			}
			pos = n
		case usualSkipQuoted:
			n := bytes.IndexByte(line[pos:], '"')
			if n < 0 {
				return false
			}
			pos += n
		case usualCLF:
			if len(line)-pos < 26 || packCLF(line[pos:]) != d.clock.clf {
				return false
			}
			pos += 26
		case usualStatus, usualTry:
			status := hundreds(line[pos:])
			if status == 0 {
				return false
			}
			pos += 3
			switch {
			case o.usual == usualStatus:
				r.Status = status
			case o.stop == toEnd && len(line) != pos, o.stop != toEnd && len(line) > pos+1 && line[pos+1] == ':':
				return false
			default:
				r.UpstreamStatus, r.Tries = status, 1
			}
		case usualTook, usualUpstreamTook:
			took, n := shortSeconds(line[pos:])
			if n == 0 {
				took, n = leadingSeconds(line[pos:])
			}
			if pos += n; n == 0 || pos+1 < len(line) && line[pos+1] == ':' {
				return false
			}
			if o.usual == usualTook {
				r.Took = took
			} else {
				r.UpstreamTook, r.Tries = took, 1
			}
		case usualRequest:
			n := bytes.IndexByte(line[pos:], '"')
			if n < 0 || !r.fastRequest(line[pos:pos+n]) {
				return false
			}
			pos += n
		case usualAddr:
			n := indexShort(line, pos, ' ')
			if n < pos+2 || line[n-1] == ',' || n+1 < len(line) && line[n+1] == ':' {
				return false
			}
			r.Upstream, r.Tries = line[pos:n], 1
			pos = n
		default:
			return false
		}
		if len(line)-pos >= 8 {
			if binary.LittleEndian.Uint64(line[pos:])&o.mask != o.head {
				return false
			}
		} else if !o.hasLiteral(line[pos:]) {
			return false
		}
		pos += len(o.lit)
	}
	r.by = d
	return pos == len(line)
}

// indexShort is where c stands in b behind from, -1 when it does not; it is quick for a
// place that is near.
func indexShort(b []byte, from int, c byte) int {
	pattern := uint64(c) * ones
	for at := from; at <= from+near && len(b)-at >= 8; at += 8 {
		if z := zeros(binary.LittleEndian.Uint64(b[at:]) ^ pattern); z != 0 {
			return at + bits.TrailingZeros64(z)>>3
		}
	}
	if n := bytes.IndexByte(b[from:], c); n >= 0 {
		return from + n
	}
	return -1
}

// finishFast computes what follows from the fields of a line that runFast read.
func (d *Decoder) finishFast(f *Format, r *Record) {
	r.Resolution = time.Second
	at := Instant(d.clock.clfAt)
	r.Start, r.End = Unknown, Unknown
	if f.stamp == stampEnd {
		r.End = at
		if r.Took >= 0 {
			r.Start = at - Instant(r.Took)
		}
	} else {
		r.Start = at
		if r.Took >= 0 {
			r.End = at + Instant(r.Took)
		}
	}
	r.Outcome = outcomeOf(r, f.outcomes)
}

// fastRequest takes a request line apart that has a method, a path without escapes,
// and a protocol.
func (r *Record) fastRequest(v []byte) bool {
	const protocol = len(" HTTP/1.1")
	end := len(v) - protocol
	if end < 8 {
		return false
	}
	if last := binary.LittleEndian.Uint64(v[end:]); last&(1<<48-1) != ' '|'H'<<8|'T'<<16|'T'<<24|'P'<<32|'/'<<40 {
		return false
	}
	i := 0
	switch first := binary.LittleEndian.Uint64(v); {
	case first&(1<<32-1) == 'G'|'E'<<8|'T'<<16|' '<<24:
		i = 3
	case first&(1<<40-1) == 'P'|'O'<<8|'S'<<16|'T'<<24|' '<<32:
		i = 4
	default:
		if i = methodEnd(v); i == 0 {
			return false
		}
	}
	if i+1 >= end || v[i+1] != '/' {
		return false
	}
	r.Method, r.Target = v[:i], v[i+1:end]
	r.Path = r.Target
	for at := i + 1; at < end; at += 8 { // behind the target stand nine more bytes
		x := binary.LittleEndian.Uint64(v[at:])
		if zeros(x^'\\'*ones)|zeros(x^'?'*ones) != 0 {
			if bytes.IndexByte(r.Target, '\\') >= 0 {
				return false
			}
			if q := bytes.IndexByte(r.Target, '?'); q >= 0 {
				r.Path = r.Target[:q]
			}
			break
		}
	}
	return true
}

// shortSeconds reads s.mmm with one digit in front at the start of b, and its length;
// 0 when it is not that.
func shortSeconds(b []byte) (time.Duration, int) {
	if len(b) < 8 {
		return 0, 0
	}
	x := binary.LittleEndian.Uint64(b) ^ 0x303030_2e30 // digits become their values, the point 0
	more := x + 0x767676_7f76                          // a digit and 0x76 stay below 0x80, what is more than a digit does not
	if (x|more)&0x808080_8080 != 0 {
		return 0, 0
	}
	ms := x&15*1000 + x>>16&15*100 + x>>24&15*10 + x>>32&15
	return time.Duration(ms) * time.Millisecond, len("s.mmm")
}
