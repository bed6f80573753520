package gatewaylog

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"tripcurve/collectors/logfile"
	"tripcurve/internal/incident"
)

// Group is the independence group of all gateway logs.
const Group = "gateway"

// Options of reading a log; the zero value detects the format and infers the
// endpoints.
type Options struct {
	Name   string  // of the source; the file's base name when empty
	Format *Format // nil detects it
	// Zone is the one of times that name none; nil is this host's.
	Zone *time.Location
	// Unit is the one of durations that name none: s, ms, us or ns; empty guesses
	// it where the lines leave no doubt.
	Unit   string
	Routes []string  // endpoint patterns: "/api/orders/:id", "GET /api/inventory/{sku}"
	Since  time.Time // leave out what ended before; zero for everything
	// Known are the logs that the evidence already holds, so that one that has
	// grown, or was renamed or compressed since, is known again.
	Known []logfile.Known
	// Workers read one plain file together; 0 is one per CPU, two at most.
	Workers int
	// Progress is told how many bytes of the file, as it lies on disk, are read.
	// total is 0 when it is unknown. It is called from one goroutine at a time.
	Progress func(done, total int64)
}

// Summary is what an import found.
type Summary struct {
	Stats
	Detection Detection
	Origin    incident.Origin // From and To are the bytes read, decompressed
	Known     bool            // the evidence already held this file, or its beginning
	FirstBad  string          // what the first line that was not understood should have been
	Truncated string          // why the end of a compressed file could not be read; empty when it could
}

// Source is the status line of an imported log.
func (s Summary) Source() incident.SourceStatus {
	detail := fmt.Sprintf("%s; %d lines", s.Detection.Reason, s.Lines)
	if s.Unparsed > 0 {
		detail += fmt.Sprintf(", %d not understood", s.Unparsed)
	}
	detail += s.unmatched() + s.overflowed() + s.oddities()
	if s.Truncated != "" {
		detail += ", cut off: " + s.Truncated
	}
	return incident.SourceStatus{Name: s.Origin.Name, Group: Group, State: incident.SourceDone, LastAt: s.Last.Time(), Detail: detail}
}

// Import reads a file: plain, gzip or zstd, told apart by their first bytes.
// Facts go to emit, in batches, after the last line was read: endpoint
// templates may be learned late. Reading a file again gives the same facts from
// the same bytes, which Evidence does not count twice.
func Import(ctx context.Context, path string, opt Options, emit func([]incident.Fact) error) (Summary, error) {
	m := NewMerge()
	defer m.Close()
	s, err := m.Import(ctx, path, opt)
	if err != nil {
		return s, err
	}
	return s, m.Flush(emit)
}

// ImportReader reads a stream to its end, such as standard input.
func ImportReader(ctx context.Context, r io.Reader, opt Options, emit func([]incident.Fact) error) (Summary, error) {
	m := NewMerge()
	defer m.Close()
	s, err := m.ImportReader(ctx, r, opt)
	if err != nil {
		return s, err
	}
	return s, m.Flush(emit)
}

// parallelSize is the size from which a plain file is read in chunks, in bytes:
// then a second worker pays, and sparing a copy.
const parallelSize = 16 << 20

func importFile(ctx context.Context, f *os.File, info os.FileInfo, opt Options) (Summary, *Aggregator, error) {
	magic := make([]byte, 4)
	n, err := f.ReadAt(magic, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		if info.Mode().IsRegular() {
			return Summary{}, nil, err
		}
		n = 0 // a pipe or a device: read it as it comes
	}
	workers := opt.Workers
	if workers == 0 {
		workers = min(2, runtime.GOMAXPROCS(0))
	}
	if !info.Mode().IsRegular() || logfile.CompressionOf(magic[:n]) != logfile.Plain || info.Size() < parallelSize {
		total := int64(0)
		if info.Mode().IsRegular() {
			total = info.Size()
		}
		return importStream(ctx, &counter{r: f, sampler: samplerOf(f, info, magic[:n])}, total, opt)
	}
	s, agg, err := importParallel(ctx, f, info.Size(), workers, opt)
	if errors.Is(err, errInOrder) {
		return importStream(ctx, &counter{r: f, sampler: samplerOf(f, info, magic[:n])}, info.Size(), opt)
	}
	return s, agg, err
}

