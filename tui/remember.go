package tui

import (
	"maps"
	"slices"
	"time"

	tea "charm.land/bubbletea/v2"

	"tripcurve/internal/incident"
	"tripcurve/tui/screen"
	"tripcurve/tui/session"
	"tripcurve/tui/text"
)

// saveAfter is how long after a key where somebody is, is written down: kill -9 loses no
// more than that.
const saveAfter = 2 * time.Second

// saveMsg says that it is time to write down where somebody is.
type saveMsg struct{}

// savedMsg is what became of that.
type savedMsg struct{ err error }

// restMsg says that nothing may have happened since that was written.
type restMsg struct{}

// keepSoon sees to it that where somebody is gets written down.
func (r *Root) keepSoon() tea.Cmd {
	if r.opts.Session == nil || r.saving || !r.loaded {
		return nil
	}
	r.saving = true
	return after(saveAfter, func(time.Time) tea.Msg { return saveMsg{} })
}

// keepNow hands over where somebody is, to be written away from the event loop.
func (r *Root) keepNow() tea.Cmd {
	r.saving = false
	k := r.opts.Session
	k.Put(r.state())
	return func() tea.Msg { return savedMsg{k.Flush()} }
}

// saved says once that nothing is kept, not after every key.
func (r *Root) saved(msg savedMsg) tea.Cmd {
	if msg.err != nil && !r.unkept {
		r.status = screen.StatusMsg{Text: msg.err.Error(), Bad: true}
	}
	r.unkept = msg.err != nil
	return after(settle, func(time.Time) tea.Msg { return restMsg{} })
}

// rest has Options.Rest called, unless a key came meanwhile.
func (r *Root) rest() tea.Cmd {
	rest := r.opts.Rest
	if r.saving || rest == nil {
		return nil
	}
	return func() tea.Msg {
		rest()
		return nil
	}
}

// state is where somebody is.
func (r *Root) state() session.State {
	s := session.State{
		Screen: r.screens[r.at].Title(), Cursor: r.common.Cursor, Full: r.common.Full, Zone: nameOf(r.common.Zone),
		Filters: map[string]string{}, Marks: map[string]time.Time{}, Choices: map[string]map[string]string{},
	}
	if r.common.Range != r.whole {
		s.From, s.To = r.common.Range.From, r.common.Range.To
	}
	for i, f := range r.filters {
		if f.Active() {
			s.Filters[r.screens[i].Title()] = f.Text
		}
	}
	for _, m := range r.common.Marks {
		s.Marks[string(m.Key)] = m.At
	}
	for i, choices := range r.choices() {
		if choices != nil {
			s.Choices[r.screens[i].Title()] = choices
		}
	}
	return s
}

// choices are the screens' own, one of each; nil where a screen keeps none.
func (r *Root) choices() []map[string]string {
	all := make([]map[string]string, len(r.screens))
	for i, sc := range r.screens {
		if m, ok := sc.(screen.Rememberer); ok {
			all[i] = m.Remember()
		}
	}
	return all
}

// choose gives the screens choices, where they are others than they have.
func (r *Root) choose(all []map[string]string) tea.Cmd {
	var cmds []tea.Cmd
	for i, choices := range all {
		if m, ok := r.screens[i].(screen.Rememberer); ok && !maps.Equal(m.Remember(), choices) {
			cmds = append(cmds, m.Recall(choices))
		}
	}
	return tea.Batch(cmds...)
}

