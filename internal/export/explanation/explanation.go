// Package explanation writes what held an incident after its trigger had gone, as
// plain text of 80 columns, as Markdown and as JSON. All three say the same.
package explanation

import (
	"math"
	"time"

	"tripcurve/internal/diagnose"
	"tripcurve/internal/export"
	"tripcurve/internal/export/timeline"
	"tripcurve/internal/redact"
)

// Schema names the JSON form and its version.
const Schema = "tripcurve.explanation/1"

// Report is an explanation ready to be written. Shares are 0..1, durations seconds;
// what did not happen is null; lists are never null.
type Report struct {
	Schema      string      `json:"schema"`
	Incident    string      `json:"incident"`
	Scenario    string      `json:"scenario"`
	Seeds       int         `json:"seeds"` // simulated nights of each mechanism
	Sentence    string      `json:"sentence"`
	TriggerFrom *string     `json:"trigger_from"`
	TriggerTo   *string     `json:"trigger_to"`
	End         *string     `json:"end"`
	TriggerS    float64     `json:"trigger_s"`
	OutageS     float64     `json:"outage_s"`
	RemainderS  float64     `json:"remainder_s"`
	Facts       []Fact      `json:"facts"`
	Mechanisms  []Mechanism `json:"mechanisms"`
	Twins       []Mechanism `json:"twins"`
	Weight      *Weight     `json:"counterfactual"`
	Unexplained []string    `json:"unexplained"`
	Assumed     []string    `json:"assumed"` // of the scenario

	Redaction timeline.Redaction `json:"redaction"`
}

// Options of a report. The zero value redacts.
type Options struct {
	Unredacted bool
	Redaction  redact.Options
}

// Fact is one figure of the evidence and how near a simulated one must come.
type Fact struct {
	ID        string   `json:"id"`
	Text      string   `json:"text"`
	Unit      string   `json:"unit"` // count, s, share
	Value     *float64 `json:"value"`
	Tolerance float64  `json:"tolerance"` // in the unit, to either side

	none string
}

// Mechanism is one of them against the facts.
type Mechanism struct {
	ID           string       `json:"id"`
	Name         string       `json:"name"`
	How          string       `json:"how"`
	Simulated    string       `json:"simulated"`
	Reckoning    string       `json:"reckoning"` // empty: there is none
	Verdict      string       `json:"verdict"`   // contradicted, fits, fits_not_told_apart
	Reproduced   int          `json:"facts_reproduced"`
	Of           int          `json:"facts"`
	Tail         Spread       `json:"failing_after_release_s"`
	Fits         []Fit        `json:"fits"`
	Predictions  []Prediction `json:"predictions"`
	TellingApart string       `json:"observation"`
}

// Fit is one fact in the simulated nights.
type Fit struct {
	Fact       string `json:"fact"`
	Spread     Spread `json:"simulated"`
	Reproduced bool   `json:"reproduced"`
}

// Spread is the middle of the nights and the ends; null in nights without the thing.
type Spread struct {
	Median *float64 `json:"median"`
	Min    *float64 `json:"min"`
	Max    *float64 `json:"max"`
	Nights int      `json:"nights"`
	Absent int      `json:"absent"` // of them
}

// Prediction is what a mechanism says of a figure that nobody recorded.
type Prediction struct {
	Name   string `json:"name"`
	Spread Spread `json:"simulated"`
}

// Weight is the orders answered 502 with the first mechanism and without it.
type Weight struct {
	Observed    float64 `json:"observed"`
	With        float64 `json:"with"`
	Without     float64 `json:"without"`
	Necessity   float64 `json:"necessity"`
	Sufficiency float64 `json:"sufficiency"`
	Explains    bool    `json:"explains"`
}

// New makes the report.
func New(incident string, x *diagnose.Explanation, assumed []string, opt Options) Report {
	r := redact.New(opt.Redaction)
	clean := r.Text // what names a thing of the evidence
	if opt.Unredacted {
		clean = func(s string) string { return s }
	}
	rep := Report{
		Schema: Schema, Incident: clean(incident), Scenario: x.Scenario, Seeds: x.Seeds, Sentence: clean(x.Sentence),
		TriggerFrom: export.Instant(x.Marks.Began), TriggerTo: export.Instant(x.Marks.Released), End: export.Instant(x.Marks.Ended),
		TriggerS: seconds(x.Marks.Began, x.Marks.Released), OutageS: seconds(x.Marks.Began, x.Marks.Ended), RemainderS: x.Marks.Remainder().Seconds(),
		Facts: []Fact{}, Mechanisms: []Mechanism{}, Twins: []Mechanism{},
		Unexplained: []string{}, Assumed: append([]string{}, assumed...),
	}
	for _, u := range x.Unexplained {
		rep.Unexplained = append(rep.Unexplained, clean(u))
	}
	for _, f := range x.Facts {
		out := Fact{ID: f.ID, Text: f.Text, Unit: unit(f.Unit), none: f.None}
		if !f.Value.Absent {
			out.Value = figure(f.Value.Number)
			out.Tolerance = *figure(max(f.Abs, f.Rel*math.Abs(f.Value.Number)))
		}
		rep.Facts = append(rep.Facts, out)
	}
	for _, c := range x.Candidates {
		rep.Mechanisms = append(rep.Mechanisms, mechanism(&c))
	}
	for _, c := range x.Twins {
		rep.Twins = append(rep.Twins, mechanism(&c))
	}
	if w := x.Weight; w != nil {
		rep.Weight = &Weight{w.Observed, w.With, w.Without, *figure(w.Necessity), *figure(w.Sufficiency), w.Explains()}
	}
	rep.Redaction = timeline.NewRedaction(r, opt.Unredacted)
	return rep
}

func mechanism(c *diagnose.Candidate) Mechanism {
	m := Mechanism{
		ID: c.ID, Name: c.Name, How: c.How, Simulated: c.Run, Reckoning: c.Reckoning,
		Verdict: verdict(c.Verdict), Tail: spread(c.Tail), Fits: []Fit{}, Predictions: []Prediction{}, TellingApart: c.Tell,
	}
	m.Reproduced, m.Of = c.Reproduced()
	for _, f := range c.Fits {
		m.Fits = append(m.Fits, Fit{f.Fact.ID, spread(f.Simulated), f.Reproduced})
	}
	for _, p := range c.Predict {
		m.Predictions = append(m.Predictions, Prediction{p.Name, spread(p.Figure)})
	}
	return m
}

func verdict(v diagnose.Verdict) string {
	switch v {
	case diagnose.Fits:
		return "fits"
	case diagnose.NotToldApart:
		return "fits_not_told_apart"
	default:
		return "contradicted"
	}
}

func unit(u diagnose.Unit) string {
	switch u {
	case diagnose.Seconds:
		return "s"
	case diagnose.Share:
		return "share"
	default:
		return "count"
	}
}

func spread(s diagnose.Spread) Spread {
	return Spread{Median: figure(s.Median), Min: figure(s.Min), Max: figure(s.Max), Nights: s.Seeds, Absent: s.Absent}
}

// figure is v to four decimals; nil for none.
func figure(v float64) *float64 {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return nil
	}
	v = math.Round(v*1e4) / 1e4
	return &v
}

func seconds(from, to time.Time) float64 { return to.Sub(from).Seconds() }
