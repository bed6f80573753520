package fit

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"time"

	"tripcurve/internal/incident"
)

// recording is what the evidence says, in the terms of a pipeline.
type recording struct {
	v         *incident.View
	a         incident.Analysis
	window    incident.Window // that is fitted, in whole seconds
	fault     fault
	healthy   []incident.Window // in which nothing was wrong
	endpoints []*endpoint       // that are fitted, the one that failed most first
	calls     []call            // counted calls that belong to an endpoint
	known     []bool            // by second of window: the gateway's log covers it
	leftOut   []string          // in words
	unknown   []string          // what is not identified, in words
}

// endpoint is one endpoint as the gateway saw it.
type endpoint struct {
	incident.Impact
	name    string    // in the pipeline
	started []float64 // by second of the window; NaN where the log has a gap
	failed  []float64 // of started
	total   float64   // requests in the window
	bad     float64   // of them failed

	usual  incident.Sketch // how long healthy requests took
	limit  limit           // what ended those that failed
	seen   incident.Window // of the starts of those that failed, in whole seconds
	wrong  incident.Window // in which the fault hit it
	begin  incident.Window // that hold the beginning and the end of wrong
	end    incident.Window
	share  float64 // of the requests begun in wrong that failed, 0..1
	mode   trouble
	path   []int   // into calls: from the gateway to where the time goes
	tries  int     // attempts of one request
	slower float64 // times as long as usual in the fault, where it did not fail
}

// read is what the evidence says, or what it lacks for a fit.
func read(v *incident.View, a incident.Analysis, force bool) (*recording, error) {
	r := &recording{v: v, a: a}
	var lacks []Reason
	no := func(what, why string, args ...any) { lacks = append(lacks, Reason{what, fmt.Sprintf(why, args...)}) }
	if !v.Sees("gateway") {
		no("no requests", "no gateway's log is in the recording, so that nobody knows who came and who failed")
		return nil, &RefusedError{lacks}
	}
	if a.Impact.Length() == 0 {
		no("no fault", "no requests failed beyond what is usual: there is no incident to fit")
		return nil, &RefusedError{lacks}
	}
	if slices.ContainsFunc(a.Endpoints, func(e incident.Impact) bool { return e.ByEnd }) {
		no("no durations", "the gateway's log does not say how long requests took, so that neither their healthy time nor what ended them can be known")
		return nil, &RefusedError{lacks}
	}
	f, reasons := r.findFault()
	r.fault = f
	lacks = append(lacks, reasons...)
	r.window = v.Window.Meet(incident.Window{From: r.troubled().From.Add(-before), To: r.troubled().To.Add(after)})
	r.window.From, r.window.To = up(r.window.From), r.window.To.Truncate(time.Second)
	r.findHealthy()
	lacks = append(lacks, r.readEndpoints(force)...)
	if len(lacks) > 0 {
		return nil, &RefusedError{lacks}
	}
	r.findCalls()
	lacks = append(lacks, r.judge(force)...)
	if len(lacks) > 0 {
		return nil, &RefusedError{lacks}
	}
	return r, nil
}

// troubled is from the first sign of the fault to the last of the impact.
func (r *recording) troubled() incident.Window {
	w := r.a.Impact
	if f := r.fault.Window; f.Length() > 0 {
		if f.From.Before(w.From) {
			w.From = f.From
		}
		if f.To.After(w.To) {
			w.To = f.To
		}
	}
	return w
}

// findHealthy is the time before the trouble, and that after it from when requests
// that began in it have ended.
func (r *recording) findHealthy() {
	bad := r.troubled()
	recovered := bad.To
	for _, e := range r.a.Endpoints {
		if e.Recovered.After(recovered) {
			recovered = e.Recovered
		}
		if e.LastFailed.After(recovered) {
			recovered = e.LastFailed
		}
	}
	for _, w := range []incident.Window{
		{From: r.window.From, To: bad.From},
		{From: recovered.Add(settle), To: r.window.To},
	} {
		if w.Length() > 0 {
			r.healthy = append(r.healthy, w)
		}
	}
}

// settle is how long after the last failure times are called healthy again.
const settle = 10 * time.Second

