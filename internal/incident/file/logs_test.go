package file

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tripcurve/internal/incident"
	"tripcurve/internal/incident/sketch"
	"tripcurve/internal/redact"
)

// asked are counts of two upstreams in two intervals, the second from other bytes.
func asked(t *testing.T, took time.Duration, from, to int64) []incident.Fact {
	t.Helper()
	s := sketch.New()
	s.Add(took)
	o := incident.Origin{Group: "gateway", Name: "access.log", File: "9:aa", From: from, To: to}
	return []incident.Fact{
		incident.Upstream{At: t0, Width: 10 * time.Second, Name: "10.0.3.15:8080", Status: 200, Started: 2, Ended: 1, Sketch: s, Origin: o},
		incident.Upstream{At: t0, Width: 10 * time.Second, Name: incident.NoUpstream, Status: 503, Outcome: incident.Overload, Started: 1, Ended: 1, Origin: o},
		incident.Exemplar{
			Kind: incident.Slowest, Start: t0, End: t0.Add(took), Endpoint: incident.Endpoint{Method: "GET", Route: "/a"}, Status: 200,
			Took: took, Upstream: "10.0.3.15:8080", Raw: "GET /a", Origin: o,
		},
		incident.LogFile{
			Path: "/var/log/nginx/access.log", Format: "nginx_timed", Zone: "UTC", Unit: "ms", Routes: []string{"GET /a"},
			Origin: incident.Origin{Group: "gateway", Name: "access.log", File: "9:aa", From: from, To: to},
		},
	}
}

func upstreams(v *incident.View) []incident.Upstream {
	var all []incident.Upstream
	v.EachUpstream(incident.Window{}, func(u *incident.Upstream) { all = append(all, *u) })
	return all
}

func TestUpstreamsAndLogFiles(t *testing.T) {
	w, path := newFile(t)
	ev := incident.NewEvidence()
	for _, facts := range [][]incident.Fact{asked(t, time.Second, 0, 100), asked(t, time.Second, 0, 100), asked(t, 2*time.Second, 100, 180)} {
		if err := w.Append(facts, nil); err != nil {
			t.Fatal(err)
		}
		ev.Add(facts...)
	}
	got, _ := load(t, path)
	want := ev.Snapshot()
	sameSketch := cmp.Comparer(func(a, b incident.Sketch) bool {
		if a == nil || b == nil {
			return a == nil && b == nil
		}
		return a.Count() == b.Count() && a.Quantile(0.9) == b.Quantile(0.9)
	})
	if d := cmp.Diff(upstreams(want), upstreams(got), sameSketch); d != "" {
		t.Error("upstreams:", d)
	}
	if u := upstreams(got); len(u) != 2 || u[1].Started != 4 || u[1].Ended != 2 || u[1].Sketch.Count() != 2 || u[0].Sketch != nil {
		t.Errorf("%+v", u)
	}
	if d := cmp.Diff(want.LogFiles(), got.LogFiles()); d != "" || len(got.LogFiles()) != 1 || got.LogFiles()[0].Origin.To != 180 {
		t.Error("log files:", d, got.LogFiles())
	}
	if d := compare(want, got); d != "" {
		t.Error(d)
	}

	// Another recording of the first piece alone adds nothing.
	other, otherPath := newFile(t)
	if err := other.Append(asked(t, time.Second, 0, 100), nil); err != nil {
		t.Fatal(err)
	}
	merged := filepath.Join(t.TempDir(), "m.incident")
	if err := Merge(merged, path, otherPath); err != nil {
		t.Fatal(err)
	}
	v, _ := load(t, merged)
	if d := cmp.Diff(upstreams(got), upstreams(v), sameSketch); d != "" {
		t.Error("merged:", d)
	}

	redacted := filepath.Join(t.TempDir(), "r.incident")
	if err := Redacted(path, redacted, redact.New(redact.Options{})); err != nil {
		t.Fatal(err)
	}
	v, _ = load(t, redacted)
	if u, x := upstreams(v), v.Exemplars(); len(u) != 2 || len(x) == 0 || u[1].Name == "10.0.3.15:8080" && x[0].Upstream != u[1].Name {
		t.Errorf("redacted: %+v %+v", u, x)
	}
	found := false
	for _, u := range upstreams(v) {
		found = found || u.Name == v.Exemplars()[0].Upstream
	}
	if !found {
		t.Errorf("the line's upstream is called %q in a redacted copy, and is none of those counted: %+v", v.Exemplars()[0].Upstream, upstreams(v))
	}
	if l := v.LogFiles(); len(l) != 0 {
		t.Errorf("a redacted copy says where logs lie: %+v", l)
	}

	if err := w.Forget(t0.Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	if v, _ = load(t, path); len(upstreams(v)) != 0 {
		t.Errorf("not forgotten: %+v", upstreams(v))
	}
}
