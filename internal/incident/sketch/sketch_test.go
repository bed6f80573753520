package sketch

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tripcurve/internal/incident"
)

func TestQuantileHoldsTheTrueValue(t *testing.T) {
	s := New()
	for i := 1; i <= 1000; i++ {
		s.Add(time.Duration(i) * time.Millisecond)
	}
	for _, c := range []struct {
		q    float64
		want time.Duration
	}{{0, time.Millisecond}, {0.5, 500 * time.Millisecond}, {0.99, 990 * time.Millisecond}, {1, time.Second}} {
		got := s.Quantile(c.q)
		if got.Lo > c.want || got.Hi < c.want || got.Hi-got.Lo > c.want/40 {
			t.Errorf("the %g-quantile is [%v, %v], want %v inside, at most 2.5 %% wide", c.q, got.Lo, got.Hi, c.want)
		}
	}
	if s.Count() != 1000 {
		t.Errorf("count %d, want 1000", s.Count())
	}
}

func TestMillisecondsAreTheDurationsTheyAre(t *testing.T) {
	n := make([]int32, 3000) // more than there are bins remembered for
	a, b := New(), New()
	for ms := range n {
		n[ms] = int32(ms%4 - 1) // none and fewer than none, too
		b.AddN(time.Duration(ms)*time.Millisecond, int64(n[ms]))
	}
	a.AddMilliseconds(n)
	got, _ := a.MarshalBinary()
	want, _ := b.MarshalBinary()
	if diff := cmp.Diff(want, got); diff != "" || a.Count() == 0 {
		t.Errorf("%d durations: %s", a.Count(), diff)
	}
}

func TestEmptyAndZero(t *testing.T) {
	s := New()
	if diff := cmp.Diff(incident.Quantile{}, s.Quantile(0.5)); diff != "" {
		t.Error("empty:", diff)
	}
	s.Add(0)
	s.Add(-time.Second)
	if got := s.Quantile(0.5); got != incident.Instantly || s.Count() != 2 {
		t.Errorf("two zeros: %v, count %d", got, s.Count())
	}
	p := s.Packed()
	if got := p.Quantile(1); got != incident.Instantly || p.Count() != 2 {
		t.Errorf("two zeros, packed: %v, count %d", got, p.Count())
	}
	if got := New().Packed().Quantile(0.5); got != (incident.Quantile{}) {
		t.Error("empty, packed:", got)
	}
}

func TestMergeLeavesBothAlone(t *testing.T) {
	a, b := New(), New()
	a.AddN(10*time.Millisecond, 99)
	b.Add(30 * time.Second)
	both, err := a.Merge(b)
	if err != nil {
		t.Fatal(err)
	}
	if a.Count() != 99 || b.Count() != 1 || both.Count() != 100 {
		t.Errorf("counts %d, %d and %d, want 99, 1 and 100", a.Count(), b.Count(), both.Count())
	}
	if q := both.Quantile(1); q.Lo > 30*time.Second || q.Hi < 30*time.Second {
		t.Errorf("the slowest is [%v, %v], want 30s inside", q.Lo, q.Hi)
	}
}

func TestDecodeReadsWhatWasWritten(t *testing.T) {
	a := New()
	for i := range 500 {
		a.Add(time.Duration(i*i) * time.Microsecond)
	}
	raw, err := a.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	b, err := Decode(raw)
	if err != nil {
		t.Fatal(err)
	}
	for _, q := range []float64{0, 0.1, 0.5, 0.99, 1} {
		if a.Quantile(q) != b.Quantile(q) {
			t.Errorf("the %g-quantile was %v and is %v", q, a.Quantile(q), b.Quantile(q))
		}
	}
}

func FuzzDecode(f *testing.F) {
	a := New()
	a.Add(time.Second)
	raw, err := a.MarshalBinary()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(raw)
	f.Add(raw[:len(raw)-1])
	f.Add([]byte{})
	f.Fuzz(func(_ *testing.T, b []byte) {
		if s, err := Decode(b); err == nil {
			s.Quantile(0.5)
		}
	})
}
