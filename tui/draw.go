package tui

import (
	"time"

	"charm.land/bubbles/v2/progress"
	tea "charm.land/bubbletea/v2"

	"tripcurve/internal/incident"
	"tripcurve/internal/redact"
	"tripcurve/tui/grid"
	"tripcurve/tui/screen"
	"tripcurve/tui/text"
	"tripcurve/tui/theme"
)

// tab is where a tab was drawn.
type tab struct{ y, from, to, screen int }

func (r *Root) tooSmall() bool { return r.common.W < screen.MinW || r.common.H < screen.MinH }

// top is the row where the screen's canvas begins.
func (r *Root) top() int {
	if r.common.Full {
		return 1
	}
	return 2
}

// resize gives the screens what the terminal's new size leaves them.
func (r *Root) resize(w, h int) tea.Cmd {
	r.common.W, r.common.H = max(0, w), max(0, h)
	if r.help != nil {
		r.openHelp(r.help.title, r.help.groups)
	}
	return r.tellAll(screen.SizeMsg{W: r.common.W, H: max(0, r.common.H-r.chrome())})
}

// chrome is how many rows are the root's own.
func (r *Root) chrome() int { return r.top() + 1 }

func (r *Root) draw(c *grid.Canvas) {
	r.frame.tabs = r.frame.tabs[:0]
	if c.W() == 0 || c.H() == 0 {
		return
	}
	head := c.Rows(0, 1)
	r.drawHead(&head)
	if r.tooSmall() {
		r.drawNotice(c)
		return
	}
	if !r.common.Full {
		tabs := c.Rows(1, 1)
		r.drawTabs(&tabs)
	}
	body := c.Rows(r.top(), c.H()-r.chrome())
	if r.failed != nil {
		body.Wrap(1, 1, body.W()-2, body.H()-1, theme.Crit, "!! "+redact.Flat(r.failed.Error()))
	} else {
		r.screens[r.at].Draw(&body)
	}
	if r.help != nil {
		r.drawHelp(&body)
	}
	if r.sheet != nil {
		r.sheet.Draw(&body, r.common.Set())
	}
	if r.prompt.listed {
		r.drawCommands(&body)
	}
	foot := c.Rows(c.H()-1, 1)
	r.drawFoot(&foot)
	r.drawLongStatus(c)
}

// statusLine is what was said last, as it is written.
func (r *Root) statusLine() (string, grid.Style) {
	if r.status.Bad {
		return "!! " + redact.Flat(r.status.Text), theme.Crit
	}
	return redact.Flat(r.status.Text), theme.Note
}

// longest is how many rows of the screen a message takes at most.
const longest = 4

// drawLongStatus writes a message that is longer than the last line over the rows above
// it too, until the next key: what to do stands at the end of many.
func (r *Root) drawLongStatus(c *grid.Canvas) {
	if r.prompt.open || r.status.Text == "" {
		return
	}
	label, style := r.statusLine()
	if grid.Width(label) <= c.W()-2 {
		return
	}
	rows := 0
	for range grid.WrapSeq(label, c.W()-2) {
		rows++
	}
	rows = min(rows, longest)
	over := c.Rows(c.H()-rows, rows)
	over.Fill(0, 0, over.W(), rows, ' ', theme.Text)
	over.Wrap(1, 0, over.W()-2, rows, style, label)
}

// late is how far behind the clock the newest evidence may be before the head
// says of which instant the screens are.
const late = 5 * time.Second

// drawHead is line 1: the incident, the clock, and how every source does.
func (r *Root) drawHead(c *grid.Canvas) {
	x := c.Clip(1, 0, max(8, c.W()/3), theme.Strong, redact.Line(r.common.Name), "..") + 2
	word, style := "REPLAY", theme.Note
	clock := r.common.Cursor
	if r.common.Live {
		word, style = "LIVE", theme.OK
		if !r.common.Now.IsZero() {
			clock = r.common.Now
		}
	}
	if r.paused {
		word, style = "PAUSED", theme.Warn
		if r.waiting > 0 {
			word += " (" + text.Plural(r.waiting, "update") + " waiting)"
		}
	}
	if r.player.on {
		word, style = "PLAY "+r.player.label(), theme.OK
	}
	x = c.Text(x, 0, theme.Text, r.common.Clock(clock)) + 1
	if zone := text.ZoneName(clock, r.common.Zone); zone != "" {
		x = c.Text(x, 0, theme.Text, zone) + 1
	}
	x = c.Text(x, 0, style, word) + 1
	for _, m := range r.common.Marks {
		if m.At.Equal(r.common.Cursor) {
			x = c.Text(x, 0, theme.Accent, "mark "+string(m.Key)) + 1
			break
		}
	}
	if r.common.Live && !r.common.Cursor.IsZero() && (!r.follow || clock.Sub(r.common.Cursor) > late) {
		x = c.Text(x, 0, theme.Accent, "at "+r.common.Clock(r.common.Cursor)) + 1
	}
	if r.common.View == nil {
		return
	}
	for i, s := range r.common.View.Sources {
		label, style := r.health(s)
		left := len(r.common.View.Sources) - i - 1
		if room := c.W() - x - 2; grid.Width(label) > room || left > 0 && grid.Width(label)+9 > room {
			drawRest(c, x+1, r.common.View.Sources[i:])
			return
		}
		x = c.Text(x+1, 0, style, label) + 1
	}
}

