package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"tripcurve/collectors/gatewaylog"
	"tripcurve/collectors/latency/otlp"
	"tripcurve/collectors/logfile"
	"tripcurve/collectors/postgres/serverlog"
	"tripcurve/internal/incident"
	"tripcurve/internal/incident/file"
	"tripcurve/internal/redact"
	"tripcurve/tui/bar"
)

func (a *app) importCommand() *cobra.Command {
	var f sourceFlags
	var server serverLogFlags
	var out, saveRoutes string
	cmd := &cobra.Command{
		Use:   "import FILE... | --prometheus URL --from T",
		Short: "make an incident file of access logs, PostgreSQL logs and metrics, after the fact",
		Long: `Reads access logs, PostgreSQL server logs (csvlog, jsonlog, stderr) and OTLP metrics (JSON lines, as the
collector's file exporter writes them) into an incident file; plain, gzip or zstd, all told apart by
content; - is the standard input. With --prometheus it also reads the metrics of gRPC calls from --from
to --to. Reading the same file or range again adds nothing; an existing incident file is added to.

Of a server log it takes lock waits (log_lock_waits) with who held the lock, deadlocks, slow and
cancelled statements, refused connections, plans, checkpoints and restarts. The prefix of a stderr log
is tried out; --log-line-prefix says it as postgresql.conf does.`,
		Example: `  tripcurve import access.log.1.gz access.log -o night.incident
  tripcurve import --prometheus https://prometheus.example --from 2026-01-15T14:00:00Z --to 15:00Z -o night.incident`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 && len(f.prometheus.urls) == 0 {
				return badInput("import takes at least one access log or server log, or --prometheus URL\nusage: %s", cmd.UseLine())
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			format, err := f.format()
			if err != nil {
				return err
			}
			routes, err := f.routes.patterns()
			if err != nil {
				return err
			}
			serverOpt, err := server.options()
			if err != nil {
				return err
			}
			callNames, err := f.telemetry.names()
			if err != nil {
				return err
			}
			metrics, err := f.prometheus.ranges(a.env, callNames, time.Now())
			if err != nil {
				return err
			}
			if out == "" && len(args) == 0 {
				return badInput("import --prometheus needs -o FILE")
			}
			if out == "" {
				out = strings.TrimSuffix(filepath.Base(args[0]), filepath.Ext(args[0])) + ".incident"
				if args[0] == "-" {
					return badInput("import from the standard input needs -o FILE")
				}
			}
			if _, err := os.Lstat(saveRoutes); saveRoutes != "" && err == nil {
				return badInput("--save-routes %s: file exists", saveRoutes)
			}
			// Look at every file before anything is written.
			for _, path := range args {
				if path == "-" {
					continue
				}
				if info, err := os.Stat(path); err != nil {
					return badInput("import: %w", err)
				} else if info.IsDir() {
					return badInput("import %s: this is a folder; name the files in it", path)
				}
			}
			im := importer{app: a, out: out, opt: gatewaylog.Options{Format: format, Routes: routes}, server: serverOpt, calls: otlp.Options{Names: callNames}}
			if err := im.run(cmd, args, metrics, out); err != nil || saveRoutes == "" {
				return err
			}
			return im.saveRoutes(saveRoutes)
		},
	}
	f.addLog(cmd)
	f.prometheus.add(cmd)
	f.prometheus.addRange(cmd)
	f.telemetry.addNames(cmd)
	server.add(cmd)
	cmd.Flags().StringVar(&saveRoutes, "save-routes", "", "new file for the endpoints, those given and those inferred, to be edited and read by --routes")
	cmd.Flags().StringVarP(&out, "out", "o", "", "incident file to make or to add to (default: the first log's name with .incident)")
	return cmd
}

type importer struct {
	*app
	opt    gatewaylog.Options
	server serverlog.Options
	calls  otlp.Options
	logs   *serverlog.Reader
	w      *file.Writer
	names  map[string]int
	out    string
	lines  int64
	bad    int64
	facts  int64 // of metrics

	inferred []string // endpoints, as patterns
}

// holder keeps facts back until one of them is more than a line that nobody
// understood, so that a log of another format leaves nothing in the file.
type holder struct {
	append   func([]incident.Fact, []incident.SourceStatus) error
	held     []incident.Fact
	open     bool
	firstBad string
}

func (h *holder) take(facts []incident.Fact) error {
	if h.open {
		return h.append(facts, nil)
	}
	h.held = append(h.held, facts...)
	for _, f := range facts {
		x, ok := f.(incident.Exemplar)
		if !ok || x.Kind != incident.Unparsed {
			h.open = true
		} else if h.firstBad == "" {
			h.firstBad = redact.Line(x.Note)
		}
	}
	if !h.open {
		return nil
	}
	facts, h.held = h.held, nil
	return h.append(facts, nil)
}

