package varint

import (
	"encoding/binary"
	"math"
	"testing"
)

func TestReaderReadsWhatWasAppended(t *testing.T) {
	numbers := []int64{0, 1, -1, 63, 64, -64, -65, 127, 128, 1 << 20, -(1 << 35), math.MaxInt64, math.MinInt64}
	var b []byte
	for _, n := range numbers {
		b = binary.AppendUvarint(binary.AppendVarint(b, n), uint64(n))
	}
	r := Reader{Rest: string(b)}
	for _, n := range numbers {
		if got := r.Int(); got != n {
			t.Errorf("read %d, want %d", got, n)
		}
		if got := r.Uint(); got != uint64(n) {
			t.Errorf("read %d, want %d", got, uint64(n))
		}
	}
	if r.Rest != "" {
		t.Errorf("%d bytes are left", len(r.Rest))
	}
}
