// Package serverlog reads the logs that a PostgreSQL server wrote: csvlog,
// jsonlog, and stderr with its log_line_prefix. From log_lock_waits it tells who
// waited for whom, from when to when, and who held the lock; it keeps deadlocks,
// cancelled and slow statements, refused connections and plans, and tells
// checkpoints and restarts.
package serverlog

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"time"

	"tripcurve/collectors/logfile"
	"tripcurve/internal/incident"
)

// Group is the independence group of server logs: that of a live Postgres, for
// they see the same locks.
const Group = "postgres"

// CheckpointSeries is the gauge of how long checkpoints took, in seconds, by label
// phase: write, sync, total.
const CheckpointSeries = "postgres_checkpoint_duration"

// Options of reading a log; the zero value detects the format.
type Options struct {
	Name   string         // of the source; the file's base name when empty
	Prefix string         // log_line_prefix of a stderr log; empty tries the usual ones
	Zone   *time.Location // log_timezone; nil takes it from the time stamps
	// Known are the logs that the evidence already holds.
	Known []logfile.Known
	// Progress is told how many bytes of the file, as it lies on disk, are read.
	// total is 0 when it is unknown.
	Progress func(done, total int64)
}

// Summary is what an import found.
type Summary struct {
	Lines, Entries int64
	Unparsed       int64  // lines, or records of several, that are not of the format
	FirstUnparsed  string // the first of them: "log.csv:12: column 3: ..."
	First, Last    time.Time
	Detection      Detection
	Origin         incident.Origin // From and To are the bytes read, decompressed
	Known          bool            // the evidence already held this file, or its beginning
	Truncated      string          // why the end of a compressed file could not be read; empty when it could
	LockWaits      int             // that began in it
	LockLines      int             // lines of log_lock_waits
	Dropped        int             // lock waits that were too many to keep
	Deadlocks      int64
	Foreign        int64 // entries in another language than English: their messages are not read
}

// Source is the status line of an imported log.
func (s Summary) Source() incident.SourceStatus {
	detail := fmt.Sprintf("%s; %d lines, %d entries", s.Detection.Reason, s.Lines, s.Entries)
	switch {
	case s.LockLines > 0 || s.LockWaits > 0:
		detail += fmt.Sprintf(", %d lock waits", s.LockWaits)
	case s.Foreign == 0:
		detail += ", no lock wait: log_lock_waits was off, or none lasted for deadlock_timeout"
	}
	if s.Deadlocks > 0 {
		detail += fmt.Sprintf(", %d deadlocks", s.Deadlocks)
	}
	if s.Dropped > 0 {
		detail += fmt.Sprintf(", %d lock waits more than are kept", s.Dropped)
	}
	if s.Foreign > 0 {
		detail += fmt.Sprintf(", %d in another language: of them only SQLSTATEs are read (lc_messages = 'C' writes English)", s.Foreign)
	}
	if s.Unparsed > 0 {
		detail += fmt.Sprintf(", %d not understood", s.Unparsed)
	}
	if s.Truncated != "" {
		detail += ", cut off: " + s.Truncated
	}
	return incident.SourceStatus{Name: s.Origin.Name, Group: incident.ServerLogGroup, State: incident.SourceDone, LastAt: s.Last, Detail: detail}
}

// Reader reads the files of one log, in the order of time: a wait may begin in one
// and end in the next.
type Reader struct{ memory *memory }

// NewReader has read nothing yet.
func NewReader() *Reader { return &Reader{newMemory()} }

// Finish is the lock waits of all files read, and who held the locks.
func (r *Reader) Finish() []incident.Fact { return r.memory.finish() }

// Import reads a file: plain, gzip or zstd, told apart by their first bytes. Facts
// but for lock waits go to emit, in batches, after the last line was read. Reading
// a file again gives the same facts from the same bytes. A file that begins before
// the end of the one before does not go it on.
func (r *Reader) Import(ctx context.Context, path string, opt Options, emit func([]incident.Fact) error) (Summary, error) {
	f, info, err := logfile.Open(path)
	if err != nil {
		return Summary{}, fmt.Errorf("server log: %w", err)
	}
	defer f.Close()
	if opt.Name == "" {
		opt.Name = filepath.Base(path)
	}
	total := int64(0)
	if info.Mode().IsRegular() {
		total = info.Size()
	}
	s, err := r.read(ctx, f, total, opt, emit)
	if err != nil {
		return s, fmt.Errorf("server log %s: %w", path, err)
	}
	return s, nil
}

// ImportStream reads a stream to its end, such as standard input.
func (r *Reader) ImportStream(ctx context.Context, stream io.Reader, opt Options, emit func([]incident.Fact) error) (Summary, error) {
	if opt.Name == "" {
		opt.Name = "stdin"
	}
	s, err := r.read(ctx, stream, 0, opt, emit)
	if err != nil {
		return s, fmt.Errorf("server log %s: %w", opt.Name, err)
	}
	return s, nil
}

// counter counts the bytes read from a file.
type counter struct {
	r io.Reader
	n int64
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	return n, err
}

// emitBatch is how many facts are handed out at once.
const emitBatch = 4096

func (r *Reader) read(ctx context.Context, file io.Reader, total int64, opt Options, emit func([]incident.Fact) error) (Summary, error) {
	c := &counter{r: file}
	text, done, err := logfile.Text(bufio.NewReaderSize(c, 256<<10))
	if err != nil {
		return Summary{}, err
	}
	defer done()
	buf := bufio.NewReaderSize(text, SampleHead)
	head, headErr := buf.Peek(SampleHead)
	var s Summary
	if s.Detection, err = detect(head, opt); err != nil {
		if headErr != nil && !errors.Is(headErr, io.EOF) && len(head) == 0 {
			err = headErr // a damaged archive, not an unknown format
		}
		return s, err
	}
	known, have := logfile.IdentityOf(head, opt.Name, opt.Known)
	s.Known, s.Origin = have, incident.Origin{Group: Group, Name: known.Name, File: known.File}
	in := newIntake(r.memory, &s, opt)
	for {
		_, err := buf.Peek(1)
		block, _ := buf.Peek(buf.Buffered()) // what is there already
		_, _ = in.lines.Write(block)         // never fails
		_, _ = buf.Discard(len(block))
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
			return s, err
		}
	}
	facts := in.close()
	for len(facts) > 0 {
		n := min(len(facts), emitBatch)
		if err := emit(facts[:n]); err != nil {
			return s, err
		}
		facts = facts[n:]
	}
	return s, nil
}
