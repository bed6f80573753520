package file

import (
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"tripcurve/internal/incident"
)

// A disk that was full took the head of the file at a checkpoint, and not the pages
// behind it: they are in the log, and the file can be read.
func TestAHeadThatIsAheadOfItsPages(t *testing.T) {
	path := filepath.Join(t.TempDir(), "full.incident")
	w, err := Create(path, "full", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 1, 15, 14, 0, 0, 0, time.UTC)
	points := make([]incident.Point, 5000)
	for i := range points {
		points[i] = incident.Point{At: at.Add(time.Duration(i) * time.Second), V: float64(i)}
	}
	if err := w.Append([]incident.Fact{incident.Series{Name: "x", Unit: "1", Points: points}}, nil); err != nil {
		t.Fatal(err)
	}
	// What the checkpoint would have written first: the page that counts the others.
	wal, err := os.ReadFile(path + "-wal")
	if err != nil {
		t.Fatal(err)
	}
	const header, frame, page = 32, 24, 4096
	var first []byte
	for from := header; from+frame+page <= len(wal); from += frame + page {
		if binary.BigEndian.Uint32(wal[from:]) == 1 {
			first = wal[from+frame : from+frame+page]
		}
	}
	if first == nil {
		t.Fatal("the log has no first page")
	}
	copied := filepath.Join(t.TempDir(), "full.incident")
	main, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	copy(main, first)
	for name, text := range map[string][]byte{copied: main, copied + "-wal": wal} {
		if err := os.WriteFile(name, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if s, err := Inspect(copied); err != nil || len(s.Damage) > 0 {
		t.Fatalf("%+v, %v", s.Damage, err)
	}
	ev, _, err := Load(copied)
	if err != nil {
		t.Fatal(err)
	}
	if all := ev.Snapshot().AllSeries(); len(all) != 1 || len(all[0].Points) != len(points) {
		t.Errorf("%d series", len(all))
	}
	if err := os.Remove(copied + "-wal"); err != nil {
		t.Fatal(err)
	}
	if _, _, err := Load(copied); !errors.Is(err, ErrCorrupt) {
		t.Errorf("without its log: %v, want that it is cut short", err)
	}
}
