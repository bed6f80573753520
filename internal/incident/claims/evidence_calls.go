package claims

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"time"

	"tripcurve/internal/incident"
	"tripcurve/internal/redact"
)

// askMetric: when did the metric first have the value?
func askMetric(a *asked) (answer, bool) {
	o := a.claim.Operands
	metric := o.Text("metric")
	value, ok := o.Number("value_s")
	if metric == "" || !ok {
		return answer{}, false
	}
	hang, ok := a.at("hang_began", a.scope.doc.Window.Start)
	if !ok {
		return answer{}, false
	}
	_, earliest := a.later(hang, value)
	for _, s := range a.v.AllSeries() {
		size, ok := map[string]float64{"ms": 1e-3, "s": 1}[s.Unit]
		if s.Name != metric || !ok {
			continue
		}
		step := a.step(s)
		for _, p := range s.Points {
			if p.At.Before(hang.Add(-step)) || !(p.V*size >= 0.99*value) {
				continue
			}
			got := answer{Consistent, fmt.Sprintf("%s has %s s first at %s, in steps of %s s: what ended by then was recorded by %s",
				redact.Line(metric), short(p.V*size), a.clock(p.At), plain(step.Seconds()), redact.Line(s.Origin.Name)), ids(s.ID())}
			if p.At.Add(step).Before(earliest) {
				got.verdict = Inconsistent
				got.text = fmt.Sprintf("%s has %s s at %s, before %s", redact.Line(metric), short(p.V*size), a.clock(p.At), a.clock(earliest))
			}
			return got, true
		}
	}
	return answer{}, false
}

// step is the least distance of a series' samples.
func (a *asked) step(s *incident.Series) time.Duration {
	step := time.Duration(math.MaxInt64)
	for i := 1; i < len(s.Points); i++ {
		step = min(step, s.Points[i].At.Sub(s.Points[i-1].At))
	}
	if len(s.Points) < 2 {
		return 0
	}
	return step
}

// askStamps: does the log stamp when requests begin?
func askStamps(a *asked) (answer, bool) {
	o := a.claim.Operands
	cause, ok1 := o.At("cause_at")
	effect, ok2 := o.At("effect_at")
	delay, ok3 := o.Number("min_delay_s")
	if a.doc != Inconsistent || !ok1 || !ok2 || !ok3 || o.Text("stamp") != "" || !effect.Before(cause.Add(duration(delay))) {
		return answer{}, false
	}
	w := incident.Window{From: cause.Add(-time.Minute), To: cause.Add(duration(delay) + time.Minute)}
	t := a.tally(w, func(b *incident.Bucket) bool { return true })
	if t.firstFailed.IsZero() || t.firstEnded.IsZero() {
		return answer{}, false
	}
	text := fmt.Sprintf("the first request that failed began at %s, and the first failure was answered at %s", a.clock(t.firstFailed), a.clock(t.firstEnded))
	_, earliest := a.later(cause, delay)
	if t.firstEnded.Before(earliest.Add(-time.Second)) || effect.Sub(t.firstFailed).Abs() > time.Second {
		return answer{Inconsistent, text, ids(t.firstFailedID)}, true
	}
	return answer{Consistent, text + ": the log stamps the start", ids(t.firstFailedID)}, true
}

