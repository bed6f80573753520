package fit

import (
	"cmp"
	"fmt"
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
	type pair struct {
		call int
		of   *endpoint
		off  float64
	}
	var pairs []pair
	for c := range r.calls {
		if callees[r.calls[c].Caller] { // it is below another call
			continue
		}
		for _, e := range r.endpoints {
			if d, odd := r.apart(&r.calls[c], e), r.strange(&r.calls[c], e); d <= most && odd <= strangest {
				pairs = append(pairs, pair{c, e, d + odd})
			}
		}
	}
	slices.SortStableFunc(pairs, func(a, b pair) int { return cmp.Compare(a.off, b.off) })
	pairUp := func(caller string) map[string]int { // the nearest first; each call and each endpoint once
		taken, of := map[int]bool{}, map[string]int{}
		for _, e := range r.endpoints {
			e.path = nil
		}
		for _, p := range pairs {
			if by := r.calls[p.call].Caller; !taken[p.call] && len(p.of.path) == 0 && (caller == "" || by == caller) {
				taken[p.call], p.of.path = true, []int{p.call}
				of[by]++
			}
		}
		return of
	}
	gateway, paired := "", 0 // others that nobody calls work off a queue
	for caller, n := range pairUp("") {
		if n > paired || n == paired && caller < gateway {
			gateway, paired = caller, n
		}
	}
	pairUp(gateway)
	for _, e := range r.endpoints {
		if len(e.path) > 0 {
			e.path = r.follow(e, e.path[0])
		}
	}
}

// strange is how far the calls begun in the trouble are from the requests that came in
// it: one endpoint's requests often follow another's, and the trouble tells them apart.
func (r *recording) strange(c *call, e *endpoint) float64 {
	requests, calls := 1.0, 1.0
	for i := 1; i < len(c.points); i++ {
		if w := (incident.Window{From: c.points[i-1].At, To: c.points[i].At}); r.troubled().Meet(w).Length() > 0 {
			requests += r.cut(e.started, w)
			calls += c.points[i].Started
		}
	}
	return math.Abs(math.Log(calls/requests)) / 10
}

// strangest is a call that is begun for one request in twelve, or twelve times for each.
const strangest = 0.25

// leastPaired are requests of healthy times that an endpoint needs to be told by its
// calls.
const leastPaired = 15

// most is how far a call's counts may be from an endpoint's requests, as a share of
// these: the two are cut at different instants. Of two independent ones that come four
// times a second it would be 0.25.
const most = 0.2

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

// apart is by how much calls and requests differ in healthy times, some five seconds at
// a time, as a share of the requests; +Inf when there were too few.
func (r *recording) apart(c *call, e *endpoint) float64 {
	off, requests, calls := 0.0, 0.0, 0.0
	here, there, since := 0.0, 0.0, time.Duration(0)
	for i := 1; i < len(c.points); i++ {
		w := incident.Window{From: c.points[i-1].At, To: c.points[i].At}
		if r.isHealthy(w) && !c.points[i].Restart {
			here += r.cut(e.started, w)
			there += c.points[i].Started
			since += w.Length()
		} else if since > 0 {
			since = atATime // no longer next to each other
		}
		if since >= atATime || i == len(c.points)-1 {
			off, requests, calls = off+math.Abs(here-there), requests+here, calls+there
			here, there, since = 0, 0, 0
		}
	}
	if requests < leastPaired || math.Abs(calls-requests) > math.Max(2, 0.1*requests) {
		return math.Inf(1)
	}
	return off / requests
}

// atATime is how long calls and requests are counted before they are compared.
const atATime = 5 * time.Second

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

// callsOf is how many of the gateway's calls were begun for each request while some of
// them failed; 0 where nothing counts them.
func (r *recording) callsOf(e *endpoint) float64 {
	if len(e.path) == 0 {
		return 0
	}
	begun, requests := 0.0, 0.0
	points := r.calls[e.path[0]].points
	for i := 1; i < len(points); i++ {
		if w := (incident.Window{From: points[i-1].At, To: points[i].At}); !w.From.Before(e.seen.From) && !w.To.After(e.seen.To) {
			begun += points[i].Started
			requests += r.cut(e.started, w)
		}
	}
	return begun / math.Max(1, requests)
}

// ending is where on its path an endpoint's requests were given up.
type ending struct {
	at       int           // into the path; 0 without one
	deadline bool          // by a gRPC deadline, which cancels what is below
	tries    int           // attempts of each
	each     time.Duration // of one attempt
	other    int           // attempts that would be nearly as near; 0 where the count is clear
	says     string
}

// endingOf reads off the counters by whom the requests of an endpoint were given up.
func (r *recording) endingOf(e *endpoint) ending {
	x := ending{tries: 1, says: "no source says how many attempts a request makes: one is taken"}
	expect := leastExpired * r.within(e.failed, e.seen)
	all := incident.Window{From: e.seen.From, To: e.seen.To.Add(e.limit.took + settle)}
	// Once the first of those that fail have been given up, as many attempts are begun as
	// are given up; they belong to requests that came a third of the limit before, the
	// middle attempt of three.
	steady := incident.Window{From: e.seen.From.Add(e.limit.took), To: e.seen.To}
	retried := false
	for i, c := range e.path {
		begun, requests := r.attempts(e, c, steady)
		if requests < leastTried { // samples too far apart: with those who made fewer
			begun, requests = r.attempts(e, c, e.seen)
		}
		expired := 0.0
		for n, p := range r.calls[c].points {
			if n > 0 && all.Has(p.At) {
				expired += p.Deadline
			}
		}
		if i == 0 && requests >= leastTried {
			x.says = fmt.Sprintf("%s begun for %s: one attempt", things(begun, "call was", "calls were"), things(requests, "request", "requests"))
		}
		ratio := begun / math.Max(1, requests)
		if tries := int(math.Round(ratio)); !retried && tries > 1 && tries <= maxTries && requests >= leastTried {
			x.at, x.tries, retried = i, tries, true
			if next := int(math.Round(2*ratio)) - tries; math.Abs(ratio-float64(tries)) >= unclear && next > 0 {
				x.other = next
			}
			x.says = fmt.Sprintf("%s begun for %s: %d attempts", things(begun, "call was", "calls were"), things(requests, "request", "requests"), tries)
		}
		if !x.deadline && expired >= expect*float64(x.tries) {
			x.deadline = true
			if !retried {
				x.at = i
			}
		}
	}
	x.each = (e.limit.took / time.Duration(x.tries)).Round(time.Millisecond)
	return x
}

// attempts are the calls begun between samples in a window, and the requests that they
// are of.
func (r *recording) attempts(e *endpoint, c int, within incident.Window) (begun, requests float64) {
	points := r.calls[c].points
	for n := 1; n < len(points); n++ {
		w := incident.Window{From: points[n-1].At, To: points[n].At}
		if w.Meet(within).Length() < w.Length() {
			continue
		}
		begun += points[n].Started
		requests += r.cut(e.started, incident.Window{From: w.From.Add(-e.limit.took / 3), To: w.To.Add(-e.limit.took / 3)})
	}
	return begun, requests
}

const (
	maxTries     = 10
	unclear      = 0.2 // from a whole number of attempts: the next one is tried, too
	leastTried   = 8   // requests, in the time in which attempts are counted
	leastExpired = 0.5 // of the failing requests ended by DEADLINE_EXCEEDED
)
