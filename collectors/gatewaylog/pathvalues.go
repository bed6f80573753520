package gatewaylog

import "encoding/binary"

// fanOut is how many different names may stand at one place before they are
// taken for values.
const fanOut = 50

// prefixed are the names at one place that share the part up to an underscore.
type prefixed struct {
	name  string
	names int
	ids   bool // one of them was an id, or there are too many: all of them are ids

	head, mask uint64 // the name, little endian, and which bytes of it count
}

// begins says whether a text begins with the prefix, by its first eight bytes.
func (p *prefixed) begins(first uint64) bool { return p.mask != 0 && first&p.mask == p.head }

// put hangs c below n. A name too many at one place turns the names of its kind
// there into values; then the answer is where values go.
func (e *endpoints) put(n, c *node, kind segmentKind) *node {
	n.set(c)
	if n.depth == 0 || kind == idSegment { // never merge the root
		return c
	}
	full := false
	if prefix := n.idPrefix([]byte(c.label)); prefix != nil {
		p := n.prefix(prefix)
		p.names++
		p.ids = p.ids || p.names > fanOut
		full = p.ids || len(n.prefixes) > fanOut
	} else if kind == wordSegment {
		n.words++
		n.wordsMerged = n.wordsMerged || n.words > fanOut
		full = n.wordsMerged
	} else {
		n.others++
		n.othersMerged = n.othersMerged || n.others > fanOut
		full = n.othersMerged
	}
	if full {
		e.settle(n)
		return n.id
	}
	return c
}

// learn notes that ids at n begin with prefix.
func (e *endpoints) learn(n *node, prefix []byte) {
	if p := n.prefix(prefix); !p.ids {
		p.ids = true
		e.settle(n)
	}
}

// known is the group of names with this prefix; nil when there is none.
func (n *node) known(prefix []byte) *prefixed {
	for _, p := range n.prefixes {
		if p.name == string(prefix) {
			return p
		}
	}
	return nil
}

func (n *node) prefix(prefix []byte) *prefixed {
	if p := n.known(prefix); p != nil {
		return p
	}
	p := &prefixed{name: string(prefix)}
	if len(prefix) <= 8 {
		for i, c := range prefix {
			p.head |= uint64(c) << (8 * i)
			p.mask |= 0xff << (8 * i)
		}
	}
	if len(n.prefixes) <= fanOut { // beyond it all of them are ids
		n.prefixes = append(n.prefixes, p)
	}
	return p
}

// varies says whether a name at n is a value by what is known now. It depends on
// which names were seen, not on their order.
func (n *node) varies(s []byte, kind segmentKind) bool {
	if prefix := n.idPrefix(s); prefix != nil {
		p := n.known(prefix)
		return p != nil && p.ids || len(n.prefixes) > fanOut
	}
	if kind == wordSegment {
		return n.wordsMerged
	}
	return kind == otherSegment && n.othersMerged
}

// surelyID says whether path is a single segment which below n, and not directly below
// the root, is an id whatever it looks like otherwise: eight bytes at a time, for most
// paths end in one. Where it says no, kindOf and varies may still say that it is.
func (n *node) surelyID(path []byte) bool {
	last := len(path) - 8
	if last < 0 {
		return false
	}
	first, end := binary.LittleEndian.Uint64(path), binary.LittleEndian.Uint64(path[last:])
	stops := slashOrDot(first) | slashOrDot(end)
	for at := 8; at < last; at += 8 {
		stops |= slashOrDot(binary.LittleEndian.Uint64(path[at:]))
	}
	if stops != 0 { // a dot may begin the extension of a static file
		return false
	}
	for _, p := range n.prefixes {
		if p.ids && p.begins(first) {
			return true
		}
	}
	unders, mixed := zeros(first^every('_'))|zeros(end^every('_')), capitals(first)|capitals(end)
	for at := 8; at < last; at += 8 {
		x := binary.LittleEndian.Uint64(path[at:])
		unders |= zeros(x ^ every('_'))
		mixed |= capitals(x) | zeros(x^every('-')) // as a UUID has
	}
	return unders == 0 && mixed != 0 && digits(first)|digits(end) != 0
}

// forget forgets the known heads: a node is given up.
func (e *endpoints) forget() {
	e.settled++
	clear(e.known[:])
}

// settle moves the children of n that are values after all to where values go.
func (e *endpoints) settle(n *node) {
	var names []string
	for _, name := range n.names() {
		if name[0] != '*' && n.varies([]byte(name), kindOf([]byte(name), n.depth+1, false)) {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return
	}
	if n.id == nil {
		n.id = e.grow(n, ":id")
	}
	for _, name := range names {
		e.absorb(n.id, n.remove(name))
	}
}

// absorb makes from, which is given up, a part of to.
func (e *endpoints) absorb(to, from *node) {
	e.nodes--
	e.forget()
	for _, end := range from.ends {
		e.join(to, end)
	}
	to.wordsMerged = to.wordsMerged || from.wordsMerged
	to.othersMerged = to.othersMerged || from.othersMerged
	for _, p := range from.prefixes {
		if p.ids {
			to.prefix([]byte(p.name)).ids = true
		}
	}
	e.settle(to)
	if from.id != nil {
		if to.id == nil {
			to.id = e.grow(to, ":id")
		}
		e.absorb(to.id, from.id)
	}
	for _, name := range from.names() {
		e.absorb(e.placeFor(to, name), from.get([]byte(name)))
	}
}

// placeFor is where a child of that name belongs below n, which may be full.
func (e *endpoints) placeFor(n *node, name string) *node {
	if c := n.get([]byte(name)); c != nil {
		return c
	}
	kind := idSegment
	if name[0] != '*' {
		kind = kindOf([]byte(name), n.depth+1, false)
		if n.varies([]byte(name), kind) {
			if n.id == nil {
				n.id = e.grow(n, ":id")
			}
			return n.id
		}
	}
	return e.put(n, e.grow(n, name), kind)
}
