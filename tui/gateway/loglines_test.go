package gateway

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"

	"tripcurve/internal/incident"
	"tripcurve/tui/screen"
	"tripcurve/tui/tuitest"
)

// logs stands for the logs of a gateway: n lines of the window, in pieces.
type logs struct {
	n, piece int
	fails    error // what the end is; nil is io.EOF
	want     incident.LinesWanted
	at       int
	closed   bool
}

func (l *logs) open(_ context.Context, w incident.LinesWanted) (incident.LineReader, error) {
	if l.n < 0 {
		return nil, fmt.Errorf("/var/log/access.log: %w", l.fails)
	}
	l.want = w
	return l, nil
}

func (l *logs) Next(ctx context.Context) (found []incident.Exemplar, part float64, err error) {
	if l.closed {
		return nil, 0, errors.New("read after it was closed")
	}
	if err := ctx.Err(); err != nil {
		return nil, 0, err
	}
	for range min(l.piece, l.n-l.at) {
		at := l.want.Window.From.Add(time.Duration(l.at) * time.Millisecond)
		x := incident.Exemplar{
			Kind: incident.Sampled, Start: at, End: at.Add(30 * time.Second), Took: 30 * time.Second, Status: 502, Outcome: incident.UpstreamTimeout,
			Endpoint: incident.Endpoint{Method: "POST", Route: "/api/orders"}, Raw: fmt.Sprintf("\x1b[31mline %d?token=hunter2", l.at),
		}
		if l.at++; l.want.Match(&x) {
			found = append(found, x)
		}
	}
	if l.at == l.n {
		if err = io.EOF; l.fails != nil {
			err = l.fails
		}
	}
	return found, float64(l.at) / float64(l.n), err
}

func (l *logs) Where() string { return "/var/log/nginx/access.log.1" }

func (l *logs) Close() error {
	l.closed = true
	return nil
}

// opened is the screen with the lines of its first row being read from a log.
func opened(t *testing.T, l *logs) (*Screen, tea.Cmd) {
	t.Helper()
	msg := tuitest.Incident()
	ev := incident.NewEvidence()
	ev.Add(msg.View.Facts()...)
	for _, s := range msg.View.Sources {
		ev.SetSource(s)
	}
	ev.Add(incident.LogFile{Path: "/var/log/nginx/access.log", Origin: incident.Origin{Group: "gateway", Name: "gw", File: "access.log"}})
	msg.View = ev.Snapshot()
	s := New(Options{Lines: l.open})
	tuitest.Loaded(s, 80, 21)
	tuitest.Send(s, msg)
	_, cmd := s.Update(screen.ActionMsg{Name: "lines"})
	return s, cmd
}

// all runs commands to their end.
func all(s *Screen, cmd tea.Cmd) {
	tuitest.Send(s, tuitest.Answers(cmd)...)
}

func frame(s *Screen) string { return strings.Join(tuitest.Draw(s, 80, 21).Lines(), "\n") }

