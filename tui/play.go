package tui

import (
	"strconv"
	"time"

	tea "charm.land/bubbletea/v2"

	"tripcurve/tui/screen"
)

// speeds are how many seconds of the recording pass in one.
var speeds = []int{1, 2, 5, 10, 30, 60}

// frameOfPlay is the time between two steps of the time cursor: four a second, for slow
// links.
const frameOfPlay = 250 * time.Millisecond

// playMsg moves the time cursor on while a recording plays. run tells it from one of a
// play that was stopped.
type playMsg struct {
	at  time.Time
	run int
}

// after is a timer's command; tests, which run commands to their end, do without.
var after = tea.Tick

// player plays a recording.
type player struct {
	on    bool
	run   int       // which play it is
	speed int       // index into speeds
	last  time.Time // of the step before; zero at the first
}

func (p *player) label() string { return strconv.Itoa(speeds[p.speed]) + "x" }

// play starts a recording at the time cursor, or stops it.
func (r *Root) play() tea.Cmd {
	p := &r.player
	if r.common.View == nil {
		return screen.Say("there is nothing to play yet")
	}
	p.on = !p.on
	if !p.on {
		return screen.Say("stopped; space plays on")
	}
	p.run++
	p.last = time.Time{}
	var cmd tea.Cmd
	if !r.common.Cursor.Before(sampled(r.common.View)) { // again from where the axes begin
		cmd = r.moveCursor(r.common.Range.From)
	}
	return tea.Batch(cmd, p.next(), screen.Say("playing at "+p.label()+"; } faster, { slower, space stops"))
}

func (p *player) next() tea.Cmd {
	run := p.run
	return after(frameOfPlay, func(t time.Time) tea.Msg { return playMsg{t, run} })
}

// played moves the time cursor by the time that has passed, so that a slow terminal
// plays no slower.
func (r *Root) played(msg playMsg) tea.Cmd {
	p := &r.player
	if !p.on || msg.run != p.run {
		return nil
	}
	passed := frameOfPlay
	if !p.last.IsZero() {
		passed = max(0, min(msg.at.Sub(p.last), time.Second))
	}
	p.last = msg.at
	to := r.common.Cursor.Add(passed * time.Duration(speeds[p.speed]))
	if end := r.common.View.Window.To; !to.Before(end) {
		p.on = false
		return tea.Batch(r.moveCursor(end), screen.Say("the end of the recording"))
	}
	return tea.Batch(r.moveCursor(to), p.next())
}

// faster changes the speed by one step; d is +1 or -1.
func (r *Root) faster(d int) tea.Cmd {
	p := &r.player
	p.speed = max(0, min(p.speed+d, len(speeds)-1))
	return screen.Say("plays at " + p.label() + " (1x to 60x)")
}

// newest goes to the newest evidence, and stays there while more comes in.
func (r *Root) newest() tea.Cmd {
	if r.common.View == nil {
		return screen.Say("there is no evidence yet")
	}
	cmd := r.moveCursor(sampled(r.common.View))
	r.follow = r.common.Live
	return cmd
}
