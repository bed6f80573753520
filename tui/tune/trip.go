package tune

import (
	"context"
	"errors"
	"fmt"
	"math"
	"reflect"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"

	"tripcurve/internal/incident"
	"tripcurve/internal/redact"
	"tripcurve/sim/curve"
	"tripcurve/tui/chart"
	"tripcurve/tui/grid"
	"tripcurve/tui/screen"
	"tripcurve/tui/text"
	"tripcurve/tui/theme"
)

// picture is what the chart's place shows.
type picture uint8

const (
	orders picture = iota // orders failed over time
	hangs                 // the trip curve of hanging calls
	errs                  // that of calls answered with an error
	front                 // what the sweep found, once it has
	pictures
)

// trips are the trip curves of the chosen edge: its breaker now and as it would
// be. They are computed away from the event loop; a move begins a new generation,
// and the answer of an older one is dropped.
type trips struct {
	ctx    context.Context
	gen    uint64
	cancel context.CancelFunc
	wanted wanted
	res    *curve.Result // nil until the first answer
	shown  wanted        // what res is of
	err    error
}

// wanted is what trip curves are of.
type wanted struct {
	rate     float64 // calls per second of the edge
	settings []curve.Setting
}

// tripMsg is an answer.
type tripMsg struct {
	gen uint64
	of  wanted
	res *curve.Result
	err error
}

// thisName names the setting as it would be; the other has the name of what is
// compared with.
const thisName = "this"

// tripHorizon is how long is waited for a breaker to open: a little longer than the
// lock of the bundled incident was held.
const tripHorizon = 5 * time.Minute

// tripOptions are few enough runs for an answer while a knob is still held down.
func tripOptions(rate float64) curve.Options {
	o := curve.Defaults()
	o.Rate, o.Horizon, o.Shares, o.Workers = rate, tripHorizon, curve.Shares(30), 1
	o.Timeout = 0 // what the edge does not end, nothing ends
	o.Healthy = []float64{tripHealthy}
	// A pipeline of many calls need not be watched for a day to tell its false trips.
	o.HealthyLength = min(o.HealthyLength, time.Duration(100_000/rate*float64(time.Second)))
	return o
}

// tripHealthy is the share of calls that fails on a healthy day.
const tripHealthy = 0.01

// want is what the trip curves of the chosen edge are of now.
func (s *Screen) want() wanted {
	w := wanted{rate: s.rate()}
	now, this := curve.OfPolicy(s.runs.base(), s.compared()), curve.OfPolicy(thisName, s.policy())
	same := now
	same.Name = thisName
	for _, set := range []curve.Setting{this, now} {
		if set.Name == now.Name && reflect.DeepEqual(same, this) {
			continue
		}
		if set.Check() == nil {
			w.settings = append(w.settings, set)
		}
	}
	return w
}

// rate is the calls per second on the chosen edge while all is well.
func (s *Screen) rate() float64 {
	sc := s.opt.Scenario
	ramp := sc.Checkouts
	switch s.edgeName() {
	case "gateway.order_read":
		ramp = sc.OrderReads
	case "gateway.inventory":
		ramp = sc.InventoryReads
	case "inventory.postgres":
		ramp.From += sc.InventoryReads.From
		ramp.To += sc.InventoryReads.To
	}
	return (ramp.From + ramp.To) / 2
}

// retrip begins to compute the trip curves when they are looked at and not those
// that are there or under way.
func (s *Screen) retrip() tea.Cmd {
	t := &s.trips
	if !s.visited || s.picture == front || !s.layout(s.W, s.H).trips(s.picture) {
		return nil
	}
	w := s.want()
	if t.gen > 0 && reflect.DeepEqual(w, t.wanted) {
		return nil
	}
	if t.cancel != nil {
		t.cancel()
	}
	t.gen++
	t.wanted, t.err = w, nil
	if len(w.settings) == 0 || w.rate <= 0 {
		t.res, t.shown, t.cancel = nil, w, nil
		return nil
	}
	ctx, cancel := context.WithCancel(t.ctx)
	t.cancel = cancel
	gen, o := t.gen, tripOptions(w.rate)
	return func() tea.Msg {
		res, err := curve.Compute(ctx, w.settings, o, nil)
		return tripMsg{gen, w, res, err}
	}
}

func (t *trips) done(msg tripMsg) tea.Cmd {
	if msg.gen != t.gen {
		return nil
	}
	t.cancel()
	t.cancel = nil
	switch {
	case msg.err != nil && errors.Is(msg.err, context.Canceled):
		return nil
	case msg.err != nil:
		t.err = msg.err
		return screen.Fail(msg.err)
	}
	t.res, t.shown = msg.res, msg.of
	return nil
}

