// Package export is the screen that writes files: thresholds for the library
// that really runs, the timeline, the analysis and the plot. What a target
// cannot express is said first, what would change in a file that exists is shown
// as a diff, and a file appears whole or not at all.
package export

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"charm.land/bubbles/v2/textinput"
	"charm.land/bubbles/v2/viewport"
	tea "charm.land/bubbletea/v2"

	"tripcurve/internal/export/chosen"
	"tripcurve/internal/incident"
	"tripcurve/internal/policy"
	"tripcurve/internal/redact"
	"tripcurve/tui/grid"
	"tripcurve/tui/screen"
	"tripcurve/tui/text"
)

// Options of the screen.
type Options struct {
	Dir     string         // where files go; empty: ./ and the incident's name
	Edge    string         // whose thresholds are exported until another is chosen
	Edges   policy.Edges   // what is exported until a knob is turned: Proposal
	Now     policy.Edges   // as they were in the incident
	File    string         // what commands call the incident; empty: not known
	Targets []Target       // nil: Targets()
	Chosen  *chosen.Keeper // keeps whose thresholds were written; nil keeps nothing
}

// Screen is the screen.
type Screen struct {
	screen.Common
	opt     Options
	edge    string
	edges   policy.Edges
	turned  bool // the edge's policy was chosen on the Tune screen
	targets []Target
	chosen  map[string]bool // by Target.key
	list    screen.List

	gen     uint64 // of the preview asked for last
	preview preview
	view    viewport.Model
	text    uint64 // counts the texts that view was given
	lay     lay
	warned  int  // lines of warnings at the head of the preview
	diff    bool // the diff is shown where there is one

	confirm []string // files that exist and differ: the next enter replaces them

	dir    textinput.Model
	typing bool
}

// preview is what the focused target would write.
type preview struct {
	gen      uint64
	key      string
	name     string // of the file
	artifact Artifact
	existing bool   // a file is there
	diff     string // from it to this; empty when equal
	err      error
}

// wroteMsg is what became of a writing.
type wroteMsg struct {
	wrote      []string // files
	differs    []string // files that exist, differ, and were left alone
	thresholds bool     // some of those written hold thresholds
	err        error
	unkept     error // the thresholds written could not be kept as what is chosen
}

// New is the screen before any data.
func New(opt Options) *Screen {
	if opt.Targets == nil {
		opt.Targets = Targets()
	}
	s := &Screen{opt: opt, edge: opt.Edge, edges: opt.Edges, targets: opt.Targets, chosen: map[string]bool{}, diff: true}
	s.dir = textinput.New()
	s.dir.Prompt = ""
	s.dir.SetVirtualCursor(false)
	s.view = viewport.New()
	s.view.SoftWrap = true // what is shown here has hundreds of lines, not thousands
	return s
}

func (s *Screen) Title() string { return "Export" }

func (s *Screen) Actions() []screen.Action {
	moves := screen.Moves()
	for i := range moves {
		switch moves[i].Name {
		case "page-up":
			moves[i].Help = "preview one page up"
		case "page-down":
			moves[i].Help = "preview one page down"
		}
	}
	return append([]screen.Action{
		{Name: "write", Keys: []string{"enter"}, Help: "write the chosen targets, or the one under the cursor", Hint: "write"},
		{Name: "choose", Keys: []string{"space", "x"}, Show: "space", Help: "choose or leave this target", Hint: "choose"},
		{Name: "directory", Keys: []string{"t"}, Help: "change the directory", Hint: "directory"},
		{Name: "diff", Keys: []string{"d"}, Help: "diff against the file that is there, or the whole text", Hint: "diff"},
		{Name: "copy", Keys: []string{"y"}, Help: "copy the text", Hint: "copy"},
		{Name: "preview-up", Keys: []string{"ctrl+y"}, Help: "preview one line up"},
		{Name: "preview-down", Keys: []string{"ctrl+e"}, Help: "preview one line down"},
	}, moves...)
}

// Capturing is true while the directory is being typed.
func (s *Screen) Capturing() bool { return s.typing }

// Depth is how many levels esc goes back here: out of the question whether to
// replace files.
func (s *Screen) Depth() int { return min(1, len(s.confirm)) }

