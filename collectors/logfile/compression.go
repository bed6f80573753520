// Package logfile knows what log files have in common, whoever wrote them: how
// they are compressed, and which file one is whatever it is called.
package logfile

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"io"

	"github.com/klauspost/compress/zstd"
)

// Compression is how a file is packed.
type Compression uint8

const (
	Plain Compression = iota
	Gzip
	Zstd
)

// CompressionOf tells it by the first four bytes.
func CompressionOf(magic []byte) Compression {
	switch {
	case bytes.HasPrefix(magic, []byte{0x1f, 0x8b}):
		return Gzip
	case bytes.HasPrefix(magic, []byte{0x28, 0xb5, 0x2f, 0xfd}):
		return Zstd
	}
	return Plain
}

// maxExpanded bounds the window that a zstd file may ask for, in bytes.
const maxExpanded = 128 << 20

// Text is the text in r, unpacked; done frees what that took.
func Text(r *bufio.Reader) (text io.Reader, done func(), err error) {
	magic, err := r.Peek(4)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, nil, err
	}
	switch CompressionOf(magic) {
	case Gzip:
		z, err := gzip.NewReader(r)
		return z, func() {}, err
	case Zstd:
		z, err := zstd.NewReader(r, zstd.WithDecoderMaxWindow(maxExpanded), zstd.WithDecoderConcurrency(1))
		if err != nil {
			return nil, nil, err
		}
		return z, z.Close, nil
	default:
		return r, func() {}, nil
	}
}
