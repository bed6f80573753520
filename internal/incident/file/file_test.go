package file

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"tripcurve/internal/incident"
	"tripcurve/internal/incident/sketch"
	"tripcurve/internal/pglock"
)

var t0 = time.Date(2026, 1, 15, 14, 23, 1, 0, time.UTC)

func second(s float64) time.Time { return t0.Add(time.Duration(s * float64(time.Second))) }

// facts is one of every shape.
func facts(t *testing.T) []incident.Fact {
	t.Helper()
	slow := sketch.New()
	slow.Add(30 * time.Second)
	gateway := incident.Origin{Group: "gateway", Name: "access.log", File: "sha256:ab", From: 100, To: 220}
	orders := incident.Endpoint{Method: "POST", Route: "/api/orders"}
	pg := incident.Origin{Group: "postgres", Name: "pg"}
	return []incident.Fact{
		incident.Bucket{At: t0, Width: time.Second, Endpoint: orders, Status: 502, Outcome: incident.UpstreamTimeout, Started: 2, Origin: gateway},
		incident.Latency{At: second(29), Width: 10 * time.Second, Endpoint: orders, Outcome: incident.UpstreamTimeout, Sketch: slow, Origin: gateway},
		incident.Episode{
			Kind: incident.LockWait, From: second(1), To: second(3), Open: true, ToErr: time.Second,
			Session: incident.Session{
				PID: 51002, User: "inventory", Application: "inventory", State: "active", BackendStart: second(-3600),
				Query: "UPDATE stock_reservations SET status = $1",
			},
			Wanted: pglock.RowExclusive, LockType: "relation", Relation: "stock_reservations",
			Blockers: []incident.Blocker{{PID: 48291, Hard: true, Mode: pglock.Share}}, Origin: pg,
		},
		incident.Series{
			Name: "grpc_client_started_total", Labels: map[string]string{"grpc_method": "Reserve"}, Unit: "1", Kind: incident.Counter,
			Points: []incident.Point{{At: second(0), V: 10}, {At: second(5), V: math.NaN()}, {At: second(10), V: 12}},
			Origin: incident.Origin{Group: "grpc", Name: "order"},
		},
		incident.Exemplar{
			Kind: incident.FirstFailing, Start: second(0.4), End: second(30.4), Endpoint: orders, Status: 502,
			Outcome: incident.UpstreamTimeout, Took: 30 * time.Second, Raw: `{"status":502}`, Origin: gateway,
		},
		incident.Change{At: second(0), Kind: incident.DDL, System: "stock_reservations", Text: "CREATE INDEX", Origin: pg},
	}
}

// compare shows all of two views but what a file does not hold: nothing.
func compare(want, got *incident.View) string {
	opts := cmp.Options{cmpopts.EquateNaNs(), cmp.Comparer(func(a, b incident.Sketch) bool {
		x, errX := a.MarshalBinary()
		y, errY := b.MarshalBinary()
		return errX == nil && errY == nil && string(x) == string(y)
	})}
	return cmp.Diff(want.Window, got.Window) + cmp.Diff(want.Sources, got.Sources) + cmp.Diff(want.Buckets(), got.Buckets()) +
		cmp.Diff(want.Latencies(), got.Latencies(), opts) + cmp.Diff(want.Episodes(), got.Episodes()) +
		cmp.Diff(want.AllSeries(), got.AllSeries(), opts) + cmp.Diff(want.Exemplars(), got.Exemplars()) +
		cmp.Diff(want.Changes(), got.Changes()) + cmp.Diff(want.SampleTimes(want.Window), got.SampleTimes(want.Window))
}

func newFile(t *testing.T) (*Writer, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "x.incident")
	w, err := Create(path, "INC-2847", t0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.Close() })
	return w, path
}

func load(t *testing.T, path string) (*incident.View, Meta) {
	t.Helper()
	ev, meta, err := Load(path)
	if err != nil {
		t.Fatal(err)
	}
	return ev.Snapshot(), meta
}

