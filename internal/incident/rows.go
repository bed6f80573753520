package incident

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// Rows is a timeline in its order, as screens show it: Moments of a hundred thousand
// entries in few bytes each, of which a row is put together when it is looked at. It
// never changes; nil has no rows.
type Rows struct {
	Phases []Entry // as Phases has them

	moments []Moment // of the evidence, as people changed them
	entries []Entry  // the same, as entries
	entry   map[string]int
	written *Writings
	rows    []row
	lanes   []string
}

// row is what drawing needs of every row, also of those out of sight.
type row struct {
	sec      int64 // of the instant, since 1970
	nsec, of int32 // of: 0 and above is a moment of the evidence, the complement of below one of the written
	lane     int32
	kind     MomentKind
	is       rowFlags
}

type rowFlags uint8

const (
	rowHidden rowFlags = 1 << iota
	rowLasts
	rowInferred
)

func (r row) at() time.Time { return time.Unix(r.sec, int64(r.nsec)).UTC() }

func (r row) compare(o row) int {
	return cmp.Or(cmp.Compare(r.sec, o.sec), cmp.Compare(r.nsec, o.nsec))
}

// laneNumbers numbers lanes as they come.
type laneNumbers struct {
	names   []string
	numbers map[string]int32
}

func (l *laneNumbers) number(lane string) int32 {
	n, ok := l.numbers[lane]
	if !ok {
		if l.numbers == nil {
			l.numbers = map[string]int32{}
		}
		n = int32(len(l.names))
		l.names = append(l.names, lane)
		l.numbers[lane] = n
	}
	return n
}

func (l *laneNumbers) row(m Moment, of int32) row {
	r := row{sec: m.At.Unix(), nsec: int32(m.At.Nanosecond()), of: of, lane: l.number(m.Lane), kind: m.Kind}
	if m.Hidden {
		r.is |= rowHidden
	}
	if !m.End.IsZero() {
		r.is |= rowLasts
	}
	if m.Inferred() {
		r.is |= rowInferred
	}
	return r
}

// NewRows puts a timeline in order: what the analysis says of the evidence in v, and
// what people wrote (View.Written). What is written is in its order already, so that of
// much that is written new evidence costs little.
func NewRows(v *View, a Analysis) *Rows {
	r := &Rows{entry: map[string]int{}}
	if v != nil {
		r.written = v.Written
	}
	var patches []Written
	patched := map[int32]bool{}
	for _, m := range a.Derived {
		if i, ok := r.written.Find(EntryID("evidence", m.ID)); ok && !patched[int32(^i)] {
			patches = append(patches, r.written.At(i))
			patched[int32(^i)] = true
		}
	}
	r.moments = changed(a.Derived, patches)
	r.entries = Timeline(v, a, PackWritten(slices.Values(patches)))
	for i := range r.entries {
		r.entry[r.entries[i].ID] = i
	}
	var phases []Entry
	if r.written != nil {
		for _, i := range r.written.phases {
			if !patched[^i] {
				phases = append(phases, r.written.own(int(i)))
			}
		}
	}
	r.Phases = Phases(append(phases, r.entries...))
	r.merge(patched)
	return r
}

// merge puts the evidence's moments between people's own entries.
func (r *Rows) merge(patched map[int32]bool) {
	var lanes laneNumbers
	var own []row
	if r.written != nil {
		own = r.written.rows
		for _, l := range r.written.lanes {
			lanes.number(l)
		}
	}
	r.rows = make([]row, 0, len(own)+len(r.moments))
	for i := range r.moments {
		m := lanes.row(r.moments[i], int32(i))
		for len(own) > 0 && r.order(own[0], m) <= 0 {
			if !patched[own[0].of] {
				r.rows = append(r.rows, own[0])
			}
			own = own[1:]
		}
		r.rows = append(r.rows, m)
	}
	for _, o := range own {
		if !patched[o.of] {
			r.rows = append(r.rows, o)
		}
	}
	r.lanes = lanes.names
}

// order is that of moments: by instant, then kind, then id.
func (r *Rows) order(a, b row) int {
	if c := cmp.Or(a.compare(b), cmp.Compare(a.kind, b.kind)); c != 0 {
		return c
	}
	return strings.Compare(r.id(a), r.id(b))
}

func (r *Rows) id(x row) string {
	if x.of >= 0 {
		return r.moments[x.of].ID
	}
	return r.written.id(int(^x.of))
}

// ID is the id of the i-th row, as a moment.
func (r *Rows) ID(i int) string { return r.id(r.rows[i]) }

// Len is how many rows there are, hidden ones among them.
func (r *Rows) Len() int {
	if r == nil {
		return 0
	}
	return len(r.rows)
}

// At is when the i-th row began.
func (r *Rows) At(i int) time.Time { return r.rows[i].at() }

// Kind is what the i-th row is.
func (r *Rows) Kind(i int) MomentKind { return r.rows[i].kind }

// Hidden says that somebody hid the i-th row.
func (r *Rows) Hidden(i int) bool { return r.rows[i].is&rowHidden != 0 }

// Lasts says that the i-th row has an end.
func (r *Rows) Lasts(i int) bool { return r.rows[i].is&rowLasts != 0 }

// Inferred says that the i-th row was concluded, and not seen or stated.
func (r *Rows) Inferred(i int) bool { return r.rows[i].is&rowInferred != 0 }

// Lane is the number of the i-th row's lane among Lanes.
func (r *Rows) Lane(i int) int { return int(r.rows[i].lane) }

// Lanes are the names of all lanes.
func (r *Rows) Lanes() []string { return r.lanes }

// Written is where in what people wrote the i-th row stands, if it is of their own.
func (r *Rows) Written(i int) (at int, own bool) { return int(^r.rows[i].of), r.rows[i].of < 0 }

// From is the first row at an instant or after it.
func (r *Rows) From(at time.Time) int {
	if r == nil {
		return 0
	}
	i, _ := slices.BinarySearchFunc(r.rows, row{sec: at.Unix(), nsec: int32(at.Nanosecond())}, row.compare)
	return i
}

// Moment is the i-th row.
func (r *Rows) Moment(i int) Moment {
	if of := r.rows[i].of; of < 0 {
		return r.written.own(int(^of)).Moment()
	}
	return r.moments[r.rows[i].of]
}

// Entry is the i-th row with all that is known and written of it.
func (r *Rows) Entry(i int) Entry {
	if of := r.rows[i].of; of < 0 {
		return r.written.own(int(^of))
	}
	return r.entries[r.entry[EntryID("evidence", r.moments[r.rows[i].of].ID)]]
}

// Has says that an entry of this id is in the timeline, be it a phase.
func (r *Rows) Has(id string) bool {
	if r == nil {
		return false
	}
	if _, ok := r.entry[id]; ok {
		return true
	}
	i, ok := r.written.Find(id)
	return ok && !r.written.At(i).Derived
}
