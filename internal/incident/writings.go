package incident

import (
	"cmp"
	"encoding/binary"
	"iter"
	"slices"
	"strings"
	"time"
)

// Writings is what people wrote of many entries, packed: there may be a hundred thousand
// of them, and packed one takes a tenth of the memory that it takes as a Written, in few
// objects. It never changes; nil is nothing written.
type Writings struct {
	blocks []string // the packed entries, one after another
	places []place
	words  []string // what comes often, by number
	byID   []int32  // the entries, by id

	rows   []row // people's own entries but for phases, in the order of Moments
	lanes  []string
	phases []int32 // people's own
}

// place is where a packed entry begins.
type place struct{ block, at int32 }

// blockSize is the least length of a block but the last, in bytes.
const blockSize = 64 << 10

// maxWords bounds the words: a field that says something else in each entry would
// otherwise only make them many.
const maxWords = 1 << 12

// PackWritten packs what people wrote of entries, each of its own id.
func PackWritten(all iter.Seq[Written]) *Writings {
	p := packer{w: &Writings{}, numbers: map[string]uint64{}}
	for x := range all {
		p.add(x)
	}
	if len(p.w.places) == 0 {
		return nil
	}
	return p.done()
}

// Len is how many entries something was written of.
func (w *Writings) Len() int {
	if w == nil {
		return 0
	}
	return len(w.places)
}

// All is what was written of each, in the order in which it was packed.
func (w *Writings) All() iter.Seq[Written] {
	return func(yield func(Written) bool) {
		for i := range w.Len() {
			if !yield(w.At(i)) {
				return
			}
		}
	}
}

// At is what was written of the i-th entry.
func (w *Writings) At(i int) Written {
	r := w.reader(i)
	x := Written{ID: r.text(), Derived: r.number() == 1, Fields: map[string]string{}}
	for range r.number() {
		name := r.text()
		x.Fields[name] = r.text()
	}
	x.Comments = r.comments()
	return x
}

// Find is where the entry of an id stands.
func (w *Writings) Find(id string) (i int, ok bool) {
	if w == nil {
		return 0, false
	}
	at, ok := slices.BinarySearchFunc(w.byID, id, func(i int32, id string) int { return strings.Compare(w.id(int(i)), id) })
	if !ok {
		return 0, false
	}
	return int(w.byID[at]), true
}

func (w *Writings) id(i int) string {
	r := w.reader(i)
	return r.text()
}

// apply is At and Written.Apply in one, without the map between them.
func (w *Writings) apply(i int, e Entry) Entry {
	r := w.reader(i)
	r.text()
	derived, n := r.number() == 1, r.number()
	for range n {
		name := r.text()
		e.take(name, r.text())
	}
	e.Derived, e.Edited = derived, derived && n > 0
	e.Comments = append(slices.Clone(e.Comments), r.comments()...)
	return e
}

// own is the i-th entry, which is of people's own.
func (w *Writings) own(i int) Entry { return w.apply(i, Entry{ID: w.id(i)}) }

// packer packs one entry after another: its id; 1 where it changes an entry of the
// evidence; how many fields, and each name and text; how many comments, and of each the
// instant, the role and the text.
type packer struct {
	w       *Writings
	block   []byte
	numbers map[string]uint64 // of the words
}

func (p *packer) add(x Written) {
	if len(p.block) >= blockSize {
		p.cut()
	}
	w := p.w
	w.places = append(w.places, place{int32(len(w.blocks)), int32(len(p.block))})
	p.text(x.ID)
	derived := uint64(0)
	if x.Derived {
		derived = 1
	}
	p.number(derived)
	p.number(uint64(len(x.Fields)))
	known := 0
	for i := range fields {
		f := &fields[i]
		v, ok := x.Fields[f.name]
		if !ok {
			continue
		}
		known++
		p.word(f.name)
		if f.varies {
			p.text(v)
		} else {
			p.word(v)
		}
	}
	if known < len(x.Fields) { // a later program's
		for name, v := range x.Fields {
			if _, ours := fieldAt[name]; !ours {
				p.text(name)
				p.text(v)
			}
		}
	}
	p.number(uint64(len(x.Comments)))
	for _, c := range x.Comments {
		at, err := c.At.MarshalBinary()
		if err != nil { // a zone of seconds that no format can write
			at, _ = c.At.UTC().MarshalBinary()
		}
		p.text(string(at))
		p.word(c.Role)
		p.text(c.Text)
	}
}

// cut ends a block.
func (p *packer) cut() {
	p.w.blocks = append(p.w.blocks, string(p.block))
	p.block = p.block[:0]
}

func (p *packer) number(n uint64) { p.block = binary.AppendUvarint(p.block, n) }

// text writes a text itself: twice its length, and its bytes.
func (p *packer) text(s string) {
	p.number(uint64(len(s)) << 1)
	p.block = append(p.block, s...)
}

// word writes the number of a text that comes often: an odd one.
func (p *packer) word(s string) {
	n, ok := p.numbers[s]
	if !ok {
		if len(p.w.words) == maxWords {
			p.text(s)
			return
		}
		s = strings.Clone(s)
		n = uint64(len(p.w.words))
		p.numbers[s] = n
		p.w.words = append(p.w.words, s)
	}
	p.number(n<<1 | 1)
}

func (p *packer) done() *Writings {
	p.cut()
	w := p.w
	w.blocks, w.places = slices.Clip(w.blocks), slices.Clone(w.places)
	w.byID = make([]int32, len(w.places))
	for i := range w.byID {
		w.byID[i] = int32(i)
	}
	byID := func(a, b int32) int { return strings.Compare(w.id(int(a)), w.id(int(b))) }
	if !slices.IsSortedFunc(w.byID, byID) { // a file gives them so
		slices.SortStableFunc(w.byID, byID)
	}
	lanes := laneNumbers{}
	for i := range w.places {
		e := w.own(i)
		switch {
		case e.Derived:
		case e.Kind == KPhase:
			w.phases = append(w.phases, int32(i))
		default:
			w.rows = append(w.rows, lanes.row(e.Moment(), int32(^i)))
		}
	}
	w.lanes = lanes.names
	w.rows = slices.Clone(w.rows)
	slices.SortStableFunc(w.rows, func(a, b row) int {
		if c := cmp.Or(a.compare(b), cmp.Compare(a.kind, b.kind)); c != 0 {
			return c
		}
		return strings.Compare(w.id(int(^a.of)), w.id(int(^b.of)))
	})
	return w
}

// unpacker reads what a packer wrote.
type unpacker struct {
	w    *Writings
	rest string
}

func (w *Writings) reader(i int) unpacker {
	p := w.places[i]
	return unpacker{w, w.blocks[p.block][p.at:]}
}

func (r *unpacker) number() (n uint64) {
	for shift := 0; ; shift += 7 {
		b := r.rest[0]
		r.rest = r.rest[1:]
		n |= uint64(b&0x7f) << shift
		if b < 0x80 {
			return n
		}
	}
}

func (r *unpacker) text() string {
	n := r.number()
	if n&1 == 1 {
		return r.w.words[n>>1]
	}
	s := r.rest[:n>>1]
	r.rest = r.rest[n>>1:]
	return s
}

func (r *unpacker) comments() []Comment {
	var list []Comment
	for range r.number() {
		var at time.Time
		_ = at.UnmarshalBinary([]byte(r.text())) // as MarshalBinary wrote it
		list = append(list, Comment{at, r.text(), r.text()})
	}
	return list
}
