// Package varint reads numbers that were packed into strings.
package varint

// Reader takes off Rest what binary.AppendUvarint and binary.AppendVarint wrote there. It
// trusts it, for it was packed by this process: of anything else it panics.
type Reader struct{ Rest string }

// Uint is the next number that AppendUvarint wrote.
func (r *Reader) Uint() uint64 {
	if b := r.Rest[0]; b < 0x80 { // mostly
		r.Rest = r.Rest[1:]
		return uint64(b)
	}
	return r.long()
}

// Int is the next number that AppendVarint wrote.
func (r *Reader) Int() int64 {
	n := r.Uint()
	return int64(n>>1) ^ -int64(n&1)
}

func (r *Reader) long() (n uint64) {
	for i, shift := 0, 0; ; i, shift = i+1, shift+7 {
		b := r.Rest[i]
		n |= uint64(b&0x7f) << shift
		if b < 0x80 {
			r.Rest = r.Rest[i+1:]
			return n
		}
	}
}
