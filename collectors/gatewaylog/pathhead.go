package gatewaylog

import (
	"encoding/binary"
)

// pathHead is the first bytes of a path. Most paths begin like one that was there
// before, and differ in an id behind it.
type pathHead struct {
	first, second uint64
	whole         bool // the path is no longer
}

// headBytes is how many bytes of a path its head has.
const headBytes = 16

func headOf(path []byte) pathHead {
	switch n := len(path); {
	case n >= headBytes:
		return pathHead{binary.LittleEndian.Uint64(path), binary.LittleEndian.Uint64(path[8:]), n == headBytes}
	case n >= 8:
		return pathHead{binary.LittleEndian.Uint64(path), binary.LittleEndian.Uint64(path[n-8:]) >> (8 * (headBytes - n)), true}
	}
	var short [8]byte
	copy(short[:], path)
	return pathHead{binary.LittleEndian.Uint64(short[:]), uint64(len(path)) << 56, true}
}

// knownHead is where paths lead that begin so.
type knownHead struct {
	pathHead
	node *node // nil for none
	used int   // bytes of the path that lead there
}

// knownHeads is how many are remembered.
const knownHeads = 64

func (h *pathHead) slot() uint64 {
	x := h.first*0x9e3779b97f4a7c15 ^ h.second*0xc2b2ae3d27d4eb4f
	return (x ^ x>>32) % knownHeads
}
