package file

import (
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tripcurve/internal/incident"
	"tripcurve/internal/redact"
)

// recorded is a file that is being recorded, with these facts.
func recorded(t *testing.T, all ...incident.Fact) (*Writer, string) {
	t.Helper()
	w, path := newFile(t)
	status := incident.SourceStatus{Name: "pg", Group: "postgres", State: incident.SourceOK, LastAt: second(3), Detail: "PostgreSQL 15"}
	if err := w.Append(all, []incident.SourceStatus{status}); err != nil {
		t.Fatal(err)
	}
	return w, path
}

func other(t *testing.T, name string) string { return filepath.Join(t.TempDir(), name) }

// gone wants nothing left of a copy that failed.
func gone(t *testing.T, path string) {
	t.Helper()
	left, err := os.ReadDir(filepath.Dir(path)) // its own: other
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestSnapshotOfARecording(t *testing.T) {
	w, path := recorded(t, facts(t)...)
	out := other(t, "copy.incident")
	if err := Snapshot(path, out); err != nil {
		t.Fatal(err)
	}
	want, wantMeta := load(t, path)
	got, gotMeta := load(t, out)
	if diff := compare(want, got) + cmp.Diff(wantMeta, gotMeta); diff != "" {
		t.Error(diff)
	}
	if info, err := os.Stat(out); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v; want it readable by its owner alone", info.Mode(), err)
	}
	// The recorder goes on, and the copy does not change.
	if err := w.Append([]incident.Fact{incident.Change{At: second(60), Kind: incident.Deploy, System: "order", Text: "v2"}}, nil); err != nil {
		t.Fatal(err)
	}
	if again, _ := load(t, out); len(again.Changes()) != 1 {
		t.Errorf("%d changes in the copy, want 1", len(again.Changes()))
	}
	if err := Snapshot(path, out); !errors.Is(err, os.ErrExist) {
		t.Errorf("over an existing file: %v, want %v", err, os.ErrExist)
	}
	for _, bad := range []string{other(t, "none.incident"), "copy_test.go"} {
		to := other(t, "bad.incident")
		if err := Snapshot(bad, to); err == nil {
			t.Errorf("a snapshot of %s was made", bad)
		}
		gone(t, to)
	}
}

// A recorder that ends while somebody looks on leaves one file that has all.
func TestCloseBehindAReader(t *testing.T) {
	w, path := recorded(t, facts(t)...)
	want, _ := load(t, path)
	r, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if _, _, err := r.Load(); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	alone := other(t, "alone.incident")
	raw, err := os.ReadFile(path)
	if err = errors.Join(err, os.WriteFile(alone, raw, 0o600)); err != nil {
		t.Fatal(err)
	}
	got, _ := load(t, alone)
	if diff := compare(want, got); diff != "" {
		t.Error(diff)
	}
	if s, err := Inspect(path); err != nil || s.Recording {
		t.Errorf("recording %t, %v", s.Recording, err)
	}
}

