// Package screen is what the root and the screens agree on: the Screen
// interface, the messages that all of them share, and the state (data, time
// cursor, range, glyphs) that they show in common. It imports no screen.
package screen

import (
	"time"

	tea "charm.land/bubbletea/v2"

	"tripcurve/internal/incident"
	"tripcurve/tui/glyph"
	"tripcurve/tui/grid"
)

// Screen is one page. Draw is a pure function of the screen and the canvas; it
// may keep what it drew.
type Screen interface {
	Title() string
	// Actions are what the screen can do, most useful first. The root turns keys
	// and commands into ActionMsg by this table, so an action is reachable both
	// ways and stands in the help.
	Actions() []Action
	Update(tea.Msg) (Screen, tea.Cmd)
	Draw(c *grid.Canvas) // the canvas knows its own width and height, in cells
}

// Capturer is a screen that sometimes wants every key raw (a value is being
// typed). While Capturing is true it gets tea.KeyPressMsg and tea.PasteMsg
// instead of actions; only ctrl+c stays the root's.
type Capturer interface{ Capturing() bool }

// Cursorer is a Capturer that shows the terminal's cursor, at cells of its canvas.
type Cursorer interface {
	Cursor() (x, y int, shown bool)
}

// EvidenceMsg brings a new view of the evidence and what follows from it.
type EvidenceMsg struct {
	Name     string // "INC-2847"
	View     *incident.View
	Analysis incident.Analysis
	Live     bool
	// Rows is the timeline of all this, worked out where no key waits for it; nil: it
	// was not.
	Rows *incident.Rows
}

// WrittenMsg brings all that people have written of the timeline; the evidence is the
// same.
type WrittenMsg struct{ Written *incident.Writings }

// SheetMsg opens a text over the screens.
type SheetMsg struct {
	Title string
	Parts []Part
}

// Part is a paragraph of a text: what is safe to show, each empty where there is none.
type Part struct {
	Head  string // a line that stands out, after a blank one
	Text  string // wrapped
	Quote string // as it was collected, with its lines; set apart
}

// Mark is an instant that somebody marked with a letter.
type Mark struct {
	Key rune // a-z, A-Z
	At  time.Time
}

// MarksMsg brings all marks, by letter.
type MarksMsg struct{ Marks []Mark }

// ZoneMsg says in which zone times are shown; nil is UTC.
type ZoneMsg struct{ Zone *time.Location }

// Rememberer is a screen with choices that are kept for the next time: how a list is
// sorted, what is shown of it. Recall takes what Remember gave, of this version or
// another, and leaves out what it does not know.
type Rememberer interface {
	Remember() map[string]string
	Recall(choices map[string]string) tea.Cmd
}

// Sourcer is a screen that can say what the number or the line looked at was read or
// worked out from.
type Sourcer interface {
	// Behind is the title and the text; no parts where nothing is selected.
	Behind() (title string, parts []Part)
}

// SaidMsg brings what was concluded of the incident before, to be shown until the
// evidence itself is there.
type SaidMsg struct {
	Sentence   string
	Impact     incident.Window // zero when nothing failed
	Confidence string
}

// FailedMsg is work that did not succeed. It is shown; nothing else happens.
type FailedMsg struct{ Err error }

// ActionMsg asks the focused screen for one of its actions.
type ActionMsg struct {
	Name string
	Args string // what followed the command's name; empty from a key
}

// CursorMsg moves the time cursor of all screens.
type CursorMsg struct{ At time.Time }

// RangeMsg changes the interval that time axes show on all screens.
type RangeMsg struct{ Window incident.Window }

// GlyphsMsg changes the characters that everything is drawn with.
type GlyphsMsg struct{ Level glyph.Level }

// TickMsg tells what time it is; it comes once a second while data is live.
type TickMsg struct{ Now time.Time }

// SizeMsg tells a screen the size of its canvas before it is drawn.
type SizeMsg struct{ W, H int }

// FullMsg says whether the focused pane alone is shown.
type FullMsg struct{ On bool }

// FilterMsg brings the filter of the focused screen; the zero Filter shows all.
type FilterMsg struct{ Filter Filter }

// ShowMsg goes to another screen, which is told what to show there.
type ShowMsg struct {
	Screen  string // its title, in any case
	Subject incident.Subject
	At      time.Time // zero: the time cursor stays
}

// FocusMsg is what the screen gone to is told.
type FocusMsg struct{ Subject incident.Subject }

// CopyMsg puts text on the clipboard. What names it: "the lock tree".
type CopyMsg struct{ Text, What string }

// StatusMsg is one line above the keys, until the next key.
type StatusMsg struct {
	Text string
	Bad  bool
}

// BusyMsg shows the spinner with what is being done; empty hides it. Part in
// 0..1 shows a progress bar as well, negative does not.
type BusyMsg struct {
	What string
	Part float64
}

// Copy is the command that sends a CopyMsg.
func Copy(text, what string) tea.Cmd { return send(CopyMsg{text, what}) }

// Show is the command that goes to another screen.
func Show(name string, subject incident.Subject, at time.Time) tea.Cmd {
	return send(ShowMsg{name, subject, at})
}

// Sheet is the command that opens a text.
func Sheet(title string, parts []Part) tea.Cmd { return send(SheetMsg{title, parts}) }

// MoveCursor is the command that moves the time cursor everywhere.
func MoveCursor(at time.Time) tea.Cmd { return send(CursorMsg{at}) }

// Say is the command that shows one line.
func Say(text string) tea.Cmd { return send(StatusMsg{Text: text}) }

// Fail is the command that shows an error.
func Fail(err error) tea.Cmd { return send(FailedMsg{err}) }

func send(m tea.Msg) tea.Cmd { return func() tea.Msg { return m } }