func TestLinesOfTheLog(t *testing.T) {
	l := &logs{n: 5000, piece: 3000}
	s, cmd := opened(t, l)
	if got := frame(s); !strings.Contains(got, "reading the log") || !strings.Contains(got, "esc stops") {
		t.Errorf("before the first piece:\n%s", got)
	}
	answers := tuitest.Answers(cmd)
	_, cmd = s.Update(answers[0])
	if got := frame(s); !strings.Contains(got, "3,000 of access.log.1, reading, 60 %; esc stops") {
		t.Errorf("after the first piece:\n%s", got)
	}
	all(s, cmd)
	g := tuitest.Draw(s, 80, 21)
	tuitest.Golden(t, "log_lines", g)
	if text := strings.Join(g.Lines(), ""); strings.Contains(text, "\x1b") || strings.Contains(text, "hunter2") {
		t.Errorf("a line is shown as it stands in the log:\n%s", text)
	}
	if !l.closed {
		t.Error("the log is still open")
	}
	if w := s.table.query.window; l.want.Window != w || !l.want.Until.Equal(w.To.Add(30*time.Second)) {
		t.Errorf("asked for %v until %v, the table counts %v", l.want.Window, l.want.Until, w)
	}
	// A filter of many lines is worked out away from the event loop.
	f, err := screen.ParseFilter("line 4...?")
	if err != nil {
		t.Fatal(err)
	}
	_, cmd = s.Update(screen.FilterMsg{Filter: f})
	if len(s.lines.at) != 5000 {
		t.Errorf("%d lines before the filter's answer", len(s.lines.at))
	}
	all(s, cmd)
	if got := frame(s); len(s.lines.at) != 1111 || !strings.Contains(got, "1,111 of 5,000 of access.log.1") {
		t.Errorf("%d lines match:\n%s", len(s.lines.at), got)
	}
	for text, want := range map[string]int{"hunter2": 0, "!hunter2": 5000} { // nobody finds a secret out by what matches
		if f, err = screen.ParseFilter(text); err != nil {
			t.Fatal(err)
		}
		tuitest.Send(s, screen.FilterMsg{Filter: f})
		if len(s.lines.at) != want {
			t.Errorf("%s: %d lines match", text, len(s.lines.at))
		}
	}
	tuitest.Send(s, screen.FilterMsg{})
	for _, m := range act(s, "yank") {
		if c, ok := m.(screen.CopyMsg); !ok || strings.Contains(c.Text, "hunter2") {
			t.Errorf("copied: %+v", m)
		}
	}
	if _, parts := s.Behind(); strings.Contains(fmt.Sprint(parts), "hunter2") {
		t.Errorf("behind a line: %+v", parts)
	}
	// Newer evidence leaves them; t goes to those kept whole and back.
	tuitest.Send(s, tuitest.Incident())
	if len(s.lines.at) != 5000 {
		t.Errorf("%d lines after newer evidence", len(s.lines.at))
	}
	tuitest.Send(s, screen.ActionMsg{Name: "kept"})
	if got := frame(s); !strings.Contains(got, "2 kept whole; t: those of the log itself") {
		t.Errorf("kept whole:\n%s", got)
	}
	tuitest.Send(s, screen.ActionMsg{Name: "kept"})
	if len(s.lines.at) != 5000 {
		t.Errorf("%d lines of the log again", len(s.lines.at))
	}
}

// TestLinesOfSeveralLogs reads two gateways' logs in pieces of other sizes: their lines
// come in the order of their ends, and those of a log that cannot be read to its end too.
func TestLinesOfSeveralLogs(t *testing.T) {
	start := time.Date(2026, 1, 15, 14, 23, 0, 0, time.UTC)
	at := func(ms int) time.Time { return start.Add(time.Duration(ms) * time.Millisecond) }
	line := func(began, ended int, raw string) incident.Exemplar {
		return incident.Exemplar{Kind: incident.Sampled, Start: at(began), End: at(ended), Raw: raw}
	}
	broken := errors.New("input/output error")
	of := []*script{
		{of: [][]incident.Exemplar{{line(0, 10, "a1")}, nil, {line(1, 40, "a2"), {Kind: incident.Unparsed, Raw: "a3"}, line(45, 50, "a4")}}, end: io.EOF},
		{of: [][]incident.Exemplar{{line(5, 20, "b1"), line(0, 30, "b2")}, {line(44, 45, "b3"), line(3, 60, "b4")}}, end: broken},
	}
	var opened int
	find := &search{
		ctx: t.Context(), plan: func() []incident.LinesWanted { return make([]incident.LinesWanted, 2) },
		open: func(context.Context, incident.LinesWanted) (incident.LineReader, error) {
			opened++
			return of[opened-1], nil
		},
	}
	var got []string
	for last := 0.0; ; {
		m := find.step(1)().(foundMsg)
		for _, x := range m.lines {
			got = append(got, x.Raw)
		}
		if m.part < last || m.part > 1 {
			t.Errorf("%v after %v of the logs", m.part, last)
		}
		if last = m.part; m.done {
			break
		}
	}
	if want := []string{"a1", "b1", "b2", "a2", "a3", "b3", "a4", "b4"}; !slices.Equal(got, want) {
		t.Errorf("%v, not %v", got, want)
	}
	if !of[0].closed || !of[1].closed || len(find.errs) != 1 || !errors.Is(find.errs[0], broken) {
		t.Errorf("closed %t and %t; %v", of[0].closed, of[1].closed, find.errs)
	}
}

