package gatewaylog

import (
	"bytes"
	"encoding/binary"
	"fmt"
)

// run reads one line by the program. The whole line must fit: a torn line is an
// error, never a record with shifted fields.
func (p *program) run(d *Decoder, line []byte, r *Record) error {
	if len(line) < len(p.head) || string(line[:len(p.head)]) != p.head {
		return lineError(line, commonPrefix(line, p.head), fmt.Sprintf("%q", p.head))
	}
	end := len(line)
	if p.tail < len(p.ops) {
		var err error
		if end, err = p.runTail(d, line, r); err != nil {
			return err
		}
	}
	pos := len(p.head)
	usual := len(p.ops)
	if p.tail < usual {
		usual = p.tail - 1 // the last one before the tail ends where the tail begins
	}
	for i := 0; ; i++ {
		if i, pos = p.runUsual(d, line[:end], r, i, pos, usual); i == p.tail {
			break
		}
		o := &p.ops[i]
		if i == p.tail-1 && p.tail < len(p.ops) { // what is left in front of the tail
			if o.field != skipField && !d.assign(r, &o.spec, line[pos:end]) {
				return lineError(line, pos, expected[o.field])
			}
			return nil
		}
		rest := line[pos:end]
		n := o.find(rest)
		if n < 0 {
			return lineError(line, pos, fmt.Sprintf("$%s and then %q", o.name, o.lit))
		}
		if n > len(rest) || n == 0 && o.filled || o.word && bytes.IndexByte(rest[:n], ' ') >= 0 || o.field != skipField && !d.assign(r, &o.spec, rest[:n]) {
			return lineError(line, pos, expected[o.field])
		}
		if o.stop < found && !o.hasLiteral(rest[n:]) {
			pos += n
			return lineError(line, pos+commonPrefix(line[pos:end], o.lit), fmt.Sprintf("%q after $%s", o.lit, o.name))
		}
		pos += n + len(o.lit)
	}
	if pos != end && !p.more {
		return lineError(line, pos, "the end of the line")
	}
	return nil
}

// hasLiteral says whether b begins with the literal: eight bytes at once where
// the line is long enough.
func (o *op) hasLiteral(b []byte) bool {
	if len(b) >= 8 && len(o.lit) <= 8 {
		return binary.LittleEndian.Uint64(b)&o.mask == o.head
	}
	return len(b) >= len(o.lit) && string(b[:len(o.lit)]) == o.lit
}

// find is the length of the value at the start of b, -1 when the literal behind
// it does not come.
func (o *op) find(b []byte) int {
	switch o.stop {
	case toWidth:
		return o.width
	case toQuote:
		return bytes.IndexByte(b, '"') // quoted values are the long ones
	case toByte:
		return indexNear(b, o.lit[0])
	case toTry:
		return o.findTry(b)
	case toList:
		return o.findList(b)
	case toEnd:
		return len(b)
	case toClosing:
		return closingQuote(b)
	case toRequest:
		return requestEnd(b)
	default:
	}
	// The first byte is rare in the values of usual layouts: ` [`, `" "`, `,"x":`.
	for i := 0; ; {
		j := indexNear(b[i:], o.lit[0])
		if j < 0 {
			return -1
		}
		i += j
		if o.hasLiteral(b[i:]) {
			return i
		}
		i++
	}
}

// findTry is findList where most values are one s.mmm.
func (o *op) findTry(b []byte) int {
	i := 0
	for i < len(b) && digit(b[i]) {
		i++
	}
	if i += 4; i < len(b) && b[i-4] == '.' && b[i] == ' ' && (i+1 >= len(b) || b[i+1] != ':') {
		return i
	}
	return o.findList(b)
}

func (o *op) findList(b []byte) int {
	if o.lit[0] == ',' {
		return listEndComma(b)
	}
	return listEnd(b)
}

// closingQuote is where the first quote without a backslash stands.
func closingQuote(b []byte) int {
	for i := 0; ; {
		j := bytes.IndexByte(b[i:], '"')
		if j < 0 {
			return -1
		}
		i += j
		k := i
		for k > 0 && b[k-1] == '\\' {
			k--
		}
		if (i-k)%2 == 0 {
			return i
		}
		i++
	}
}

// requestEnd is the length of an unquoted request line at the start of b.
func requestEnd(b []byte) int {
	if i := bytes.Index(b, []byte(" HTTP/")); i >= 0 {
		if j := bytes.IndexByte(b[i+1:], ' '); j >= 0 {
			return i + 1 + j
		}
	}
	return bytes.IndexByte(b, ' ')
}

// runTail matches the ops behind the last free value from the right, and answers
// where the free value ends.
func (p *program) runTail(d *Decoder, line []byte, r *Record) (int, error) {
	end := len(line)
	for i := len(p.ops) - 1; i >= p.tail-1; i-- {
		o := &p.ops[i]
		if !bytes.HasSuffix(line[:end], []byte(o.lit)) || end-len(o.lit) < len(p.head) {
			return 0, lineError(line, max(0, end-len(o.lit)), fmt.Sprintf("%q after $%s", o.lit, o.name))
		}
		end -= len(o.lit)
		if i == p.tail-1 {
			break
		}
		start := o.findBack(line[:end], p.ops[i-1].lit)
		if start < 0 {
			return 0, lineError(line, end, fmt.Sprintf("%q in front of $%s", p.ops[i-1].lit, o.name))
		}
		if start == end && o.filled || o.field != skipField && !d.assign(r, &o.spec, line[start:end]) {
			return 0, lineError(line, start, expected[o.field])
		}
		end = start
	}
	return end, nil
}

// findBack is where the value begins that b ends with and before stands in
// front of; -1 when it does not.
func (o *op) findBack(b []byte, before string) int {
	switch {
	case o.width > 0:
		return len(b) - o.width
	case o.list && before[len(before)-1] == ' ':
		return listStart(b)
	}
	i := bytes.LastIndex(b, []byte(before))
	if i < 0 {
		return -1
	}
	return i + len(before)
}

// commonPrefix is how many bytes b and s share.
func commonPrefix(b []byte, s string) int {
	n := 0
	for n < len(b) && n < len(s) && b[n] == s[n] {
		n++
	}
	return n
}
