package source

import (
	"fmt"
	"io"
	"os"
	"slices"
)

// What a configuration file may be at most. No real one comes near, and text that is
// meant to do harm is refused before it takes gigabytes or minutes.
const (
	// MostBytes of a file.
	MostBytes = 8 << 20
	// maxDepth bounds the nesting.
	maxDepth = 100
	// mostValues bounds the tree: a value takes some 150 bytes.
	mostValues = 200_000
)

// ErrTooLong says that a file has more than MostBytes.
var ErrTooLong = fmt.Errorf("more than %d MiB is no configuration", MostBytes>>20)

// ReadFile is the text of a file of at most MostBytes. It reads no further, for a
// device or a pipe may have no end.
func ReadFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return ReadAll(f)
}

// ReadAll is what r holds, at most MostBytes.
func ReadAll(r io.Reader) ([]byte, error) {
	text, err := io.ReadAll(io.LimitReader(r, MostBytes+1))
	if err == nil && len(text) > MostBytes {
		return nil, ErrTooLong
	}
	return text, err
}

// places finds the line and the column of a byte offset: it is where each line begins,
// and behind the last one the length of the text.
type places []int

func placesOf(text string) places {
	p := places{0}
	for i := range len(text) {
		if text[i] == '\n' {
			p = append(p, i+1)
		}
	}
	return append(p, len(text))
}

func (p places) at(offset int) Pos {
	last := len(p) - 1
	offset = min(max(offset, 0), p[last])
	line, exact := slices.BinarySearch(p[:last], offset)
	if exact {
		line++
	}
	return Pos{line, offset - p[line-1] + 1}
}
