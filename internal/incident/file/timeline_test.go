package file

import (
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tripcurve/internal/incident"
)

// Every change is in the audit with what was before and after, and is undone whole,
// the last first.
func TestTimelineAuditAndUndo(t *testing.T) {
	w, path := newFile(t)
	first, second2 := note("a", 1, "seen"), note("b", 2, "acknowledged")
	edited := note("a", 1, "seen by the on-call engineer, password=hunter2hunter2")
	patch := incident.Written{ID: "derived", Derived: true, Fields: map[string]string{"hidden": "true"}}
	steps := []struct {
		action  string
		written []incident.Written
	}{{"import", []incident.Written{first, second2}}, {"edit", []incident.Written{edited}}, {"hide", []incident.Written{patch}}}
	for i, s := range steps {
		if err := w.WriteTimeline(second(float64(10+i)), "on-call engineer", s.action, s.written...); err != nil {
			t.Fatal(err)
		}
	}
	masked := edited.Clone()
	masked.Fields["text"] = strings.Replace(masked.Fields["text"], "hunter2hunter2", "[masked]", 1)
	state := func(want ...incident.Written) {
		t.Helper()
		_, meta, err := Load(path)
		if err != nil {
			t.Fatal(err)
		}
		for w := range meta.Written.All() {
			if strings.Contains(w.Fields["text"], "hunter2") {
				t.Errorf("a password was kept: %s", w.Fields["text"])
			}
		}
		ids := func(list []incident.Written) (ids []string) {
			for _, w := range list {
				text, _, _ := strings.Cut(w.Fields["text"], ",")
				ids = append(ids, w.ID+" "+text)
			}
			return ids
		}
		if d := cmp.Diff(ids(want), ids(slices.Collect(meta.Written.All()))); d != "" {
			t.Errorf("(-want +got)\n%s", d)
		}
	}
	state(masked, second2, patch)
	undo := func(action string, n int) {
		t.Helper()
		got, err := w.UndoTimeline(second(20), "author")
		if err != nil || len(got) != n || got[0].Action != action {
			t.Fatalf("undid %+v, %v; want %d of %s", got, err, n, action)
		}
	}
	undo("hide", 1)
	state(masked, second2)
	undo("edit", 1)
	state(first, second2)
	if err := w.WriteTimeline(second(21), "author", "add", note("c", 3, "late")); err != nil {
		t.Fatal(err)
	}
	undo("add", 1)
	undo("import", 2)
	state()
	if _, err := w.UndoTimeline(second(22), "author"); !errors.Is(err, ErrNothingToUndo) {
		t.Errorf("error %v, want %v", err, ErrNothingToUndo)
	}
	r, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	audit, err := r.Audit()
	if err != nil {
		t.Fatal(err)
	}
	var said []string
	for _, a := range audit {
		said = append(said, a.Action+" "+a.Entry)
	}
	want := []string{"import a", "import b", "edit a", "hide derived", "undo derived", "undo a", "add c", "undo c", "undo b", "undo a"}
	if d := cmp.Diff(want, said); d != "" {
		t.Error(d)
	}
	if a := audit[2]; a.Before.Fields["text"] != "seen" || a.Role != "on-call engineer" || !a.At.Equal(second(11)) {
		t.Errorf("%+v", a)
	}
}

// Two people edited copies of one file: both edits stay, of one entry the later one,
// and both audits.
func TestMergedTimelines(t *testing.T) {
	w, a := recorded(t, facts(t)...)
	if err := w.WriteTimeline(second(1), "author", "add", note("a", 1, "seen"), note("b", 2, "told")); err != nil {
		t.Fatal(err)
	}
	b := other(t, "copy.incident")
	if err := Snapshot(a, b); err != nil {
		t.Fatal(err)
	}
	if err := w.WriteTimeline(second(5), "author", "edit", note("a", 1, "seen at once")); err != nil {
		t.Fatal(err)
	}
	v, err := Continue(b)
	if err != nil {
		t.Fatal(err)
	}
	err = errors.Join(v.WriteTimeline(second(3), "reviewer", "edit", note("a", 1, "seen late")), v.WriteTimeline(second(6), "reviewer", "edit", note("b", 2, "told the team")))
	if _, undo := v.UndoTimeline(second(7), "reviewer"); undo != nil {
		t.Fatal(undo)
	}
	if err := errors.Join(err, v.WriteTimeline(second(8), "reviewer", "add", note("c", 3, "over")), v.Close()); err != nil {
		t.Fatal(err)
	}
	for _, order := range [][]string{{a, b}, {b, a}} {
		out := other(t, "both.incident")
		if err := Merge(out, order...); err != nil {
			t.Fatal(err)
		}
		_, meta := load(t, out)
		var texts []string
		for w := range meta.Written.All() {
			texts = append(texts, w.Fields["text"])
		}
		if d := cmp.Diff([]string{"seen at once", "told", "over"}, texts); d != "" {
			t.Error(d)
		}
		r, err := Open(out)
		if err != nil {
			t.Fatal(err)
		}
		audit, err := r.Audit()
		if err := errors.Join(err, r.Close()); err != nil {
			t.Fatal(err)
		}
		if len(audit) != 7 {
			t.Errorf("%d actions, want 7: %+v", len(audit), audit)
		}
		for _, x := range audit {
			if x.Action == "undo" && (x.Undoes == 0 || x.Undoes >= x.Change) {
				t.Errorf("%+v", x)
			}
		}
	}
}

// Whoever reads a file again and again gets what people wrote as it was read before,
// until somebody writes.
func TestWhatPeopleWroteIsReadOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.incident")
	w, err := Create(path, "x", t0)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	r, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	load := func() *incident.Writings {
		_, meta, err := r.Load()
		if err != nil {
			t.Fatal(err)
		}
		return meta.Written
	}
	if got := load(); got.Len() != 0 {
		t.Errorf("%d entries at first", got.Len())
	}
	if err := w.WriteTimeline(second(1), "author", "add", note("a", 1, "seen")); err != nil {
		t.Fatal(err)
	}
	one := load()
	if err := w.Append(facts(t), nil); err != nil {
		t.Fatal(err)
	}
	if again := load(); one.Len() != 1 || again != one {
		t.Errorf("%d entries were read once more", again.Len())
	}
	if _, err := w.UndoTimeline(second(2), "author"); err != nil {
		t.Fatal(err)
	}
	if got := load(); got.Len() != 0 {
		t.Errorf("%d entries after the undo", got.Len())
	}
}
