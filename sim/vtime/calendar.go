package vtime

import (
	"math"
	"math/bits"
	"slices"
)

// queue is a heap of what is due before its horizon, and behind it a calendar queue
// (Brown, 1988) of what is due then or later: buckets of one width, in each what falls
// due in its time, in no order. When the heap is empty, the next bucket comes into it.
// So a hundred thousand timers are a heap of a hundred, which the innermost cache of a
// processor holds. While there are few, the heap has them all.
type queue struct {
	heap
	horizon Time // never while the heap has them all
	most    int  // entries in the heap, beyond which it is split

	shift   uint // a bucket is 1<<shift ns wide
	next    int  // the bucket that begins at the horizon; the others follow in a circle
	buckets []bucket
	chunks  []chunk // the first is none
	free    int32   // the first of a list of chunks
	n       int     // entries behind the horizon
	beyond  []entry // of them those due after the last bucket

	refilled func([]entry) // hears of what has come into the heap; may be nil
}

// bucket is a list of chunks, of which the first is being filled.
type bucket struct {
	chunk int32 // 0 is none
	n     int32 // entries in it; chunkSize when there is none
}

// chunk is some entries of a bucket, in whole cache lines.
type chunk struct {
	es   [chunkSize]entry
	next int32
	_    int32
}

const (
	// never is after the last instant.
	never Time = math.MaxInt64

	// heapMost is how many entries are so few that the heap has them all, and how large
	// it may at least be behind a horizon.
	heapMost = 512
	// perBucket is how many entries a bucket is to have, within a factor of two.
	perBucket = 64
	nBuckets  = 4096
	chunkSize = 21
)

var noChunk = bucket{n: chunkSize}

func newQueue() queue { return queue{horizon: never, most: heapMost} }

func (q *queue) push(e entry) {
	if e.at >= q.horizon {
		q.later(e)
		return
	}
	q.heap.push(e)
	if len(q.es) > q.most {
		q.split()
	}
}

// top is the next entry; nil when there is none.
func (q *queue) top() *entry {
	e := q.heap.top()
	if e == nil && q.n > 0 {
		q.refill()
		e = q.heap.top()
	}
	return e
}

// later puts an entry behind the horizon.
func (q *queue) later(e entry) {
	if q.horizon == never { // there is nothing behind
		q.heap.push(e)
		return
	}
	q.n++
	ahead := (e.at - q.horizon) >> q.shift
	if ahead >= nBuckets {
		q.beyond = append(q.beyond, e)
		return
	}
	b := &q.buckets[(q.next+int(ahead))%nBuckets]
	if b.n == chunkSize {
		b.chunk, b.n = q.chunk(b.chunk), 0
	}
	q.chunks[b.chunk].es[b.n] = e
	b.n++
}

// chunk is a chunk before next in its bucket.
func (q *queue) chunk(next int32) int32 {
	i := q.free
	if i == 0 {
		i = int32(len(q.chunks))
		q.chunks = append(q.chunks, chunk{})
	}
	c := &q.chunks[i]
	q.free, c.next = c.next, next
	return i
}

// empty appends a bucket to the heap's entries, which are then in no order.
func (q *queue) empty(b int) {
	n := q.buckets[b].n
	for i := q.buckets[b].chunk; i != 0; n = chunkSize {
		c := &q.chunks[i]
		q.es = append(q.es, c.es[:n]...)
		q.n -= int(n)
		i, c.next, q.free = c.next, q.free, i
	}
	q.buckets[b] = noChunk
}

// refill brings the next bucket that has anything into the heap, which is empty.
func (q *queue) refill() {
	for len(q.es) == 0 && q.n > len(q.beyond) {
		q.empty(q.next)
		if q.horizon >= never-1<<q.shift { // the end of time
			q.gather()
			break
		}
		q.horizon += 1 << q.shift
		if q.next++; q.next == nBuckets {
			q.next = 0
			q.look()
		}
	}
	switch {
	case q.n < heapMost/4:
		q.gather()
		q.order()
	case len(q.es) == 0 || len(q.es) > q.most:
		q.split()
	default:
		q.order()
	}
	if q.refilled != nil {
		q.refilled(q.es)
	}
}

// look finds what is due after the last bucket a place in one, as far as there now is.
func (q *queue) look() {
	all := q.beyond
	q.beyond = q.beyond[:0] // which never overtakes what is read of it
	q.n -= len(all)
	for _, e := range all {
		q.later(e)
	}
}

// gather takes the horizon away. The heap's entries are then in no order.
func (q *queue) gather() {
	for b := range q.buckets {
		q.empty(b)
	}
	q.es = append(q.es, q.beyond...)
	q.beyond, q.n = q.beyond[:0], 0
	q.horizon, q.most = never, max(heapMost, 2*len(q.es))
}

// split puts the horizon where the heap is left with some perBucket entries: there was
// none so far, or there is much more in a bucket than when it was last done.
func (q *queue) split() {
	if q.buckets == nil {
		q.buckets, q.chunks = make([]bucket, nBuckets), make([]chunk, 1)
		for i := range q.buckets {
			q.buckets[i] = noChunk
		}
	}
	q.gather()
	all := q.es
	first := all[0].at
	for i := range all {
		first = min(first, all[i].at)
	}
	if q.shift = shiftFor(all, first); first < never-1<<q.shift {
		q.next, q.horizon = 0, first+1<<q.shift
		q.es = all[:0]
		for _, e := range all {
			if e.at < q.horizon {
				q.es = append(q.es, e)
			} else {
				q.later(e)
			}
		}
		q.most = max(heapMost, 2*len(q.es))
	}
	if q.n == 0 { // all within one bucket, or at the end of time
		q.gather()
	}
	q.order()
}

// shiftFor is the width of buckets that have some perBucket of the entries each, were
// those as close as they are up to the median of a sample.
func shiftFor(all []entry, first Time) uint {
	var sample [65]Time
	for i := range sample {
		sample[i] = all[i*len(all)/len(sample)].at - first
	}
	slices.Sort(sample[:])
	width := 2 * perBucket * float64(sample[len(sample)/2]) / float64(len(all))
	return uint(bits.Len64(uint64(width) / 2))
}
