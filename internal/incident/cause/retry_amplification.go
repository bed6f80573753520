package cause

import (
	"fmt"
	"math"
	"slices"

	"tripcurve/internal/incident"
)

// retryRule names tries that multiply the load on a callee while requests fail.
const retryRule = "retry_amplification"

const (
	// amplified is from how many calls of one request on, before it was one, retries
	// are a load of their own.
	amplified = 1.5
	leastAsks = 20 // requests before and calls meanwhile: of fewer a ratio says nothing
)

// tries is how many calls of a flow one request of an endpoint makes.
type tries struct {
	flow           incident.Flow
	endpoint       incident.Impact
	before, during float64
	calls          float64
	requests       int64
}

// retriesAmplified compares the calls of a flow with the requests that make them:
// more calls of each than before are retries. They make the impact larger.
func (s *scene) retriesAmplified() []incident.Finding {
	if s.impact == (incident.Window{}) {
		return nil
	}
	var all []*tries
	var looked []incident.ID
	asked := map[string]int64{} // counting is a pass over the buckets
	requests := func(e incident.Endpoint, w incident.Window) int64 {
		key := fmt.Sprint(e, w.From.UnixNano(), w.To.UnixNano())
		if _, known := asked[key]; !known {
			asked[key] = s.asked(e, w)
		}
		return asked[key]
	}
	for _, c := range s.flows {
		f := c.flow
		if f.Server || len(f.Started.Points) == 0 {
			continue
		}
		// Requests are compared with calls while both were counted.
		healthy := incident.Window{From: incident.LaterOf(f.Started.Points[0].At, s.impact.From.Add(-recent)), To: s.impact.From}
		before, during := begun(c.wide, healthy), begun(c.wide, s.impact)
		if before < leastAsks {
			continue
		}
		for _, x := range s.endpoints {
			if x.FirstFailed.IsZero() || x.ByEnd {
				continue
			}
			was, now := requests(x.Endpoint, healthy), requests(x.Endpoint, s.impact)
			t := &tries{flow: f, endpoint: x, before: before / float64(was), during: during / float64(now), calls: during, requests: now}
			if was < leastAsks || now == 0 || math.Abs(t.before-1) > 0.25 {
				continue // another number of calls belongs to it, or others make them too
			}
			looked = append(looked, f.Started.ID())
			all = append(all, t)
		}
	}
	worst := most(all)
	switch {
	case worst == nil:
		s.undecided(retryRule, "no counter of calls has as many as the failing requests before, to compare with")
		return nil
	case worst.during < amplified || worst.calls < leastAsks:
		s.innocent(retryRule, fmt.Sprintf("each %s made %.1f calls of %s, %.1f before", worst.endpoint.Endpoint, worst.during, worst.flow.Name(), worst.before), looked...)
		return nil
	}
	f := incident.Finding{
		ID: subject(retryRule, worst.flow.Edge()), Role: incident.Amplifier, Cause: retryRule, Confidence: incident.Possible, Window: s.impact,
		Subject: incident.Subject{Edge: worst.flow.Edge(), Endpoint: worst.endpoint.Endpoint},
		Support: append([]incident.ID{worst.flow.Started.ID()}, worst.endpoint.Support...),
	}
	f.Claim = fmt.Sprintf("each %s made %.1f calls %s -> %s, %.1f before: retries multiply the load on what is failing",
		worst.endpoint.Endpoint, worst.during, worst.flow.Caller, worst.flow.Callee(), worst.before)
	f.Detail = []string{
		fmt.Sprintf("%s calls of %s for %s", count(int64(worst.calls)), worst.flow.Name(), things(worst.requests, "request", "requests")),
		s.counterfactual(f.ID, "without retries"),
	}
	f.Action = fmt.Sprintf("cap the retries, with backoff and a budget (--set %s.attempts=1)", worst.flow.Edge())
	return []incident.Finding{f}
}

// most is the flow with the most calls of one request, of several along one path the
// first: those below it only pass its tries on. Nil for none.
func most(all []*tries) (worst *tries) {
	passedOn := func(t *tries) bool {
		return slices.ContainsFunc(all, func(up *tries) bool {
			return up.flow.Callee() == t.flow.Caller && up.during >= amplified && t.during < amplified*up.during
		})
	}
	for _, t := range all {
		if !passedOn(t) && (worst == nil || t.during > worst.during) {
			worst = t
		}
	}
	return worst
}

// begun is how many calls of a flow began in a window.
func begun(points []incident.FlowPoint, w incident.Window) (n float64) {
	for i, p := range cut(points, w) {
		if i > 0 {
			n += p.Started
		}
	}
	return n
}

// asked is how many requests of an endpoint began in a window.
func (s *scene) asked(e incident.Endpoint, w incident.Window) (n int64) {
	s.v.EachBucket(w, func(b *incident.Bucket) {
		if b.Endpoint == e {
			n += b.Started
		}
	})
	return n
}