// askRestart: was there a change, and success after it?
func askRestart(a *asked) (answer, bool) {
	o := a.claim.Operands
	cause, ok1 := o.At("cause_at")
	effect, ok2 := o.At("effect_at")
	delay, ok3 := o.Number("min_delay_s")
	if !ok1 || !ok2 || !ok3 || delay != 0 {
		return answer{}, false
	}
	const near = 5 * time.Second
	var change *incident.Change
	for _, c := range a.v.Changes() {
		if c.At.Sub(cause).Abs() <= near && change == nil {
			change = &c
		}
	}
	failing := a.failing(incident.Window{From: cause.Add(-time.Minute), To: cause})
	if len(failing) == 0 {
		return answer{}, false
	}
	match := func(b *incident.Bucket) bool { return failing[b.Endpoint] }
	before := a.tally(incident.Window{From: cause.Add(-time.Minute), To: cause.Add(-time.Second)}, match)
	after := a.tally(incident.Window{From: effect.Add(-time.Second), To: effect.Add(time.Minute)}, match)
	switch {
	case change == nil:
		return answer{Inconsistent, "no change is known at " + a.clock(cause), nil}, true
	case before.okEnded > 0 || after.okEnded == 0:
		return answer{Inconsistent, "success did not begin then", ids(change.ID())}, true
	}
	return answer{Consistent, fmt.Sprintf("%s at %s, and the first success at %s", redact.Flat(change.Text), a.clock(change.At), a.clock(after.okAfter)), ids(change.ID(), after.counterID)}, true
}

// failing are the endpoints with failures in a window.
func (a *asked) failing(w incident.Window) map[incident.Endpoint]bool {
	m := map[incident.Endpoint]bool{}
	a.v.EachBucket(w, func(b *incident.Bucket) {
		if b.Failed() {
			m[b.Endpoint] = true
		}
	})
	return m
}

// hanging is the flow whose calls pile up, with its samples.
func (a *asked) hanging() (incident.Flow, []incident.FlowPoint, bool) {
	w := incident.Window{From: a.v.Window.From, To: a.v.Window.To.Add(time.Nanosecond)}
	f, ok := a.v.Deepest(w)
	if !ok {
		return f, nil, false
	}
	return f, f.Points(w), true
}

// at is the last sample that is not after an instant.
func sampleAt(points []incident.FlowPoint, at time.Time) (incident.FlowPoint, bool) {
	i, same := slices.BinarySearchFunc(points, at, func(p incident.FlowPoint, at time.Time) int { return p.At.Compare(at) })
	if same {
		i++
	}
	if i == 0 {
		return incident.FlowPoint{}, false
	}
	return points[i-1], true
}

// counts of calls between two instants, by the samples next to them.
func callsBetween(points []incident.FlowPoint, from, to time.Time) (started, finished float64) {
	for _, p := range points {
		if p.At.After(from) && !p.At.After(to) {
			started += p.Started
			finished += p.Finished
		}
	}
	return started, finished
}

// scrape is how late a counter may tell of a call.
const scrape = 10 * time.Second

// askDrop: did a connection die before something that should have freed its
// calls? Then they stay in flight after it.
func askDrop(a *asked) (answer, bool) {
	o := a.claim.Operands
	cause, ok1 := o.At("cause_at")
	before, ok2 := o.At("before")
	if !ok1 || !ok2 || a.doc == Inconsistent {
		return answer{}, false
	}
	f, points, ok := a.hanging()
	if !ok {
		return answer{}, false
	}
	was, ok1 := sampleAt(points, before)
	stays, ok2 := sampleAt(points, before.Add(time.Minute))
	_, finished := callsBetween(points, cause, before.Add(time.Minute))
	waiters := a.v.LockWaiters(incident.Window{From: before.Add(scrape), To: before.Add(scrape + 10*time.Second)}, time.Second)
	if !ok1 || !ok2 || was.InFlight < 1 || len(waiters) == 0 {
		return answer{}, false
	}
	text := fmt.Sprintf("%s calls %s were in flight at %s and %s a minute later, %s ended", plain(was.InFlight), redact.Line(f.Edge()), a.clock(before), plain(stays.InFlight), plain(finished))
	if free := slices.Max(waiters) == 0; free && stays.InFlight >= was.InFlight && finished == 0 {
		return answer{Consistent, text + ", although nothing waited for a lock any more: no answer came over that connection", ids(f.Started.ID())}, true
	}
	return answer{NeedsEvidence, text, ids(f.Started.ID())}, true
}

