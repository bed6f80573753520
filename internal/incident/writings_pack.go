package incident

import (
	"encoding/binary"
	"slices"
	"strings"
	"time"

	"tripcurve/internal/incident/varint"
)

// packer packs one entry after another: its id; 1 where it changes an entry of the
// evidence; how many fields, and each name and text; how many comments, and of each the
// instant, the role and the text.
type packer struct {
	chunks  []string
	chunk   []byte // the last one, under way
	places  []place
	words   []string
	numbers map[string]uint64 // of the words
}

// place is where a packed entry begins.
type place struct{ chunk, at int32 }

// chunkSize is the least length of a chunk but the last, in bytes.
const chunkSize = 64 << 10

// maxWords bounds the words: a field that says something else in each entry would
// otherwise only make them many.
const maxWords = 1 << 12

func (p *packer) add(x Written) {
	if len(p.chunk) >= chunkSize {
		p.cut()
	}
	p.places = append(p.places, place{int32(len(p.chunks)), int32(len(p.chunk))})
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

// cut ends a chunk.
func (p *packer) cut() {
	p.chunks = append(p.chunks, string(p.chunk))
	p.chunk = p.chunk[:0]
}

func (p *packer) number(n uint64) { p.chunk = binary.AppendUvarint(p.chunk, n) }

// text writes a text itself: twice its length, and its bytes.
func (p *packer) text(s string) {
	p.number(uint64(len(s)) << 1)
	p.chunk = append(p.chunk, s...)
}

// word writes the number of a text that comes often: an odd one.
func (p *packer) word(s string) {
	n, ok := p.numbers[s]
	if !ok {
		if len(p.words) == maxWords {
			p.text(s)
			return
		}
		s = strings.Clone(s)
		n = uint64(len(p.words))
		p.numbers[s] = n
		p.words = append(p.words, s)
	}
	p.number(n<<1 | 1)
}

// at is the i-th entry as it was packed.
func (p *packer) at(i int) string {
	from := p.places[i]
	if i+1 < len(p.places) && p.places[i+1].chunk == from.chunk {
		return p.chunks[from.chunk][from.at:p.places[i+1].at]
	}
	return p.chunks[from.chunk][from.at:]
}

// done compresses the entries in the order of their rows, so that what is shown together
// stands together.
func (p *packer) done() *Writings {
	p.cut()
	type packed struct {
		row
		of int32
	}
	var own []packed
	var phases, derived []int32
	var lanes laneNumbers
	for i := range int32(len(p.places)) {
		r := unpacker{p.words, p.at(int(i))}
		switch e := r.own(); {
		case e.Derived:
			derived = append(derived, i)
		case e.Kind == KPhase:
			phases = append(phases, i)
		default:
			own = append(own, packed{lanes.row(e.Moment()), i})
		}
	}
	id := func(i int32) string {
		r := unpacker{p.words, p.at(int(i))}
		return r.text()
	}
	slices.SortStableFunc(own, func(a, b packed) int {
		if c := a.compare(b.row); c != 0 {
			return c
		}
		return strings.Compare(id(a.of), id(b.of))
	})
	w := &Writings{words: p.words, lanes: lanes.names, byID: make([]uint64, 0, len(p.places))}
	out := newBlockWriter(&w.blocks)
	keep := func(i int32) {
		w.byID = append(w.byID, hashOf(id(i))|uint64(w.blocks.len))
		out.add(p.at(int(i)))
	}
	w.rows.grow(len(own))
	for _, o := range own {
		w.rows.add(o.row)
		keep(o.of)
	}
	for _, i := range phases {
		w.phases = append(w.phases, int32(w.blocks.len))
		keep(i)
	}
	for _, i := range derived {
		keep(i)
	}
	out.done()
	slices.Sort(w.byID)
	return w
}

// unpacker reads what a packer wrote.
type unpacker struct {
	words []string
	rest  string
}

func (r *unpacker) written() Written {
	x := Written{ID: r.text(), Derived: r.number() == 1, Fields: map[string]string{}}
	for range r.number() {
		name := r.text()
		x.Fields[name] = r.text()
	}
	x.Comments = r.comments()
	return x
}

// own is an entry of people's own.
func (r *unpacker) own() Entry {
	whole := *r
	return whole.apply(Entry{ID: r.text()})
}

// apply is Written.Apply of what was written.
func (r *unpacker) apply(e Entry) Entry {
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

func (r *unpacker) number() uint64 {
	v := varint.Reader{Rest: r.rest}
	n := v.Uint()
	r.rest = v.Rest
	return n
}

func (r *unpacker) text() string {
	n := r.number()
	if n&1 == 1 {
		return r.words[n>>1]
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
