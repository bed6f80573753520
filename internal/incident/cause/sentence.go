package cause

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"tripcurve/internal/incident"
)

// sentence says in one sentence what holds whom and what that explains, and
// gives the proof in lines. Without evidence there is none.
func (s *scene) sentence(a *incident.Analysis) (string, []string) {
	if len(a.Findings) == 0 && len(s.endpoints) == 0 && len(s.v.SampleTimes(always)) == 0 && !s.sampledSeries() {
		return s.nothingSeen()
	}
	var top *incident.Finding
	for i := range a.Findings {
		if f := &a.Findings[i]; f.Role == incident.Trigger || top == nil && (f.Cause == lockRootRule || f.Cause == idleRule) && a.Impact == (incident.Window{}) {
			top = f
			break
		}
	}
	proof := s.proof(a, top)
	switch {
	case a.Impact == (incident.Window{}) && top == nil && s.waiting() != "":
		text := s.waiting()
		if len(a.Findings) > 0 {
			text += "; " + a.Findings[0].Claim
		}
		return text + "; " + s.noFailures(), proof
	case a.Impact == (incident.Window{}) && len(a.Findings) == 0 && a.Onset.Slow != "":
		return a.Onset.Slow + ": no clear cause; " + s.noFailures(), proof
	case a.Impact == (incident.Window{}) && len(a.Findings) == 0:
		return s.healthy(), proof
	case a.Impact == (incident.Window{}) && top != nil:
		return top.Claim + "; " + s.noFailures(), proof
	case a.Impact == (incident.Window{}):
		return a.Findings[0].Claim + "; " + s.noFailures(), proof
	case top == nil:
		return s.unexplained(a), proof
	}
	if top.Cause == changeRule || top.Cause == trafficRule {
		return top.Claim + s.coincides(a), proof
	}
	return top.Claim + s.extent(a), proof
}

// coincides says no more of what is only close in time than that.
func (s *scene) coincides(a *incident.Analysis) string {
	if s.open {
		return fmt.Sprintf("; that is close in time, and may be why %s failed %s %s (%s so far)", have(s.failing()), s.since(), clock(a.Impact.From), whole(a.Impact.Length()))
	}
	return fmt.Sprintf("; that is close in time, and may be why %s failed for %s", s.failing(), whole(a.Impact.Length()))
}

// extent says how much of the impact the trigger covers, and what the rest is.
func (s *scene) extent(a *incident.Analysis) string {
	covered := time.Duration(a.Coverage * float64(a.Impact.Length()))
	failing := s.failing()
	if len(a.Remainder) == 0 {
		if s.open {
			return fmt.Sprintf("; %s failed %s %s (%s so far)", have(failing), s.since(), clock(a.Impact.From), whole(a.Impact.Length()))
		}
		return fmt.Sprintf("; that covers the %s in which %s failed", whole(a.Impact.Length()), failing)
	}
	var left time.Duration
	head := ""
	for _, r := range a.Remainder {
		left += r.Window.Length()
		if head == "" {
			head, _, _ = strings.Cut(r.Explanation, ":")
		}
	}
	if head == "" {
		head = "is unexplained"
	}
	return fmt.Sprintf("; that covers %s of the %s in which %s failed (%s), the other %s %s",
		whole(covered), whole(a.Impact.Length()), failing, percent(a.Coverage), whole(left), head)
}

// requests is what failed when no endpoint failed all the time.
const requests = "requests"

// failing names what failed: the endpoint that did from the beginning to the end
// of the impact, the one with most failures of several; else requests.
func (s *scene) failing() string {
	if all := s.throughout(); len(all) > 0 {
		return all[0].Endpoint.String()
	}
	return requests
}

// throughout are the endpoints that failed from the beginning to the end of the impact.
func (s *scene) throughout() (all []incident.Impact) {
	for _, x := range s.endpoints {
		if x.Failed > 0 && x.FirstFailed.Sub(s.impact.From) <= onset && s.impact.To.Sub(x.LastFailed) <= badStep {
			all = append(all, x)
		}
	}
	return all
}

// bad is how many endpoints failed as in an impact.
func (s *scene) bad() (n int64) {
	for _, x := range s.endpoints {
		if x.Failed >= leastFail && float64(x.Failed) >= badShare*float64(x.Requests) {
			n++
		}
	}
	return n
}

