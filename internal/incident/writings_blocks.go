package incident

import (
	"bytes"
	"compress/flate"
	"encoding/binary"
	"fmt"
	"io"
	"slices"
	"sort"
	"sync"
	"sync/atomic"
)

// blocks are texts in compressed blocks, of which the ones looked at last are kept
// unpacked: a screen shows neighbours. Any number of readers may use them.
type blocks struct {
	len    int
	list   []block
	packed []byte // of one block after another
	recent [recentBlocks]atomic.Pointer[unpacked]
}

// block is where a block begins: the number of its first text, and the place among what is
// packed.
type block struct{ first, at int }

// unpacked is a block as it was before.
type unpacked struct {
	number int
	starts []int // of each text, and the end of the last
	all    string
}

const (
	// A block ends with the first of these; to unpack one takes some 20 us.
	blockTexts = 128
	blockBytes = 16 << 10
	// recentBlocks is how many unpacked ones are kept.
	recentBlocks = 8
)

// at is the i-th text.
func (b *blocks) at(i int) string {
	number := sort.Search(len(b.list), func(n int) bool { return b.list[n].first > i }) - 1
	slot := &b.recent[number%recentBlocks]
	u := slot.Load()
	if u == nil || u.number != number {
		u = b.unpack(number)
		slot.Store(u)
	}
	i -= b.list[number].first
	return u.all[u.starts[i]:u.starts[i+1]]
}

// inflaters are those that wait for the next block: one is made of 40 kB.
var inflaters = sync.Pool{New: func() any { return flate.NewReader(nil) }}

func (b *blocks) unpack(number int) *unpacked {
	from, to := b.list[number], block{b.len, len(b.packed)}
	if number+1 < len(b.list) {
		to = b.list[number+1]
	}
	inflate := inflaters.Get().(io.ReadCloser)
	defer inflaters.Put(inflate)
	if err := inflate.(flate.Resetter).Reset(bytes.NewReader(b.packed[from.at:to.at]), nil); err != nil {
		panic(fmt.Sprintf("block %d of %d bytes: %v", number, to.at-from.at, err))
	}
	raw, err := io.ReadAll(inflate)
	if err != nil {
		panic(fmt.Sprintf("block %d of %d bytes: %v", number, to.at-from.at, err))
	}
	u := &unpacked{number: number, starts: make([]int, 0, to.first-from.first+1)}
	end := 0
	for range to.first - from.first {
		n, size := binary.Uvarint(raw)
		raw = raw[size:]
		u.starts = append(u.starts, end)
		end += int(n)
	}
	u.starts, u.all = append(u.starts, end), string(raw)
	return u
}

// blockWriter compresses one text after another into blocks.
type blockWriter struct {
	to      *blocks
	out     bytes.Buffer
	deflate *flate.Writer
	first   int    // text of the block under way
	lengths []byte // of its texts
	texts   []byte // themselves
}

func newBlockWriter(to *blocks) *blockWriter {
	w := &blockWriter{to: to}
	var err error
	if w.deflate, err = flate.NewWriter(&w.out, flate.BestSpeed); err != nil {
		panic(err) // there is such a level
	}
	return w
}

func (w *blockWriter) add(text string) {
	w.lengths = binary.AppendUvarint(w.lengths, uint64(len(text)))
	w.texts = append(w.texts, text...)
	if w.to.len++; w.to.len-w.first == blockTexts || len(w.texts) >= blockBytes {
		w.cut()
	}
}

// cut ends a block.
func (w *blockWriter) cut() {
	w.to.list = append(w.to.list, block{first: w.first, at: w.out.Len()})
	w.deflate.Reset(&w.out)
	for _, part := range [][]byte{w.lengths, w.texts} {
		_, _ = w.deflate.Write(part) // a buffer takes all
	}
	_ = w.deflate.Close()
	w.first, w.lengths, w.texts = w.to.len, w.lengths[:0], w.texts[:0]
}

// done ends the last block.
func (w *blockWriter) done() {
	if w.to.len > w.first {
		w.cut()
	}
	w.to.list, w.to.packed = slices.Clone(w.to.list), bytes.Clone(w.out.Bytes())
}
