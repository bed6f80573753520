package grpc

import (
	"cmp"
	"math"
	"time"

	"tripcurve/internal/incident"
	"tripcurve/internal/redact"
	"tripcurve/tui/chart"
	"tripcurve/tui/grid"
	"tripcurve/tui/screen"
	"tripcurve/tui/text"
	"tripcurve/tui/theme"
	"tripcurve/tui/widget"
)

func (s *Screen) Draw(c *grid.Canvas) {
	if s.View == nil {
		return
	}
	if len(s.flows) == 0 {
		c.Wrap(1, 1, c.W()-2, c.H()-1, theme.Dim, s.absent())
		return
	}
	rows := min(len(s.shown), max(3, c.H()/3))
	table := c.Rows(0, rows+1)
	s.drawTable(&table)
	widget.Rule(c, rows+1, s.Set())
	if len(s.shown) > rows {
		on := c.Rows(rows+1, 1)
		on.Fill(on.W()-12, 0, 12, 1, ' ', theme.Text)
		widget.Scroll(&on, 0, s.list.Top, rows, len(s.shown))
	}
	f := s.selected()
	if f == nil {
		c.Text(1, rows+2, theme.Dim, "no call matches the filter")
		return
	}
	body := c.Rows(rows+2, c.H()-rows-2)
	sentences := s.sentences(f, s.Clock)
	if body.W() >= 120 {
		w := body.W() * 3 / 5
		left, right := body.Sub(1, 0, w-4, body.H()), body.Sub(w+1, 0, body.W()-w-2, body.H())
		widget.Wall(&body, w-1, 0, body.H(), s.Set())
		s.drawCharts(&left, f)
		s.drawSentences(&right, sentences)
		return
	}
	lines := min(len(sentences)+1, max(3, body.H()/2-1))
	if s.Full {
		lines = 0
	}
	charts, words := body.Sub(1, 0, body.W()-2, body.H()-lines), body.Sub(1, body.H()-lines, body.W()-2, lines)
	s.drawCharts(&charts, f)
	s.drawSentences(&words, sentences)
}

// absent says why there is nothing, which is not the same as nothing happening.
func (s *Screen) absent() string {
	for _, src := range s.View.Sources {
		if src.Group == "grpc" && src.State != incident.SourceAbsent {
			return "NO DATA: " + redact.Line(src.Name) + " is " + src.State.String() + " and gave no counters of started and finished calls."
		}
	}
	return "NO DATA: no source counts gRPC calls. Give one with --metrics URL, a client's /metrics with grpc_client_started_total and grpc_client_handled_total, or with --prometheus, --otlp or --channelz."
}

func (s *Screen) drawTable(c *grid.Canvas) {
	cols := []int{c.W() - 35, c.W() - 25, c.W() - 13, c.W() - 1}
	wide := c.W() >= 76
	c.Text(5, 0, theme.Head, "CALL")
	heads := []string{"IN FLIGHT", "STARTED/s", "FINISHED/s", "LAST ENDED"}
	if !wide {
		cols = []int{c.W() - 22, c.W() - 22, c.W() - 12, c.W() - 1}
		heads[1], heads[2] = "", "ENDED/s"
	}
	for i, h := range heads {
		c.Right(cols[i], 0, theme.Head, h)
	}
	top := s.list.Visible(len(s.shown), c.H()-1)
	s.list.Place(c, 1, c.H()-1)
	for y := 1; y < c.H() && top+y-1 < len(s.shown); y++ {
		i := top + y - 1
		f := &s.flows[s.shown[i]]
		name := redact.Line(f.Caller) + " -> " + redact.Line(f.Callee()+" "+f.Method)
		if c.W() >= 120 {
			name = redact.Line(f.Caller) + " -> " + redact.Line(f.Name())
		}
		c.Clip(5, y, cols[0]-15, theme.Text, name, s.Set().More)
		p, known := f.at(s.Cursor)
		started, finished := f.rates(s.Cursor)
		style := theme.Text
		ended, ever := f.lastEnded(s.Cursor)
		bad := known && p.InFlight > 0 && (!ever || p.At.Sub(ended) >= hung)
		if bad {
			style = theme.Crit
			c.Text(2, y, theme.Crit, "!!")
		}
		if known {
			c.Right(cols[0], y, style, text.Number(p.InFlight))
		} else {
			c.Right(cols[0], y, theme.Dim, text.NoData)
		}
		if wide {
			c.Right(cols[1], y, theme.Text, text.Number(started))
		}
		c.Right(cols[2], y, style, text.Number(finished))
		at := "never"
		if ever {
			at = s.Clock(ended)
		}
		c.Right(cols[3], y, style, at)
		if i == s.list.At {
			c.Set(0, y, s.Set().Cursor, theme.Accent)
			c.Select(0, y, c.W())
		}
	}
}

