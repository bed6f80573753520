// Package tune is the screen on which the breaker's and the call's knobs are
// turned against a simulation of the pipeline that failed: one edge at a time,
// every move simulated at once, what was against what would have been.
package tune

import (
	"context"
	"fmt"
	"slices"
	"time"

	"charm.land/bubbles/v2/textinput"
	tea "charm.land/bubbletea/v2"

	"tripcurve/internal/export/chosen"
	"tripcurve/internal/incident"
	"tripcurve/internal/policy"
	"tripcurve/internal/redact"
	"tripcurve/sim"
	"tripcurve/tui/chart"
	"tripcurve/tui/screen"
	"tripcurve/tui/widget"
)

// Run makes one simulation. It ends early, with ctx's error, when ctx ends.
type Run func(ctx context.Context, s sim.Scenario) (*sim.Result, error)

// Options of the screen.
type Options struct {
	Context  context.Context // ends the simulations; nil is context.Background()
	Scenario sim.Scenario    // what was: its Edges are the policies of "now"
	Run      Run
	Sweep    Sweep          // searches settings; nil cannot
	Edge     string         // chosen at first; empty: order.inventory, or the first there is
	Seeds    int            // how many runs the spread comes from; 0 is 5
	Chosen   *chosen.Keeper // keeps what is chosen here; nil keeps nothing
}

// Screen is the screen.
type Screen struct {
	screen.Common
	opt   Options
	names []string // of the edges
	edge  int
	edges policy.Edges // "this"; never changed in place, for undo shares it
	rows  []row
	list  screen.List // over rows
	knobs knobTexts
	table tableTexts

	input  textinput.Model
	typing bool
	fresh  bool // nothing was typed yet: the first letter takes the old value's place
	inputX int  // where the input is drawn, in how many columns
	inputW int

	undo, redo []past

	intents map[string]intent // by edge
	unfold  bool              // what a library could not keep is shown in full
	unkept  bool              // that the choice could not be kept has been said

	visited bool
	picture picture

	runs   runs
	sweeps sweeps
	trips  trips
	shared shared
	cache  chart.Cache
}

// past is one state to go back to.
type past struct {
	edge  int
	edges policy.Edges
}

// undoSteps bounds how far back undo goes.
const undoSteps = 500

// New is the screen before any simulation.
func New(opt Options) *Screen {
	if opt.Context == nil {
		opt.Context = context.Background()
	}
	if opt.Seeds == 0 {
		opt.Seeds = 5
	}
	if opt.Edge == "" {
		opt.Edge = "order.inventory"
	}
	s := &Screen{opt: opt, edges: opt.Scenario.Edges, names: opt.Scenario.Edges.Names(), intents: map[string]intent{}}
	s.trips.ctx = opt.Context
	s.edge = max(0, slices.Index(s.names, opt.Edge))
	s.input = textinput.New()
	s.input.Prompt = ""
	s.input.CharLimit = 40
	s.input.SetVirtualCursor(false)
	s.runs = newRuns(opt)
	s.relist()
	s.list.At = min(2, len(s.rows)-1) // the library, below the edge and the group's head
	return s
}

func (s *Screen) Title() string { return "Tune" }

