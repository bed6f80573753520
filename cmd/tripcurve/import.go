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
	var out, saveRoutes, since string
	cmd := &cobra.Command{
		Use:   "import FILE... | --prometheus URL --from T",
		Short: "make an incident file of access logs, PostgreSQL logs and metrics, after the fact",
		Long: `Reads access logs, PostgreSQL server logs (csvlog, jsonlog, stderr) and OTLP metrics (JSON lines, as the
collector's file exporter writes them) into an incident file; plain, gzip or zstd, all told apart by
content; a folder stands for the logs in it, - for the standard input. With --prometheus it also reads the metrics of gRPC calls from --from
to --to. Reading the same file or range again adds nothing; an existing incident file is added to.

Of a server log it takes lock waits (log_lock_waits) with who held the lock, deadlocks, slow and
cancelled statements, refused connections, plans, checkpoints and restarts. The prefix of a stderr log
is tried out; --log-line-prefix says it as postgresql.conf does.`,
		Example: `  tripcurve import access.log.1.gz access.log -o night.incident
  tripcurve import /var/log/nginx --since 1h --openapi shop.yaml -o night.incident
  tripcurve import --prometheus https://prometheus.example --from 2026-01-15T14:00:00Z --to 15:00Z -o night.incident`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 && len(f.prometheus.urls) == 0 {
				return badInput("import takes at least one access log or server log, or --prometheus URL\nusage: %s", cmd.UseLine())
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			defer thrift()()
			logOpt, err := f.logOptions()
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
				if _, err := os.Stat(path); err != nil {
					return badInput("import: %w", err)
				}
			}
			im := importer{app: a, out: out, opt: logOpt, server: serverOpt, calls: otlp.Options{Names: callNames}}
			if im.since, err = parseSince(since, time.Now()); err != nil {
				return err
			}
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
	cmd.Flags().StringVar(&since, "since", "", "read access logs from then on: a time, or a duration before their last line such as 1h; plain files are not read before it")
	cmd.Flags().StringVar(&saveRoutes, "save-routes", "", "new file for the endpoints, those given and those inferred, to be edited and read by --routes")
	cmd.Flags().StringVarP(&out, "out", "o", "", "incident file to make or to add to (default: the first log's name with .incident)")
	return cmd
}

type importer struct {
	*app
	opt    gatewaylog.Options
	server serverlog.Options
	calls  otlp.Options
	since  sinceFlag
	logs   *serverlog.Reader
	merge  *gatewaylog.Merge
	done   []incident.SourceStatus // of access logs that were read and not written yet
	w      *file.Writer
	names  map[string]int
	out    string
	lines  int64
	bad    int64
	facts  int64 // of metrics

	inferred []string // endpoints, as patterns
}

func (im *importer) run(cmd *cobra.Command, paths []string, metrics promRange, out string) (err error) {
	logs, err := im.survey(paths)
	if err != nil {
		return err
	}
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
			im.w, err = im.resume(out)
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
	im.merge = gatewaylog.NewMerge()
	defer im.merge.Close()
	im.names = map[string]int{}
	for _, l := range logs {
		if err := im.one(cmd, l.path); err != nil {
			return errors.Join(err, im.flush())
		}
	}
	if err := im.flush(); err != nil {
		return exitError{exitUsage, err}
	}
	for _, c := range metrics.sources {
		if err := im.prometheus(cmd, c, metrics.window); err != nil {
			return err
		}
	}
	if len(paths) > 0 {
		fmt.Fprintf(im.stderr, "%s: %s read, %d not understood\n", redact.Line(out), plural(im.lines, "line"), im.bad)
	}
	return nil
}

// one reads a file, as what its content says that it is.
func (im *importer) one(cmd *cobra.Command, path string) error {
	src, err := im.open(cmd.Context(), path)
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
			fmt.Fprintf(im.stderr, "%s keeps what was read of the files before\n", redact.Line(im.out))
		}
		if cmd.Context().Err() != nil {
			return exitError{exitUsage, fmt.Errorf("import %s: interrupted; what was read is kept, read it again to go on", path)}
		}
		return exitError{exitUsage, fmt.Errorf("import %s: %w", path, err)}
	}
	if known {
		fmt.Fprintf(im.stderr, "%s: read before; only what is new was added\n", redact.Line(path))
	}
	fmt.Fprintf(im.stderr, "%s: %s\n", redact.Line(path), redact.Line(status.Detail))
	im.done = append(im.done, status)
	return nil
}

// flush writes what was read of access logs, whose endpoints have their names only
// when all are read.
func (im *importer) flush() error {
	im.inferred = im.merge.Inferred()
	if err := im.merge.Flush(func(facts []incident.Fact) error { return im.w.Append(facts, nil) }); err != nil {
		return err
	}
	return im.w.Append(nil, im.done)
}

func (im *importer) accessLog(cmd *cobra.Command, src *logSource, progress *bar.Bar) (incident.SourceStatus, bool, error) {
	opt := im.opt
	opt.Progress, opt.Name = progress.Set, src.name
	var sum gatewaylog.Summary
	var err error
	if src.stream != nil {
		sum, err = im.merge.ImportReader(cmd.Context(), src.stream, opt)
	} else {
		sum, err = im.merge.Import(cmd.Context(), src.path, opt)
	}
	if err == nil && sum.Parsed == 0 && sum.Unparsed > 0 {
		im.merge.Drop() // a log of another format leaves nothing in the file
		err = fmt.Errorf("none of its %s is of the format %s: the first says %s", plural(sum.Unparsed, "line"), sum.Detection.Format.Name, redact.Line(sum.FirstBad))
	}
	if err != nil {
		return incident.SourceStatus{}, false, err
	}
	im.lines += sum.Lines
	im.bad += sum.Unparsed
	return sum.Source(), sum.Known, nil
}
