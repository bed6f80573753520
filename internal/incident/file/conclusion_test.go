package file

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tripcurve/internal/incident"
)

// TestConclusionGoesWithTheEvidence keeps a conclusion as long as the evidence is what it
// was concluded from, and no longer.
func TestConclusionGoesWithTheEvidence(t *testing.T) {
	at := time.Date(2026, 1, 15, 14, 0, 0, 0, time.UTC)
	want := Conclusion{Sentence: "pid 7 held SHARE", From: at, To: at.Add(time.Minute), Confidence: "Likely"}
	point := func(n int) []incident.Fact {
		return []incident.Fact{incident.Series{
			Name: "x", Origin: incident.Origin{Group: "grpc", Name: "g"}, Points: []incident.Point{{At: at.Add(time.Duration(n) * time.Second), V: 1}},
		}}
	}
	path := filepath.Join(t.TempDir(), "a.incident")
	w, err := Create(path, "a", at)
	if err != nil {
		t.Fatal(err)
	}
	try := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	kept := func(p string) *Conclusion {
		t.Helper()
		h, err := Peek(p)
		try(err)
		if h.Name != "a" {
			t.Errorf("the name is %q", h.Name)
		}
		return h.Conclusion
	}
	try(w.Append(point(0), nil))
	if c := kept(path); c != nil {
		t.Errorf("a conclusion of nobody: %+v", c)
	}
	try(w.Conclude(want))
	if d := cmp.Diff(&want, kept(path)); d != "" {
		t.Error(d)
	}
	try(w.Append(nil, []incident.SourceStatus{{Name: "g", Group: "grpc"}})) // no evidence
	if kept(path) == nil {
		t.Error("how a source does took the conclusion away")
	}
	try(w.Append(point(1), nil))
	if c := kept(path); c != nil {
		t.Errorf("after more evidence: %+v", c)
	}
	try(w.Conclude(want))
	try(w.Forget(at.Add(time.Second)))
	if c := kept(path); c != nil {
		t.Errorf("after less evidence: %+v", c)
	}
	try(w.Conclude(want))
	try(w.Close())

	again, err := Continue(path) // does not know that there is one
	try(err)
	try(again.Append(point(2), nil))
	if c := kept(path); c != nil {
		t.Errorf("after another writer's evidence: %+v", c)
	}
	try(again.Conclude(want))
	try(again.Close())
	part := filepath.Join(t.TempDir(), "part.incident")
	try(Trim(path, part, incident.Window{From: at.Add(time.Second), To: at.Add(2 * time.Second)}))
	if c := kept(part); c != nil {
		t.Errorf("of a part: %+v", c)
	}
	if kept(path) == nil {
		t.Error("the whole lost its conclusion to a part")
	}
}
