package gatewaylog

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"tripcurve/collectors/logfile"
)

// tailEvent is what a look at a growing file found.
type tailEvent uint8

const (
	tailQuiet tailEvent = iota
	tailBytes
	tailRotated   // another file has the path: this one is finished
	tailTruncated // the same file begins anew
)

// tail is a file that others write, rename and truncate.
type tail struct {
	path    string
	file    *os.File
	offset  int64  // of the next byte to read
	mark    []byte // first bytes as they were: they change when the file begins anew
	seen    []byte // a piece of what was skipped over, whole lines; nil when nothing was
	block   []byte
	missing bool // nothing has the path right now
	hole    bool // the file began anew, and may begin with zeros
}

// markBytes is how much of the beginning is compared: a time and more.
const markBytes = 256

func openTail(path string) (*tail, error) {
	f, err := openRegular(path)
	if err != nil {
		return nil, err
	}
	return &tail{path: path, file: f, block: make([]byte, 256<<10)}, nil
}

// openRegular opens a file, and looks first: opening a named pipe waits for its
// writer, whatever happens to the collector meanwhile.
func openRegular(path string) (*os.File, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is no regular file; pipe it into - instead", path)
	}
	return os.Open(path)
}

func (t *tail) close() {
	if t.file != nil {
		_ = t.file.Close() // it was only read
		t.file = nil
	}
}

// next reads on. Only when nothing is left to read it asks whether the path
// still means this file, so that a rotated one is read to its end.
func (t *tail) next() ([]byte, tailEvent, error) {
	if t.file == nil { // Run was started again
		if event, err := t.reopen(); event != tailQuiet || err != nil {
			return nil, event, err
		}
	}
	block, event, err := t.more()
	if event != tailQuiet || err != nil {
		return block, event, err
	}
	info, err := t.file.Stat()
	if err != nil {
		return nil, tailQuiet, err
	}
	here, err := os.Stat(t.path)
	if isGone(err) {
		t.missing = true // renamed; the new one comes
		return nil, tailQuiet, nil
	}
	if err != nil {
		return nil, tailQuiet, err
	}
	t.missing = false
	if !os.SameFile(info, here) {
		return nil, tailRotated, nil
	}
	return nil, tailQuiet, nil
}

// more reads on in the file as it is, whatever it is called now. What was read counts
// only if the file still begins as it did afterwards: it may begin anew at any time.
func (t *tail) more() ([]byte, tailEvent, error) {
	for {
		n, err := t.file.ReadAt(t.block, t.offset)
		if err != nil && !errors.Is(err, io.EOF) {
			return nil, tailQuiet, err
		}
		info, err := t.file.Stat()
		if err != nil {
			return nil, tailQuiet, err
		}
		if info.Size() < t.offset || !t.marked() {
			return nil, tailTruncated, nil
		}
		if n == 0 {
			return nil, tailQuiet, nil
		}
		block := t.block[:n]
		if t.hole { // a writer that does not append goes on where it was: zeros stand before that
			block = bytes.TrimLeft(block, "\x00")
			t.hole = len(block) == 0
			t.offset += int64(n - len(block))
		}
		if len(block) > 0 {
			t.offset += int64(len(block))
			t.remember()
			return block, tailBytes, nil
		}
	}
}

// reopen opens the path again after a pause. It is the same file when it begins
// with the same bytes.
func (t *tail) reopen() (tailEvent, error) {
	f, err := openRegular(t.path)
	if err != nil {
		return tailQuiet, err
	}
	t.file = f
	if !t.marked() {
		t.close()
		return tailRotated, nil
	}
	return tailQuiet, nil
}

// marked says whether the file still begins as it did.
func (t *tail) marked() bool {
	if len(t.mark) == 0 {
		return true
	}
	head := make([]byte, len(t.mark))
	n, err := t.file.ReadAt(head, 0)
	return (err == nil || errors.Is(err, io.EOF)) && bytes.Equal(head[:n], t.mark)
}

// remember takes the mark, and a longer one while the file is still short.
func (t *tail) remember() {
	if len(t.mark) == markBytes {
		return
	}
	head := make([]byte, markBytes)
	n, err := t.file.ReadAt(head, 0)
	if head = head[:n]; (err == nil || errors.Is(err, io.EOF)) && bytes.HasPrefix(head, t.mark) { // else it has begun anew just now
		t.mark = head
	}
}

// restart begins the file anew.
func (t *tail) restart(event tailEvent) error {
	if event == tailRotated {
		f, err := openRegular(t.path)
		if isGone(err) {
			t.missing = true
			return nil // renamed again already; the next look will tell
		}
		if err != nil {
			return err
		}
		t.close()
		t.file = f
	}
	t.offset, t.mark, t.seen, t.hole = 0, nil, nil, event == tailTruncated
	return nil
}

// formerly finds the file that the path meant before: one beside it that begins as it
// did, and is as long at least. It is a copy, or it was renamed. Nil when there is none
// or it is compressed.
func (t *tail) formerly() *tail {
	if len(t.mark) == 0 {
		return nil
	}
	beside, err := os.ReadDir(filepath.Dir(t.path))
	if err != nil {
		return nil
	}
	for _, e := range beside {
		name := filepath.Join(filepath.Dir(t.path), e.Name())
		if !strings.HasPrefix(e.Name(), filepath.Base(t.path)) || name == filepath.Clean(t.path) {
			continue
		}
		if info, err := e.Info(); err != nil || !info.Mode().IsRegular() || info.Size() < t.offset {
			continue
		}
		o, err := openTail(name)
		if err != nil {
			continue
		}
		if o.mark = t.mark; o.marked() {
			o.offset = t.offset
			return o
		}
		o.close()
	}
	return nil
}

// identity says which file it is, from the lines that are there by now.
func (t *tail) identity(name string, known []logfile.Known) (logfile.Known, error) {
	head := make([]byte, logfile.IdentityBytes)
	n, err := t.file.ReadAt(head, 0)
	head = head[:n]
	if !bytes.HasPrefix(head, t.mark) { // it has begun anew: what is asked about was before
		head, err = t.mark, nil
	}
	if len(head) == 0 && err != nil {
		return logfile.Known{}, err
	}
	file, _ := logfile.IdentityOf(head, name, known)
	return file, nil
}

// whole is where the last whole line ends; it also keeps a piece of the end of
// what is skipped, for the format and the endpoints.
func (t *tail) whole() (int64, error) {
	info, err := t.file.Stat()
	if err != nil {
		return 0, err
	}
	from := max(0, info.Size()-sampleHead)
	piece := make([]byte, info.Size()-from)
	n, err := t.file.ReadAt(piece, from)
	if err != nil && !errors.Is(err, io.EOF) {
		return 0, err
	}
	piece = piece[:n]
	end := bytes.LastIndexByte(piece, '\n') + 1
	at := from + int64(end)
	t.remember()
	piece = piece[:end]
	if from > 0 {
		piece = piece[bytes.IndexByte(piece, '\n')+1:]
	}
	t.seen = piece
	return at, nil
}
