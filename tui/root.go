// Package tui shows an incident and turns keys into requests. The root model
// routes messages and draws the frame around whichever screen is looked at; it
// knows no screen by name.
package tui

import (
	"context"
	"slices"
	"time"

	"charm.land/bubbles/v2/spinner"
	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/colorprofile"
	"github.com/charmbracelet/x/ansi"

	"tripcurve/internal/incident"
	"tripcurve/tui/grid"
	"tripcurve/tui/screen"
	"tripcurve/tui/sheet"
	"tripcurve/tui/theme"
)

// Root is the root model.
type Root struct {
	opts    Options
	ctx     context.Context
	screens []screen.Screen
	global  []screen.Action
	at      int   // the screen looked at
	visits  []int // screens in the order of visits; now is the present one
	now     int
	drills  []int // screens to come back to with esc
	filters []screen.Filter

	common  screen.Common // what the root itself shows of the data
	loaded  bool
	failed  error // loading failed
	paused  bool
	waiting int          // live views held back while paused
	held    *EvidenceMsg // the newest of them
	follow  bool         // the cursor stays at the newest evidence
	whole   incident.Window
	player  player

	pending string // "mark" or "jump": the next key is a letter
	history
	saving bool // where somebody is will be written down soon
	unkept bool // it could not be
	first  bool // nobody has used the screens here before

	prompt  prompt
	help    *helpBox
	sheet   *sheet.Sheet
	status  screen.StatusMsg
	busy    screen.BusyMsg
	spin    spinner.Model
	leaving bool // ctrl+c was pressed once
	mouse   bool
	title   string // of the terminal's window

	theme   *theme.Theme
	profile colorprofile.Profile
	frame   *frame
}

// frame is the last frame: the grid it was drawn in and the string it became,
// which is returned again as long as nothing changes.
type frame struct {
	grid  grid.Grid
	table *grid.Table
	buf   []byte
	text  string
	dirty bool
	tabs  []tab // where the tabs are, for the mouse
}

// New is the TUI. Its View is valid at once, before any data and at any size.
func New(o Options) tea.Model { return newRoot(o) }

func newRoot(o Options) *Root {
	r := &Root{
		opts: o, ctx: o.Context, screens: o.Screens, follow: true, mouse: o.Mouse,
		title: windowTitle(o.Name), profile: colorprofile.TrueColor, frame: &frame{dirty: true},
		common: screen.Common{Name: o.Name, Glyphs: o.Glyphs, Live: o.Live != nil},
	}
	if r.ctx == nil {
		r.ctx = context.Background()
	}
	if r.screens == nil {
		r.screens = screens(o)
	}
	t, err := o.theme()
	if err != nil {
		t, r.status = theme.All()[0], screen.StatusMsg{Text: err.Error(), Bad: true}
	}
	r.theme = t
	r.frame.table = t.Table(r.profile)
	r.filters = make([]screen.Filter, len(r.screens))
	r.chosen = r.choices()
	r.visits = []int{0}
	r.global = rebound(o.Keys, everywhere, r.actions())
	r.prompt = newPrompt(o.Session)
	r.spin = spinner.New(spinner.WithSpinner(frames(o.Glyphs)))
	r.busy.Part = -1
	switch {
	case o.Load != nil:
		r.busy.What = "reading " + o.Name
	case o.Live != nil:
		r.busy.What = "waiting for the first sample"
	}
	if err == nil {
		r.status = r.opening()
	}
	r.tellAll(screen.GlyphsMsg{Level: o.Glyphs})
	r.common.Apply(o.Said)
	r.tellAll(o.Said)
	return r
}

// Init asks for the data and for what the terminal looks like; nothing waits
// for the answers.
func (r *Root) Init() tea.Cmd {
	cmds := []tea.Cmd{r.load(), r.listen(), r.spinning()}
	if r.opts.Theme == "" || r.opts.Theme == "auto" {
		cmds = append(cmds, tea.Raw(ansi.RequestBackgroundColor))
	}
	if r.opts.Live != nil {
		cmds = append(cmds, tick())
	}
	for _, s := range r.screens {
		if s, ok := s.(interface{ Init() tea.Cmd }); ok {
			cmds = append(cmds, s.Init())
		}
	}
	return tea.Batch(cmds...)
}

