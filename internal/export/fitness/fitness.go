// Package fitness writes how a pipeline that was fitted to a recording reproduces it, as
// plain text of 80 columns and as JSON. Both say the same.
package fitness

import (
	"fmt"
	"math"
	"time"

	"tripcurve/internal/export/timeline"
	"tripcurve/internal/redact"
	"tripcurve/sim/fit"
	"tripcurve/sim/pipeline"
)

// Schema names the JSON form and its version.
const Schema = "tripcurve.fit/1"

// Report is a fit ready to be written. Instants are RFC 3339 in UTC; lists are never
// null.
type Report struct {
	Schema        string     `json:"schema"`
	Incident      string     `json:"incident"`
	Refused       []Reason   `json:"refused"` // why nothing was fitted; then all that follows is empty
	Reproduces    bool       `json:"reproduces"`
	From          string     `json:"from"`
	To            string     `json:"to"`
	FaultFrom     string     `json:"fault_from"`
	FaultTo       string     `json:"fault_to"`
	Runs          int        `json:"runs"` // behind every simulated figure
	Quantities    []Quantity `json:"quantities"`
	Faults        []Fault    `json:"faults"`
	NotIdentified []string   `json:"not_identified"`
	LeftOut       []string   `json:"left_out"`

	Redaction timeline.Redaction `json:"redaction"`
}

// Reason is one thing that the recording lacks.
type Reason struct {
	Lacks string `json:"lacks"`
	Why   string `json:"why"`
}

// Quantity is one figure as recorded and as simulated.
type Quantity struct {
	Of        string   `json:"of"` // an endpoint, or "all"
	Name      string   `json:"name"`
	Unit      string   `json:"unit"` // 1, s, share, from (seconds from the report's from)
	Recorded  float64  `json:"recorded"`
	Simulated float64  `json:"simulated"`
	Facts     float64  `json:"facts"` // requests behind the recorded figure
	Error     *float64 `json:"error"` // a share of the recorded figure, or in its unit where absolute; null: infinite
	Bound     float64  `json:"bound"`
	Absolute  bool     `json:"absolute"`
	Holds     bool     `json:"holds"`
	ByChance  bool     `json:"by_chance"` // outside of the bound, and within the 5 to 95 % range of the runs
}

// Fault is one of the pipeline's, in words.
type Fault struct {
	Kind string  `json:"kind"`
	From string  `json:"from"`
	ForS float64 `json:"for_s"` // 0: at once, or for good
	What string  `json:"what"`
}

// Notes are the comments of a fitted pipeline, clean of what a reader elsewhere must not
// see. One that does not reproduce its recording says so first.
func Notes(f *fit.Fit, r *redact.Redactor) map[string][]string {
	notes := map[string][]string{}
	if misfits := f.Report.Misfits(); len(misfits) > 0 {
		notes[""] = append(notes[""], "DOES NOT REPRODUCE THE RECORDING:")
		for _, q := range misfits {
			notes[""] = append(notes[""], fmt.Sprintf("- %s, %s: recorded %.4g, simulated %.4g", q.Of, q.Name, q.Recorded, q.Simulated))
		}
	}
	for at, texts := range f.Notes {
		notes[at] = append(notes[at], prosed(r, texts)...)
	}
	notes[""] = append(notes[""], timeline.NewRedaction(r, r == nil).Statement)
	return notes
}

// New is the report of a fit. The redactor replaces what a reader elsewhere must not
// see; nil replaces nothing.
func New(name string, f *fit.Fit, r *redact.Redactor) *Report {
	rep := &Report{
		Schema: Schema, Incident: prose(r, name), Refused: []Reason{}, Reproduces: len(f.Report.Misfits()) == 0,
		From: instant(f.Window.From), To: instant(f.Window.To), FaultFrom: instant(f.Fault.From), FaultTo: instant(f.Fault.To),
		Runs: f.Report.Seeds, Quantities: []Quantity{}, Faults: []Fault{},
		NotIdentified: prosed(r, f.Report.NotIdentified), LeftOut: prosed(r, f.Report.LeftOut),
	}
	for _, q := range f.Report.Quantities {
		out := Quantity{Of: prose(r, q.Of), Name: q.Name, Unit: q.Unit, Recorded: digits(q.Recorded), Simulated: digits(q.Simulated), Facts: math.Round(q.Facts), Bound: digits(q.Bound), Absolute: q.Absolute, Holds: q.Holds(), ByChance: q.ByChance()}
		if !math.IsInf(q.Error, 0) {
			e := digits(q.Error)
			out.Error = &e
		}
		rep.Quantities = append(rep.Quantities, out)
	}
	for i := range f.Pipeline.Faults {
		x := &f.Pipeline.Faults[i]
		rep.Faults = append(rep.Faults, Fault{Kind: x.What.String(), From: instant(f.Window.From.Add(x.At)), ForS: x.For.Seconds(), What: prose(r, what(x))})
	}
	rep.Redaction = timeline.NewRedaction(r, r == nil)
	return rep
}

// Refused is the report of a recording that was not fitted.
func Refused(name string, reasons []fit.Reason, r *redact.Redactor) *Report {
	rep := &Report{Schema: Schema, Incident: prose(r, name), Quantities: []Quantity{}, Faults: []Fault{}, NotIdentified: []string{}, LeftOut: []string{}}
	for _, x := range reasons {
		rep.Refused = append(rep.Refused, Reason{x.Lacks, prose(r, x.Why)})
	}
	rep.Redaction = timeline.NewRedaction(r, r == nil)
	return rep
}

// what a fault does, as the description says it.
func what(f *pipeline.Fault) string {
	switch f.What {
	case pipeline.LockTable:
		return f.Mode.String() + " on " + f.Table + " of " + f.Database
	case pipeline.Slow:
		return f.Endpoint + " takes " + number(f.Factor) + " times as long"
	case pipeline.FailCalls:
		return percent(f.Share) + " of the calls over " + f.Edge + " fail"
	case pipeline.Drop, pipeline.BlackHole:
		return "the connection of " + f.Edge + " is lost, telling neither end"
	case pipeline.Restart:
		return f.Service + " is restarted"
	default:
		return f.Client + " come " + number(f.Factor) + " times as often"
	}
}

func prose(r *redact.Redactor, text string) string {
	if r == nil {
		return text
	}
	return r.Prose(text)
}

func prosed(r *redact.Redactor, texts []string) []string {
	out := []string{}
	for _, t := range texts {
		out = append(out, prose(r, t))
	}
	return out
}

func instant(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// digits keeps a figure to six of them: more is noise.
func digits(v float64) float64 {
	if v == 0 || math.IsInf(v, 0) || math.IsNaN(v) {
		return v
	}
	unit := math.Pow(10, math.Floor(math.Log10(math.Abs(v)))-5)
	if unit < 1 {
		return math.Round(v/unit) / math.Round(1/unit)
	}
	return math.Round(v/unit) * unit
}