// Actions are what can be done here. h and l turn the knob, so the time cursor
// is moved from the other screens.
func (s *Screen) Actions() []screen.Action {
	return append([]screen.Action{
		{Name: "less", Keys: []string{"h", "left"}, Show: "h/left", Help: "turn the knob down", Hint: "turn", Foot: "h/l"},
		{Name: "more", Keys: []string{"l", "right"}, Show: "l/right", Help: "turn the knob up"},
		{Name: "less-far", Keys: []string{"H", "shift+left"}, Show: "H", Help: "turn it ten steps down", Hint: "x10", Foot: "H/L"},
		{Name: "more-far", Keys: []string{"L", "shift+right"}, Show: "L", Help: "turn it ten steps up"},
		{Name: "reset", Keys: []string{"0"}, Help: "this knob as it was", Hint: "reset"},
		{Name: "reset-all", Keys: []string{"R"}, Help: "all knobs of all edges as they were"},
		{Name: "type", Keys: []string{"enter"}, Help: "type a value", Hint: "type"},
		{Name: "library", Arg: "NAME", Values: libraries(), Help: "another breaker library, with the same intent as far as it can"},
		{Name: "curve", Keys: []string{"c"}, Help: "the chart: failed orders, trip curve of hangs, of errors, what the sweep found", Hint: "curve"},
		{Name: "edge", Keys: []string{"e"}, Arg: "EDGE", Values: s.names, Help: "next edge", Hint: "edge"},
		{Name: "edge-back", Keys: []string{"E"}, Help: "edge before"},
		{Name: "set", Arg: "PATH=VALUE", Help: "set one value by its path: order.inventory.keepalive=20s"},
		{Name: "undo", Keys: []string{"z"}, Help: "undo the last change", Hint: "undo", Foot: "z/Z"},
		{Name: "redo", Keys: []string{"Z"}, Help: "redo the change undone last"},
		{Name: "sweep", Keys: []string{"w"}, Help: "search the library's settings on this edge; again: end it with the best so far", Hint: "sweep"},
		{Name: "next-point", Keys: []string{"n"}, Help: "the knobs as the next of what the sweep found"},
		{Name: "against", Keys: []string{"v"}, Help: "compare what follows with this setting instead of what was; again: with what was"},
		{Name: "rollout", Keys: []string{"o"}, Help: "this setting on none, some and all of four pods"},
		{Name: "export-thresholds", Keys: []string{"x", "ctrl+s"}, Show: "x", Help: "export these thresholds", Hint: "export"},
	}, screen.Moves()...)
}

// Capturing is true while a value is being typed.
func (s *Screen) Capturing() bool { return s.typing }

// Cursor is where the typed value's cursor stands.
func (s *Screen) Cursor() (x, y int, shown bool) {
	l := s.layout(s.W, s.H)
	y = l.knobs.y + s.list.At - s.list.Visible(len(s.rows), l.knobs.h)
	return s.inputX + widget.TypedCursor(s.inputW, &s.input), y, s.typing
}

func (s *Screen) Update(msg tea.Msg) (screen.Screen, tea.Cmd) {
	cmd := s.update(msg)
	return s, tea.Batch(cmd, s.retrip())
}

func (s *Screen) update(msg tea.Msg) tea.Cmd {
	switch msg := msg.(type) {
	case screen.ActionMsg:
		return s.act(msg)
	case screen.VisitMsg:
		s.visited = true
		return s.runs.start(s.runs.changed())
	case screen.FocusMsg:
		return s.focusDeadline(msg.Subject.Edge)
	case keptMsg:
		return s.kept(msg)
	case doneMsg:
		return s.runs.done(msg)
	case sweepMsg:
		return s.sweeping(msg)
	case sweptMsg:
		return s.swept(msg)
	case rolloutMsg:
		return s.rolled(msg)
	case tripMsg:
		return s.trips.done(msg)
	case tea.KeyPressMsg, tea.PasteMsg:
		if s.typing {
			return s.typed(msg)
		}
	default:
		s.Apply(msg)
		if _, ok := msg.(screen.SizeMsg); ok {
			s.relist() // notes are as wide as the knobs
		}
	}
	return nil
}

