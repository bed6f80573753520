package gatewaylog

import (
	"bytes"
	"encoding/binary"
	"math/bits"
)

// Eight bytes at a time: each byte of ones is 1, of highs 128.
const (
	ones  = 0x0101010101010101
	highs = 0x8080808080808080
)

// every is a byte, eight times.
func every(c byte) uint64 { return uint64(c) * ones }

// zeros marks the bytes of x that are zero, in their highest bits; the lowest mark is
// right, those above it may be marks of a byte that is one.
func zeros(x uint64) uint64 { return (x - ones) &^ x & highs }

// slashOrDot is not zero when one of eight bytes is a slash or a dot, which differ in one
// bit.
func slashOrDot(x uint64) uint64 { return zeros((x | ones) ^ every('/')) }

// digits and capitals mark the bytes of x that are one, in their highest bits.
func digits(x uint64) uint64 {
	low := x &^ highs
	return ^(low + 0x46*ones) & (low + 0x50*ones) &^ x & highs
}

func capitals(x uint64) uint64 {
	low := x &^ highs
	return (low + 0x3f*ones) &^ (low + 0x25*ones) &^ x & highs
}

// near is how far a byte is looked for eight bytes at a time, in bytes: so short
// a way, the call of the vectorised search costs more than it saves.
const near = 16

// indexNear is where c stands in b, -1 when it does not.
func indexNear(b []byte, c byte) int { return indexFrom(b, 0, every(c)) }

// indexFrom is where a byte stands in b behind from, -1 when it does not. pattern is the
// byte, eight times.
func indexFrom(b []byte, from int, pattern uint64) int {
	for at := from; at <= from+near && len(b)-at >= 8; at += 8 {
		if z := zeros(binary.LittleEndian.Uint64(b[at:]) ^ pattern); z != 0 {
			return at + bits.TrailingZeros64(z)>>3
		}
	}
	if n := bytes.IndexByte(b[from:], byte(pattern)); n >= 0 {
		return from + n
	}
	return -1
}
