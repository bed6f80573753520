package claims

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"tripcurve/internal/incident"
	"tripcurve/internal/redact"
)

// askUniversal: is there a counterexample?
func askUniversal(a *asked) (answer, bool) {
	o := a.claim.Operands
	quantifier, of := o.Text("quantifier"), o.Text("of")
	w, ok := a.window()
	if !ok || quantifier != "all" && quantifier != "none" || len(o.List("counterexamples")) > 0 {
		return answer{}, false
	}
	if quantifier == "all" {
		if e, ok := a.endpoint(); ok && of == "failed" {
			return a.allFailed(e, w)
		}
		return answer{}, false
	}
	status, notNumber := strconv.Atoi(of)
	switch {
	case notNumber == nil:
		return a.none(w, fmt.Sprintf("answers %d", status), func(b *incident.Bucket) bool {
			return b.Status == status
		})
	case of == "impact":
		e, ok := a.endpoint()
		if !ok {
			return answer{}, false
		}
		return a.unaffected(e, w)
	case of == deadlineExceeded:
		return a.noDeadline(w, o.Text("scope"))
	case of == "failed jobs":
		return a.noFailedJobs(w, o.Text("scope"))
	case of == "partial work":
		n, id, ok := a.gauge(incident.OrphanSeries)
		if !ok {
			return answer{}, false
		}
		if n > 0 {
			return answer{Inconsistent, plain(n) + " reservations belong to no order", ids(id)}, true
		}
		return answer{Consistent, "no reservation is without its order", ids(id)}, true
	}
	e, ok := a.named(of)
	if !ok {
		return answer{}, false
	}
	got, ok := a.none(w, "successes of "+e.String(), func(b *incident.Bucket) bool { return b.Endpoint == e && b.Outcome == incident.OK })
	if stated, has := o.Number("orphan_reservations"); ok && has && got.verdict == Consistent {
		n, id, known := a.gauge(incident.OrphanSeries)
		switch {
		case !known:
			got.verdict = NeedsEvidence
			got.text += "; nobody counted reservations without an order"
		case n != stated:
			got.verdict = Inconsistent
			fallthrough
		default:
			got.text += fmt.Sprintf("; %s reservations belong to no order", plain(n))
			got.support = append(got.support, id)
		}
	}
	return got, ok
}

// gauge is the last value of a series.
func (a *asked) gauge(name string) (float64, incident.ID, bool) {
	for _, s := range a.v.AllSeries() {
		if n := len(s.Points); s.Name == name && n > 0 && !math.IsNaN(s.Points[n-1].V) {
			return s.Points[n-1].V, s.ID(), true
		}
	}
	return 0, "", false
}

// none holds that no request of a window matches; of the endpoints that are named
// there must have been some.
func (a *asked) none(w incident.Window, what string, match func(*incident.Bucket) bool, seen ...incident.Endpoint) (answer, bool) {
	share, traffic := a.logged(w)
	if share == 0 {
		return answer{}, false
	}
	// By start and by end, and the larger count: one that only began or only ended
	// in the window is of it, and none is counted twice.
	type count struct{ started, ended int64 }
	var matched, of count
	var first, last, counter incident.ID
	a.v.EachBucket(w, func(b *incident.Bucket) {
		if b.Started+b.Ended == 0 {
			return
		}
		if last = b.ID(); first == "" {
			first = last
		}
		if match(b) {
			if counter == "" {
				counter = last
			}
			matched.started, matched.ended = matched.started+b.Started, matched.ended+b.Ended
		}
		if len(seen) == 0 || b.Endpoint == seen[0] {
			of.started, of.ended = of.started+b.Started, of.ended+b.Ended
		}
	})
	n, others := max(matched.started, matched.ended), max(of.started, of.ended)
	switch {
	case n > 0:
		return answer{Inconsistent, fmt.Sprintf("%d %s from %s", n, what, a.span(w)), ids(counter)}, true
	case share < 1:
		return answer{NeedsEvidence, fmt.Sprintf("the log covers %s of %s", percent(share), a.span(w)), nil}, true
	case !traffic || others == 0:
		return answer{NeedsEvidence, "there was no traffic to judge by from " + a.span(w), nil}, true
	}
	return answer{Consistent, fmt.Sprintf("no %s among %d requests, log complete from %s", what, others, a.span(w)), ids(first, last)}, true
}

// unaffected holds that an endpoint did in a window as it had done before: what
// fails at all times is no impact.
func (a *asked) unaffected(e incident.Endpoint, w incident.Window) (answer, bool) {
	match := func(b *incident.Bucket) bool { return b.Endpoint == e }
	got, ok := a.none(w, "failures of "+e.String(), func(b *incident.Bucket) bool { return match(b) && b.Failed() }, e)
	if !ok || got.verdict != Inconsistent {
		return got, ok
	}
	in, was := a.tally(w, match), a.tally(incident.Window{From: w.From.Add(-24 * time.Hour), To: w.From}, match)
	share := func(t tally) float64 { return float64(t.failed) / float64(max(1, t.failed+t.ok)) }
	const usual = 2 // times the share of before
	if was.failed > 0 && share(in) <= usual*share(was) {
		got.verdict = Consistent
		got.text = fmt.Sprintf("%d of %d requests to %s failed, as at other times: %d of %d in the 24 h before", in.failed, in.failed+in.ok, e, was.failed, was.failed+was.ok)
	}
	return got, true
}

