package otlp

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"time"

	metricspb "go.opentelemetry.io/proto/otlp/metrics/v1"
	"google.golang.org/protobuf/proto"

	"tripcurve/collectors/latency"
	"tripcurve/collectors/logfile"
	"tripcurve/internal/incident"
	"tripcurve/internal/redact"
)

const (
	// maxLine bounds one line; a busy service's export has some 100 kB.
	maxLine = 16 << 20
	// maxHeld is how much is held back to be put in order, as protobuf on the wire;
	// in memory it is some six times that.
	maxHeld = 16 << 20
	// maxExemplars are the lines kept of those that were not understood.
	maxExemplars = 20
	// SniffHead is how much of a file's beginning tells what it is.
	SniffHead = 64 << 10
)

// ErrNotOTLP is a file that is none of OTLP's JSON lines.
var ErrNotOTLP = errors.New("not OTLP in JSON lines")

// Options of reading a file; the zero value is ready to use.
type Options struct {
	Name  string         // of the source; the file's base name when empty
	Names *latency.Names // of metrics beyond those that are known
	// Known are the files that the evidence already holds.
	Known []logfile.Known
	// Progress is told how many bytes of the file, as it lies on disk, are read.
	// total is 0 when it is unknown.
	Progress func(done, total int64)
}

// Summary is what an import found.
type Summary struct {
	Stats
	Lines, Unparsed   int64
	FirstUnparsed     string // "metrics.jsonl:12:40: expected ..."
	Processes, Series int
	Origin            incident.Origin // From and To are the bytes read, decompressed
	Known             bool            // the evidence already held this file, or its beginning
	Truncated         string          // why the end of a compressed file could not be read; empty when it could
}

// Source is the status line of an imported file.
func (s Summary) Source() incident.SourceStatus {
	detail := fmt.Sprintf("OTLP metrics; %s, %d series of %s", many(s.Lines, "line", "lines"), s.Series, many(int64(s.Processes), "process", "processes"))
	detail += s.notes()
	if s.Unparsed > 0 {
		detail += ", " + many(s.Unparsed, "line", "lines") + " not understood"
	}
	if s.Truncated != "" {
		detail += ", cut off: " + s.Truncated
	}
	return incident.SourceStatus{Name: s.Origin.Name, Group: s.Origin.Group, State: incident.SourceDone, LastAt: s.Newest, Detail: redact.Line(detail)}
}

// notes are what a reader of the source's state must know.
func (s Stats) notes() string {
	text := ""
	if s.Points == 0 && s.Other > 0 {
		text += ", none of them of calls, breakers or pools"
	}
	if s.Again > 0 {
		text += fmt.Sprintf(", %d points told before or too late (processes of one service need a service.instance.id)", s.Again)
	}
	if s.Rejected > 0 {
		text += fmt.Sprintf(", %d points left out: %s", s.Rejected, s.Reason)
	}
	return text
}

func many(n int64, one, more string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, more)
}

// Sniff says whether a text that begins with head is OTLP in JSON lines; the error
// is ErrNotOTLP. It may hold traces or logs, which Import refuses.
func Sniff(head []byte) error {
	head = bytes.TrimPrefix(head, []byte("\xef\xbb\xbf"))
	c := cursor{b: head}
	found := errors.New("found")
	err := c.object(func(key string) error {
		if kinds[key] != "" {
			return found
		}
		return c.skip()
	})
	if !errors.Is(err, found) {
		return ErrNotOTLP
	}
	return nil
}

// Head is the first bytes of a text, unpacked, for Sniff; empty when they cannot
// be read.
func Head(r io.Reader) []byte {
	text, done, err := logfile.Text(bufio.NewReader(r))
	if err != nil {
		return nil
	}
	defer done()
	head, _ := io.ReadAll(io.LimitReader(text, SniffHead)) // it was cut off on purpose
	return head
}

// Import reads a file: plain, gzip or zstd, told apart by their first bytes. Lines
// may come in any order. Reading a file again gives the same facts.
func Import(ctx context.Context, path string, opt Options, emit func([]incident.Fact) error) (Summary, error) {
	f, info, err := logfile.Open(path)
	if err != nil {
		return Summary{}, fmt.Errorf("otlp: %w", err)
	}
	defer f.Close()
	if opt.Name == "" {
		opt.Name = filepath.Base(path)
	}
	total := int64(0)
	if info.Mode().IsRegular() {
		total = info.Size()
	}
	return read(ctx, f, total, path, opt, emit)
}

