package simulation

import (
	"fmt"
	"io"
	"slices"

	"tripcurve/internal/export"
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
}

// RequestMeasures is the figures of one kind of request: ok_share is of those that
// ended, 0..1; a wait's middle is the median of the runs.
type RequestMeasures struct {
	Client   string    `json:"client"`
	Endpoint string    `json:"endpoint"`
	Measures []Measure `json:"measures"`
}

// requestMeasures are the figures, by their names.
var requestMeasures = []struct {
	name, of string
	get      func(*pipeline.RequestResult) float64
}{
	{"ok_share", "mean", okShare},
	{"failed", "mean", func(q *pipeline.RequestResult) float64 { return float64(q.Failed) }},
	{"rejected", "mean", func(q *pipeline.RequestResult) float64 { return float64(q.Rejected) }},
	{"wait_p50_s", "median", func(q *pipeline.RequestResult) float64 { return q.P50.Seconds() }},
	{"wait_p99_s", "median", func(q *pipeline.RequestResult) float64 { return q.P99.Seconds() }},
}

// okShare is 1 where no request has ended: none failed.
func okShare(q *pipeline.RequestResult) float64 {
	if ended := q.Started - q.InFlight; ended > 0 {
		return float64(q.OK) / float64(ended)
	}
	return 1
}

// pipelineReplications says what the runs were; nil for none.
func pipelineReplications(rs []*pipeline.Result) *PipelineReplications {
	if len(rs) == 0 {
		return nil
	}
	out := &PipelineReplications{Runs: len(rs), Level: output.Level}
	for i, q := range rs[0].Requests {
		of := RequestMeasures{Client: q.Client, Endpoint: q.Endpoint}
		for _, m := range requestMeasures {
			values := make([]float64, len(rs))
			for j, r := range rs {
				values[j] = m.get(&r.Requests[i])
			}
			of.Measures = append(of.Measures, measure(m.name, m.of, values))
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
	fmt.Fprintf(out, "\nOver %d other seeds (mean with its %.0f %% interval; of waits the median):\n", o.Runs, 100*o.Level)
	for _, q := range o.Requests {
		ok, p99 := q.Measures[0], q.Measures[len(q.Measures)-1]
		fmt.Fprint(out, export.Wrap(fmt.Sprintf("%s of %s: %s ok, p99 %s", q.Endpoint, q.Client,
			bracket(ok.Estimate, func(v float64) string { return fmt.Sprintf("%.2f %%", 100*v) }), bracket(p99.Estimate, span)), "  ", "    "))
	}
	if r := o.Recovery; r.Failed > 0 {
		line := fmt.Sprintf("requests failed after the first fault in %d of %d runs; %d of those recovered before the run ended", r.Failed, o.Runs, r.Failed-r.Censored)
		switch {
		case r.MedianS.Value == nil:
		case *r.MedianS.Value == 0:
			line += ", half of them before the last fault was over"
		default:
			line += fmt.Sprintf(", half of them within %s of the last fault's end", span(*r.MedianS.Value))
		}
		fmt.Fprint(out, export.Wrap(line+".", "  ", "    "))
	}
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
