// Package timeline is the screen of what happened when: lanes over one time
// axis, the list of moments, and under each the evidence that it rests on, with
// the place where it was read.
package timeline

import (
	"fmt"
	"sort"
	"strconv"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"

	"tripcurve/internal/export"
	"tripcurve/internal/incident"
	"tripcurve/internal/redact"
	"tripcurve/tui/behind"
	"tripcurve/tui/events"
	"tripcurve/tui/screen"
	"tripcurve/tui/text"
)

// Screen is the screen.
type Screen struct {
	screen.Common
	opt    Options
	events events.List      // the whole timeline but for phases, also what is hidden
	phases []incident.Entry // of the incident and of its remediation, in order
	shown  []int32          // the rows listed: of events, the complement of below 0 of phases
	sifted sifted
	hidden bool  // hidden moments are shown as well
	known  known // of moments and entries
	list   screen.List
	edit   editing
	cut    bool // the list had no room for the selected moment's text

	open     bool // the evidence has the focus
	evidence []fact
	of       string // the moment that evidence is of
	facts    screen.List
}

// fact is one piece of evidence, made ready to be shown.
type fact struct {
	id     incident.ID
	source string
	text   string
	quote  string // as collected, over several lines
}

// New is the screen before any data.
func New(opt Options) *Screen { return &Screen{opt: opt} }

func (s *Screen) Title() string { return "Timeline" }

// Actions move in the list and in time; both move the time cursor.
func (s *Screen) Actions() []screen.Action {
	return append([]screen.Action{
		{Name: "evidence", Keys: []string{"enter"}, Help: "what the selected moment rests on", Hint: "evidence"},
		{Name: "add", Keys: []string{"a"}, Arg: "TEXT", Help: "add an entry at the time cursor", Hint: "add"},
		{Name: "edit", Keys: []string{"i"}, Help: "edit the selected entry", Hint: "edit"},
		{Name: "comment", Keys: []string{"c"}, Help: "comment on it", Hint: "comment"},
		{Name: "hide", Keys: []string{"x"}, Help: "hide it, or show it again; it stays in the file", Hint: "hide"},
		{Name: "copy", Keys: []string{"y"}, Show: "y/Y", Help: "copy the moment as text or as Markdown", Hint: "copy"},
		{Name: "undo", Keys: []string{"z"}, Help: "undo the last change made here", Hint: "undo", Foot: "z/Z"},
		{Name: "redo", Keys: []string{"Z"}, Help: "do again what was undone"},
		{Name: "pin", Keys: []string{"P"}, Help: "pin it into the short export, or not"},
		{Name: "hidden", Keys: []string{"X"}, Help: "list what is hidden and the phases too, or not"},
	}, append(screen.Moves(), screen.TimeMoves()...)...)
}

// Depth is how many levels esc goes back here.
func (s *Screen) Depth() int {
	if s.open {
		return 1
	}
	return 0
}

func (s *Screen) Update(msg tea.Msg) (screen.Screen, tea.Cmd) {
	if s.Apply(msg) {
		switch msg.(type) {
		case screen.EvidenceMsg:
			was := s.chosen()
			s.events, s.phases = events.Of(s.Rows), nil
			if s.Rows != nil {
				s.phases = s.Rows.Phases
			}
			s.reload(was)
		case screen.FilterMsg:
			s.reload(s.chosen())
		case screen.CursorMsg:
			s.follow()
		}
		return s, nil
	}
	switch msg := msg.(type) {
	case screen.ActionMsg:
		return s, s.act(msg.Name, msg.Args)
	case tea.MouseClickMsg:
		if hit, again := s.list.Click(msg, len(s.shown)); hit && s.edit.form == nil {
			return s, s.clicked(again)
		}
	case keptMsg:
		return s, s.kept(msg)
	case readyMsg:
		if msg.err != nil && s.edit.form != nil && !s.edit.form.Dirty() {
			s.edit.form = nil
			return s, screen.Fail(msg.err)
		}
	case tea.KeyPressMsg, tea.PasteMsg:
		if s.edit.form != nil {
			return s, s.typed(msg)
		}
	}
	return s, nil
}

