package fit

import (
	"math"
	"slices"
	"time"

	"tripcurve/sim/pipeline"
)

// Bounds of a fit that reproduces its recording.
const (
	MostArrivals = 0.02 // of the requests of an endpoint
	MostLatency  = 0.10 // of a healthy quantile
	MostFailed   = 0.10 // of the failed share
	MostSamples  = 2    // by which the beginning and the end of the failures may be off
	MostWaiters  = 0.25 // of the most sessions that waited: a maximum has its chance
)

// resolution is below what a gateway's log tells apart: its times are mostly in ms.
const resolution = time.Millisecond

// Report holds what was recorded against what the fitted pipeline gives.
type Report struct {
	Seeds      int // runs behind every simulated figure
	Quantities []Quantity
	// NotIdentified is what the recording does not tell, and what was taken instead.
	NotIdentified []string
	LeftOut       []string // endpoints that were not fitted, and why
}

// Quantity is one figure, as recorded and as simulated, in its unit.
type Quantity struct {
	Of        string // an endpoint, or "all"
	Name      string // "requests", "healthy p50", ...
	Unit      string // "1", "s", "share"
	Recorded  float64
	Simulated float64 // mean over the runs; of a quantile, over all requests of all runs
	Facts     float64 // requests behind the recorded figure
	Error     float64 // by which the two are apart: a share of the recorded one, or in units where Absolute
	Bound     float64
	Absolute  bool
	// Lo and Hi are between what nine in ten runs are, where one run may be so far off
	// by chance; 0 where that is not looked at.
	Lo, Hi float64
}

// Holds says that the two are within the bound, or that chance alone gives as much.
func (q Quantity) Holds() bool { return q.Error <= q.Bound || q.ByChance() }

// ByChance says that the two are further apart than the bound, and that the recorded
// one is what nine in ten runs give.
func (q Quantity) ByChance() bool {
	return q.Error > q.Bound && q.Lo <= q.Recorded && q.Recorded <= q.Hi && q.Hi > 0
}

// Misfits are the quantities outside of their bounds.
func (rep *Report) Misfits() (all []Quantity) {
	for _, q := range rep.Quantities {
		if !q.Holds() {
			all = append(all, q)
		}
	}
	return all
}

// misfit says whether one figure is outside of its bound.
func (rep *Report) misfit(of, name string) bool {
	return slices.ContainsFunc(rep.Quantities, func(q Quantity) bool { return q.Of == of && q.Name == name && !q.Holds() })
}

// distance is how far the quantities are off, by their bounds.
func (rep *Report) distance() (d float64) {
	for _, q := range rep.Quantities {
		x := math.Min(100, q.Error/q.Bound)
		d += x * x
	}
	return d
}

// report holds the runs of a pipeline against the recording.
func (r *recording) report(p *pipeline.Pipeline, seen *outcome) Report {
	rep := Report{Seeds: seen.runs}
	runs := float64(seen.runs)
	root := p.Services[0].Name
	total, bad, simulated, simulatedBad := 0.0, 0.0, 0.0, 0.0
	for _, e := range r.endpoints {
		t := seen.of(root + "." + e.name)
		total, bad = total+e.total, bad+e.bad
		simulated, simulatedBad = simulated+t.started/runs, simulatedBad+t.failed/runs
		of := e.Endpoint.String()
		rep.add(relative(of, "requests", "1", e.total, t.started/runs, e.total, MostArrivals))
		for _, q := range []struct {
			name string
			q    float64
		}{{"healthy p50", 0.5}, {"healthy p99", 0.99}} {
			was, is := middle(e.usual, q.q), quantile(t.took, q.q)
			rep.add(latency(of, q.name, was, is, t.took, q.q, float64(count(e.usual))))
		}
		if e.failing() {
			q := relative(of, "failed share", "share", e.bad/e.total, t.failed/math.Max(1, t.started), e.total, MostFailed)
			q.Lo, q.Hi = quantile(t.shares, 0.05), quantile(t.shares, 0.95)
			rep.add(q)
			rep.window(r, e, t)
		} else {
			was, is := e.bad/e.total, t.failed/math.Max(1, t.started)
			rep.add(Quantity{Of: of, Name: "failed share", Unit: "share", Recorded: was, Simulated: is, Facts: e.total, Error: math.Abs(was - is), Bound: leastShare, Absolute: true})
		}
	}
	rep.add(relative("all", "failed share", "share", bad/total, simulatedBad/math.Max(1, simulated), total, MostFailed))
	if w := float64(r.fault.waiters); w > 0 {
		q := relative("all", "lock waiters", "1", w, seen.waiters, w, MostWaiters)
		if math.Abs(w-seen.waiters) <= 2 {
			q.Error = math.Min(q.Error, q.Bound)
		}
		rep.add(q)
	}
	return rep
}

// latency is a quantile of n recorded requests: the value of a rank, which is known to
// half a rank, and to what the log tells apart.
func latency(of, name string, was, is time.Duration, took []time.Duration, q, n float64) Quantity {
	x := relative(of, name, "s", was.Seconds(), is.Seconds(), n, MostLatency)
	half := 0.5 / math.Max(1, n)
	lo, hi := quantile(took, math.Max(0, q-half)), quantile(took, math.Min(1, q+half))
	off := max(lo-was, was-hi, 0)
	x.Error = math.Min(x.Error, off.Seconds()/math.Max(was.Seconds(), 1e-9))
	if (was - is).Abs() <= resolution {
		x.Error = math.Min(x.Error, x.Bound)
	}
	return x
}

// window adds when the first and the last request began that failed. A sample is a
// second, or the usual distance of its failing requests where that is longer; in the
// time to the next request that went well nothing is known.
func (rep *Report) window(r *recording, e *endpoint, t *tally) {
	sample := math.Max(1, e.seen.Length().Seconds()/math.Max(1, r.within(e.failed, e.seen)))
	for _, x := range []struct {
		name   string
		was    time.Time
		lo, hi time.Time // between which nothing is known
		is     []float64
	}{
		{"first failed", e.seen.From, e.begin.From, e.seen.From.Add(time.Second), t.first},
		{"last failed", e.seen.To.Add(-time.Second), e.seen.To.Add(-time.Second), e.end.To, t.last},
	} {
		since := func(at time.Time) float64 { return at.Sub(r.window.From).Seconds() }
		q := Quantity{Of: e.Endpoint.String(), Name: x.name, Unit: "from", Recorded: since(x.was), Simulated: mean(x.is), Facts: r.within(e.failed, e.seen), Bound: MostSamples * sample, Absolute: true}
		q.Error = math.Max(0, math.Max(since(x.lo)-q.Simulated, q.Simulated-since(x.hi)))
		if len(x.is) == 0 {
			q.Error = math.Inf(1)
		}
		rep.add(q)
	}
}

func relative(of, name, unit string, was, is, facts, bound float64) Quantity {
	q := Quantity{Of: of, Name: name, Unit: unit, Recorded: was, Simulated: is, Facts: facts, Bound: bound}
	switch {
	case was > 0:
		q.Error = math.Abs(is-was) / was
	case is > 0:
		q.Error = math.Inf(1)
	}
	return q
}

func (rep *Report) add(q Quantity) { rep.Quantities = append(rep.Quantities, q) }
