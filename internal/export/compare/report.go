// Package compare writes remedies side by side: as JSON and CSV for programs, as text
// and Markdown for people.
package compare

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"time"

	"tripcurve/internal/export"
	"tripcurve/internal/redact"
	"tripcurve/sim"
	"tripcurve/sim/compare"
	"tripcurve/sim/output"
)

// Report is the comparison for programs. Instants are RFC 3339 in UTC, durations
// seconds.
type Report struct {
	Schema   string        `json:"schema"`
	Scenario string        `json:"scenario"`
	Seed     uint64        `json:"seed"`  // from which the replications' seeds follow
	Seeds    int           `json:"seeds"` // replications of each remedy
	Level    float64       `json:"level"` // of every interval here, 0..1
	Patience float64       `json:"patience_s"`
	Incident Window        `json:"incident"` // in which waits and trips are counted
	Trigger  *Window       `json:"trigger"`  // null: nothing is locked
	Measures []MeasureName `json:"measures"`
	Remedies []Remedy      `json:"remedies"`
	Says     []string      `json:"says"` // what the figures say, in sentences
	Assumed  []string      `json:"assumed"`

	c *compare.Comparison
}

// Window is a half-open interval.
type Window struct {
	From string `json:"from"`
	To   string `json:"to"`
}

// MeasureName says in words what a measure is.
type MeasureName struct {
	Name string `json:"name"`
	What string `json:"what"`
}

// Remedy is one row.
type Remedy struct {
	Name     string             `json:"name"`
	What     string             `json:"what"`
	Prevents bool               `json:"prevents_trigger"`
	Defers   bool               `json:"answers_before_work"` // what its customers see says nothing of the work
	Measures map[string]Measure `json:"measures"`
	Recovery Recovery           `json:"recovery"`
	Opening  *Opening           `json:"opening"` // null: it has no breaker
	Drain    *Drain             `json:"drain"`   // null: it leaves no orders to a queue
	Waits    Waits              `json:"waits_over_time"`
	Traps    []Trap             `json:"traps"` // that replications fell into
	Says     string             `json:"says"`
}

// Trap is a guard that kept up what it should have ended; what it says is of one of
// the replications, the first that fell into it.
type Trap struct {
	ID   string `json:"id"`
	Edge string `json:"edge"`
	Runs int    `json:"runs"` // that fell into it
	Run  int    `json:"run"`  // of which the text tells, from 1
	Text string `json:"text"`
	Why  string `json:"why"`
	Way  string `json:"way_out"`
}

// Measure is one figure of a remedy over the replications.
type Measure struct {
	Mean     float64    `json:"mean"`
	P5       float64    `json:"p5"`
	P95      float64    `json:"p95"`
	VersusTo Difference `json:"vs_today"`
}

// Difference is the mean of the paired differences to today, with its interval, and
// how many times more replications it would have taken without the pairing; null
// where all differences are equal.
type Difference struct {
	Mean      float64  `json:"mean"`
	Lo        *float64 `json:"lo"`
	Hi        *float64 `json:"hi"`
	Reduction *float64 `json:"variance_reduction"`
}

// Estimate is a value with its interval; null where the runs set no bound.
type Estimate struct {
	Value *float64 `json:"value"`
	Lo    *float64 `json:"lo"`
	Hi    *float64 `json:"hi"`
}

// Recovery is how long after the trigger's end checkouts succeeded again by
// themselves, over the replications in which they failed. What a restart ended, or
// the run's end cut off, counts for as long as it was watched (Kaplan and Meier);
// there is no mean, which would leave out the worst.
type Recovery struct {
	Failed    int      `json:"failed_runs"`
	Censored  int      `json:"censored_runs"`
	Restarted int      `json:"restarted_runs"` // of the censored: ended by a restart
	Watched   *float64 `json:"watched_s"`      // how long the shortest of the censored was watched
	Share     Estimate `json:"recovered"`      // of the failed runs, 0..1
	Median    Estimate `json:"median_s"`
	P95       Estimate `json:"p95_s"`
}

// Opening is how long after the incident's beginning the first breaker opened.
type Opening struct {
	Opened int      `json:"opened_runs"`
	Never  int      `json:"censored_runs"` // none opened during the incident
	Median Estimate `json:"median_s"`
	P95    Estimate `json:"p95_s"`
}

// Drain is how long after the trigger's end the backlog of the queue was gone by
// itself: what a restart drained is cut off there.
type Drain struct {
	Runs     int      `json:"runs"`
	Censored int      `json:"censored_runs"`
	Median   Estimate `json:"median_s"`
	P95      Estimate `json:"p95_s"`
}

// Waits is how long the customers of all replications waited, by when they came;
// null where nobody did.
type Waits struct {
	Step float64    `json:"step_s"`
	P50  []*float64 `json:"p50_s"`
	P99  []*float64 `json:"p99_s"`
}

// New makes the report.
func New(c *compare.Comparison) Report {
	sc := c.Scenario
	window := func(s compare.Span) Window {
		return Window{*export.Instant(sc.Start.Add(s.From)), *export.Instant(sc.Start.Add(s.To))}
	}
	rep := Report{
		Schema: "tripcurve.compare/1", Scenario: sc.Name, Seed: sc.Seed, Seeds: c.Seeds, Level: output.Level,
		Patience: export.Seconds(sc.Patience), Incident: window(c.Incident), Says: says(c), Assumed: sc.Assumed, c: c,
	}
	if lock, ok := trigger(sc); ok {
		w := window(compare.Span{From: lock.At, To: lock.At + lock.Hold})
		rep.Trigger = &w
	}
	for _, m := range compare.Measures() {
		rep.Measures = append(rep.Measures, MeasureName{m.Name, m.What})
	}
	for _, r := range c.Rows {
		rep.Remedies = append(rep.Remedies, remedy(c, r))
	}
	return rep
}

