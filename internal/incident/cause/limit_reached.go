package cause

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"tripcurve/internal/incident"
)

// limitRule names limits of a server that were reached: connections, disk.
const limitRule = "limit_reached"

// limitEvents are the events of a server's log that say a limit was reached, and what
// to do.
var limitEvents = []struct{ event, what, action string }{
	{"too_many_connections", "max_connections", "lower the pools' sizes until their sum fits max_connections, or put a pooler before the server"},
	{"disk_full", "the disk", "free space or enlarge the volume; the server goes on by itself"},
	{"out_of_memory", "memory", "lower work_mem or the number of sessions"},
}

// nearLimit are gauges that tell how much of a limit is used, 1 (or 100 of a percent)
// being all of it.
var nearLimit = []struct {
	name   string
	all    float64
	near   float64 // share of all
	limit  string
	action string
}{
	{"system.disk.in_use", 1, 0.97, "the disk's space", "free space or enlarge the volume"},
	{"disk_used_percent", 100, 0.97, "the disk's space", "free space or enlarge the volume"},
	{"system.io.util", 100, 0.95, "the disk's throughput", "find what reads and writes so much, or give the volume more throughput"},
	{"disk_io_utilization_percent", 100, 0.95, "the disk's throughput", "find what reads and writes so much, or give the volume more throughput"},
}

// backendsSeries is the gauge of client sessions by state that the Postgres collector
// gives.
const backendsSeries = "postgres_client_backends"

// reached is one limit in use up to its end.
type reached struct {
	incident.Window
	what, claim, action string
	support             []incident.ID
	err                 time.Duration
	group               string
}

// limitsReached are the limits that were reached around the impact. One that was
// before the first request failed can have begun it; a later one is a symptom.
func (s *scene) limitsReached() []incident.Finding {
	if s.impact == (incident.Window{}) {
		return nil
	}
	list := slices.Concat(s.loggedLimits(), s.connectionsUsed(), s.gaugesNearLimit())
	var findings []incident.Finding
	for _, r := range list {
		f := incident.Finding{
			ID: subject(limitRule, r.what), Cause: limitRule, Role: incident.Trigger, Confidence: incident.Possible,
			Window: r.Window, Claim: r.claim, Action: r.action, Subject: incident.Subject{Pool: r.what}, Support: r.support,
		}
		if i := slices.IndexFunc(findings, func(o incident.Finding) bool { return o.ID == f.ID }); i >= 0 { // two views of one limit
			o := &findings[i]
			o.Support = append(o.Support, f.Support...)
			o.Window = incident.Window{From: incident.EarlierOf(o.Window.From, f.Window.From), To: incident.LaterOf(o.Window.To, f.Window.To)}
			o.Detail = append([]string{f.Claim}, o.Detail...)
			continue
		}
		late := r.From.Sub(s.impact.From)
		switch early := -late; {
		case late > onset+r.err+s.clockDoubt(r.group):
			s.innocent(limitRule, fmt.Sprintf("%s: it began %s after the first failing request", r.claim, whole(late)), r.support...)
			continue
		case early > mechanism:
			s.innocent(limitRule, fmt.Sprintf("%s: it had been so for %s before the first request failed", r.claim, whole(early)), r.support...)
			continue
		}
		f.Support = append(f.Support, s.worst().Support...)
		f.Confidence = s.word(&f, basis{certain: true, first: s.before(r.From, r.err, r.group)})
		f.Detail = append(f.Detail, s.counterfactual(f.ID, "without the limit"))
		findings = append(findings, f)
	}
	return findings
}

// loggedLimits are those that a server's log tells of around the impact.
func (s *scene) loggedLimits() (list []reached) {
	for _, l := range s.serverLog() {
		i := slices.IndexFunc(limitEvents, func(e struct{ event, what, action string }) bool { return e.event == l.event })
		if i < 0 || !s.closeUp.Has(l.first.Start) {
			continue
		}
		last := l.first.Start
		support := []incident.ID{l.first.ID()}
		for _, x := range s.v.AllSeries() {
			if x.Name != incident.ServerLogEvents || x.Labels["event"] != l.event {
				continue
			}
			support = append(support, x.ID())
			for _, p := range samples(x, s.closeUp) {
				last = incident.LaterOf(last, p.At)
			}
		}
		list = append(list, reached{
			Window: incident.Window{From: l.first.Start, To: last.Add(time.Second)}, what: limitEvents[i].what, action: limitEvents[i].action, support: support, group: "postgres",
			claim: fmt.Sprintf("the server's log has %s from %s on: %s", l.words(), clock(l.first.Start), oneLine(l.first.Note)),
		})
	}
	return list
}

