package cause

import (
	"fmt"
	"slices"
	"time"

	"tripcurve/internal/incident"
)

// changeRule names deploys and other changes that came close before the first
// failure.
const changeRule = "deploy"

// effect is how long after a change its effect may show for the first time.
var effect = map[incident.ChangeKind]time.Duration{
	incident.Deploy:  10 * time.Minute,
	incident.Config:  10 * time.Minute,
	incident.DDL:     10 * time.Minute, // a dropped index, other plans
	incident.Restart: 2 * time.Minute,
}

// changesClose are the changes close before the first failing request, the last first.
// That is a coincidence in time and no more: what belongs to a lock is the lock's, and
// what came after the first failure is somebody's answer to it.
func (s *scene) changesClose() []incident.Finding {
	if s.impact == (incident.Window{}) {
		return nil
	}
	var findings []incident.Finding
	all := s.v.Changes()
	after, others := 0, 0
	var answers []incident.ID
	for i := len(all) - 1; i >= 0; i-- {
		c := all[i]
		lead := s.impact.From.Sub(c.At)
		switch doubt := s.clockDoubt(c.Origin.Group); {
		case c.Kind == incident.DDL && (s.explained || s.lockedBy(c)): // the rule of locks has judged it
		case lead < -doubt:
			if s.closeUp.Has(c.At) {
				after++
				answers = append(answers, c.ID())
			}
		case lead > effect[c.Kind]:
			others++
		default:
			if !slices.ContainsFunc(findings, func(f incident.Finding) bool { return f.Subject.Edge == c.System }) {
				findings = append(findings, s.changeClose(c, lead))
			}
		}
	}
	switch {
	case len(findings) > 0:
	case len(all) == 0:
		s.undecided(changeRule, "no source tells of deploys, restarts or configuration")
	case after > 0:
		s.innocent(changeRule, fmt.Sprintf("%s, none of them before requests failed", things(after, "change is known", "changes are known")), answers[:min(3, len(answers))]...)
	default:
		s.innocent(changeRule, fmt.Sprintf("%s, none close before requests failed", things(others, "change is known", "changes are known")), all[len(all)-1].ID())
	}
	return findings
}

// lockedBy says that others waited for the lock of a statement.
func (s *scene) lockedBy(c incident.Change) bool {
	return slices.ContainsFunc(s.holders, func(h *holder) bool { return h.relation == c.System })
}

func (s *scene) changeClose(c incident.Change, lead time.Duration) incident.Finding {
	name := c.Kind.String()
	if c.System != "" {
		name += " of " + c.System
	}
	f := incident.Finding{
		ID: subject(changeRule, c.Kind.String(), c.System), Role: incident.Trigger, Cause: changeRule,
		Window:  incident.Window{From: c.At, To: s.impact.To},
		Subject: incident.Subject{Edge: c.System}, // the system; a change has no other subject
		Support: append([]incident.ID{c.ID()}, s.worst().Support...),
	}
	f.Claim = fmt.Sprintf("%s at %s, %s before the first failing request", name, clock(c.At), whole(max(0, lead)))
	if c.Text != "" {
		f.Detail = append(f.Detail, oneLine(c.Text))
	}
	n := 0
	for _, o := range s.v.Changes() {
		if o.Kind == c.Kind {
			n++
		}
	}
	p := s.chance(n, max(lead, time.Second), 1)
	f.Detail = append(f.Detail, fmt.Sprintf("close in time and no more (by chance: %s)", chanceText(p)))
	back := false
	for _, o := range s.v.Changes() { // the way back
		if o.System == c.System && o.At.After(s.impact.From) && o.At.Before(s.impact.To.Add(onset)) {
			back = true
			f.Window.To = incident.EarlierOf(s.impact.To, o.At.Add(mechanism))
			f.Support = append(f.Support, o.ID())
			f.Detail = append(f.Detail, fmt.Sprintf("the next %s of it was at %s; requests failed until %s", o.Kind, clock(o.At), till(s.impact.To)))
			break
		}
	}
	if x := s.worst(); !back && !x.Recovered.IsZero() {
		f.Against = s.bucketAt(x.Endpoint, x.Recovered)
		f.Detail = append(f.Detail, "requests succeeded again without another change of it")
	}
	f.Confidence = s.word(&f, basis{p: p, first: s.before(c.At, 0, c.Origin.Group)})
	s.yield(&f)
	f.Detail = append(f.Detail, s.counterfactual(f.ID, "without it"))
	f.Action = "roll it back, if nothing else is found: that is the quickest test"
	return f
}
