package gateway

import (
	"context"
	"errors"
	"io"
	"time"

	tea "charm.land/bubbletea/v2"

	"tripcurve/internal/incident"
	"tripcurve/internal/redact"
)

// search reads the lines of several logs together, in the order in which they were
// written. One command at a time has it.
type search struct {
	ctx   context.Context // of the pane
	open  func(context.Context, incident.LinesWanted) (incident.LineReader, error)
	plan  func() []incident.LinesWanted // nil once the logs are open
	logs  []*openLog
	where []string
	errs  []error
}

// openLog is one of the logs of a search.
type openLog struct {
	reader incident.LineReader // nil once it was read to its end
	lines  []incident.Exemplar // read, not handed out: others may have earlier ones
	part   float64             // of it that was looked through, 0..1
}

// step reads the next piece.
func (s *search) step(id uint64) tea.Cmd {
	return func() tea.Msg {
		s.begin()
		m := foundMsg{id: id, s: s, done: true}
		for _, l := range s.logs {
			if l.reader != nil && len(l.lines) == 0 {
				s.read(l)
			}
		}
		m.lines = s.inOrder()
		for _, l := range s.logs {
			m.part += l.part / float64(len(s.logs))
			m.done = m.done && l.reader == nil
		}
		return m
	}
}

// begin opens the logs, once.
func (s *search) begin() {
	if s.plan == nil {
		return
	}
	wanted := s.plan()
	s.plan = nil
	if len(wanted) == 0 {
		s.errs = append(s.errs, errNoLog)
	}
	for _, w := range wanted {
		if s.ctx.Err() != nil {
			return
		}
		r, err := s.open(s.ctx, w)
		if err != nil {
			s.errs = append(s.errs, err)
			continue
		}
		s.logs, s.where = append(s.logs, &openLog{reader: r}), append(s.where, r.Where())
	}
}

// read reads a piece of one log, hides its credentials, and gives the log back at its
// end.
func (s *search) read(l *openLog) {
	lines, part, err := l.reader.Next(s.ctx)
	for i := range lines {
		lines[i].Raw = redact.MaskSecrets(lines[i].Raw)
	}
	l.lines, l.part = lines, part
	if err == nil {
		return
	}
	if !errors.Is(err, io.EOF) {
		s.errs = append(s.errs, err)
	}
	l.close()
}

// inOrder takes the lines before which no other can come any more, in the order in which
// they were written; those of one instant in the order of their logs.
func (s *search) inOrder() (out []incident.Exemplar) {
	for {
		var next *openLog
		for _, l := range s.logs {
			if len(l.lines) == 0 {
				if l.reader != nil {
					return out // what it has next is not known yet
				}
				continue
			}
			if next == nil || written(&l.lines[0]).Before(written(&next.lines[0])) {
				next = l
			}
		}
		if next == nil {
			return out
		}
		out = append(out, next.lines[0])
		next.lines = next.lines[1:]
	}
}

// written is when a line was written, at the end of its request; the zero time where
// nobody knows, which is right behind the line before it in its log.
func written(x *incident.Exemplar) time.Time {
	if x.End.IsZero() {
		return x.Start
	}
	return x.End
}

func (s *search) close() {
	for _, l := range s.logs {
		l.close()
	}
}

func (l *openLog) close() {
	if l.reader != nil {
		_ = l.reader.Close() // it was only read
		l.reader, l.part = nil, 1
	}
}
