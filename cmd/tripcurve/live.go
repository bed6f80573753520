package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"tripcurve/collectors/supervise"
	"tripcurve/internal/incident"
	"tripcurve/internal/incident/cause"
	"tripcurve/internal/incident/file"
	"tripcurve/tui"
)

// publishEvery is how often the screens get a new view.
const publishEvery = time.Second

// live keeps what the collectors bring: in memory for the screens and in a file
// for afterwards. The file is written first and never waits for a screen.
type live struct {
	name string
	path string // of the recording
	out  chan tui.EvidenceMsg

	mu       sync.Mutex // held around evidence and file; the analysis runs on a snapshot
	evidence *incident.Evidence
	file     *file.Writer
	stopped  error // why the recording stopped while the screen goes on
	fresh    bool  // something came in since the last view
	facts    int64
	reached  bool // some source was fine at some time
	sources  map[string]incident.SourceStatus
	keeping  keeping
	look     time.Time // when to look again whether there is too much

	ranks *cause.Live // of whoever evaluates: the screens' publisher, or record
}

// newLive begins a recording at path. The file must not exist.
func newLive(path string, k keeping, now time.Time) (*live, error) {
	if err := folderExists(path); err != nil {
		return nil, err
	}
	name := filepath.Base(path)
	name = name[:len(name)-len(filepath.Ext(name))]
	w, err := file.Create(path, name, now)
	if errors.Is(err, os.ErrExist) {
		return nil, badInput("recording %s: the file exists; choose another name or move it away", path)
	}
	if err != nil {
		return nil, badInput("recording: %w", err)
	}
	return &live{
		name: name, path: path, out: make(chan tui.EvidenceMsg, 1),
		evidence: incident.NewEvidence(), file: w, sources: map[string]incident.SourceStatus{}, keeping: k,
		ranks: cause.NewLive(cause.Options{}),
	}, nil
}

// recording is where a recording goes: where the user says, else to a new file
// in the state folder, which is made.
func (a *app) recording(named string, now time.Time) (string, error) {
	if named != "" {
		return named, nil
	}
	if err := os.MkdirAll(a.paths.State, 0o700); err != nil {
		return "", badInput("recording: %w", err)
	}
	return filepath.Join(a.paths.State, now.UTC().Format("2006-01-02T150405Z")+".incident"), nil
}

// write is the supervisor's writer.
func (l *live) write(_ context.Context, b supervise.Batch) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.file != nil {
		if err := l.file.Append(b.Facts, b.Sources); err != nil {
			l.stop(err)
		}
	}
	l.evidence.Add(b.Facts...)
	if err := l.keep(time.Now()); err != nil {
		l.stop(err)
	}
	for _, s := range b.Sources {
		l.evidence.SetSource(s)
		l.sources[s.Name] = s
		l.reached = l.reached || s.State == incident.SourceOK || s.State == incident.SourceDone
	}
	l.facts += int64(len(b.Facts))
	l.fresh = true
	return nil
}

// stop ends the recording; the screen goes on without it, and says so. The lock is
// held.
func (l *live) stop(err error) {
	l.stopped = fmt.Errorf("recording %s: %w", l.path, err)
	_ = l.file.Close() // what was appended before is committed
	l.file = nil
	l.evidence.SetSource(incident.SourceStatus{
		Name: "recording", Group: "recording", State: incident.SourceDown, Detail: l.stopped.Error(),
	})
}

// publish hands a new view out about once a second, until ctx ends. A view that
// nobody has taken yet is replaced.
func (l *live) publish(ctx context.Context) {
	tick := time.NewTicker(publishEvery)
	defer tick.Stop()
	for {
		l.offer()
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func (l *live) offer() {
	if v, fresh := l.newest(); fresh {
		msg := tui.EvidenceMsg{Name: l.name, View: v, Analysis: l.ranks.Observe(v), Live: true}
		msg.Rows = incident.NewRows(v, msg.Analysis)
		replace(l.out, msg)
	}
}

// newest is what is known, and whether anything of it is new since it was last asked.
func (l *live) newest() (v *incident.View, fresh bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	fresh, l.fresh = l.fresh, false
	return l.evidence.Snapshot(), fresh
}

// replace puts a view where nobody has taken the one before it yet. out has one place
// and this one sender.
func replace(out chan tui.EvidenceMsg, msg tui.EvidenceMsg) {
	select {
	case <-out:
	default:
	}
	out <- msg // the place is free by now
}

// close ends the recording and says what, if anything, went wrong with it.
func (l *live) close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.file == nil {
		return l.stopped
	}
	_ = conclude(l.file, l.evidence.Snapshot()) // without it the next one to open it waits a little
	err := l.file.Close()
	l.file = nil
	return err
}

// analysis is what the evidence says now.
func (l *live) analysis() incident.Analysis {
	l.mu.Lock()
	v := l.evidence.Snapshot()
	l.mu.Unlock()
	return cause.Analyze(v, cause.Options{})
}