func (s *Screen) act(name, args string) tea.Cmd {
	if cmd, ok := s.changes(name, args); ok {
		return cmd
	}
	if s.open {
		if s.facts.Move(name, len(s.evidence), 5) {
			return nil
		}
	} else if s.list.Move(name, len(s.shown), 5) {
		s.resolve()
		if m := s.selected(); m != nil {
			return screen.MoveCursor(m.At)
		}
		return nil
	}
	if cmd, ok := s.MoveTime(name); ok {
		return cmd
	}
	switch name {
	case "evidence":
		e, _ := s.entry()
		if s.selected() != nil && len(s.evidence) == 0 && len(notes(e)) == 0 {
			return screen.Say("nothing is linked to this moment, and nobody wrote of it")
		}
		s.open = s.selected() != nil
	case "back":
		s.open = false
	case "hidden":
		s.hidden = !s.hidden
		s.reload(s.chosen())
		if s.hidden {
			return screen.Say("hidden entries are listed, without a letter, and the phases by their numbers")
		}
		return screen.Say("hidden entries and phases are left out")
	case "yank", "copy":
		return s.yank(false)
	case "yank-markdown":
		return s.yank(true)
	}
	return nil
}

// clicked goes to the moment that was clicked on, and at the second time to its evidence.
func (s *Screen) clicked(again bool) tea.Cmd {
	s.resolve()
	if again {
		return s.act("evidence", "")
	}
	return screen.MoveCursor(s.selected().At)
}

// follow selects the last moment that the time cursor has passed, unless the
// selected one is of that very instant.
func (s *Screen) follow() {
	if m := s.selected(); m == nil || m.At.Equal(s.Common.Cursor) || s.edit.form != nil {
		return
	}
	passed := sort.Search(len(s.shown), func(i int) bool { return s.begins(s.shown[i]).After(s.Common.Cursor) })
	s.list.At = max(0, passed-1)
	s.resolve()
}

func (s *Screen) selected() *events.Event {
	if s.list.At < len(s.shown) {
		m := s.event(s.shown[s.list.At])
		return &m
	}
	return nil
}

// resolve opens the evidence of the selected moment.
func (s *Screen) resolve() {
	m := s.selected()
	if m == nil {
		s.evidence, s.open, s.of = nil, false, ""
		return
	}
	if m.ID == s.of {
		return
	}
	s.of, s.evidence, s.facts, s.open = m.ID, nil, screen.List{}, false
	for _, id := range m.Support {
		f := fact{id: id, source: "not in this recording", text: redact.Line(string(id))}
		if s.View != nil {
			if got, ok := s.View.Get(id); ok {
				f.source, f.text, f.quote = export.Source(got.Source()), export.Describe(got), export.Quote(got)
			}
		}
		s.evidence = append(s.evidence, f)
	}
}

// Remember is whether hidden entries are shown.
func (s *Screen) Remember() map[string]string {
	return map[string]string{"hidden": strconv.FormatBool(s.hidden)}
}

// Recall shows them as Remember said.
func (s *Screen) Recall(choices map[string]string) tea.Cmd {
	s.hidden = choices["hidden"] == "true"
	s.reload(s.chosen())
	return nil
}

// Behind is what the selected moment rests on.
func (s *Screen) Behind() (title string, parts []screen.Part) {
	m := s.selected()
	if m == nil {
		return "", nil
	}
	e, _ := s.entry()
	for _, n := range notes(e) {
		parts = append(parts, screen.Part{Text: n})
	}
	if from := s.source(m); len(m.Support) == 0 && from != "" {
		parts = append(parts, screen.Part{Head: from, Text: "no fact is linked to it"})
	}
	return redact.Flat(m.Text), append(parts, behind.Facts(s.View, m.Support)...)
}

// source is where a moment was read.
func (s *Screen) source(m *events.Event) string {
	if m.SourceText != "" {
		return redact.Line(m.SourceText)
	}
	if s.View != nil {
		return export.Sources(m.Support, s.View.Get)
	}
	return ""
}

func (s *Screen) yank(markdown bool) tea.Cmd {
	m := s.selected()
	if m == nil {
		return screen.Say("nothing to copy")
	}
	r := redact.New(redact.Options{})
	what := redact.Flat(r.Text(m.Text))
	source := redact.Line(r.Text(s.source(m)))
	lasted := ""
	if !m.End.IsZero() {
		lasted = " (" + text.Dur(m.End.Sub(m.At)) + ")"
	}
	if markdown {
		return screen.Copy(fmt.Sprintf("| %s | %s%s | %s | %s |\n", clock(m, nil), redact.Markdown(what), lasted, redact.Markdown(source), redact.Markdown(m.Confidence)), "the moment, as a row of a table")
	}
	return screen.Copy(strings.TrimSpace(fmt.Sprintf("%s %s%s [%s]", clock(m, nil), what, lasted, source)), "the moment")
}

// clock is the moment's time in a zone, which is UTC where it is nil, no more exact than
// it is known.
func clock(m *events.Event, zone *time.Location) string {
	if m.Precision >= time.Minute {
		return text.In(m.At, zone, "15:04")
	}
	return text.ClockIn(m.At, zone)
}

var _ screen.Screen = (*Screen)(nil)