func (im *importer) run(cmd *cobra.Command, paths []string, metrics promRange, out string) (err error) {
	var created bool
	if _, statErr := os.Stat(out); errors.Is(statErr, os.ErrNotExist) {
		name := strings.TrimSuffix(filepath.Base(out), filepath.Ext(out))
		im.w, err = file.Create(out, name, time.Now())
		created = true
	} else {
		var ev *incident.Evidence
		if ev, _, err = file.Load(out); err == nil {
			im.opt.Known = logfile.KnownOf(ev.Snapshot(), gatewaylog.Group)
			im.calls.Known = logfile.KnownOf(ev.Snapshot(), "grpc")
			im.server.Known = logfile.KnownOf(ev.Snapshot(), serverlog.Group)
			im.w, err = file.Continue(out)
		}
	}
	if err != nil {
		return exitError{exitUsage, err}
	}
	defer func() {
		err = errors.Join(err, im.w.Close())
		if err != nil && created && im.lines == 0 && im.facts == 0 {
			_ = os.Remove(out) // nothing was imported: leave nothing behind
		}
	}()
	im.logs = serverlog.NewReader()
	defer func() { // lock waits go on over the end of a file, and what was read of them is kept
		if waits := im.logs.Finish(); len(waits) > 0 {
			err = errors.Join(err, im.w.Append(waits, nil))
		}
	}()
	im.names = map[string]int{}
	for _, path := range paths {
		if err := im.one(cmd, path); err != nil {
			return err
		}
	}
	for _, c := range metrics.sources {
		if err := im.prometheus(cmd, c, metrics.window); err != nil {
			return err
		}
	}
	if len(paths) > 0 {
		fmt.Fprintf(im.stderr, "%s: %s read, %d not understood\n", out, plural(im.lines, "line"), im.bad)
	}
	return nil
}

// one reads a file, as what its content says that it is.
func (im *importer) one(cmd *cobra.Command, path string) error {
	src, err := im.open(path)
	if err != nil {
		return exitError{exitUsage, fmt.Errorf("import %s: %w", path, err)}
	}
	defer src.close()
	progress := bar.New(im.stderr, redact.Line(filepath.Base(path)))
	var status incident.SourceStatus
	var known bool
	if otlp.Sniff(otlp.Head(bytes.NewReader(src.head))) == nil {
		status, known, err = im.otlp(cmd, src, progress)
	} else if _, notOne := serverlog.Sniff(src.head, im.server.Prefix); notOne == nil {
		status, known, err = im.serverLog(cmd, src, progress)
	} else {
		status, known, err = im.accessLog(cmd, src, progress)
		if errors.Is(err, gatewaylog.ErrUnknownFormat) {
			err = fmt.Errorf("%w; say it with --log-format, by name or pasted", err)
			if im.server.Prefix != "" {
				err = fmt.Errorf("%w. As a server log: %w", err, notOne)
			} else {
				err = fmt.Errorf("%w; of a PostgreSQL log on stderr say --log-line-prefix", err)
			}
		}
	}
	progress.Clear()
	if err != nil {
		if im.lines > 0 {
			fmt.Fprintf(im.stderr, "%s keeps what was read of the files before\n", im.out)
		}
		if cmd.Context().Err() != nil {
			return exitError{exitUsage, fmt.Errorf("import %s: interrupted; what was read is kept, read it again to go on", path)}
		}
		return exitError{exitUsage, fmt.Errorf("import %s: %w", path, err)}
	}
	if known {
		fmt.Fprintf(im.stderr, "%s: read before; only what is new was added\n", path)
	}
	fmt.Fprintf(im.stderr, "%s: %s\n", path, redact.Line(status.Detail))
	return im.w.Append(nil, []incident.SourceStatus{status})
}

func (im *importer) accessLog(cmd *cobra.Command, src *logSource, progress *bar.Bar) (incident.SourceStatus, bool, error) {
	opt := im.opt
	opt.Progress, opt.Name = progress.Set, src.name
	held := holder{append: im.w.Append}
	var sum gatewaylog.Summary
	var err error
	if src.stream != nil {
		sum, err = gatewaylog.ImportReader(cmd.Context(), src.stream, opt, held.take)
	} else {
		sum, err = gatewaylog.Import(cmd.Context(), src.path, opt, held.take)
	}
	if err == nil && sum.Parsed == 0 && sum.Unparsed > 0 {
		err = fmt.Errorf("none of its %s is of the format %s: the first says %s", plural(sum.Unparsed, "line"), sum.Detection.Format.Name, held.firstBad)
	}
	if err != nil {
		return incident.SourceStatus{}, false, err
	}
	im.lines += sum.Lines
	im.bad += sum.Unparsed
	im.inferred = append(im.inferred, sum.Inferred...)
	return sum.Source(), sum.Known, nil
}