// readEndpoints reads the endpoints that have enough requests.
func (r *recording) readEndpoints(force bool) (lacks []Reason) {
	seconds := r.window.Steps(time.Second)
	for i := range r.a.Endpoints {
		e := &endpoint{Impact: r.a.Endpoints[i], tries: 1}
		e.started = r.v.Rate(func(b incident.Bucket) bool { return b.Endpoint == e.Endpoint }, r.window, time.Second, false)
		e.failed = r.v.Rate(func(b incident.Bucket) bool { return b.Endpoint == e.Endpoint && b.Failed() }, r.window, time.Second, false)
		if r.known == nil {
			r.known = make([]bool, seconds)
			for s, n := range e.started {
				r.known[s] = !math.IsNaN(n)
			}
		}
		e.total, e.bad = sum(e.started), sum(e.failed)
		if e.total == 0 {
			continue
		}
		e.usual = r.usual(&e.Impact)
		healthy := count(e.usual)
		switch {
		case e.total < leastRequests && e.bad < leastFailing, healthy < leastHealthy && e.bad == 0:
			r.leftOut = append(r.leftOut, fmt.Sprintf("%s: %s, of which %s in healthy times; at least %d and %d make an endpoint", e.Endpoint,
				things(e.total, "request", "requests"), whole(float64(healthy)), leastRequests, leastHealthy))
			continue
		case healthy == 0 || healthy < leastHealthy && !force:
			lacks = append(lacks, Reason{"no healthy window", fmt.Sprintf("%s has %s that ended well outside of the trouble (%s to %s of the recording from %s to %s), expected at least %d",
				e.Endpoint, things(float64(healthy), "request", "requests"), clock(r.troubled().From), clock(r.troubled().To), clock(r.window.From), clock(r.window.To), leastHealthy)})
			continue
		}
		e.limit = r.limitOf(e)
		r.endpoints = append(r.endpoints, e)
	}
	slices.SortStableFunc(r.endpoints, func(a, b *endpoint) int { return cmp.Compare(b.bad, a.bad) })
	if len(r.endpoints) == 0 && len(lacks) == 0 {
		lacks = append(lacks, Reason{"too few requests", fmt.Sprintf("no endpoint has %d requests between %s and %s", leastRequests, clock(r.window.From), clock(r.window.To))})
	}
	r.nameEndpoints()
	return lacks
}

// usual is how long requests of an endpoint took that ended well in healthy times:
// before the trouble where enough did, else after it too.
func (r *recording) usual(of *incident.Impact) (all incident.Sketch) {
	e, none := of.Endpoint, of.Effect == incident.Down || of.Effect == incident.Hung
	well := func(l *incident.Latency) bool {
		return l.Endpoint == e && !l.Failed() && l.Outcome != incident.ClientAbort
	}
	for _, w := range r.healthy {
		if count(all) >= 10*leastHealthy {
			break
		}
		all = merged(all, r.took(w, well))
	}
	// Who waits for a lock does not end well while it is held, and where none do nobody ends
	// well: the interval in which it began tells of healthy requests alone.
	if edge := r.troubled().From; count(all) < leastHealthy && (r.fault.table != "" || none) && len(r.healthy) > 0 && r.healthy[0].To.Equal(edge) {
		r.v.EachLatency(incident.Window{From: r.healthy[0].From, To: edge}, func(l *incident.Latency) {
			if l.Sketch != nil && l.At.Add(l.Width).After(edge) && l.Width < coarse && well(l) {
				all = merged(all, l.Sketch)
			}
		})
	}
	return all
}

// took is how long requests took that match and ended in a window.
func (r *recording) took(w incident.Window, match func(*incident.Latency) bool) (all incident.Sketch) {
	r.v.EachLatency(incident.Window{From: w.From.Add(-time.Hour), To: w.To}, func(l *incident.Latency) {
		if l.Sketch != nil && !l.At.Before(w.From) && !l.At.Add(l.Width).After(w.To) && match(l) {
			all = merged(all, l.Sketch)
		}
	})
	return all
}

func merged(a, b incident.Sketch) incident.Sketch {
	switch {
	case a == nil:
		return b
	case b == nil:
		return a
	}
	if both, err := a.Merge(b); err == nil {
		return both
	}
	return a // of another accuracy
}

func count(s incident.Sketch) int64 {
	if s == nil {
		return 0
	}
	return s.Count()
}

// middle is a quantile as one duration: the middle of the bin that holds it, of one
// that is open above its lower end.
func middle(s incident.Sketch, q float64) time.Duration {
	v := s.Quantile(q)
	if v.Capped {
		return v.Lo
	}
	return v.Lo + (v.Hi-v.Lo)/2
}

func sum(counts []float64) (n float64) {
	for _, c := range counts {
		if !math.IsNaN(c) {
			n += c
		}
	}
	return n
}

// within sums the seconds of counts that lie in w.
func (r *recording) within(counts []float64, w incident.Window) (n float64) {
	for i, c := range counts {
		if w.Has(r.at(i)) && !math.IsNaN(c) {
			n += c
		}
	}
	return n
}

func up(t time.Time) time.Time {
	if s := t.Truncate(time.Second); !s.Equal(t) {
		return s.Add(time.Second)
	}
	return t
}