// firstFailing is the endpoint that failed before the others.
func (s *scene) firstFailing() string {
	var first incident.Impact
	for _, x := range s.endpoints {
		if !x.FirstFailed.IsZero() && (first.FirstFailed.IsZero() || x.FirstFailed.Before(first.FirstFailed)) {
			first = x
		}
	}
	return first.Endpoint.String()
}

// have is a subject and the verb that fits it.
func have(failing string) string {
	if failing == requests {
		return failing + " have"
	}
	return failing + " has"
}

func capital(s string) string { return strings.ToUpper(s[:1]) + s[1:] }

// byEnd says of an endpoint that its log does not tell when requests began.
func byEnd(x incident.Impact) string {
	if x.ByEnd {
		return ", counted by their end"
	}
	return ""
}

// since is the word before the impact's beginning.
func (s *scene) since() string {
	if s.midway {
		return "at least since"
	}
	return "since"
}

// unexplained is what to say when requests fail and nothing is known to have
// begun it.
func (s *scene) unexplained(a *incident.Analysis) string {
	var n, failed int64
	name, those := requests, s.throughout()
	if len(those) == 0 {
		those = s.endpoints
	} else {
		name = those[0].Endpoint.String()
	}
	for _, x := range those {
		if x.Failed > 0 {
			n += x.Requests
			failed += x.Failed
		}
	}
	of := fmt.Sprintf("(%s of %s", count(failed), things(n, "request", "requests"))
	has := have(name)
	switch more := int64(len(those) - 1); {
	case name == requests:
		of += ", " + s.firstFailing() + " first"
	case more > 0:
		name += " and " + things(more, "other endpoint", "other endpoints")
		has = name + " have"
	}
	text := fmt.Sprintf("%s failed from %s to %s %s)", capital(name), clock(a.Impact.From), till(a.Impact.To), of)
	if s.open {
		text = fmt.Sprintf("%s failed %s %s %s)", capital(has), s.since(), clock(a.Impact.From), of)
	}
	if more := s.bad() - int64(len(those)); name != requests && more > 0 {
		text += ", " + things(more, "other", "others") + " for a part of that time"
	}
	text += ": no clear cause"
	switch {
	case !s.v.Sees("postgres"):
		text += "; locks were not looked at, for " + s.why("postgres", "there is no Postgres source")
	default:
		for _, f := range a.Findings {
			if f.Confidence > incident.NoClearCause {
				return text + " of its beginning; " + f.Claim
			}
		}
	}
	return text
}

// healthy is what to say when nothing was found: that nothing is wrong, or that
// too little was seen to say so.
func (s *scene) healthy() string {
	text, until := "Nothing is wrong", "nothing was wrong"
	failed, doubt := s.tooFew()
	switch {
	case failed >= leastFail: // spread out, or as many as usual
		text, until = "No impact stands out", "no impact stood out"
	case failed > 0:
		text, until = "Too few failed to judge", "too few failed to judge"
	case s.loggedTrouble() != "":
		text, until = "No impact stands out", "no impact stood out"
	}
	if trouble := s.loggedTrouble(); trouble != "" {
		doubt += "; the server's log has " + trouble
	}
	if s.allDown() {
		text = "Nothing is seen any more: " + s.states() + "; until then " + until
	}
	switch {
	case len(s.endpoints) > 0 && s.v.Sees("postgres"):
		return text + ": " + s.noFailures() + doubt + "; no session waits for a lock for long"
	case len(s.endpoints) > 0 && doubt != "":
		return text + ": " + s.noFailures() + doubt
	case len(s.endpoints) > 0:
		return text + " that the gateway shows: " + s.noFailures()
	case s.v.Sees("postgres"):
		return text + " that Postgres shows: no session waits for a lock for long" + doubt
	}
	return text + " in the series" + doubt + "; " + s.why("gateway", "no gateway log was read") + " and " + s.why("postgres", "there is no Postgres source")
}

