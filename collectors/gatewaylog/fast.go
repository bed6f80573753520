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
	b := line[len(p.head):]
	for i := range p.ops {
		o := &p.ops[i]
		n := 0
		switch o.usual {
		case usualSkip:
			c := uint64(o.lit[0]) * ones
			for {
				if len(b)-n < 8 {
					j := bytes.IndexByte(b[n:], o.lit[0])
					if j < 0 {
						return false
					}
					n += j
					break
				}
				if z := zeros(binary.LittleEndian.Uint64(b[n:]) ^ c); z != 0 {
					n += bits.TrailingZeros64(z) >> 3
					break
				}
				if n += 8; n > near {
					j := bytes.IndexByte(b[n:], o.lit[0])
					if j < 0 {
						return false
					}
					n += j
					break
				}
			}
		case usualSkipQuoted:
			if n = bytes.IndexByte(b, '"'); n < 0 {
				return false
			}
		case usualCLF:
			if n = 26; len(b) < n || packCLF(b) != d.clock.clf {
				return false
			}
		case usualStatus, usualTry:
			status := hundreds(b)
			n = 3
			switch {
			case status == 0:
				return false
			case o.usual == usualStatus:
				r.Status = status
			case o.stop == toEnd && len(b) != n, o.stop != toEnd && len(b) > n+1 && b[n+1] == ':':
				return false
			default:
				r.UpstreamStatus, r.Tries = status, 1
			}
		case usualTook, usualUpstreamTook:
			var took time.Duration
			if took, n = shortSeconds(b); n == 0 {
				took, n = leadingSeconds(b)
			}
			if n == 0 || n+1 < len(b) && b[n+1] == ':' {
				return false
			}
			if o.usual == usualTook {
				r.Took = took
			} else {
				r.UpstreamTook, r.Tries = took, 1
			}
		case usualRequest:
			if n = bytes.IndexByte(b, '"'); n < 0 || !r.fastRequest(b[:n]) {
				return false
			}
		case usualAddr:
			if n = indexNear(b, ' '); n < 2 || b[n-1] == ',' || n+1 < len(b) && b[n+1] == ':' {
				return false
			}
			r.Upstream, r.Tries = b[:n], 1
		default:
			return false
		}
		b = b[n:]
		if len(b) >= 8 {
			if binary.LittleEndian.Uint64(b)&o.mask != o.head {
				return false
			}
		} else if !o.hasLiteral(b) {
			return false
		}
		b = b[len(o.lit):]
	}
	r.by = d
	return len(b) == 0
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
