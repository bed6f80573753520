package cause

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"tripcurve/internal/incident"
)

const (
	leastHung  = 5                // calls in flight: fewer may be long by chance
	leastQuiet = 30 * time.Second // without a call that ends
	scrape     = 15 * time.Second // counters are usually read at least this often
)

// ending is what ended a hang.
type ending int

const (
	goesOn ending = iota
	callsEnded
	callerRestart // of the caller and nothing else: its connections went with it
	otherRestart  // of the callee, which ends stuck handlers as well, of more than the caller, or nobody says of what
)

// hang is a time in which calls of one flow began and none ended.
type hang struct {
	flow incident.Flow
	incident.Window
	stepErr  time.Duration // a scrape interval: From and To may be that much earlier
	exactly  [2]bool       // From and To are known better than that
	before   float64       // in flight when it began
	most     float64       // in flight
	started  float64
	deadline float64 // calls that a deadline ended, in all of the evidence looked at
	points   []incident.FlowPoint
	endedBy  ending
	restarts []incident.Change // that were seen at its end
	above    []incident.Flow
}

// findHangs looks for flows of which nothing ends.
func (s *scene) findHangs() {
	var all []*hang
	for _, f := range s.v.Flows() {
		wide := f.Points(incident.Window{From: incident.EarlierOf(s.around().From, s.closeUp.From), To: s.closeUp.To})
		points := part(wide, s.closeUp)
		s.flows = append(s.flows, counted{f, points, wide})
		if h := s.hang(f, points); h != nil {
			all = append(all, h)
		}
	}
	// A caller whose callee hangs as well only waits for it.
	for _, h := range all {
		deepest := true
		for _, below := range all {
			if below != h && below.flow.Caller == h.flow.Callee() {
				deepest = false
				below.above = append(below.above, h.flow)
			}
		}
		if deepest {
			s.hangs = append(s.hangs, h)
		}
	}
	slices.SortStableFunc(s.hangs, func(a, b *hang) int { return cmp.Compare(b.most, a.most) })
}

// counted is a flow with its points in the close-up.
type counted struct {
	flow   incident.Flow
	points []incident.FlowPoint // around the impact
	wide   []incident.FlowPoint // from the usual time before it on
}

// part are the points in a window and the one before it, which belongs to it only as
// what was in flight.
func part(points []incident.FlowPoint, w incident.Window) []incident.FlowPoint {
	list := slices.Clone(cut(points, w))
	if len(list) > 0 {
		list[0] = incident.FlowPoint{At: list[0].At, InFlight: list[0].InFlight}
	}
	return list
}

// cut is part of whoever takes nothing from the first point but what was in flight: it
// is not copied.
func cut(points []incident.FlowPoint, w incident.Window) []incident.FlowPoint {
	at := func(p incident.FlowPoint, t time.Time) int { return p.At.Compare(t) }
	from, _ := slices.BinarySearchFunc(points, w.From, at)
	to, _ := slices.BinarySearchFunc(points, w.To, at)
	from = max(0, from-1)
	return points[from:max(from, to)]
}

// hang is the longest time in which calls of a flow piled up and none ended.
func (s *scene) hang(f incident.Flow, points []incident.FlowPoint) *hang {
	var best, now hang
	running := false
	stop := func() {
		piled := now.most >= leastHung && (now.before >= leastHung || now.most-now.before >= leastHung)
		if running && piled && now.Length() >= leastQuiet && now.Length() > best.Length() {
			best = now
		}
		running = false
	}
	deadline := 0.0
	for i, p := range points {
		deadline += p.Deadline
		switch {
		case p.Finished > 0 || p.Restart:
			now.To, now.endedBy = p.At, callsEnded
			if p.Restart {
				now.endedBy = callerRestart
			}
			if i > 0 {
				now.stepErr = p.At.Sub(points[i-1].At)
			}
			stop()
			continue
		case !running:
			running = true
			began := points[max(0, i-1)].At
			now = hang{flow: f, Window: incident.Window{From: began}, stepErr: p.At.Sub(began), before: p.InFlight - p.Started}
		}
		now.To = p.At
		now.started += p.Started
		now.most = max(now.most, p.InFlight)
	}
	stop()
	if best.Length() == 0 {
		return nil
	}
	best.points, best.deadline = points, deadline
	s.align(&best)
	return &best
}

