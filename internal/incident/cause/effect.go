package cause

import (
	"fmt"
	"strings"
	"time"

	"tripcurve/internal/incident"
)

const (
	// nearlyAll is the failed share from which on an endpoint is down.
	nearlyAll = 0.95
	// slower is how many times its usual 99th percentile, and by how much more, an
	// endpoint takes that is called slower.
	slower   = 3
	slowerBy = 100 * time.Millisecond
)

// effects says in a word and a line what became of each endpoint.
func (s *scene) effects(errors []incident.ErrorCount) {
	for i := range s.endpoints {
		x := &s.endpoints[i]
		x.Effect = s.effect(x)
		if w, ok := s.noneSucceeded(x); ok {
			x.NoneWell = w
		}
		x.Says = s.says(x, errors)
	}
}

func (s *scene) effect(x *incident.Impact) incident.Effect {
	share := float64(x.Failed) / float64(max(1, x.Requests))
	switch {
	case s.impact.Length() == 0:
		return incident.Unaffected
	case x.Failed >= leastFail && share >= nearlyAll:
		return incident.Down
	case x.Failed >= leastFail && share >= max(badShare, 3*shareBefore(x)):
		return incident.Failing
	case x.Vanished:
		return incident.Starved
	case muchSlower(x.P99Before, x.P99During) || muchSlower(x.P50Before, x.P50During):
		return incident.Slower
	}
	return incident.Unaffected
}

func shareBefore(x *incident.Impact) float64 {
	share, _ := x.Before.Share()
	return share
}

// muchSlower compares the lower end of what was with the upper end of what had
// been, so that it holds wherever in its interval each one lies.
func muchSlower(before, during incident.Quantile) bool {
	if before == (incident.Quantile{}) || during == (incident.Quantile{}) || before.Capped {
		return false
	}
	return during.Lo >= slower*before.Hi && during.Lo-before.Hi >= slowerBy
}

func (s *scene) says(x *incident.Impact, errors []incident.ErrorCount) string {
	if x.Effect == incident.Starved {
		return fmt.Sprintf("no request from %s on", clock(x.VanishedFrom))
	}
	if x.Requests == 0 {
		return "no request came"
	}
	line := fmt.Sprintf("%s of %s failed", count(x.Failed), count(x.Requests))
	if x.Failed > 0 {
		line += fmt.Sprintf(" (%s)", percent(float64(x.Failed)/float64(x.Requests)))
		var types []string
		for _, e := range errors {
			if e.Endpoint == x.Endpoint && len(types) < 3 {
				types = append(types, fmt.Sprintf("%s %s", statusWord(e.Status), strings.ReplaceAll(e.Outcome.String(), "_", " ")))
			}
		}
		if len(types) > 0 {
			line += ": " + strings.Join(types, ", ")
		}
		if w := x.NoneWell; w != (incident.Window{}) {
			line += fmt.Sprintf("; none was answered well from %s to %s", clock(w.From), clock(w.To))
		}
	}
	return line
}

func statusWord(status int) string {
	if status == 0 {
		return "nothing sent,"
	}
	return fmt.Sprint(status)
}

// noneSucceeded says that from the second after the first failing request to the
// one before the last was answered, not one request was answered well, though
// requests were.
func (s *scene) noneSucceeded(x *incident.Impact) (incident.Window, bool) {
	w := incident.Window{From: up(x.FirstFailed, time.Second), To: x.LastFailed.Add(-time.Second).Truncate(time.Second)}
	if x.FirstFailed.IsZero() || w.Length() == 0 {
		return w, false
	}
	var good, dead int64
	s.v.EachBucket(w, func(b *incident.Bucket) {
		if b.Endpoint != x.Endpoint || b.At.Add(b.Width).After(w.To) {
			return
		}
		if b.Failed() {
			dead += b.Ended
		} else {
			good += b.Ended
		}
	})
	return w, good == 0 && dead >= leastFail
}
