package simulation

import (
	"fmt"
	"io"
	"math"
	"slices"
	"text/tabwriter"

	"tripcurve/internal/export"
	"tripcurve/sim"
	"tripcurve/sim/output"
)

// Replications is how the scenario comes out over other seeds, and how sure that
// is. The report's own run is not among them: its seed may have been chosen.
type Replications struct {
	Runs     int       `json:"runs"`
	Level    float64   `json:"level"`   // of every interval here, 0..1
	Stopped  string    `json:"stopped"` // asked: after so many as were asked for; precise; budget: before it was precise
	Measures []Measure `json:"measures"`
	// PoolFilled is the share of runs in which the pool was ever full.
	PoolFilled Estimate `json:"pool_filled"`
	Lasting    bool     `json:"lasting"` // a fault is not over when the runs end: there is no end to recover after
	Recovery   Recovery `json:"recovery"`
}

// Measure is one figure of the runs: what it is on average, and where the runs lie.
type Measure struct {
	Name string `json:"name"` // as in the report itself
	Of   string `json:"of"`   // mean, or median: waits of runs are quantiles, which have no meaningful mean
	Estimate
	P5  float64 `json:"p5"` // a twentieth of the runs lies below
	P95 float64 `json:"p95"`
	Min float64 `json:"min"`
	Max float64 `json:"max"`
}

// Estimate is a value with its confidence interval; null where the runs set no bound.
type Estimate struct {
	Value *float64 `json:"value"`
	Lo    *float64 `json:"lo"`
	Hi    *float64 `json:"hi"`
}

// Recovery is over the runs in which checkouts failed: how long after the trigger's
// end they succeeded again for good. A run that ended before it recovered counts for
// as long as it was watched (Kaplan and Meier), and there is no mean, which would
// leave out the worst.
type Recovery struct {
	Failed    int      `json:"failed_runs"`
	Censored  int      `json:"censored_runs"` // not recovered when the run ended
	WatchedS  *float64 `json:"watched_s"`     // how long the shortest of them was watched
	Recovered Estimate `json:"recovered"`     // share of the failed runs
	MedianS   Estimate `json:"median_s"`
	P95S      Estimate `json:"p95_s"`
}

// measures are the figures, by their names in the report.
var measures = []struct {
	name, of string
	get      func(*sim.Result) float64
}{
	{"orders_failed", "mean", Failed},
	{"orders_502", "mean", func(r *sim.Result) float64 { return float64(r.Orders.Answered502) }},
	{"orders_503", "mean", func(r *sim.Result) float64 { return float64(r.Orders.Answered503) }},
	{"orders_rejected", "mean", func(r *sim.Result) float64 { return float64(r.Orders.Rejected) }},
	{"orders_late", "mean", func(r *sim.Result) float64 { return float64(r.Orders.Late) }},
	{"orphan_reservations", "mean", func(r *sim.Result) float64 { return float64(r.Orphans) }},
	{"reserve_calls", "mean", func(r *sim.Result) float64 { return float64(r.ReserveCalls) }},
	{"wait_p50_s", "median", func(r *sim.Result) float64 { return r.Waits.P50.Seconds() }},
	{"wait_p99_s", "median", func(r *sim.Result) float64 { return r.Waits.P99.Seconds() }},
}

// Failed is the orders of a run that failed: what is looked at to say that there
// have been replications enough.
func Failed(r *sim.Result) float64 { return float64(r.Orders.Failed) }

// replications says what the runs were; nil for none.
func replications(rs []*sim.Result, stop output.Stop) *Replications {
	if len(rs) == 0 {
		return nil
	}
	out := &Replications{Runs: len(rs), Level: output.Level, Stopped: "asked", Lasting: rs[0].Lasting}
	switch stop {
	case output.Precise:
		out.Stopped = "precise"
	case output.Budget:
		out.Stopped = "budget"
	case output.GoOn: // nobody asked for a precision
	}
	values := make([]float64, len(rs))
	for _, m := range measures {
		for i, r := range rs {
			values[i] = m.get(r)
		}
		iv := output.Mean(values, output.Level)
		if m.of == "median" {
			iv = output.Quantile(values, 0.5, output.Level)
		}
		at := func(q float64) float64 { return round(output.Quantile(values, q, output.Level).Value, 3) }
		out.Measures = append(out.Measures, Measure{
			Name: m.name, Of: m.of, Estimate: estimate(iv), P5: at(0.05), P95: at(0.95),
			Min: round(slices.Min(values), 3), Max: round(slices.Max(values), 3),
		})
	}
	filled := 0
	var cases []output.Until
	for _, r := range rs {
		if r.PoolFullAfter >= 0 {
			filled++
		}
		if took, recovered, failed := r.Recovery(); failed {
			cases = append(cases, output.Until{Seconds: took.Seconds(), Censored: !recovered})
		}
	}
	out.PoolFilled = estimate(output.Share(filled, len(rs), output.Level))
	out.Recovery = recovery(cases)
	return out
}