func (s *Screen) Update(msg tea.Msg) (screen.Screen, tea.Cmd) {
	switch msg := msg.(type) {
	case screen.ActionMsg:
		return s, s.act(msg.Name)
	case screen.EvidenceMsg:
		s.Apply(msg)
		return s, s.refresh()
	case screen.PolicyMsg:
		s.aim(msg)
		s.edge, s.edges, s.turned = msg.Edge, msg.Edges, msg.Turned
		if !msg.Turned {
			s.edges = s.opt.Edges
		}
		return s, s.refresh()
	case screen.SizeMsg:
		s.Apply(msg)
		s.fill()
	case preview:
		if msg.gen == s.gen {
			s.preview = msg
			s.fill()
		}
	case wroteMsg:
		return s, s.written(msg)
	case tea.KeyPressMsg, tea.PasteMsg:
		if s.typing {
			return s, s.typed(msg)
		}
	default:
		s.Apply(msg)
	}
	return s, nil
}

func (s *Screen) act(name string) tea.Cmd {
	if name != "write" && name != "back" {
		s.confirm = nil
	}
	switch name {
	case "write":
		return s.write()
	case "choose":
		if t := s.focused(); t != nil {
			s.chosen[t.key()] = !s.chosen[t.key()]
		}
	case "directory":
		s.typing = true
		s.dir.SetValue(s.directory())
		s.dir.CursorEnd()
		return s.dir.Focus()
	case "diff":
		switch p := s.preview; {
		case p.err == nil && !p.existing:
			return screen.Say("there is no such file yet: the whole text is shown")
		case p.err == nil && p.diff == "":
			return screen.Say("the file that is there is the same")
		}
		s.diff = !s.diff
		s.fill()
	case "copy", "yank", "yank-markdown":
		return s.copy()
	case "preview-up":
		s.view.ScrollUp(1)
	case "preview-down":
		s.view.ScrollDown(1)
	case "page-up":
		s.view.PageUp()
	case "page-down":
		s.view.PageDown()
	case "back":
		s.confirm = nil
	default:
		if s.list.Move(name, len(s.targets), 5) {
			return s.refresh()
		}
	}
	return nil
}

func (s *Screen) focused() *Target {
	if s.list.At < len(s.targets) {
		return &s.targets[s.list.At]
	}
	return nil
}

// state is what targets are made from.
func (s *Screen) state() State {
	return State{Name: s.Name, View: s.View, Analysis: s.Analysis, Edge: s.edge, Edges: s.edges, From: s.origin()}
}

// directory is where files go.
func (s *Screen) directory() string {
	if s.opt.Dir != "" {
		return s.opt.Dir
	}
	return "." + string(filepath.Separator) + fileName(s.Name)
}

// fileName is a name that any file system takes.
func fileName(name string) string {
	safe := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '-', r == '_', r == '.':
			return r
		}
		return '-'
	}, name)
	if safe = strings.Trim(safe, ".-"); safe == "" {
		return "incident"
	}
	return safe
}

// refresh makes the focused target's preview, away from the event loop: it may
// draw a plot and reads the file that is there.
func (s *Screen) refresh() tea.Cmd {
	t := s.focused()
	if t == nil {
		return nil
	}
	s.gen++
	gen, target, state, dir := s.gen, *t, s.state(), s.directory()
	return func() tea.Msg {
		p := look(target, state, dir)
		p.gen = gen
		return p
	}
}

// fit gives the preview the size it has on the screen.
func (s *Screen) fit() {
	r := s.layout(s.W, s.H).preview
	s.view.SetWidth(max(0, r.w))
	s.view.SetHeight(max(0, r.h))
}

// fill puts the text into the viewport, below what the target cannot express.
func (s *Screen) fill() {
	s.fit()
	var lines []string
	if t := s.focused(); t != nil && t.Group == groupThresholds {
		lines = slices.AppendSeq(lines, grid.WrapSeq(redact.Line(s.origin()), max(10, s.view.Width())))
	}
	for _, w := range s.preview.artifact.Warnings {
		mark := "! "
		for line := range grid.WrapSeq(redact.Flat(w), max(10, s.view.Width()-2)) {
			lines = append(lines, mark+line)
			mark = "  "
		}
	}
	s.warned = len(lines)
	if len(lines) > 0 {
		lines = append(lines, "")
	}
	s.text++
	s.view.SetContent(strings.Join(append(lines, redact.Lines(s.previewText())), "\n"))
	s.view.GotoTop()
}

