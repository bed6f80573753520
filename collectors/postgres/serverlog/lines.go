package serverlog

import "bytes"

const (
	// maxLine is where a line is cut, in bytes: a waiting line of 500 waiters that
	// lists each other has 4 kB, a statement may be of any size.
	maxLine = 4 << 20
	// maxRecord bounds an entry of several lines, in bytes.
	maxRecord = 4 << 20
	// maxRaw bounds a kept entry, in bytes; its Origin leads to the rest.
	maxRaw = 16 << 10
	// maxText bounds a kept statement, in bytes.
	maxText = 4000
)

// lines cuts bytes into lines. It is an io.Writer that never fails.
type lines struct {
	to      decoder
	offset  int64 // of the first byte not written yet
	number  int   // lines begun
	begin   int64 // of the line that is held
	partial []byte
	cut     bool
}

// Write takes the next bytes. A line without a newline is held until its rest
// comes, or close.
func (l *lines) Write(p []byte) (int, error) {
	n := len(p)
	for len(p) > 0 {
		i := bytes.IndexByte(p, '\n')
		if i < 0 {
			l.hold(p)
			break
		}
		if len(l.partial) == 0 && !l.cut && i <= maxLine {
			l.number++
			l.to.line(trimmed(p[:i]), place{l.offset, int64(i + 1), l.number}, false)
			l.offset += int64(i + 1)
		} else {
			l.hold(p[:i+1])
			l.end()
		}
		p = p[i+1:]
	}
	return n, nil
}

func (l *lines) hold(p []byte) {
	if len(l.partial) == 0 && !l.cut {
		l.begin = l.offset
	}
	l.offset += int64(len(p))
	if room := maxLine + 2 - len(l.partial); len(p) > room {
		l.cut = true
		p = p[:room]
	}
	l.partial = append(l.partial, p...)
}

func (l *lines) end() {
	l.number++
	l.to.line(trimmed(bytes.TrimSuffix(l.partial, []byte("\n"))), place{l.begin, l.offset - l.begin, l.number}, l.cut)
	l.partial, l.cut = l.partial[:0], false
}

// close takes a last line without a newline.
func (l *lines) close() {
	if len(l.partial) > 0 {
		l.end()
	}
	l.to.close()
}

// trimmed is a line without the carriage return that Windows puts before the
// newline.
func trimmed(line []byte) []byte { return bytes.TrimSuffix(line, []byte("\r")) }

func clip(s string, n int) string { return s[:min(len(s), n)] }
