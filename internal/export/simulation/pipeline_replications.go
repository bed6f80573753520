package simulation

import (
	"fmt"
	"io"
	"slices"

	"tripcurve/internal/export"
	"tripcurve/internal/redact"
	"tripcurve/sim/output"
	"tripcurve/sim/pipeline"
)

// PipelineReplications is how a described pipeline comes out over other seeds, and
// how sure that is. The report's own run is not among them.
type PipelineReplications struct {
	Runs     int               `json:"runs"`
	Level    float64           `json:"level"` // of every interval here, 0..1
	Requests []RequestMeasures `json:"requests"`
	Recovery Recovery          `json:"recovery"` // of any request, after the last fault's end
	Lasting  bool              `json:"lasting"`  // a fault is not over when the runs end: there is no end to recover after
}

// RequestMeasures is the figures of one kind of request: ended_share is of those that
// started and ok_share of those that ended, 0..1; a wait's middle is the median of the runs.
// A share and a wait are of the runs in which any started or ended, and not there where
// there is none such.
type RequestMeasures struct {
	Client   string    `json:"client"`
	Endpoint string    `json:"endpoint"`
	Measures []Measure `json:"measures"`
}

// requestMeasures are the figures, by their names.
var requestMeasures = []struct {
	name, of string
	among    func(*pipeline.RequestResult) int // how many it is a figure of; nil where it is one of none, too
	get      func(*pipeline.RequestResult) float64
}{
	{endedShare, "mean", started, func(q *pipeline.RequestResult) float64 { return float64(ended(q)) / float64(q.Started) }},
	{okShare, "mean", ended, func(q *pipeline.RequestResult) float64 { return float64(q.OK) / float64(ended(q)) }},
	{"failed", "mean", nil, func(q *pipeline.RequestResult) float64 { return float64(q.Failed) }},
	{"rejected", "mean", nil, func(q *pipeline.RequestResult) float64 { return float64(q.Rejected) }},
	{"wait_p50_s", "median", ended, func(q *pipeline.RequestResult) float64 { return q.P50.Seconds() }},
	{waitP99, "median", ended, func(q *pipeline.RequestResult) float64 { return q.P99.Seconds() }},
}

func started(q *pipeline.RequestResult) int { return q.Started }
func ended(q *pipeline.RequestResult) int   { return q.Started - q.InFlight }

// The figures that the text has.
const (
	endedShare = "ended_share"
	okShare    = "ok_share"
	waitP99    = "wait_p99_s"
)

// mostEnded is from what share on the rest of the requests is no more than those that are
// under way whenever a run ends.
const mostEnded = 0.99

// pipelineReplications says what the runs were; nil for none.
func pipelineReplications(rs []*pipeline.Result) *PipelineReplications {
	if len(rs) == 0 {
		return nil
	}
	out := &PipelineReplications{Runs: len(rs), Level: output.Level, Lasting: rs[0].Lasting}
	for i, q := range rs[0].Requests {
		of := RequestMeasures{Client: q.Client, Endpoint: q.Endpoint}
		for _, m := range requestMeasures {
			var values []float64
			for _, r := range rs {
				if q := &r.Requests[i]; m.among == nil || m.among(q) > 0 {
					values = append(values, m.get(q))
				}
			}
			if len(values) > 0 {
				of.Measures = append(of.Measures, measure(m.name, m.of, values))
			}
		}
		out.Requests = append(out.Requests, of)
	}
	var cases []output.Until
	for _, r := range rs {
		if took, recovered, failed := r.Recovery(); failed {
			cases = append(cases, output.Until{Seconds: took.Seconds(), Censored: !recovered})
		}
	}
	out.Recovery = recovery(cases)
	return out
}

// measure is one figure of the runs, to six decimals.
func measure(name, of string, values []float64) Measure {
	iv := output.Mean(values, output.Level)
	if of == "median" {
		iv = output.Quantile(values, 0.5, output.Level)
	}
	at := func(q float64) float64 { return round(output.Quantile(values, q, output.Level).Value, 6) }
	end := func(v float64) *float64 {
		if finite(v) == nil {
			return nil
		}
		v = round(v, 6)
		return &v
	}
	return Measure{
		Name: name, Of: of, Estimate: Estimate{end(iv.Value), end(iv.Lo), end(iv.Hi)},
		P5: at(0.05), P95: at(0.95), Min: round(slices.Min(values), 6), Max: round(slices.Max(values), 6),
	}
}

// text writes the replications for people.
func (o *PipelineReplications) text(out io.Writer) {
	if o == nil {
		return
	}
	fmt.Fprintf(out, "\nOver %s (mean with its %.0f %% interval; of waits the median):\n", export.Plural(o.Runs, "other seed"), 100*o.Level)
	for _, q := range o.Requests {
		line := fmt.Sprintf("%s of %s: no request ended in any run", q.Endpoint, q.Client)
		if ok, ended := q.measure(okShare); ended {
			p99, _ := q.measure(waitP99)
			of := "" // all of them
			if share, has := q.measure(endedShare); has && *share.Value < mostEnded {
				of = fmt.Sprintf(" of the %.2f %% that ended", 100**share.Value)
			}
			line = fmt.Sprintf("%s of %s: %s ok%s, p99 %s", q.Endpoint, q.Client,
				bracket(ok.Estimate, func(v float64) string { return fmt.Sprintf("%.2f %%", 100*v) }), of, bracket(p99.Estimate, span))
		}
		fmt.Fprint(out, export.Wrap(redact.Line(line), "  ", "    "))
	}
	if r := o.Recovery; r.Failed > 0 {
		runs, half := export.Plural(o.Runs, "run"), "half of them"
		if r.Failed == 1 {
			half = "that one"
		}
		line := fmt.Sprintf("requests failed after the first fault in %d of %s; %d of those recovered before the run ended", r.Failed, runs, r.Failed-r.Censored)
		switch {
		case o.Lasting: // there is no end to count from
			line = fmt.Sprintf("requests failed after the first fault in %d of %s, and a fault is not over when they end; in %d of those the last requests succeeded",
				r.Failed, runs, r.Failed-r.Censored)
		case r.MedianS.Value == nil:
		case *r.MedianS.Value == 0:
			line += ", " + half + " before the last fault was over"
		default:
			line += fmt.Sprintf(", %s within %s of the last fault's end", half, span(*r.MedianS.Value))
		}
		fmt.Fprint(out, export.Wrap(line+".", "  ", "    "))
	}
}

// measure is the one of a name; false where there is none.
func (q *RequestMeasures) measure(name string) (Measure, bool) {
	i := slices.IndexFunc(q.Measures, func(m Measure) bool { return m.Name == name })
	if i < 0 {
		return Measure{}, false
	}
	return q.Measures[i], true
}

// bracket is a value and its interval; what the runs do not bound is left open.
func bracket(e Estimate, write func(float64) string) string {
	if e.Value == nil {
		return "-"
	}
	if e.Lo == nil || e.Hi == nil {
		return write(*e.Value)
	}
	return fmt.Sprintf("%s (%s to %s)", write(*e.Value), write(*e.Lo), write(*e.Hi))
}