// align moves the ends of a hang, known to a scrape, to what is known better.
func (s *scene) align(h *hang) {
	err := max(h.stepErr, scrape)
	if d := s.impact.From.Sub(h.From); s.impact != (incident.Window{}) && d > -onset && d <= err {
		h.From, h.exactly[0] = s.impact.From, true
	}
	if h.endedBy == goesOn {
		return
	}
	end, ours, others := h.To, false, []incident.Change(nil)
	for _, c := range s.v.Changes() {
		if c.Kind != incident.Restart || c.At.After(h.To) || h.To.Sub(c.At) > err {
			continue
		}
		switch who := restartSeen(c.System, h.flow); {
		case who == goesOn:
			others = append(others, c)
			continue
		case who == otherRestart && c.System == "" && h.endedBy == callerRestart: // the counters began anew: it was the caller's
		case h.endedBy != otherRestart:
			h.endedBy = who
		}
		if !ours {
			end, ours = c.At, true
		}
		h.restarts = append(h.restarts, c)
	}
	if len(others) > 0 && h.endedBy == callerRestart { // what the callee itself waited for, perhaps
		h.endedBy, h.restarts = otherRestart, append(h.restarts, others...)
	}
	if ours {
		h.To, h.exactly[1] = end, true
		return
	}
	if d := h.To.Sub(s.impact.To); s.impact != (incident.Window{}) && d > 0 && d <= err {
		h.To, h.exactly[1] = s.impact.To, true
	}
}

// ends are the two ends in words: a scrape only says that it was before.
func (h *hang) ends() (from, to string) {
	from, to = clock(h.From), till(h.To)
	if !h.exactly[0] {
		from = "about " + from
	}
	if !h.exactly[1] {
		to = "about " + to
	}
	return from, to
}

