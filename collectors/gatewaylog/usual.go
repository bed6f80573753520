package gatewaylog

import (
	"bytes"
	"time"
)

// usual is how a value is read when its line is like most lines: found, checked
// and stored in one step.
type usual uint8

const (
	usualNone usual = iota
	usualSkip       // nobody wants it; the literal is near
	usualSkipQuoted
	usualCLF // the second of the line before
	usualStatus
	usualTook
	usualUpstreamTook // one try
	usualRequest      // in quotes
	usualAddr         // one try
	usualTry          // the status of one try
)

// planUsual chooses the usual way for an op whose long way is planned.
func (o *op) planUsual() usual {
	blank := o.lit != "" && o.lit[0] == ' '
	switch {
	case o.field == skipField && o.stop == toQuote:
		return usualSkipQuoted
	case o.field == skipField && (o.stop == toByte || o.stop == toLiteral) && (blank || !o.word):
		return usualSkip
	case o.field == atField && o.time == clfTime && o.stop == toWidth:
		return usualCLF
	case o.field == statusField && o.stop == toWidth:
		return usualStatus
	case o.field == tookField && o.stop == toTry:
		return usualTook
	case o.field == upstreamTookField && o.stop == toTry:
		return usualUpstreamTook
	case o.field == requestField && o.stop == toQuote:
		return usualRequest
	case o.field == upstreamAddrField && o.stop == toList && blank:
		return usualAddr
	case o.field == upstreamStatusField && (o.stop == toEnd || o.stop == toList && blank):
		return usualTry
	}
	return usualNone
}

// runUsual reads values from the i-th on, which begins at pos, and answers where
// it did not go on: that value takes the long way. It never reads one in another
// way than the long one would.
func (p *program) runUsual(d *Decoder, line []byte, r *Record, i, pos, to int) (int, int) {
	for ; i < to; i++ {
		o := &p.ops[i]
		b := line[pos:]
		n := 0
		switch o.usual {
		case usualSkip:
			if n = indexNear(b, o.lit[0]); n < 0 || !o.hasLiteral(b[n:]) {
				return i, pos
			}
		case usualSkipQuoted:
			if n = bytes.IndexByte(b, '"'); n < 0 || !o.hasLiteral(b[n:]) {
				return i, pos
			}
		case usualCLF:
			if n = 26; len(b) < n || packCLF(b) != d.clock.clf || !o.hasLiteral(b[n:]) {
				return i, pos
			}
			d.stamp(&o.spec, Instant(d.clock.clfAt), time.Second)
		case usualStatus:
			status := hundreds(b)
			if n = 3; status == 0 || !o.hasLiteral(b[n:]) {
				return i, pos
			}
			r.Status = status
		case usualTook, usualUpstreamTook:
			var took time.Duration
			if took, n = leadingSeconds(b); n == 0 || !o.hasLiteral(b[n:]) || n+1 < len(b) && b[n+1] == ':' {
				return i, pos
			}
			if o.usual == usualTook {
				r.Took = took
			} else {
				r.UpstreamTook, r.Tries = took, max(r.Tries, 1)
			}
		case usualRequest:
			if n = bytes.IndexByte(b, '"'); n < 0 || !o.hasLiteral(b[n:]) {
				return i, pos
			}
			d.setRequest(r, b[:n])
		case usualAddr:
			if n = indexNear(b, ' '); n < 2 || b[n-1] == ',' || !o.hasLiteral(b[n:]) || n+1 < len(b) && b[n+1] == ':' {
				return i, pos
			}
			r.Upstream = b[:n]
			if r.Tries == 0 {
				r.Tries = 1
			}
		case usualTry:
			status := hundreds(b)
			n = 3
			switch {
			case status == 0, o.stop == toEnd && len(b) != n:
				return i, pos
			case o.stop != toEnd && (!o.hasLiteral(b[n:]) || n+1 < len(b) && b[n+1] == ':'):
				return i, pos
			}
			r.UpstreamStatus, r.Tries = status, max(r.Tries, 1)
		default:
			return i, pos
		}
		pos += n + len(o.lit)
	}
	return i, pos
}

// hundreds is the number from 100 to 999 that b begins with; 0 when it does not.
func hundreds(b []byte) int {
	if len(b) < 3 {
		return 0
	}
	x := uint32(b[0]) | uint32(b[1])<<8 | uint32(b[2])<<16
	x ^= 0x303030        // digits become their values
	more := x + 0x767676 // a digit and 0x76 stay below 0x80, what is more than a digit does not
	if (x|more)&0x808080 != 0 || x&0xff == 0 {
		return 0
	}
	return int(x&15)*100 + int(x>>8&15)*10 + int(x>>16)
}

// leadingSeconds reads s.mmm at the start of b, and its length; 0 when it is
// not that, or longer than seven digits of seconds.
func leadingSeconds(b []byte) (time.Duration, int) {
	const most = 7
	ms, i := 0, 0
	for i < len(b) && i < most && digit(b[i]) {
		ms = ms*10 + int(b[i]-'0')
		i++
	}
	if i == 0 || len(b)-i < 4 || b[i] != '.' {
		return 0, 0
	}
	x, y, z := b[i+1]-'0', b[i+2]-'0', b[i+3]-'0'
	if x > 9 || y > 9 || z > 9 {
		return 0, 0
	}
	ms = ms*1000 + int(x)*100 + int(y)*10 + int(z)
	return time.Duration(ms) * time.Millisecond, i + 4
}
