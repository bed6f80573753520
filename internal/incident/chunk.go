package incident

import (
	"iter"
	"slices"
	"time"
)

// chunks keeps items in order of time, in chunks of one minute, so that a
// snapshot shares all chunks and the next write copies only the one it touches.
type chunks[T any] struct {
	at    func(*T) time.Time
	order func(a, b *T) int   // total: equal means the same item
	pack  func([]T) packed[T] // what snapshots get; nil: the items as they are

	list   []*chunk[T] // by minute
	shared bool        // list itself is in a snapshot
	dirty  []*chunk[T] // not in a snapshot yet
}

type chunk[T any] struct {
	minute int64
	shared bool
	items  []T       // in order
	packed packed[T] // in place of items; nil: they are not packed
}

// packed is items in fewer bytes.
type packed[T any] interface {
	unpack(behind []T) []T // appends them
}

// all is the items in order, in room where they have to be unpacked.
func (k *chunk[T]) all(room *[]T) []T {
	if k.packed == nil {
		return k.items
	}
	*room = k.packed.unpack((*room)[:0])
	return *room
}

// find is the place of an item, which the caller may change in everything but
// its order; nil when there is none.
func (c *chunks[T]) find(x *T) *T {
	i, ok := c.index(c.at(x))
	if !ok {
		return nil
	}
	k := c.list[i]
	if k.packed != nil {
		k = c.own(i) // for the next one that is sought here too
	}
	j, ok := c.search(k.items, x)
	if !ok {
		return nil
	}
	return &c.own(i).items[j]
}

// insert puts in an item that find did not find.
func (c *chunks[T]) insert(x T) {
	i, ok := c.index(c.at(&x))
	if !ok {
		c.ownList()
		c.list = slices.Insert(c.list, i, &chunk[T]{minute: minute(c.at(&x))})
		c.dirty = append(c.dirty, c.list[i])
	}
	k := c.own(i)
	j, _ := c.search(k.items, &x)
	k.items = slices.Insert(k.items, j, x)
}

// remove takes an item out.
func (c *chunks[T]) remove(x *T) {
	i, ok := c.index(c.at(x))
	if !ok {
		return
	}
	k := c.own(i)
	if j, ok := c.search(k.items, x); ok {
		k.items = slices.Delete(k.items, j, j+1)
	}
}

// search is the place of x in items and whether it is there. Unlike the
// standard library's it copies no item, which are some 500 bytes each.
func (c *chunks[T]) search(items []T, x *T) (int, bool) {
	from, to := 0, len(items)
	for from < to {
		mid := int(uint(from+to) >> 1)
		if c.order(&items[mid], x) < 0 {
			from = mid + 1
		} else {
			to = mid
		}
	}
	return from, from < len(items) && c.order(&items[from], x) == 0
}

func (c *chunks[T]) index(at time.Time) (int, bool) {
	return slices.BinarySearchFunc(c.list, minute(at), func(k *chunk[T], m int64) int {
		return int(min(1, max(-1, k.minute-m)))
	})
}

// own makes a chunk ours to write.
func (c *chunks[T]) own(i int) *chunk[T] {
	if k := c.list[i]; !k.shared {
		return k
	}
	c.ownList()
	old := c.list[i]
	k := &chunk[T]{minute: old.minute}
	if old.packed != nil {
		k.items = old.packed.unpack(nil)
	} else {
		k.items = slices.Clone(old.items)
	}
	c.list[i] = k
	c.dirty = append(c.dirty, k)
	return k
}

func (c *chunks[T]) ownList() {
	if c.shared {
		c.list, c.shared = slices.Clone(c.list), false
	}
}

// snapshot hands out what is here now; it never changes.
func (c *chunks[T]) snapshot() []*chunk[T] {
	for _, k := range c.dirty {
		k.shared = true
		switch {
		case c.pack != nil:
			k.packed, k.items = c.pack(k.items), nil
		case cap(k.items) > len(k.items): // there is no more to come, mostly
			k.items = append(make([]T, 0, len(k.items)), k.items...)
		}
	}
	c.dirty = c.dirty[:0]
	c.shared = true
	return c.list
}

func minute(t time.Time) int64 {
	s := t.Unix()
	if s < 0 {
		s -= 59
	}
	return s / 60
}

// within yields the chunks that can hold items with at in w; the zero window
// is all of time.
func within[T any](list []*chunk[T], w Window) []*chunk[T] {
	if w == (Window{}) {
		return list
	}
	from, _ := slices.BinarySearchFunc(list, minute(w.From), func(k *chunk[T], m int64) int { return int(min(1, max(-1, k.minute-m))) })
	to, _ := slices.BinarySearchFunc(list, minute(w.To)+1, func(k *chunk[T], m int64) int { return int(min(1, max(-1, k.minute-m))) })
	return list[from:max(from, to)]
}

// spanned yields what within finds, and of each whether all of its items lie in w:
// those between the first chunk and the last need no look at each.
func spanned[T any](list []*chunk[T], w Window) iter.Seq2[*chunk[T], bool] {
	return func(yield func(*chunk[T], bool) bool) {
		all := w == (Window{})
		chunks := within(list, w)
		for i, k := range chunks {
			if !yield(k, all || i > 0 && i < len(chunks)-1) {
				return
			}
		}
	}
}

// flatten copies all items out.
func flatten[T any](list []*chunk[T]) []T {
	n := 0
	for _, k := range list {
		n += len(k.items)
	}
	all := make([]T, 0, n)
	for _, k := range list {
		all = append(all, k.items...)
	}
	return all
}