// share is how much of the incident's calls on the chosen edge failed, from the
// first failure to the last; 0 where nothing was recorded.
func (s *Screen) share() float64 {
	if s.View == nil {
		return 0
	}
	key := shareKey{s.Version, s.edge}
	if s.shared.key == key && s.shared.known {
		return s.shared.share
	}
	of := incident.Endpoint{Method: "POST", Route: "/api/orders"}
	switch s.edgeName() {
	case "gateway.order_read":
		of = incident.Endpoint{Method: "GET", Route: "/api/orders/:id"}
	case "gateway.inventory":
		of = incident.Endpoint{Method: "GET", Route: "/api/inventory/:sku"}
	case "gateway.payment":
		of = incident.Endpoint{Method: "POST", Route: "/api/payments/intent"}
	}
	var first, last time.Time
	s.View.EachBucket(incident.Window{}, func(b *incident.Bucket) {
		if b.Endpoint == of && b.Failed() && b.Started > 0 {
			if first.IsZero() || b.At.Before(first) {
				first = b.At
			}
			if b.At.After(last) {
				last = b.At
			}
		}
	})
	failed, all := int64(0), int64(0)
	s.View.EachBucket(incident.Window{}, func(b *incident.Bucket) {
		if b.Endpoint == of && !first.IsZero() && !b.At.Before(first) && !b.At.After(last) {
			all += b.Started
			if b.Failed() {
				failed += b.Started
			}
		}
	})
	s.shared.key, s.shared.known, s.shared.share = key, true, 0
	if all > 0 {
		s.shared.share = float64(failed) / float64(all)
	}
	return s.shared.share
}

type shareKey struct {
	version uint64
	edge    int
}

// shared keeps the incident's failing share until the evidence or the edge changes.
type shared struct {
	key   shareKey
	known bool
	share float64
}

// mode is the way of failing that the trip curve shows.
func (s *Screen) mode() curve.Mode {
	if s.picture == errs {
		return curve.Errors
	}
	return curve.Hangs
}

// curveOf is the curve of a setting, nil when there is none.
func (s *Screen) curveOf(name string) *curve.Curve {
	if s.trips.res == nil {
		return nil
	}
	for i := range s.trips.res.Curves {
		c := &s.trips.res.Curves[i]
		if c.Setting.Name == name && c.Mode == s.mode() {
			return c
		}
	}
	return nil
}

// drawTrip draws the trip curve and, in its last two rows, what it says at the
// incident's own failing share.
func (s *Screen) drawTrip(c *grid.Canvas) {
	t := &s.trips
	title := "opens after, if calls hang"
	if s.mode() == curve.Errors {
		title = "opens after, if calls fail at once"
	}
	if long := fmt.Sprintf("%s; %s calls/s", title, text.Number(t.wanted.rate)); grid.Width(long)+22 <= c.W() {
		title = long
	}
	this, now := s.curveOf(thisName), s.curveOf(s.runs.base())
	x := c.Clip(0, 0, c.W(), theme.Dim, title, s.Set().More) + 2
	said := c.Sub(0, c.H()-2, c.W(), 2)
	switch {
	case t.err != nil:
		c.Wrap(0, 2, c.W(), 3, theme.Crit, redact.Flat(t.err.Error()))
		return
	case len(t.wanted.settings) == 0:
		c.Wrap(0, 2, c.W(), 4, theme.Dim, "this edge has no breaker, so nothing opens: choose a library above")
		return
	case t.res == nil:
		c.Text(0, 2, theme.Dim, "computing ...")
		return
	}
	body := c.Sub(0, 1, c.W(), c.H()-3)
	if legend := 20; now != nil && this != nil {
		if x+legend > c.W() {
			if c.H() > 8 {
				body = c.Sub(0, 2, c.W(), c.H()-4)
				s.drawTripLegend(c, 0, 1)
			}
		} else {
			s.drawTripLegend(c, c.W()-legend, 0)
		}
	}
	s.logLog(this, now).Draw(&body)
	s.drawTripSays(&said, this, now)
}

func (s *Screen) drawTripLegend(c *grid.Canvas, x, y int) {
	ch := chart.Chart{Glyphs: s.Glyphs, Series: []chart.Series{
		{Name: thisName, Key: 't', Style: theme.Data2}, {Name: s.runs.base(), Key: 'n', Style: theme.Data1, Pattern: chart.Dashed},
	}}
	ch.Legend(c, x, y)
}

