package claims

import (
	"strings"
	"time"

	"tripcurve/internal/incident"
)

// answer is what the evidence says of a claim. A verdict of NeedsEvidence is that
// it was looked for and not found.
type answer struct {
	verdict Verdict
	text    string
	support []incident.ID
}

// question asks the evidence; ok is false where the claim does not pose it.
type question func(*asked) (answer, bool)

// questions in order: the first that the claim poses is answered.
var questions = []question{
	askConnections, askHolder, askWaiters, askMetric, askUniversal, askStamps, askRestart, askDrop, askStreams, askHold, askLayers,
	askStatus, askDay, askAgain, askEndpoints, askCount, askImpact,
}

// asked is a claim before the evidence.
type asked struct {
	*scope
	v   *incident.View
	doc Verdict
}

// settle gives the verdict with the evidence.
func (s *scope) settle(v *incident.View, r *Result) {
	a := &asked{s, v, r.Verdict}
	for _, q := range questions {
		got, ok := q(a)
		if !ok {
			continue
		}
		r.WithEvidence, r.Evidence, r.Support = got.verdict, got.text, got.support
		if got.verdict != NeedsEvidence {
			r.Needs = nil
		}
		return
	}
}

// window is the claim's own window, or the document's.
func (a *asked) window() (incident.Window, bool) {
	i, ok := a.claim.Operands.Window("window")
	if !ok {
		i = a.scope.doc.Window
	}
	return incident.Window{From: i.Start, To: i.End}, i.End.After(i.Start)
}

// endpoint is the one that the claim, or one that it is linked to, names as its
// scope: "POST /api/orders".
func (a *asked) endpoint() (incident.Endpoint, bool) {
	for _, c := range append([]*Claim{a.claim}, a.linked()...) {
		if e, ok := parseEndpoint(c.Operands.Text("scope")); ok {
			return e, true
		}
	}
	return incident.Endpoint{}, false
}

func parseEndpoint(s string) (incident.Endpoint, bool) {
	method, route, ok := strings.Cut(s, " ")
	ok = ok && strings.HasPrefix(route, "/") && method == strings.ToUpper(method)
	return incident.Endpoint{Method: method, Route: route}, ok
}

// tally is requests of a window, by their start and by their end.
type tally struct {
	failed, ok               int64 // by start
	failedEnded, okEnded     int64 // by end
	firstFailed, firstEnded  time.Time
	okAfter                  time.Time // the first success that ended in the window
	firstFailedID, counterID incident.ID
}

func (a *asked) tally(w incident.Window, match func(*incident.Bucket) bool) tally {
	var t tally
	a.v.EachBucket(w, func(b *incident.Bucket) {
		if !match(b) {
			return
		}
		if b.Failed() {
			if b.Started > 0 && t.firstFailed.IsZero() {
				t.firstFailed, t.firstFailedID = b.At, b.ID()
			}
			if b.Ended > 0 && t.firstEnded.IsZero() {
				t.firstEnded = b.At
			}
			t.failed += b.Started
			t.failedEnded += b.Ended
			return
		}
		if b.Outcome != incident.OK {
			return
		}
		if t.counterID == "" && b.Started+b.Ended > 0 {
			t.counterID = b.ID()
		}
		if b.Ended > 0 && t.okAfter.IsZero() {
			t.okAfter = b.At
		}
		t.ok += b.Started
		t.okEnded += b.Ended
	})
	return t
}

// logged is the share of a window in which a gateway's log says something, 0..1,
// and whether there was any traffic.
func (a *asked) logged(w incident.Window) (share float64, traffic bool) {
	const most = 2000 // steps
	step := max(time.Minute, w.Length()/most)
	counts := a.v.Rate(func(incident.Bucket) bool { return true }, w, step, false)
	if len(counts) == 0 {
		return 0, false
	}
	known := 0
	for _, n := range counts {
		if n == n { // not NaN
			known++
			traffic = traffic || n > 0
		}
	}
	return float64(known) / float64(len(counts)), traffic
}

// span of a window in words.
func (a *asked) span(w incident.Window) string { return a.clock(w.From) + " to " + a.clock(w.To) }

// ids without the empty ones.
func ids(list ...incident.ID) []incident.ID {
	kept := make([]incident.ID, 0, len(list))
	for _, id := range list {
		if id != "" {
			kept = append(kept, id)
		}
	}
	return kept
}
