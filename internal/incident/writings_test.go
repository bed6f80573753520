package incident

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
)

// scribbled is much that people wrote: some of it of one instant, of phases, hidden, of
// entries that the evidence gives, or by a later program.
func scribbled(n int) (list []Written) {
	r := rand.New(rand.NewPCG(1, 2))
	for i := range n {
		e := Entry{
			ID: fmt.Sprintf("row-%05d", r.Uint32()%1e5), Start: sec(float64(r.IntN(50))), Precision: time.Second, Kind: EntryKind(r.IntN(len(entryKindNames))),
			Text: strings.Repeat("seen ", r.IntN(100)) + fmt.Sprint(i), Lane: []string{"people", "deploy", ""}[r.IntN(3)],
			Confidence: "stated", Hidden: r.IntN(5) == 0, Phase: Phase(r.IntN(len(phaseNames))), Actor: fmt.Sprintf("role %d", r.IntN(2*maxWords)),
		}
		if r.IntN(4) == 0 {
			e.End = e.Start.Add(time.Minute)
			e.Comments = []Comment{{At: e.End.In(time.FixedZone("", 3600)), Role: "author", Text: "late"}, {Text: "no time"}}
		}
		w := WriteEntry(e)
		if r.IntN(10) == 0 {
			w.Fields["of a later program"] = fmt.Sprint(i)
		}
		list = append(list, w)
	}
	list = slices.CompactFunc(list, func(a, b Written) bool { return a.ID == b.ID })
	for _, id := range []string{"lock", "first", "gone"} {
		list = append(list, Written{ID: EntryID("evidence", id), Derived: true, Fields: map[string]string{"hidden": "true", "lane": "people"}})
	}
	seen := map[string]bool{}
	return slices.DeleteFunc(list, func(w Written) bool {
		twice := seen[w.ID]
		seen[w.ID] = true
		return twice
	})
}

func TestWritingsArePacked(t *testing.T) {
	want := scribbled(8000)
	w := PackWritten(slices.Values(want))
	byID := func(a, b Written) int { return strings.Compare(a.ID, b.ID) }
	if d := gocmp.Diff(slices.SortedFunc(slices.Values(want), byID), slices.SortedFunc(w.All(), byID)); d != "" {
		t.Error(d)
	}
	found := map[int]bool{}
	for _, x := range want {
		at, ok := w.Find(x.ID)
		if !ok || found[at] {
			t.Fatalf("%s is at %d, %v, where %v is something else", x.ID, at, ok, found[at])
		}
		found[at] = true
		if d := gocmp.Diff(x, w.At(at)) + gocmp.Diff(x.Apply(Entry{ID: x.ID, Text: "before"}), w.apply(at, Entry{ID: x.ID, Text: "before"})); d != "" {
			t.Fatal(d)
		}
	}
	if _, ok := w.Find("row"); ok {
		t.Error("an id that nobody wrote is found")
	}
	var none *Writings
	if _, ok := none.Find("row"); ok || none.Len() != 0 || len(slices.Collect(none.All())) != 0 || PackWritten(none.All()) != nil {
		t.Error("nothing written is something")
	}
}

// Of blocks some end with a long text, some when they have enough of short ones; each text
// is what it was, whoever asks for it meanwhile.
func TestBlocksOfTexts(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	var want []string
	var b blocks
	w := newBlockWriter(&b)
	for i := range 20 * blockTexts {
		n := r.IntN(30)
		if r.IntN(50) == 0 {
			n = r.IntN(2 * blockBytes)
		}
		want = append(want, strings.Repeat(string(rune('a'+i%26)), n)+fmt.Sprint(i))
		w.add(want[i])
	}
	w.done()
	if b.len != len(want) || len(b.list) <= 20 || len(b.list) <= recentBlocks {
		t.Fatalf("%d texts in %d blocks", b.len, len(b.list))
	}
	var all sync.WaitGroup
	for seed := range uint64(4) {
		all.Go(func() {
			for _, i := range rand.New(rand.NewPCG(seed, 5)).Perm(len(want)) {
				if got := b.at(i); got != want[i] {
					t.Errorf("text %d is %.40q, want %.40q", i, got, want[i])
				}
			}
		})
	}
	all.Wait()
}

