// Package gateway shows what clients saw: requests and failures by endpoint,
// status, outcome or upstream, before, during and after the impact, and the lines behind
// every number.
package gateway

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"

	"tripcurve/internal/incident"
	"tripcurve/internal/redact"
	"tripcurve/tui/chart"
	"tripcurve/tui/screen"
	"tripcurve/tui/text"
)

// Screen is the gateway's table, and the lines behind one of its rows.
type Screen struct {
	screen.Common
	opt   Options
	list  screen.List
	phase phase
	by    grouping

	table  table // what was computed last
	asked  query // what is being computed, or was last
	busy   bool  // a computation runs
	wanted bool  // and its question is old already
	plot   chart.Cache
	drawn  uint64 // rises with every table

	heat    bool // the chart is of how long requests took, not of failures
	heatmap chart.Cache

	lines *lines // the lines behind one row; nil: the table
	side  *lines // those of the selected row, beside the table

	searches uint64 // how many panes have read logs
}

// Options are what the screen needs of the world. The zero value reads no logs.
type Options struct {
	Context context.Context // ends what reads; nil is context.Background()
	// Lines finds the lines of a log again; nil cannot.
	Lines func(context.Context, incident.LinesWanted) (incident.LineReader, error)
}

func (o Options) context() context.Context {
	if o.Context == nil {
		return context.Background()
	}
	return o.Context
}

// phase is which part of time the table counts.
type phase uint8

const (
	during phase = iota
	before
	after
	shown // the range of the time axis
)

var phases = [...]string{"during", "before", "after", "range"}

// grouping is what a row of the table stands for.
type grouping uint8

const (
	byEndpoint grouping = iota
	byStatus
	byOutcome
	byUpstream
)

var groupings = [...]string{"endpoint", "status", "outcome", "upstream"}

// New is the screen before any data.
func New(o Options) *Screen { return &Screen{opt: o} }

func (s *Screen) Title() string { return "Gateway" }

// Actions are what the table can do.
func (s *Screen) Actions() []screen.Action {
	return append([]screen.Action{
		{Name: "lines", Keys: []string{"enter"}, Help: "the lines behind the row, from the log itself if it is there; on a line: time cursor there", Hint: "lines"},
		{Name: "kept", Keys: []string{"t"}, Help: "of the lines: those of the log, or those kept whole in the recording"},
		{Name: "phase", Keys: []string{"b"}, Arg: "PHASE", Values: phases[:], Help: "during, before or after the impact, or the shown range", Hint: "before/during/after"},
		{Name: "group", Keys: []string{"c"}, Arg: "GROUPING", Values: groupings[:], Help: "group by endpoint, status, outcome or upstream", Hint: "group"},
		{Name: "view", Keys: []string{"v"}, Help: "the chart: failures, or a heat map of how long requests took", Hint: "heat map"},
	}, append(screen.Moves(), screen.TimeMoves()...)...)
}

// Depth is 1 while the lines of a row are shown, for esc to come back from.
func (s *Screen) Depth() int {
	if s.lines != nil {
		return 1
	}
	return 0
}

// Update takes in shared messages, moves, and takes computed tables in.
func (s *Screen) Update(msg tea.Msg) (screen.Screen, tea.Cmd) {
	switch msg := msg.(type) {
	case tableMsg:
		s.busy = false
		if msg.query == s.query() {
			s.follow(s.list.Moved() || msg.query.phase != s.table.query.phase, func() { s.table = msg.table })
			s.write()
			s.drawn++
		}
		if s.wanted {
			return s, s.compute()
		}
	case foundMsg:
		return s, s.found(msg)
	case filteredMsg:
		s.filtered(msg)
	case screen.ActionMsg:
		return s, s.act(msg)
	case tea.MouseClickMsg:
		if s.lines != nil {
			s.lines.list.Click(msg, len(s.lines.at))
		} else if _, again := s.list.Click(msg, len(s.table.shown(s.Filter))); again {
			return s, s.act(screen.ActionMsg{Name: "lines"})
		}
	case screen.ZoneMsg:
		s.Apply(msg)
		s.write()
	case screen.FocusMsg:
		return s, s.focus(msg.Subject.Endpoint)
	case screen.FilterMsg:
		s.follow(s.list.Moved(), func() { s.Apply(msg) })
		return s, s.refresh()
	default:
		if s.Apply(msg) {
			return s, s.refresh()
		}
	}
	return s, nil
}

// follow changes which rows are shown; the cursor goes with what it was on, or stays.
func (s *Screen) follow(along bool, change func()) {
	was := row{}
	if rows := s.table.shown(s.Filter); s.list.At < len(rows) {
		was = rows[s.list.At]
	}
	change()
	rows := s.table.shown(s.Filter)
	s.list.Clamp(len(rows))
	if along {
		s.list.Follow(len(rows), func(i int) bool { return rows[i].key() == was.key() })
	}
}

// refresh brings what is shown up to what it is made of.
func (s *Screen) refresh() tea.Cmd {
	if s.lines != nil {
		return tea.Batch(s.lines.refilter(s.View, s.Filter), s.compute())
	}
	return s.compute()
}

