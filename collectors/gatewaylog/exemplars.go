package gatewaylog

import (
	"cmp"
	"slices"
	"time"

	"tripcurve/internal/incident"
	"tripcurve/internal/redact"
)

// How many requests are kept whole, per endpoint, and lines that no format
// understood, per log.
const (
	keepSlowest  = 8
	keepSampled  = 16
	keepUnparsed = 64
	// maxRaw bounds a kept line, in bytes; its Origin leads to the rest.
	maxRaw = 16 << 10
	// maxKept bounds the endpoints of which requests are kept.
	maxKept = 1_000
)

// exemplars keeps single requests. What is kept depends on which lines there
// are, not on their order.
type exemplars struct {
	points   []point // by endpoint number
	unparsed []kept  // the first ones in the file
}

// point is what is kept of one endpoint.
type point struct {
	first, last kept // failing ones; rank is the time
	hasFailed   bool
	slowest     []kept // rank is the duration, longest first
	sampled     []kept // rank is a lot, smallest first
}

// kept is one line and what it said.
type kept struct {
	rank       int64
	offset     int64
	length     int64 // of the line with its newline
	start, end Instant
	status     int
	outcome    incident.Outcome
	took       int64 // ns, negative when unknown
	asked      int32 // number of the upstream; 0 for none
	raw        []byte
	note       string
	fresh      bool // not handed out yet
}

func (k *kept) set(rank int64, r *Record, line []byte, offset int64) {
	*k = kept{
		rank: rank, offset: offset, length: int64(len(line)) + 1, start: r.Start, end: r.End, status: r.Status, outcome: r.Outcome,
		took: int64(r.Took), asked: r.asked, raw: append(k.raw[:0], line[:min(len(line), maxRaw)]...), fresh: true,
	}
}

// before orders by rank, then by place in the file.
func before(a, b *kept) int {
	return cmp.Or(cmp.Compare(a.rank, b.rank), cmp.Compare(a.offset, b.offset))
}

func (x *exemplars) add(ep int32, r *Record, failed bool, line []byte, offset int64) {
	if int(ep) >= len(x.points) {
		if ep >= maxKept {
			return
		}
		x.points = append(x.points, make([]point, int(ep)+1-len(x.points))...)
	}
	p := &x.points[ep]
	if failed {
		p.addFailed(r, line, offset)
	}
	if took := int64(r.Took); took >= 0 {
		if n := len(p.slowest); n < keepSlowest || -took < p.slowest[n-1].rank || -took == p.slowest[n-1].rank && offset < p.slowest[n-1].offset {
			p.slowest = insert(p.slowest, keepSlowest, -took, r, line, offset)
		}
	}
	lot := drawn(offset)
	if n := len(p.sampled); n < keepSampled || lot < p.sampled[n-1].rank {
		p.sampled = insert(p.sampled, keepSampled, lot, r, line, offset)
	}
}

func (p *point) addFailed(r *Record, line []byte, offset int64) {
	begun, ended := r.Start, r.End
	if !begun.Known() {
		begun = ended
	}
	if !ended.Known() {
		ended = begun
	}
	here := kept{rank: int64(begun), offset: offset}
	if !p.hasFailed || before(&here, &p.first) < 0 {
		p.first.set(int64(begun), r, line, offset)
	}
	here.rank = int64(ended)
	if !p.hasFailed || before(&here, &p.last) > 0 {
		p.last.set(int64(ended), r, line, offset)
	}
	p.hasFailed = true
}

// insert puts a line into a list of at most n, reusing the one that drops out.
func insert(list []kept, n int, rank int64, r *Record, line []byte, offset int64) []kept {
	var k kept
	if len(list) == n {
		k = list[n-1]
		list = list[:n-1]
	}
	k.set(rank, r, line, offset)
	return place(list, k)
}

func place(list []kept, k kept) []kept {
	i, _ := slices.BinarySearchFunc(list, k, func(a, b kept) int { return before(&a, &b) })
	return slices.Insert(list, i, k)
}

func (x *exemplars) addUnparsed(line []byte, offset int64, why error) {
	if n := len(x.unparsed); n == keepUnparsed && offset > x.unparsed[n-1].offset {
		return
	}
	k := kept{offset: offset, length: int64(len(line)) + 1, start: Unknown, end: Unknown, note: why.Error(), fresh: true}
	k.raw = slices.Clone(line[:min(len(line), maxRaw)])
	x.unparsed = place(x.unparsed, k)
	x.unparsed = x.unparsed[:min(len(x.unparsed), keepUnparsed)]
}

