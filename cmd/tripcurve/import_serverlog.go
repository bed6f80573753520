package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"tripcurve/collectors/postgres/serverlog"
	"tripcurve/internal/incident"
	"tripcurve/tui/bar"
)

// serverLogFlags say what a PostgreSQL log does not say of itself.
type serverLogFlags struct{ prefix, zone string }

func (f *serverLogFlags) add(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.prefix, "log-line-prefix", "", "log_line_prefix of a PostgreSQL log on stderr, such as '%m [%p] %q%u@%d ' (default: the usual ones are tried)")
	cmd.Flags().StringVar(&f.zone, "log-timezone", "", "log_timezone of a PostgreSQL log, such as Europe/Berlin (default: as its time stamps say)")
}

func (f *serverLogFlags) options() (opt serverlog.Options, err error) {
	opt.Prefix = f.prefix
	if f.prefix != "" {
		if err := serverlog.CheckPrefix(f.prefix); err != nil {
			return opt, badInput("--log-line-prefix: %w", err)
		}
	}
	if f.zone != "" {
		if opt.Zone, err = time.LoadLocation(f.zone); err != nil {
			return opt, badInput("--log-timezone %q: expected a name of the tz database such as Europe/Berlin: %w", f.zone, err)
		}
	}
	return opt, nil
}

// logSource is a log to import, its beginning looked at.
type logSource struct {
	path, name string
	head       []byte
	stream     io.Reader // nil: the file at path is to be opened
	close      func()
}

// open looks at the beginning of a log. What cannot be read twice, such as a pipe,
// goes on as a stream.
func (im *importer) open(ctx context.Context, path string) (*logSource, error) {
	name := "stdin"
	if path != "-" {
		name = distinct(im.names, filepath.Base(path))
	}
	return im.openNamed(ctx, path, name)
}

func (im *importer) openNamed(ctx context.Context, path, name string) (*logSource, error) {
	src := &logSource{path: path, name: name, close: func() {}}
	from := im.stdin
	if path != "-" {
		f, err := os.Open(path)
		if err != nil {
			return nil, err
		}
		from, src.close = f, func() { _ = f.Close() } // it was only read
		if info, err := f.Stat(); err == nil && info.Mode().IsRegular() {
			defer src.close()
			src.close = func() {}
			src.head = make([]byte, serverlog.SampleHead)
			n, err := io.ReadFull(f, src.head)
			if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
				return nil, err
			}
			src.head = src.head[:n]
			return src, nil
		}
	}
	r := bufio.NewReaderSize(interruptible(ctx, from), serverlog.SampleHead)
	src.head, _ = r.Peek(serverlog.SampleHead) // an error comes again when it is read
	src.stream = r
	return src, nil
}

func (im *importer) serverLog(cmd *cobra.Command, src *logSource, progress *bar.Bar) (incident.SourceStatus, bool, error) {
	opt := im.server
	opt.Progress, opt.Name = progress.Set, src.name
	var facts []incident.Fact
	keep := func(more []incident.Fact) error {
		facts = append(facts, more...)
		return nil
	}
	var sum serverlog.Summary
	var err error
	if src.stream != nil {
		sum, err = im.logs.ImportStream(cmd.Context(), src.stream, opt, keep)
	} else {
		sum, err = im.logs.Import(cmd.Context(), src.path, opt, keep)
	}
	if err == nil && sum.Entries == 0 {
		err = fmt.Errorf("none of its %s is of %s: %s", plural(sum.Lines, "line"), sum.Detection.Format, sum.FirstUnparsed)
	}
	if err != nil {
		return incident.SourceStatus{}, false, err
	}
	im.lines += sum.Lines
	im.bad += sum.Unparsed
	return sum.Source(), sum.Known, im.w.Append(facts, nil)
}
