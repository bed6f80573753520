package cause

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"tripcurve/internal/incident"
)

// reach is how far the incident reached.
func (s *scene) reach(timeline []incident.Moment) incident.Extent {
	w := s.impact
	if w == (incident.Window{}) {
		w = incident.Window{From: s.v.Window.From, To: s.v.Window.To.Add(1)}
	}
	x := incident.Extent{Window: w}
	s.outcomes(&x)
	edges := s.edges(w)
	x.Calls = callCounts(edges)
	x.Dependents = s.dependents(edges)
	x.Orders = s.ordersFailed(&x)
	x.Customers = s.customersHit(&x)
	x.Intents = s.intentsAsked(w, edges)
	x.Orphans = s.orphans()
	if s.impact.Length() > 0 {
		x.Times = incident.Spans(append(slices.Clone(s.others), s.impact), marksOf(timeline))
	}
	return x
}

// marksOf are the instants that people set: the first of each kind.
func marksOf(timeline []incident.Moment) (m incident.Marks) {
	for _, t := range timeline {
		if t.Kind == incident.MDetection && !t.Hidden && (m.Detected.IsZero() || t.At.Before(m.Detected)) {
			m.Detected = t.At
		}
	}
	return m
}

// outcomes counts the requests of the window by how they ended.
func (s *scene) outcomes(x *incident.Extent) {
	type kind struct {
		incident.Endpoint
		status  int
		outcome incident.Outcome
	}
	var failed int64
	byOutcome, byKind, first := map[incident.Outcome]int64{}, map[kind]int64{}, map[kind]incident.ID{}
	w := x.Window
	s.v.EachBucket(incident.Window{From: w.From, To: w.To.Add(1)}, func(b *incident.Bucket) {
		n := s.counted(b)
		if n == 0 || !b.At.Before(w.To) && !s.atEnd(b) {
			return
		}
		byOutcome[b.Outcome] += n
		if b.Failed() {
			k := kind{b.Endpoint, b.Status, b.Outcome}
			failed += n
			byKind[k] += n
			if _, ok := first[k]; !ok {
				first[k] = b.ID()
			}
		}
	})
	for o, n := range byOutcome {
		x.Outcomes = append(x.Outcomes, incident.OutcomeCount{Outcome: o, Requests: n})
	}
	slices.SortFunc(x.Outcomes, func(a, b incident.OutcomeCount) int {
		return cmp.Or(cmp.Compare(b.Requests, a.Requests), cmp.Compare(a.Outcome, b.Outcome))
	})
	for k, n := range byKind {
		x.Errors = append(x.Errors, incident.ErrorCount{
			Endpoint: k.Endpoint, Status: k.status, Outcome: k.outcome, Requests: n, Share: float64(n) / float64(failed), Support: []incident.ID{first[k]},
		})
	}
	slices.SortFunc(x.Errors, func(a, b incident.ErrorCount) int {
		return cmp.Or(cmp.Compare(b.Requests, a.Requests), cmp.Compare(a.Endpoint.Route, b.Endpoint.Route), cmp.Compare(a.Endpoint.Method, b.Endpoint.Method),
			cmp.Compare(a.Status, b.Status), cmp.Compare(a.Outcome, b.Outcome))
	})
}

// ordering says that an endpoint takes orders.
func ordering(e incident.Endpoint) bool {
	last := e.Route[strings.LastIndexByte(e.Route, '/')+1:]
	return e.Method == "POST" && slices.Contains([]string{"order", "orders", "checkout", "checkouts"}, last)
}

func (s *scene) ordersFailed(x *incident.Extent) incident.Figure {
	var f incident.Figure
	var names []string
	for _, e := range s.endpoints {
		if ordering(e.Endpoint) {
			f.Known = true
			f.N += e.Failed
			names = append(names, e.Endpoint.String())
			f.Support = append(f.Support, e.Support...)
		}
	}
	if !f.Known {
		f.Says = "unknown: no endpoint in the evidence is known to take orders (a POST whose route ends in orders or checkout)"
		f.Query = "requests of the endpoint that takes orders with a status of 500 and above, " + between(x.Window)
		return f
	}
	f.Says = fmt.Sprintf("failed requests %s; a customer who tried again counts again", strings.Join(names, " and "))
	return f
}

