package incident

import (
	"encoding/binary"
	"slices"

	"tripcurve/internal/incident/varint"
)

// packedBuckets are the buckets of a minute, of which one takes some 8 bytes and not 64:
// nearly all numbers are small, or near to that of the bucket before.
type packedBuckets struct {
	len   int
	kinds []*countKind
	parts []*[]part // of those that have some
	// Of each bucket: seconds since the one before, nanoseconds, twice the kind's number
	// and 1 with parts, started, ended, where it was read since the end of the one before,
	// and how much.
	numbers string
}

func packBuckets(all []bucket) packed[bucket] {
	p := &packedBuckets{len: len(all)}
	numbers := make([]byte, 0, 16*len(all))
	var before bucket
	for i := range all {
		b := &all[i]
		kind := slices.Index(p.kinds, b.kind)
		if kind < 0 {
			kind = len(p.kinds)
			p.kinds = append(p.kinds, b.kind)
		}
		kind *= 2
		if b.parts != nil {
			kind++
			p.parts = append(p.parts, b.parts)
		}
		for _, n := range [...]int64{b.sec - before.sec, int64(b.nsec), int64(kind), b.started, b.ended, b.from - before.to, b.to - b.from} {
			numbers = binary.AppendVarint(numbers, n)
		}
		before = *b
	}
	p.kinds, p.numbers = slices.Clip(p.kinds), string(numbers)
	return p
}

func (p *packedBuckets) unpack(behind []bucket) []bucket {
	behind = slices.Grow(behind, p.len)
	r := varint.Reader{Rest: p.numbers}
	parts := p.parts
	var b bucket
	for range p.len {
		b.sec += r.Int()
		b.nsec = int32(r.Int())
		kind := r.Int()
		b.kind, b.parts = p.kinds[kind/2], nil
		if kind%2 == 1 {
			b.parts, parts = parts[0], parts[1:]
		}
		b.started, b.ended = r.Int(), r.Int()
		b.from = b.to + r.Int()
		b.to = b.from + r.Int()
		behind = append(behind, b)
	}
	return behind
}
