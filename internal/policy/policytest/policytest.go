// Package policytest is the test kit of the breaker machines: the program around
// a breaker in virtual time, scripts of calls and times, recorded traces, and the
// benchmark that every machine has to pass.
package policytest

import (
	"bufio"
	"compress/gzip"
	"encoding/json"
	"iter"
	"os"
	"testing"
	"time"
)

// Epoch is when a test's breaker is constructed unless the test says otherwise.
var Epoch = time.Date(2026, 1, 15, 14, 0, 0, 0, time.UTC)

// Report logs what a proof compared, in the one form that `make proof` collects,
// and fails when there was nothing to compare or something differed.
func Report(t testing.TB, library, against string, steps, differences int) {
	t.Helper()
	t.Logf("proof: %-13s against %-42s steps compared: %6d  differences: %d", library, against, steps, differences)
	if steps == 0 {
		t.Errorf("%s against %s: nothing was compared", library, against)
	}
	if differences != 0 {
		t.Errorf("%s against %s: %d differences", library, against, differences)
	}
}

// TraceLines are the lines of a gzipped file of JSON lines.
func TraceLines[T any](t testing.TB, path string) iter.Seq[T] {
	return func(yield func(T) bool) {
		t.Helper()
		f, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		z, err := gzip.NewReader(f)
		if err != nil {
			t.Fatal(err)
		}
		in := bufio.NewScanner(z)
		in.Buffer(nil, 1<<22)
		for in.Scan() {
			var l T
			if err := json.Unmarshal(in.Bytes(), &l); err != nil {
				t.Fatalf("%s: %s: %v", path, in.Text(), err)
			}
			if !yield(l) {
				return
			}
		}
		if err := in.Err(); err != nil {
			t.Fatal(err)
		}
	}
}

// Stamped is [at_ms, name] in a trace.
type Stamped struct {
	AtMS int64
	Name string
}

// UnmarshalJSON reads the pair.
func (s *Stamped) UnmarshalJSON(b []byte) error {
	return json.Unmarshal(b, &[]any{&s.AtMS, &s.Name})
}

// Settled is [at_ms, call, verdict] in a trace: what a caller got.
type Settled struct {
	AtMS    int64
	Call    int
	Verdict string
}

// UnmarshalJSON reads the triple.
func (s *Settled) UnmarshalJSON(b []byte) error {
	return json.Unmarshal(b, &[]any{&s.AtMS, &s.Call, &s.Verdict})
}
