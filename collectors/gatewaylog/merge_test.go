package gatewaylog

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tripcurve/internal/incident"
)

// What the second log shows about the endpoints names those of the first.
func TestMergedLogsShareTheirTemplates(t *testing.T) {
	dir := t.TempDir()
	page := func(i int, at string) string {
		return fmt.Sprintf("198.51.100.7 - - [15/Jan/2026:%s +0000] \"GET /wiki/%s HTTP/1.1\" 502 157 \"-\" \"-\"\n", at, letters(i))
	}
	var few, many strings.Builder
	for i := range 5 {
		few.WriteString(page(i, "14:23:31"))
	}
	for i := range 100 {
		many.WriteString(page(i, "14:23:32"))
	}
	m := NewMerge()
	defer m.Close()
	for name, text := range map[string]string{"access.log.1": few.String(), "access.log": many.String()} { // in any order
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := m.Import(context.Background(), path, Options{}); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff([]string{"GET /wiki/:id"}, m.Inferred()); diff != "" {
		t.Errorf("inferred (-want +got):\n%s", diff)
	}
	ev := incident.NewEvidence()
	if err := m.Flush(func(facts []incident.Fact) error { ev.Add(facts...); return nil }); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]incident.Endpoint{{Method: "GET", Route: "/wiki/:id"}}, ev.Snapshot().Endpoints()); diff != "" {
		t.Errorf("endpoints (-want +got):\n%s", diff)
	}
	var got []string
	for _, b := range ev.Snapshot().Buckets() {
		got = append(got, fmt.Sprintf("%s %s %d", b.Origin.Name, b.At.Format(time.TimeOnly), b.Ended))
	}
	if diff := cmp.Diff([]string{"access.log.1 14:23:31 5", "access.log 14:23:32 100"}, got); diff != "" {
		t.Errorf("buckets (-want +got):\n%s", diff)
	}
	firsts := 0
	for _, x := range ev.Snapshot().Exemplars() {
		if x.Kind == incident.FirstFailing {
			firsts++
		}
		if x.Endpoint.Route != "/wiki/:id" {
			t.Errorf("%s of %s", x.Kind, x.Endpoint)
		}
	}
	if firsts != 1 && firsts != 2 { // of each log, or of the incident
		t.Errorf("%d first failing ones", firsts)
	}
}

func TestLookAt(t *testing.T) {
	long := requests(0, 20_000)
	var gz, twice bytes.Buffer
	zw := gzip.NewWriter(&gz)
	_, _ = zw.Write([]byte(long))
	_ = zw.Close()
	twice.Write(gz.Bytes())
	zw.Reset(&twice)
	_, _ = zw.Write([]byte(requests(20_000, 1)))
	_ = zw.Close()
	for name, c := range map[string]struct {
		text        []byte
		first, last int
	}{
		"access.log":      {[]byte(long), 0, 19_999},
		"short.log":       {[]byte(requests(7, 2)), 7, 8},
		"unfinished.log":  {[]byte(strings.TrimSuffix(requests(7, 2), "\n")), 7, 8},
		"wrapped.log":     {[]byte(strings.ReplaceAll("\n"+strings.TrimSuffix(requests(7, 30), "\n"), "\n", "\n2026-01-15T14:23:31.122334455Z stdout F ")[1:] + "\n"), 7, 36},
		"access.log.1.gz": {gz.Bytes(), 0, 19_999},
		"members.gz":      {twice.Bytes(), 0, 20_000},
	} {
		l, err := LookAt(write(t, name, c.text), Options{}, true)
		begin := time.Date(2026, 1, 15, 14, 0, 0, 0, time.UTC)
		if first, last := l.First.Time().Sub(begin), l.Last.Time().Sub(begin); err != nil || first != time.Duration(c.first)*time.Second || last != time.Duration(c.last)*time.Second {
			t.Errorf("%s: %v to %v, %v", name, first, last, err)
		}
	}
	if l, err := LookAt(write(t, "a.log", []byte(long)), Options{}, false); err != nil || l.Last.Known() {
		t.Errorf("not asked for: %+v, %v", l, err)
	}
	if _, err := LookAt(write(t, "a.log", []byte(rubbish(100))), Options{}, true); !errors.Is(err, ErrUnknownFormat) {
		t.Errorf("rubbish: %v", err)
	}
}

// Seeking gives what reading all of it and leaving out the old lines gives, whatever
// is asked for, with lines nearly in order and with lines that nobody understands.
func TestSeekingEqualsReadingAll(t *testing.T) {
	rng := rand.New(rand.NewPCG(2847, 4))
	begin := time.Date(2026, 1, 15, 14, 0, 0, 0, time.UTC)
	var b bytes.Buffer
	const lines = 40_000 // some 5 MB over 11 hours
	for i := range lines {
		at := begin.Add(time.Duration(i)*time.Second - time.Duration(rng.IntN(60))*time.Second) // as buffers of several workers write them
		fmt.Fprintf(&b, "198.51.100.7 - - [%s] \"POST /api/orders HTTP/1.1\" 502 157 \"-\" \"ShopApp\" 0.002 0.002 10.0.3.15:8080 502\n", at.Format("02/Jan/2006:15:04:05 -0700"))
		if i%1000 == 0 {
			b.WriteString(strings.Repeat("no request at all ", rng.IntN(2_000)) + "\n")
		}
	}
	path := write(t, "access.log", b.Bytes())
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	read := func(ev *incident.Evidence, opt Options) Summary { // as a file that is large enough is
		t.Helper()
		opt.Name = "access.log"
		s, agg, err := importParallel(context.Background(), f, int64(b.Len()), 2, opt)
		if err == nil {
			err = agg.flush(s.Origin.From, s.Origin.To, func(facts []incident.Fact) error { ev.Add(facts...); return nil })
		}
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	all := incident.NewEvidence()
	read(all, Options{})
	for _, since := range []time.Duration{-time.Hour, 5*time.Hour + 17*time.Second, 11 * time.Hour, 20 * time.Hour} {
		from := begin.Add(since)
		var want int64
		for _, bucket := range all.Snapshot().Buckets() {
			if !bucket.At.Before(from) {
				want += bucket.Ended
			}
		}
		ev := incident.NewEvidence()
		s := read(ev, Options{Since: from})
		var got int64
		for _, bucket := range ev.Snapshot().Buckets() {
			got += bucket.Ended
		}
		if got != want || s.Parsed != want {
			t.Errorf("since %v: %d requests (%d), want %d", since, got, s.Parsed, want)
		}
		if most := int64(b.Len())*want/lines + 2*searchMargin + 300<<10; s.Bytes > most || s.Origin.From != int64(b.Len())-s.Bytes {
			t.Errorf("since %v: read %d bytes from %d, want %d at most", since, s.Bytes, s.Origin.From, most)
		}
		if since != 5*time.Hour+17*time.Second {
			continue
		}
		// Read whole afterwards, nothing is doubled.
		read(ev, Options{})
		var both int64
		for _, bucket := range ev.Snapshot().Buckets() {
			both += bucket.Ended
		}
		if both != lines {
			t.Errorf("since %v, then all: %d requests of %d", since, both, lines)
		}
	}
}
