package timeline

import (
	"fmt"
	"slices"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"

	"tripcurve/internal/incident"
	"tripcurve/internal/redact"
	"tripcurve/tui/form"
	"tripcurve/tui/screen"
	"tripcurve/tui/text"
)

// editing is what a person is doing to the timeline.
type editing struct {
	form *form.Form     // nil: nothing is being typed
	verb string         // "add", "edit", "comment"
	of   incident.Entry // as it was; the zero Entry for a new one

	busy   bool                 // a change is on its way into the file
	change int                  // changes made here and not undone: undo goes no further back
	undone [][]incident.Written // what redo writes again, the last first
	want   string               // the entry to select once it is there
}

// keptMsg is what became of a change.
type keptMsg struct {
	verb   string
	said   string // of which entry
	want   string
	all    *incident.Writings
	undone []incident.Written
	err    error
}

// readyMsg says whether changes can be kept.
type readyMsg struct{ err error }

// Capturing is true while something is being typed.
func (s *Screen) Capturing() bool { return s.edit.form != nil }

// Cursor is where the terminal's cursor stands in what is being typed.
func (s *Screen) Cursor() (x, y int, shown bool) {
	if s.edit.form == nil {
		return 0, 0, false
	}
	return s.edit.form.Cursor()
}

// change does an action that changes the timeline; the second result is false for any
// other.
func (s *Screen) changes(name, args string) (tea.Cmd, bool) {
	switch name {
	case "add", "edit", "hide", "comment", "pin", "undo", "redo":
	default:
		return nil, false
	}
	if s.View == nil {
		return screen.Say("there is no incident yet"), true
	}
	if s.opt.Keep == nil {
		return screen.Fail(s.opt.refusal()), true
	}
	if s.edit.busy {
		return screen.Say("the change before is still being kept"), true
	}
	if name == "undo" || name == "redo" {
		return s.again(name), true
	}
	e, known := s.entry()
	if name != "add" && !known {
		return screen.Say("nothing is selected"), true
	}
	switch name {
	case "add":
		return s.openForm("add", s.blank(args)), true
	case "edit", "comment":
		return s.openForm(name, e), true
	case "hide":
		e.Hidden = !e.Hidden
		if !e.Hidden {
			name = "show"
		}
	case "pin":
		if e.Pinned = !e.Pinned; !e.Pinned {
			name = "unpin"
		}
	}
	return s.keep(name, e), true
}

// entry is the selected moment with all that is known and written of it.
func (s *Screen) entry() (incident.Entry, bool) {
	if s.list.At >= len(s.shown) {
		return incident.Entry{}, false
	}
	n := s.shown[s.list.At]
	if n < 0 {
		return s.phases[^n], true
	}
	return s.events.Entry(int(n)), true
}

// newest is how near the end of live evidence the time cursor is when people mean now.
const newest = 15 * time.Second

// blank is a new entry at the time cursor, or now where there is no evidence yet or the
// cursor goes along with what comes in.
func (s *Screen) blank(what string) incident.Entry {
	at := s.Common.Cursor
	if s.View.Window.Length() == 0 || s.Live && !s.Now.IsZero() && s.View.Window.To.Sub(at) < newest {
		at = s.Now
	}
	return incident.Entry{
		Start: at.UTC().Truncate(time.Second), Kind: incident.KObservation, Text: what, Actor: s.opt.role(),
		Lane: "people", Confidence: "stated", Source: incident.EntrySource{Name: "people"},
	}
}

// ends of ranges of words, for the choices of the form.
var (
	kinds      = words(incident.KPhase)
	marks      = words(incident.PhaseFollowUp)
	certain    = []string{"stated", "measured", "derived", "assumed"}
	formLanes  = append(slices.Clone(laneOrder), phasesLane)
	yesAndNo   = []string{"no", "yes"}
	timesHint  = "14:31Z or 14:31:07Z"
	endsHint   = "empty: a point; open: goes on"
	secretHint = "one fact, no judgement"
)

func words[T interface {
	~uint8
	fmt.Stringer
}](last T) (list []string) {
	for v := range int(last) + 1 {
		list = append(list, T(v).String())
	}
	return list
}

// shownTime is an instant as the form shows it: a time of day where that is enough.
func (s *Screen) shownTime(t time.Time, precision time.Duration) string {
	if t.IsZero() {
		return ""
	}
	layout := "15:04:05.999999999Z"
	if precision >= time.Minute {
		layout = "15:04Z"
	}
	short := t.UTC().Format(layout)
	if again, _, err := incident.ParseEntryTime(short, s.around()); err == nil && again.Equal(t) {
		return short
	}
	return t.UTC().Format(time.RFC3339Nano)
}

