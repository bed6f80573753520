package incident

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tripcurve/internal/pglock"
)

var (
	t0     = time.Date(2026, 1, 15, 14, 23, 0, 0, time.UTC)
	orders = Endpoint{"POST", "/api/orders"}
	reads  = Endpoint{"GET", "/api/inventory/:sku"}
	pg     = Origin{Group: "postgres", Name: "pg"}
)

func sec(s float64) time.Time { return t0.Add(time.Duration(s * float64(time.Second))) }

func during(from, to float64) Window { return Window{sec(from), sec(to)} }

// logged is a bucket counted from bytes [from, to) of a log.
func logged(at float64, e Endpoint, started, ended, from, to int64) Bucket {
	return Bucket{
		At: sec(at), Width: time.Second, Endpoint: e, Status: 200, Started: started, Ended: ended,
		Origin: Origin{Group: "gateway", Name: "access.log", File: "9c1f", From: from, To: to},
	}
}

func TestBytesOfAFileCountOnce(t *testing.T) {
	for _, c := range []struct {
		name  string
		parts []Bucket
		want  int64 // started
	}{
		{"one range after another", []Bucket{logged(0, orders, 2, 0, 0, 100), logged(0, orders, 3, 0, 100, 200)}, 5},
		{"the same again", []Bucket{logged(0, orders, 2, 0, 0, 100), logged(0, orders, 2, 0, 0, 100)}, 2},
		{"a part again", []Bucket{logged(0, orders, 5, 0, 0, 200), logged(0, orders, 2, 0, 0, 100)}, 5},
		{"read whole after it was followed", []Bucket{logged(0, orders, 2, 0, 0, 100), logged(0, orders, 3, 0, 100, 200), logged(0, orders, 6, 0, 0, 300)}, 6},
		{"ranges out of order", []Bucket{logged(0, orders, 1, 0, 500, 600), logged(0, orders, 1, 0, 0, 100), logged(0, orders, 1, 0, 200, 300)}, 3},
		{"half known: too few rather than twice", []Bucket{logged(0, orders, 2, 0, 0, 100), logged(0, orders, 2, 0, 50, 150)}, 2},
		{"live facts add up", []Bucket{logged(0, orders, 2, 0, 0, 0), logged(0, orders, 2, 0, 0, 0)}, 4},
	} {
		t.Run(c.name, func(t *testing.T) {
			ev := NewEvidence()
			for _, b := range c.parts {
				ev.Add(b)
			}
			got := ev.Snapshot().Buckets()
			if len(got) != 1 || got[0].Started != c.want {
				t.Errorf("%+v, want %d started", got, c.want)
			}
		})
	}
	t.Run("two files of one name stay two", func(t *testing.T) {
		a, b := logged(0, orders, 1, 0, 0, 100), logged(0, orders, 1, 0, 0, 100)
		b.Origin.File = "77aa"
		ev := NewEvidence()
		ev.Add(a, b)
		if got := ev.Snapshot().Buckets(); len(got) != 2 || got[0].ID() == got[1].ID() {
			t.Errorf("%+v", got)
		}
	})
}

func TestASnapshotNeverChanges(t *testing.T) {
	ev := NewEvidence()
	add := func(i int) {
		x := float64(i)
		ev.Add(
			logged(math.Mod(x*7, 300), orders, 1, 1, 0, 0),
			wait(51000+i%20, 5, 5+x, true, Blocker{PID: 1, Hard: true}),
			Series{Name: "c", Kind: Counter, Points: []Point{{sec(math.Mod(x*13, 400)), x}}},
			Exemplar{Kind: Slowest, Endpoint: orders, Start: sec(x), End: sec(x + 1), Took: time.Duration(i), Origin: Origin{Name: "log"}},
			Change{At: sec(math.Mod(x*11, 97)), System: fmt.Sprint(i)},
		)
		ev.SetSource(SourceStatus{Name: "pg", LastAt: sec(x)})
	}
	for i := range 50 {
		add(i)
	}
	view := ev.Snapshot()
	before := fmt.Sprintf("%+v %+v", view.Facts(), view.Sources)
	var readers sync.WaitGroup
	for range 4 {
		readers.Go(func() {
			for range 20 {
				view.Rate(func(Bucket) bool { return true }, view.Window, time.Second, false)
				view.LockTree(sec(20))
				view.Facts()
			}
		})
	}
	for i := 50; i < 400; i++ {
		add(i)
		ev.Snapshot()
	}
	readers.Wait()
	if after := fmt.Sprintf("%+v %+v", view.Facts(), view.Sources); after != before {
		t.Error("the view has changed")
	}
	if n := len(ev.Snapshot().Buckets()); n <= len(view.Buckets()) {
		t.Errorf("the evidence did not grow: %d buckets", n)
	}
}

