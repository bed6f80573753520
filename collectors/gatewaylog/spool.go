package gatewaylog

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"slices"

	"tripcurve/internal/incident/sketch"
)

// maxWeight is about how many bytes of counts an aggregator holds; what is more goes
// to a file, so that a log of any length is read in the same memory. All of it is put
// together again at the end, for templates may be learned late.
const maxWeight = 2 << 20

// What one of them weighs, in bytes, with what Go's allocator adds.
const (
	cellWeight   = 256
	sketchWeight = 5 << 10
)

// spool holds counts that were written away: runs of windows in order of time.
type spool struct {
	file *os.File // without a name, so that it goes when it is closed
	size int64
	runs []run
	// taken are the files of the aggregators that were merged into this one.
	taken []*os.File
}

// run is what an aggregator held at one time.
type run struct {
	file       *os.File
	from, to   int64
	translated []int32 // the series' numbers here; nil when they are the same
	level      int     // how often it was put together from others
}

// maxRuns of one level are put together to one of the next: all runs are open at the
// end.
const maxRuns = 64

// lighten writes the windows away when they are many. Where there is no room for them
// they stay in memory.
func (a *Aggregator) lighten() {
	if a.weight < maxWeight || a.spool.file == nil && a.spool.size < 0 {
		return
	}
	if err := a.writeAway(); err != nil && len(a.spool.runs) == 0 {
		a.spool.close()
		a.spool.size = -1 // not again
	}
	a.weight = 0 // else every block would try
}

// lightenForGood does so with all windows, if there are more than a few: nothing more
// is added to them.
func (a *Aggregator) lightenForGood() {
	if a.weight > maxWeight/8 {
		a.weight = maxWeight
		a.lighten()
	}
}