// errInOrder says that the lines of a log go on in other lines, so that they
// cannot be read in chunks.
var errInOrder = errors.New("lines that go on in other lines")

// samplerOf reads from the middle and the end of a plain file; nil for others.
func samplerOf(f io.ReaderAt, info os.FileInfo, magic []byte) func() [][]byte {
	if !info.Mode().IsRegular() || logfile.CompressionOf(magic) != logfile.Plain {
		return nil
	}
	return func() [][]byte { return sampleElsewhere(f, info.Size()) }
}

func sampleElsewhere(f io.ReaderAt, size int64) [][]byte {
	if size <= sampleHead {
		return nil
	}
	var lines [][]byte
	for _, at := range []int64{size / 2, size - sampleElse} {
		block := make([]byte, sampleElse)
		n, _ := f.ReadAt(block, at) // what cannot be read is not sampled; reading it all will say why
		lines = append(lines, sampleOf(block[:n], false, false)...)
	}
	return lines
}

// counter counts the bytes read from a file.
type counter struct {
	r       io.Reader
	n       int64
	sampler func() [][]byte // nil when only the head can be sampled
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	return n, err
}

// importStream reads from one goroutine.
func importStream(ctx context.Context, c *counter, total int64, opt Options) (Summary, *Aggregator, error) {
	text, done, err := logfile.Text(bufio.NewReaderSize(c, 256<<10))
	if err != nil {
		return Summary{}, nil, err
	}
	defer done()
	r := bufio.NewReaderSize(text, sampleHead)
	head, headErr := r.Peek(sampleHead)
	s, routes, err := prepare(head, headErr != nil, c.sampler, opt)
	if err != nil {
		if headErr != nil && !errors.Is(headErr, io.EOF) && len(head) == 0 {
			err = headErr // a damaged archive, not an unknown format
		}
		return s, nil, err
	}
	in := NewIntake(s.Detection.Format, s.Origin, routes, 0)
	in.Since(opt.Since)
	for {
		_, err := r.Peek(1)
		block, _ := r.Peek(r.Buffered()) // what is there already
		_, _ = in.Write(block)           // never fails
		_, _ = r.Discard(len(block))
		if opt.Progress != nil {
			opt.Progress(min(c.n, max(total, c.n)), total)
		}
		if err != nil && !errors.Is(err, io.EOF) {
			s.Truncated = err.Error() // what was decoded is kept
		}
		if err != nil {
			break
		}
		if err := ctx.Err(); err != nil {
			in.agg.spool.close()
			return s, nil, err
		}
	}
	in.Close()
	s.Stats, s.FirstBad = in.Stats(), in.agg.firstBad()
	s.Origin.To = in.Offset()
	return s, in.agg, nil
}

// prepare finds out what there is to read.
func prepare(head []byte, whole bool, elsewhere func() [][]byte, opt Options) (Summary, *Routes, error) {
	var s Summary
	routes, err := NewRoutes(opt.Routes)
	if err != nil {
		return s, nil, err
	}
	var file logfile.Known
	file, s.Known = logfile.IdentityOf(head, opt.Name, opt.Known)
	s.Origin = incident.Origin{Group: Group, Name: file.Name, File: file.File}
	lines := sampleOf(head, true, whole)
	if elsewhere != nil {
		lines = append(lines, elsewhere()...)
	}
	s.Detection, err = decide(lines, opt)
	return s, routes, err
}

const (
	// minSpan is the least that a worker takes at a time, in bytes.
	minSpan = 1 << 20
	// blockSize is what it reads at a time, in bytes: it stays in the cache between being
	// read and being parsed.
	blockSize = 256 << 10
)