// askStreams: are the two counts of two streams?
func askStreams(a *asked) (answer, bool) {
	list := a.observations()
	w, ok := a.window()
	if a.doc != Inconsistent || len(list) != 2 || !list[0].counted || !list[1].counted || !ok {
		return answer{}, false
	}
	f, points, ok := a.hanging()
	if !ok {
		return answer{}, false
	}
	long, brief := list[0], list[1]
	if long.window < brief.window {
		long, brief = brief, long
	}
	t := a.tally(incident.Window{From: w.From, To: w.From.Add(duration(long.window))}, func(b *incident.Bucket) bool { return b.Endpoint.Method == "POST" })
	started, _ := callsBetween(points, w.From, w.From.Add(duration(brief.window)+scrape/2))
	text := fmt.Sprintf("%d requests failed in %s s, and %s calls %s began in about %s s", t.failed, plain(long.window), plain(started), redact.Line(f.Edge()), plain(brief.window))
	support := ids(t.firstFailedID, f.Started.ID())
	if near(float64(t.failed), long.count, 0.05) && near(started, brief.count, 0.15) {
		return answer{Consistent, text + ": two streams, each with its own rate", support}, true
	}
	return answer{Inconsistent, text, support}, true
}

func near(a, b, tolerance float64) bool { return math.Abs(a-b) <= tolerance*b }

// askHold: did calls end in the time that they are said to be held?
func askHold(a *asked) (answer, bool) {
	o := a.claim.Operands
	n, ok := o.Numbers("capacity", "fill_s", "hold_s")
	w, bounded := a.window()
	if !ok || !bounded || a.doc != Inconsistent {
		return answer{}, false
	}
	f, points, ok := a.hanging()
	if !ok {
		return answer{}, false
	}
	full := w.From.Add(duration(n[1]))
	p, ok := sampleAt(points, full.Add(scrape))
	_, finished := callsBetween(points, w.From.Add(scrape/2), full.Add(scrape))
	if !ok {
		return answer{}, false
	}
	text := fmt.Sprintf("%s calls %s were in flight at %s, and %s had ended", plain(p.InFlight), redact.Line(f.Edge()), a.clock(p.At), plain(finished))
	if p.InFlight >= 0.97*n[0] && finished == 0 {
		return answer{Consistent, text + fmt.Sprintf(": what ended after %s s is another layer's", plain(n[2])), ids(f.Started.ID())}, true
	}
	return answer{Inconsistent, text, ids(f.Started.ID())}, true
}

// askLayers: did the call go on while somebody else's ended?
func askLayers(a *asked) (answer, bool) {
	o := a.claim.Operands
	w, ok := a.window()
	if !ok || a.doc != Inconsistent {
		return answer{}, false
	}
	value, ok := o.Number("stated_max_s")
	endless, _ := o.On("uncapped")
	if !ok {
		list := a.bounds()
		if len(list) != 2 {
			return answer{}, false
		}
		value, endless = min(list[0].value, list[1].value), list[0].never != list[1].never
		if endless {
			value = max(list[0].value, list[1].value)
		}
	}
	if !endless {
		return answer{}, false
	}
	f, points, ok := a.hanging()
	if !ok {
		return answer{}, false
	}
	early, ok1 := sampleAt(points, w.From.Add(duration(2*value)))
	last, ok2 := sampleAt(points, w.To.Add(-time.Second))
	longest, id := a.longest(w)
	if !ok1 || !ok2 || id == "" {
		return answer{}, false
	}
	text := fmt.Sprintf("%s calls %s were still in flight at %s, and the gateway answered after %s s at the latest", plain(last.InFlight), redact.Line(f.Edge()), a.clock(last.At), short(longest))
	if early.InFlight >= 1 && last.InFlight >= early.InFlight && near(longest, value, 0.05) {
		return answer{Consistent, text + ": two layers, each with its own end", ids(f.Started.ID(), id)}, true
	}
	return answer{Inconsistent, text, ids(f.Started.ID(), id)}, true
}