func (s *Screen) act(msg screen.ActionMsg) tea.Cmd {
	page := s.layout(s.W, s.H).knobs.h
	switch msg.Name {
	case "less", "more":
		return s.turn(sign(msg.Name == "more"))
	case "less-far", "more-far":
		return s.turn(10 * sign(msg.Name == "more-far"))
	case "reset":
		return s.reset()
	case "reset-all":
		return s.change(s.opt.Scenario.Edges)
	case "type":
		return s.startTyping()
	case "library":
		return s.chooseLibrary(msg.Args)
	case "curve":
		if s.picture = (s.picture + 1) % pictures; s.picture == front && s.sweeps.found == nil {
			s.picture = orders
		}
	case "edge":
		if msg.Args != "" {
			return s.chooseEdge(msg.Args)
		}
		return s.moveEdge(1)
	case "edge-back":
		return s.moveEdge(-1)
	case "set":
		return s.setPath(msg.Args)
	case "undo":
		return s.back(&s.undo, &s.redo, "undo")
	case "redo":
		return s.back(&s.redo, &s.undo, "redo")
	case "sweep":
		return s.sweep()
	case "next-point":
		return s.point()
	case "against":
		return s.against()
	case "rollout":
		return s.rollout()
	case "export-thresholds":
		return tea.Batch(s.chosen(), screen.Show("export", incident.Subject{Edge: s.edgeName()}, time.Time{}))
	case "yank", "yank-markdown":
		return screen.Copy(s.yank(msg.Name == "yank-markdown"), "the comparison")
	default:
		was := s.list.At
		s.list.Move(msg.Name, len(s.rows), page)
		s.skipHeads(was)
	}
	return nil
}

func sign(up bool) float64 {
	if up {
		return 1
	}
	return -1
}

// change makes edges the policies of "this": it can be undone, all screens are
// told, and a simulation begins.
func (s *Screen) change(edges policy.Edges) tea.Cmd {
	s.undo = append(s.undo, past{s.edge, s.edges})
	if len(s.undo) > undoSteps {
		s.undo = s.undo[1:]
	}
	s.redo = nil
	return s.adopt(edges)
}

func (s *Screen) adopt(edges policy.Edges) tea.Cmd {
	s.edges = edges
	s.relist()
	cmd := s.runs.set(edges)
	return tea.Batch(s.chosen(), cmd, s.keep())
}

func (s *Screen) back(from, to *[]past, what string) tea.Cmd {
	n := len(*from)
	if n == 0 {
		return screen.Say("nothing to " + what)
	}
	st := (*from)[n-1]
	*from = (*from)[:n-1]
	*to = append(*to, past{s.edge, s.edges})
	s.edge = st.edge
	return s.adopt(st.edges)
}

// focusDeadline goes to the deadline of an edge: what a screen that shows calls
// without one leads here for.
func (s *Screen) focusDeadline(edge string) tea.Cmd {
	cmd := s.chooseEdge(edge)
	if i := slices.IndexFunc(s.rows, func(r row) bool { return r.field.Name == "deadline" }); i >= 0 && s.edgeName() == edge {
		s.list.At = i
	}
	return cmd
}

// chosen tells all screens which policies are chosen.
func (s *Screen) chosen() tea.Cmd {
	msg := screen.PolicyMsg{Edge: s.edgeName(), Edges: s.edges, Turned: s.turned()}
	return func() tea.Msg { return msg }
}

func (s *Screen) edgeName() string {
	if s.edge < len(s.names) {
		return s.names[s.edge]
	}
	return ""
}

func (s *Screen) moveEdge(by int) tea.Cmd {
	if len(s.names) == 0 {
		return nil
	}
	return s.goTo((s.edge + by + len(s.names)) % len(s.names))
}

// chooseEdge goes to an edge by name; an unknown one is said, none is nothing.
func (s *Screen) chooseEdge(name string) tea.Cmd {
	if name == "" {
		return nil
	}
	i := slices.Index(s.names, name)
	if i < 0 {
		return screen.Fail(fmt.Errorf("edge %q: not one of %s", redact.Line(name), fmt.Sprint(s.names)))
	}
	return s.goTo(i)
}

// goTo looks at an edge. One whose knobs were turned is chosen by that.
func (s *Screen) goTo(edge int) tea.Cmd {
	s.edge = edge
	s.relist()
	if !s.turned() {
		return s.chosen()
	}
	return tea.Batch(s.chosen(), s.keep())
}

// turned says whether the chosen edge's knobs are others than they were.
func (s *Screen) turned() bool { return len(changesOf(s.edgeName(), s.now(), s.policy())) > 0 }

var _ interface {
	screen.Screen
	screen.Capturer
	screen.Cursorer
} = (*Screen)(nil)