// importParallel lets workers read spans of a plain file, cut at newlines. The
// result does not depend on how many there are, or on who read what.
func importParallel(ctx context.Context, f io.ReaderAt, size int64, workers int, opt Options) (Summary, *Aggregator, error) {
	head := make([]byte, sampleHead)
	n, err := f.ReadAt(head, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return Summary{}, nil, err
	}
	s, routes, err := prepare(head[:n], int64(n) == size, func() [][]byte { return sampleElsewhere(f, size) }, opt)
	if err == nil && s.Detection.joins {
		err = errInOrder
	}
	if err != nil {
		return s, nil, err
	}
	start := int64(0)
	if !opt.Since.IsZero() {
		start, err = search(f, NewDecoder(s.Detection.Format), Instant(opt.Since.UnixNano()), size)
		if err != nil {
			return s, nil, err
		}
	}
	s.Origin.From = start
	todo := spans{from: start, to: size, workers: int64(workers)}
	var done atomic.Int64
	var told sync.Mutex // Progress is called from one goroutine at a time
	intakes := make([]*Intake, workers)
	errs := make([]error, workers)
	var wg sync.WaitGroup
	for i := range intakes {
		in := NewIntake(s.Detection.Format, s.Origin, routes, 0)
		in.Since(opt.Since)
		intakes[i] = in
		r := spanReader{in: in, f: f, size: size, block: make([]byte, blockSize)}
		r.went = func(n int64) error {
			read := done.Add(n)
			if opt.Progress != nil {
				told.Lock()
				opt.Progress(read, size-start)
				told.Unlock()
			}
			return ctx.Err()
		}
		wg.Go(func() {
			for errs[i] == nil {
				from, to := todo.take()
				if from == to {
					return
				}
				errs[i] = r.read(from, to)
			}
		})
	}
	wg.Wait()
	if err := errors.Join(append(errs, ctx.Err())...); err != nil {
		for _, in := range intakes {
			in.agg.spool.close()
		}
		return s, nil, err
	}
	agg := intakes[0].agg
	for _, in := range intakes[1:] {
		agg.Merge(in.agg)
	}
	s.Stats, s.FirstBad = agg.Stats(), agg.firstBad()
	s.Bytes, s.Origin.To = size-start, size
	return s, agg, nil
}

// spans hands out the bytes of a file in parts, which get smaller towards the end: what two
// workers have of the same ten seconds is counted twice and put together afterwards, so
// there should be few parts, and none should be waited for.
type spans struct {
	mu       sync.Mutex
	from, to int64
	workers  int64
}

func (s *spans) take() (from, to int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	from = s.from
	s.from = min(s.to, from+max(minSpan, (s.to-from)/(4*s.workers)))
	return from, s.from
}

// spanReader gives an Intake the lines of parts of a file.
type spanReader struct {
	in    *Intake
	f     io.ReaderAt
	size  int64
	block []byte
	went  func(n int64) error // is told of n more bytes; its error ends the reading
}

// read takes the lines that begin in [from, to). The one that begins before from is
// another span's, and the last one may end behind to.
func (r *spanReader) read(from, to int64) error {
	before := r.block[:min(1, from)]
	if _, err := r.f.ReadAt(before, from-int64(len(before))); err != nil {
		return fmt.Errorf("byte %d: %w", from-1, err)
	}
	begun := from == 0 || before[0] == '\n'
	r.in.offset = from
	for at := from; at < to; at += int64(len(r.block)) {
		b := r.block[:min(int64(len(r.block)), to-at)]
		if _, err := r.f.ReadAt(b, at); err != nil {
			return fmt.Errorf("bytes %d to %d: %w", at, at+int64(len(b)), err)
		}
		n := int64(len(b))
		if !begun {
			i := bytes.IndexByte(b, '\n') // none in the middle of an endless line, which its beginner has cut
			begun, b, r.in.offset = i >= 0, b[i+1:], at+int64(i+1)
		}
		if begun {
			_, _ = r.in.Write(b) // never fails
		}
		if err := r.went(n); err != nil {
			return err
		}
	}
	return r.finish(to)
}

// finish takes the rest of the last line, which goes on at at.
func (r *spanReader) finish(at int64) error {
	var rest [2 << 10]byte
	for (len(r.in.partial) > 0 || r.in.cutting) && at < r.size {
		n, err := r.f.ReadAt(rest[:min(int64(len(rest)), r.size-at)], at)
		if n == 0 {
			return fmt.Errorf("bytes from %d: %w", at, err)
		}
		if i := bytes.IndexByte(rest[:n], '\n'); i >= 0 {
			n = i + 1
		}
		_, _ = r.in.Write(rest[:n])
		at += int64(n)
	}
	r.in.Close()
	return nil
}