// Whoever is killed while a copy is changed leaves no file of that name with what was to
// be taken out of it.
func TestCopyHasItsNameWhenItIsWhole(t *testing.T) {
	_, path := recorded(t, facts(t)...)
	out := other(t, "shared.incident")
	err := change(path, out, "test", func(*sql.Tx) error {
		if text, err := os.ReadFile(out); err != nil || len(text) > 0 {
			t.Errorf("meanwhile: %d bytes, %v", len(text), err)
		}
		if err := Snapshot(path, out); !errors.Is(err, os.ErrExist) {
			t.Errorf("another copy of that name: %v, want %v", err, os.ErrExist)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	load(t, out)
	if left, err := os.ReadDir(filepath.Dir(out)); err != nil || len(left) != 1 {
		t.Errorf("beside the copy: %v, %v", left, err)
	}
	if err := change(path, other(t, "x.incident"), "test", func(*sql.Tx) error { return ErrFull }); !errors.Is(err, ErrFull) {
		t.Errorf("error %v", err)
	}
}

// A file that is not recorded but written is there whole or not at all.
func TestWrittenWholeOrNotAtAll(t *testing.T) {
	out := other(t, "x.incident")
	err := Write(out, "INC-2847", t0, func(w *Writer) error {
		if err := w.Append(facts(t), nil); err != nil {
			t.Fatal(err)
		}
		if _, err := w.db.Exec(`PRAGMA max_page_count = 1`); err != nil { // as many as there are
			t.Fatal(err)
		}
		return w.Append([]incident.Fact{incident.Exemplar{
			Kind: incident.Sampled, Start: t0, Raw: strings.Repeat("x", 1<<20), Origin: incident.Origin{Name: "log"},
		}}, nil)
	})
	if !errors.Is(err, ErrFull) || !strings.HasPrefix(err.Error(), out+": ") {
		t.Errorf("on a full disk: %v, want %v", err, ErrFull)
	}
	gone(t, out)
	if err := Write(out, "INC-2847", t0, func(w *Writer) error { return w.Append(facts(t), nil) }); err != nil {
		t.Fatal(err)
	}
	if v, meta := load(t, out); len(v.Buckets()) == 0 || meta.Name != "INC-2847" {
		t.Errorf("%d buckets of %q", len(v.Buckets()), meta.Name)
	}
	if left, err := os.ReadDir(filepath.Dir(out)); err != nil || len(left) != 1 {
		t.Errorf("beside the file: %v, %v", left, err)
	}
	if err := Write(out, "", t0, func(*Writer) error { return nil }); !errors.Is(err, os.ErrExist) {
		t.Errorf("once more: %v, want %v", err, os.ErrExist)
	}
}

// What is merged has no log, which a rename would leave behind.
func TestMergeKeepsNoLog(t *testing.T) {
	_, path := recorded(t, facts(t)...)
	part := other(t, "x.part")
	if err := Snapshot(path, part); err != nil {
		t.Fatal(err)
	}
	w, err := adopt(part, "x.incident")
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	if err := w.Append(facts(t), nil); err != nil {
		t.Fatal(err)
	}
	if left, err := os.ReadDir(filepath.Dir(part)); err != nil || len(left) != 1 {
		t.Errorf("beside the file: %v, %v", left, err)
	}
}

func note(id string, at float64, text string) incident.Written {
	return incident.WriteEntry(incident.Entry{ID: id, Start: second(at), Text: text, Confidence: "stated"})
}

func TestTrim(t *testing.T) {
	w, path := recorded(t, facts(t)...)
	late := incident.Origin{Group: "gateway", Name: "late.log", File: "sha256:cd", From: 0, To: 90}
	err := w.Append([]incident.Fact{
		incident.Bucket{At: second(100), Width: time.Second, Endpoint: incident.Endpoint{Method: "GET", Route: "/late"}, Status: 200, Started: 7, Origin: late},
		incident.Exemplar{Kind: incident.Unparsed, Raw: "what is this", Origin: late},
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.WriteTimeline(second(91), "on-call engineer", "add", note("m1", 2, "seen"), note("m2", 90, "late note")); err != nil {
		t.Fatal(err)
	}
	out := other(t, "part.incident")
	if err := Trim(path, out, incident.Window{From: second(2), To: second(20)}); err != nil {
		t.Fatal(err)
	}
	got, meta := load(t, out)
	// The wait from 1 to 3 s and the request from 0.4 to 30.4 s reach into the window;
	// of the counter one point lies in it.
	if n := len(got.Episodes()); n != 1 || !got.Episodes()[0].From.Equal(second(1)) {
		t.Errorf("%d episodes", n)
	}
	if n := len(got.Exemplars()); n != 1 {
		t.Errorf("%d exemplars, want the one that reaches in", n)
	}
	if s := got.AllSeries(); len(s) != 1 || len(s[0].Points) != 2 {
		t.Errorf("series %+v, want the points at 5 and 10 s", s)
	}
	if len(got.Buckets())+len(got.Changes()) != 0 {
		t.Errorf("%d buckets and %d changes, want none", len(got.Buckets()), len(got.Changes()))
	}
	if meta.Written.Len() != 1 || meta.Written.At(0).ID != "m1" {
		t.Errorf("entries %+v, want m1", meta.Written)
	}
	text, err := os.ReadFile(out)
	if err != nil || strings.Contains(string(text), "late.log") || strings.Contains(string(text), "/late") || strings.Contains(string(text), "what is this") || strings.Contains(string(text), "late note") {
		t.Errorf("what lies outside is still in the file, %v", err)
	}
	// Half open: the bucket of the first second ends where this window begins.
	if err := Trim(path, other(t, "p.incident"), incident.Window{From: second(101)}); !errors.Is(err, ErrNothing) {
		t.Errorf("after everything: %v, want %v", err, ErrNothing)
	}
	empty := other(t, "empty.incident")
	if err := Trim(path, empty, incident.Window{To: second(-100)}); !errors.Is(err, ErrNothing) {
		t.Errorf("before everything: %v, want %v", err, ErrNothing)
	}
	gone(t, empty)
}

// Two recorders of one night, of whom each saw a part: together they are as if one
// had seen all.
func TestMerge(t *testing.T) {
	one, two := facts(t), facts(t)
	log := incident.Origin{Group: "gateway", Name: "access.log", File: "sha256:ab", From: 220, To: 400}
	orders := incident.Endpoint{Method: "POST", Route: "/api/orders"}
	later := incident.Bucket{At: t0, Width: time.Second, Endpoint: orders, Status: 502, Outcome: incident.UpstreamTimeout, Started: 5, Origin: log}
	stdin := incident.Bucket{At: second(2), Width: time.Second, Endpoint: orders, Status: 201, Started: 3, Origin: incident.Origin{Group: "gateway", Name: "-"}}
	more := stdin
	more.Started = 4 // the same second, counted by somebody who came earlier
	reads := incident.Bucket{At: second(1), Width: time.Second, Endpoint: incident.Endpoint{Method: "GET", Route: "/a"}, Status: 200, Started: 1, Origin: log}
	wait := two[2].(incident.Episode)
	wait.To, wait.Open = second(9), false
	two[2] = wait

	_, a := recorded(t, append(one, stdin)...)
	w, b := recorded(t, append(two, later, more, reads)...)
	if err := w.Append(nil, []incident.SourceStatus{{Name: "pg", Group: "postgres", State: incident.SourceDown, LastAt: second(9), Detail: "cut"}}); err != nil {
		t.Fatal(err)
	}
	if err := w.WriteTimeline(second(9), "on-call engineer", "add", note("m1", 2, "seen")); err != nil {
		t.Fatal(err)
	}

	ev := incident.NewEvidence()
	ev.Add(one...)
	ev.Add(wait, later, more, reads)
	ev.SetSource(incident.SourceStatus{Name: "pg", Group: "postgres", State: incident.SourceDown, LastAt: second(9), Detail: "cut"})
	for _, order := range [][]string{{a, b}, {b, a}} {
		out := other(t, "both.incident")
		if err := Merge(out, order...); err != nil {
			t.Fatal(err)
		}
		got, meta := load(t, out)
		if diff := compare(ev.Snapshot(), got); diff != "" {
			t.Errorf("(-one recorder +merged) %s", diff)
		}
		if meta.Written.Len() != 1 {
			t.Errorf("entries %+v", meta.Written)
		}
		if left, err := filepath.Glob(out + "-*"); err != nil || len(left) > 0 {
			t.Error("left beside the file:", left, err)
		}
		again := other(t, "again.incident")
		if err := Merge(again, out, a, b, out); err != nil {
			t.Fatal(err)
		}
		if same, _ := load(t, again); compare(got, same) != "" {
			t.Errorf("merged again with the same: %s", compare(got, same))
		}
	}
	// Two halves are the whole again, with every instant at which locks were looked at.
	w, whole := recorded(t, facts(t)...)
	for i := range 8 {
		wait.To, wait.Open = second(float64(3+i)), i < 7
		if err := w.Append([]incident.Fact{wait}, nil); err != nil {
			t.Fatal(err)
		}
	}
	left, right, both := other(t, "left.incident"), other(t, "right.incident"), other(t, "whole.incident")
	err := errors.Join(Trim(whole, left, incident.Window{To: second(6)}), Trim(whole, right, incident.Window{From: second(6)}), Merge(both, left, right))
	if err != nil {
		t.Fatal(err)
	}
	want, _ := load(t, whole)
	got, _ := load(t, both)
	if diff := cmp.Diff(want.SampleTimes(incident.Window{To: second(60)}), got.SampleTimes(incident.Window{To: second(60)})); diff != "" {
		t.Errorf("locks were looked at (-whole +halves):\n%s", diff)
	}
	bad := other(t, "bad.incident")
	if err := Merge(bad, a, "copy_test.go"); !errors.Is(err, ErrNotIncident) {
		t.Errorf("with another file: %v, want %v", err, ErrNotIncident)
	}
	if err := Merge(bad, a); err == nil {
		t.Error("one file was merged with nothing")
	}
	gone(t, bad)
}

func TestRedactedCopy(t *testing.T) {
	const mail, card, addr = "jane.roe@example.org", "4111 1111 1111 1111", "203.0.113.77"
	all := facts(t)
	wait := all[2].(incident.Episode)
	wait.Session.Query, wait.Session.Client, wait.Session.Application = "UPDATE t SET mail = '"+mail+"' WHERE ip = '"+addr+"'", addr, "psql "+mail
	line := all[4].(incident.Exemplar)
	line.Raw = `{"client":"` + addr + `","card":"` + card + `"}`
	gap := incident.Episode{Kind: incident.Gap, From: second(4), To: second(5), Text: "cannot reach " + addr, Origin: incident.Origin{Group: "grpc", Name: addr + ":9090"}}
	all[2], all[4] = wait, line
	w, path := recorded(t, append(all, gap)...)
	for _, text := range []string{"told " + mail, "asked " + mail} { // the audit has the first
		if err := w.WriteTimeline(second(9), "on-call engineer", "edit", note("m1", 2, text)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	out := other(t, "shared.incident")
	r := redact.New(redact.Options{})
	if err := Redacted(path, out, r); err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{mail, card, addr} {
		if strings.Contains(string(raw), secret) {
			t.Errorf("%s is in the copy", secret)
		}
	}
	got, meta := load(t, out)
	e := got.Episodes()[0]
	if e.Session.Query != "UPDATE t SET mail = $1 WHERE ip = $2" || e.Session.Client != "[ip-1]" || e.Session.Application != "psql [email-1]" {
		t.Errorf("session %+v", e.Session)
	}
	if x := got.Exemplars()[0].Raw; x != `{"client":"[ip-1]","card":"[card-1]"}` {
		t.Errorf("line %s", x)
	}
	if f := meta.Written.At(0).Fields; f["text"] != "asked [email-1]" || f["start"] == "" {
		t.Errorf("entry %+v", f)
	}
	if len(got.Buckets()) != 1 || got.Buckets()[0].Started != 2 || got.Window != loadedWindow(t, path) {
		t.Error("what was counted has changed")
	}
	if len(r.Counts()) < 4 {
		t.Errorf("counted %+v", r.Counts())
	}
}

// What tells rows apart stays apart, what no text is stays as it is, and no column with
// foreign text is left out.
func TestRedactedCopyStaysReadable(t *testing.T) {
	const luhn = 1768486680000000003 // as a card number would be
	path := filepath.Join(t.TempDir(), "a.incident")
	w, err := Create(path, "night of jane.roe@example.org", time.Unix(0, luhn))
	if err != nil {
		t.Fatal(err)
	}
	var all []incident.Fact
	for i, at := range []string{"10.1.2.3", "10.1.2.4", "10.1.2.5"} {
		from := incident.Origin{Group: "grpc", Name: at + ":9090"}
		all = append(
			all,
			incident.Series{Name: "up", Labels: map[string]string{"instance": at, "password": "hunter 2"}, Points: []incident.Point{{At: second(float64(i)), V: float64(i)}}, Origin: incident.Origin{Group: "grpc", Name: "all"}},
			incident.Bucket{At: second(float64(i)), Width: time.Second, Endpoint: incident.Endpoint{Method: "GET", Route: "/" + at}, Status: 200, Started: 1, Origin: from},
		)
		if err := w.Append(nil, []incident.SourceStatus{{Name: at + ":9090", Group: "grpc", State: incident.SourceOK, LastAt: second(float64(i))}}); err != nil {
			t.Fatal(err)
		}
	}
	all = append(all, incident.Bucket{At: second(1), Width: time.Second, Endpoint: incident.Endpoint{Method: "jane.roe@example.org", Route: "/"}, Status: 400, Started: 1, Origin: incident.Origin{Group: "gateway", Name: "access.log"}})
	all = append(all, incident.Episode{Kind: incident.SessionState, From: second(1), To: second(2), Session: incident.Session{PID: 7, Database: "jane.roe@example.org"}, Origin: incident.Origin{Group: "postgres", Name: "pg"}})
	err = errors.Join(w.Append(all, nil), w.SaveThresholds(ThresholdSet{Name: "chosen", At: t0, Sets: []string{"a=jane.roe@example.org"}}), w.Close())
	if err != nil {
		t.Fatal(err)
	}
	for _, opt := range []redact.Options{{}, {KeepNetwork: true}} {
		out := other(t, "shared.incident")
		if err := Redacted(path, out, redact.New(opt)); err != nil {
			t.Fatal(err)
		}
		raw, err := os.ReadFile(out)
		if err != nil {
			t.Fatal(err)
		}
		for _, secret := range []string{"10.1.2.3", "10.1.2.4", "jane.roe", "hunter"} {
			if strings.Contains(string(raw), secret) {
				t.Errorf("%+v: %s is in the copy", opt, secret)
			}
		}
		got, meta := load(t, out)
		if meta.Name != "night of [email-1]" || !meta.Created.Equal(time.Unix(0, luhn)) {
			t.Errorf("%+v: meta %+v", opt, meta)
		}
		if s, b := len(got.AllSeries()), len(got.Buckets()); s != 3 || b != 4 || len(got.Sources) != 3 {
			t.Errorf("%+v: %d series, %d buckets and %d sources, want 3, 4 and 3", opt, s, b, len(got.Sources))
		}
	}
}

func loadedWindow(t *testing.T, path string) incident.Window {
	t.Helper()
	v, _ := load(t, path)
	return v.Window
}

func TestInspect(t *testing.T) {
	w, path := recorded(t, facts(t)...)
	s, err := Inspect(path)
	if err != nil {
		t.Fatal(err)
	}
	if s.Schema != Schema || s.Name != "INC-2847" || !s.Created.Equal(t0) || !s.Recording || len(s.Damage) != 0 || s.Bytes == 0 {
		t.Errorf("%+v", s)
	}
	if s.From == nil || *s.From != "2026-01-15T14:23:01Z" || s.To == nil || *s.To != "2026-01-15T14:23:40Z" {
		t.Errorf("evidence from %v to %v", s.From, s.To)
	}
	rows := map[string]int64{}
	for _, x := range s.Tables {
		rows[x.Name] = x.Rows
	}
	want := map[string]int64{
		"bucket": 1, "latency": 1, "episode": 1, "lock_sample": 1, "series": 1, "point": 3, "exemplar": 1, "change": 1,
		"entry": 0, "audit": 0, "threshold_set": 0, "endpoint": 1, "origin": 3, "upstream": 0, "histogram": 0, "log_file": 0,
	}
	if diff := cmp.Diff(want, rows); diff != "" {
		t.Errorf("rows (-want +got):\n%s", diff)
	}
	if len(s.Sources) != 1 || s.Sources[0].State != "ok" || *s.Sources[0].Last != "2026-01-15T14:23:04Z" {
		t.Errorf("sources %+v", s.Sources)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if s, err = Inspect(path); err != nil || s.Recording {
		t.Errorf("closed: %v, recording %t", err, s.Recording)
	}
	// A page of the middle overwritten: SQLite finds it, or cannot read on.
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for i := len(raw) / 2; i < len(raw)/2+4096; i++ {
		raw[i] = 0xa5
	}
	broken := other(t, "broken.incident")
	if err := os.WriteFile(broken, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	if s, err := Inspect(broken); err == nil && len(s.Damage) == 0 {
		t.Error("a damaged file is said to be sound")
	}
}
