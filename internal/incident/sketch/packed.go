package sketch

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"github.com/DataDog/sketches-go/ddsketch"
	enc "github.com/DataDog/sketches-go/ddsketch/encoding"
	"github.com/DataDog/sketches-go/ddsketch/store"

	"tripcurve/internal/incident"
	"tripcurve/internal/incident/varint"
)

// Packed is a distribution of durations that nothing is added to any more: some 60 bytes
// for a few dozen durations, where a Sketch has 2,400. Its answers are the Sketch's.
type Packed struct {
	n, zeros int64
	// bins are pairs in order of the bins: how far a bin is from the one before, the first
	// of them from 0, and how many durations it has.
	bins string
}

var _ incident.Sketch = (*Packed)(nil)

// bin is how many durations there are in one bin.
type bin struct {
	index int
	n     int64
}

// furthest is the bin furthest from that of 1 s, of either side: durations of years and of
// a part of a nanosecond are nearer.
const furthest = 2048

// mostCounted is from how many durations on a DDSketch does not count each: it counts in
// float64.
const mostCounted = 1 << 53

// Packed is itself.
func (p *Packed) Packed() incident.Sketch { return p }

// Packed is the same distribution.
func (s *Sketch) Packed() incident.Sketch {
	of := make([]bin, 0, 64)
	s.dd.GetPositiveValueStore().ForEach(func(index int, count float64) bool {
		of = append(of, bin{index, int64(count + 0.5)})
		return false
	})
	return pack(int64(s.dd.GetZeroCount()+0.5), of)
}

// pack takes the bins in their order.
func pack(zeros int64, of []bin) *Packed {
	p := &Packed{n: zeros, zeros: zeros}
	var buf [256]byte
	b, last := buf[:0], 0
	for _, x := range of {
		b = appendBin(b, x, last)
		last = x.index
		p.n += x.n
	}
	p.bins = string(b)
	return p
}

func appendBin(b []byte, x bin, last int) []byte {
	return binary.AppendUvarint(binary.AppendVarint(b, int64(x.index-last)), uint64(x.n))
}

// cursor goes through the bins of a Packed.
type cursor struct {
	left varint.Reader
	bin
}

// each begins before the first bin.
func (p *Packed) each() cursor { return cursor{left: varint.Reader{Rest: p.bins}} }

// next goes to the next bin, if there is one.
func (c *cursor) next() bool {
	if c.left.Rest == "" {
		return false
	}
	c.index += int(c.left.Int())
	c.n = int64(c.left.Uint())
	return true
}

// Count is how many durations there are.
func (p *Packed) Count() int64 { return p.n }

// Quantile is the bin that holds the q-quantile.
func (p *Packed) Quantile(q float64) incident.Quantile {
	if p.n == 0 {
		return incident.Quantile{}
	}
	rank := min(1, max(0, q)) * float64(p.n-1)
	if p.n == p.zeros || rank < float64(p.zeros) {
		return incident.Instantly
	}
	seen := p.zeros
	c := p.each()
	for c.next() {
		if seen += c.n; float64(seen) > rank {
			break
		}
	}
	return incident.Quantile{Lo: duration(bins.LowerBound(c.index)), Hi: duration(bins.LowerBound(c.index + 1))}
}

// Merge is the distribution of both; neither is changed.
func (p *Packed) Merge(other incident.Sketch) (incident.Sketch, error) {
	o, ok := other.Packed().(*Packed)
	if !ok {
		return nil, fmt.Errorf("merge a packed DDSketch with a %T", other)
	}
	var buf [1024]byte
	b, last := buf[:0], 0
	add := func(x bin) {
		b = appendBin(b, x, last)
		last = x.index
	}
	a, c := p.each(), o.each()
	hasA, hasC := a.next(), c.next()
	for hasA || hasC {
		switch {
		case !hasC || hasA && a.index < c.index:
			add(a.bin)
			hasA = a.next()
		case !hasA || c.index < a.index:
			add(c.bin)
			hasC = c.next()
		default:
			add(bin{a.index, a.n + c.n})
			hasA, hasC = a.next(), c.next()
		}
	}
	return &Packed{n: p.n + o.n, zeros: p.zeros + o.zeros, bins: string(b)}, nil
}

// MarshalBinary is DDSketch's own encoding, as a Sketch has it.
func (p *Packed) MarshalBinary() ([]byte, error) {
	s := New()
	c := p.each()
	for c.next() {
		s.dd.GetPositiveValueStore().AddWithCount(c.index, float64(c.n))
	}
	if p.zeros > 0 {
		s.AddN(0, p.zeros)
	}
	return s.MarshalBinary()
}

// Reader reads what MarshalBinary wrote. The zero value is ready; it is not safe for
// concurrent use.
type Reader struct{ found counts }

// counts is the store that a DDSketch is read into: its bins as they come. No other method
// of a store is called.
type counts struct {
	store.Store
	of  []bin
	bad error
}

// Add counts one.
func (c *counts) Add(index int) { c.AddWithCount(index, 1) }

// AddWithCount counts several, of which nothing is what an empty bin has.
func (c *counts) AddWithCount(index int, count float64) {
	switch n := int64(count); {
	case count == 0:
	case !(count > 0 && count < mostCounted) || float64(n) != count:
		c.bad = fmt.Errorf("%g durations in a bin", count)
	case index < -furthest || index > furthest:
		c.bad = fmt.Errorf("a bin that no duration is in: %d", index)
	default:
		c.of = append(c.of, bin{index, n})
	}
}

// DecodeAndMergeWith keeps the error, which a DDSketch does not look at.
func (c *counts) DecodeAndMergeWith(b *[]byte, mode enc.SubFlag) error {
	err := store.DecodeAndMergeWith(c, b, mode)
	c.bad = errors.Join(c.bad, err)
	return err
}

// Read reads one distribution.
func (r *Reader) Read(b []byte) (p *Packed, err error) {
	defer func() {
		if r := recover(); r != nil { // the decoder trusts its input
			p, err = nil, fmt.Errorf("latency sketch of %d bytes: %v", len(b), r)
		}
	}()
	found, negative := &r.found, &counts{}
	found.of, found.bad = found.of[:0], nil
	dd := ddsketch.NewDDSketch(bins, found, negative)
	err = errors.Join(dd.DecodeAndMergeWith(b), found.bad, negative.bad)
	zeros := dd.GetZeroCount()
	switch {
	case err != nil:
	case len(negative.of) > 0:
		err = errors.New("negative durations")
	case !(zeros >= 0 && zeros < mostCounted):
		err = fmt.Errorf("%g durations of zero", zeros)
	default:
		return r.packed(int64(zeros))
	}
	return nil, fmt.Errorf("latency sketch of %d bytes: %w", len(b), err)
}

// packed puts what was found in order, each bin once.
func (r *Reader) packed(zeros int64) (*Packed, error) {
	of := r.found.of
	slices.SortFunc(of, func(a, b bin) int { return a.index - b.index })
	once, all := of[:0], zeros
	for _, x := range of {
		if all += x.n; all >= mostCounted {
			return nil, fmt.Errorf("latency sketch of more than %d durations", int64(mostCounted))
		}
		if n := len(once); n > 0 && once[n-1].index == x.index {
			once[n-1].n += x.n
			continue
		}
		once = append(once, x)
	}
	return pack(zeros, once), nil
}