// trigger is the first table lock of a scenario; false when there is none.
func trigger(sc sim.Scenario) (sim.LockTable, bool) {
	for _, f := range sc.Faults {
		if lock, ok := f.(sim.LockTable); ok {
			return lock, true
		}
	}
	return sim.LockTable{}, false
}

func remedy(c *compare.Comparison, r compare.Row) Remedy {
	out := Remedy{
		Name: r.Remedy.Name, What: r.Remedy.What, Prevents: r.Remedy.Prevents, Defers: r.Remedy.Defers, Measures: map[string]Measure{},
		Recovery: Recovery{
			Failed: r.Troubled, Censored: r.Recovery.Censored, Restarted: r.Restarted,
			Share: estimate(output.Share(r.Troubled-r.Recovery.Censored, r.Troubled, output.Level)),
		},
		Waits: Waits{Step: export.Seconds(r.Waits.Step), P50: values(r.Waits.P50), P99: values(r.Waits.P99)},
		Traps: []Trap{},
		Says:  effects(c, r),
	}
	for _, f := range r.Traps {
		out.Traps = append(out.Traps, Trap{f.ID, f.Edge, f.Nights, f.Replication, f.Text, f.Why, f.Way})
		out.Says += fmt.Sprintf(" A trap in %d of %d runs, %s; in run %d %s.", f.Nights, c.Seeds, f.ID, f.Replication, f.Text)
	}
	if r.Recovery.Censored > 0 {
		out.Recovery.Watched = finite(seconds(r.Watched))
	}
	if r.Troubled > 0 {
		out.Recovery.Median = estimate(r.Recovery.Quantile(0.5, output.Level))
		out.Recovery.P95 = estimate(r.Recovery.Quantile(0.95, output.Level))
	}
	if r.Breaker {
		out.Opening = &Opening{
			Opened: r.Opening.Cases - r.Opening.Censored, Never: r.Opening.Censored,
			Median: estimate(r.Opening.Quantile(0.5, output.Level)), P95: estimate(r.Opening.Quantile(0.95, output.Level)),
		}
	}
	if r.Queue {
		out.Drain = &Drain{
			Runs: r.Drain.Cases, Censored: r.Drain.Censored,
			Median: estimate(r.Drain.Quantile(0.5, output.Level)), P95: estimate(r.Drain.Quantile(0.95, output.Level)),
		}
	}
	for i, m := range compare.Measures() {
		f := r.Figures[i]
		out.Measures[m.Name] = Measure{round(f.Mean), round(f.P5), round(f.P95), difference(f.VersusNow)}
	}
	return out
}

func difference(d output.Difference) Difference {
	out := Difference{Mean: round(d.Value), Lo: finite(d.Lo), Hi: finite(d.Hi)}
	if d.Reduction > 0 {
		out.Reduction = finite(d.Reduction)
	}
	return out
}

func estimate(i output.Interval) Estimate {
	return Estimate{finite(i.Value), finite(i.Lo), finite(i.Hi)}
}

func values(vs []float64) []*float64 {
	out := make([]*float64, len(vs))
	for i, v := range vs {
		out[i] = finite(v)
	}
	return out
}

func seconds(d time.Duration) float64 { return export.Seconds(d.Round(time.Millisecond)) }

func round(v float64) float64 { return math.Round(v*1000) / 1000 }

func finite(v float64) *float64 {
	if math.IsInf(v, 0) || math.IsNaN(v) {
		return nil
	}
	v = round(v)
	return &v
}

// JSON is the report for programs.
func (rep Report) JSON() ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	err := enc.Encode(rep)
	return b.Bytes(), err
}

// CSV is one line for each remedy and measure. Recovery and opening have medians in
// the place of means, and how many runs were cut off; what the runs set no bound to
// is an empty cell.
func (rep Report) CSV() ([]byte, error) {
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	rows := [][]string{{"remedy", "measure", "of", "value", "p5", "p95", "vs_today", "vs_today_lo", "vs_today_hi", "variance_reduction", "runs", "censored_runs"}}
	for _, r := range rep.Remedies {
		for _, name := range rep.Measures {
			m := r.Measures[name.Name]
			d := m.VersusTo
			rows = append(rows, []string{
				redact.CSV(r.Name), name.Name, "mean", number(&m.Mean), number(&m.P5), number(&m.P95),
				number(&d.Mean), number(d.Lo), number(d.Hi), number(d.Reduction), strconv.Itoa(rep.Seeds), "0",
			})
		}
		rows = append(rows, []string{
			redact.CSV(r.Name), "recovery_s", "median", number(r.Recovery.Median.Value), "", number(r.Recovery.P95.Value),
			"", "", "", "", strconv.Itoa(r.Recovery.Failed), strconv.Itoa(r.Recovery.Censored),
		})
		if o := r.Opening; o != nil {
			rows = append(rows, []string{
				redact.CSV(r.Name), "opening_s", "median", number(o.Median.Value), "", number(o.P95.Value),
				"", "", "", "", strconv.Itoa(o.Opened + o.Never), strconv.Itoa(o.Never),
			})
		}
		if d := r.Drain; d != nil {
			rows = append(rows, []string{
				redact.CSV(r.Name), "drain_s", "median", number(d.Median.Value), "", number(d.P95.Value),
				"", "", "", "", strconv.Itoa(d.Runs), strconv.Itoa(d.Censored),
			})
		}
	}
	if err := w.WriteAll(rows); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

func number(v *float64) string {
	if v == nil {
		return ""
	}
	return strconv.FormatFloat(*v, 'g', -1, 64)
}
