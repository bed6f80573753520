package incident_test

import (
	"testing"
	"time"

	"tripcurve/internal/incident"
	"tripcurve/internal/incident/sketch"
)

func TestUpstreamsCountBytesOnce(t *testing.T) {
	at := time.Date(2026, 1, 15, 14, 23, 0, 0, time.UTC)
	piece := func(from, to, n int64) incident.Upstream {
		s := sketch.New()
		s.AddN(time.Second, n)
		return incident.Upstream{
			At: at, Width: 10 * time.Second, Name: "a:80", Status: 200, Started: n, Ended: n, Sketch: s,
			Origin: incident.Origin{Group: "gateway", Name: "log", File: "1:a", From: from, To: to},
		}
	}
	ev := incident.NewEvidence()
	for _, tt := range []struct {
		name string
		add  incident.Upstream
		want int64
	}{
		{"the first", piece(0, 10, 1), 1},
		{"the same again", piece(0, 10, 1), 1},
		{"the next bytes", piece(10, 20, 2), 3},
		{"bytes that overlap", piece(15, 30, 7), 3},
		{"a range that holds all", piece(0, 40, 9), 9},
	} {
		ev.Add(tt.add)
		var started, took int64
		ev.Snapshot().EachUpstream(incident.Window{}, func(u *incident.Upstream) { started, took = started+u.Started, took+u.Sketch.Count() })
		if started != tt.want || took != tt.want {
			t.Errorf("%s: %d started, %d durations, want %d", tt.name, started, took, tt.want)
		}
	}
	v := ev.Snapshot()
	n := 0
	// Adjoining windows, cut in the middle of an interval, have it once.
	for _, w := range []incident.Window{{From: at, To: at.Add(4 * time.Second)}, {From: at.Add(4 * time.Second), To: at.Add(8 * time.Second)}, {From: at.Add(8 * time.Second), To: at.Add(time.Minute)}} {
		v.EachUpstream(w, func(u *incident.Upstream) {
			n++
			if f, ok := v.Get(u.ID()); !ok || f.ID() != u.ID() {
				t.Errorf("%s is not found", u.ID())
			}
		})
	}
	if n != 1 {
		t.Errorf("three windows have the interval %d times", n)
	}
	again := incident.NewEvidence()
	again.Add(v.Facts()...)
	if got := len(again.Snapshot().Facts()); got != 1 {
		t.Errorf("%d facts from the facts of a view", got)
	}
}