// Somebody may write any year: the rows keep each instant.
func TestRowsOfAllTimes(t *testing.T) {
	var list []Written
	var want []time.Time
	for _, year := range []int{1, 1700, 1969, 2026, 2026, 2100, 2300, 9999} {
		at := time.Date(year, 12, 31, 23, 59, 59, 999_999_999-len(want), time.UTC)
		want = append(want, at)
		list = append(list, WriteEntry(Entry{ID: fmt.Sprint("row ", len(want)), Start: at, Text: "seen"}))
	}
	slices.SortFunc(want, time.Time.Compare)
	r := NewRows(&View{Written: PackWritten(slices.Values(list))}, Analysis{})
	for i, at := range want {
		if !r.At(i).Equal(at) || !r.Moment(i).At.Equal(at) || r.From(at) != i {
			t.Errorf("row %d is of %s and %s, the first of its instant %d, want %s", i, r.At(i), r.Moment(i).At, r.From(at), at)
		}
	}
}

// The rows are the moments of the evidence and people's own entries, in order, as they
// were put together one by one.
func TestRows(t *testing.T) {
	a := Analysis{Derived: []Moment{
		{ID: "lock", At: sec(1), Kind: MTrigger, Text: "lock held", Lane: "locks", Confidence: "measured"},
		{ID: "first", At: sec(2), Kind: MSymptom, Text: "first failing", Lane: "errors", Confidence: "derived"},
		{ID: "full", At: sec(2), Kind: MSymptom, Text: "pool full", Lane: "pool", Confidence: "measured", End: sec(9)},
		{ID: "ok", At: sec(99), Kind: MRecovery, Text: "succeeds again", Lane: "errors", Confidence: "measured"},
	}}
	ofTheirOwn := WriteEntry(Entry{ID: EntryID("evidence", "full"), Start: sec(3), Text: "as an entry of their own", Lane: "people", Confidence: "stated"})
	delete(ofTheirOwn.Fields, "kind")
	for _, written := range [][]Written{nil, scribbled(3), scribbled(2000), append(scribbled(300), ofTheirOwn)} {
		all := PackWritten(slices.Values(written))
		var want []Moment
		var phases int
		for _, e := range Timeline(nil, a, all) {
			switch i := slices.IndexFunc(a.Derived, func(m Moment) bool { return EntryID("evidence", m.ID) == e.ID }); {
			case i >= 0:
				m := e.Moment()
				m.ID, m.Kind, m.SourceText = a.Derived[i].ID, a.Derived[i].Kind, a.Derived[i].SourceText
				want = append(want, m)
			case e.Kind == KPhase:
				if !e.Hidden {
					phases++
				}
			default:
				want = append(want, e.Moment())
			}
		}
		slices.SortFunc(want, func(a, b Moment) int {
			return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.Kind, b.Kind), strings.Compare(a.ID, b.ID))
		})
		r := NewRows(&View{Written: all}, a)
		if r.Len() != len(want) || len(r.Phases) != phases {
			t.Fatalf("%d rows and %d phases, want %d and %d", r.Len(), len(r.Phases), len(want), phases)
		}
		if d := gocmp.Diff(want, Moments(a, all)); d != "" {
			t.Error(d)
		}
		for i, m := range want {
			if !r.At(i).Equal(m.At) || r.Kind(i) != m.Kind || r.Hidden(i) != m.Hidden || r.Lasts(i) != !m.End.IsZero() ||
				r.Inferred(i) != m.Inferred() || r.Lanes()[r.Lane(i)] != m.Lane || r.ID(i) != m.ID {
				t.Errorf("row %d is not %+v", i, m)
			}
			if e := r.Entry(i); e.Text != m.Text || !r.Has(e.ID) {
				t.Errorf("row %d is of entry %+v", i, e)
			}
			if from := r.From(m.At); !r.At(from).Equal(m.At) || from > 0 && !r.At(from-1).Before(m.At) {
				t.Errorf("from %s on is row %d", m.At, from)
			}
		}
	}
	if r := (*Rows)(nil); r.Len() != 0 || r.From(t0) != 0 || r.Has("lock") {
		t.Error("no rows are some")
	}
}