// restore goes to where somebody was when they left. What does not fit any more is left
// out: the file may have been written by another version, or by hand.
func (r *Root) restore() tea.Cmd {
	if r.opts.Session == nil {
		return nil
	}
	s := r.opts.Session.State
	if s.Saved.IsZero() {
		return nil
	}
	var cmds []tea.Cmd
	do := func(c tea.Cmd) { cmds = append(cmds, c) }
	var marks []screen.Mark
	for key, at := range s.Marks {
		if k := []rune(key); len(k) == 1 && markKey(key) {
			marks = append(marks, screen.Mark{Key: k[0], At: at})
		}
	}
	if s.Zone != "" {
		do(restoreZone(s.Zone))
	}
	slices.SortFunc(marks, func(a, b screen.Mark) int { return int(a.Key - b.Key) })
	do(r.setMarks(marks))
	for i, sc := range r.screens {
		if text := s.Filters[sc.Title()]; text != "" {
			if f, err := screen.ParseFilter(text); err == nil {
				r.filters[i] = f
				do(r.tellOne(i, screen.FilterMsg{Filter: f}))
			}
		}
		if m, ok := sc.(screen.Rememberer); ok && s.Choices[sc.Title()] != nil {
			do(m.Recall(s.Choices[sc.Title()]))
		}
	}
	if w := (incident.Window{From: s.From, To: s.To}); w.Length() > 0 && w.Meet(r.common.View.Window).Length() > 0 {
		do(r.setRange(w))
	}
	if all := r.common.View.Window; !r.common.Live && !s.Cursor.Before(all.From) && !s.Cursor.After(all.To) {
		do(r.moveCursor(s.Cursor))
	}
	if i := r.screenNamed(s.Screen); i >= 0 && len(r.visits) == 1 { // else they are somewhere already
		do(r.visit(i))
	}
	if s.Full && !r.common.Full {
		do(r.act(screen.Action{Name: "full"}, false, ""))
	}
	if r.status.Text == "" || r.status.Text == r.opts.Note {
		r.status = screen.StatusMsg{Text: "restored session from " + text.In(s.Saved, nil, time.DateTime) + "; ctrl+r resets"}
	}
	return tea.Batch(cmds...)
}

// reset begins as if nobody had been here.
func (r *Root) reset() tea.Cmd {
	if r.common.View == nil {
		return screen.Say("there is nothing to reset yet")
	}
	r.remember()
	r.past[len(r.past)-1].choices = r.choices()
	cmds := []tea.Cmd{r.choose(r.chosen)}
	for i := range r.screens {
		if r.filters[i].Active() {
			r.filters[i] = screen.Filter{}
			cmds = append(cmds, r.tellOne(i, screen.FilterMsg{}))
		}
	}
	cmds = append(cmds, r.setMarks(nil), r.setRange(r.whole), r.setZone(nil))
	if !r.common.Live {
		cmds = append(cmds, r.moveCursor(peak(r.common.View, r.whole)))
	}
	if r.common.Full {
		cmds = append(cmds, r.act(screen.Action{Name: "full"}, false, ""))
	}
	return tea.Batch(append(cmds, r.visit(0), screen.Say("reset: no filters, no marks, the whole incident, UTC, every screen's choices as at first; z takes it back"))...)
}

// snapshot is what undo goes back to.
type snapshot struct {
	filters []screen.Filter
	marks   []screen.Mark
	window  incident.Window
	zone    *time.Location
	choices []map[string]string // of the screens; nil: they were left as they are
}

// history is what undo, redo and reset go back to.
type history struct {
	past, undone []snapshot
	chosen       []map[string]string // what each screen chooses by itself
}

// undoSteps bounds how far back undo goes.
const undoSteps = 100

func (r *Root) snapshot() snapshot {
	return snapshot{filters: slices.Clone(r.filters), marks: r.common.Marks, window: r.common.Range, zone: r.common.Zone}
}

// remember notes what is about to be changed.
func (r *Root) remember() {
	r.undone = nil
	if r.past = append(r.past, r.snapshot()); len(r.past) > undoSteps {
		r.past = r.past[1:]
	}
}

// undo takes the last change of filters, marks, zoom or zone back.
func (r *Root) undo() tea.Cmd { return r.swap(&r.past, &r.undone, "nothing to undo here") }

// redo does it again.
func (r *Root) redo() tea.Cmd { return r.swap(&r.undone, &r.past, "nothing to redo here") }

func (r *Root) swap(from, to *[]snapshot, none string) tea.Cmd {
	n := len(*from)
	if n == 0 {
		return screen.Say(none)
	}
	s := (*from)[n-1]
	*from = (*from)[:n-1]
	back := r.snapshot()
	cmds := []tea.Cmd{r.setMarks(s.marks), r.setRange(s.window), r.setZone(s.zone)}
	if s.choices != nil {
		back.choices = r.choices()
		cmds = append(cmds, r.choose(s.choices))
	}
	*to = append(*to, back)
	for i, f := range s.filters {
		if r.filters[i].Text != f.Text {
			r.filters[i] = f
			cmds = append(cmds, r.tellOne(i, screen.FilterMsg{Filter: f}))
		}
	}
	return tea.Batch(cmds...)
}
