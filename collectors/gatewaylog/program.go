package gatewaylog

import (
	"bytes"
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
	for i := range p.ops[:p.tail] {
		o := &p.ops[i]
		rest := line[pos:end]
		var n int
		switch {
		case i == p.tail-1 && p.tail < len(p.ops):
			n = len(rest) // what is left in front of the tail
		case o.width > 0:
			n = o.width
			if n > len(rest) {
				return lineError(line, pos, expected[o.field])
			}
		case o.lit == "":
			n = len(rest)
		default:
			n = o.find(rest, p.escape)
			if n < 0 {
				return lineError(line, end, fmt.Sprintf("%q after $%s", o.lit, o.name))
			}
		}
		if o.field != skipField && !d.assign(r, &o.spec, rest[:n]) {
			return lineError(line, pos, expected[o.field])
		}
		pos += n
		if i == p.tail-1 && p.tail < len(p.ops) {
			return nil // its literal was matched from the right
		}
		if !hasLiteral(line[pos:end], o.lit) {
			return lineError(line, pos+commonPrefix(line[pos:end], o.lit), fmt.Sprintf("%q after $%s", o.lit, o.name))
		}
		pos += len(o.lit)
	}
	if pos != end {
		return lineError(line, pos, "the end of the line")
	}
	return nil
}

// hasLiteral is bytes.HasPrefix with the usual one byte first.
func hasLiteral(b []byte, lit string) bool {
	if len(lit) == 1 {
		return len(b) > 0 && b[0] == lit[0]
	}
	return len(b) >= len(lit) && string(b[:len(lit)]) == lit
}

// find is the length of the value at the start of b, -1 when the literal behind
// it does not come.
func (o *op) find(b []byte, escape escaping) int {
	switch {
	case o.quoted && escape == escapeDefault:
		return bytes.IndexByte(b, '"')
	case o.quoted && escape == escapeJSON:
		return closingQuote(b)
	case o.list && o.lit[0] == ' ':
		return listEnd(b)
	case o.list && o.lit[0] == ',':
		return listEndComma(b)
	case o.field == requestField && o.lit[0] == ' ':
		return requestEnd(b)
	case len(o.lit) == 1:
		return bytes.IndexByte(b, o.lit[0])
	}
	// The first byte is the rarer one in these layouts: ` [`, `" "`, `,"x":`.
	for i := 0; ; {
		j := bytes.IndexByte(b[i:], o.lit[0])
		if j < 0 {
			return -1
		}
		i += j
		if hasLiteral(b[i:], o.lit) {
			return i
		}
		i++
	}
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
		if o.field != skipField && !d.assign(r, &o.spec, line[start:end]) {
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