func TestLoadGivesBackWhatWasAppended(t *testing.T) {
	w, path := newFile(t)
	ev := incident.NewEvidence()
	status := incident.SourceStatus{Name: "pg", Group: "postgres", State: incident.SourceStale, LastAt: second(3), Detail: "timeout"}
	put := func(facts []incident.Fact, sources ...incident.SourceStatus) {
		t.Helper()
		if err := w.Append(facts, sources); err != nil {
			t.Fatal(err)
		}
		ev.Add(facts...)
		for _, s := range sources {
			ev.SetSource(s)
		}
	}
	put(facts(t), status)
	put(facts(t)) // the same again adds nothing
	// The wait goes on, its holder changes, and it ends.
	wait := facts(t)[2].(incident.Episode)
	wait.To = second(4)
	put([]incident.Fact{wait})
	wait.To, wait.Open = second(9), false
	wait.Blockers = []incident.Blocker{{PID: 7, Hard: true, Mode: pglock.AccessExclusive}}
	put([]incident.Fact{wait})

	got, meta := load(t, path)
	if diff := compare(ev.Snapshot(), got); diff != "" {
		t.Error("while it is written:", diff)
	}
	if diff := cmp.Diff(Meta{Schema: Schema, Name: "INC-2847", Created: t0}, meta); diff != "" {
		t.Error(diff)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	got, _ = load(t, path)
	if diff := compare(ev.Snapshot(), got); diff != "" {
		t.Error("afterwards:", diff)
	}
	if left, err := filepath.Glob(path + "-*"); err != nil || len(left) > 0 {
		t.Error("left beside the file:", left, err)
	}
}

func TestContinueAppends(t *testing.T) {
	w, path := newFile(t)
	if err := w.Append(facts(t)[:1], nil); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	w, err := Continue(path)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	set := ThresholdSet{Name: "chosen", At: second(60), Library: "opossum", Sets: []string{"order.inventory.deadline=5s"}}
	entry := incident.WriteEntry(incident.Entry{ID: "m1", Start: second(90), Kind: incident.KAction, Text: "rolled back", Confidence: "stated"})
	entry.Comments = []incident.Comment{{At: second(95), Role: "on-call engineer", Text: "by hand"}}
	for _, err := range []error{w.Append(facts(t)[1:], nil), w.SaveThresholds(set), w.WriteTimeline(second(91), "on-call engineer", "add", entry)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	ev := incident.NewEvidence()
	ev.Add(facts(t)...)
	got, meta := load(t, path)
	if diff := compare(ev.Snapshot(), got); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]ThresholdSet{set}, meta.Thresholds) + cmp.Diff([]incident.Written{entry}, slices.Collect(meta.Written.All())); diff != "" {
		t.Error(diff)
	}
}

func TestNothingIsOverwritten(t *testing.T) {
	_, path := newFile(t)
	if _, err := Create(path, "again", t0); !errors.Is(err, os.ErrExist) {
		t.Errorf("creating over a file says %v", err)
	}
}

func TestCredentialsAreNotStored(t *testing.T) {
	w, path := newFile(t)
	dsn := "postgres://app:hunter2@db/orders"
	err := w.Append([]incident.Fact{
		incident.Change{At: t0, Text: "connect to " + dsn, Origin: incident.Origin{Group: "postgres", Name: dsn}},
		incident.Exemplar{Kind: incident.Unparsed, Raw: "dsn=" + dsn, Origin: incident.Origin{Name: "log", From: 1, To: 2}},
	}, []incident.SourceStatus{{Name: dsn, Group: "postgres", Detail: "cannot reach " + dsn}})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(raw), "hunter2") {
		t.Error("the password is in the file")
	}
}

func TestAFullDiskLeavesAReadableFile(t *testing.T) {
	w, path := newFile(t)
	if err := w.Append(facts(t), nil); err != nil {
		t.Fatal(err)
	}
	before, _ := load(t, path)
	var pages int
	if err := w.db.QueryRow(`PRAGMA page_count`).Scan(&pages); err != nil {
		t.Fatal(err)
	}
	if _, err := w.db.Exec(fmt.Sprintf(`PRAGMA max_page_count = %d`, pages+2)); err != nil {
		t.Fatal(err)
	}
	var full error
	for i := 0; i < 100 && full == nil; i++ {
		full = w.Append([]incident.Fact{incident.Exemplar{
			Kind: incident.Sampled, Start: second(float64(i)), Raw: strings.Repeat("x", 4000), Origin: incident.Origin{Name: "log"},
		}}, nil)
	}
	if !errors.Is(full, ErrFull) || !strings.Contains(full.Error(), path) {
		t.Errorf("the error is %v", full)
	}
	after, _ := load(t, path)
	if diff := cmp.Diff(before.Buckets(), after.Buckets()) + cmp.Diff(before.Episodes(), after.Episodes()); diff != "" {
		t.Error(diff)
	}
	// With room again the recording goes on.
	if _, err := w.db.Exec(fmt.Sprintf(`PRAGMA max_page_count = %d`, pages+100)); err != nil {
		t.Fatal(err)
	}
	if err := w.Append(facts(t), nil); err != nil {
		t.Error("with room again:", err)
	}
}

