package gateway

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"

	"tripcurve/internal/incident"
	"tripcurve/internal/redact"
	"tripcurve/tui/screen"
	"tripcurve/tui/text"
)

const (
	// mostLines and mostBytes bound what is read of logs for one row.
	mostLines = 100_000
	mostBytes = 64 << 20
	// filterHere is up to how many lines are filtered between two frames.
	filterHere = 2_000
)

// logLines are the lines behind a row as they stand in the logs.
type logLines struct {
	id       uint64
	stop     context.CancelFunc
	all      []incident.Exemplar // without credentials; only ever appended to: filtering reads it elsewhere
	bytes    int
	window   incident.Window
	where    []string // the logs
	part     float64  // of what there is to be looked through, 0..1
	full     bool     // there may be more
	finished bool
	err      error // why a log could not be read, or not to its end
}

// foundMsg is a piece of what was found, for the pane of an id.
type foundMsg struct {
	id    uint64
	s     *search
	lines []incident.Exemplar
	part  float64
	done  bool
}

// filteredMsg is which of the first n lines of a pane a filter keeps.
type filteredMsg struct {
	id     uint64
	filter string
	n      int
	at     []int
}

// errNoLog says that there is no log to be read.
var errNoLog = errors.New("where the log lies was not recorded")

// readLog begins to read the lines of the open pane from the logs.
func (s *Screen) readLog() tea.Cmd {
	l := s.lines
	if s.opt.Lines == nil || len(s.View.LogFiles()) == 0 {
		l.log = &logLines{err: errNoLog, finished: true, stop: func() {}}
		return nil
	}
	ctx, stop := context.WithCancel(s.opt.context())
	s.searches++
	l.log = &logLines{id: s.searches, stop: stop, window: s.linesWindow(l.of)}
	l.show(s.View, s.Filter, true)
	view, of, window := s.View, l.of, l.log.window
	find := &search{ctx: ctx, open: s.opt.Lines, plan: func() []incident.LinesWanted { return wanted(view, of, window) }}
	return find.step(l.log.id)
}

// linesWindow is of when lines of a row are read: of what the table counts, and of all
// time where they have none.
func (s *Screen) linesWindow(of row) incident.Window {
	if of.unparsed {
		all := s.View.Window
		return incident.Window{From: all.From, To: all.To.Add(time.Second)}
	}
	return s.table.query.window
}

// wanted are the logs in which there are lines of a row, by when the first of the window
// began.
func wanted(v *incident.View, of row, w incident.Window) []incident.LinesWanted {
	first := map[string]int{}
	v.EachBucket(w, func(b *incident.Bucket) {
		if k := b.Origin.Key(); b.Started > 0 || b.Ended > 0 {
			if _, ok := first[k]; !ok {
				first[k] = len(first)
			}
		}
	})
	longest := map[string]time.Duration{}
	for _, x := range v.Exemplars() {
		longest[x.Origin.Key()] = max(longest[x.Origin.Key()], x.Took)
	}
	endpoints := v.Endpoints()
	var logs []incident.LinesWanted
	for _, l := range v.LogFiles() {
		k := l.Origin.Key()
		if _, ok := first[k]; !ok && !of.unparsed {
			continue
		}
		logs = append(logs, incident.LinesWanted{
			Log: l, Window: w, Until: w.To.Add(longest[k]), Endpoints: endpoints,
			Match: func(x *incident.Exemplar) bool { return of.holds(*x) },
		})
	}
	slices.SortStableFunc(logs, func(a, b incident.LinesWanted) int { return first[a.Log.Origin.Key()] - first[b.Log.Origin.Key()] })
	return logs
}

// found takes a piece in, and asks for the next one.
func (s *Screen) found(m foundMsg) tea.Cmd {
	give := func() tea.Msg {
		m.s.close()
		return nil
	}
	if s.lines == nil || s.lines.log == nil || s.lines.log.id != m.id {
		return give // the pane was left
	}
	l := s.lines.log
	for i := range m.lines {
		if l.full = len(l.all) >= mostLines || l.bytes+len(m.lines[i].Raw) > mostBytes; l.full {
			break
		}
		l.bytes += len(m.lines[i].Raw)
		if s.lines.fromLog && s.Filter.Match(m.lines[i].Raw) {
			s.lines.at = append(s.lines.at, len(l.all))
		}
		l.all = append(l.all, m.lines[i])
	}
	l.part, l.where = m.part, m.s.where
	l.err = errors.Join(m.s.errs...)
	l.finished = m.done || l.full
	switch {
	case l.full:
		l.stop()
		return give
	case m.done:
		l.stop()
		if len(l.all) == 0 && l.err != nil {
			s.lines.show(s.View, s.Filter, false)
		}
		return nil
	}
	return m.s.step(m.id)
}

// leaveLines goes back to the table, and ends what reads for the pane.
func (s *Screen) leaveLines() {
	if s.lines != nil && s.lines.log != nil {
		s.lines.log.stop()
	}
	s.lines = nil
}

// refilterLog chooses the lines of the log that a filter keeps: at once where they are
// few, else away from the event loop.
func (l *lines) refilterLog(f screen.Filter) tea.Cmd {
	all := l.log.all
	if len(all) <= filterHere {
		l.at = kept(all, f)
		l.list.Clamp(len(l.at))
		return nil
	}
	id := l.log.id
	return func() tea.Msg { return filteredMsg{id, f.Text, len(all), kept(all, f)} }
}

func kept(all []incident.Exemplar, f screen.Filter) []int {
	at := make([]int, 0, len(all))
	for i := range all {
		if f.Match(all[i].Raw) {
			at = append(at, i)
		}
	}
	return at
}

// filtered takes in what a filter keeps, and what was read meanwhile.
func (s *Screen) filtered(m filteredMsg) {
	l := s.lines
	if l == nil || l.log == nil || !l.fromLog || l.log.id != m.id || m.filter != s.Filter.Text {
		return
	}
	l.at = m.at
	for i := m.n; i < len(l.log.all); i++ {
		if s.Filter.Match(l.log.all[i].Raw) {
			l.at = append(l.at, i)
		}
	}
	l.filter = m.filter
	l.list.Clamp(len(l.at))
}

// says is what the pane shows: which lines, of what, and how far it is.
func (l *lines) says(f screen.Filter, clock func(time.Time) string) string {
	n := text.Count(len(l.at))
	if f.Active() && l.log != nil && l.fromLog {
		n += " of " + text.Count(len(l.log.all))
	}
	switch {
	case l.log == nil:
		return n + " kept whole"
	case !l.fromLog && l.log.err != nil:
		return n + " kept whole; " + redact.Line(l.log.err.Error())
	case !l.fromLog:
		return n + " kept whole; t: those of the log itself"
	}
	of := "the log"
	if len(l.log.where) > 0 {
		names := make([]string, len(l.log.where))
		for i, w := range l.log.where {
			names[i] = filepath.Base(w)
		}
		if of = strings.Join(names[:min(2, len(names))], ", "); len(names) > 2 {
			of += fmt.Sprintf(" and %d more", len(names)-2)
		}
		of = redact.Line(of)
	}
	w := l.log.window
	said := n + " of " + of
	switch {
	case l.log.full:
		said += ": the first; b or a shorter range shows others"
	case !l.log.finished:
		said += fmt.Sprintf(", reading, %.0f %%; esc stops", 100*l.log.part)
	default:
		said += ", " + clock(w.From) + " to " + clock(w.To) + "; t: those kept whole"
	}
	if l.log.err != nil {
		said += "; " + redact.Line(l.log.err.Error())
	}
	return said
}