func TestEveryFactIsFoundByItsID(t *testing.T) {
	ev := NewEvidence()
	ev.Add(
		logged(3, orders, 1, 0, 0, 10), logged(61, reads, 1, 0, 10, 20),
		wait(51000, 5, 9, false, Blocker{PID: 1, Hard: true}),
		Episode{Kind: Gap, From: sec(1), To: sec(2), Text: "a / b", Origin: pg},
		Series{Name: "c", Labels: map[string]string{"path": "/x"}, Points: []Point{{sec(1), 1}}},
		Exemplar{Kind: FirstFailing, Endpoint: orders, Start: sec(3), Status: 502, Outcome: UpstreamTimeout, Origin: Origin{Name: "log", From: 3, To: 9}},
		Exemplar{Kind: Unparsed, Raw: "?", Origin: Origin{Name: "log", From: 30, To: 39}},
		Change{At: sec(1), Kind: Restart, System: "order"},
	)
	v := ev.Snapshot()
	seen := map[ID]bool{}
	for _, f := range v.Facts() {
		got, ok := v.Get(f.ID())
		if !ok || got.ID() != f.ID() || seen[f.ID()] {
			t.Errorf("%s: found %v, %v", f.ID(), got, ok)
		}
		seen[f.ID()] = true
	}
	for _, id := range []ID{"", "bucket/", "episode/x/~", "series/none", "nonsense"} {
		if f, ok := v.Get(id); ok {
			t.Errorf("%q is %v", id, f)
		}
	}
}

func wait(pid int, from, to float64, open bool, by ...Blocker) Episode {
	return Episode{
		Kind: LockWait, From: sec(from), To: sec(to), Open: open, ToErr: time.Second,
		Session: Session{PID: pid, BackendStart: sec(-3600), State: "active"},
		Wanted:  pglock.RowExclusive, LockType: "relation", Relation: "stock_reservations", Blockers: by, Origin: pg,
	}
}

func TestAnOpenEpisodeGoesOn(t *testing.T) {
	ev := NewEvidence()
	migration, writer := Blocker{PID: 48291, Hard: true, Mode: pglock.Share}, Blocker{PID: 40, Hard: true, Mode: pglock.RowExclusive}
	ev.Add(wait(51000, 1, 2, true, writer))
	ev.Add(wait(51000, 1, 3, true, writer))
	ev.Add(wait(51000, 1, 4, true, migration, Blocker{PID: 7})) // another holder
	ev.Add(wait(51000, 1, 5, true, migration))                  // the queue ahead moves: nothing to remember
	ev.Add(wait(51000, 1, 6, false, migration))
	ev.Add(wait(51000, 1, 3, true, writer)) // an old batch again
	ev.Add(wait(51000, 8, 9, true, migration))
	want := []Episode{wait(51000, 1, 6, false, migration), wait(51000, 8, 9, true, migration)}
	want[0].Was = []Blocking{{Until: sec(3), Blockers: []Blocker{writer}}}
	v := ev.Snapshot()
	if diff := cmp.Diff(want, v.Episodes()); diff != "" {
		t.Error(diff)
	}
	for at, pid := range map[float64]int{2: 40, 3: 40, 4: 48291, 6: 48291} {
		if tree := v.LockTree(sec(at)); len(tree.Roots) != 1 || tree.Roots[0].PID != pid {
			t.Errorf("at %v s the root is %+v, want pid %d", at, tree.Roots, pid)
		}
	}
	if tree := v.LockTree(sec(7)); tree.Waiting != 0 || len(tree.Roots) != 0 {
		t.Errorf("at 7 s nobody waits, but %+v", tree)
	}
	if diff := cmp.Diff([]time.Time{sec(2), sec(3), sec(4), sec(5), sec(6), sec(9)}, v.SampleTimes(during(0, 10))); diff != "" {
		t.Error("sample times:", diff)
	}
}

