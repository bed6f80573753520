package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"tripcurve/collectors/gatewaylog"
	"tripcurve/collectors/latency/otlp"
	"tripcurve/collectors/postgres/serverlog"
	"tripcurve/internal/incident"
	"tripcurve/internal/redact"
)

// sinceFlag is how far back access logs are read.
type sinceFlag struct {
	last time.Duration // before the last line of all logs; 0 when it is not so given
	at   time.Time     // zero for everything
}

func parseSince(text string, now time.Time) (s sinceFlag, err error) {
	if text == "" {
		return s, nil
	}
	if s.last, err = time.ParseDuration(text); err == nil {
		if s.last <= 0 {
			return s, badInput("--since %s: expected a time, or a duration longer than nothing", text)
		}
		return s, nil
	}
	if s.at, err = incident.ParseInstant(text, now); err != nil {
		return s, badInput("--since: %w; or a duration before the last line, such as 1h", err)
	}
	return s, nil
}

// importLog is a file to import.
type importLog struct {
	path   string
	folder bool // it was found in a folder: nobody said that it is a log
	access bool
	look   gatewaylog.Look
}

// survey finds the files that are meant: a folder stands for the logs in it. Access
// logs come first, in the order of their contents, for .1 and .2.gz say nothing that
// can be relied on. What is wrong with a file that was named is told when it is read.
func (im *importer) survey(paths []string) ([]importLog, error) {
	var logs []importLog
	for _, path := range paths {
		info, err := os.Stat(path)
		if path == "-" || err != nil || !info.IsDir() {
			logs = append(logs, importLog{path: path})
			continue
		}
		found, err := im.folder(path)
		if err != nil {
			return nil, err
		}
		logs = append(logs, found...)
	}
	for i := range logs {
		if l := &logs[i]; !l.folder && l.path != "-" {
			im.lookAt(l)
		}
	}
	slices.SortStableFunc(logs, func(a, b importLog) int {
		switch {
		case a.access && b.access:
			return int(min(1, max(-1, a.look.First-b.look.First)))
		case a.access:
			return -1
		case b.access:
			return 1
		}
		return 0
	})
	return im.recent(logs), nil
}

// lookAt looks at a file's ends; err says that it is no log of any kind.
func (im *importer) lookAt(l *importLog) (err error) {
	if info, err := os.Stat(l.path); err != nil || !info.Mode().IsRegular() {
		return err // what is looked at in a pipe is not there any more when it is read
	}
	src, err := im.openNamed(context.Background(), l.path, "") // a regular file does not let one wait
	if err != nil {
		return err
	}
	src.close()
	if _, notOne := serverlog.Sniff(src.head, im.server.Prefix); notOne == nil || otlp.Sniff(otlp.Head(bytes.NewReader(src.head))) == nil {
		return nil
	}
	l.look, err = gatewaylog.LookAt(l.path, im.opt, im.since.last > 0 || !im.since.at.IsZero())
	l.access = err == nil && l.look.First.Known()
	return err
}

// folder are the logs in a folder; servers' logs in the order in which they were
// written last.
func (im *importer) folder(dir string) ([]importLog, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, badInput("import: %w", err)
	}
	type aged struct {
		importLog
		at time.Time
	}
	var found []aged
	for _, e := range entries {
		path := filepath.Join(dir, e.Name())
		info, err := os.Stat(path)
		switch {
		case errors.Is(err, os.ErrNotExist): // rotated away, or a link to nothing
			continue
		case err != nil:
			return nil, badInput("import: %w", err)
		case strings.HasPrefix(e.Name(), "."), !info.Mode().IsRegular(), info.Size() == 0, strings.Contains(e.Name(), ".incident"):
			continue
		}
		l := importLog{path: path, folder: true}
		err = im.lookAt(&l)
		switch {
		case err == nil:
			found = append(found, aged{l, info.ModTime()})
		case errors.Is(err, gatewaylog.ErrUnknownFormat):
			fmt.Fprintf(im.stderr, "%s: no log of a known format, left out\n", redact.Line(path))
		default:
			return nil, badInput("import: %w", err)
		}
	}
	if len(found) == 0 {
		return nil, badInput("import %s: no logs in this folder; folders in it are not looked into", dir)
	}
	slices.SortStableFunc(found, func(a, b aged) int { return a.at.Compare(b.at) })
	logs := make([]importLog, len(found))
	for i := range found {
		logs[i] = found[i].importLog
	}
	return logs, nil
}

// recent settles since when access logs are read, and leaves out those that end
// before.
func (im *importer) recent(logs []importLog) []importLog {
	since := im.since.at
	if im.since.last > 0 {
		last := gatewaylog.Unknown
		for _, l := range logs {
			if l.access {
				last = max(last, l.look.Last)
			}
		}
		if !last.Known() {
			last = gatewaylog.Instant(time.Now().UnixNano())
		}
		since = last.Time().Add(-im.since.last)
	}
	im.opt.Since = since
	if since.IsZero() {
		return logs
	}
	fmt.Fprintf(im.stderr, "access logs are read from %s on\n", since.Format(time.RFC3339))
	return slices.DeleteFunc(logs, func(l importLog) bool {
		old := l.access && l.look.Last.Known() && l.look.Last.Time().Before(since)
		if old {
			fmt.Fprintf(im.stderr, "%s: ends before, left out\n", redact.Line(l.path))
		}
		return old
	})
}
