package gatewaylog

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tripcurve/internal/incident"
)

// traffic adds requests to aggregators by turns: nine hours, 40 words that become ids
// late, durations of every size. Every few requests light is called.
func traffic(n int, light func(*Aggregator), aggs ...*Aggregator) {
	rng := rand.New(rand.NewPCG(7, 7))
	begin := time.Date(2026, 1, 15, 14, 0, 0, 0, time.UTC).UnixNano()
	for i := range n {
		a := aggs[i%len(aggs)]
		r := Record{Method: []byte("GET"), Path: fmt.Appendf(nil, "/wiki/%s", letters(rng.IntN(40+i*40/n))), Status: 200 + 302*rng.IntN(2)}
		r.Took = time.Duration(rng.ExpFloat64() * float64(time.Duration(1+rng.IntN(1000))*time.Millisecond))
		if rng.IntN(10_000) == 0 {
			r.Took = 2 * time.Hour
		}
		r.End = Instant(begin + rng.Int64N(9*int64(time.Hour))/(1+rng.Int64N(500)))
		r.Start = r.End - Instant(r.Took)
		a.Add(&r, []byte("line"), int64(i*100))
		if i%997 == 0 {
			light(a)
		}
	}
}

// Counts that were written away and put together again are those that never were.
func TestCountsWrittenAwayComeBack(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	origin := incident.Origin{Group: Group, Name: "access.log"}
	text := func(a *Aggregator) []string {
		ev := incident.NewEvidence()
		ev.Add(a.Flush(0, 0)...)
		if len(a.Flush(0, 0)) != 0 {
			t.Error("flushed twice")
		}
		return told(ev.Snapshot())
	}
	const n = 100_000
	held := NewAggregator(origin, nil)
	traffic(n, func(*Aggregator) {}, held)
	want := text(held)
	if len(want) < 5000 {
		t.Fatalf("only %d facts", len(want))
	}

	runs := 0
	away := func(a *Aggregator) {
		if err := a.writeAway(); err != nil {
			t.Fatal(err)
		}
		runs = max(runs, len(a.spool.runs))
	}
	one := NewAggregator(origin, nil)
	traffic(n, away, one)
	if files, _ := filepath.Glob(filepath.Join(dir, "*")); len(files) != 0 {
		t.Errorf("files are left: %v", files)
	}
	if diff := cmp.Diff(want, text(one)); diff != "" {
		t.Errorf("written away (-held +written):\n%.2000s", diff)
	}
	if runs < 30 || runs > maxRuns {
		t.Errorf("%d runs", runs)
	}

	a, b := NewAggregator(origin, nil), NewAggregator(origin, nil)
	traffic(n, away, a, b)
	a.Merge(b)
	if diff := cmp.Diff(want, text(a)); diff != "" {
		t.Errorf("of two readers (-held +written):\n%.2000s", diff)
	}
}

// Where nothing can be written the counts stay in memory.
func TestCountsStayWithoutRoom(t *testing.T) {
	t.Setenv("TMPDIR", filepath.Join(t.TempDir(), "none"))
	a := NewAggregator(incident.Origin{Group: Group, Name: "access.log"}, nil)
	a.weight = maxWeight
	traffic(2000, (*Aggregator).lighten, a)
	if len(a.spool.runs) != 0 || a.spool.size >= 0 {
		t.Errorf("%+v", a.spool)
	}
	var ended int64
	for _, f := range a.Flush(0, 0) {
		if b, ok := f.(incident.Bucket); ok {
			ended += b.Ended
		}
	}
	if ended != 2000 {
		t.Errorf("%d requests", ended)
	}
}

// A damaged file is an error, not a wrong count.
func TestCountsThatCannotBeReadBack(t *testing.T) {
	a := NewAggregator(incident.Origin{Group: Group, Name: "access.log"}, nil)
	traffic(5000, func(*Aggregator) {}, a)
	if err := a.writeAway(); err != nil {
		t.Fatal(err)
	}
	if err := a.spool.file.Truncate(a.spool.size / 2); err != nil {
		t.Fatal(err)
	}
	if err := a.flush(0, 0, func([]incident.Fact) error { return nil }); err == nil {
		t.Error("no error")
	}
}
