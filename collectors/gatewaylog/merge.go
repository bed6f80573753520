package gatewaylog

import (
	"context"
	"fmt"
	"io"
	"path/filepath"

	"tripcurve/collectors/logfile"
	"tripcurve/internal/incident"
)

// Merge reads several logs as one: what the paths of one show about the endpoints
// names those of all, whatever was read first. What was counted waits for Flush,
// most of it in temporary files.
type Merge struct {
	endpoints *endpoints // of all logs
	read      []*merged
}

// merged is a log that was read.
type merged struct {
	agg      *Aggregator
	from, to int64
	log      []incident.Fact // where it lies, if it has a place
}

// NewMerge makes a merge of no logs yet. It has to be closed.
func NewMerge() *Merge { return &Merge{endpoints: newEndpoints(nil)} }

// Import reads a file as the function Import does.
func (m *Merge) Import(ctx context.Context, path string, opt Options) (Summary, error) {
	f, info, err := logfile.Open(path)
	if err != nil {
		return Summary{}, fmt.Errorf("gateway log: %w", err)
	}
	defer f.Close()
	if opt.Name == "" {
		opt.Name = filepath.Base(path)
	}
	s, agg, err := importFile(ctx, f, info, opt)
	if err != nil {
		return s, fmt.Errorf("gateway log %s: %w", path, err)
	}
	m.take(agg, s.Origin)
	if l, ok := opt.logFile(path, s.Origin); ok && info.Mode().IsRegular() {
		m.read[len(m.read)-1].log = []incident.Fact{l}
	}
	return s, nil
}

// ImportReader reads a stream as the function ImportReader does.
func (m *Merge) ImportReader(ctx context.Context, r io.Reader, opt Options) (Summary, error) {
	if opt.Name == "" {
		opt.Name = "stdin"
	}
	s, agg, err := importStream(ctx, &counter{r: r}, 0, opt)
	if err != nil {
		return s, fmt.Errorf("gateway log %s: %w", opt.Name, err)
	}
	m.take(agg, s.Origin)
	return s, nil
}

func (m *Merge) take(agg *Aggregator, origin incident.Origin) {
	agg.adopt(m.endpoints)
	agg.lightenForGood()
	m.read = append(m.read, &merged{agg: agg, from: origin.From, to: origin.To})
}

// Drop forgets the log that was read last.
func (m *Merge) Drop() {
	last := len(m.read) - 1
	m.read[last].agg.spool.close()
	m.read = m.read[:last]
}

// Inferred are the endpoints of all logs that no route names, as patterns that
// NewRoutes takes.
func (m *Merge) Inferred() []string { return m.endpoints.inferred() }

// Flush hands out what was counted, log after log, each in order of time.
func (m *Merge) Flush(emit func([]incident.Fact) error) error {
	for len(m.read) > 0 {
		r := m.read[0]
		m.read = m.read[1:]
		if len(r.log) > 0 {
			if err := emit(r.log); err != nil {
				return err
			}
		}
		if err := r.agg.flush(r.from, r.to, emit); err != nil {
			return fmt.Errorf("gateway log %s: %w", r.agg.origin.Name, err)
		}
	}
	return nil
}

// Close gives up what was not flushed.
func (m *Merge) Close() {
	for _, r := range m.read {
		r.agg.spool.close()
	}
	m.read = nil
}

// adopt makes the endpoints part of a larger collection.
func (a *Aggregator) adopt(all *endpoints) {
	a.numbers = all.take(a.endpoints)
	a.endpoints = all
	for i := range a.series {
		if a.series[i].upstream > 0 {
			continue
		}
		a.series[i].endpoint = a.numbers[a.series[i].endpoint]
	}
	a.byPoint, a.byAsked = nil, nil // nothing more is added
}
