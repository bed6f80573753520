package tui

import (
	"fmt"
	"slices"
	"strings"

	"charm.land/bubbles/v2/key"
	"charm.land/bubbles/v2/textinput"
	tea "charm.land/bubbletea/v2"

	"tripcurve/tui/grid"
	"tripcurve/tui/screen"
	"tripcurve/tui/session"
	"tripcurve/tui/theme"
	"tripcurve/tui/widget"
)

// prompt is the last line while a command or a filter is being typed.
type prompt struct {
	open    bool
	kind    byte // ':' or '/'
	input   textinput.Model
	history map[byte][]string
	recall  int  // index into the history; its length: what is being typed
	listed  bool // tab was pressed where nothing was typed: all commands are shown
}

func newPrompt(k *session.Keeper) prompt {
	in := textinput.New()
	in.Prompt = ""
	in.SetVirtualCursor(false)
	in.ShowSuggestions = true
	// Up and down recall what was typed before; tab alone completes.
	in.KeyMap.NextSuggestion = key.NewBinding(key.WithKeys("ctrl+n"))
	in.KeyMap.PrevSuggestion = key.NewBinding(key.WithKeys("ctrl+p"))
	p := prompt{input: in, history: map[byte][]string{}}
	if k != nil {
		for _, line := range k.Typed {
			p.history[line[0]] = append(p.history[line[0]], line[1:])
		}
	}
	return p
}

func (p *prompt) start(kind byte, suggestions []string) {
	p.open, p.kind = true, kind
	p.input.Reset()
	p.input.SetSuggestions(suggestions)
	p.input.Focus()
	p.recall = len(p.history[kind])
}

func (p *prompt) stop() {
	p.open, p.listed = false, false
	p.input.Blur()
}

// column is where the terminal's cursor stands in w columns.
func (p *prompt) column(w int) int { return 2 + widget.TypedCursor(w-2, &p.input) }

func (p *prompt) draw(c *grid.Canvas) {
	c.Fill(0, 0, c.W(), 1, ' ', theme.Input)
	c.Set(1, 0, rune(p.kind), theme.Accent)
	x := widget.Typed(c, 2, 0, c.W()-2, &p.input)
	if s := p.input.CurrentSuggestion(); p.input.Value() != "" && len(s) > len(p.input.Value()) {
		c.Text(x, 0, theme.Dim, s[len(p.input.Value()):])
	}
}

// back and forth in the history.
func (p *prompt) recalled(d int) {
	h := p.history[p.kind]
	p.recall = max(0, min(len(h), p.recall+d))
	value := ""
	if p.recall < len(h) {
		value = h[p.recall]
	}
	p.input.SetValue(value)
	p.input.CursorEnd()
}

// typed is a key while the prompt is open.
func (r *Root) typed(msg tea.KeyPressMsg) (cmd tea.Cmd) {
	p := &r.prompt
	p.listed = false
	switch msg.String() {
	case "tab":
		if p.kind == ':' && p.input.Value() == "" {
			p.listed = true
			return nil
		}
	case "esc":
		p.stop()
		return nil
	case "up":
		p.recalled(-1)
		return nil
	case "down":
		p.recalled(+1)
		return nil
	case "enter":
		return r.entered()
	case "backspace":
		if p.input.Value() == "" {
			p.stop()
			return nil
		}
	}
	p.input, cmd = p.input.Update(msg)
	return cmd
}

// entered does what was typed.
func (r *Root) entered() tea.Cmd {
	p := &r.prompt
	line := strings.TrimSpace(p.input.Value())
	p.stop()
	if h := p.history[p.kind]; line != "" && (len(h) == 0 || h[len(h)-1] != line) {
		p.history[p.kind] = append(h, line)
		r.opts.Session.Type(string(p.kind) + line)
	}
	if p.kind == '/' && r.sheet != nil {
		return r.filterSheet(line)
	}
	if p.kind == '/' {
		r.remember()
		return r.setFilter(line)
	}
	return r.command(line)
}

// shortNames are what fingers type by themselves.
var shortNames = map[string]string{"q": "quit-now", "q!": "quit-now", "quit": "quit-now", "h": "help", "?": "help"}

// command does a ':' line: the name of an action and what it takes.
func (r *Root) command(line string) tea.Cmd {
	typed, args, _ := strings.Cut(line, " ")
	if typed == "" {
		return nil
	}
	name := typed
	if full, ok := shortNames[name]; ok {
		name = full
	}
	a, own, ok := r.find(func(a screen.Action) bool { return a.Name == name })
	if !ok {
		return screen.Fail(fmt.Errorf("no command %q here; tab completes, :keys lists all", name))
	}
	if args = strings.TrimSpace(args); args != "" && a.Arg == "" {
		return screen.Fail(fmt.Errorf("%s takes nothing, got %q", typed, args))
	}
	return r.act(a, own, args)
}

// suggestions are all commands that work here, with what they take.
func (r *Root) suggestions() []string {
	var out []string
	for _, a := range slices.Concat(r.own(r.at), r.global) {
		out = append(out, a.Name)
		for _, v := range a.Values {
			out = append(out, a.Name+" "+v)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// drawCommands lists the commands that work here over the last rows of the
// screen, as tab does in a shell.
func (r *Root) drawCommands(c *grid.Canvas) {
	var names []string
	for _, a := range slices.Concat(r.own(r.at), r.global) {
		names = append(names, a.Name)
	}
	slices.Sort(names)
	names = slices.Compact(names)
	wide := 0
	for _, n := range names {
		wide = max(wide, grid.Width(n))
	}
	columns := max(1, (c.W()-2)/(wide+2))
	h := min(c.H(), (len(names)+columns-1)/columns)
	box := c.Rows(c.H()-h, h)
	box.Fill(0, 0, box.W(), h, ' ', theme.Input)
	for i, n := range names {
		box.Text(1+i/h*(wide+2), i%h, theme.Input, n)
	}
}

// paste gives pasted text to whoever is being typed into, on one line.
func (r *Root) paste(msg tea.PasteMsg) (cmd tea.Cmd) {
	msg.Content = strings.Join(strings.Fields(msg.Content), " ")
	switch {
	case r.prompt.open:
		r.prompt.input, cmd = r.prompt.input.Update(msg)
	case r.capturing():
		cmd = r.tell(msg)
	}
	return cmd
}
