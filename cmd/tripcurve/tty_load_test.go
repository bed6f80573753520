//go:build tty

package main

import (
	"database/sql"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"time"

	"tripcurve/internal/bundled"
	"tripcurve/internal/incident"
	"tripcurve/internal/incident/file"
)

const (
	largeBytes = 1 << 30
	longRows   = 100_000
	// arriving is how many series get a sample each second while keys are timed.
	arriving = 1_000
)

// newFile begins an incident file with all of INC-2847 in it.
func (m *ttyRun) newFile(name string) (path string, w *file.Writer, v *incident.View) {
	in, err := bundled.Build(m.Context())
	if err != nil {
		m.Fatal(err)
	}
	path = filepath.Join(m.dir, name)
	w, err = file.Create(path, bundled.Name, time.Date(2026, 1, 15, 15, 0, 0, 0, time.UTC))
	if err != nil {
		m.Fatal(err)
	}
	v = in.Evidence.Snapshot()
	m.append(w, v.Facts(), v.Sources...)
	return path, w, v
}

func (m *ttyRun) append(w *file.Writer, facts []incident.Fact, sources ...incident.SourceStatus) {
	m.Helper()
	if err := w.Append(facts, sources); err != nil {
		m.Fatal(err)
	}
}

// done ends a file as a recorder does, with what is concluded.
func (m *ttyRun) done(w *file.Writer, v *incident.View) {
	m.Helper()
	if err := errors.Join(conclude(w, v), w.Close()); err != nil {
		m.Fatal(err)
	}
}

// largeFile makes a file of 1 GB: INC-2847, a day of thirty series, and log lines of
// 8 kB that were kept whole. The writer writes the first of each; SQLite copies them,
// for the writer looks for credentials in every byte, and that is not what is timed.
func (m *ttyRun) largeFile() string {
	const copies, series = 130_000, 30
	if m.large != "" {
		return m.large
	}
	path, w, v := m.newFile("large.incident")
	at := time.Date(2026, 1, 14, 14, 52, 0, 0, time.UTC)
	m.append(w, []incident.Fact{incident.Exemplar{
		Kind: incident.Sampled, Start: at, End: at.Add(time.Millisecond), Endpoint: incident.Endpoint{Method: "GET", Route: "/api/orders/:id"},
		Status: 200, Took: time.Millisecond, Raw: "GET /api/orders/17 " + strings.Repeat("abcdefghijklmnopqrstuvwxyz012345 ", 250),
		Origin: incident.Origin{Group: "gateway", Name: "kept.log", File: "kept", To: 8_000},
	}})
	for s := range series {
		x := m.gauge(s)
		x.Points = []incident.Point{{At: at, V: 1}}
		m.append(w, []incident.Fact{x})
	}
	m.done(w, v)
	db, err := sql.Open("sqlite", path)
	if err != nil {
		m.Fatal(err)
	}
	defer db.Close()
	for _, q := range []string{
		"PRAGMA synchronous = OFF", "PRAGMA journal_mode = OFF",
		fmt.Sprintf(`WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d)
			INSERT INTO exemplar (id, kind, start_ns, end_ns, endpoint, status, outcome, took_ns, raw, note, origin, byte_from, byte_to)
			SELECT printf('copy%%07d', i), kind, start_ns + i * 600000000, end_ns + i * 600000000, endpoint, status, outcome,
				took_ns, raw, note, origin, i * 8000, i * 8000 + 7999 FROM n, exemplar WHERE exemplar.raw LIKE 'GET /api/orders/17 abc%%'`, copies),
		fmt.Sprintf(`WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d)
			INSERT INTO point SELECT series, at_ns + i * 1000000000, abs(i %% 600 - 300) FROM
			(SELECT id AS series, %d AS at_ns FROM series WHERE name = 'queue_depth'), n`, 86_399, at.UnixNano()),
	} {
		if _, err := db.Exec(q); err != nil {
			m.Fatal(err)
		}
	}
	info, err := os.Stat(path)
	if err != nil || info.Size() < largeBytes {
		m.Fatalf("%v: %d bytes, want %d", err, info.Size(), largeBytes)
	}
	m.large = path
	return path
}

// longFile makes a file of INC-2847 with 100,000 rows in its timeline, and 24 h of
// samples at one a second: of ten series, and of one endpoint's requests.
func (m *ttyRun) longFile() string {
	if m.long != "" {
		return m.long
	}
	path, w, v := m.newFile("long.incident")
	to := time.Date(2026, 1, 15, 14, 52, 0, 0, time.UTC)
	from := to.Add(-24 * time.Hour)
	seconds := int(to.Sub(from) / time.Second)
	entries := make([]incident.Written, longRows)
	for i := range entries {
		at := from.Add(time.Duration(i) * (24 * time.Hour / longRows))
		entries[i] = incident.WriteEntry(incident.Entry{
			ID: fmt.Sprintf("row-%06d", i), Start: at, Precision: time.Second, Kind: incident.KObservation,
			Text: fmt.Sprintf("observation %d of a long day", i), Lane: "people", Confidence: "stated", Actor: "on-call engineer",
		})
	}
	if err := w.WriteTimeline(to, "on-call engineer", "import", entries...); err != nil {
		m.Fatal(err)
	}
	for s := range 10 {
		x := m.gauge(s)
		for i := range seconds {
			x.Points = append(x.Points, incident.Point{At: from.Add(time.Duration(i) * time.Second), V: 10 + 5*math.Sin(float64(i)/600)})
		}
		m.append(w, []incident.Fact{x})
	}
	var facts []incident.Fact
	for i := range seconds {
		facts = append(facts, incident.Bucket{
			At: from.Add(time.Duration(i) * time.Second), Width: time.Second, Endpoint: incident.Endpoint{Method: "GET", Route: "/api/carts/:id"},
			Status: 200, Started: 3, Ended: 3, Origin: incident.Origin{Group: "gateway", Name: "day.log", File: "day", From: int64(i) * 100, To: int64(i)*100 + 99},
		})
	}
	m.append(w, facts)
	m.done(w, v)
	m.long = path
	return path
}

// gauge is one of many series, without samples.
func (m *ttyRun) gauge(n int) incident.Series {
	return incident.Series{
		Name: "queue_depth", Labels: map[string]string{"queue": fmt.Sprintf("q%04d", n)}, Unit: "1", Kind: incident.Gauge,
		Origin: incident.Origin{Group: "grpc", Name: "queues"},
	}
}

// arrive writes a sample of each of 1,000 series to the file each second, until the
// result is called.
func (m *ttyRun) arrive(path string) (stop func()) {
	w, err := file.Continue(path)
	if err != nil {
		m.Fatal(err)
	}
	end, ended := make(chan struct{}), make(chan error, 1)
	go func() {
		tick := time.NewTicker(time.Second)
		defer tick.Stop()
		at := time.Date(2026, 1, 15, 14, 52, 0, 0, time.UTC)
		for {
			select {
			case <-end:
				ended <- w.Close()
				return
			case <-tick.C:
			}
			at = at.Add(time.Second)
			facts := make([]incident.Fact, arriving)
			for i := range facts {
				x := m.gauge(i)
				x.Points = []incident.Point{{At: at, V: float64(i)}}
				facts[i] = x
			}
			if err := w.Append(facts, nil); err != nil {
				ended <- err
				return
			}
		}
	}()
	return func() {
		close(end)
		if err := <-ended; err != nil {
			m.Errorf("the samples that should arrive: %v", err)
		}
	}
}