// allFailed holds that no request to an endpoint had success.
func (a *asked) allFailed(e incident.Endpoint, w incident.Window) (answer, bool) {
	t := a.tally(w, func(b *incident.Bucket) bool { return b.Endpoint == e })
	if t.failed+t.failedEnded == 0 && t.ok+t.okEnded == 0 {
		return answer{}, false
	}
	late := t.ok - t.okEnded
	if a.claim.Operands.Text("count_by") == "start" {
		if t.ok > 0 {
			got := answer{Inconsistent, fmt.Sprintf("%d of %d that began from %s had success", t.ok, t.ok+t.failed, a.span(w)), ids(t.counterID)}
			if t.okEnded == 0 {
				got.text += ", answered after its end"
			}
			return got, true
		}
		return answer{Consistent, fmt.Sprintf("all %d that began from %s failed", t.failed, a.span(w)), ids(t.firstFailedID)}, true
	}
	if t.okEnded > 0 {
		return answer{Inconsistent, fmt.Sprintf("%d of %d answers from %s were successes", t.okEnded, t.okEnded+t.failedEnded, a.span(w)), ids(t.counterID)}, true
	}
	got := answer{Consistent, fmt.Sprintf("all %d answers from %s were failures", t.failedEnded, a.span(w)), ids(t.firstFailedID)}
	if late > 0 {
		got.text += fmt.Sprintf("; %d that began in it were answered with success after it", late)
		got.support = append(got.support, t.counterID)
	}
	return got, true
}

// named is the endpoint that a phrase names by its words: "payment intents" is
// POST /api/payments/intent.
func (a *asked) named(phrase string) (incident.Endpoint, bool) {
	if e, ok := parseEndpoint(a.claim.Operands.Text("scope")); ok {
		return e, true
	}
	words := strings.Fields(strings.ToLower(phrase))
	for _, e := range a.v.Endpoints() {
		all := len(words) > 0
		for _, word := range words {
			all = all && strings.Contains(strings.ToLower(e.Route), strings.TrimSuffix(word, "s"))
		}
		if all {
			return e, true
		}
	}
	return incident.Endpoint{}, false
}

// noDeadline holds that no call of a method ended by a deadline.
func (a *asked) noDeadline(w incident.Window, method string) (answer, bool) {
	var started, hit float64
	var support []incident.ID
	for _, f := range a.v.Flows() {
		if method != "" && !calls(f, method) {
			continue
		}
		for _, p := range f.Points(w) {
			if w.Has(p.At) {
				started += p.Started
				hit += p.Deadline
			}
		}
		support = append(support, f.Started.ID())
	}
	switch {
	case len(support) == 0:
		return answer{}, false
	case hit > 0:
		return answer{Inconsistent, fmt.Sprintf("%s calls ended with %s", plain(hit), deadlineExceeded), support}, true
	}
	return answer{Consistent, fmt.Sprintf("%s calls began from %s, and none ended with %s", plain(started), a.span(w), deadlineExceeded), support}, true
}

// calls says that a flow is of a method as people write it: "inventory.Reserve".
func calls(f incident.Flow, method string) bool {
	service, name, ok := strings.Cut(method, ".")
	if !ok {
		return strings.EqualFold(f.Method, method)
	}
	return strings.EqualFold(f.Callee(), service) && strings.EqualFold(f.Method, name)
}

// noFailedJobs holds that no job of a worker failed, by counters that are called
// after the worker.
func (a *asked) noFailedJobs(w incident.Window, worker string) (answer, bool) {
	failed, done := math.NaN(), math.NaN()
	var support []incident.ID
	var read incident.Window // of the counters
	for _, s := range a.v.AllSeries() {
		if worker == "" || s.Kind != incident.Counter || !strings.HasPrefix(s.Name, worker+".") && !strings.HasPrefix(s.Name, worker+"_") {
			continue
		}
		n, between, ok := grown(s, w)
		if !ok {
			continue
		}
		read = between
		sum := &done
		if strings.Contains(s.Name, "fail") || strings.Contains(s.Name, "error") {
			sum = &failed
		}
		if *sum != *sum { // NaN: the first one
			*sum = 0
		}
		*sum += n
		support = append(support, s.ID())
	}
	switch {
	case failed != failed:
		return answer{}, false
	case failed > 0:
		return answer{Inconsistent, fmt.Sprintf("%s jobs of %s failed from %s", plain(failed), redact.Line(worker), a.span(read)), support}, true
	case done > 0:
		return answer{Consistent, fmt.Sprintf("%s jobs of %s were done from %s, and none failed", plain(done), redact.Line(worker), a.span(read)), support}, true
	}
	return answer{NeedsEvidence, fmt.Sprintf("no job of %s failed, and none is known to have been done", redact.Line(worker)), support}, true
}

// grown is how much a counter grew in a window, by the samples next to its ends,
// and when those were.
func grown(s *incident.Series, w incident.Window) (sum float64, between incident.Window, ok bool) {
	last := math.NaN()
	var at time.Time
	for _, p := range s.Points {
		if math.IsNaN(p.V) {
			continue
		}
		if p.At.After(w.From) && p.V >= last { // not the first one, and no reset
			if !ok {
				between.From = at
			}
			between.To, ok = p.At, true
			sum += p.V - last
		}
		last, at = p.V, p.At
		if !p.At.Before(w.To) {
			break
		}
	}
	return sum, between, ok
}
