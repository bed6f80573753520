package gatewaylog

import (
	"bytes"
	"encoding/binary"
	"time"
)

// Most lines of most logs are alike: a request line in order, one try, durations
// below ten seconds, a literal of a few bytes between two values. runFast reads such
// a line in one go. Whatever is different it leaves to run, which reads it from the
// beginning, so that it need not know what else there can be; a fuzz test holds the
// two against each other.

// step is what runFast needs of an op.
type step struct {
	usual   usual
	last    bool   // the value ends the line
	n       int    // length of the literal
	head    uint64 // the literal, little endian, and which bytes of it count
	mask    uint64
	pattern uint64 // its first byte, eight times

	// Where a value that nobody wants is followed by another one, that is a dash in most
	// lines: both literals with the dash between them, and how many bytes that are; none
	// where they are more than eight.
	dash, dashMask uint64
	dashed         int
}

// planFast makes the steps, if all values of the program have a usual way, and only one
// of them is a time.
func (p *program) planFast() {
	times := 0
	steps := make([]step, 0, len(p.ops))
	for i := range p.ops {
		o := &p.ops[i]
		if o.usual == usualNone || len(o.lit) > 8 {
			return
		}
		if o.usual == usualCLF {
			times++
		}
		steps = append(steps, step{
			usual: o.usual, last: o.stop == toEnd, n: len(o.lit), head: o.head, mask: o.mask, pattern: every(byte(o.head)),
		})
	}
	if times != 1 || p.tail != len(p.ops) {
		return
	}
	for i := range len(steps) - 1 {
		steps[i].fuse(&steps[i+1])
	}
	p.fast = steps
}

// fuse prepares a step for a dash in the next one.
func (s *step) fuse(next *step) {
	if n := s.n + 1 + next.n; s.usual == usualSkip && next.usual == usualSkip && n <= 8 && byte(next.head) != '-' {
		s.dash = s.head | uint64('-')<<(8*s.n) | next.head<<(8*s.n+8)
		s.dashMask = 1<<(8*n) - 1
		s.dashed = n
	}
}

// runFast reads a usual line whole. Where it says no, r is without meaning.
func (p *program) runFast(d *Decoder, line []byte, r *Record) bool {
	if p.head != "" && (len(line) < len(p.head) || string(line[:len(p.head)]) != p.head) {
		return false
	}
	if r.by != d {
		r.reset()
		r.by = d
	}
	pos := len(p.head) // an index costs less than a slice that is cut again and again
	steps := p.fast
	for i := 0; i < len(steps); i++ {
		o := &steps[i]
		switch o.usual {
		case usualSkip:
			n := indexFrom(line, pos, o.pattern)
			if n < 0 {
				return false
			}
			pos = n
			if o.dashed > 0 && len(line)-pos >= 8 && binary.LittleEndian.Uint64(line[pos:])&o.dashMask == o.dash {
				pos += o.dashed
				i++
				continue
			}
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
			case o.last && len(line) != pos, !o.last && len(line) > pos+1 && line[pos+1] == ':':
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
			n := indexFrom(line, pos, o.pattern)
			if n < pos+2 || line[n-1] == ',' || n+1 < len(line) && line[n+1] == ':' {
				return false
			}
			r.Upstream, r.Tries = line[pos:n], 1
			pos = n
		default:
			return false
		}
		switch left := len(line) - pos; {
		case left >= 8:
			if binary.LittleEndian.Uint64(line[pos:])&o.mask != o.head {
				return false
			}
		case left < o.n:
			return false
		default:
			for j := range o.n {
				if line[pos+j] != byte(o.head>>(8*j)) {
					return false
				}
			}
		}
		pos += o.n
	}
	return pos == len(line)
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
		if zeros(x^every('\\'))|zeros(x^every('?')) != 0 {
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