// Update routes: keys to the screen looked at, what is shared to all.
func (r *Root) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	r.frame.dirty = true
	switch msg := msg.(type) {
	case tea.WindowSizeMsg:
		return r, r.resize(msg.Width, msg.Height)
	case tea.KeyPressMsg:
		return r, tea.Batch(r.key(msg), r.keepSoon())
	case tea.PasteMsg:
		return r, r.paste(msg)
	case tea.MouseMsg:
		return r, r.mouseAt(msg)
	case tea.ColorProfileMsg:
		r.profile = msg.Profile
		r.frame.table = r.theme.Table(r.profile)
	case tea.BackgroundColorMsg:
		if !msg.IsDark() && (r.opts.Theme == "" || r.opts.Theme == "auto") {
			return r, r.setTheme("light")
		}
	case EvidenceMsg:
		return r, r.evidence(msg)
	case liveMsg:
		return r, tea.Batch(r.evidence(EvidenceMsg(msg)), r.listen())
	case loadFailedMsg:
		r.failed, r.busy = msg.err, screen.BusyMsg{}
	case screen.WrittenMsg:
		return r, r.written(msg.Written)
	case screen.CursorMsg:
		return r, r.moveCursor(msg.At)
	case screen.RangeMsg:
		return r, r.setRange(msg.Window)
	case zoneMsg:
		return r, r.asked(msg)
	case playMsg:
		return r, r.played(msg)
	case saveMsg:
		return r, r.keepNow()
	case savedMsg:
		return r, r.saved(msg)
	case restMsg:
		return r, r.rest()
	case screen.TickMsg:
		r.common.Apply(msg)
		return r, tea.Batch(r.tellAll(msg), tick())
	case screen.ShowMsg:
		return r, r.show(msg)
	case screen.SheetMsg:
		r.openSheet(msg)
	case screen.CopyMsg:
		return r, r.opts.Clipboard.copy(msg)
	case screen.StatusMsg:
		r.status = msg
	case screen.FailedMsg:
		r.status = screen.StatusMsg{Text: msg.Err.Error(), Bad: true}
	case screen.BusyMsg:
		idle := r.busy.What == ""
		if r.busy = msg; idle {
			return r, r.spinning()
		}
	case spinner.TickMsg:
		return r, r.spun(msg)
	default:
		return r, r.tellAll(msg)
	}
	return r, nil
}

// key sends a key where it belongs: to what is open on top, to a screen that
// wants it raw, or as an action.
func (r *Root) key(msg tea.KeyPressMsg) tea.Cmd {
	k := msg.String()
	if k == "ctrl+c" {
		return r.interrupt()
	}
	r.leaving, r.status = false, r.nextNote()
	switch {
	case r.pending != "":
		return r.letter(k)
	case r.prompt.open:
		return r.typed(msg)
	case r.help != nil:
		r.helpKey(msg)
		return nil
	case r.sheet != nil:
		return r.sheetKey(msg)
	case r.capturing():
		return r.tell(msg)
	}
	a, own, ok := r.find(func(a screen.Action) bool { return slices.Contains(a.Keys, k) })
	if !ok {
		return r.tell(msg)
	}
	return r.act(a, own, "")
}

func (r *Root) capturing() bool {
	c, ok := r.screens[r.at].(screen.Capturer)
	return ok && c.Capturing()
}

// tell gives a message to the screen looked at.
func (r *Root) tell(msg tea.Msg) tea.Cmd { return r.tellOne(r.at, msg) }

func (r *Root) tellOne(i int, msg tea.Msg) (cmd tea.Cmd) {
	r.screens[i], cmd = r.screens[i].Update(msg)
	return cmd
}

// tellAll gives a message to every screen.
func (r *Root) tellAll(msg tea.Msg) tea.Cmd {
	cmds := make([]tea.Cmd, len(r.screens))
	for i := range r.screens {
		cmds[i] = r.tellOne(i, msg)
	}
	return tea.Batch(cmds...)
}

// View is the frame. Nothing is drawn again when nothing changed.
func (r *Root) View() tea.View {
	f := r.frame
	if f.dirty {
		f.dirty = false
		f.grid.Resize(r.common.W, r.common.H)
		r.draw(f.grid.Canvas())
		f.buf = f.grid.Append(f.buf[:0], f.table)
		if string(f.buf) != f.text { // compared without a copy
			f.text = string(f.buf)
		}
	}
	v := tea.NewView(f.text)
	v.AltScreen = true
	v.WindowTitle = r.title
	v.Cursor = r.cursor()
	if r.mouse {
		v.MouseMode = tea.MouseModeCellMotion
	}
	return v
}

// cursor is where the terminal's own cursor stands: in what is being typed.
func (r *Root) cursor() *tea.Cursor {
	if r.common.H == 0 || r.tooSmall() {
		return nil
	}
	if r.prompt.open {
		return tea.NewCursor(min(r.common.W-1, r.prompt.column(r.common.W)), r.common.H-1)
	}
	if c, ok := r.screens[r.at].(screen.Cursorer); ok && r.capturing() {
		if x, y, shown := c.Cursor(); shown {
			return tea.NewCursor(min(r.common.W-1, x), min(r.common.H-1, y+r.top()))
		}
	}
	return nil
}

// tick asks for the time in a second; only live data needs it.
func tick() tea.Cmd {
	return tea.Tick(time.Second, func(t time.Time) tea.Msg { return screen.TickMsg{Now: t.UTC()} })
}
