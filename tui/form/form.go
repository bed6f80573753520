// Package form is a short list of things to type or to choose, drawn over a screen. What
// was typed stays until it is taken or thrown away on purpose.
package form

import (
	"slices"
	"strings"

	"charm.land/bubbles/v2/textinput"
	tea "charm.land/bubbletea/v2"

	"tripcurve/tui/glyph"
	"tripcurve/tui/grid"
	"tripcurve/tui/screen"
	"tripcurve/tui/theme"
	"tripcurve/tui/widget"
)

// Field is one line of a form.
type Field struct {
	Name    string // by which it is asked for
	Label   string
	Value   string   // at first; one of Choices where there are some
	Choices []string // none: text is typed
	Hint    string   // what may stand here
}

// Event is what a key meant for the whole form.
type Event uint8

const (
	None  Event = iota
	Taken       // enter: use what is typed
	Left        // esc: throw it away
)

// Form is a form that is open.
type Form struct {
	title   string
	fields  []line
	list    screen.List
	problem string
	waiting bool // it is being kept; keys do nothing meanwhile
	sure    bool // esc was pressed once although something was typed

	x, y  int // of the terminal's cursor, where the form was drawn
	typed bool
}

type line struct {
	Field
	input textinput.Model
}

// New opens a form with its first field focused.
func New(title string, fields ...Field) *Form {
	f := &Form{title: title}
	for _, x := range fields {
		in := textinput.New()
		in.Prompt = ""
		in.CharLimit = 2000
		in.SetVirtualCursor(false)
		in.SetValue(x.Value)
		in.CursorEnd()
		f.fields = append(f.fields, line{x, in})
	}
	f.focus(0)
	return f
}

// Focus puts the cursor on a field.
func (f *Form) Focus(name string) {
	if i := f.index(name); i >= 0 {
		f.focus(i)
	}
}

func (f *Form) focus(i int) {
	f.fields[f.list.At].input.Blur()
	f.list.At = (i + len(f.fields)) % len(f.fields)
	f.fields[f.list.At].input.Focus()
}

func (f *Form) index(name string) int {
	return slices.IndexFunc(f.fields, func(l line) bool { return l.Name == name })
}

// Value is what a field says now; empty when there is none of that name.
func (f *Form) Value(name string) string {
	if i := f.index(name); i >= 0 {
		return strings.TrimSpace(f.fields[i].input.Value())
	}
	return ""
}

// Changed says that a field is not as it was at first.
func (f *Form) Changed(name string) bool {
	i := f.index(name)
	return i >= 0 && f.Value(name) != strings.TrimSpace(f.fields[i].Value)
}

// Dirty says that any field is not as it was.
func (f *Form) Dirty() bool {
	return slices.ContainsFunc(f.fields, func(l line) bool { return f.Changed(l.Name) })
}

// Refuse says what is wrong and goes to the field it is in; with a name that no field
// has it stays.
func (f *Form) Refuse(name, why string) {
	f.waiting, f.problem = false, why
	f.Focus(name)
}

// Wait says that what is typed is being kept; keys do nothing until Refuse.
func (f *Form) Wait() { f.waiting, f.problem = true, "" }

// Update takes a key or a paste.
func (f *Form) Update(msg tea.Msg) (Event, tea.Cmd) {
	if f.waiting {
		return None, nil
	}
	at := &f.fields[f.list.At]
	key, ok := msg.(tea.KeyPressMsg)
	if !ok {
		if _, paste := msg.(tea.PasteMsg); !paste || at.Choices != nil {
			return None, nil
		}
		return None, at.update(msg)
	}
	name := key.String()
	sure := f.sure
	f.sure = false
	switch name {
	case "esc":
		if f.Dirty() && !sure {
			f.sure = true
			return None, nil
		}
		return Left, nil
	case "enter":
		return Taken, nil
	case "tab", "down":
		f.focus(f.list.At + 1)
		return None, nil
	case "shift+tab", "up":
		f.focus(f.list.At - 1)
		return None, nil
	}
	f.problem = ""
	if at.Choices == nil {
		return None, at.update(msg)
	}
	switch name {
	case "left", "h":
		at.turn(-1)
	case "right", "l", "space":
		at.turn(1)
	default:
		at.jump(name)
	}
	return None, nil
}

