package gatewaylog

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"

	"tripcurve/collectors/logfile"
)

// Look is what a look at the ends of a log tells.
type Look struct {
	First Instant // of the first lines; Unknown when none of them is a request
	Last  Instant // the latest of the last lines, likewise; Unknown when they were not looked at
}

// LookAt looks at a file to put it in order with others: log rotation gives names that
// say little. The last lines of a compressed file cost reading all of it; last asks
// for them.
func LookAt(path string, opt Options, last bool) (Look, error) {
	l, err := lookAt(path, opt, last)
	if err != nil {
		return l, fmt.Errorf("gateway log %s: %w", path, err)
	}
	return l, nil
}

func lookAt(path string, opt Options, last bool) (Look, error) {
	l := Look{First: Unknown, Last: Unknown}
	if info, err := os.Stat(path); err != nil || !info.Mode().IsRegular() && !info.IsDir() {
		return l, err // it cannot be read twice: even opening a pipe takes something from its writer
	}
	f, info, err := logfile.Open(path)
	if err != nil {
		return l, err
	}
	defer f.Close()
	text, done, err := logfile.Text(bufio.NewReaderSize(f, 256<<10))
	if err != nil {
		return l, err
	}
	defer done()
	head := make([]byte, sampleHead)
	n, err := io.ReadFull(text, head)
	if n == 0 && err != nil && !errors.Is(err, io.EOF) {
		return l, err
	}
	lines := sampleOf(head[:n], true, err != nil)
	found, derr := decide(lines, opt)
	if derr != nil {
		return l, derr
	}
	d := NewDecoder(found.Format)
	l.First = timeOf(d, lines, func(first, _ Instant) Instant { return first })
	if !last {
		return l, nil
	}
	tail := append([]byte(nil), head[max(0, n-sampleElse):n]...)
	whole := n <= sampleElse
	switch size := info.Size(); {
	case err != nil: // the head is all of it
	case plain(f):
		tail, whole = make([]byte, sampleElse), false
		if n, err = f.ReadAt(tail, size-sampleElse); err != nil && !errors.Is(err, io.EOF) {
			return l, err
		}
		tail = tail[:n]
	default:
		block := make([]byte, 256<<10)
		for {
			n, err := text.Read(block)
			tail = append(tail, block[:n]...)
			tail = tail[:copy(tail, tail[max(0, len(tail)-sampleElse):])]
			whole = false
			if err != nil {
				break // of a damaged archive, the last line that can be read
			}
		}
	}
	l.Last = latestOf(d, sampleOf(tail, whole, true))
	return l, nil
}

// latestOf is the latest time of the lines that can be read, Unknown when there is none.
func latestOf(d *Decoder, lines [][]byte) Instant {
	return timeOf(d, lines, func(a, b Instant) Instant { return max(a, b) })
}

// plain says whether a file is not compressed.
func plain(f io.ReaderAt) bool {
	magic := make([]byte, 4)
	n, _ := f.ReadAt(magic, 0) // what cannot be read is not
	return n > 0 && logfile.CompressionOf(magic[:n]) == logfile.Plain
}

// timeOf folds the times of those lines that can be read, with what was around them
// taken off if need be; Unknown when there are none.
func timeOf(d *Decoder, lines [][]byte, fold func(a, b Instant) Instant) Instant {
	at := Unknown
	var r Record
	read := func(lines [][]byte) {
		for _, line := range lines {
			switch {
			case d.Decode(line, &r) != nil:
			case at == Unknown:
				at = r.latest()
			default:
				at = fold(at, r.latest())
			}
		}
	}
	if read(lines); at == Unknown {
		inner, _ := unwrapped(lines)
		read(inner)
	}
	return at
}