func (s *Screen) logLog(this, now *curve.Curve) *chart.LogLog {
	ch := &chart.LogLog{
		Left: 0.01, Right: 1, Top: tripHorizon.Seconds(), Lanes: "never", Glyphs: s.Glyphs,
		XTicks: []chart.Tick{{At: 0.01, Label: "1 %"}, {At: 0.1, Label: "10 %"}, {At: 0.5, Label: "50 %"}, {At: 0.25, Label: "25 %"}, {At: 0.03, Label: "3 %"}},
		YTicks: []chart.Tick{
			{At: tripHorizon.Seconds(), Label: "5m"},
			{At: 60, Label: "1m"},
			{At: 10, Label: "10s"},
			{At: 1, Label: "1s"},
			{At: 0.1, Label: "0.1s"},
			{At: 0.01, Label: "10ms"},
			{At: 30, Label: "30s"},
			{At: 3, Label: "3s"},
			{At: 0.3, Label: "0.3s"},
			{At: 0.03, Label: "30ms"},
			{At: 0.001, Label: "1ms"},
		},
	}
	if share := s.share(); share > 0 {
		ch.Mark, ch.MarkLabel = share, "incident "+percent(share)
	}
	lowest := tripHorizon.Seconds() / 10
	add := func(c *curve.Curve, key rune, style grid.Style, pattern chart.Pattern, band bool) {
		if c == nil {
			return
		}
		line := chart.Curve{Key: key, Style: style, Pattern: pattern}
		for _, p := range c.Points {
			line.X = append(line.X, p.Share)
			line.Y = append(line.Y, value64(p.OpenAfter(0.5), math.NaN()))
			lo := value64(p.OpenAfter(0.05), math.NaN())
			if lo > 0 && lo < lowest {
				lowest = lo
			}
			if band {
				line.Low = append(line.Low, lo)
				line.High = append(line.High, value64(p.OpenAfter(0.95), math.Inf(1)))
			}
		}
		ch.Curves = append(ch.Curves, line)
	}
	key := 't'
	if now == nil && reflect.DeepEqual(s.compared(), s.policy()) {
		key = 'n'
	}
	add(this, key, theme.Data2, chart.Solid, true)
	add(now, 'n', theme.Data1, chart.Dashed, false)
	for _, t := range ch.YTicks {
		if t.At <= lowest && t.At > ch.Bottom {
			ch.Bottom = t.At
		}
	}
	return ch
}

// value64 is d in seconds, or what stands for never.
func value64(d time.Duration, never float64) float64 {
	if d == curve.Never {
		return never
	}
	return max(d.Seconds(), 0.001)
}

// drawTripSays tells the curves' values at the incident's failing share, and the
// false trips.
func (s *Screen) drawTripSays(c *grid.Canvas, this, now *curve.Curve) {
	share := s.share()
	if share == 0 {
		share = 1
	}
	var parts []string
	for _, k := range []*curve.Curve{this, now} {
		if k != nil {
			parts = append(parts, openAt(k, share))
		}
	}
	switch {
	case now != nil:
		parts[len(parts)-1] = s.runs.base() + " " + parts[len(parts)-1]
	case s.compared().Breaker.Library == "":
		parts = append(parts, s.runs.base()+" no breaker")
	}
	line := "at " + percent(share) + ": " + strings.Join(parts, ", ")
	if this != nil {
		n := this.Points[nearest(this, share)].Calls(0.5)
		if more := fmt.Sprintf("%s; %s calls let in", line, text.Count(int64(math.Round(n)))); grid.Width(more) <= c.W() {
			line = more
		}
	}
	style := theme.Text
	if this != nil && this.Mode == curve.Hangs && this.Limit == 0 {
		line, style = "nothing ends a hang: set a timeout", theme.Warn
	}
	c.Clip(0, 0, c.W(), style, line, s.Set().More)
	parts = nil
	for _, h := range s.trips.res.Healthy {
		n := text.Number(math.Round(h.PerDay()*10) / 10)
		if h.Setting.Name != thisName {
			n = h.Setting.Name + " " + n
		}
		parts = append(parts, n)
	}
	c.Clip(0, 1, c.W(), theme.Dim, "false trips/day at "+percent(tripHealthy)+": "+strings.Join(parts, ", "), s.Set().More)
}

// percent is a share to three figures.
func percent(share float64) string { return fmt.Sprintf("%.3g %%", 100*share) }

func nearest(k *curve.Curve, share float64) int {
	best := 0
	for i, p := range k.Points {
		if math.Abs(p.Share-share) < math.Abs(k.Points[best].Share-share) {
			best = i
		}
	}
	return best
}

// openAt says when a curve opens at a share, or how many of its runs did.
func openAt(k *curve.Curve, share float64) string {
	p := k.Points[nearest(k, share)]
	switch n := p.Never(); {
	case n == len(p.Runs):
		return "never"
	case n > 0:
		return fmt.Sprintf("%d of %d runs", len(p.Runs)-n, len(p.Runs))
	}
	return secs(p.OpenAfter(0.5).Seconds())
}
