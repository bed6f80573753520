package main

import (
	"context"
	"errors"
	"path/filepath"
	"testing"
	"time"

	"tripcurve/internal/incident"
	"tripcurve/internal/incident/file"
	"tripcurve/tui"
)

// Whoever follows a file sees what is appended to it, and nothing else wakes them.
func TestFollow(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.incident")
	begin := time.Date(2026, 1, 15, 14, 23, 1, 0, time.UTC)
	w, err := file.Create(path, "INC-2847", begin)
	if err != nil {
		t.Fatal(err)
	}
	change := func(i int) {
		at := begin.Add(time.Duration(i) * time.Second)
		if err := w.Append([]incident.Fact{incident.Change{At: at, Kind: incident.Deploy, System: "order"}}, nil); err != nil {
			t.Fatal(err)
		}
	}
	change(0)
	r, err := file.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	ctx, cancel := context.WithCancel(t.Context())
	out, done := make(chan tui.EvidenceMsg, 1), make(chan error, 1)
	go func() { done <- read(ctx, r, out) }()
	next := func() int {
		select {
		case msg := <-out:
			if !msg.Live || msg.Name != "INC-2847" {
				t.Errorf("message %q, live %t", msg.Name, msg.Live)
			}
			return len(msg.View.Changes())
		case <-time.After(time.Minute):
			t.Fatal("nothing came within a minute")
			return 0
		}
	}
	if n := next(); n != 1 {
		t.Errorf("%d changes at first, want 1", n)
	}
	change(1)
	if n := next(); n != 2 {
		t.Errorf("%d changes, want 2", n)
	}
	select {
	case <-out:
		t.Error("a view came without anything new")
	case <-time.After(2*followEvery + 200*time.Millisecond):
	}
	if err := w.Close(); err != nil { // the recorder ends, and the file is still there
		t.Fatal(err)
	}
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("ended with %v", err)
	}
}