func TestBadFiles(t *testing.T) {
	w, good := newFile(t)
	if err := w.Append(facts(t), nil); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(good)
	if err != nil {
		t.Fatal(err)
	}
	changed := func(f func([]byte) []byte) []byte { return f(append([]byte(nil), whole...)) }
	for name, c := range map[string]struct {
		content []byte
		want    error
		says    string
	}{
		"empty": {nil, ErrNotIncident, "0 bytes"},
		"text":  {[]byte(strings.Repeat("10.0.0.7 - - [15/Jan/2026:14:24:01 +0000]\n", 9)), ErrNotIncident, "not an incident file"},
		"another program's database": {changed(func(b []byte) []byte {
			binary.BigEndian.PutUint32(b[68:], 0)
			return b
		}), ErrNotIncident, "another program"},
		"a newer schema": {changed(func(b []byte) []byte {
			binary.BigEndian.PutUint32(b[60:], 7)
			return b
		}), ErrNewerSchema, fmt.Sprintf("it has schema 7, this program reads up to %d", Schema)},
		"cut short": {changed(func(b []byte) []byte { return b[:len(b)/2] }), ErrCorrupt, "cut short"},
		"overwritten in the middle": {changed(func(b []byte) []byte {
			for i := 4096; i < len(b); i++ {
				b[i] = 0xff
			}
			return b
		}), ErrCorrupt, "damaged"},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "bad.incident")
			if err := os.WriteFile(path, c.content, 0o600); err != nil {
				t.Fatal(err)
			}
			_, _, err := Load(path)
			if !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.says) || !strings.Contains(err.Error(), path) {
				t.Errorf("the error is %v, want %v that says %q", err, c.want, c.says)
			}
			if after, err := os.ReadFile(path); err != nil || string(after) != string(c.content) {
				t.Error("looking changed the file", err)
			}
		})
	}
	if _, _, err := Load(filepath.Join(t.TempDir(), "none.incident")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a missing file: %v", err)
	}
	if _, _, err := Load(t.TempDir()); !errors.Is(err, ErrNotIncident) {
		t.Errorf("a folder: %v", err)
	}
}

// TestKilledWriter kills a process that writes; whatever it said was committed
// must be there.
func TestKilledWriter(t *testing.T) {
	path := filepath.Join(t.TempDir(), "killed.incident")
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestWriterToBeKilled$")
	cmd.Env = append(os.Environ(), "TRIPCURVE_TEST_KILLED="+path)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	committed := 0
	for lines := bufio.NewScanner(out); committed < 50 && lines.Scan(); {
		if _, err := fmt.Sscanf(lines.Text(), "committed %d", &committed); err != nil {
			t.Fatalf("the writer says %q", lines.Text())
		}
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err == nil {
		t.Fatal("the writer ended before it was killed")
	}
	v, _ := load(t, path)
	if got := len(v.Changes()); committed < 50 || got < committed {
		t.Errorf("%d of %d committed batches are there", got, committed)
	}
}

func TestWriterToBeKilled(t *testing.T) {
	path := os.Getenv("TRIPCURVE_TEST_KILLED")
	if path == "" {
		return // it is TestKilledWriter's other half
	}
	w, err := Create(path, "", t0)
	if err != nil {
		t.Fatal(err)
	}
	for i := 1; i < 1_000_000; i++ {
		change := incident.Change{At: second(float64(i)), Kind: incident.Config, System: "test", Origin: incident.Origin{Name: "writer"}}
		if err := w.Append([]incident.Fact{change}, nil); err != nil {
			t.Fatal(err)
		}
		fmt.Printf("committed %d\n", i)
	}
}

func TestACaveatThatComesLaterIsKept(t *testing.T) {
	w, path := newFile(t)
	ev := incident.NewEvidence()
	for i, caveat := range []string{"", "at the end", "at the end; parts are missing", "at the end", ""} {
		s := incident.Series{
			Name: "x", Kind: incident.Gauge, Caveat: caveat, Points: []incident.Point{{At: second(float64(i)), V: 1}},
			Origin: incident.Origin{Group: "grpc", Name: "prom"},
		}
		ev.Add(s)
		if err := w.Append([]incident.Fact{s}, nil); err != nil {
			t.Fatal(err)
		}
	}
	got, _ := load(t, path)
	if d := compare(ev.Snapshot(), got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	if c := got.AllSeries()[0].Caveat; c != "at the end; parts are missing" {
		t.Errorf("caveat %q", c)
	}
}
