package cause

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"tripcurve/internal/incident"
)

// timeline is what happened, in order, each entry with its proof.
func (s *scene) timeline(findings []incident.Finding) []incident.Moment {
	var list []incident.Moment
	for _, f := range findings {
		list = append(list, s.momentsOf(f)...)
	}
	for _, x := range s.endpoints {
		list = append(list, s.momentsOfEndpoint(x)...)
	}
	list = append(list, s.momentsOfServerLog()...)
	var restarts []incident.Change
	for _, c := range s.v.Changes() {
		m, ok := s.momentOfChange(c, findings)
		if !ok || c.Kind == incident.Restart && slices.ContainsFunc(restarts, func(r incident.Change) bool { return sameRestart(r, c) }) {
			continue
		}
		if c.Kind == incident.Restart {
			restarts = append(restarts, c)
		}
		list = append(list, m)
	}
	s.v.EachEpisode(func(e *incident.Episode) {
		if e.Kind == incident.Gap && (incident.Window{From: e.From, To: incident.LaterOf(e.To, e.From.Add(1))}).Meet(s.closeUp).Length() > 0 {
			list = append(list, incident.Moment{
				ID: "gap/" + e.Origin.Key() + "/" + stamp(e.From), At: e.From, End: e.To, Kind: incident.MNote, Lane: "people",
				Text: "no data from " + e.Origin.Name + ": " + e.Text, System: e.Origin.Name, Confidence: "measured",
				Precision: e.FromErr, Support: []incident.ID{e.ID()},
			})
		}
	})
	for i := range list {
		m := &list[i]
		if m.SourceText == "" && len(m.Support) > 0 {
			m.SourceText = s.sourceText(m.Support[0])
		}
		if m.Precision == 0 {
			m.Precision = time.Second
		}
		unit := time.Second
		if m.Precision < time.Second {
			unit = time.Millisecond
		}
		m.At = m.At.Truncate(unit) // ends are rounded up already
		if !m.End.IsZero() {
			m.End = up(m.End, unit)
		}
	}
	slices.SortStableFunc(list, func(a, b incident.Moment) int {
		return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.Kind, b.Kind), strings.Compare(a.ID, b.ID))
	})
	return list
}

func (s *scene) momentsOf(f incident.Finding) []incident.Moment {
	first := f.Support[:min(1, len(f.Support))]
	interval := incident.Moment{ID: f.ID, At: f.Window.From, End: f.Window.To, Support: first}
	switch f.Cause {
	case lockRootRule, idleRule:
		h := s.holderOf(f)
		if h == nil {
			return nil
		}
		interval.Kind, interval.Lane, interval.System, interval.Confidence = incident.MTrigger, "locks", f.Subject.Relation, "measured"
		if f.Role != incident.Trigger {
			interval.Kind = incident.MSymptom
		}
		interval.Precision = max(time.Millisecond, h.sinceErr)
		interval.Text = fmt.Sprintf("%s holds %s on %s", who(f.Subject.PID, h.session.User, h.session.Application), h.mode(), h.on())
		if q := oneLine(h.session.Query); q != "" {
			interval.Text += ": " + q
		}
		if h.open {
			interval.End, interval.Open = time.Time{}, true
			return []incident.Moment{interval}
		}
		return []incident.Moment{interval, {
			ID: f.ID + "/released", At: f.Window.To, Kind: incident.MRecovery, Lane: "locks", System: f.Subject.Relation,
			Text: fmt.Sprintf("lock of pid %d on %s gone", f.Subject.PID, h.on()), Confidence: "measured",
			Precision: max(time.Millisecond, h.untilErr), Support: first,
		}}
	case deadlineRule:
		interval.Kind, interval.Lane, interval.System, interval.Confidence = incident.MSymptom, "grpc", f.Subject.Edge, "derived"
		interval.Text = f.Claim
		for _, h := range s.hangs {
			if f.ID == h.id() && !h.exactly[0] {
				interval.Precision = h.stepErr
			}
		}
	case poolRule:
		interval.Kind, interval.Lane, interval.System, interval.Confidence = incident.MSymptom, "pool", f.Subject.Pool, "derived"
		interval.Text = s.told[f.ID]
		if f.Role == incident.Trigger {
			interval.Kind = incident.MTrigger
		}
	default:
		return otherMoments(f, interval)
	}
	return []incident.Moment{interval}
}