func (l *line) update(msg tea.Msg) (cmd tea.Cmd) {
	l.input, cmd = l.input.Update(msg)
	return cmd
}

// turn goes to another choice, around the ends.
func (l *line) turn(d int) {
	n := len(l.Choices)
	i := slices.Index(l.Choices, l.input.Value())
	l.input.SetValue(l.Choices[(i+d+n)%n])
}

// jump goes to the next choice that begins so.
func (l *line) jump(letter string) {
	at := slices.Index(l.Choices, l.input.Value())
	for i := range l.Choices {
		if c := l.Choices[(at+1+i)%len(l.Choices)]; len(letter) == 1 && strings.HasPrefix(c, letter) {
			l.input.SetValue(c)
			return
		}
	}
}

// labels is the column in which values begin.
const labels = 16

// Draw draws the form in the middle of the canvas, as high as it needs.
func (f *Form) Draw(c *grid.Canvas, set *glyph.Set) {
	w, h := min(c.W()-2, 100), min(c.H(), len(f.fields)+4)
	x, y := (c.W()-w)/2, max(0, (c.H()-h)/3)
	c.Box(x, y, w, h, set.Frame, theme.Faint)
	c.Clip(x+2, y, w-4, theme.Accent, " "+f.title+" ", set.More)
	inner := c.Sub(x+2, y+1, w-4, h-2)
	rows := inner.Rows(0, max(1, inner.H()-2))
	f.typed = false
	top := f.list.Visible(len(f.fields), rows.H())
	for row := 0; row < rows.H() && top+row < len(f.fields); row++ {
		f.drawField(&rows, row, top+row, set)
		if top+row == f.list.At {
			f.x, f.y = f.x+x+2, y+1+row
		}
	}
	foot := inner.H() - 1
	switch {
	case f.problem != "":
		inner.Wrap(0, max(0, foot-1), inner.W(), 2, theme.Crit, "!! "+f.problem)
	case f.waiting:
		inner.Text(0, foot, theme.Dim, "keeping it")
	case f.sure:
		inner.Text(0, foot, theme.Warn, "esc again throws away what you typed")
	default:
		at := 0
		for _, k := range [][2]string{{"enter", "keep"}, {"tab", "next"}, {"left/right", "choose"}, {"esc", "leave"}} {
			at = inner.Text(at, foot, theme.Key, k[0]) + 1
			at = inner.Text(at, foot, theme.Dim, k[1]) + 2
		}
	}
}

func (f *Form) drawField(c *grid.Canvas, y, i int, set *glyph.Set) {
	l := &f.fields[i]
	focused := i == f.list.At
	label := theme.Dim
	if focused {
		label = theme.Accent
		c.Set(0, y, set.Cursor, theme.Accent)
	}
	c.Clip(2, y, labels-3, label, l.Label, set.More)
	value := l.input.Value()
	room := c.W() - labels - 1
	if l.Choices != nil {
		shown := value
		if shown == "" {
			shown = "-"
		}
		if focused {
			shown = "< " + shown + " >"
		}
		end := c.Text(labels, y, theme.Text, shown)
		if focused {
			c.Clip(end+2, y, c.W()-end-3, theme.Dim, l.Hint, set.More)
		}
		return
	}
	if focused {
		end := widget.Typed(c, labels, y, room, &l.input)
		f.x, f.typed = labels+widget.TypedCursor(room, &l.input), true
		if w := grid.Width(l.Hint); end+2+w < labels+room {
			c.Right(labels+room, y, theme.Dim, l.Hint)
		}
		return
	}
	c.Clip(labels, y, room, theme.Text, value, set.More)
}

// Cursor is where the terminal's cursor stands on the canvas drawn last.
func (f *Form) Cursor() (x, y int, shown bool) { return f.x, f.y, f.typed && !f.waiting }
