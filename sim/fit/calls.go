package fit

import (
	"math"
	"slices"
	"time"

	"tripcurve/internal/incident"
)

// call is one kind of call that its caller counts.
type call struct {
	incident.Flow
	points []incident.FlowPoint // of the window
}

// deepest bounds the calls of one path; cycles of callers end there.
const deepest = 6

// findCalls finds for every endpoint the gateway's call that is made for each of its
// requests, and for those that failed where below it the time went.
func (r *recording) findCalls() {
	callees := map[string]bool{}
	for _, f := range r.v.Flows() {
		if !f.Server {
			r.calls = append(r.calls, call{f, f.Points(incident.Window{From: r.window.From, To: r.window.To.Add(time.Nanosecond)})})
			callees[f.Callee()] = true
		}
	}
	best := make([]int, len(r.calls)) // of the endpoints, by call
	off := make([]float64, len(r.calls))
	for c := range r.calls {
		best[c], off[c] = -1, most
		if callees[r.calls[c].Caller] { // it is below another call
			continue
		}
		for i, e := range r.endpoints {
			if d := r.apart(&r.calls[c], e); d < off[c] {
				best[c], off[c] = i, d
			}
		}
	}
	for i, e := range r.endpoints {
		root := -1
		for c := range r.calls {
			if best[c] == i && (root < 0 || off[c] < off[root]) {
				root = c
			}
		}
		if root >= 0 {
			e.path = r.follow(e, root)
		}
	}
}

// most is how far a call's counts may be from an endpoint's requests, as a share of
// these: the two are cut at different instants.
const most = 0.35

// follow goes down from a call to where its time goes.
func (r *recording) follow(e *endpoint, root int) []int {
	path := []int{root}
	if e.bad == 0 {
		return path
	}
	for len(path) < deepest {
		at := &r.calls[path[len(path)-1]]
		next, held := -1, r.held(at)/2
		for c := range r.calls {
			below := &r.calls[c]
			if slices.Contains(path, c) || below.Caller != at.Callee() || r.apart(below, e) > most {
				continue
			}
			if h := r.held(below); h > held {
				next, held = c, h
			}
		}
		if next < 0 {
			break
		}
		path = append(path, next)
	}
	return path
}

// held is how many of the calls were in flight while something was wrong, on average.
func (r *recording) held(c *call) float64 {
	n, all := 0, 0.0
	for _, p := range c.points {
		if r.troubled().Has(p.At) {
			n++
			all += p.InFlight
		}
	}
	return all / math.Max(1, float64(n))
}

// apart is by how much calls and requests differ in healthy times, sample by sample,
// as a share of the requests; +Inf when there were too few.
func (r *recording) apart(c *call, e *endpoint) float64 {
	off, requests, calls := 0.0, 0.0, 0.0
	for i := 1; i < len(c.points); i++ {
		w := incident.Window{From: c.points[i-1].At, To: c.points[i].At}
		if !r.isHealthy(w) || c.points[i].Restart {
			continue
		}
		n := r.cut(e.started, w)
		requests += n
		calls += c.points[i].Started
		off += math.Abs(n - c.points[i].Started)
	}
	if requests < leastHealthy || math.Abs(calls-requests) > 0.1*requests {
		return math.Inf(1)
	}
	return off / requests
}

func (r *recording) isHealthy(w incident.Window) bool {
	return slices.ContainsFunc(r.healthy, func(h incident.Window) bool { return !w.From.Before(h.From) && !w.To.After(h.To) })
}

// cut counts what lies in a window that may begin and end within a second.
func (r *recording) cut(counts []float64, w incident.Window) (n float64) {
	first := max(0, int(w.From.Sub(r.window.From)/time.Second))
	for i := first; i < len(counts); i++ {
		sec := incident.Window{From: r.window.From.Add(time.Duration(i) * time.Second), To: r.window.From.Add(time.Duration(i+1) * time.Second)}
		if !sec.From.Before(w.To) {
			break
		}
		if !math.IsNaN(counts[i]) {
			n += counts[i] * sec.Meet(w).Length().Seconds()
		}
	}
	return n
}

// ending is where on its path an endpoint's requests were given up.
type ending struct {
	at       int           // into the path; 0 without one
	deadline bool          // by a gRPC deadline, which cancels what is below
	tries    int           // attempts of each
	each     time.Duration // of one attempt
	says     string
}

// endingOf reads off the counters by whom the requests of an endpoint were given up.
func (r *recording) endingOf(e *endpoint) ending {
	x := ending{tries: 1, says: "no source says how many attempts a request makes: one is taken"}
	w := incident.Window{From: e.seen.From, To: e.seen.To.Add(e.limit.took + settle)}
	requests := r.cut(e.started, w)
	retried := false
	for i, c := range e.path {
		begun, expired := 0.0, 0.0
		for n, p := range r.calls[c].points {
			if n > 0 && w.Has(p.At) {
				begun += p.Started
				expired += p.Deadline
			}
		}
		if i == 0 {
			x.says = "as many calls were begun as requests came: one attempt"
		}
		if tries := int(math.Round(begun / math.Max(1, requests))); !retried && tries > 1 && tries <= maxTries {
			x.at, x.tries, retried = i, tries, true
			x.says = things(begun, "call was", "calls were") + " begun for " + things(requests, "request", "requests")
		}
		if !x.deadline && expired >= leastExpired*r.within(e.failed, e.seen)*float64(x.tries) {
			x.deadline = true
			if !retried {
				x.at = i
			}
		}
	}
	x.each = (e.limit.took / time.Duration(x.tries)).Round(time.Millisecond)
	return x
}

const (
	maxTries     = 10
	leastExpired = 0.5 // of the failing requests ended by DEADLINE_EXCEEDED
)
