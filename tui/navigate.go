package tui

import (
	"fmt"
	"slices"
	"strings"

	tea "charm.land/bubbletea/v2"

	"tripcurve/tui/glyph"
	"tripcurve/tui/screen"
	"tripcurve/tui/theme"
)

// act does one action, from a key or from a command.
func (r *Root) act(a screen.Action, own bool, args string) tea.Cmd {
	if own {
		return r.tell(screen.ActionMsg{Name: a.Name, Args: args})
	}
	if i := r.screenNamed(a.Name); i >= 0 {
		return r.visit(i)
	}
	n := len(r.screens)
	switch a.Name {
	case "help":
		r.openHelp(r.screens[r.at].Title(), r.helpGroups(false))
	case "keys":
		r.openHelp("all keys and commands", r.helpGroups(true))
	case "command":
		r.prompt.start(':', r.suggestions())
	case "filter":
		if args != "" {
			r.remember()
			return r.setFilter(args)
		}
		r.prompt.start('/', nil)
	case "screen":
		i := r.screenNamed(args)
		if i < 0 {
			return screen.Fail(fmt.Errorf("screen %q: not one of %s", args, strings.Join(a.Values, ", ")))
		}
		return r.visit(i)
	case "next-screen":
		return r.visit((r.at + 1) % n)
	case "previous-screen":
		return r.visit((r.at + n - 1) % n)
	case "older":
		return r.revisit(r.now - 1)
	case "newer":
		return r.revisit(r.now + 1)
	case "back", "quit":
		return r.back(a.Name == "quit")
	case "quit-now":
		return tea.Quit
	case "pause":
		return r.pause()
	case "goto":
		return r.goTo(args)
	case "next-finding", "previous-finding":
		return r.nextMoment(a.Name == "next-finding")
	case "zoom-in", "zoom-out", "zoom-all":
		r.remember()
		return r.zoom(map[string]float64{"zoom-in": 0.5, "zoom-out": 2}[a.Name])
	case "mark", "jump", "unmark":
		return r.mark(a.Name, args)
	case "faster":
		return r.faster(1)
	case "slower":
		return r.faster(-1)
	case "newest":
		return r.newest()
	case "undo":
		return r.undo()
	case "redo":
		return r.redo()
	case "reset":
		return r.reset()
	case "yank", "yank-markdown":
		return r.tell(screen.ActionMsg{Name: a.Name, Args: args})
	case "glossary":
		return r.glossary(args)
	case "behind":
		return r.behind()
	case "export-dialog":
		return r.act(screen.Action{Name: "screen", Values: []string{"export"}}, false, "export")
	case "full":
		r.common.Full = !r.common.Full
		return tea.Batch(r.tellAll(screen.FullMsg{On: r.common.Full}), r.resize(r.common.W, r.common.H))
	case "glyphs":
		return r.setGlyphs(args)
	case "theme":
		return r.setTheme(args)
	case "tz":
		return r.tz(args)
	case "mouse":
		r.mouse = !r.mouse
		if r.mouse {
			return screen.Say("mouse on: wheel moves, a click on a tab goes there; shift+drag selects text")
		}
		return screen.Say("mouse off")
	case "suspend":
		return tea.Suspend
	}
	return nil
}

func (r *Root) screenNamed(name string) int {
	return slices.IndexFunc(r.screens, func(s screen.Screen) bool { return strings.EqualFold(s.Title(), name) })
}

// visit goes to a screen by the user's own choice: there is nothing to come
// back to with esc.
func (r *Root) visit(i int) tea.Cmd {
	r.drills = nil
	return r.enter(i)
}

func (r *Root) enter(i int) tea.Cmd {
	if i == r.at {
		return nil
	}
	r.visits = append(r.visits[:r.now+1], i)
	if len(r.visits) > 100 {
		r.visits = r.visits[1:]
	}
	r.now = len(r.visits) - 1
	r.at = i
	return r.tell(screen.VisitMsg{})
}

