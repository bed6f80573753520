package gatewaylog

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"tripcurve/collectors/logfile"
	"tripcurve/internal/incident"
)

// logFile is what has to be known to read a log again: where it lies and how it is read.
// Without a path, as for a stream, it is false.
func (o *Options) logFile(path string, origin incident.Origin) (incident.LogFile, bool) {
	whole, err := filepath.Abs(path)
	if path == "" || err != nil || origin.File == "" {
		return incident.LogFile{}, false
	}
	l := incident.LogFile{Path: whole, Unit: o.Unit, Routes: o.Routes, Origin: origin}
	if o.Format != nil {
		l.Format = o.Format.Given()
	}
	if o.Zone != nil && o.Zone != time.Local {
		l.Zone = o.Zone.String()
	}
	return l, true
}

// reading is how a log is to be read again.
func reading(l incident.LogFile) (opt Options, err error) {
	opt = Options{Name: l.Origin.Name, Unit: l.Unit, Routes: l.Routes}
	if l.Format != "" {
		if opt.Format, err = ParseFormat(l.Format); err != nil {
			return opt, err
		}
	}
	if opt.Zone, err = ParseZone(l.Zone); err != nil {
		return opt, err
	}
	_, err = ParseUnit(l.Unit)
	return opt, err
}

var (
	// ErrLogGone is a log that is not where it was, and not beside it either.
	ErrLogGone = errors.New("the log is not there any more")
	// ErrLogReplaced is a log whose path means another file by now.
	ErrLogReplaced = errors.New("the log was rotated: another one has its name")
)

// maxBeside bounds the files of a folder that are looked at for one that was renamed.
const maxBeside = 500

// findLog opens the file that a log was read from: at its path, or beside it under a
// name that begins so, as rotation gives them, compressed or not. Its content says
// which it is, so that nothing else is ever read.
func findLog(l incident.LogFile) (*os.File, error) {
	f, err := openIfSame(l.Path, l.Origin.File)
	if f != nil {
		return f, nil
	}
	lost := ErrLogReplaced
	if err != nil {
		if !isGone(err) {
			return nil, err
		}
		lost = ErrLogGone
	}
	dir, err := os.Open(filepath.Dir(l.Path))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", l.Path, lost)
	}
	defer dir.Close()
	for n := 0; n < maxBeside; {
		entries, err := dir.ReadDir(100)
		for _, e := range entries {
			if name := e.Name(); !strings.HasPrefix(name, filepath.Base(l.Path)) || name == filepath.Base(l.Path) || !e.Type().IsRegular() {
				continue
			}
			n++
			if f, err := openIfSame(filepath.Join(dir.Name(), e.Name()), l.Origin.File); err == nil && f != nil {
				return f, nil
			}
		}
		if err != nil { // io.EOF
			break
		}
	}
	return nil, fmt.Errorf("%s: %w", l.Path, lost)
}

// openIfSame opens a file if it is the one of an identity; nil when it is another one.
func openIfSame(path, identity string) (*os.File, error) {
	f, err := openRegular(path)
	if err != nil {
		return nil, err
	}
	head, err := headOfLog(f)
	if err == nil {
		if _, same := logfile.IdentityOf(head, "", []logfile.Known{{File: identity}}); same {
			return f, nil
		}
	}
	return nil, errors.Join(err, f.Close())
}

// headOfLog is what the identity of a log is made of.
func headOfLog(f *os.File) ([]byte, error) {
	text, done, err := logfile.Text(bufio.NewReader(io.NewSectionReader(f, 0, 1<<62)))
	if err != nil {
		return nil, err
	}
	defer done()
	head := make([]byte, logfile.IdentityBytes)
	n, err := io.ReadFull(text, head)
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		err = nil
	}
	return head[:n], err
}
