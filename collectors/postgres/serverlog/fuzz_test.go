package serverlog

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tripcurve/internal/incident"
)

// fuzzLog reads a log whole and in pieces: the same facts, of times that can be,
// from bytes that are there.
func fuzzLog(t *testing.T, text []byte, pieces uint8, d Detection) {
	read := func(size int) []incident.Fact {
		s := Summary{Detection: d, Origin: incident.Origin{Group: Group, Name: "fuzz", File: "1:a"}}
		in := newIntake(newMemory(), &s, Options{Zone: time.UTC})
		for rest := text; len(rest) > 0; {
			n := min(size, len(rest))
			_, _ = in.lines.Write(rest[:n]) // never fails
			rest = rest[n:]
		}
		return append(in.close(), in.book.finish()...)
	}
	facts := read(max(1, len(text)))
	again := read(1 + int(pieces))
	if d := cmp.Diff(facts, again, cmp.AllowUnexported()); d != "" {
		t.Fatalf("in pieces of %d bytes (-whole +pieces):\n%s", 1+int(pieces), d)
	}
	possible := func(at time.Time) {
		if y := at.Year(); !at.IsZero() && (y < minYear-2 || y > maxYear+2) {
			t.Fatalf("time %v", at)
		}
	}
	ev := incident.NewEvidence()
	for _, f := range facts {
		o := f.Source()
		if o.From < 0 || o.To < o.From || o.To > int64(len(text)) {
			t.Fatalf("%T from bytes %d to %d of %d", f, o.From, o.To, len(text))
		}
		switch f := f.(type) {
		case incident.Episode:
			possible(f.From)
			possible(f.To)
			if f.To.Before(f.From) || f.ToErr < 0 {
				t.Fatalf("episode %+v", f)
			}
		case incident.Exemplar:
			possible(f.Start)
			possible(f.End)
			if f.End.Before(f.Start) || len(f.Raw) > 2*maxRaw {
				t.Fatalf("exemplar %+v", f)
			}
		case incident.Series:
			for i, p := range f.Points {
				if possible(p.At); p.V < 0 || i > 0 && f.Kind == incident.Counter && (p.V < f.Points[i-1].V || !p.At.After(f.Points[i-1].At)) {
					t.Fatalf("series %+v", f)
				}
			}
		case incident.Change:
			possible(f.At)
		}
		ev.Add(f)
	}
	v := ev.Snapshot()
	v.LockTree(v.Window.To)
}

// seed is the part of a sample in which waits and a deadlock are: small, so that
// its variations are many.
func seed(f *testing.F, name string) []byte {
	text := sample(f, name)
	from, to := bytes.Index(text, []byte("process 22499 still waiting")), bytes.Index(text, []byte("canceling statement due to statement timeout"))
	from = bytes.LastIndexByte(text[:from], '\n') + 1
	return text[from : bytes.LastIndexByte(text[:to], '\n')+1]
}

func FuzzCSV(f *testing.F) {
	f.Add(seed(f, "pg15.csv"), uint8(7))
	f.Add([]byte("2026-01-15 14:23:01.000 UTC,\"a\nb\"\"\",,1,,,,,,,,LOG,00000,\"x\ny\",,,,,,,,,\n2026-01-15"), uint8(0))
	f.Fuzz(func(t *testing.T, text []byte, pieces uint8) { fuzzLog(t, text, pieces, Detection{Format: CSV}) })
}

func FuzzJSON(f *testing.F) {
	f.Add(seed(f, "pg15.json"), uint8(7))
	f.Fuzz(func(t *testing.T, text []byte, pieces uint8) { fuzzLog(t, text, pieces, Detection{Format: JSON}) })
}

func FuzzStderr(f *testing.F) {
	f.Add("%m [%p] %q%u@%d ", seed(f, "pg15.log"), uint8(7))
	f.Add("%n %p %e %c %a %r:", []byte("1768487011.401 7 40P01 6b0c7a25.5721 a b(1):ERROR:  deadlock detected\n\tx\n\n"), uint8(0))
	f.Fuzz(func(t *testing.T, prefix string, text []byte, pieces uint8) {
		p, err := readPrefix(prefix, time.UTC)
		if err != nil {
			return
		}
		fuzzLog(t, text, pieces, Detection{Format: Stderr, prefix: p})
	})
}

// FuzzImport reads anything as a user may name it.
func FuzzImport(f *testing.F) {
	for _, name := range samples {
		f.Add(seed(f, name))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		_, err := NewReader().ImportStream(context.Background(), bytes.NewReader(text), Options{}, func([]incident.Fact) error { return nil })
		_, sniffed := Sniff(text, "")
		if err == nil && sniffed != nil || errors.Is(err, ErrUnknownFormat) && sniffed == nil {
			t.Fatal(fmt.Sprint("imported: ", err, "; sniffed: ", sniffed))
		}
	})
}