func (s *Screen) drawSentences(c *grid.Canvas, list []sentence) {
	y := 0
	for _, l := range list {
		style, mark := theme.Text, "  "
		if l.bad {
			style, mark = theme.Warn, "! "
		}
		if y >= c.H() {
			return
		}
		c.Text(0, y, style, mark)
		y += c.Wrap(2, y, c.W()-2, c.H()-y, style, l.text)
	}
}

// drawCharts draws calls in flight and, where there is room, the p99.
func (s *Screen) drawCharts(c *grid.Canvas, f *flow) {
	extra := hash(f.key()) + uint64(s.axis)
	key := chart.Key{Version: s.Version, Extra: extra, Window: s.Range, Zone: s.Zone, Glyphs: s.Glyphs}
	h := c.H()
	if h >= 13 && (f.p99.lo != nil || s.axis == byHeat) {
		h = h * 3 / 5
		low := c.Rows(h+1, c.H()-h-1)
		s.drawLegend(&low, f)
		plot := low.Rows(1, low.H()-1)
		if why := s.noHeat(f); s.axis == byHeat && why != "" {
			plot.Wrap(0, 0, plot.W(), plot.H(), theme.Dim, why)
		} else {
			s.latency.Draw(&plot, key, s.Cursor, s.Marks, func() *chart.Chart { return s.latencyChart(f) })
		}
	}
	top := c.Rows(0, h)
	if top.H() < 3 {
		return
	}
	x := top.Text(0, 0, theme.Dim, "in flight: started - finished")
	if f.level > 0 && c.W() > 50 {
		top.Text(x, 0, theme.Interval, "; stays at "+text.Number(f.level))
	}
	plot := top.Rows(1, top.H()-1)
	s.flight.Draw(&plot, key, s.Cursor, s.Marks, func() *chart.Chart { return s.flightChart(f) })
}

func (s *Screen) flightChart(f *flow) *chart.Chart {
	w := s.Range
	step := max(f.every, screen.StepFor(w.Length(), 400))
	values := make([]float64, w.Steps(step))
	i := 0
	for n := range values {
		values[n] = math.NaN()
		end := w.From.Add(time.Duration(n+1) * step)
		most := math.NaN()
		for i < len(f.points) && f.points[i].At.Before(end) {
			if !f.points[i].At.Before(end.Add(-step)) {
				most = max(f.points[i].InFlight, nonNaN(most))
			}
			i++
		}
		if math.IsNaN(most) && i > 0 && end.Sub(f.points[i-1].At) <= 3*max(f.every, step) {
			most = f.points[i-1].InFlight
		}
		values[n] = most
	}
	ch := &chart.Chart{
		Window: w, Glyphs: s.Glyphs, Bands: s.bands(), Markers: s.restarts(f),
		Series: []chart.Series{{Name: "in flight", Style: theme.Data1, Kind: chart.Area, From: w.From, Step: step, Values: values}},
	}
	if f.level > 0 { // what it stays at: a quota or a pool of that size
		full := make([]float64, len(values))
		for i := range full {
			full[i] = f.level
		}
		ch.Series = append(ch.Series, chart.Series{Name: "full", Style: theme.Interval, Pattern: chart.Dotted, From: w.From, Step: step, Values: full})
	}
	return ch
}

func nonNaN(v float64) float64 {
	if math.IsNaN(v) {
		return 0
	}
	return v
}

// restarts are where the caller's counters began anew.
func (s *Screen) restarts(f *flow) (out []chart.Marker) {
	for _, p := range f.points {
		if p.Restart {
			out = append(out, chart.Marker{At: p.At, Key: 'R', Label: "restart"})
		}
	}
	return out
}

// bands are the triggers' times.
func (s *Screen) bands() (out []chart.Band) {
	for _, f := range s.Analysis.Findings {
		if f.Role == incident.Trigger && f.Window.Length() > 0 {
			out = append(out, chart.Band{From: f.Window.From, To: f.Window.To, Label: redact.Line(cmp.Or(f.Subject.Mode, f.Short()))})
		}
	}
	return out
}

// hash tells flows apart in the charts' cache.
func hash(s string) (h uint64) {
	h = 14695981039346656037 // FNV-1a
	for i := range len(s) {
		h = (h ^ uint64(s[i])) * 1099511628211
	}
	return h
}