func (a *Aggregator) writeAway() error {
	s := &a.spool
	if s.file == nil {
		f, err := os.CreateTemp("", "tripcurve-counts-*")
		if err != nil {
			return err
		}
		s.file = f
		if err := os.Remove(f.Name()); err != nil { // where an open file has to keep its name
			return err
		}
	}
	times := a.times()
	err := s.write(0, func(put func(*window) error) error {
		for _, at := range times {
			if err := put(a.windows[at]); err != nil {
				return err // the windows are all there yet
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, w := range a.windows {
		for _, c := range w.cells {
			c.free()
		}
	}
	clear(a.windows)
	clear(a.hot[:])
	return s.compact()
}

// write adds a run of the windows that each puts, in order of time.
func (s *spool) write(level int, each func(put func(*window) error) error) error {
	w := bufio.NewWriterSize(io.NewOffsetWriter(s.file, s.size), 64<<10)
	n := int64(0)
	var b []byte
	err := each(func(win *window) error {
		b = win.append(b[:0])
		n += int64(len(b))
		_, err := w.Write(b)
		return err
	})
	if err = errors.Join(err, w.Flush()); err != nil {
		return err
	}
	s.runs = append(s.runs, run{file: s.file, from: s.size, to: s.size + n, level: level})
	s.size += n
	return nil
}

// compact makes one run of the last ones when they are many of one level.
func (s *spool) compact() error {
	for {
		first := len(s.runs) - maxRuns
		if first < 0 || s.runs[first].level != s.runs[len(s.runs)-1].level {
			return nil
		}
		last := s.runs[first:]
		if err := s.write(last[0].level+1, func(put func(*window) error) error { return eachWindow(nil, nil, last, put) }); err != nil {
			return err
		}
		s.runs = append(s.runs[:first], s.runs[len(s.runs)-1])
	}
}

// take adds what another aggregator wrote away, whose series have other numbers.
func (s *spool) take(o *spool, translated []int32) {
	for _, r := range o.runs {
		r.translated = translated
		s.runs = append(s.runs, r)
	}
	s.taken = append(append(s.taken, o.taken...), o.file)
	*o = spool{}
}

func (s *spool) close() {
	for _, f := range append(s.taken, s.file) {
		if f != nil {
			_ = f.Close() // nobody needs it any more
		}
	}
	*s = spool{}
}

// times are the windows that are held, in order.
func (a *Aggregator) times() []int64 {
	at := make([]int64, 0, len(a.windows))
	for k := range a.windows {
		at = append(at, k)
	}
	slices.Sort(at)
	return at
}

// append writes a window: its time, and each series' counts and durations.
func (w *window) append(b []byte) []byte {
	b = binary.AppendVarint(b, w.at)
	b = binary.AppendUvarint(b, uint64(len(w.cells)))
	for _, c := range w.cells {
		b = binary.AppendUvarint(b, uint64(c.series))
		for s := range windowSeconds {
			b = binary.AppendUvarint(b, uint64(c.started[s]))
			b = binary.AppendUvarint(b, uint64(c.ended[s]))
		}
		b = c.appendTo(b)
	}
	return b
}

// runReader reads a run, one window after the other.
type runReader struct {
	run
	section *io.SectionReader
	r       *bufio.Reader
	at      int64 // of the next window
	err     error // io.EOF behind the last one
}

// runBuffer is what a run is read through, in bytes: hundreds are read at once.
const runBuffer = 8 << 10

func (r run) open() *runReader {
	section := io.NewSectionReader(r.file, r.from, r.to-r.from)
	o := &runReader{run: r, section: section, r: bufio.NewReaderSize(section, runBuffer)}
	o.next()
	return o
}

func (r *runReader) next() {
	r.at, r.err = binary.ReadVarint(r.r)
	if at, err := r.section.Seek(0, io.SeekCurrent); errors.Is(r.err, io.EOF) && (err != nil || at < r.section.Size()) {
		r.err = io.ErrUnexpectedEOF
	}
}

func (r *runReader) number() uint64 {
	n, err := binary.ReadUvarint(r.r)
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		r.err = err
	}
	return n
}

// into counts the next window in w as well.
func (r *runReader) into(w *window) error {
	for n := r.number(); n > 0 && r.err == nil; n-- {
		series := int32(r.number())
		if r.translated != nil {
			series = r.translated[series]
		}
		c := w.cell(series)
		for s := range windowSeconds {
			c.started[s] += uint32(r.number())
			c.ended[s] += uint32(r.number())
		}
		for n := r.number(); n > 0 && r.err == nil; n-- {
			c.addMicroseconds(uint32(r.number()))
		}
		if n := r.number(); n > 0 && n < math.MaxInt32 && r.err == nil {
			bins := make([]byte, n)
			if _, r.err = io.ReadFull(r.r, bins); r.err == nil {
				var s *sketch.Sketch
				if s, r.err = sketch.Decode(bins); r.err == nil {
					c.mergeSketch(s)
				}
			}
		}
		for n := r.number(); n > 0 && r.err == nil; n = r.number() {
			c.countMS()
			c.ms[r.number()%countedMS] += int32(n)
		}
	}
	if r.err == nil {
		r.next()
	}
	if r.err != nil && !errors.Is(r.err, io.EOF) {
		return fmt.Errorf("counts written away: %w", r.err)
	}
	return nil
}

// eachWindow gives every window once, in order of time: what is held, which it takes
// out of windows, and what was written away, put together.
func eachWindow(held []int64, windows map[int64]*window, runs []run, do func(*window) error) error {
	readers := make([]*runReader, 0, len(runs))
	for _, r := range runs {
		readers = append(readers, r.open())
	}
	for {
		at, ok := int64(math.MaxInt64), false
		if len(held) > 0 {
			at, ok = held[0], true
		}
		for _, r := range readers {
			switch {
			case r.err == nil:
				at, ok = min(at, r.at), true
			case !errors.Is(r.err, io.EOF):
				return fmt.Errorf("counts written away: %w", r.err)
			}
		}
		if !ok {
			return nil
		}
		w := windows[at]
		if w == nil {
			w = &window{at: at}
		} else {
			held = held[1:]
			delete(windows, at)
		}
		for _, r := range readers {
			if r.err == nil && r.at == at {
				if err := r.into(w); err != nil {
					return err
				}
			}
		}
		if err := do(w); err != nil {
			return err
		}
	}
}