func TestAWaitWithoutAStartIsTheSameWait(t *testing.T) {
	ev := NewEvidence()
	for s := 1.0; s < 5; s++ { // PostgreSQL 13: each sample only knows that it waits
		e := wait(51000, s, s, true, Blocker{PID: 1, Hard: true})
		e.FromErr = time.Second
		ev.Add(e)
	}
	got := ev.Snapshot().Episodes()
	if len(got) != 1 || !got[0].From.Equal(sec(1)) || !got[0].To.Equal(sec(4)) {
		t.Errorf("%+v", got)
	}
}

func TestSeriesAreContinued(t *testing.T) {
	ev := NewEvidence()
	s := func(points ...Point) Series {
		return Series{Name: "grpc_client_started_total", Kind: Counter, Points: points}
	}
	ev.Add(s(Point{sec(0), 1}, Point{sec(5), math.NaN()}, Point{sec(10), 7}))
	view := ev.Snapshot()
	ev.Add(s(Point{sec(10), 7}, Point{sec(15), 9}), s(Point{sec(5), 4}), s(Point{sec(20), 2}), s(Point{sec(2), 3}))
	want := []Point{{sec(0), 1}, {sec(2), 3}, {sec(5), 4}, {sec(10), 7}, {sec(15), 9}, {sec(20), 2}}
	got := ev.Snapshot().AllSeries()
	if len(got) != 1 {
		t.Fatalf("%d series", len(got))
	}
	if diff := cmp.Diff(want, got[0].Points); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]time.Time{sec(20)}, got[0].Resets()); diff != "" {
		t.Error("resets:", diff)
	}
	if len(view.AllSeries()[0].Points) != 3 {
		t.Error("the old view has changed")
	}
}

func TestMemoryIsBounded(t *testing.T) {
	ev := NewEvidence()
	n := 0.0
	for i := range 10 * maxPoints {
		if n++; i%5000 == 4999 {
			n = 0 // a restart
		}
		ev.Add(Series{Name: "c", Kind: Counter, Points: []Point{{sec(float64(i)), n}}})
	}
	for i := range 5000 {
		for kind := FirstFailing; kind <= Unparsed; kind++ {
			ev.Add(Exemplar{
				Kind: kind, Endpoint: orders, Status: 502, Outcome: UpstreamTimeout, Start: sec(float64(i)), End: sec(float64(i + 30)),
				Took: time.Duration(i%977) * time.Millisecond, Origin: Origin{Name: "log", File: "f", From: int64(i * 100), To: int64(i*100 + 100)},
			})
		}
	}
	v := ev.Snapshot()
	s := v.AllSeries()[0]
	if len(s.Points) > maxPoints {
		t.Errorf("%d points are kept", len(s.Points))
	}
	if got := len(s.Resets()); got < 1 {
		t.Error("thinning lost all resets")
	}
	counts := map[ExemplarKind]int{}
	for _, e := range v.Exemplars() {
		counts[e.Kind]++
	}
	want := map[ExemplarKind]int{FirstFailing: 1, LastFailing: 1, Slowest: keepSlowest, Sampled: keepSampled, Unparsed: keepUnparsed}
	if diff := cmp.Diff(want, counts); diff != "" {
		t.Error(diff)
	}
}

func TestTheOrderOfFactsDoesNotMatter(t *testing.T) {
	var facts []Fact
	for i := range 300 {
		facts = append(facts,
			logged(float64(i%90), orders, 1, 1, int64(i*100), int64(i*100+100)),
			Exemplar{Kind: ExemplarKind(i % 5), Endpoint: orders, Start: sec(float64(i)), End: sec(float64(i + 1)), Status: 502, Outcome: ServerError, Took: time.Duration(i), Origin: Origin{Name: "log", From: int64(i), To: int64(i + 1)}},
			Series{Name: "g", Points: []Point{{sec(float64(i)), float64(i)}}},
			Change{At: sec(float64(i % 40)), System: fmt.Sprint(i)},
		)
	}
	want := NewEvidence()
	want.Add(facts...)
	rng := rand.New(rand.NewPCG(1, 2))
	for range 5 {
		rng.Shuffle(len(facts), func(i, j int) { facts[i], facts[j] = facts[j], facts[i] })
		got := NewEvidence()
		got.Add(facts...)
		if diff := cmp.Diff(want.Snapshot().Facts(), got.Snapshot().Facts()); diff != "" {
			t.Fatal(diff)
		}
	}
}

