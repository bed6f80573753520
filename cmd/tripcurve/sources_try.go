package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"tripcurve/collectors/supervise"
	"tripcurve/internal/export"
	"tripcurve/internal/incident"
	"tripcurve/internal/redact"
)

func (a *app) sourcesCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "sources",
		Short: "try the sources of evidence before they are needed",
		Args:  onlyCommands,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(a.sourcesTestCommand())
	return cmd
}

func (a *app) sourcesTestCommand() *cobra.Command {
	var f sourceFlags
	var format string
	var patience time.Duration
	cmd := &cobra.Command{
		Use:   "test",
		Short: "ask every source named, and say what it sees and lacks",
		Long: `Collects from every source named for a few seconds, records nothing, and says of each whether it answers, what
came, and what it lacks: rights, lines that no format understood, units, names that are not there or idle, counters
without which a hang cannot be seen. Of a log that is quiet the lines that it has already are tried.
It takes the flags and the settings file of watch, so that what passes here works there.

Exit code 3 when a source could not be reached.`,
		Example: examples("sources test"),
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if patience < time.Second || patience > time.Minute {
				return badInput("--for %s: expected 1s to 1m", patience)
			}
			c, err := a.collecting(cmd.Context(), "sources test", f, keeping{}, time.Now())
			if err != nil {
				return err
			}
			trials, err := try(cmd.Context(), c.collectors, patience, nil)
			if err != nil {
				return err
			}
			for i, t := range trials {
				t.conclude(cmd.Context(), c.collectors[i])
			}
			if cmd.Context().Err() != nil {
				return badInput("sources test: interrupted")
			}
			if format == "json" {
				err = writeJSON(a.stdout, sourcesTested{"tripcurve.sources/1", trials})
			} else {
				err = a.trials(trials)
			}
			if err == nil && !allReached(trials) {
				err = exitError{code: exitUnreachable}
			}
			return err
		},
	}
	f.add(cmd)
	cmd.Flags().DurationVar(&patience, "for", 5*time.Second, "how long each source is listened to")
	formatFlag(cmd, &format, "text", "json")
	return cmd
}

// sourcesTested is what sources test says, as JSON.
type sourcesTested struct {
	Schema  string   `json:"schema"`
	Sources []*trial `json:"sources"`
}

// trial is what became of one source.
type trial struct {
	Name    string `json:"name"`
	Group   string `json:"group"`
	Reached bool   `json:"reached"` // it answered at least once
	State   string `json:"state"`
	Detail  string `json:"detail"`
	// What came of it.
	Requests int64 `json:"requests"` // of a log, counted by their ends
	Series   int   `json:"series"`
	Points   int   `json:"points"`
	Episodes int   `json:"episodes"` // lock waits and sessions
	Unparsed int   `json:"unparsed"` // lines kept that no format understood
	Existing int64 `json:"existing"` // requests in the last lines of a log that was quiet

	Sees  []string `json:"sees"`
	Lacks []string `json:"lacks"`
	// How far its clock is ahead of ours, give or take; null when not measured.
	ClockAhead  *float64 `json:"clock_ahead_ms"`
	ClockWithin *float64 `json:"clock_within_ms"`

	answered  bool // it sent a status that was neither starting nor down
	seen      map[incident.ID]bool
	metrics   map[string]string // names of series with their units
	last      map[incident.ID]float64
	counters  int
	moved     bool // a counter has another value than before
	clock     incident.Clock
	firstFail string
}

// try lets the collectors run for so long; they end earlier when all of them are done,
// or through as ended says. It may be nil.
func try(ctx context.Context, collectors []supervise.Collector, patience time.Duration, ended func(*trial) bool) ([]*trial, error) {
	var all []*trial
	byName := map[string]*trial{}
	for _, c := range collectors {
		s := c.Source()
		t := &trial{
			Name: s.Name, Group: s.Group, State: incident.SourceDown.String(), Detail: "nothing was heard of it",
			Sees: []string{}, Lacks: []string{},
			seen: map[incident.ID]bool{}, metrics: map[string]string{}, last: map[incident.ID]float64{},
		}
		all, byName[s.Name] = append(all, t), t
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	write := func(_ context.Context, b supervise.Batch) error {
		for _, s := range b.Sources {
			if t := byName[s.Name]; t != nil {
				t.heard(s)
			}
		}
		for _, f := range b.Facts {
			if t := byName[f.Source().Name]; t != nil {
				t.got(f)
			}
		}
		if ended != nil && !slices.ContainsFunc(all, func(t *trial) bool { return !ended(t) }) {
			cancel()
		}
		return nil
	}
	err := supervise.New(collectors, supervise.Options{StaleAfter: -1}).Run(ctx, write)
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		err = nil
	}
	return all, err
}