func recovery(cases []output.Until) Recovery {
	s := output.Survive(cases)
	r := Recovery{Failed: s.Cases, Censored: s.Censored}
	if s.Cases == 0 {
		return r
	}
	r.Recovered = estimate(output.Share(s.Cases-s.Censored, s.Cases, output.Level))
	r.MedianS = estimate(s.Quantile(0.5, output.Level))
	r.P95S = estimate(s.Quantile(0.95, output.Level))
	for _, c := range cases {
		if c.Censored && (r.WatchedS == nil || c.Seconds < *r.WatchedS) {
			r.WatchedS = finite(c.Seconds)
		}
	}
	return r
}

func estimate(i output.Interval) Estimate {
	return Estimate{finite(i.Value), finite(i.Lo), finite(i.Hi)}
}

func finite(v float64) *float64 {
	if math.IsInf(v, 0) || math.IsNaN(v) {
		return nil
	}
	v = round(v, 3)
	return &v
}

// text writes the replications for people.
func (o *Replications) text(out io.Writer) error {
	percent := fmt.Sprintf("%g %%", 100*o.Level)
	fmt.Fprintf(out, "\nOver %s%s\n\n", export.Plural(o.Runs, "other seed"), map[string]string{
		"asked": "", "precise": ", enough for the precision asked for",
		"budget": "; that was all there was to spend, and the precision asked for was not reached",
	}[o.Stopped])
	w := tabwriter.NewWriter(out, 0, 8, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(w, "\ton average\t%s interval\t90 %% of runs\t\n", percent)
	for _, name := range []struct{ json, text, unit string }{
		{"orders_failed", "orders failed", ""},
		{"orders_502", "  answered 502", ""},
		{"orders_503", "  answered 503", ""},
		{"orders_late", "  accepted too late", ""},
		{"orders_rejected", "of these rejected by a breaker", ""},
		{"wait_p50_s", "wait until recovery, p50", "s"},
		{"wait_p99_s", "wait until recovery, p99", "s"},
		{"orphan_reservations", "orphan reservations", ""},
		{"reserve_calls", "calls on inventory", ""},
	} {
		m := o.measure(name.json)
		fmt.Fprintf(w, "%s\t%s\t%s\t%s to %s\t\n", name.text, measured(*m.Value, name.unit), m.interval(name.unit),
			measured(m.P5, name.unit), measured(m.P95, name.unit))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	full := fmt.Sprintf("The pool was full in %.0f %% of the runs (%.0f to %.0f %%). ", 100**o.PoolFilled.Value, 100**o.PoolFilled.Lo, 100**o.PoolFilled.Hi)
	fmt.Fprintln(out)
	fmt.Fprint(out, export.Wrap(full+o.Recovery.text(o.Runs, o.Lasting), "", ""))
	return nil
}

func (o *Replications) measure(name string) Measure {
	for _, m := range o.Measures {
		if m.Name == name {
			return m
		}
	}
	return Measure{}
}

// interval is the estimate's bounds in words.
func (e Estimate) interval(unit string) string {
	switch {
	case e.Lo == nil && e.Hi == nil:
		return "too few runs"
	case e.Hi == nil:
		return "from " + measured(*e.Lo, unit)
	case e.Lo == nil:
		return "up to " + measured(*e.Hi, unit)
	}
	return measured(*e.Lo, unit) + " to " + measured(*e.Hi, unit)
}

func (r Recovery) text(runs int, lasting bool) string {
	switch most := output.AtMost(runs); {
	case r.Failed == 0 && most >= 1:
		return "No checkout failed in any, which at 95 % rules nothing out: there are too few runs."
	case r.Failed == 0:
		return fmt.Sprintf("No checkout failed in any; at 95 %% that rules out more than %.0f %% of such runs.", 100*most)
	}
	if lasting {
		return fmt.Sprintf("Checkouts failed in %d, and a fault is not over when they end; in %d of those the last checkout was served.", r.Failed, r.Failed-r.Censored)
	}
	s := fmt.Sprintf("%d of the %d in which checkouts failed recovered (%.0f to %.0f %%)",
		r.Failed-r.Censored, r.Failed, 100**r.Recovered.Lo, 100**r.Recovered.Hi)
	switch {
	case r.MedianS.Value != nil:
		s += fmt.Sprintf(", half of them within %s of the trigger's end (%s)", measured(*r.MedianS.Value, "s"), r.MedianS.interval("s"))
		if r.P95S.Value != nil {
			s += fmt.Sprintf(", 95 %% within %s", measured(*r.P95S.Value, "s"))
		}
	case r.WatchedS != nil:
		s += fmt.Sprintf("; half of them had not within the %s that they were watched", measured(*r.WatchedS, "s"))
	}
	return s + "."
}
