package pipeline

// arena holds objects of one kind by number, so that they refer to each other
// without pointers. Its blocks never move; an object given back is used again.
type arena[T any] struct {
	blocks []*[blockSize]T
	free   []int32
	n      int32 // made so far
	live   int
	most   int32  // objects, after which full hears of every further block
	full   func() // may be nil
}

const (
	blockBits = 10
	blockSize = 1 << blockBits
)

func (a *arena[T]) at(i int32) *T { return &a.blocks[i>>blockBits][i&(blockSize-1)] }

// take is the number of an object, which the caller fills in.
func (a *arena[T]) take() int32 {
	a.live++
	if n := len(a.free) - 1; n >= 0 {
		i := a.free[n]
		a.free = a.free[:n]
		return i
	}
	if int(a.n) == len(a.blocks)<<blockBits {
		a.blocks = append(a.blocks, new([blockSize]T))
		if a.full != nil && a.n >= a.most {
			a.full()
		}
	}
	a.n++
	return a.n - 1
}

func (a *arena[T]) give(i int32) {
	a.live--
	a.free = append(a.free, i)
}

// none is the number of no object.
const none int32 = -1

// link is an object's place in a list.
type link struct{ prev, next int32 }

// list is objects of an arena in the order in which they came.
type list struct {
	first, last int32
	n           int32
}

func newList() list { return list{first: none, last: none} }

// linked finds the link of an object for a list.
type linked func(int32) *link

func (l *list) push(i int32, at linked) {
	e := at(i)
	e.prev, e.next = l.last, none
	if l.last != none {
		at(l.last).next = i
	} else {
		l.first = i
	}
	l.last = i
	l.n++
}

func (l *list) remove(i int32, at linked) {
	e := at(i)
	if e.prev != none {
		at(e.prev).next = e.next
	} else {
		l.first = e.next
	}
	if e.next != none {
		at(e.next).prev = e.prev
	} else {
		l.last = e.prev
	}
	e.prev, e.next = none, none
	l.n--
}
