// Package demo leads through the bundled incident: it presses the keys of a script on
// the real screens and says under them what one sees. Who presses a key of their own
// has the screens from then on.
package demo

import (
	"fmt"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/colorprofile"
	"github.com/charmbracelet/x/ansi"

	"tripcurve/tui/grid"
	"tripcurve/tui/screen"
	"tripcurve/tui/theme"
)

// bar is how many rows the caption takes below the screens.
const bar = 5

const (
	// keyGap is how long a pressed key is left to be seen.
	keyGap = 700 * time.Millisecond
	// patience is how long a step waits for what it speaks of; then it is told all the
	// same, for a terminal may be too narrow to show it.
	patience = 30 * time.Second
)

// reading is how long a caption is left to be read: 180 words a minute, and a moment
// to look up.
func reading(caption string) time.Duration {
	return 2500*time.Millisecond + time.Duration(len(strings.Fields(caption)))*330*time.Millisecond
}

// Demo is the tour around the screens.
type Demo struct {
	screens tea.Model
	speed   float64
	theme   *theme.Theme
	auto    bool // the theme follows the terminal's background
	profile colorprofile.Profile

	w, h   int
	at     int // the step
	keys   int // of it, pressed already
	told   bool
	paused bool
	over   bool // the screens belong to whoever sits there
	gen    int  // of the timer under way; an older one's message is dropped

	grid grid.Grid
	text string // the frame: the screens above the bar
	of   string // the screens' part of it
	said string // what the bar's part was drawn from
	buf  []byte
}

// timeMsg is the end of a wait.
type timeMsg struct{ gen int }

// Around puts the tour around screens that show INC-2847, for tui.Options. speed 1 is
// for reading along; it must be above 0. An unknown theme is the first one.
func Around(speed float64, themeName string) func(tea.Model) tea.Model {
	return func(screens tea.Model) tea.Model { return newDemo(screens, speed, themeName) }
}

func newDemo(screens tea.Model, speed float64, themeName string) *Demo {
	t, err := theme.ByName(themeName)
	if err != nil {
		t = theme.All()[0]
	}
	return &Demo{screens: screens, speed: speed, theme: t, auto: themeName == "" || themeName == "auto", profile: colorprofile.TrueColor}
}

// Init begins with the first step.
func (d *Demo) Init() tea.Cmd { return tea.Batch(d.screens.Init(), d.wait(patience)) }

// Update leads on, or hands keys to the screens.
func (d *Demo) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	switch msg := msg.(type) {
	case tea.WindowSizeMsg:
		d.w, d.h = msg.Width, msg.Height
		return d, d.resize()
	case tea.ColorProfileMsg:
		d.profile, d.said = msg.Profile, ""
	case tea.BackgroundColorMsg:
		if light, err := theme.ByName("light"); d.auto && !msg.IsDark() && err == nil {
			d.theme, d.said = light, ""
		}
	case tea.KeyPressMsg:
		if !d.over {
			return d, d.key(msg)
		}
	case timeMsg:
		if msg.gen != d.gen || d.over || d.paused {
			return d, nil
		}
		return d, d.next()
	}
	cmd := d.tell(msg)
	if !d.over && !d.told && d.shown() {
		return d, tea.Batch(cmd, d.say())
	}
	return d, cmd
}

// tell gives a message to the screens.
func (d *Demo) tell(msg tea.Msg) (cmd tea.Cmd) {
	d.screens, cmd = d.screens.Update(msg)
	return cmd
}

// resize gives the screens what the bar leaves.
func (d *Demo) resize() tea.Cmd {
	h := d.h
	if !d.over { // where the bar leaves the screens fewer rows than they need, it covers their last ones
		h = max(min(h, screen.MinH), h-bar)
	}
	return d.tell(tea.WindowSizeMsg{Width: d.w, Height: h})
}

// key is a key of whoever looks on. But for those that the bar names it ends the tour
// and goes where it would have gone.
func (d *Demo) key(msg tea.KeyPressMsg) tea.Cmd {
	switch msg.String() {
	case "ctrl+c", "q":
		return tea.Quit
	case "space":
		d.paused = !d.paused
		if d.paused {
			return nil
		}
		return d.wait(0)
	case "enter":
		d.paused = false
		return d.next()
	}
	d.over = true
	return tea.Batch(d.resize(), d.tell(msg))
}