// ImportReader reads a stream to its end, such as standard input.
func ImportReader(ctx context.Context, r io.Reader, opt Options, emit func([]incident.Fact) error) (Summary, error) {
	if opt.Name == "" {
		opt.Name = "stdin"
	}
	return read(ctx, r, 0, opt.Name, opt, emit)
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

// reader reads one file.
type reader struct {
	path    string
	reading *Reading
	sum     Summary
	held    []heldMessage
	size    int
	emit    func([]incident.Fact) error
}

// heldMessage waits for those that come before it.
type heldMessage struct {
	at   time.Time
	rm   *metricspb.ResourceMetrics
	size int
}

func read(ctx context.Context, file io.Reader, total int64, path string, opt Options, emit func([]incident.Fact) error) (Summary, error) {
	count := &counter{r: file}
	text, done, err := logfile.Text(bufio.NewReaderSize(count, 256<<10))
	if err != nil {
		return Summary{}, fmt.Errorf("otlp %s: %w", path, err)
	}
	defer done()
	buf := bufio.NewReaderSize(text, SniffHead)
	head, _ := buf.Peek(logfile.IdentityBytes) // an error comes again when it is read
	known, have := logfile.IdentityOf(head, opt.Name, opt.Known)
	r := &reader{path: path, emit: emit}
	r.sum.Known, r.sum.Origin = have, incident.Origin{Group: "grpc", Name: known.Name, File: known.File}
	r.reading = NewReading(r.sum.Origin, opt.Names)
	var line []byte
	for {
		if err := ctx.Err(); err != nil {
			return r.done(), err
		}
		part, err := buf.ReadSlice('\n')
		if opt.Progress != nil {
			opt.Progress(min(count.n, max(total, count.n)), total)
		}
		if len(line)+len(part) > maxLine {
			return r.done(), fmt.Errorf("otlp %s:%d: the line is longer than %d MiB", path, r.sum.Lines+1, maxLine>>20)
		}
		line = append(line, part...)
		if errors.Is(err, bufio.ErrBufferFull) {
			continue
		}
		if err := r.line(line); err != nil {
			return r.done(), err
		}
		line = line[:0]
		if err != nil && !errors.Is(err, io.EOF) {
			r.sum.Truncated = err.Error() // what was decoded is kept
		}
		if err != nil {
			break
		}
	}
	if err := r.release(len(r.held)); err != nil {
		return r.done(), err
	}
	return r.done(), nil
}

func (r *reader) done() Summary {
	r.sum.Stats = r.reading.Stats()
	r.sum.Processes, r.sum.Series = r.reading.Processes(), r.reading.Series()
	return r.sum
}

// line reads one line, with its end.
func (r *reader) line(line []byte) error {
	from := r.sum.Origin.To
	r.sum.Origin.To += int64(len(line))
	text := bytes.TrimRight(line, "\r\n")
	if from == 0 {
		text = bytes.TrimPrefix(text, []byte("\xef\xbb\xbf"))
	}
	if len(line) == 0 {
		return nil
	}
	r.sum.Lines++
	if len(bytes.TrimSpace(text)) == 0 {
		return nil
	}
	data, err := DecodeJSON(text)
	if err != nil {
		return r.bad(text, from, err)
	}
	for _, rm := range data.GetResourceMetrics() {
		h := heldMessage{at: AtOf(rm), rm: rm, size: proto.Size(rm)}
		r.held = append(r.held, h)
		r.size += h.size
	}
	if r.size > maxHeld {
		return r.release(len(r.held) / 2)
	}
	return nil
}

// bad counts a line that was not understood, and keeps the first ones.
func (r *reader) bad(text []byte, from int64, err error) error {
	r.sum.Unparsed++
	column := 0
	var syntax *SyntaxError
	if errors.As(err, &syntax) {
		column = syntax.At
	}
	note := redact.Line(fmt.Sprintf("%s:%d:%d: %v", r.path, r.sum.Lines, column+1, err))
	if len(bytes.TrimSpace(text)) == 1 && text[0] == '{' {
		note += " (each line must hold a whole object; jq -c . makes them so)"
	}
	if r.sum.FirstUnparsed == "" {
		r.sum.FirstUnparsed = note
	}
	if r.sum.Unparsed > maxExemplars {
		return nil
	}
	o := r.sum.Origin
	o.From, o.To = from, from+int64(len(text))
	return r.emit([]incident.Fact{incident.Exemplar{
		Kind: incident.Unparsed, Raw: redact.MaskSecrets(string(text[:min(len(text), 1024)])), Note: note, Origin: o,
	}})
}

// release reads the n oldest messages.
func (r *reader) release(n int) error {
	slices.SortStableFunc(r.held, func(a, b heldMessage) int { return a.at.Compare(b.at) })
	for i := range r.held[:n] {
		h := &r.held[i]
		r.size -= h.size
		if facts := r.reading.Add(h.rm, time.Time{}); len(facts) > 0 {
			if err := r.emit(facts); err != nil {
				return err
			}
		}
		h.rm = nil
	}
	r.held = append(r.held[:0], r.held[n:]...)
	return nil
}
