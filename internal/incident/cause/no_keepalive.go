package cause

import (
	"fmt"

	"tripcurve/internal/incident"
)

// keepaliveRule names calls on a connection that was dead without anybody noticing.
const keepaliveRule = "no_keepalive"

// deadCall is a part of the impact for which all other reasons are ruled out.
type deadCall struct {
	hang *hang
	incident.Window
	inFlight int64
	support  []incident.ID
}

// missingKeepalive are the connections that were dead while calls waited on them. A
// keepalive would have found that out; it explains how long, not the beginning.
func (s *scene) missingKeepalive() []incident.Finding {
	var findings []incident.Finding
	for _, d := range s.dead {
		h := d.hang
		f := incident.Finding{
			ID: subject(keepaliveRule, h.flow.Edge()), Role: incident.Amplifier, Cause: keepaliveRule, Confidence: incident.Possible,
			Window: d.Window, Subject: incident.Subject{Edge: h.flow.Edge(), Waiters: int(d.inFlight)}, Support: d.support,
		}
		f.Claim = fmt.Sprintf("no keepalive on %s: from %s to %s %s on a connection that nobody noticed was dead",
			h.edge(), clock(d.From), till(d.To), things(d.inFlight, "call hung", "calls hung"))
		f.Detail = append(f.Detail,
			"no session waited for a lock, the callee answered others, and only a restart of the caller ended it",
			s.counterfactual(f.ID, "with keepalive"))
		f.Action = fmt.Sprintf("set HTTP/2 keepalive on %s (--set %s.keepalive=20s), and allow it on the server (MinTime)", h.edge(), h.flow.Edge())
		findings = append(findings, f)
	}
	switch {
	case len(findings) > 0:
	case len(s.v.Flows()) == 0:
		s.undecided(keepaliveRule, "nothing counts started calls, so calls on dead connections are not seen")
	case len(s.hangs) == 0:
		s.innocent(keepaliveRule, "no call hung that a dead connection could have held", s.flowsLookedAt()...)
	default:
		s.undecided(keepaliveRule, "calls hung, and something else than a dead connection is not ruled out")
	}
	return findings
}

// flowsLookedAt are the first of the counters of started calls.
func (s *scene) flowsLookedAt() (ids []incident.ID) {
	flows := s.v.Flows()
	for _, f := range flows[:min(len(flows), 5)] {
		ids = append(ids, f.Started.ID())
	}
	return ids
}
