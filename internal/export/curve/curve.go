// Package curve writes trip curves: as text with a chart for people, as JSON and
// CSV for programs. A breaker that did not open is null or "never", not a number.
package curve

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"math"
	"strconv"
	"time"

	"tripcurve/internal/export"
	"tripcurve/internal/policy/library"
	"tripcurve/internal/redact"
	trip "tripcurve/sim/curve"
)

// Document is what is written.
type Document struct {
	*trip.Result
	// Notes are what has to be said of the settings, by their names: what a
	// library could not keep of the common numbers.
	Notes []Note
}

// Note is one sentence about a setting.
type Note struct {
	Setting string `json:"setting"`
	Text    string `json:"text"`
}

// file is the JSON document. Times are seconds; null is never, or not known.
type file struct {
	Schema   string  `json:"schema"`
	Rate     float64 `json:"rate_per_s"`
	Arrivals string  `json:"arrivals"`
	WarmUp   float64 `json:"warm_up_s"`
	Horizon  float64 `json:"horizon_s"`
	Latency  float64 `json:"latency_s"`
	Turned   float64 `json:"open_from_share_turned_away"` // where a library has no states or judges hosts
	Seed     uint64  `json:"seed"`
	Seeds    int     `json:"seeds"`

	Settings []setting `json:"settings"`
	Curves   []curve   `json:"curves"`
	Healthy  []healthy `json:"healthy"`
	Notes    []Note    `json:"notes"`
}

type setting struct {
	Name          string            `json:"name"`
	Library       string            `json:"library"`
	Version       string            `json:"version"`
	Params        map[string]string `json:"params"`
	CallerTimeout *float64          `json:"caller_timeout_s"`
	Limit         *float64          `json:"hang_ends_after_s"`
}

type curve struct {
	Setting string  `json:"setting"`
	Mode    string  `json:"mode"`
	Points  []point `json:"points"`
}

type point struct {
	Share  float64 `json:"failing_share"`
	Runs   int     `json:"runs"`
	Opened int     `json:"opened"`
	spread
}

// spread is the median and the 5-95 % band over the seeds. Runs that never opened
// count as longer than all others.
type spread struct {
	Open    *float64 `json:"open_after_s"`
	Open5   *float64 `json:"open_after_p5_s"`
	Open95  *float64 `json:"open_after_p95_s"`
	Calls   float64  `json:"calls_let_in"`
	Calls5  float64  `json:"calls_let_in_p5"`
	Calls95 float64  `json:"calls_let_in_p95"`
	Failed  float64  `json:"failed_let_in"`
}

type healthy struct {
	Setting  string  `json:"setting"`
	Share    float64 `json:"failing_share"`
	Days     float64 `json:"days"`
	Trips    int     `json:"trips"`
	PerDay   float64 `json:"trips_per_day"`
	AtMost   float64 `json:"trips_per_day_at_most"` // 95 % bound when no trip was seen, else the rate itself
	Rejected float64 `json:"rejected_share"`
}

// seconds is d to the millisecond, or nil for never.
func seconds(d time.Duration) *float64 {
	if d == trip.Never {
		return nil
	}
	s := export.Seconds(d.Round(time.Millisecond))
	return &s
}

// positive is d, or nil for none.
func positive(d time.Duration) *float64 {
	if d == 0 {
		return nil
	}
	return seconds(d)
}

func spreadOf(p trip.Point) spread {
	return spread{
		Open: seconds(p.OpenAfter(0.5)), Open5: seconds(p.OpenAfter(0.05)), Open95: seconds(p.OpenAfter(0.95)),
		Calls: round(p.Calls(0.5)), Calls5: round(p.Calls(0.05)), Calls95: round(p.Calls(0.95)), Failed: round(p.Failed(0.5)),
	}
}

// round keeps the fractions that interpolated quantiles of counts have short.
func round(v float64) float64 { return math.Round(v*1000) / 1000 }

// JSON is the document for programs.
func (d Document) JSON() ([]byte, error) {
	o := d.Options
	f := file{
		Schema: "tripcurve.curve/1", Rate: o.Rate, Arrivals: o.Arrivals.String(), WarmUp: export.Seconds(o.WarmUp),
		Horizon: export.Seconds(o.Horizon), Latency: export.Seconds(o.Latency), Turned: o.Turned, Seed: o.Seed, Seeds: o.Seeds,
		Settings: []setting{}, Curves: []curve{}, Healthy: []healthy{}, Notes: d.Notes,
	}
	if f.Notes == nil {
		f.Notes = []Note{}
	}
	for i, c := range d.Curves {
		s := c.Setting
		if i%len(o.Modes) == 0 {
			of := setting{Name: s.Name, Library: s.Library, Params: s.Params, CallerTimeout: positive(s.Timeout), Limit: positive(c.Limit)}
			if l, ok := library.ByName(s.Library); ok {
				of.Version = l.Version
			}
			if of.Params == nil {
				of.Params = map[string]string{}
			}
			f.Settings = append(f.Settings, of)
		}
		out := curve{Setting: s.Name, Mode: c.Mode.String()}
		for _, p := range c.Points {
			out.Points = append(out.Points, point{p.Share, len(p.Runs), len(p.Runs) - p.Never(), spreadOf(p)})
		}
		f.Curves = append(f.Curves, out)
	}
	for _, h := range d.Healthy {
		most := h.PerDay()
		if h.Trips == 0 {
			most = h.AtMost()
		}
		f.Healthy = append(f.Healthy, healthy{
			h.Setting.Name, h.Share, round(h.Length.Hours() / 24), h.Trips, round(h.PerDay()), round(most), h.RejectedShare(),
		})
	}
	b, err := json.MarshalIndent(f, "", "  ")
	return append(b, '\n'), err
}

// CSV is the points of all curves and the healthy days, one a row. What did not
// happen is an empty cell.
func (d Document) CSV() ([]byte, error) {
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	rows := [][]string{{
		"setting", "library", "mode", "failing_share", "runs", "opened", "open_after_s", "open_after_p5_s", "open_after_p95_s",
		"calls_let_in", "failed_let_in", "trips_per_day", "rejected_share",
	}}
	for _, c := range d.Curves {
		for _, p := range c.Points {
			s := spreadOf(p)
			rows = append(rows, []string{
				redact.CSV(c.Setting.Name), redact.CSV(c.Setting.Library), c.Mode.String(), number(p.Share),
				strconv.Itoa(len(p.Runs)), strconv.Itoa(len(p.Runs) - p.Never()), cell(s.Open), cell(s.Open5), cell(s.Open95),
				number(s.Calls), number(s.Failed), "", "",
			})
		}
	}
	for _, h := range d.Healthy {
		rows = append(rows, []string{
			redact.CSV(h.Setting.Name), redact.CSV(h.Setting.Library), "healthy", number(h.Share), "", "", "", "", "",
			"", "", number(round(h.PerDay())), number(h.RejectedShare()),
		})
	}
	if err := w.WriteAll(rows); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

func number(v float64) string { return strconv.FormatFloat(v, 'g', -1, 64) }

func cell(v *float64) string {
	if v == nil {
		return ""
	}
	return number(*v)
}
