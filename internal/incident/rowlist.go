package incident

import (
	"cmp"
	"math"
	"slices"
	"time"
)

// row is what drawing needs of every row, also of those out of sight.
type row struct {
	sec  int64 // of the instant, since 1970
	nsec int32
	rowMark
}

// rowMark is the rest of it: its lane's number, its kind and its flags.
type rowMark uint32

const (
	rowHidden rowMark = 1 << iota
	rowLasts
	rowInferred
	rowKind // the kind's place

	rowFlags = 3
	kindBits = 4
)

func (m rowMark) is(flag rowMark) bool { return m&flag != 0 }
func (m rowMark) kind() MomentKind     { return MomentKind(m / rowKind & (1<<kindBits - 1)) }
func (m rowMark) lane() int            { return int(m >> (rowFlags + kindBits)) }

func (r row) at() time.Time { return time.Unix(r.sec, int64(r.nsec)).UTC() }

// compare is the order of rows, by instant and then by kind.
func (r row) compare(o row) int {
	return cmp.Or(cmp.Compare(r.sec, o.sec), cmp.Compare(r.nsec, o.nsec), cmp.Compare(r.kind(), o.kind()))
}

// laneNumbers numbers lanes as they come.
type laneNumbers struct {
	names   []string
	numbers map[string]int
}

func (l *laneNumbers) number(lane string) int {
	n, ok := l.numbers[lane]
	if !ok {
		if l.numbers == nil {
			l.numbers = map[string]int{}
		}
		n = len(l.names)
		l.names = append(l.names, lane)
		l.numbers[lane] = n
	}
	return n
}

func (l *laneNumbers) row(m Moment) row {
	mark := rowMark(l.number(m.Lane))<<(rowFlags+kindBits) | rowMark(m.Kind)*rowKind
	if m.Hidden {
		mark |= rowHidden
	}
	if !m.End.IsZero() {
		mark |= rowLasts
	}
	if m.Inferred() {
		mark |= rowInferred
	}
	return row{m.At.Unix(), int32(m.At.Nanosecond()), mark}
}

// rowList is rows in order of time, in twelve bytes each. The zero list is empty.
type rowList struct {
	eras []era // one, unless the rows span more than a hundred years
	rows []eraRow
}

// era is rows in a row whose instants are counted in seconds from one.
type era struct {
	first int
	sec   int64
}

type eraRow struct {
	sec  uint32 // since the era's
	nsec int32
	rowMark
}

func (l *rowList) len() int { return len(l.rows) }

// grow makes room for n more.
func (l *rowList) grow(n int) { l.rows = slices.Grow(l.rows, n) }

// add appends a row, which is not before the last.
func (l *rowList) add(r row) {
	n := len(l.eras)
	if n == 0 || r.sec-l.eras[n-1].sec > math.MaxUint32 {
		l.eras = append(l.eras, era{len(l.rows), r.sec})
		n++
	}
	l.rows = append(l.rows, eraRow{uint32(r.sec - l.eras[n-1].sec), r.nsec, r.rowMark})
}

// at is the i-th row.
func (l *rowList) at(i int) row {
	e := len(l.eras) - 1
	for l.eras[e].first > i {
		e--
	}
	r := l.rows[i]
	return row{l.eras[e].sec + int64(r.sec), r.nsec, r.rowMark}
}