// revisit walks the history of visits.
func (r *Root) revisit(now int) tea.Cmd {
	if now < 0 || now >= len(r.visits) {
		return screen.Say("no further that way")
	}
	r.now, r.at = now, r.visits[now]
	return r.tell(screen.VisitMsg{})
}

// show goes to a screen because of something shown on this one.
func (r *Root) show(msg screen.ShowMsg) tea.Cmd {
	i := r.screenNamed(msg.Screen)
	if i < 0 {
		return screen.Fail(fmt.Errorf("there is no screen %q here", msg.Screen))
	}
	var cmd tea.Cmd
	if i != r.at {
		r.drills = append(r.drills, r.at)
		cmd = r.enter(i)
	}
	cmd = tea.Batch(cmd, r.tellOne(i, screen.FocusMsg{Subject: msg.Subject}))
	if !msg.At.IsZero() {
		cmd = tea.Batch(cmd, r.moveCursor(msg.At))
	}
	return cmd
}

// back goes out one level: out of the screen's own depth, out of the full
// screen, back to where the user came from. At the top, quit leaves.
func (r *Root) back(quit bool) tea.Cmd {
	n, nested := r.screens[r.at].(interface{ Depth() int })
	switch {
	case nested && n.Depth() > 0:
		return r.tell(screen.ActionMsg{Name: "back"})
	case r.common.Full:
		return r.act(screen.Action{Name: "full"}, false, "")
	case len(r.drills) > 0:
		to := r.drills[len(r.drills)-1]
		r.drills = r.drills[:len(r.drills)-1]
		return r.enter(to)
	case r.filters[r.at].Active() && !quit:
		return r.setFilter("")
	case quit:
		return tea.Quit
	}
	return screen.Say("this is the top; q leaves")
}

// interrupt asks for a second ctrl+c, which leaves at once.
func (r *Root) interrupt() tea.Cmd {
	if r.leaving {
		return tea.Quit
	}
	r.leaving = true
	r.status = screen.StatusMsg{Text: "ctrl+c again leaves"}
	return nil
}

func (r *Root) setFilter(text string) tea.Cmd {
	f, err := screen.ParseFilter(text)
	if err != nil {
		return screen.Fail(err)
	}
	r.filters[r.at] = f
	return r.tell(screen.FilterMsg{Filter: f})
}

// setGlyphs changes the characters; without a name it goes round.
func (r *Root) setGlyphs(name string) tea.Cmd {
	l := r.common.Glyphs.Next()
	if name != "" {
		var ok bool
		if l, ok = glyph.Parse(name); !ok {
			return screen.Fail(fmt.Errorf("glyphs %q: not one of braille, block, ascii", name))
		}
	}
	r.common.Glyphs = l
	r.spin.Spinner = frames(l)
	return tea.Batch(r.tellAll(screen.GlyphsMsg{Level: l}), screen.Say("drawn with "+l.String()))
}

func (r *Root) setTheme(name string) tea.Cmd {
	t, err := theme.ByName(name)
	if err != nil {
		return screen.Fail(err)
	}
	r.theme = t
	r.frame.table = t.Table(r.profile)
	return nil
}

// mouseAt turns the wheel into movement and clicks on tabs into visits.
func (r *Root) mouseAt(msg tea.MouseMsg) tea.Cmd {
	m := msg.Mouse()
	switch msg.(type) {
	case tea.MouseWheelMsg:
		name := map[tea.MouseButton]string{tea.MouseWheelUp: "up", tea.MouseWheelDown: "down"}[m.Button]
		switch {
		case name == "":
		case r.sheet != nil:
			r.sheet.Key(name)
		case r.help != nil:
			r.help.view, _ = r.help.view.Update(msg)
		case !r.capturing():
			return r.tell(screen.ActionMsg{Name: name})
		}
	case tea.MouseClickMsg:
		for _, t := range r.frame.tabs {
			if m.Y == t.y && m.X >= t.from && m.X < t.to {
				return r.visit(t.screen)
			}
		}
		if r.help != nil || r.sheet != nil || r.prompt.open {
			return nil
		}
		return r.tell(tea.MouseClickMsg(m))
	}
	return nil
}