// next is the next thing to do: a key of this step, its caption, the step after it.
func (d *Demo) next() tea.Cmd {
	s := script[d.at]
	switch {
	case d.keys < len(s.keys):
		cmd := d.tell(press(s.keys[d.keys]))
		d.keys++
		if d.keys < len(s.keys) {
			return tea.Batch(cmd, d.wait(keyGap))
		}
		if d.shown() {
			return tea.Batch(cmd, d.say())
		}
		return tea.Batch(cmd, d.wait(patience))
	case !d.told:
		return d.say()
	case d.at+1 == len(script):
		d.over = true
		return d.resize()
	}
	d.at, d.keys, d.told = d.at+1, 0, false
	if len(script[d.at].keys) == 0 {
		return d.wait(patience)
	}
	return d.wait(0)
}

// say shows the caption for as long as it takes to read.
func (d *Demo) say() tea.Cmd {
	d.told = true
	return d.wait(reading(script[d.at].say))
}

// wait asks for what is next after a while. patience is not shortened by speed, for a
// simulation takes as long as it takes.
func (d *Demo) wait(long time.Duration) tea.Cmd {
	d.gen++
	gen := d.gen
	if long != patience {
		long = time.Duration(float64(long) / d.speed)
	}
	return tea.Tick(long, func(time.Time) tea.Msg { return timeMsg{gen} })
}

// shown says whether all keys of the step are pressed and what it speaks of is on the
// screen.
func (d *Demo) shown() bool {
	s := script[d.at]
	return d.keys == len(s.keys) && has(d.screens.View().Content, s.until)
}

// has says whether a frame shows a text, however it is spaced.
func has(frame, text string) bool {
	flat := strings.Join(strings.Fields(ansi.Strip(frame)), " ")
	return strings.Contains(strings.ReplaceAll(flat, "> deadline", "▸ deadline"), text)
}

// press is a key of the script as the terminal would send it.
func press(key string) tea.KeyPressMsg {
	r := []rune(key)[0]
	return tea.KeyPressMsg{Code: r, Text: key}
}

// View is the screens, and the bar below them.
func (d *Demo) View() tea.View {
	v := d.screens.View()
	if d.over || d.h <= bar || d.w == 0 {
		return v
	}
	if said := d.caption() + "\n" + d.state() + fmt.Sprint(d.w); said != d.said || v.Content != d.of {
		d.said, d.of = said, v.Content
		d.grid.Resize(d.w, bar)
		d.draw(d.grid.Canvas())
		d.buf = append(d.buf[:0], firstLines(v.Content, d.h-bar)...)
		d.buf = d.grid.Append(append(d.buf, '\n'), d.theme.Table(d.profile))
		d.text = string(d.buf)
	}
	v.Content = d.text
	return v
}

// firstLines are the first n lines of a frame, each of which ends in no style.
func firstLines(frame string, n int) string {
	for i := range len(frame) {
		if frame[i] != '\n' {
			continue
		}
		if n--; n == 0 {
			return frame[:i]
		}
	}
	return frame
}

// caption is what is told, or what is being waited for.
func (d *Demo) caption() string {
	if d.told {
		return script[d.at].say
	}
	return ""
}

func (d *Demo) state() string {
	state := fmt.Sprintf("tour %d/%d", d.at+1, len(script))
	if keys := script[d.at].keys[:d.keys]; len(keys) > 0 {
		state += "  pressed " + strings.Join(keys, " ")
	}
	if d.paused {
		state += "  PAUSED"
	}
	return state
}

func (d *Demo) draw(c *grid.Canvas) {
	c.Fill(0, 0, c.W(), 1, '=', theme.Faint)
	c.Text(1, 0, theme.Accent, " "+d.state()+" ")
	c.Wrap(1, 1, c.W()-2, bar-2, theme.Strong, d.caption())
	x, last := 1, [2]string{"any other key", "the screens are yours"}
	if c.W() < 70 {
		last = [2]string{"other keys", "end it"}
	}
	for _, hint := range [][2]string{{"space", "pause"}, {"enter", "next"}, {"q", "quit"}, last} {
		if d.paused && hint[0] == "space" {
			hint[1] = "go on"
		}
		x = c.Text(x, bar-1, theme.Key, hint[0]) + 1
		x = c.Text(x, bar-1, theme.Dim, hint[1]) + 2
	}
}
