package sketch

import (
	"errors"
	"math/rand/v2"
	"testing"
	"time"

	"tripcurve/internal/incident"
)

// some is a sketch of n durations of all sizes, and some of zero.
func some(rng *rand.Rand, n int) *Sketch {
	s := New()
	for range n {
		s.AddN(time.Duration(rng.ExpFloat64()*float64(time.Microsecond)*float64(rng.IntN(1_000_000))), 1+rng.Int64N(3))
	}
	s.AddN(0, rng.Int64N(5))
	return s
}

var asked = []float64{-1, 0, 0.001, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 0.999, 1, 2}

func same(t *testing.T, what string, got, want incident.Sketch) {
	t.Helper()
	if got.Count() != want.Count() {
		t.Errorf("%s: %d durations, want %d", what, got.Count(), want.Count())
	}
	for _, q := range asked {
		if got.Quantile(q) != want.Quantile(q) {
			t.Errorf("%s: the %g-quantile is %v, want %v", what, q, got.Quantile(q), want.Quantile(q))
		}
	}
}

// What is packed, merged packed, or read from a file answers as the DDSketch does.
func TestPackedAnswersAsTheSketch(t *testing.T) {
	rng := rand.New(rand.NewPCG(2847, 8))
	var r Reader
	for _, n := range []int{0, 1, 2, 7, 30, 200, 3000} {
		for range 20 {
			a, b := some(rng, n), some(rng, rng.IntN(n+1))
			p, o := a.Packed(), b.Packed()
			same(t, "packed", p, a)
			both, err := a.Merge(b)
			if err != nil {
				t.Fatal(err)
			}
			for what, with := range map[string]incident.Sketch{"with a packed one": o, "with a sketch": b} {
				got, err := p.Merge(with)
				if err != nil {
					t.Fatal(err)
				}
				same(t, what, got, both)
			}
			same(t, "left alone", p, a)
			raw, err := a.MarshalBinary()
			if err != nil {
				t.Fatal(err)
			}
			read, err := r.Read(raw)
			if err != nil {
				t.Fatal(err)
			}
			same(t, "read", read, a)
			if raw, err = read.MarshalBinary(); err != nil {
				t.Fatal(err)
			}
			if again, err := r.Read(raw); err != nil || *again != *read {
				t.Errorf("written and read again it is another one, %v", err)
			}
			back, err := Decode(raw)
			if err != nil {
				t.Fatal(err)
			}
			same(t, "a sketch again", back, a)
		}
	}
}

func TestReadSaysWhatIsDamaged(t *testing.T) {
	var r Reader
	raw, err := some(rand.New(rand.NewPCG(1, 2)), 40).MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	half, negative := New(), New()
	if err := errors.Join(half.dd.AddWithCount(1, 0.5), negative.dd.Add(-1)); err != nil {
		t.Fatal(err)
	}
	var halfRaw, negativeRaw []byte
	half.dd.Encode(&halfRaw, true)
	negative.dd.Encode(&negativeRaw, true)
	for what, b := range map[string][]byte{
		"cut short": raw[:len(raw)-1], "another flag": {0xff}, "no mapping that is ours": {0x02, 1, 2, 3, 4, 5, 6, 7, 8, 0, 0, 0, 0, 0, 0, 0, 0},
		"a bin of an age": {0x05, 1, 0xfe, 0xff, 0xff, 0x0f, 2}, "half a duration": halfRaw, "a negative one": negativeRaw,
	} {
		if p, err := r.Read(b); err == nil {
			t.Errorf("%s: read as %d durations", what, p.Count())
		}
	}
	p, err := r.Read(raw) // after all that
	if err != nil || p.Count() == 0 {
		t.Errorf("a whole one: %v", err)
	}
}

func FuzzRead(f *testing.F) {
	raw, err := some(rand.New(rand.NewPCG(1, 2)), 40).MarshalBinary()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(raw)
	f.Add(raw[:len(raw)-1])
	f.Add([]byte{})
	var r Reader
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := r.Read(b)
		if err != nil {
			return
		}
		before := time.Duration(-1)
		for _, q := range asked {
			if at := p.Quantile(q); at.Hi < at.Lo || at.Lo < before {
				t.Errorf("the %g-quantile is %v, a smaller one %v", q, at, before)
			} else {
				before = at.Lo
			}
		}
		raw, err := p.MarshalBinary()
		if err != nil {
			t.Fatal(err)
		}
		if again, err := new(Reader).Read(raw); err != nil || *again != *p {
			t.Errorf("written and read again: %v", err)
		}
	})
}

func BenchmarkRead(b *testing.B) {
	raw, err := some(rand.New(rand.NewPCG(1, 2)), 12).MarshalBinary()
	if err != nil {
		b.Fatal(err)
	}
	b.Run("packed", func(b *testing.B) {
		var r Reader
		b.ReportAllocs()
		for b.Loop() {
			if _, err := r.Read(raw); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("whole", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := Decode(raw); err != nil {
				b.Fatal(err)
			}
		}
	})
}