// connectionsUsed is when all of max_connections but those kept for superusers were
// in use.
func (s *scene) connectionsUsed() []reached {
	setting := func(name string) float64 {
		for _, x := range s.v.AllSeries() {
			if x.Name == incident.SettingSeries && x.Labels["name"] == name && len(x.Points) > 0 {
				return x.Points[len(x.Points)-1].V
			}
		}
		return math.NaN()
	}
	most := setting("max_connections")
	var states []*incident.Series
	for _, x := range s.v.AllSeries() {
		if x.Name == backendsSeries {
			states = append(states, x)
		}
	}
	if math.IsNaN(most) || len(states) == 0 {
		s.undecided(limitRule, "no source tells both the sessions and max_connections")
		return nil
	}
	if kept := setting("superuser_reserved_connections"); !math.IsNaN(kept) {
		most -= kept
	}
	total := map[time.Time]float64{}
	var support []incident.ID
	for _, x := range states {
		support = append(support, x.ID())
		for _, p := range samples(x, s.wellBefore()) {
			total[p.At] += p.V
		}
	}
	at := make([]time.Time, 0, len(total))
	peak := 0.0
	for t, n := range total {
		at = append(at, t)
		peak = max(peak, n)
	}
	slices.SortFunc(at, time.Time.Compare)
	w := longest(at, func(t time.Time) bool { return total[t] >= most })
	if w.Length() < leastPlateau {
		s.innocent(limitRule, fmt.Sprintf("at most %s of %s connections were in use", count(int64(peak)), count(int64(most))), support...)
		return nil
	}
	return []reached{{
		Window: incident.Window{From: w.From, To: w.To.Add(time.Second)}, what: limitEvents[0].what, action: limitEvents[0].action, support: support, err: time.Second, group: "postgres",
		claim: fmt.Sprintf("all %s connections that the server gives to clients were in use from %s to %s", count(int64(most)), clock(w.From), till(w.To)),
	}}
}

// gaugesNearLimit are the gauges that were at their end for long.
func (s *scene) gaugesNearLimit() (list []reached) {
	for _, x := range s.v.AllSeries() {
		for _, n := range nearLimit {
			if x.Name != n.name || x.Kind != incident.Gauge {
				continue
			}
			points := samples(x, s.wellBefore())
			at := make([]time.Time, len(points))
			v := make(map[time.Time]float64, len(points))
			peak := 0.0
			for i, p := range points {
				at[i], v[p.At] = p.At, p.V
				peak = max(peak, p.V)
			}
			w := longest(at, func(t time.Time) bool { return v[t] >= n.near*n.all })
			if w.Length() < leastPlateau {
				s.innocent(limitRule, fmt.Sprintf("%s was %s at most", nameOf(x), percent(peak/n.all)), x.ID())
				continue
			}
			err := time.Duration(0)
			if len(at) > 1 {
				err = at[1].Sub(at[0])
			}
			list = append(list, reached{
				Window: incident.Window{From: w.From, To: w.To.Add(err)}, what: n.limit, action: n.action, support: []incident.ID{x.ID()}, err: err, group: x.Origin.Group,
				claim: fmt.Sprintf("%s was at %s of %s from %s to %s", nameOf(x), percent(peak/n.all), n.limit, clock(w.From), till(w.To)),
			})
		}
	}
	return list
}

// wellBefore is the time around the impact and enough before it to see that a limit was
// reached long ago.
func (s *scene) wellBefore() incident.Window {
	return incident.Window{From: s.impact.From.Add(-stepBack), To: s.closeUp.To}
}

// nameOf is a series' name and whose it is.
func nameOf(x *incident.Series) string {
	var of []string
	for _, label := range []string{"host", "instance", "device", "service"} {
		if x.Labels[label] != "" {
			of = append(of, x.Labels[label])
		}
	}
	if len(of) == 0 {
		return x.Name
	}
	return x.Name + " of " + strings.Join(of, ", ")
}

// longest is the longest run of instants for which something holds.
func longest(at []time.Time, holds func(time.Time) bool) (best incident.Window) {
	var now incident.Window
	for _, t := range at {
		switch {
		case !holds(t):
			now = incident.Window{}
			continue
		case now.From.IsZero():
			now.From = t
		}
		now.To = t
		if now.Length() > best.Length() {
			best = now
		}
	}
	return best
}