// drawn is the lot of the line at an offset: keeping the smallest lots is a
// uniform sample that does not depend on order and can be merged (splitmix64).
func drawn(offset int64) int64 {
	z := uint64(offset) + 0x9e3779b97f4a7c15
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return int64((z ^ z>>31) >> 1)
}

// merge takes over what other kept; numbers are its endpoints here, and asked its
// upstreams.
func (x *exemplars) merge(other *exemplars, numbers, asked []int32) {
	for i := range other.points {
		if asked != nil {
			other.points[i].renumber(asked)
		}
		ep := numbers[i]
		if int(ep) >= len(x.points) {
			x.points = append(x.points, make([]point, int(ep)+1-len(x.points))...)
		}
		x.points[ep].merge(&other.points[i])
	}
	for _, k := range other.unparsed {
		x.unparsed = place(x.unparsed, k)
	}
	x.unparsed = x.unparsed[:min(len(x.unparsed), keepUnparsed)]
}

// renumber makes the upstreams' numbers those of another aggregator.
func (p *point) renumber(asked []int32) {
	p.first.asked, p.last.asked = asked[p.first.asked], asked[p.last.asked]
	for i := range p.slowest {
		p.slowest[i].asked = asked[p.slowest[i].asked]
	}
	for i := range p.sampled {
		p.sampled[i].asked = asked[p.sampled[i].asked]
	}
}

func (p *point) merge(o *point) {
	if o.hasFailed {
		if !p.hasFailed || before(&o.first, &p.first) < 0 {
			p.first = o.first
		}
		if !p.hasFailed || before(&o.last, &p.last) > 0 {
			p.last = o.last
		}
		p.hasFailed = true
	}
	for _, k := range o.slowest {
		p.slowest = place(p.slowest, k)
	}
	p.slowest = p.slowest[:min(len(p.slowest), keepSlowest)]
	for _, k := range o.sampled {
		p.sampled = place(p.sampled, k)
	}
	p.sampled = p.sampled[:min(len(p.sampled), keepSampled)]
}

// flush hands out what is kept and was not handed out before.
func (x *exemplars) flush(facts []incident.Fact, a *Aggregator) []incident.Fact {
	number := func(ep int) int32 {
		if a.numbers != nil {
			return a.numbers[ep]
		}
		return int32(ep)
	}
	x.fold(func(ep int) int32 { return a.endpoints.resolve(number(ep)) })
	for ep := range x.points {
		p := &x.points[ep]
		give := func(kind incident.ExemplarKind, k *kept) {
			if !k.fresh {
				return
			}
			k.fresh = false
			x := k.fact(kind, a.endpoints.name(number(ep)), a.origin)
			if a.upstreams.named() {
				x.Upstream = a.upstreams.name(k.asked)
			}
			facts = append(facts, x)
		}
		if p.hasFailed {
			give(incident.FirstFailing, &p.first)
			give(incident.LastFailing, &p.last)
		}
		for i := range p.slowest {
			give(incident.Slowest, &p.slowest[i])
		}
		for i := range p.sampled {
			give(incident.Sampled, &p.sampled[i])
		}
	}
	for i := range x.unparsed {
		if k := &x.unparsed[i]; k.fresh {
			k.fresh = false
			facts = append(facts, k.fact(incident.Unparsed, incident.Endpoint{}, a.origin))
		}
	}
	return facts
}

// fold brings together what was kept under numbers that became one endpoint.
func (x *exemplars) fold(resolve func(ep int) int32) {
	first := make(map[int32]int, len(x.points))
	for i := range x.points {
		to := resolve(i)
		if j, ok := first[to]; ok {
			x.points[j].merge(&x.points[i])
			x.points[i] = point{}
			continue
		}
		first[to] = i
	}
}

// fact is the line as evidence. Credentials in it are masked here, before
// anything is stored.
func (k *kept) fact(kind incident.ExemplarKind, ep incident.Endpoint, origin incident.Origin) incident.Exemplar {
	if origin.File != "" {
		origin.From, origin.To = k.offset, k.offset+k.length
	}
	return incident.Exemplar{
		Kind: kind, Start: k.start.Time(), End: k.end.Time(), Endpoint: ep, Status: k.status, Outcome: k.outcome,
		Took: max(0, time.Duration(k.took)), Raw: redact.MaskSecrets(string(k.raw)), Note: k.note, Origin: origin,
	}
}