func (s *Screen) previewText() string {
	switch p := s.preview; {
	case p.err != nil:
		return p.err.Error()
	case s.diff && p.existing && p.diff != "":
		return p.diff
	default:
		return p.artifact.Text
	}
}

// write writes the chosen targets, or the focused one when none is chosen. Files
// that exist and differ are asked about first.
func (s *Screen) write() tea.Cmd {
	var list []Target
	for _, t := range s.targets {
		if s.chosen[t.key()] {
			list = append(list, t)
		}
	}
	if t := s.focused(); list == nil && t != nil {
		list = []Target{*t}
	}
	force := len(s.confirm) > 0
	s.confirm = nil
	state, dir, keeper, name := s.state(), s.directory(), s.opt.Chosen, s.Title()
	return tea.Batch(
		func() tea.Msg { return screen.BusyMsg{What: "writing", Part: 0} },
		func() tea.Msg {
			msg := writeAll(list, state, dir, force)
			if msg.thresholds {
				keeper.Put(state.Edge, name, state.Edges)
				msg.unkept = keeper.Flush()
			}
			return msg
		},
	)
}

func (s *Screen) written(msg wroteMsg) tea.Cmd {
	s.confirm = msg.differs
	cmds := []tea.Cmd{func() tea.Msg { return screen.BusyMsg{} }, s.refresh()}
	if msg.err != nil {
		return tea.Batch(append(cmds, screen.Fail(msg.err))...)
	}
	if msg.unkept != nil {
		return tea.Batch(append(cmds, screen.Fail(fmt.Errorf("%s; %w", said(msg), msg.unkept)))...)
	}
	return tea.Batch(append(cmds, screen.Say(said(msg)))...)
}

// said is what a writing did, in one line.
func said(msg wroteMsg) string {
	var parts []string
	switch n := len(msg.wrote); n {
	case 0:
	case 1:
		parts = append(parts, "wrote "+msg.wrote[0])
	default:
		parts = append(parts, "wrote "+text.Plural(n, "file"))
	}
	switch n := len(msg.differs); n {
	case 0:
	case 1:
		parts = append(parts, filepath.Base(msg.differs[0])+" is there and differs: enter again replaces it")
	default:
		parts = append(parts, text.Plural(n, "file")+" are there and differ: enter again replaces them")
	}
	return strings.Join(parts, "; ")
}

// copy puts the text of the focused target on the clipboard.
func (s *Screen) copy() tea.Cmd {
	t := s.focused()
	if t == nil || s.preview.err != nil || s.preview.artifact.Text == "" {
		return screen.Say("nothing to copy")
	}
	if s.preview.artifact.Binary {
		return screen.Say("a picture cannot be copied as text: enter writes it")
	}
	return screen.Copy(s.preview.artifact.Text, t.Name+", "+text.Plural(strings.Count(s.preview.artifact.Text, "\n"), "line"))
}

func (s *Screen) typed(msg tea.Msg) (cmd tea.Cmd) {
	if key, ok := msg.(tea.KeyPressMsg); ok {
		switch key.String() {
		case "esc":
			s.typing = false
			return nil
		case "enter":
			s.typing = false
			s.opt.Dir = strings.TrimSpace(s.dir.Value())
			return s.refresh()
		}
	}
	s.dir, cmd = s.dir.Update(msg)
	return cmd
}

// State is what a target is made from.
type State struct {
	Name     string
	View     *incident.View // nil before the first evidence
	Analysis incident.Analysis
	Edge     string
	Edges    policy.Edges
	From     string    // whose values the edges are
	At       time.Time // stated as the time of making; zero: not stated
}

var _ interface {
	screen.Screen
	screen.Capturer
	screen.Cursorer
} = (*Screen)(nil)
