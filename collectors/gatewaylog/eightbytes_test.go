package gatewaylog

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"testing"
)

// What is said of eight bytes at once is what is true of one of them, or of none.
func TestEightBytesAtOnce(t *testing.T) {
	rng := rand.New(rand.NewPCG(8, 8))
	for c := range 256 {
		for at := range 8 {
			b := []byte("........")
			for i := range b {
				b[i] = "z{`@[\x00\xff\xb5"[rng.IntN(8)] // next to what is looked for, and the same with a high bit
			}
			b[at] = byte(c)
			x := binary.LittleEndian.Uint64(b)
			if got, want := zeros(x^every(byte(c))) != 0, true; got != want {
				t.Errorf("zeros of %q", b)
			}
			for _, f := range []struct {
				name  string
				marks uint64
				is    bool
			}{
				{"slashOrDot", slashOrDot(x), c == '/' || c == '.'},
				{"digits", digits(x), digit(byte(c))},
				{"capitals", capitals(x), c >= 'A' && c <= 'Z'},
			} {
				if (f.marks != 0) != f.is {
					t.Errorf("%s of %q: %x", f.name, b, f.marks)
				}
			}
			if got, want := indexFrom(b, at, every(byte(c))), at+bytes.IndexByte(b[at:], byte(c)); got != want {
				t.Errorf("index of %#x in %q: %d, want %d", c, b, got, want)
			}
		}
	}
}

// What is surely an id is one for the ways that look at each byte.
func TestSurelyIDsAreIDs(t *testing.T) {
	e := newEndpoints(nil)
	visit(e, []string{"GET /api/orders/ord_9c4d1e", "GET /api/orders/other_ones", "GET /api/orders/WH-0123XM1"})
	n := e.walk([]byte("/api/orders"))
	if n.id == nil || len(n.prefixes) != 2 {
		t.Fatalf("%d prefixes", len(n.prefixes))
	}
	rng := rand.New(rand.NewPCG(7, 7))
	parts := []string{"ord_", "other_", "_", "-", "/", ".", ".js", "a", "b", "f", "v", "Z", "Q", "0", "7", "9", "12", "ab", "XM", "%", ":", "\xc3", "\x00"}
	ids, yes := 0, 0
	for range 300_000 {
		var s []byte
		for range 1 + rng.IntN(14) {
			s = append(s, parts[rng.IntN(len(parts))]...)
		}
		seen, l := classesOf(s)
		kind := kindOfClasses(s[:l], seen, n.depth+1, l == len(s))
		id := l == len(s) && (kind == idSegment || kind != staticSegment && n.varies(s, kind))
		switch sure := n.surelyID(s); {
		case sure && !id:
			t.Fatalf("%q is surely an id, but is of kind %d", s, kind)
		case sure:
			yes++
			fallthrough
		case id:
			ids++
		}
	}
	if yes < ids/20 {
		t.Errorf("only %d of %d ids are sure", yes, ids)
	}
}
