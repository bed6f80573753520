package vtime

// entry is one queued event: when, in which order among equals, and the slot
// that says what. It holds no pointers.
type entry struct {
	at   Time
	seq  uint64
	slot uint32
	gen  uint32
}

func (e *entry) before(o *entry) bool { return e.at < o.at || e.at == o.at && e.seq < o.seq }

// heap is a 4-ary heap of values: half as deep as a binary one, and the four
// children of a node lie in two cache lines.
type heap struct {
	es   []entry
	hole bool // the top has been taken; whatever is pushed next may have its place
}

func (h *heap) top() *entry {
	if h.hole {
		h.hole = false
		h.pop()
	}
	if len(h.es) == 0 {
		return nil
	}
	return &h.es[0]
}

// take is pop that waits for the next push: an event that makes one other costs one
// way down the heap and not two.
func (h *heap) take() { h.hole = true }

func (h *heap) push(e entry) {
	if h.hole {
		h.hole = false
		h.replace(e)
		return
	}
	h.es = append(h.es, e)
	i := len(h.es) - 1
	for i > 0 {
		up := (i - 1) / 4
		if !e.before(&h.es[up]) {
			break
		}
		h.es[i] = h.es[up]
		i = up
	}
	h.es[i] = e
}

func (h *heap) pop() {
	n := len(h.es) - 1
	last := h.es[n]
	h.es = h.es[:n]
	if n > 0 {
		h.replace(last)
	}
}

// replace puts e in the place of the top.
func (h *heap) replace(e entry) { h.down(0, e) }

// down puts e at i, from where it sinks to where it belongs.
func (h *heap) down(i int, e entry) {
	es := h.es
	for {
		c := 4*i + 1
		if c >= len(es) {
			break
		}
		least := c
		for j := c + 1; j < min(c+4, len(es)); j++ {
			if es[j].before(&es[least]) {
				least = j
			}
		}
		if !es[least].before(&e) {
			break
		}
		es[i] = es[least]
		i = least
	}
	es[i] = e
}

// order makes a heap of entries that are in no order.
func (h *heap) order() {
	for i := (len(h.es)+2)/4 - 1; i >= 0; i-- {
		h.down(i, h.es[i])
	}
}

// ring is a FIFO queue in a circular buffer whose length is a power of two.
type ring[T any] struct {
	buf  []T
	head uint
	n    uint
}

func (r *ring[T]) len() int { return int(r.n) }

func (r *ring[T]) full() bool { return int(r.n) == len(r.buf) }

func (r *ring[T]) front() *T { return &r.buf[r.head] }

// push makes room at the end, which still holds what was there before.
func (r *ring[T]) push() *T {
	if r.full() {
		r.grow()
	}
	v := &r.buf[(r.head+r.n)&uint(len(r.buf)-1)]
	r.n++
	return v
}

// pop takes the front, which keeps what it holds until something is pushed.
func (r *ring[T]) pop() *T {
	v := &r.buf[r.head]
	r.head = (r.head + 1) & uint(len(r.buf)-1)
	r.n--
	return v
}

func (r *ring[T]) grow() {
	buf := make([]T, max(16, 2*len(r.buf)))
	n := copy(buf, r.buf[r.head:])
	copy(buf[n:], r.buf[:r.head])
	r.buf, r.head = buf, 0
}