// around is an instant such that a time of day is that of the incident; where there is
// no evidence yet the last such one is meant.
func (s *Screen) around() time.Time {
	if s.View.Window.Length() == 0 && !s.Now.IsZero() {
		return s.Now.Add(time.Hour) // clocks differ, and some entries are of what comes next
	}
	return incident.Around(s.View, s.Analysis)
}

// openForm asks for what is to be written, and meanwhile whether it can be.
func (s *Screen) openForm(verb string, e incident.Entry) tea.Cmd {
	end := s.shownTime(e.End, e.Precision)
	if e.Open {
		end = "open"
	}
	title := redact.Flat(e.Text)
	switch verb {
	case "comment":
		s.edit.form = form.New("comment on: "+title, form.Field{Name: "comment", Label: "comment", Hint: "with your role and the time in the file"})
	default:
		if verb == "add" {
			title = "a new entry"
		}
		pinned := yesAndNo[0]
		if e.Pinned {
			pinned = yesAndNo[1]
		}
		s.edit.form = form.New(verb+": "+title,
			form.Field{Name: "start", Label: "when", Value: s.shownTime(e.Start, e.Precision), Hint: timesHint},
			form.Field{Name: "end", Label: "until", Value: end, Hint: endsHint},
			form.Field{Name: "text", Label: "what", Value: redact.Flat(e.Text), Hint: secretHint},
			form.Field{Name: "kind", Label: "kind", Value: e.Kind.String(), Choices: kinds},
			form.Field{Name: "phase", Label: "marks", Value: e.Phase.String(), Choices: marks, Hint: "what it is in the course of the incident"},
			form.Field{Name: "lane", Label: "lane", Value: e.Lane, Choices: formLanes},
			form.Field{Name: "system", Label: "system", Value: redact.Line(e.System), Hint: "service, table or endpoint"},
			form.Field{Name: "actor", Label: "who", Value: redact.Line(e.Actor), Hint: "a role, no name"},
			form.Field{Name: "confidence", Label: "known by", Value: e.Confidence, Choices: certain},
			form.Field{Name: "pinned", Label: "pinned", Value: pinned, Choices: yesAndNo, Hint: "into the short export"},
		)
		s.edit.form.Focus("text")
	}
	s.edit.verb, s.edit.of = verb, e
	ready := s.opt.Keep.Ready
	return func() tea.Msg { return readyMsg{ready()} }
}

// typed is a key or a paste while a form is open.
func (s *Screen) typed(msg tea.Msg) tea.Cmd {
	event, cmd := s.edit.form.Update(msg)
	switch event {
	case form.Left:
		s.edit.form = nil
	case form.Taken:
		return s.take()
	case form.None:
	}
	return cmd
}

// take keeps what the form says, or says in it what is wrong.
func (s *Screen) take() tea.Cmd {
	f, e, verb := s.edit.form, s.edit.of, s.edit.verb
	if verb == "comment" {
		note := f.Value("comment")
		if note == "" {
			f.Refuse("comment", "the comment is empty")
			return nil
		}
		// The time is set where clocks may be read.
		e.Comments = append(slices.Clone(e.Comments), incident.Comment{Role: s.opt.role(), Text: note})
		f.Wait()
		return s.keep(verb, e)
	}
	if verb == "edit" && !f.Dirty() {
		f.Refuse("", "nothing is changed")
		return nil
	}
	if field, err := s.fill(&e); err != nil {
		f.Refuse(field, err.Error())
		return nil
	}
	if verb == "add" {
		e.ID = incident.EntryID("people", e.Get("start")+" "+e.Text)
		if s.events.Has(e.ID) {
			f.Refuse("text", "the timeline has this entry already")
			return nil
		}
	}
	f.Wait()
	return s.keep(verb, e)
}

// fill makes e what the form says; field names where it is wrong.
func (s *Screen) fill(e *incident.Entry) (field string, err error) {
	f := s.edit.form
	added := s.edit.verb == "add"
	if added || f.Changed("start") {
		e.Clock.Original = f.Value("start")
		if e.Start, e.Precision, err = incident.ParseEntryTime(f.Value("start"), s.around()); err != nil {
			return "start", err
		}
	}
	if f.Changed("end") {
		end := f.Value("end")
		if end != "" && end != "open" {
			t, precision, err := incident.ParseEntryTime(end, s.around())
			if err != nil {
				return "end", err
			}
			end, e.Precision = t.Format(time.RFC3339Nano), max(e.Precision, precision)
		}
		if err := e.Set("end", end); err != nil {
			return "end", err
		}
	}
	for _, name := range []string{"text", "kind", "phase", "lane", "system", "actor", "confidence"} {
		if !f.Changed(name) && !added {
			continue
		}
		if err := e.Set(name, f.Value(name)); err != nil {
			return name, fmt.Errorf("%s", strings.TrimPrefix(err.Error(), name+": "))
		}
	}
	e.Pinned = f.Value("pinned") == yesAndNo[1]
	if e.Kind == incident.KPhase && e.Lane == "people" {
		e.Lane = phasesLane
	}
	if err := e.Check(); err != nil {
		return "end", err
	}
	return "", nil
}

