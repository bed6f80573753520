package timeline

import (
	"bytes"
	_ "embed"
	"fmt"
	"html/template"
	"sync"
	"time"

	"tripcurve/internal/incident"
)

//go:embed timeline.gohtml
var page string

var pageTemplate = sync.OnceValue(func() *template.Template { return template.Must(template.New("timeline").Parse(page)) })

// HTML is one file without scripts: nothing is asked of a network, it prints, and it
// follows the reader's choice of light or dark. The chart has the table beside it.
func (d Document) HTML() ([]byte, error) {
	type section struct {
		ID, Title string
		Zone      string
		Rows      []htmlRow
		Chart     chart
		Uncertain bool
	}
	view := struct {
		Title    string
		Preface  []string
		Sections []section
		Spans    []htmlSpan
	}{Title: d.title(), Preface: d.preface()}
	for _, t := range []incident.Track{incident.IncidentTrack, incident.RemediationTrack} {
		rows := d.track(t)
		if len(rows) == 0 && t != incident.IncidentTrack {
			continue
		}
		s := section{ID: t.String(), Title: "Incident", Chart: d.chart(rows), Uncertain: t == incident.IncidentTrack && d.uncertain(rows)}
		if t == incident.RemediationTrack {
			s.Title = "Remediation"
		}
		if d.zone != nil {
			s.Zone = d.Zone
		}
		dated := d.severalDays(rows)
		for _, r := range rows {
			h := htmlRow{Row: r, At: stamp(r.entry.Start, r.entry.Precision, time.UTC, dated), Until: r.until(time.UTC, dated), Lasted: r.lasted(), Sort: r.sort(), Who: r.who(), From: r.Source.String()}
			if d.zone != nil {
				h.Local = stamp(r.entry.Start, r.entry.Precision, d.zone, dated)
			}
			h.Maybe = r.Order == "uncertain" && s.Uncertain
			s.Rows = append(s.Rows, h)
		}
		view.Sections = append(view.Sections, s)
	}
	for _, s := range d.Spans {
		view.Spans = append(view.Spans, htmlSpan{s.Name, s.Between, s.value()})
	}
	var b bytes.Buffer
	if err := pageTemplate().Execute(&b, view); err != nil {
		return nil, fmt.Errorf("timeline as HTML: %w", err)
	}
	return b.Bytes(), nil
}

type htmlSpan struct{ Name, Between, Value string }

type htmlRow struct {
	Row
	At, Local, Until, Lasted, Sort, Who, From string
	Maybe                                     bool
}

// chart is the lanes over one axis of time, in pixels.
type chart struct {
	Width, Height, AxisY int
	Lanes                []chartLane
	Ticks                []chartTick
	Label                string
}

type chartLane struct {
	Name  string
	Y     int
	TextY int
	Bars  []chartBar
}

type chartBar struct {
	X, W  int
	Point bool
	CX    int
	CY    int
	Class string
	Title string
}

type chartTick struct {
	X    int
	Text string
}

const (
	chartWidth = 960
	chartLeft  = 110 // where the axis begins
	laneHeight = 24
	mostBars   = 2000 // of a lane: more than there are pixels nobody can tell apart
)

func (d Document) chart(rows []Row) chart {
	if len(rows) == 0 {
		return chart{}
	}
	from := rows[0].entry.Start
	to := latest(rows, from.Add(time.Second))
	x := func(t time.Time) int {
		return chartLeft + int(float64(chartWidth-chartLeft-10)*float64(t.Sub(from))/float64(to.Sub(from)))
	}
	c := chart{Width: chartWidth, Label: fmt.Sprintf("%d entries from %s to %s; the table below has them all", len(rows), from.UTC().Format(time.RFC3339), to.UTC().Format(time.RFC3339))}
	for i, l := range lanesOf(rows) {
		lane := chartLane{Name: orElse(l, "people"), Y: i * laneHeight, TextY: i*laneHeight + 16}
		for _, r := range rows {
			if r.Lane != l || len(lane.Bars) == mostBars {
				continue
			}
			bar := chartBar{X: x(r.entry.Start), Class: orElse(r.Phase, "other"), Title: r.Start + " " + r.Text, CY: lane.Y + laneHeight/2}
			last := r.entry.End
			if r.Open {
				last = to
			}
			if bar.CX = bar.X; last.After(r.entry.Start) {
				bar.W = max(2, x(last)-bar.X)
			} else {
				bar.Point = true
			}
			lane.Bars = append(lane.Bars, bar)
		}
		c.Lanes = append(c.Lanes, lane)
	}
	c.AxisY = len(c.Lanes) * laneHeight
	c.Height = c.AxisY + 24
	layout := "15:04:05"
	if to.Sub(from) > 36*time.Hour {
		layout = time.DateOnly
	}
	const ticks = 6
	for i := range ticks {
		at := from.Add(to.Sub(from) / (ticks - 1) * time.Duration(i))
		c.Ticks = append(c.Ticks, chartTick{min(x(at), chartWidth-70), at.UTC().Format(layout)})
	}
	return c
}