// write puts the table's texts together.
func (s *Screen) write() {
	for i := range s.table.rows {
		copy(s.table.rows[i].text[:], s.table.rows[i].cells(s.Zone))
	}
}

func (s *Screen) act(msg screen.ActionMsg) tea.Cmd {
	if s.View == nil {
		return nil
	}
	if cmd, ok := s.MoveTime(msg.Name); ok {
		return cmd
	}
	if s.lines != nil {
		return s.actOnLines(msg)
	}
	rows := s.table.shown(s.Filter)
	if s.list.Move(msg.Name, len(rows), max(1, s.H/2)) {
		return nil
	}
	switch msg.Name {
	case "lines":
		if s.list.At < len(rows) {
			s.lines = newLines(s.View, rows[s.list.At], s.Filter)
			return s.readLog()
		}
	case "kept":
		return screen.Say("enter on a row has its lines first")
	case "phase":
		return choose(&s.phase, phases[:], msg.Args, s)
	case "group":
		return choose(&s.by, groupings[:], msg.Args, s)
	case "view":
		s.heat = !s.heat
		return s.compute()
	case "yank":
		if s.list.At < len(rows) {
			return screen.Copy(rows[s.list.At].plain(), "the row")
		}
		return screen.Copy("", "")
	case "yank-markdown":
		return screen.Copy(s.markdown(rows), "the table")
	}
	return nil
}

// choose sets one of a few values by name, or the next one without a name.
func choose[T ~uint8](v *T, names []string, name string, s *Screen) tea.Cmd {
	if name == "" {
		*v = (*v + 1) % T(len(names))
		return s.compute()
	}
	i := slices.Index(names, name)
	if i < 0 {
		return screen.Fail(fmt.Errorf("%q is not one of %s", name, strings.Join(names, ", ")))
	}
	*v = T(i)
	return s.compute()
}

// Remember is what is counted, and by what it is grouped.
func (s *Screen) Remember() map[string]string {
	return map[string]string{"phase": phases[s.phase], "group": groupings[s.by], "heat": strconv.FormatBool(s.heat)}
}

// Recall counts as Remember said.
func (s *Screen) Recall(choices map[string]string) tea.Cmd {
	if i := slices.Index(phases[:], choices["phase"]); i >= 0 {
		s.phase = phase(i)
	}
	if i := slices.Index(groupings[:], choices["group"]); i >= 0 {
		s.by = grouping(i)
	}
	s.heat = choices["heat"] == "true"
	return s.compute()
}

// focus selects an endpoint, and counts what it went through.
func (s *Screen) focus(e incident.Endpoint) tea.Cmd {
	s.leaveLines()
	if e == (incident.Endpoint{}) {
		return nil
	}
	s.by, s.phase = byEndpoint, during
	for i, r := range s.table.shown(s.Filter) {
		if r.endpoint == e {
			s.list.Select(i)
		}
	}
	return s.compute()
}

func (s *Screen) markdown(rows []row) string {
	var b strings.Builder
	b.WriteString("| " + groupings[s.by] + " | requests | failed | error rate | p50 ms | p99 ms | first failed |\n|---|--:|--:|--:|--:|--:|---|\n")
	for _, r := range rows {
		b.WriteString("| " + redact.Markdown(r.label) + " | " + strings.Join(r.cells(nil), " | ") + " |\n")
	}
	return b.String()
}

// plain is a row as one line of text.
func (r row) plain() string {
	if r.unparsed {
		return text.Plural(int(r.requests), "line") + " that no format understood"
	}
	c := r.cells(nil)
	return fmt.Sprintf("%s: %s requests, %s failed (%s %%), p50 %s ms, p99 %s ms, first failed %s", r.label, c[0], c[1], c[2], c[3], c[4], c[5])
}

// columns is how many cells a row has.
const columns = 6

// cells are the row's values as they stand in the table, right of its name, with
// instants in a zone, which is UTC where it is nil.
func (r row) cells(zone *time.Location) []string {
	if r.unparsed { // how their requests ended is what nobody understood
		return []string{text.Count(r.requests), "-", "-", "-", "-", "-"}
	}
	share := "-"
	if r.requests > 0 {
		share = fmt.Sprintf("%.1f", 100*float64(r.failed)/float64(r.requests))
	}
	first := "-"
	switch {
	case !r.first.IsZero() && r.by == byUpstream: // in the ten seconds from then on
		first = "~" + strings.TrimSuffix(text.ClockIn(r.first, zone), "Z") // as wide as the others
	case !r.first.IsZero():
		first = text.ClockIn(r.first, zone)
	case r.gone:
		first = "gone"
	}
	return []string{text.Count(r.requests), text.Count(r.failed), share, quantile(r.p50), quantile(r.p99), first}
}

// quantile is a latency in milliseconds: of all numbers that the sketch's
// interval holds the roundest, ">" before one that is only known from below.
func quantile(q incident.Quantile) string {
	switch {
	case q == (incident.Quantile{}):
		return "-"
	case q.Capped:
		return ">" + text.Millis(q.Lo)
	}
	for scale := 1000 * time.Second; scale > 0; scale /= 10 {
		if d := (q.Lo + scale - 1) / scale * scale; d <= q.Hi {
			return text.Millis(d)
		}
	}
	return text.Millis(q.Lo)
}
