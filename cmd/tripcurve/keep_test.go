package main

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tripcurve/collectors/supervise"
	"tripcurve/internal/incident"
	"tripcurve/internal/incident/file"
)

// A flight recorder has the newest evidence, in memory and in the file, and never
// more of it than it may.
func TestKeep(t *testing.T) {
	begin := time.Now().Add(-time.Hour).Truncate(time.Second)
	minute := func(i int) supervise.Batch {
		at := begin.Add(time.Duration(i) * time.Minute)
		return supervise.Batch{Facts: []incident.Fact{
			incident.Bucket{At: at, Width: time.Second, Endpoint: incident.Endpoint{Method: "GET", Route: "/"}, Status: 200, Started: 1, Origin: incident.Origin{Group: "gateway", Name: "log"}},
			incident.Exemplar{Kind: incident.Sampled, Start: at, End: at, Status: 200, Raw: strings.Repeat("x", 40_000), Origin: incident.Origin{Group: "gateway", Name: "log"}},
		}}
	}
	for name, c := range map[string]struct {
		keeping
		least, most int // minutes that are left
	}{
		"everything": {keeping{}, 60, 60},
		"by age":     {keeping{age: 20 * time.Minute}, 19, 20},
		"by size":    {keeping{size: 1 << 20}, 10, 30},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "x.incident")
			l, err := newLive(path, c.keeping, begin)
			if err != nil {
				t.Fatal(err)
			}
			for i := range 60 {
				l.look = time.Time{} // ten seconds have passed
				if err := l.write(t.Context(), minute(i)); err != nil || l.stopped != nil {
					t.Fatal(err, l.stopped)
				}
			}
			if n := len(l.evidence.Snapshot().Buckets()); n < c.least || n > c.most {
				t.Errorf("%d minutes in memory, want %d to %d", n, c.least, c.most)
			}
			if err := l.close(); err != nil {
				t.Fatal(err)
			}
			ev, _, err := file.Load(path)
			if err != nil {
				t.Fatal(err)
			}
			if n := len(ev.Snapshot().Buckets()); n < c.least || n > c.most {
				t.Errorf("%d minutes in the file, want %d to %d", n, c.least, c.most)
			}
		})
	}
}

func TestByteSize(t *testing.T) {
	for text, want := range map[string]byteSize{
		"2GiB": 2 << 30, "1.5GiB": 3 << 29, "500MB": 500e6, "64 KiB": 64 << 10, "10kB": 10_000, "7B": 7,
		"": -1, "2": -1, "GiB": -1, "-1GiB": -1, "1e3MB": -1, "2gib": -1, "99999999999GiB": -1,
	} {
		var b byteSize
		err := b.Set(text)
		switch {
		case want < 0 && err == nil:
			t.Errorf("%q is read as %d", text, b)
		case want >= 0 && (err != nil || b != want):
			t.Errorf("%q is read as %d, %v; want %d", text, b, err, want)
		case want >= 0:
			var again byteSize
			if err := again.Set(b.String()); err != nil || again != b {
				t.Errorf("%q is written as %s", text, b)
			}
		}
	}
}