func (s *scene) holderOf(f incident.Finding) *holder {
	for _, h := range s.holders {
		if h.session.PID == f.Subject.PID && h.From.Equal(f.Window.From) {
			return h
		}
	}
	return nil
}

// precision is a millisecond for an instant out of one request, a second for a
// bucket's.
func precision(at time.Time) time.Duration {
	if at.Truncate(time.Second).Equal(at) {
		return time.Second
	}
	return time.Millisecond
}

func (s *scene) momentsOfEndpoint(x incident.Impact) []incident.Moment {
	var list []incident.Moment
	m := func(what string, at time.Time, kind incident.MomentKind, text string, support []incident.ID) {
		if at.IsZero() {
			return
		}
		list = append(list, incident.Moment{
			ID: "endpoint/" + x.Endpoint.String() + "/" + what, At: at, Kind: kind, Lane: "errors", System: x.Endpoint.String(),
			Text: text, Confidence: "measured", Support: support, Precision: precision(at),
		})
	}
	if !x.FirstFailed.IsZero() {
		first := "first failing " + x.Endpoint.String()
		if x.ByEnd {
			first += " answered"
		}
		m("first", x.FirstFailed, incident.MSymptom, first, x.Support[:min(1, len(x.Support))])
		m("last", x.LastFailed, incident.MNote, "last failing "+x.Endpoint.String()+" answered", s.lastFailing(x))
		m("recovered", x.Recovered, incident.MRecovery, x.Endpoint.String()+" succeeds again", s.bucketAt(x.Endpoint, x.Recovered))
	}
	if x.Vanished {
		m("vanished", x.VanishedFrom.Truncate(time.Second), incident.MSymptom, "no "+x.Endpoint.String()+" comes any more", x.Support)
	}
	return list
}

// lastFailing is what shows when the last failing request was answered: itself, else the
// counts of that second. A log keeps its last one whole, which may be of another impact.
func (s *scene) lastFailing(x incident.Impact) (ids []incident.ID) {
	if id, ok := s.lastKept[x.Endpoint]; ok {
		return []incident.ID{id}
	}
	s.v.EachBucket(incident.Window{From: x.LastFailed.Add(-time.Second), To: x.LastFailed}, func(b *incident.Bucket) {
		if b.Endpoint == x.Endpoint && b.Failed() && b.Ended > 0 && len(ids) < 3 {
			ids = append(ids, b.ID())
		}
	})
	if ids == nil {
		ids = x.Support[max(0, len(x.Support)-1):]
	}
	return ids
}

// momentOfChange keeps changes around the impact; the statement of a lock's
// holder stands in the lock's own entry.
func (s *scene) momentOfChange(c incident.Change, findings []incident.Finding) (incident.Moment, bool) {
	if !s.closeUp.Has(c.At) {
		return incident.Moment{}, false
	}
	if c.Kind == incident.DDL {
		for _, f := range findings {
			if (f.Cause == lockRootRule || f.Cause == idleRule) && f.Subject.Relation == c.System && c.At.Sub(f.Window.From).Abs() < onset {
				return incident.Moment{}, false
			}
		}
	}
	m := incident.Moment{
		ID: string(c.ID()), At: c.At, Kind: incident.MNote, Lane: "deploy", System: c.System,
		Text: strings.TrimSuffix(c.Kind.String()+" of "+c.System, " of "), Confidence: "measured", Precision: time.Millisecond, Support: []incident.ID{c.ID()},
	}
	if c.Text != "" {
		m.Text += ": " + oneLine(c.Text)
	}
	if c.Kind == incident.Restart || c.Kind == incident.Deploy {
		m.Kind = incident.MAction
	}
	return m, true
}

// sameRestart says that two sources tell of one restart: who did it, and the
// counters that began anew ("order" and "order:/metrics").
func sameRestart(a, b incident.Change) bool {
	return b.At.Sub(a.At).Abs() <= scrape && (strings.HasPrefix(a.System, b.System) || strings.HasPrefix(b.System, a.System))
}

// sourceText says where a fact was read: "access.log, byte 8123990".
func (s *scene) sourceText(id incident.ID) string {
	f, ok := s.v.Get(id)
	if !ok {
		return ""
	}
	o := f.Source()
	text := either(o.Name, o.Group)
	if _, whole := f.(incident.Exemplar); whole && o.To > o.From {
		text += ", byte " + count(o.From)
	}
	return text
}

func stamp(t time.Time) string { return t.UTC().Format("20060102T150405.000Z") }
