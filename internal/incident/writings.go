package incident

import (
	"hash/fnv"
	"io"
	"iter"
	"slices"
)

// Writings is what people wrote of many entries, packed and compressed: there may be a
// hundred thousand of them, and so one takes a hundredth of the memory that it takes as a
// Written, in few objects. It never changes; nil is nothing written.
type Writings struct {
	blocks blocks
	words  []string // what comes often, by number
	byID   []uint64 // in order: the hash of an entry's id, and below it its number

	rows   rowList // people's own entries but for phases, which are the first of the entries, in the order of Moments
	lanes  []string
	phases []int32 // people's own
}

// PackWritten packs what people wrote of entries, each of its own id.
func PackWritten(all iter.Seq[Written]) *Writings {
	p := packer{numbers: map[string]uint64{}}
	for x := range all {
		p.add(x)
	}
	if len(p.places) == 0 {
		return nil
	}
	return p.done()
}

// Len is how many entries something was written of.
func (w *Writings) Len() int {
	if w == nil {
		return 0
	}
	return w.blocks.len
}

// All is what was written of each: of people's own entries in order of time, then of the
// phases and of what the evidence gives.
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
func (w *Writings) At(i int) Written { r := w.reader(i); return r.written() }

// Find is where the entry of an id stands.
func (w *Writings) Find(id string) (i int, ok bool) {
	if w == nil {
		return 0, false
	}
	hash := hashOf(id)
	from, _ := slices.BinarySearch(w.byID, hash)
	for _, x := range w.byID[from:] {
		if x>>32 != hash>>32 {
			break
		}
		if i := int(uint32(x)); w.id(i) == id {
			return i, true
		}
	}
	return 0, false
}

// hashOf is a hash of an id in the upper half, and nothing in the lower.
func hashOf(id string) uint64 {
	h := fnv.New32a()
	_, _ = io.WriteString(h, id)
	return uint64(h.Sum32()) << 32
}

func (w *Writings) id(i int) string {
	r := w.reader(i)
	return r.text()
}

// apply is At and Written.Apply in one, without the map between them.
func (w *Writings) apply(i int, e Entry) Entry { r := w.reader(i); return r.apply(e) }

// own is the i-th entry, which is of people's own.
func (w *Writings) own(i int) Entry { r := w.reader(i); return r.own() }

func (w *Writings) reader(i int) unpacker { return unpacker{w.words, w.blocks.at(i)} }
