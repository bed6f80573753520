package cause

import "tripcurve/internal/incident"

// otherMoments are the entries of findings that need no more than their claim. What
// has an entry of its own already (a change, a line of a log), or is no event but a
// ratio or a missing guard, has none.
func otherMoments(f incident.Finding, m incident.Moment) []incident.Moment {
	m.Text, m.Confidence, m.Kind = f.Claim, "derived", incident.MSymptom
	if f.Role == incident.Trigger {
		m.Kind = incident.MTrigger
	}
	switch f.Cause {
	case queueRule:
		m.Lane, m.System, m.Confidence = "locks", f.Subject.Relation, "measured"
	case trafficRule:
		m.Lane, m.System = "errors", f.Subject.Endpoint.String()
		m.End = m.At
	case slowRule, pathRule, breakerRule:
		m.Lane, m.System = "grpc", f.Subject.Edge
	case limitRule:
		m.Lane, m.System = "pool", f.Subject.Pool
	default: // changeRule, retryRule, keepaliveRule
		return nil
	}
	return []incident.Moment{m}
}