// health is one source in a few characters: a word, and its age while live.
func (r *Root) health(s incident.SourceStatus) (string, grid.Style) {
	style, word := stateStyle(s.State)
	label := redact.Line(s.Name) + " " + word
	at := s.LastAt
	if at.IsZero() { // never reached
		at = s.Since
	}
	if r.common.Live && !at.IsZero() && s.State != incident.SourceDone {
		if age := r.common.Now.Sub(at); age >= 0 && !r.common.Now.IsZero() {
			label += " " + text.Dur(age)
		}
	}
	return label, style
}

// drawRest counts the sources for which there was no room, those that do badly
// first.
func drawRest(c *grid.Canvas, x int, list []incident.SourceStatus) {
	x = c.Text(x, 0, theme.Dim, "+")
	for _, st := range []incident.SourceState{incident.SourceDown, incident.SourceDegraded, incident.SourceStale, incident.SourceStarting, incident.SourceOK, incident.SourceDone, incident.SourceAbsent} {
		n := 0
		for _, s := range list {
			if s.State == st {
				n++
			}
		}
		if n == 0 {
			continue
		}
		style, word := stateStyle(st)
		x = c.Int(x, 0, style, n)
		x = c.Text(x+1, 0, style, word) + 1
	}
}

func stateStyle(st incident.SourceState) (grid.Style, string) {
	switch st {
	case incident.SourceStale:
		return theme.Warn, "STALE"
	case incident.SourceDegraded:
		return theme.Warn, "DEGRADED"
	case incident.SourceDown:
		return theme.Crit, "DOWN"
	default:
		return theme.Dim, st.String()
	}
}

// drawTabs is line 2. Where there is little room only the active one is
// written out.
func (r *Root) drawTabs(c *grid.Canvas) {
	width := 1
	for _, s := range r.screens {
		width += len(s.Title()) + 3
	}
	x := 1
	for i, s := range r.screens {
		title := s.Title()
		if width+2 > c.W() && i != r.at {
			title = title[:min(4, len(title))]
		}
		from := x
		if i == r.at {
			x = c.Text(x, 0, theme.Accent, "["+text.Count(i+1)+" "+title+"]")
		} else {
			x = c.Int(x, 0, theme.Dim, i+1)
			x = c.Text(x+1, 0, theme.Dim, title)
		}
		r.frame.tabs = append(r.frame.tabs, tab{y: 1, from: from, to: x, screen: i})
		x++
	}
	if f := r.filters[r.at]; f.Active() {
		label := "/" + f.Text
		if room := c.W() - x - 2; room > 6 {
			c.Clip(max(x+1, c.W()-1-grid.Width(label)), 0, room, theme.Match, label, "..")
		}
	}
}

// drawFoot is the last line: what is being typed, what was just said, what is
// being done, or the keys that work here.
func (r *Root) drawFoot(c *grid.Canvas) {
	switch {
	case r.prompt.open:
		r.prompt.draw(c)
		return
	case r.status.Text != "":
		label, style := r.statusLine()
		c.Clip(1, 0, c.W()-2, style, label, "..")
		return
	}
	hints := r.hints()
	// The last hint is the help: it stays when the others do not fit.
	last := hints[len(hints)-1]
	end := c.W() - 2 - grid.Width(last.FootLabel()) - grid.Width(last.Hint)
	drawHint(c, end, last)
	if r.busy.What != "" {
		end = r.drawBusy(c, end-2) - 1
	}
	x := 1
	for _, a := range hints[:len(hints)-1] {
		w := grid.Width(a.FootLabel()) + 1 + grid.Width(a.Hint)
		if x+w+2 > end {
			continue
		}
		x = drawHint(c, x, a) + 2
	}
}

func drawHint(c *grid.Canvas, x int, a screen.Action) int {
	x = c.Text(x, 0, theme.Key, a.FootLabel())
	return c.Text(x+1, 0, theme.Dim, a.Hint)
}

// hints are the actions that name themselves in the last line, help at the end.
func (r *Root) hints() []screen.Action {
	var out []screen.Action
	for _, a := range r.own(r.at) {
		if a.Hint != "" {
			out = append(out, a)
		}
	}
	for _, a := range r.global[1:] {
		if a.Hint != "" {
			out = append(out, a)
		}
	}
	return append(out, r.global[0])
}

// drawBusy writes what is being done before column end, and returns where it
// begins.
func (r *Root) drawBusy(c *grid.Canvas, end int) int {
	label := redact.Line(r.busy.What)
	w := min(grid.Width(label), c.W()/2)
	x := end - w
	c.Clip(x, 0, w, theme.Dim, label, "..")
	if r.busy.Part >= 0 {
		p := progress.New(progress.WithWidth(16), progress.WithFillCharacters(r.common.Set().Full, r.common.Set().Empty))
		x -= 17
		c.Styled(x, 0, p.ViewAs(r.busy.Part), styled)
		return x
	}
	if !r.opts.NoAnimation {
		x -= 2
		c.Styled(x, 0, r.spin.View(), func(string) grid.Style { return theme.Accent })
	}
	return x
}

// drawNotice is all that a very small terminal shows.
func (r *Root) drawNotice(c *grid.Canvas) {
	body := c.Rows(1, c.H()-1)
	say := r.common.Analysis.Sentence
	if say == "" {
		say = r.busy.What
	}
	body.Wrap(1, 0, body.W()-2, body.H()-1, theme.Strong, redact.Flat(say))
	body.Clip(1, body.H()-1, body.W()-1, theme.Warn, "need 60x18", "")
}
