package gatewaylog

import (
	"bytes"
	"errors"
	"io"
	"time"
)

// Lines are only nearly in order: nginx buffers them by worker, some formats name the
// start of a request and not how long it took. So what is looked for lies a little
// earlier than what is wanted, in time and in bytes, and what is read too much is left
// out line by line.
const (
	searchSlack  = 2 * time.Minute
	searchMargin = 1 << 20
)

// search finds where lines of since and later begin, at most end; it may answer an
// earlier place, which is always the beginning of a line. It bisects, so that a log of
// any length takes some twenty looks.
func search(f io.ReaderAt, d *Decoder, since Instant, end int64) (int64, error) {
	since -= Instant(searchSlack)
	low, high := int64(0), end
	for high-low > searchMargin {
		middle := low + (high-low)/2
		at, err := latestNear(f, d, middle)
		if err != nil {
			return 0, err
		}
		if at == Unknown || at >= since {
			high = middle
		} else {
			low = middle
		}
	}
	low = max(0, low-searchMargin)
	if low == 0 {
		return 0, nil
	}
	block := make([]byte, maxLine)
	n, err := f.ReadAt(block, low)
	if err != nil && !errors.Is(err, io.EOF) {
		return 0, err
	}
	if i := bytes.IndexByte(block[:n], '\n'); i >= 0 {
		return low + int64(i) + 1, nil
	}
	return 0, nil
}

// latestNear is the latest time in the lines behind a place, Unknown when none of them
// can be read.
func latestNear(f io.ReaderAt, d *Decoder, at int64) (Instant, error) {
	for size := sampleElse; ; size += maxLine { // more of them where one is very long
		block := make([]byte, size)
		n, err := f.ReadAt(block, at)
		if err != nil && !errors.Is(err, io.EOF) {
			return Unknown, err
		}
		latest := latestOf(d, sampleOf(block[:n], at == 0, false))
		if latest.Known() || n < size || size > 2*maxLine {
			return latest, nil
		}
	}
}
