package tune

import (
	"fmt"
	"time"

	"tripcurve/internal/incident"
	"tripcurve/internal/policy"
	"tripcurve/sim"
	"tripcurve/tui/chart"
	"tripcurve/tui/grid"
	"tripcurve/tui/theme"
)

// drawChart draws orders not served: as recorded, as simulated, and as it would
// have been.
func (s *Screen) drawChart(c *grid.Canvas) {
	title := fmt.Sprintf("orders failed per minute, as they ended, seed %d", s.runs.seeds[0])
	room := c.W()
	if l := s.layout(s.W, s.H); l.legend.y == l.chart.y {
		room -= len(stripLegend) + 2
	}
	if room < grid.Width(title)+38 && room < c.W() || room < grid.Width(title) {
		title = fmt.Sprintf("orders failed/min, seed %d", s.runs.seeds[0])
	}
	head := 0
	switch narrow := room < grid.Width(title)+38; {
	case c.H() > 5 && !narrow:
		head = 1
	case c.H() > 6:
		head = 2
	}
	body := c.Sub(0, head, c.W(), c.H()-head)
	key := chart.Key{Version: s.Version, Extra: s.runs.version, Window: s.window(), Zone: s.Zone, Glyphs: s.Glyphs}
	s.cache.Draw(&body, key, s.Common.Cursor, s.Marks, s.curve)
	x := 0
	if head > 0 {
		x = c.Text(0, 0, theme.Dim, title) + 3
	}
	switch head {
	case 1:
		s.cache.Chart().Legend(c, x, 0)
	case 2:
		s.cache.Chart().Legend(c, 0, 1)
	}
}

// window is the time that the curve shows: the simulation's.
func (s *Screen) window() incident.Window {
	sc := s.opt.Scenario
	return incident.Window{From: sc.Start, To: sc.Start.Add(sc.Length)}
}

func (s *Screen) curve() *chart.Chart {
	ch := &chart.Chart{Window: s.window(), Glyphs: s.Glyphs, Unit: "/min"}
	now, this := s.runs.shown()
	if s.runs.changed() && this != nil {
		name := "this"
		if !s.runs.fresh() { // of the settings before, or a part of the night
			name += s.Set().More
		}
		ch.Series = append(ch.Series, chart.Series{
			Name: name, Key: 't', Style: theme.Data2, From: this.Start, Step: step, Values: notServed(this),
		})
	}
	if now != nil {
		ch.Series = append(ch.Series, chart.Series{
			Name: s.runs.base(), Key: 'n', Style: theme.Data1, Pattern: chart.Dashed, From: now.Start, Step: step, Values: notServed(now),
		})
		if now.LockTo.After(now.LockFrom) {
			ch.Bands = []chart.Band{{From: now.LockFrom, To: now.LockTo, Label: "lock"}}
		}
	}
	if s.ours() {
		orders := incident.Endpoint{Method: "POST", Route: "/api/orders"}
		w := s.window()
		recorded := s.View.Rate(func(b incident.Bucket) bool { return b.Endpoint == orders && b.Failed() }, w, step, true)
		for i := range recorded {
			recorded[i] *= perMinute
		}
		ch.Series = append(ch.Series, chart.Series{
			Name: "log", Key: 'l', Style: theme.Data6, Pattern: chart.Dotted, From: w.From, Step: step, Values: recorded,
		})
	}
	return ch
}

// step is how much time one value of the curve covers.
const (
	step      = 10 * time.Second
	perMinute = float64(time.Minute / step)
)

// notServed is the rate per minute, in each step, of checkouts that ended
// without having been served.
func notServed(r *sim.Result) []float64 {
	per := int(step / time.Second)
	out := make([]float64, (len(r.Failed)+per-1)/per)
	for i := range r.Failed {
		n := r.Failed[i]
		if i < len(r.Late) {
			n += r.Late[i]
		}
		if i < len(r.Rejected) {
			n += r.Rejected[i]
		}
		out[i/per] += perMinute * float64(n)
	}
	return out
}

// drawStrip draws the states of the chosen edge's breaker under the curve.
func (s *Screen) drawStrip(c *grid.Canvas) {
	_, this := s.runs.shown()
	if this == nil {
		return
	}
	from, w := 0, c.W()
	if ch := s.cache.Chart(); ch != nil && c.H() > 0 {
		if x, ok := ch.Column(s.window().From); ok {
			from = x
		}
		if x, ok := ch.Column(s.window().To); ok {
			w = min(w, x+1)
		}
	}
	track := s.track(this)
	if track == nil {
		c.Clip(0, 0, c.W(), theme.Dim, "no breaker on this edge", s.Set().More)
		return
	}
	if from < 4 {
		from = c.Text(0, 0, theme.Dim, "breaker ")
	} else {
		c.Text(0, 0, theme.Dim, "brk")
	}
	length := s.window().Length()
	known := incident.Window{From: this.Start, To: this.Start.Add(this.Length)} // a draft is of a part of the night
	for x := from; x < w; x++ {
		lo := s.window().From.Add(time.Duration(float64(length) * float64(x-from) / float64(w-from)))
		hi := s.window().From.Add(time.Duration(float64(length) * float64(x-from+1) / float64(w-from)))
		if known.Meet(incident.Window{From: lo, To: hi}).Length() == 0 {
			continue
		}
		r, style := stateAt(track, lo, hi)
		c.Set(x, 0, r, style)
	}
}

// track is what the chosen edge's breaker did; nil where there is none. One that stayed
// closed all night has left no track.
func (s *Screen) track(r *sim.Result) *sim.BreakerTrack {
	for i := range r.Breakers {
		if r.Breakers[i].Edge == s.edgeName() {
			return &r.Breakers[i]
		}
	}
	if s.policy().Breaker.Library != "" {
		return &sim.BreakerTrack{Edge: s.edgeName()}
	}
	return nil
}

// stripLegend is what the strip's signs mean.
const stripLegend = "# closed  . open  ~ half-open too"

func (s *Screen) drawStripLegend(c *grid.Canvas) {
	if _, this := s.runs.shown(); this == nil || s.track(this) == nil {
		return
	}
	x := c.Text(0, 0, theme.OK, "#")
	x = c.Text(x, 0, theme.Dim, " closed  ")
	x = c.Text(x, 0, theme.Crit, ".")
	x = c.Text(x, 0, theme.Dim, " open  ")
	x = c.Text(x, 0, theme.Warn, "~")
	c.Text(x, 0, theme.Dim, " half-open too")
}

// stateAt is the state of the breaker in [lo, hi) that tells most: half-open when
// it was that at all, else open, else closed. A column may stand for more than a
// minute, in which a probe is lost otherwise.
func stateAt(t *sim.BreakerTrack, lo, hi time.Time) (rune, grid.Style) {
	state, halfOpen, open := policy.Closed, false, false
	see := func() {
		halfOpen = halfOpen || state == policy.HalfOpen
		open = open || state == policy.Open || state == policy.ForcedOpen || state == policy.ShutDown
	}
	for _, ch := range t.Changes {
		if !ch.At.Before(hi) {
			break
		}
		if ch.At.After(lo) {
			see() // the state before the change reached into the column
		}
		state = ch.State
	}
	see()
	switch {
	case halfOpen:
		return '~', theme.Warn
	case open:
		return '.', theme.Crit
	}
	return '#', theme.OK
}