func TestRate(t *testing.T) {
	ev := NewEvidence()
	ev.Add(
		logged(0, orders, 3, 0, 0, 0), logged(2, orders, 1, 0, 0, 0), logged(9, orders, 0, 4, 0, 0), logged(2, reads, 50, 50, 0, 0),
		Bucket{At: sec(-60), Width: time.Minute, Endpoint: orders, Status: 200, Started: 120, Ended: 120, Origin: Origin{Group: "gateway", Name: "access.log"}},
	)
	post := func(b Bucket) bool { return b.Endpoint == orders }
	for _, c := range []struct {
		name  string
		w     Window
		step  time.Duration
		byEnd bool
		want  []float64
	}{
		{"by start", during(0, 10), 2 * time.Second, false, []float64{3, 1, 0, 0, 0}},
		{"by end", during(0, 10), 5 * time.Second, true, []float64{0, 4}},
		{"a wide bucket is spread", during(-20, 0), 10 * time.Second, false, []float64{20, 20}},
		{"half a wide bucket", during(-30, 30), time.Minute, false, []float64{64}},
		{"no step", during(0, 10), 0, false, []float64{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, ev.Snapshot().Rate(post, c.w, c.step, c.byEnd)); diff != "" {
				t.Error(diff)
			}
		})
	}
	t.Run("a gap is unknown", func(t *testing.T) {
		ev.Add(Episode{Kind: Gap, From: sec(2), To: sec(6), Origin: Origin{Group: "gateway", Name: "access.log"}})
		got := ev.Snapshot().Rate(post, during(0, 8), 2*time.Second, false)
		if !slices.Equal([]bool{false, true, true, false}, []bool{math.IsNaN(got[0]), math.IsNaN(got[1]), math.IsNaN(got[2]), math.IsNaN(got[3])}) {
			t.Error(got)
		}
		ev.SetSource(SourceStatus{Name: "other.log", Group: "gateway"}) // and that one has none
		if got := ev.Snapshot().Rate(post, during(0, 8), 2*time.Second, false); math.IsNaN(got[1]) {
			t.Error("one of two sources had a gap:", got)
		}
	})
}

func TestLockWaiters(t *testing.T) {
	ev := NewEvidence()
	worker := wait(51001, 2, 6, false)
	worker.Session.LeaderPID = 51000
	ev.Add(wait(51000, 1, 6, false), worker, wait(51002, 2.5, 3.5, false), wait(51003, 9, 9, true))
	ev.Add(Episode{Kind: Gap, From: sec(6), To: sec(8), Origin: pg})
	got := ev.Snapshot().LockWaiters(during(0, 10), 2*time.Second)
	if len(got) != 5 || !math.IsNaN(got[3]) {
		t.Fatal(got)
	}
	got[3] = -1
	if diff := cmp.Diff([]float64{1, 2, 1, -1, 1}, got); diff != "" {
		t.Error(diff)
	}
	for _, n := range NewEvidence().Snapshot().LockWaiters(during(0, 4), time.Second) {
		if !math.IsNaN(n) {
			t.Error("nobody looked, yet it says", n)
		}
	}
}

func BenchmarkSnapshotEachSecond(b *testing.B) {
	// An hour of four endpoints and a lock queue of 100, then a snapshot after each second's facts.
	ev := NewEvidence()
	second := func(i int) {
		for _, e := range []Endpoint{orders, reads, {"GET", "/a"}, {"GET", "/b"}} {
			ev.Add(logged(float64(i), e, 5, 5, 0, 0))
		}
		for pid := range 100 {
			ev.Add(wait(51000+pid, 3000, float64(i), true, Blocker{PID: 1, Hard: true}))
		}
	}
	for i := range 3600 {
		second(i)
	}
	i := 3600
	b.ReportAllocs()
	for b.Loop() {
		second(i)
		ev.Snapshot()
		i++
	}
}