// longest is the longest request that was kept whole, in seconds.
func (a *asked) longest(w incident.Window) (float64, incident.ID) {
	var took time.Duration
	var id incident.ID
	for _, x := range a.v.Exemplars() {
		if !x.OfServer() && x.Took > took && w.Has(x.Start) {
			took, id = x.Took, x.ID()
		}
	}
	return took.Seconds(), id
}

// askStatus: which status had the answers?
func askStatus(a *asked) (answer, bool) {
	o := a.claim.Operands
	if o.Text("relation") != "same_answer" {
		return answer{}, false
	}
	w, ok := a.window()
	e, named := a.endpoint()
	if !ok {
		return answer{}, false
	}
	codes := map[int]int64{}
	var id incident.ID
	a.v.EachBucket(w, func(b *incident.Bucket) {
		if b.Failed() && b.Ended > 0 && (!named || b.Endpoint == e) {
			if codes[b.Status] += b.Ended; id == "" {
				id = b.ID()
			}
		}
	})
	if len(codes) == 0 {
		return answer{}, false
	}
	var words []string
	claimed := false
	for _, c := range slices.Sorted(maps.Keys(codes)) {
		words = append(words, fmt.Sprintf("%d of %d", codes[c], c))
		claimed = claimed || slices.ContainsFunc(o.Objects("claims"), func(x Operands) bool { n, ok := x.Number("status"); return ok && int(n) == c })
	}
	if len(codes) == 1 && claimed {
		return answer{Consistent, "the log has one status, " + words[0] + "; the rest is its cause and its wording", ids(id)}, true
	}
	return answer{Inconsistent, "the log has " + and(words), ids(id)}, true
}

// askDay: was the incident on the day of the instant?
func askDay(a *asked) (answer, bool) {
	o := a.claim.Operands
	instant, ok1 := o.At("instant")
	begun, ok2 := o.At("incident_start")
	if !ok1 || !ok2 {
		return answer{}, false
	}
	t := a.tally(incident.Window{From: begun.Add(-time.Minute), To: begun.Add(10 * time.Minute)}, func(*incident.Bucket) bool { return true })
	if t.firstFailed.IsZero() {
		return answer{}, false
	}
	const layout = "2006-01-02"
	day := t.firstFailed.UTC().Format(layout)
	got := answer{Consistent, "the first failure is of " + day, ids(t.firstFailedID)}
	if instant.UTC().Format(layout) != day {
		got.verdict = Inconsistent
	}
	return got, true
}

// askAgain: does a request that is sent again succeed, and can it do harm?
func askAgain(a *asked) (answer, bool) {
	needs := a.claim.Operands.Texts("needs")
	w, ok := a.window()
	if !ok || !slices.Contains(needs, "idempotency key") || !slices.Contains(needs, "retry load") {
		return answer{}, false
	}
	failing := a.failing(w)
	after := a.tally(incident.Window{From: w.To, To: a.v.Window.To}, func(b *incident.Bucket) bool { return failing[b.Endpoint] && b.Endpoint.Method == "POST" })
	if after.ok == 0 {
		return answer{}, false
	}
	text := fmt.Sprintf("after %s %d of %d succeeded", a.clock(w.To), after.ok, after.ok+after.failed)
	if after.failed > after.ok/100 {
		return answer{Inconsistent, text, ids(after.firstFailedID)}, true
	}
	if e, ok := a.named("payment intents"); ok {
		paid := a.tally(w, func(b *incident.Bucket) bool { return b.Endpoint == e })
		if paid.ok == 0 {
			return answer{Consistent, text + ", and nothing of before can be paid twice: no payment was begun", ids(after.counterID)}, true
		}
		text += fmt.Sprintf("; %d payments had been begun", paid.ok)
	}
	return answer{NeedsEvidence, text, ids(after.counterID)}, true
}
