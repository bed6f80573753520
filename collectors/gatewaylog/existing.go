package gatewaylog

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"time"
)

// mostExisting is how much of the end of a quiet log is tried.
const mostExisting = 1 << 20

// Existing follows the lines that a log already has, its last mebibyte, and ends:
// how a log that nobody writes to just now would be read. It is nil for a stream, and
// for a file without a line.
func (f *Follow) Existing() (*Follow, error) {
	if f.opt.Path == "" {
		return nil, nil
	}
	file, err := openRegular(f.opt.Path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	from := max(0, info.Size()-mostExisting)
	block := make([]byte, info.Size()-from)
	n, err := file.ReadAt(block, from)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("gateway log %s: %w", f.opt.Name, err)
	}
	block = block[:n]
	if from > 0 {
		_, block, _ = bytes.Cut(block, []byte("\n"))
	}
	if !bytes.Contains(block, []byte("\n")) {
		return nil, nil
	}
	opt := f.opt
	opt.Path, opt.Reader, opt.Since = "", bytes.NewReader(block), time.Time{}
	return NewFollow(opt)
}