// restarted names what was restarted at the end, as the evidence has it.
func (h *hang) restarted() string {
	var names []string
	for _, c := range h.restarts {
		if name := either(c.System, "something without a name"); !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return strings.Join(names, ", ")
}

// restartSeen says whose restart it was, as a flow sees it; goesOn is of no
// concern to it.
func restartSeen(system string, f incident.Flow) ending {
	switch {
	case system != "" && (strings.Contains(f.Caller, system) || strings.Contains(system, f.Caller)):
		return callerRestart
	case system == "" || system == f.Callee():
		return otherRestart
	}
	return goesOn
}

// inFlight is how many calls were in flight at an instant.
func (h *hang) inFlight(at time.Time) float64 {
	n := math.NaN()
	for _, p := range h.points {
		if p.At.After(at) {
			break
		}
		n = p.InFlight
	}
	return n
}

// id is its finding's.
func (h *hang) id() string { return subject(deadlineRule, h.flow.Edge(), h.flow.Name()) }

// edge names the call for people: "order -> inventory".
func (h *hang) edge() string { return h.flow.Caller + " -> " + h.flow.Callee() }

// called is the method in brackets, where the source knows it.
func (h *hang) called() string {
	if h.flow.Method == "" {
		return ""
	}
	return " (" + h.flow.Method + ")"
}

// remedy says where a deadline is missing, by the edge's name if it has one.
func (h *hang) remedy() string {
	if h.flow.Server || strings.Contains(h.flow.Callee(), ":") {
		return fmt.Sprintf("set a deadline wherever %s is called, and HTTP/2 keepalive on those connections", h.flow.Callee())
	}
	return fmt.Sprintf("set a deadline on %s (--set %s.deadline=5s) and HTTP/2 keepalive (--set %s.keepalive=20s); try both on the Tune screen", h.edge(), h.flow.Edge(), h.flow.Edge())
}

// deadlineRule names calls that hang with nothing to end them.
const deadlineRule = "call_without_deadline"

// noHangs says that calls in flight were looked at, or could not be.
func (s *scene) noHangs() {
	flows := s.v.Flows()
	if len(flows) == 0 {
		s.undecided(deadlineRule, "nothing counts started calls, so calls in flight are not known")
		return
	}
	s.innocent(deadlineRule, fmt.Sprintf("calls in flight did not pile up in %s", things(len(flows), "method", "methods")), s.flowsLookedAt()...)
}

// callsWithoutDeadline are the calls that nothing would ever have ended. They
// do not begin an incident: they make it large, and make it outlast its cause.
func (s *scene) callsWithoutDeadline() []incident.Finding {
	var findings []incident.Finding
	told := map[string]int{}
	if len(s.hangs) == 0 {
		s.noHangs()
	}
	for _, h := range s.hangs {
		if h.deadline > 0 {
			s.dismissed = append(s.dismissed, fmt.Sprintf("%s: calls hung, but a deadline ended them (%s)", h.flow.Name(), things(int64(h.deadline), "call", "calls")))
			s.innocent(deadlineRule, fmt.Sprintf("calls of %s hung, but a deadline ended %s", h.flow.Name(), count(int64(h.deadline))+" of them"), h.flow.Started.ID())
			continue
		}
		if s.toldByMethod(h) {
			continue
		}
		f := s.callWithoutDeadline(h)
		if i, twice := told[f.ID]; twice { // two sources count the same calls
			findings[i].Support = append(findings[i].Support, h.flow.Started.ID())
			continue
		}
		told[f.ID] = len(findings)
		findings = append(findings, f)
	}
	return findings
}

// toldByMethod says whether another source knows the methods of the calls of a
// channel.
func (s *scene) toldByMethod(h *hang) bool {
	return h.flow.Method == "" && slices.ContainsFunc(s.hangs, func(other *hang) bool {
		return other.flow.Method != "" && other.deadline == 0 && other.flow.Edge() == h.flow.Edge()
	})
}

func (s *scene) callWithoutDeadline(h *hang) incident.Finding {
	f := incident.Finding{
		ID: h.id(), Role: incident.Amplifier, Cause: deadlineRule,
		Window: h.Window, Confidence: incident.Possible,
		Subject: incident.Subject{Edge: h.flow.Edge(), Waiters: int(h.most)},
	}
	from, to := h.ends()
	f.Claim = fmt.Sprintf("calls %s%s have no deadline: from %s to %s none ended, up to %s in flight",
		h.edge(), h.called(), from, to, count(int64(h.most)))
	if h.endedBy == goesOn {
		f.Claim = fmt.Sprintf("calls %s%s have no deadline: since %s none has ended, %s in flight",
			h.edge(), h.called(), from, count(int64(h.inFlight(h.To))))
	}
	earlier := ""
	if h.before > 0 {
		earlier = fmt.Sprintf(", %s in flight before,", things(int64(h.before), "was", "were"))
	}
	codes := "no call ended with DEADLINE_EXCEEDED"
	if !h.flow.Codes() {
		codes = "by which code calls end is not known to this source"
	}
	f.Detail = append(f.Detail, fmt.Sprintf("started minus finished: %s calls began%s and none finished in %s; %s",
		count(int64(h.started)), earlier, whole(h.Length()), codes))
	if h.stepErr > 0 && (!h.exactly[0] || !h.exactly[1]) {
		f.Detail = append(f.Detail, fmt.Sprintf("the counters are read every %s: what is said to be about may be that much earlier", whole(h.stepErr)))
	}
	f.Support = append(f.Support, h.flow.Started.ID())
	for _, done := range h.flow.Finished {
		f.Support = append(f.Support, done.ID())
	}
	if len(h.flow.Finished) == 0 {
		f.Detail = append(f.Detail, "no counter of finished calls exists yet: none has ended since the caller started")
	}
	if root := s.trigger(); root != nil && !root.open {
		if left := h.To.Sub(root.end()); left > scrape {
			f.Detail = append(f.Detail, fmt.Sprintf("%s were in flight when the lock had gone at %s, and stayed",
				things(int64(h.inFlight(root.end())), "call", "calls"), till(root.end())))
		}
		f.Support = append(f.Support, root.states...)
	}
	switch h.endedBy {
	case callerRestart:
		f.Detail = append(f.Detail, fmt.Sprintf("they ended with the restart of %s, not by themselves", h.flow.Caller))
	case otherRestart:
		f.Detail = append(f.Detail, fmt.Sprintf("they ended with a restart, but not of %s alone: %s", h.flow.Caller, h.restarted()))
	case goesOn, callsEnded: // the claim says it
	}
	for _, up := range h.above {
		f.Detail = append(f.Detail, fmt.Sprintf("%s -> %s (%s) hangs with it: it waits for these calls", up.Caller, up.Callee(), up.Method))
	}
	s.timedOut(&f)
	s.plateau(&f, h.flow)
	f.Detail = append(f.Detail, s.counterfactual(f.ID, "with a deadline"))
	f.Action = h.remedy()
	return f
}

// timedOut adds what the gateway saw: requests that its own timer ended.
func (s *scene) timedOut(f *incident.Finding) {
	var n int64
	var first []incident.ID
	s.v.EachBucket(f.Window, func(b *incident.Bucket) {
		if b.Outcome != incident.UpstreamTimeout || b.Ended == 0 {
			return
		}
		n += b.Ended
		if len(first) == 0 {
			first = append(first, b.ID())
		}
	})
	if n > 0 {
		f.Support = append(f.Support, first...)
		f.Detail = append(f.Detail, fmt.Sprintf("the gateway's timer ended %s meanwhile; the calls behind them went on", things(n, "request", "requests")))
	}
}

// plateau adds client latencies that are all the same: somebody's timer, not
// the callee, ended the calls.
func (s *scene) plateau(f *incident.Finding, flow incident.Flow) {
	for _, series := range s.v.AllSeries() {
		if series.Kind != incident.Gauge || !strings.Contains(strings.ReplaceAll(series.Name, "_", "."), "client.duration") {
			continue
		}
		if m := strings.ToLower(either(series.Labels["method"], series.Labels["grpc_method"])); !strings.Contains(m, strings.ToLower(flow.Method)) && m != "" {
			continue
		}
		lo, hi, n := math.Inf(1), 0.0, 0
		for _, p := range series.Points {
			if f.Window.Has(p.At) && !math.IsNaN(p.V) && p.At.Sub(f.Window.From) > time.Minute {
				lo, hi = min(lo, p.V), max(hi, p.V)
				n++
			}
		}
		if n >= 3 && hi > 0 && hi <= 1.05*lo {
			f.Support = append(f.Support, series.ID())
			f.Detail = append(f.Detail, fmt.Sprintf("%s shows %s %s, always: a timer's value, not a callee's", series.Name, count(int64(math.Round(hi))), series.Unit))
		}
	}
}
