package tui

import (
	"fmt"
	"reflect"
	"runtime/debug"

	tea "charm.land/bubbletea/v2"

	"tripcurve/tui/terminal"
)

// stage is the model that Bubble Tea runs, around the screens: what they show goes to the
// terminal at once, and what breaks in them, or in a command of theirs, ends the program with
// the terminal given back first.
type stage struct {
	raise func() tea.Model // makes the screens
	model tea.Model        // nil until they are made
	out   *terminal.Terminal
	send  func(tea.Msg)
	broke error // nil: nothing has
}

// brokenMsg ends the program.
type brokenMsg struct{ err error }

// panicked is what a panic said, and where it was.
func panicked(said any) error { return fmt.Errorf("panic: %v\n\n%s", said, debug.Stack()) }

// Init makes the screens.
func (s *stage) Init() (cmd tea.Cmd) {
	return s.guard(func() tea.Cmd {
		s.model = s.raise()
		return s.model.Init()
	})
}

// Update gives the terminal what it must know, and the screens everything.
func (s *stage) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	if b, ok := msg.(brokenMsg); ok {
		s.broke = b.err
	}
	if s.broke != nil {
		return s, tea.Quit
	}
	s.out.Heed(msg)
	return s, s.guard(func() (cmd tea.Cmd) {
		s.model, cmd = s.model.Update(msg)
		return cmd
	})
}

// View shows what the screens show.
func (s *stage) View() (v tea.View) {
	if s.broke != nil || s.model == nil {
		return v
	}
	defer func() {
		if r := recover(); r != nil {
			s.broke = panicked(r)
			go s.send(brokenMsg{s.broke}) // only a message can end the program from here
		}
	}()
	v = s.model.View()
	s.out.Show(v)
	return v
}

// guard runs f, and turns a panic of it or of its command into the end of the program.
func (s *stage) guard(f func() tea.Cmd) (cmd tea.Cmd) {
	defer func() {
		if r := recover(); r != nil {
			s.broke, cmd = panicked(r), tea.Quit
		}
	}()
	return guardedCmd(f())
}

// guardedCmd is cmd, with a panic of it, or of a command that it asks for, as its message.
func guardedCmd(cmd tea.Cmd) tea.Cmd {
	if cmd == nil {
		return nil
	}
	return func() (msg tea.Msg) {
		defer func() {
			if r := recover(); r != nil {
				msg = brokenMsg{panicked(r)}
			}
		}()
		msg = cmd()
		// Batches, and sequences, whose type has no name outside of Bubble Tea.
		if list := reflect.ValueOf(msg); list.IsValid() && list.Type().ConvertibleTo(cmds) {
			for i, c := range list.Convert(cmds).Interface().([]tea.Cmd) {
				list.Index(i).Set(reflect.ValueOf(guardedCmd(c)))
			}
		}
		return msg
	}
}

var cmds = reflect.TypeFor[[]tea.Cmd]()