// keep writes an entry as it is to be from now on.
func (s *Screen) keep(verb string, e incident.Entry) tea.Cmd {
	var w incident.Written
	derived := incident.Timeline(s.View, s.Analysis, nil)
	if i := slices.IndexFunc(derived, func(d incident.Entry) bool { return d.ID == e.ID }); i >= 0 {
		w = incident.Rewrite(&derived[i], e)
	} else {
		w = incident.Rewrite(nil, e)
	}
	s.edit.busy = true
	keep, role, said := s.opt.Keep, s.opt.role(), s.shownTime(e.Start, e.Precision)+" "+redact.Flat(e.Text)
	return func() tea.Msg {
		if n := len(w.Comments); verb == "comment" && n > 0 {
			w.Comments[n-1].At = time.Now().UTC().Truncate(time.Second)
		}
		all, err := keep.Write(role, auditWord(verb), w)
		return keptMsg{verb: verb, said: said, want: e.ID, all: all, err: err}
	}
}

// auditWord is the verb as the command `timeline` writes it.
func auditWord(verb string) string {
	if verb == "pin" || verb == "unpin" {
		return "edit"
	}
	return verb
}

// again takes the last change that was made here back, or does it again.
func (s *Screen) again(name string) tea.Cmd {
	keep, role := s.opt.Keep, s.opt.role()
	if name == "undo" {
		if s.edit.change == 0 {
			return screen.Say("nothing was changed here; `tripcurve timeline undo FILE` takes back what was changed before")
		}
		s.edit.busy = true
		return func() tea.Msg {
			undone, all, err := keep.Undo(role)
			return keptMsg{verb: name, all: all, undone: undone, err: err}
		}
	}
	n := len(s.edit.undone)
	if n == 0 {
		return screen.Say("nothing was undone here")
	}
	s.edit.busy = true
	again := s.edit.undone[n-1]
	return func() tea.Msg {
		all, err := keep.Write(role, name, again...)
		return keptMsg{verb: name, all: all, err: err}
	}
}

// pasts are how a change is told of.
var pasts = map[string]string{
	"add": "added", "edit": "changed", "comment": "commented", "hide": "hidden", "show": "shown again",
	"pin": "pinned", "unpin": "not pinned any more", "undo": "undone; Z does it again", "redo": "done again",
}

// kept takes in what became of a change. One that could not be kept leaves the form
// open, with all that was typed.
func (s *Screen) kept(msg keptMsg) tea.Cmd {
	s.edit.busy = false
	if msg.err != nil {
		if s.edit.form != nil {
			s.edit.form.Refuse("", redact.Flat(msg.err.Error()))
			return nil
		}
		return screen.Fail(msg.err)
	}
	s.edit.form = nil
	switch msg.verb {
	case "undo":
		s.edit.change--
		s.edit.undone = append(s.edit.undone, msg.undone)
	case "redo":
		s.edit.change++
		s.edit.undone = s.edit.undone[:max(0, len(s.edit.undone)-1)]
	default:
		s.edit.change++
		s.edit.undone = nil
		s.edit.want = msg.want
	}
	said := pasts[msg.verb]
	if msg.said != "" {
		said += ": " + msg.said + "; z takes it back"
	}
	written := msg.all
	return tea.Batch(func() tea.Msg { return screen.WrittenMsg{Written: written} }, screen.Say(said))
}

// notes are what people wrote of an entry beside its text, a line each.
func notes(e incident.Entry) (lines []string) {
	var words []string
	theirs := !e.Derived || e.Edited // of what the evidence says the list says enough
	for _, w := range []struct {
		is   bool
		word string
	}{
		{theirs && e.Actor != "", "by " + redact.Line(e.Actor)},
		{theirs && e.Kind != incident.KObservation && e.Kind != incident.KDerived, e.Kind.String()},
		{theirs && e.Phase != incident.NoPhase, "marks " + e.Phase.String()},
		{!e.Derived && e.System != "", redact.Line(e.System)},
		{e.Edited, "edited"},
		{e.Pinned, "pinned"},
		{e.Hidden, "hidden"},
	} {
		if w.is {
			words = append(words, w.word)
		}
	}
	if len(words) > 0 {
		lines = append(lines, strings.Join(words, ", "))
	}
	for _, c := range e.Comments {
		lines = append(lines, text.Clock(c.At)+" "+redact.Line(c.Role)+": "+redact.Flat(c.Text))
	}
	return lines
}
