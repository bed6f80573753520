package incident

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
)

// What is packed comes out as it was, however odd, behind what there is.
func TestBucketsArePacked(t *testing.T) {
	r := rand.New(rand.NewPCG(6, 7))
	odd := []int64{0, 1, -1, 59, 63, 64, 127, 128, 1 << 40, math.MaxInt64, math.MinInt64}
	kinds := make([]*countKind, 100)
	for i := range kinds {
		kinds[i] = &countKind{width: time.Second, status: i}
	}
	var want []bucket
	for range 3000 {
		n := func() int64 { return odd[r.IntN(len(odd))] }
		b := bucket{sec: n(), nsec: int32(r.IntN(1e9)), kind: kinds[r.IntN(len(kinds))], started: n(), ended: n(), from: n(), to: n()}
		if r.IntN(5) == 0 {
			b.parts = &[]part{{span{n(), n()}, n(), n()}}
		}
		want = append(want, b)
	}
	same := gocmp.AllowUnexported(bucket{}, countKind{}, part{}, span{})
	got := packBuckets(want[1:]).unpack(want[:1:1])
	if d := gocmp.Diff(want, got, same); d != "" {
		t.Error(d)
	}
	for i := range got {
		if got[i].kind != want[i].kind {
			t.Fatalf("bucket %d has another kind's address", i)
		}
	}
	if got := packBuckets(nil).unpack(nil); len(got) != 0 {
		t.Errorf("nothing is %v", got)
	}
}

// BenchmarkEachBucket looks at the requests of each second of a day.
func BenchmarkEachBucket(b *testing.B) {
	ev := NewEvidence()
	for i := range 86_400 {
		ev.Add(logged(float64(i), orders, 3, 3, int64(i)*100, int64(i)*100+99))
	}
	v := ev.Snapshot()
	b.ReportAllocs()
	for b.Loop() {
		n := int64(0)
		v.EachBucket(Window{}, func(b *Bucket) { n += b.Ended })
		if n != 3*86_400 {
			b.Fatal(n)
		}
	}
}