// customersHit counts the customers of whom a request failed, as far as any
// evidence names customers.
func (s *scene) customersHit(x *incident.Extent) incident.Figure {
	ids := map[string]bool{}
	var f incident.Figure
	for _, e := range s.v.Exemplars() {
		if !e.Failed() || e.OfServer() || !x.Window.Has(e.Start) && !x.Window.Has(e.End) {
			continue
		}
		if id, ok := incident.CustomerIn(e.Raw); ok && !ids[id] {
			ids[id] = true
			f.Support = append(f.Support, e.ID())
		}
	}
	for _, e := range x.Errors {
		f.AtMost += e.Requests
	}
	if n := int64(len(ids)); n > 0 {
		f.N, f.Known, f.AtLeast = n, true, n < f.AtMost
		f.Says = "different customers among the failed requests that were kept whole"
		if f.AtLeast {
			f.Query = "the number of different customers among the failed lines of the gateway's log, " + between(x.Window)
		}
		return f
	}
	if f.AtMost == 0 && s.v.Sees("gateway") {
		f.Known, f.Says = true, "no request failed"
		return f
	}
	f.Says = "unknown: no evidence names customers"
	if f.AtMost > 0 {
		f.Says += fmt.Sprintf("; at most %s, one for each failed request", count(f.AtMost))
	}
	f.Query = "the number of different users among the failed lines of a log that has them (a field user_id or customer_id), " + between(x.Window)
	return f
}

// between is a window for a query.
func between(w incident.Window) string {
	return fmt.Sprintf("from %s to %s", w.From.UTC().Format("2006-01-02T15:04:05Z"), up(w.To, 1e9).UTC().Format("2006-01-02T15:04:05Z"))
}

// intentsAsked counts what was asked of a payment service meanwhile: an order that
// failed after that may be half done.
func (s *scene) intentsAsked(w incident.Window, edges []edge) incident.Figure {
	var f incident.Figure
	for _, e := range edges {
		if !strings.Contains(e.Callee, "payment") || !strings.Contains(e.Method, "Intent") && !strings.Contains(e.Method, "Charge") && !strings.Contains(e.Method, "Pay") {
			continue
		}
		f.Known = true
		f.N += e.Begun
		f.Support = append(f.Support, e.flow.Started.ID())
		f.Says = fmt.Sprintf("calls %s -> %s (%s) begun in the window, by the caller's counters", e.Caller, e.Callee, e.Method)
	}
	if f.Known {
		return f
	}
	f.Says = "unknown: no evidence counts calls that create payments"
	f.Query = fmt.Sprintf("SELECT count(*) FROM payment_intents WHERE created_at >= '%s' AND created_at < '%s'",
		w.From.UTC().Format("2006-01-02T15:04:05Z"), up(w.To, 1e9).UTC().Format("2006-01-02T15:04:05Z"))
	return f
}

// orphans is the count of reservations without an order, where somebody asked.
func (s *scene) orphans() incident.Figure {
	for _, x := range s.v.AllSeries() {
		if n := len(x.Points); x.Name == incident.OrphanSeries && n > 0 && x.Points[n-1].V >= 0 && x.Points[n-1].V < math.MaxInt64/2 {
			return incident.Figure{
				N: int64(x.Points[n-1].V), Known: true, Support: []incident.ID{x.ID()},
				Says: "reservations that no order names, asked of the databases at " + clock(x.Points[n-1].At),
			}
		}
	}
	return incident.Figure{
		Says: "unknown: nobody asked the databases for reservations without an order",
		Query: "in inventory's database: SELECT DISTINCT reservation_id FROM stock_reservations WHERE status = 'reserved'; without those of the orders' database: " +
			"SELECT reservation_id FROM orders WHERE reservation_id <> ''",
	}
}
