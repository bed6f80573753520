package plot

import (
	"bytes"
	"errors"
	"fmt"
	"image/color"
	"strings"
	"time"

	xfont "golang.org/x/image/font"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"tripcurve/internal/incident"
	"tripcurve/internal/incident/cause"
	"tripcurve/internal/policy"
	"tripcurve/internal/redact"
	"tripcurve/sim"
)

// Strip is one breaker's state over time.
type Strip struct {
	Name  string
	Spans []StripSpan // in order of time; what lies between them is not known
}

// StripSpan is a time in one state.
type StripSpan struct {
	incident.Window
	State policy.State
}

// The colours of states stay apart also in grey; the height of the bar goes with them.
var (
	closedInk   = color.NRGBA{0xa9, 0xcf, 0xbb, 0xff}
	openInk     = color.NRGBA{0xb0, 0x2a, 0x1a, 0xff}
	halfOpenInk = color.NRGBA{0xe6, 0xa2, 0x3c, 0xff}
)

func stripInk(s policy.State) color.NRGBA {
	switch s {
	case policy.Open, policy.ForcedOpen, policy.ShutDown:
		return openInk
	case policy.HalfOpen:
		return halfOpenInk
	default: // it lets everything through
		return closedInk
	}
}

// Strips are the breakers that the evidence has counters of. Before its first
// transition a breaker was closed, for they begin so; outside of the samples nothing
// is known of it.
func Strips(v *incident.View) []Strip {
	var out []Strip
	for _, c := range cause.Circuits(v) {
		s := Strip{Name: redact.Line(c.Edge)}
		state, from := policy.Closed, c.Seen.From
		to := func(at time.Time, next policy.State) {
			if at.After(from) {
				s.Spans = append(s.Spans, StripSpan{incident.Window{From: from, To: at}, state})
			}
			state, from = next, at
		}
		for _, m := range c.Changes {
			to(m.At, map[string]policy.State{"open": policy.Open, "half_open": policy.HalfOpen}[m.State])
		}
		to(c.Seen.To, state)
		out = append(out, s)
	}
	return out
}

// StripsOf are the breakers of a simulated run.
func StripsOf(r *sim.Result) []Strip {
	var out []Strip
	end := r.Start.Add(r.Length)
	for _, b := range r.Breakers {
		s := Strip{Name: b.Edge}
		if b.Replica != "" {
			s.Name += ", " + b.Replica
		}
		state, from := policy.Closed, r.Start
		for _, c := range append(b.Changes[:len(b.Changes):len(b.Changes)], sim.BreakerChange{At: end}) {
			if c.At.After(from) {
				s.Spans = append(s.Spans, StripSpan{incident.Window{From: from, To: c.At}, state})
			}
			state, from = c.State, c.At
		}
		out = append(out, s)
	}
	return out
}

// The parts of a page of strips, in points.
const (
	stripPitch = 52
	stripName  = 130
	stripFoot  = 96 // the clock and the key
)

