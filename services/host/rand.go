package host

import (
	crand "crypto/rand"
	"encoding/binary"
)

// CryptoRand draws from the operating system: ids and client secrets must not be
// guessable outside the simulator.
func CryptoRand() float64 {
	var b [8]byte
	// crypto/rand.Read never returns an error and fills b entirely (Go 1.24).
	_, _ = crand.Read(b[:])
	return float64(binary.LittleEndian.Uint64(b[:])>>11) / (1 << 53)
}

// ID is prefix followed by 12 hexadecimal digits from one draw (48 bits).
func (r Rand) ID(prefix string) string {
	const digits, width = "0123456789abcdef", 12
	v := uint64(r() * (1 << (4 * width)))
	var buf [32]byte
	b := append(buf[:0], prefix...)
	for shift := 4 * (width - 1); shift >= 0; shift -= 4 {
		b = append(b, digits[v>>shift&0xf])
	}
	return string(b)
}
