package screen

import (
	"time"

	tea "charm.land/bubbletea/v2"

	"tripcurve/internal/incident"
	"tripcurve/tui/glyph"
	"tripcurve/tui/text"
)

// MinW and MinH are the columns and rows that the screens need.
const MinW, MinH = 60, 18

// Common is the state that all screens share. A screen embeds it and hands it
// every message first.
type Common struct {
	Name     string
	View     *incident.View // nil before the first evidence
	Analysis incident.Analysis
	Rows     *incident.Rows // the timeline
	Said     SaidMsg        // concluded before; shown while there is no View
	Live     bool
	Version  uint64 // rises with every new view

	Cursor time.Time       // the time cursor; zero before the first evidence
	Range  incident.Window // what time axes show
	Now    time.Time       // of the last tick; zero when nothing is live
	Glyphs glyph.Level
	Full   bool // the focused pane alone
	Filter Filter
	Marks  []Mark         // of the time axis, by letter
	Zone   *time.Location // of the times shown; nil: UTC
	W, H   int            // of the canvas
}

// Apply takes in a shared message and says whether it was one.
func (c *Common) Apply(msg tea.Msg) bool {
	switch msg := msg.(type) {
	case EvidenceMsg:
		c.Name, c.View, c.Analysis, c.Rows, c.Live = msg.Name, msg.View, msg.Analysis, msg.Rows, msg.Live
		if c.Rows == nil && c.View != nil {
			c.Rows = incident.NewRows(c.View, c.Analysis)
		}
		c.Version++
	case SaidMsg:
		c.Said = msg
	case CursorMsg:
		c.Cursor = msg.At
	case RangeMsg:
		c.Range = msg.Window
	case GlyphsMsg:
		c.Glyphs = msg.Level
	case TickMsg:
		c.Now = msg.Now
	case FullMsg:
		c.Full = msg.On
	case ZoneMsg:
		c.Zone = msg.Zone
	case MarksMsg:
		c.Marks = msg.Marks
	case FilterMsg:
		c.Filter = msg.Filter
	case SizeMsg:
		c.W, c.H = msg.W, msg.H
	default:
		return false
	}
	return true
}

// Clock is an instant of the day as the screens show it.
func (c *Common) Clock(t time.Time) string { return text.ClockIn(t, c.Zone) }

// In is an instant in the zone that the screens show, for its date.
func (c *Common) In(t time.Time) time.Time {
	if c.Zone == nil {
		return t.UTC()
	}
	return t.In(c.Zone)
}

// Set is the characters to draw with.
func (c *Common) Set() *glyph.Set { return c.Glyphs.Set() }

// Step is one step of the time cursor at the present range: a round number of
// seconds, some two hundred to the range.
func (c *Common) Step() time.Duration { return StepFor(c.Range.Length(), 200) }

// StepFor is the smallest round step that cuts a length into at most n; beyond half a
// day whole days are round enough.
func StepFor(length time.Duration, n int) time.Duration {
	for _, s := range []time.Duration{1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 21600, 43200} {
		if s *= time.Second; length <= s*time.Duration(max(1, n)) {
			return s
		}
	}
	days := length / time.Duration(max(1, n)) / (24 * time.Hour)
	return (days + 1) * 24 * time.Hour
}

// MoveTime does a TimeMoves action; the second result is false for any other.
func (c *Common) MoveTime(action string) (tea.Cmd, bool) {
	n := 0
	switch action {
	case "earlier":
		n = -1
	case "later":
		n = 1
	case "earlier-far":
		n = -10
	case "later-far":
		n = 10
	default:
		return nil, false
	}
	if c.View == nil {
		return nil, true
	}
	step := c.Step()
	at := c.Cursor.Truncate(step).Add(time.Duration(n) * step)
	w := c.Range
	if at.Before(w.From) {
		at = w.From
	}
	if !at.Before(w.To) {
		at = w.To
	}
	return MoveCursor(at), true
}
