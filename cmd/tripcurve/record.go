package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"tripcurve/collectors/supervise"
	"tripcurve/internal/incident"
	"tripcurve/internal/incident/cause"
	"tripcurve/internal/redact"
)

func (a *app) recordCommand() *cobra.Command {
	var f sourceFlags
	var record string
	var length time.Duration
	var k keeping
	cmd := &cobra.Command{
		Use:   "record",
		Short: "collect and record without a screen",
		Long: `Collects from every source named, or else from those of the settings file, and records it until ctrl+c, or for --for. Progress goes to stderr.
What is recorded stays recorded: at most the last second is lost when the program or the machine dies.
--keep and --max-size make it a flight recorder that can run for weeks: what is older, or too much, is
forgotten; tripcurve snapshot copies an incident out of it before it is.

Exit code 3 when no source was ever reached.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := k.check(); err != nil {
				return err
			}
			defer thrift()()
			now := time.Now()
			c, err := a.collecting(cmd.Context(), "record", f, k, now)
			if err != nil {
				return err
			}
			if record, err = a.recording(record, now); err != nil {
				return err
			}
			ctx := cmd.Context()
			if length > 0 {
				var cancel context.CancelFunc
				ctx, cancel = context.WithTimeout(ctx, length)
				defer cancel()
			}
			return a.record(ctx, c, record, now)
		},
	}
	f.add(cmd)
	cmd.Flags().StringVar(&record, "record", "", "file to record to (default: a new one in "+a.paths.State+")")
	k.add(cmd)
	cmd.Flags().DurationVar(&length, "for", 0, "stop after this long, such as 10m (default: until ctrl+c)")
	return cmd
}

// reportEvery is how often record says on stderr how it does.
const reportEvery = 10 * time.Second

func (a *app) record(ctx context.Context, c collecting, path string, now time.Time) error {
	l, err := newLive(path, c.keeping, now)
	if err != nil {
		return err
	}
	fmt.Fprintf(a.stderr, "recording to %s; ctrl+c ends it\n", path)
	done := make(chan error, 1)
	changes := make(chan incident.SourceStatus, 64)
	states := map[string]incident.SourceState{}
	write := func(ctx context.Context, b supervise.Batch) error {
		if err := l.write(ctx, b); err != nil {
			return err
		}
		for _, s := range b.Sources {
			if before, known := states[s.Name]; known && before != s.State {
				select {
				case changes <- s:
				default: // nobody reads them: the terminal stands still, and the recording must not
				}
			}
			states[s.Name] = s.State
		}
		return l.stopped // without a screen a recording that stopped is the end
	}
	go func() { done <- supervise.New(c.collectors, c.options).Run(ctx, write) }()
	tick, grid := time.NewTicker(reportEvery), time.NewTicker(cause.Grid)
	defer tick.Stop()
	defer grid.Stop()
	for {
		select {
		case err = <-done:
			if ctx.Err() != nil && (errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)) {
				err = nil
			}
			closed := l.close()
			if closed != nil && errors.Is(err, closed) {
				closed = nil
			}
			if l.stopped != nil {
				fmt.Fprintf(a.stderr, "%s  ALARM: the recording has stopped. What was recorded before can be read: tripcurve open %s\n", time.Now().UTC().Format("15:04:05Z"), path)
			}
			a.reportRecording(l)
			if err = errors.Join(err, closed); err == nil && !l.reached {
				return exitError{exitUnreachable, fmt.Errorf("no source could be reached: %s", l.excuses())}
			}
			return err
		case s := <-changes:
			fmt.Fprintf(a.stderr, "%s  %s\n", time.Now().UTC().Format("15:04:05Z"), redact.Line(stateText(s)))
		case <-tick.C:
			a.reportRecording(l)
		case <-grid.C:
			if v, fresh := l.newest(); fresh {
				l.ranks.Observe(v)
				a.reportRanks(l.ranks.Changes())
			}
		}
	}
}

// reportRanks says which findings came, moved or went, and why.
func (a *app) reportRanks(changes []cause.RankChange) {
	for _, c := range changes {
		fmt.Fprintf(a.stderr, "%s\n", redact.Line(c.String()))
	}
}

// excuses are the reasons of all sources, in the order of their names.
func (l *live) excuses() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var all []string
	for _, name := range slices.Sorted(maps.Keys(l.sources)) {
		all = append(all, redact.Line(name+": "+l.sources[name].Detail))
	}
	return strings.Join(all, "; ")
}

// stateText is how a source does: since when and why, where it does not do well.
func stateText(s incident.SourceStatus) string {
	text := s.Name + " " + s.State.String()
	switch s.State {
	case incident.SourceDown, incident.SourceDegraded, incident.SourceStale:
		if !s.Since.IsZero() {
			text += " since " + s.Since.UTC().Format("15:04:05Z")
		}
		if s.Detail != "" {
			text += " (" + s.Detail + ")"
		}
	default:
	}
	return text
}

// reportRecording is one line of progress and what the evidence says.
func (a *app) reportRecording(l *live) {
	l.mu.Lock()
	facts := l.facts
	states := make([]string, 0, len(l.sources))
	for _, s := range slices.SortedFunc(maps.Values(l.sources), func(x, y incident.SourceStatus) int { return cmp.Compare(x.Name, y.Name) }) {
		states = append(states, redact.Line(stateText(s)))
	}
	l.mu.Unlock()
	var size int64
	if info, err := os.Stat(l.path); err == nil {
		size = info.Size()
	}
	fmt.Fprintf(a.stderr, "%s  %s, %d KiB  %s\n", time.Now().UTC().Format("15:04:05Z"), plural(facts, "fact"), size>>10, strings.Join(states, ", "))
	if s := l.analysis().Sentence; s != "" {
		fmt.Fprintf(a.stderr, "           %s\n", redact.Line(s))
	}
}