// BreakerStrips draws breakers over time, a strip for each. Without any it says so.
func BreakerStrips(title, said string, w incident.Window, strips []Strip, format string) ([]byte, error) {
	if w.Length() <= 0 {
		return nil, errors.New("plot: nothing to draw: no time range with data")
	}
	height := headHeight + stripPitch*vg.Length(max(1, len(strips))) + stripFoot
	canvas, out, err := page(format, height)
	if err != nil {
		return nil, err
	}
	c := draw.New(canvas)
	c.SetColor(color.White)
	c.Fill(c.Path())
	if said == "" {
		said = "each strip is one breaker, by its counters of transitions"
	}
	head(c, title+": breakers", said)
	left, right := c.Min.X+margin+stripName, c.Max.X-margin
	high, low := c.Max.Y-headHeight+14, c.Min.Y+margin+48
	x := func(at time.Time) vg.Length {
		return left + (right-left)*vg.Length(float64(at.Sub(w.From))/float64(w.Length()))
	}
	small, axis := style(9, xfont.WeightNormal, ink), draw.LineStyle{Color: quiet, Width: vg.Points(0.6)}
	for _, t := range (clockTicks{w, true}).Ticks(0, 0) {
		at := left + (right-left)*vg.Length((t.Value-seconds(w.From))/w.Length().Seconds())
		c.StrokeLine2(axis, at, low-4, at, low)
		c.FillText(small, vg.Point{X: at - small.Width(t.Label)/2, Y: low - 15}, t.Label)
	}
	c.StrokeLine2(axis, left, low, right, low)
	zone := style(9, xfont.WeightNormal, quiet)
	label := "UTC, " + w.From.UTC().Format(time.DateOnly)
	c.FillText(zone, vg.Point{X: (left+right)/2 - zone.Width(label)/2, Y: low - 28}, label)
	if len(strips) == 0 {
		none := "no data: no source counts what breakers do, and none was simulated"
		fill(c, gapFill, left, low+8, right, high-8)
		c.FillText(zone, vg.Point{X: (left+right)/2 - zone.Width(none)/2, Y: (low + high) / 2}, none)
	}
	pitch := (high - low) / vg.Length(max(1, len(strips)))
	const bar = 34
	for i, s := range strips {
		y := high - pitch*(vg.Length(i)+0.5)
		fill(c, gapFill, left, y-bar/2, right, y+bar/2)
		c.FillText(small, vg.Point{X: c.Min.X + margin, Y: y - 3}, fit(small, s.Name, stripName-8))
		for _, sp := range s.Spans {
			stripBar(c, sp, w, x, y, bar)
		}
	}
	at := left
	for _, state := range []policy.State{policy.Closed, policy.Open, policy.HalfOpen} {
		fill(c, stripInk(state), at, c.Min.Y+margin, at+14, c.Min.Y+margin+stripHeight(state, 10))
		word := strings.ReplaceAll(state.String(), "_", "-")
		c.FillText(small, vg.Point{X: at + 18, Y: c.Min.Y + margin + 1}, word)
		at += 30 + small.Width(word)
	}
	fill(c, gapFill, at, c.Min.Y+margin, at+14, c.Min.Y+margin+10)
	c.FillText(small, vg.Point{X: at + 18, Y: c.Min.Y + margin + 1}, "no data")
	var b bytes.Buffer
	if _, err := out.WriteTo(&b); err != nil {
		return nil, fmt.Errorf("plot as %s: %w", format, err)
	}
	return b.Bytes(), nil
}

// stripHeight is higher for what lets fewer calls through, so that a strip reads
// without colours.
func stripHeight(s policy.State, bar vg.Length) vg.Length {
	switch stripInk(s) {
	case closedInk:
		return bar * 0.35
	case halfOpenInk:
		return bar * 0.7
	}
	return bar
}

// stripBar is one time in one state, from the strip's foot upwards. A moment is at
// least as wide as can be seen.
func stripBar(c draw.Canvas, sp StripSpan, w incident.Window, x func(time.Time) vg.Length, y, bar vg.Length) {
	in := sp.Meet(w)
	if in.Length() == 0 {
		return
	}
	lo, hi := x(in.From), x(in.To)
	fill(c, color.White, lo, y-bar/2, hi, y+bar/2) // known
	if sp.State != policy.Closed {
		hi = max(hi, lo+1.2)
	}
	fill(c, stripInk(sp.State), lo, y-bar/2, hi, y-bar/2+stripHeight(sp.State, bar))
	if sp.State != policy.Open {
		return
	}
	said := style(8.5, xfont.WeightBold, color.White)
	for _, label := range []string{"open " + length(in.Length()), length(in.Length())} {
		if said.Width(label)+4 < hi-lo {
			c.FillText(said, vg.Point{X: (lo+hi)/2 - said.Width(label)/2, Y: y - 3}, label)
			return
		}
	}
}