// script stands for a log of which a piece at a time is read.
type script struct {
	of     [][]incident.Exemplar
	end    error
	read   int
	closed bool
}

func (p *script) Next(context.Context) ([]incident.Exemplar, float64, error) {
	p.read++
	var err error
	if p.read == len(p.of) {
		err = p.end
	}
	return p.of[p.read-1], float64(p.read) / float64(len(p.of)), err
}

func (p *script) Where() string { return "access.log" }

func (p *script) Close() error {
	p.closed = true
	return nil
}

func TestLinesOfALongLogEnd(t *testing.T) {
	l := &logs{n: mostLines + 5000, piece: 40_000}
	s, cmd := opened(t, l)
	all(s, cmd)
	if got := frame(s); len(s.lines.log.all) != mostLines || !strings.Contains(got, "100,000 of access.log.1: the first; b or a shorter range shows others") {
		t.Errorf("%d lines:\n%s", len(s.lines.log.all), got)
	}
	if !l.closed {
		t.Error("the log is still open")
	}
}

// Who leaves the pane ends the reading, whatever is being read just then.
func TestLeavingEndsReading(t *testing.T) {
	for _, leave := range []string{"back", "phase", "group"} {
		l := &logs{n: 5000, piece: 10}
		s, cmd := opened(t, l)
		answers := tuitest.Answers(cmd) // the first piece is on its way
		act(s, leave)
		_, cmd = s.Update(answers[0])
		all(s, cmd)
		if !l.closed || l.at != 10 {
			t.Errorf("%s: closed is %t, %d lines were read", leave, l.closed, l.at)
		}
	}
}

func TestLogsThatCannotBeRead(t *testing.T) {
	gone := errors.New("the log is not there any more")
	s, cmd := opened(t, &logs{n: -1, fails: gone})
	all(s, cmd)
	if got := frame(s); !strings.Contains(got, "2 kept whole; /var/log/access.log: the log is not there any more") {
		t.Errorf("gone:\n%s", got)
	}
	if out := act(s, "kept"); len(out) != 1 {
		t.Errorf("t without a log: %v", out)
	}
	s, cmd = opened(t, &logs{n: 7, piece: 7, fails: errors.New("input/output error")})
	all(s, cmd)
	if got := frame(s); len(s.lines.at) != 7 || !strings.Contains(got, "7 of access.log.1") {
		t.Errorf("%d lines of a damaged log:\n%s", len(s.lines.at), got)
	}
}

// TestLinesNotUnderstood: those that no format understood have no time, so they are of the
// whole log, and of every log.
func TestLinesNotUnderstood(t *testing.T) {
	s, _ := opened(t, &logs{n: 1, piece: 1})
	w := s.linesWindow(row{unparsed: true})
	if all := s.View.Window; !w.From.Equal(all.From) || !w.To.After(all.To) {
		t.Errorf("%v of %v", w, all)
	}
	if got := s.linesWindow(row{}); got != s.table.query.window {
		t.Errorf("%v, the table counts %v", got, s.table.query.window)
	}
	r := row{unparsed: true, requests: 2}
	if got := strings.Join(r.cells(nil), " "); got != "2 - - - - -" || r.plain() != "2 lines that no format understood" {
		t.Errorf("what was not understood is told as %q and %q", got, r.plain())
	}
	logs := wanted(s.View, row{unparsed: true}, w)
	if len(logs) != 1 || !logs[0].Match(&incident.Exemplar{Kind: incident.Unparsed}) || logs[0].Match(&incident.Exemplar{Kind: incident.Sampled}) {
		t.Errorf("%+v", logs)
	}
	early := incident.Window{From: s.View.Window.From.Add(-time.Hour), To: s.View.Window.From.Add(-time.Minute)}
	if got := wanted(s.View, row{by: byUpstream, upstream: "x"}, early); len(got) != 0 {
		t.Errorf("logs without a line of the window are read: %+v", got)
	}
}
