package gatewaylog

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"tripcurve/collectors/logfile"
	"tripcurve/internal/incident"
)

const (
	// linesBlock is how much of a log is read at a time, and linesPiece for one Next, in
	// bytes: a few tens of milliseconds.
	linesBlock = 256 << 10
	linesPiece = 4 << 20
	// linesAtOnce is after how many lines Next hands them out.
	linesAtOnce = 2_000
)

// Lines reads lines of a log again, those behind a number.
type Lines struct {
	want  incident.LinesWanted
	file  *os.File
	text  io.Reader
	done  func() // frees what unpacking takes
	in    *Intake
	known map[incident.Endpoint]bool
	other incident.Endpoint // what is of none of them counted as; zero: nothing was

	at, from, total int64 // bytes of the file: read, begun at, its size
	block           []byte
	found           []incident.Exemplar
	early, any      bool // of the block being read: some line is not after the end; it has lines
}

// OpenLines finds a log and the place in it where its window begins. The errors that one
// may ask for are ErrLogGone, ErrLogReplaced and ErrUnknownFormat.
func OpenLines(ctx context.Context, want incident.LinesWanted) (incident.LineReader, error) {
	l, err := openLines(ctx, want)
	if err != nil {
		return nil, err
	}
	return l, nil
}

func openLines(ctx context.Context, want incident.LinesWanted) (_ *Lines, err error) {
	opt, err := reading(want.Log)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", want.Log.Path, err)
	}
	f, err := findLog(want.Log)
	if err != nil {
		return nil, err
	}
	l := &Lines{want: want, file: f, done: func() {}, block: make([]byte, linesBlock)}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("%s: %w", f.Name(), err), l.Close())
		}
	}()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	l.total = info.Size()
	if err := l.begin(opt); err != nil {
		return nil, err
	}
	return l, nil
}

// begin settles the format, and goes to the window's first line where a file can be
// searched.
func (l *Lines) begin(opt Options) error {
	head := make([]byte, sampleHead)
	text, done, err := logfile.Text(bufio.NewReaderSize(l.file, linesBlock))
	if err != nil {
		return err
	}
	l.done, l.text = done, text
	n, err := io.ReadFull(text, head)
	if n == 0 && err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	found, err := decide(sampleOf(head[:n], true, err != nil), opt)
	if err != nil {
		return err
	}
	if plain(l.file) {
		l.text = l.file
		if !l.want.Window.From.IsZero() {
			if l.from, err = search(l.file, NewDecoder(found.Format), Instant(l.want.Window.From.UnixNano()), l.total); err != nil {
				return err
			}
		}
		l.at = l.from
		if _, err := l.file.Seek(l.from, io.SeekStart); err != nil {
			return err
		}
	} else {
		// What was unpacked to find the format out is unpacked again.
		done()
		if _, err := l.file.Seek(0, io.SeekStart); err != nil {
			return err
		}
		l.done = func() {}
		if text, done, err = logfile.Text(bufio.NewReaderSize(&unpacking{l}, linesBlock)); err != nil {
			return err
		}
		l.text, l.done = text, done
	}
	l.in = NewIntake(found.Format, l.want.Log.Origin, l.routes(opt.Routes), l.from)
	l.in.each = l.take
	return nil
}

// unpacking is a compressed file, of which is counted how much was read.
type unpacking struct{ l *Lines }

func (u *unpacking) Read(p []byte) (int, error) {
	n, err := u.l.file.Read(p)
	u.l.at += int64(n)
	return n, err
}

// routes are the patterns that put requests to the endpoints that they were put to.
func (l *Lines) routes(given []string) *Routes {
	r := new(Routes)
	for _, p := range given {
		_ = r.add(p) // it was taken before
	}
	l.known = map[incident.Endpoint]bool{}
	for _, e := range l.want.Endpoints {
		l.known[e] = true
		if e.Method == otherMethod && e.Route == "/*" {
			l.other = e
			continue
		}
		_ = r.add(e.Method + " " + e.Route) // "-" is no path, and no pattern is needed for it
	}
	return r
}

// Next reads on; see incident.LineReader.
func (l *Lines) Next(ctx context.Context) ([]incident.Exemplar, float64, error) {
	var end error
	for read := 0; read < linesPiece && len(l.found) < linesAtOnce && end == nil; {
		if err := ctx.Err(); err != nil {
			return nil, l.part(), err
		}
		n, err := l.text.Read(l.block)
		read += n
		if l.text == io.Reader(l.file) {
			l.at += int64(n)
		}
		l.early, l.any = false, false
		_, _ = l.in.Write(l.block[:n]) // never fails
		switch {
		case errors.Is(err, io.EOF):
			l.in.Close()
			end = io.EOF
		case err != nil:
			end = fmt.Errorf("%s: %w", l.file.Name(), err)
		case l.any && !l.early:
			end = io.EOF // a whole block of later lines: lines are nearly in order
		}
	}
	found := l.found
	l.found = nil
	if errors.Is(end, io.EOF) {
		return found, 1, io.EOF
	}
	return found, l.part(), end
}

func (l *Lines) part() float64 {
	if l.total <= l.from {
		return 1
	}
	return min(1, float64(l.at-l.from)/float64(l.total-l.from))
}

// Where is the path at which the log was found.
func (l *Lines) Where() string { return l.file.Name() }

// Close gives the file back.
func (l *Lines) Close() error {
	l.done()
	return l.file.Close()
}

// take looks at one line.
func (l *Lines) take(r *Record, line []byte, offset int64, why error) {
	o := l.want.Log.Origin
	if offset < o.From { // nobody counted it
		return
	}
	o.From, o.To = offset, offset+int64(len(line))+1
	if r == nil {
		x := incident.Exemplar{Kind: incident.Unparsed, Note: why.Error(), Origin: o}
		if l.want.Match(&x) {
			l.keep(x, line)
		}
		return
	}
	latest := r.latest().Time()
	l.any = true
	l.early = l.early || latest.Before(l.want.Until.Add(searchSlack))
	at := r.Start.Time()
	if at.IsZero() {
		at = latest
	}
	if l.want.Window.From.After(at) || !at.Before(l.want.Window.To) {
		return
	}
	x := incident.Exemplar{
		Kind: incident.Sampled, Start: r.Start.Time(), End: r.End.Time(), Status: r.Status, Outcome: r.Outcome,
		Took: max(0, r.Took), Endpoint: l.endpoint(r), Origin: o,
	}
	if u := l.in.agg.upstreams; u != nil {
		x.Upstream = u.name(u.of(r))
	}
	if l.want.Match(&x) {
		l.keep(x, line)
	}
}

func (l *Lines) endpoint(r *Record) incident.Endpoint {
	e := l.in.agg.endpoints.name(l.in.agg.endpoints.of(r))
	if !l.known[e] && l.other != (incident.Endpoint{}) {
		return l.other
	}
	return e
}

func (l *Lines) keep(x incident.Exemplar, line []byte) {
	x.Raw = string(line[:min(len(line), maxRaw)])
	l.found = append(l.found, x)
}

var _ incident.LineReader = (*Lines)(nil)