// tooFew says why no impact is told though an endpoint failed as often as in an
// impact, and how many of it failed: without it, one request of one that failed
// would pass for health.
func (s *scene) tooFew() (failed int64, why string) {
	for _, x := range s.endpoints { // most failures first
		if x.Failed == 0 || float64(x.Failed) < badShare*float64(x.Requests) {
			continue
		}
		where := ""
		if len(s.endpoints) > 1 {
			where = fmt.Sprintf(", of %s %s of %s", x.Endpoint, count(x.Failed), count(x.Requests))
		}
		return x.Failed, fmt.Sprintf("%s; an impact takes %d failures of one endpoint, %.0f %% of its requests and more than usual, with at most %s between them",
			where, leastFail, 100*badShare, whole(quiet))
	}
	return 0, ""
}

// noFailures says what is known about requests when none make an impact.
func (s *scene) noFailures() string {
	if len(s.endpoints) == 0 {
		return s.why("gateway", "no gateway log was read") + ", so what it does to requests is not known"
	}
	var n, failed int64
	for _, x := range s.endpoints {
		n += x.Requests
		failed += x.Failed
	}
	return fmt.Sprintf("%s of %s failed", count(failed), things(n, "request", "requests"))
}

// proof are the lines under the sentence.
func (s *scene) proof(a *incident.Analysis, top *incident.Finding) []string {
	var lines []string
	if top != nil {
		if h := s.holderOf(*top); h != nil && h.session.Query != "" {
			lines = append(lines, oneLine(h.session.Query))
		}
	}
	if a.Impact == (incident.Window{}) {
		return lines
	}
	for _, x := range s.endpoints {
		switch {
		case x.Failed > 0:
			lines = append(lines, fmt.Sprintf("%s: %s of %s failed (%s), %s to %s", x.Endpoint, count(x.Failed),
				things(x.Requests, "request", "requests"), percent(float64(x.Failed)/float64(max(1, x.Requests))), clock(x.FirstFailed), till(x.LastFailed))+byEnd(x))
		case x.Vanished:
			lines = append(lines, fmt.Sprintf("%s: stopped coming at %s", x.Endpoint, clock(x.VanishedFrom)))
		}
	}
	return lines
}

// checked is what was looked at and found innocent, and what could not be
// looked at.
func (s *scene) checked(findings []incident.Finding) []string {
	list := append([]string(nil), s.dismissed...)
	for _, x := range s.endpoints {
		if s.impact != (incident.Window{}) && x.Failed == 0 && !x.Vanished && x.Requests > 0 {
			list = append(list, fmt.Sprintf("%s: none of %s failed", x.Endpoint, things(x.Requests, "request", "requests")))
		}
	}
	if trouble := s.loggedTrouble(); trouble != "" && s.impact != (incident.Window{}) {
		list = append(list, "the server's log: "+trouble+" in all; see the timeline for those near the impact")
	}
	if !s.v.Sees("postgres") {
		list = append(list, "locks: not looked at, "+s.why("postgres", "no Postgres source"))
	} else if n := s.waitedForUnknown(); len(s.holders) == 0 && n > 0 {
		list = append(list, fmt.Sprintf("locks: not known, %s, and no source says for whom", things(n, "session waited", "sessions waited")))
	} else if len(s.holders) == 0 {
		list = append(list, "locks: nobody waited")
	}
	if flows := s.v.Flows(); len(flows) == 0 {
		list = append(list, "calls in flight: not known, nothing counts started calls")
	} else if len(s.hangs) == 0 {
		list = append(list, fmt.Sprintf("calls in flight: none piled up (%s)", things(len(flows), "method", "methods")))
	}
	if len(s.endpoints) == 0 {
		list = append(list, "requests: not looked at, "+s.why("gateway", "no gateway log"))
	}
	for _, name := range slices.Sorted(maps.Keys(s.endsOnly)) {
		if s.endsOnly[name] {
			list = append(list, fmt.Sprintf("when requests began: %s has no durations, so they are counted by their end", name))
		}
	}
	for _, w := range s.others {
		list = append(list, fmt.Sprintf("requests also failed from %s to %s; that is another impact", clock(w.From), till(w.To)))
	}
	if len(findings) == 0 && s.impact != (incident.Window{}) {
		if n := s.changesBefore(); n > 0 {
			list = append(list, things(n, "change", "changes")+" in the two minutes before: see the timeline")
		}
	}
	return list
}

func (s *scene) changesBefore() (n int) {
	for _, c := range s.v.Changes() {
		if !c.At.After(s.impact.From.Add(onset)) && s.closeUp.Has(c.At) {
			n++
		}
	}
	return n
}