// heard keeps the last word; why a source failed first is worth more than that it
// was cut off in the end.
func (t *trial) heard(s incident.SourceStatus) {
	t.State, t.Detail = s.State.String(), s.Detail
	t.answered = t.answered || s.State != incident.SourceStarting && s.State != incident.SourceDown
	if c := s.Clock; c.Measured() {
		ahead, within := float64(c.Ahead)/1e6, float64(c.Within)/1e6
		t.clock, t.ClockAhead, t.ClockWithin = c, &ahead, &within
	}
	if s.State == incident.SourceOK || s.State == incident.SourceDone {
		t.Reached = true
	} else if t.firstFail == "" && s.State != incident.SourceStarting {
		t.firstFail = s.Detail
	}
	if !t.Reached && t.firstFail != "" {
		t.Detail = t.firstFail
	}
}

func (t *trial) got(f incident.Fact) {
	switch f := f.(type) {
	case incident.Bucket:
		t.Requests += f.Ended
	case *incident.Bucket:
		t.Requests += f.Ended
	case incident.Series:
		t.series(&f)
	case *incident.Series:
		t.series(f)
	case incident.Episode:
		t.episode(&f)
	case *incident.Episode:
		t.episode(f)
	case incident.Exemplar:
		t.exemplar(&f)
	case *incident.Exemplar:
		t.exemplar(f)
	}
}

func (t *trial) series(s *incident.Series) {
	t.Points += len(s.Points)
	id := s.ID()
	if !t.seen[id] {
		t.seen[id] = true
		t.Series++
		t.metrics[s.Name] = s.Unit
		if s.Kind == incident.Counter {
			t.counters++
		}
	}
	for _, p := range s.Points {
		if was, known := t.last[id]; known && s.Kind == incident.Counter && was != p.V {
			t.moved = true
		}
		t.last[id] = p.V
	}
}

// episode counts what was seen; that the source was down is told otherwise.
func (t *trial) episode(e *incident.Episode) {
	if id := e.ID(); e.Kind != incident.Gap && !t.seen[id] {
		t.seen[id] = true
		t.Episodes++
	}
}

func (t *trial) exemplar(e *incident.Exemplar) {
	if e.Kind == incident.Unparsed {
		t.Unparsed++
	}
}

func allReached(all []*trial) bool {
	for _, t := range all {
		if !t.Reached {
			return false
		}
	}
	return true
}

// trials says it for people.
func (a *app) trials(all []*trial) error {
	var b strings.Builder
	for _, t := range all {
		word := "ok  "
		if !t.Reached {
			word = "DOWN"
		}
		fmt.Fprintf(&b, "%s  %s (%s)%s\n", word, redact.Line(t.Name), redact.Line(t.Group), t.came())
		if t.Detail != "" {
			b.WriteString(export.Wrap(redact.Line(t.Detail), "      ", "      "))
		}
		if t.clock.Measured() {
			fmt.Fprintf(&b, "      clock %s\n", t.clock)
		}
		for _, s := range t.Sees {
			b.WriteString(export.Wrap(s, "      sees   ", "             "))
		}
		for _, l := range t.Lacks {
			b.WriteString(export.Wrap(l, "      lacks  ", "             "))
		}
	}
	_, err := a.stdout.Write([]byte(b.String()))
	return err
}

// came is what came of a source, in words.
func (t *trial) came() string {
	var parts []string
	for _, p := range []struct {
		n         int64
		one, many string
	}{
		{t.Requests, "request", "requests"},
		{t.Existing, "request in the lines that it has already", "requests in the lines that it has already"},
		{int64(t.Series), "series", "series"},
		{int64(t.Points), "point", "points"},
		{int64(t.Episodes), "lock wait or session", "lock waits and sessions"},
		{int64(t.Unparsed), "line that no format understood", "lines that no format understood"},
	} {
		switch p.n {
		case 0:
		case 1:
			parts = append(parts, "1 "+p.one)
		default:
			parts = append(parts, export.Number(float64(p.n), 0)+" "+p.many)
		}
	}
	switch {
	case len(parts) > 0:
		return ": " + strings.Join(parts, ", ")
	case t.Reached:
		return ": nothing came meanwhile"
	}
	return ""
}
