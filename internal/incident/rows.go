package incident

import (
	"slices"
	"sort"
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

	derived rowList // of the moments
	places  []int   // which of all rows they are
	passed  []int   // how many of them are before each rowsPerMark rows
	own     *rowList
	kept    []int32 // the own ones that are rows; nil when all of them are
	lanes   []string
}

// rowsPerMark is how many rows one of Rows.passed is for.
const rowsPerMark = 64

// NewRows puts a timeline in order: what the analysis says of the evidence in v, and
// what people wrote (View.Written). What is written is in its order already, so that of
// much that is written new evidence costs little.
func NewRows(v *View, a Analysis) *Rows {
	r := &Rows{entry: map[string]int{}}
	if v != nil {
		r.written = v.Written
	}
	var patches []Written
	patched := map[int]bool{}
	for _, m := range a.Derived {
		if i, ok := r.written.Find(EntryID("evidence", m.ID)); ok && !patched[i] {
			patches = append(patches, r.written.At(i))
			patched[i] = true
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
			if !patched[int(i)] {
				phases = append(phases, r.written.own(int(i)))
			}
		}
	}
	r.Phases = Phases(append(phases, r.entries...))
	r.merge(patched)
	return r
}

// merge puts the evidence's moments between people's own entries, of which those that
// were patches are none.
func (r *Rows) merge(patched map[int]bool) {
	var lanes laneNumbers
	r.own = &rowList{}
	if r.written != nil {
		r.own = &r.written.rows
		for _, l := range r.written.lanes {
			lanes.number(l)
		}
	}
	for i := range patched {
		if i < r.own.len() && r.kept == nil {
			r.kept = make([]int32, 0, r.own.len())
			for n := range r.own.len() {
				if !patched[n] {
					r.kept = append(r.kept, int32(n))
				}
			}
		}
	}
	before := 0 // people's own
	for i := range r.moments {
		m := lanes.row(r.moments[i])
		before += sort.Search(r.owned()-before, func(n int) bool { return r.after(before+n, m, r.moments[i].ID) })
		r.derived.add(m)
		r.places = append(r.places, before+i)
	}
	r.lanes = lanes.names
	next := 0
	for i := 0; i <= r.Len(); i += rowsPerMark {
		for next < len(r.places) && r.places[next] < i {
			next++
		}
		r.passed = append(r.passed, next)
	}
}

// owned is how many rows are of people's own.
func (r *Rows) owned() int {
	if r.kept != nil {
		return len(r.kept)
	}
	return r.own.len()
}

// entryOf is which entry the n-th row of people's own is.
func (r *Rows) entryOf(n int) int {
	if r.kept != nil {
		return int(r.kept[n])
	}
	return n
}

// after says that the n-th row of people's own comes after a moment: by instant, then
// kind, then id.
func (r *Rows) after(n int, m row, id string) bool {
	of := r.entryOf(n)
	if c := r.own.at(of).compare(m); c != 0 {
		return c > 0
	}
	return r.written.id(of) > id
}

// where is of what the i-th row is: of a moment, or of an entry of people's own.
func (r *Rows) where(i int) (moment, entry int) {
	n := r.passed[i/rowsPerMark]
	for n < len(r.places) && r.places[n] < i {
		n++
	}
	if n < len(r.places) && r.places[n] == i {
		return n, -1
	}
	return -1, r.entryOf(i - n)
}

func (r *Rows) row(i int) row {
	moment, entry := r.where(i)
	if entry >= 0 {
		return r.own.at(entry)
	}
	return r.derived.at(moment)
}

// ID is the id of the i-th row, as a moment.
func (r *Rows) ID(i int) string {
	moment, entry := r.where(i)
	if entry >= 0 {
		return r.written.id(entry)
	}
	return r.moments[moment].ID
}

// Len is how many rows there are, hidden ones among them.
func (r *Rows) Len() int {
	if r == nil {
		return 0
	}
	return len(r.moments) + r.owned()
}

// At is when the i-th row began.
func (r *Rows) At(i int) time.Time { return r.row(i).at() }

// Kind is what the i-th row is.
func (r *Rows) Kind(i int) MomentKind { return r.row(i).kind() }

// Hidden says that somebody hid the i-th row.
func (r *Rows) Hidden(i int) bool { return r.row(i).is(rowHidden) }

// Lasts says that the i-th row has an end.
func (r *Rows) Lasts(i int) bool { return r.row(i).is(rowLasts) }

// Inferred says that the i-th row was concluded, and not seen or stated.
func (r *Rows) Inferred(i int) bool { return r.row(i).is(rowInferred) }

// Lane is the number of the i-th row's lane among Lanes.
func (r *Rows) Lane(i int) int { return r.row(i).lane() }

// Lanes are the names of all lanes.
func (r *Rows) Lanes() []string { return r.lanes }

// Written is where in what people wrote the i-th row stands, if it is of their own.
func (r *Rows) Written(i int) (at int, own bool) {
	_, at = r.where(i)
	return at, at >= 0
}

// From is the first row at an instant or after it.
func (r *Rows) From(at time.Time) int {
	return sort.Search(r.Len(), func(i int) bool { return !r.At(i).Before(at) })
}

// Moment is the i-th row.
func (r *Rows) Moment(i int) Moment {
	moment, entry := r.where(i)
	if entry >= 0 {
		return r.written.own(entry).Moment()
	}
	return r.moments[moment]
}

// Entry is the i-th row with all that is known and written of it.
func (r *Rows) Entry(i int) Entry {
	moment, entry := r.where(i)
	if entry >= 0 {
		return r.written.own(entry)
	}
	return r.entries[r.entry[EntryID("evidence", r.moments[moment].ID)]]
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
