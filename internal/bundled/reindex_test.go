package bundled

import (
	"encoding/json"
	"os"
	"slices"
	"testing"
	"time"

	"tripcurve/internal/incident"
	"tripcurve/internal/incident/cause"
)

// reindexFile is what PostgreSQL 15 showed while REINDEX INDEX ran under reads that
// must be planned: the simulator's tables have no indexes. TestRealGroundTruth writes it.
const reindexFile = "testdata/reindex.json"

// recorded is the evidence in it.
type recorded struct {
	Buckets  []incident.Bucket
	Episodes []incident.Episode
	Looks    []time.Time
}

// TestReadsHangForAnIndex replays a REINDEX: its SHARE lets reads of the table pass,
// and they hang for the index.
func TestReadsHangForAnIndex(t *testing.T) {
	b, err := os.ReadFile(reindexFile)
	if err != nil {
		t.Fatal(err)
	}
	var r recorded
	if err := json.Unmarshal(b, &r); err != nil {
		t.Fatal(err)
	}
	ev := incident.NewEvidence()
	for _, f := range r.Buckets {
		ev.Add(f)
	}
	for _, f := range r.Episodes {
		ev.Add(f)
	}
	ev.Sampled(r.Looks...)
	a := cause.Analyze(ev.Snapshot(), cause.Options{})
	i := slices.IndexFunc(a.ReadHangs, func(h incident.ReadHang) bool { return h.Endpoint.Method == "GET" })
	if i < 0 {
		t.Fatalf("nothing is said of the reads: %s", a.Sentence)
	}
	if h := a.ReadHangs[i]; h.Why != incident.IndexLocked || len(h.Support) < 2 {
		t.Errorf("%s: %s, expected an index lock", h.Why, h.Text)
	}
	t.Log(a.ReadHangs[i].Text)
}
