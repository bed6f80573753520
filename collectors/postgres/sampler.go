package postgres

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"

	"tripcurve/internal/incident"
	"tripcurve/internal/pglock"
	"tripcurve/internal/redact"
)

// Names of the gauges that a Sampler makes.
const (
	WaitersSeries  = incident.LockWaitersSeries // sessions that wait for a lock
	BackendsSeries = "postgres_client_backends" // by label state
)

// Sampler turns samples into facts. What lasts is one Episode, told again with
// every sample while it is open. The same samples give the same facts.
type Sampler struct {
	origin  incident.Origin
	last    time.Time     // of the newest sample; zero before the first
	every   time.Duration // promised distance to the next
	resumed bool          // the supervisor has recorded why this sample is late
	start   time.Time     // of the server
	cluster cluster
	seen    map[int]seen // by pid, in the newest sample

	waits  map[waitKey]*incident.Episode // those that the newest sample shows
	holds  map[holdKey]*incident.Episode
	texts  map[process]*text // what each session ran in the newest sample
	states map[string]bool   // ever counted, so that a state that empties is told as 0
}

// process tells two sessions with one pid apart.
type process struct {
	pid   int
	start int64 // backend_start, ns; 0 when hidden
}

type waitKey struct {
	process
	object
	mode  pglock.Mode
	since int64 // waitstart, ns; 0 when the server has none
}

// waitKey is the identity of the wait of a row that waits.
func (r *Row) waitKey() waitKey {
	key := waitKey{process: procOf(r), object: r.Wait.on(), mode: r.Wait.Mode}
	if !r.Wait.Since.IsZero() {
		key.since = r.Wait.Since.UnixNano()
	}
	return key
}

type holdKey struct {
	process
	xact int64
}

// text is a query as it is kept, read once however long it runs.
type text struct {
	raw    string
	start  int64 // query_start, ns
	masked string
	head   Statement
	seen   time.Time // of the newest sample that shows the session
}

// NewSampler makes a Sampler of the source of that name, such as "pg".
func NewSampler(name string) *Sampler {
	return &Sampler{
		origin: incident.Origin{Group: "postgres", Name: name},
		waits:  map[waitKey]*incident.Episode{},
		holds:  map[holdKey]*incident.Episode{},
		texts:  map[process]*text{},
		states: map[string]bool{},
		seen:   map[int]seen{},
	}
}

// Resume says that the time without samples before the next one is known to the
// reader already, for the source was down.
func (s *Sampler) Resume() { s.resumed = true }

// Observe is what one more sample tells. Samples come in the order of their time;
// one that does not is ignored.
func (s *Sampler) Observe(x Sample) []incident.Fact {
	if !s.last.IsZero() && !x.At.After(s.last) {
		return nil
	}
	var facts []incident.Fact
	facts = s.missed(facts, x)
	facts = s.restarted(facts, x)
	x = s.identified(x)
	g := newGraph(x)
	facts = s.changes(facts, x, g)
	facts = s.episodes(facts, x, g)
	facts = s.gauges(facts, x, g)
	s.last, s.every, s.resumed = x.At, x.Every, false
	if s.every == 0 {
		s.every = time.Second
	}
	return facts
}

// missed tells of a hole between the last sample and this one. A sample may be
// late by as much as the distance itself; that is jitter.
func (s *Sampler) missed(facts []incident.Fact, x Sample) []incident.Fact {
	late := x.At.Sub(s.last)
	if s.last.IsZero() || s.resumed || late <= 2*s.every+s.every/2 {
		return facts
	}
	return append(facts, incident.Episode{
		Kind: incident.Gap, From: s.last, To: x.At, Origin: s.origin,
		Text: fmt.Sprintf("no sample for %s, planned every %s", late.Round(100*time.Millisecond), s.every),
	})
}

// restarted tells that the server is not the one of the last sample, or not the
// same run of it.
func (s *Sampler) restarted(facts []incident.Fact, x Sample) []incident.Fact {
	before, was := s.start, s.cluster
	if !x.ServerStart.IsZero() {
		s.start = x.ServerStart
	}
	if x.Cluster != (cluster{}) {
		s.cluster = x.Cluster
	}
	what := "PostgreSQL started"
	switch {
	case was == (cluster{}) || was == s.cluster:
		// The postmaster's start is read to the microsecond, so equality is enough.
		if before.IsZero() || s.start.Equal(before) {
			return facts
		}
	case was.system != s.cluster.system:
		what = fmt.Sprintf("another PostgreSQL cluster answers: system identifier %s, was %s (started %s)",
			s.cluster.system, was.system, s.start.Format("2006-01-02 15:04:05Z"))
	default:
		what = fmt.Sprintf("failed over: PostgreSQL is on timeline %d, was on %d", s.cluster.timeline, was.timeline)
	}
	at := s.start
	if at.Before(s.last) { // another server, up since long
		at = x.At
	}
	return append(facts, incident.Change{At: at, Kind: incident.Restart, System: "postgres", Text: what, Origin: s.origin})
}

// seen is what a session was in the last sample: rights may be granted or revoked
// while it waits, and one wait must not become two by that.
type seen struct{ start, xact time.Time }

// identified is a sample whose sessions keep their identity when they become hidden
// or visible.
func (s *Sampler) identified(x Sample) Sample {
	now := make(map[int]seen, len(x.Rows))
	rows := x.Rows
	for i := range rows {
		r := &rows[i]
		if last, ok := s.seen[r.PID]; ok && r.PID != 0 && r.Hidden != last.start.IsZero() && !r.BackendStart.Equal(last.start) {
			if &rows[0] == &x.Rows[0] {
				rows = slices.Clone(rows)
				r = &rows[i]
			}
			r.BackendStart = last.start
			if r.Hidden {
				r.XactStart = last.xact
			}
		}
		now[r.PID] = seen{r.BackendStart, r.XactStart}
	}
	x.Rows, s.seen = rows, now
	return x
}

func procOf(r *Row) process {
	p := process{pid: r.PID}
	if !r.BackendStart.IsZero() {
		p.start = r.BackendStart.UnixNano()
	}
	return p
}

// session is a row's session as it is kept: credentials in the text masked.
func (s *Sampler) session(r *Row) incident.Session {
	sess := r.Session
	sess.Query = s.texts[procOf(r)].masked // every row of this sample has been read
	return sess
}

// changes reads each statement when it is new, and tells the DDL among them,
// running or just ended.
func (s *Sampler) changes(facts []incident.Fact, x Sample, g *graph) []incident.Fact {
	for _, pid := range g.order {
		r := g.rows[pid]
		p, start := procOf(r), r.QueryStart.UnixNano()
		now := s.texts[p]
		if now == nil || now.raw != r.Query || now.start != start {
			now = &text{raw: r.Query, start: start, masked: redact.MaskSecrets(r.Query), head: ReadStatement(r.Query)}
			s.texts[p] = now
			if now.head.DDL && !r.QueryStart.IsZero() {
				facts = append(facts, incident.Change{At: r.QueryStart, Kind: incident.DDL, System: now.head.Relation, Text: now.masked, Origin: s.origin})
			}
		}
		now.seen = x.At
	}
	maps.DeleteFunc(s.texts, func(_ process, t *text) bool { return !t.seen.Equal(x.At) })
	return facts
}

// episodes opens, continues and closes lock waits and blocking sessions. What is
// shown by this sample ends at its instant; what does not has gone.
func (s *Sampler) episodes(facts []incident.Fact, x Sample, g *graph) []incident.Fact {
	told := make([]*incident.Episode, 0, len(s.waits)+len(s.holds))
	blocked := map[int][]*Row{}   // waiters by hard or soft blocker
	began := map[process]object{} // what sessions waited for when last seen
	for key := range s.waits {
		began[key.process] = key.object
	}
	for _, pid := range g.order {
		r := g.rows[pid]
		if r.Wait == nil {
			continue
		}
		by := g.blockers(r)
		for _, b := range by {
			blocked[b.PID] = append(blocked[b.PID], r)
		}
		told = append(told, s.wait(x, r, by))
	}
	for _, pid := range g.order {
		if len(blocked[pid]) > 0 {
			told = s.hold(told, x, g.rows[pid], blocked[pid], began)
		}
	}
	for key, e := range s.waits {
		if !e.To.Equal(x.At) {
			told = append(told, vanished(e, x, g.rows[key.pid], key.process))
			delete(s.waits, key)
		}
	}
	for key, e := range s.holds {
		if !e.To.Equal(x.At) {
			told = append(told, released(e, x, g.rows[key.pid], key))
			delete(s.holds, key)
		}
	}
	slices.SortStableFunc(told, func(a, b *incident.Episode) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Session.PID, b.Session.PID), a.From.Compare(b.From))
	})
	for _, e := range told {
		facts = append(facts, *e)
	}
	return facts
}

// wait continues the episode of a waiting session or begins one. Its blockers are
// those of this sample: the evidence remembers who they were before.
func (s *Sampler) wait(x Sample, r *Row, by []incident.Blocker) *incident.Episode {
	key := r.waitKey()
	e := s.waits[key]
	if e == nil && key.since != 0 { // seen in the instant in which the server had no start of the wait yet
		early := key
		early.since = 0
		if old := s.waits[early]; old != nil && !r.Wait.Since.After(old.To) {
			e = old
			delete(s.waits, early)
			s.waits[key] = e
		}
	}
	if e == nil {
		e = s.newWait(x, r)
		s.waits[key] = e
	}
	e.Session, e.Blockers = keepStart(s.session(r), e), by
	e.To, e.Open = x.At, true
	return e
}

func (s *Sampler) newWait(x Sample, r *Row) *incident.Episode {
	// These are part of the episode's identity and stay as they were first seen.
	e := &incident.Episode{
		Kind: incident.LockWait, Origin: s.origin,
		Wanted: r.Wait.Mode, LockType: r.Wait.LockType, Relation: r.Wait.table(),
	}
	switch {
	case !r.Wait.Since.IsZero():
		e.From = r.Wait.Since
	case !r.QueryStart.IsZero() && !x.waitStartKnown():
		// A wait for a table lock begins with the statement, a wait for a row may
		// begin later; it did not begin before the last sample that did not see it.
		e.From = latest(r.QueryStart, r.StateChange, s.last)
		e.Text = "waits at most since then: PostgreSQL before 14 does not tell the start of a wait"
	default:
		e.From = x.At
		if from := latest(r.QueryStart, s.last); !from.IsZero() && from.Before(x.At) {
			e.FromErr = x.At.Sub(from)
		}
		e.Text = "first seen then: the server did not tell the start of the wait"
	}
	return e
}

// keepStart keeps the identity of an episode's session: a role that loses its
// rights in the middle must not make two waits of one.
func keepStart(now incident.Session, e *incident.Episode) incident.Session {
	if now.BackendStart.IsZero() {
		now.BackendStart = e.Session.BackendStart
	}
	return now
}

// hold continues the episode of a session that blocks others, or begins one; both
// when it blocks by another lock now.
func (s *Sampler) hold(told []*incident.Episode, x Sample, r *Row, waiters []*Row, began map[process]object) []*incident.Episode {
	key := holdKey{process: procOf(r)}
	if !r.XactStart.IsZero() {
		key.xact = r.XactStart.UnixNano()
	}
	on, mode, first := strongest(r, waiters)
	e := s.holds[key]
	relation := rowOf(on, waiters)
	if e != nil && on.relation == "" && e.LockType == on.lockType {
		relation = e.Relation // of a row's table, which not every sample shows
	}
	if e != nil && (e.LockType != on.lockType || e.Relation != relation) {
		e.Open, e.ToErr = false, x.At.Sub(e.To)
		told, e = append(told, e), nil
	}
	if e == nil {
		e = &incident.Episode{Kind: incident.SessionState, Origin: s.origin}
		e.From, e.FromErr, e.Text = s.since(x, r, on, mode, first, began[key.process])
		s.holds[key] = e
	}
	e.Session = keepStart(s.session(r), e)
	e.Held, e.LockType, e.Relation = mode, on.lockType, relation
	e.Value = float64(len(waiters))
	e.To, e.Open = x.At, true
	return append(told, e)
}

// rowOf is the table of an awaited object, for a transaction that of the row that
// one of the waiters wants; empty when there is none or nobody shows it.
func rowOf(on object, waiters []*Row) string {
	for _, w := range waiters {
		if t := w.Wait.table(); t != "" && w.Wait.on() == on {
			return t
		}
	}
	return on.relation
}

// strongest is by what a session blocks others: the strongest held mode, else
// (it only waits ahead of them) the object of its own wait; with the instant at
// which the first of the waiters began to wait, zero when unknown.
func strongest(r *Row, waiters []*Row) (on object, mode pglock.Mode, first time.Time) {
	on = waiters[0].Wait.on()
	for _, w := range waiters {
		m := heldAgainst(r, w.Wait.Lock)
		if m > mode {
			on, mode = w.Wait.on(), m
		}
	}
	for _, w := range waiters {
		if w.Wait.on() == on && !w.Wait.Since.IsZero() && (first.IsZero() || w.Wait.Since.Before(first)) {
			first = w.Wait.Since
		}
	}
	return on, mode, first
}

// since is from when a session has held what blocks others. The server does not
// record it; it lies between the start of the transaction and the first wait for
// the lock, and statements and earlier samples narrow it down.
func (s *Sampler) since(x Sample, r *Row, on object, mode pglock.Mode, first time.Time, awaited object) (from time.Time, err time.Duration, text string) {
	if awaited == on && mode != pglock.None {
		return x.At, x.At.Sub(s.last), "got the lock between two samples"
	}
	if mode == pglock.None && r.Wait != nil && r.Wait.on() == on && !r.Wait.Since.IsZero() {
		return r.Wait.Since, 0, "waits for the lock itself, ahead of others"
	}
	st := s.texts[procOf(r)].head
	switch {
	case st.Strong && mode >= pglock.ShareUpdateExclusive && sameRelation(st.Relation, on.relation) && !r.QueryStart.IsZero():
		return r.QueryStart, 0, "since its statement began, which takes this lock"
	case !r.XactStart.IsZero():
		text = "since its transaction began; the lock was taken then or later"
		if !first.IsZero() {
			text += ", at the latest " + first.UTC().Format("15:04:05.000Z")
		}
		return r.XactStart, 0, text
	case !first.IsZero():
		text = "since somebody waits for it"
		if r.Hidden {
			text += "; the start of its transaction is hidden from this role"
		}
		return first, 0, text
	}
	return x.At, 0, "seen then; since when is not known"
}

// sameRelation compares a name as a statement spells it with one as the catalog
// prints it; either may carry a schema.
func sameRelation(a, b string) bool {
	return a != "" && unqualified(a) == unqualified(b)
}

func unqualified(name string) string {
	for i := len(name) - 1; i > 0; i-- {
		if name[i] == '.' {
			name = name[i+1:]
			break
		}
	}
	if len(name) > 1 && name[0] == '"' && name[len(name)-1] == '"' {
		name = name[1 : len(name)-1]
	}
	return name
}

// vanished closes a wait that this sample does not show any more.
func vanished(e *incident.Episode, x Sample, now *Row, p process) *incident.Episode {
	e.Open, e.ToErr = false, x.At.Sub(e.To)
	if now == nil || procOf(now) != p {
		return e
	}
	// A session that has gone idle since ended its wait before that.
	if c := now.StateChange; now.State != "active" && c.After(e.To) && c.Before(x.At) {
		e.ToErr = c.Sub(e.To)
	}
	return e
}

// released closes the episode of a session that blocks nobody any more.
func released(e *incident.Episode, x Sample, now *Row, key holdKey) *incident.Episode {
	e.Open, e.ToErr = false, x.At.Sub(e.To)
	if now == nil || procOf(now) != key.process || now.Hidden {
		return e
	}
	switch {
	case now.XactStart.IsZero() && now.State == "idle" && now.StateChange.After(e.To) && !now.StateChange.After(x.At):
		// Its transaction ended with its last statement: the server tells when.
		e.To, e.ToErr = now.StateChange, 0
	case now.XactStart.After(e.To) && now.XactStart.Before(x.At):
		e.ToErr = now.XactStart.Sub(e.To) // it is in its next transaction
	}
	return e
}

// gauges counts the sessions.
func (s *Sampler) gauges(facts []incident.Fact, x Sample, g *graph) []incident.Fact {
	waiting := 0
	counts := map[string]int{}
	for _, pid := range g.order {
		r := g.rows[pid]
		if r.Wait != nil {
			waiting++
		}
		switch {
		case pid == 0: // a prepared transaction
		case r.Hidden:
			counts["hidden"]++
		case r.BackendType == "client backend" && r.State != "":
			counts[r.State]++
		}
	}
	facts = append(facts, s.gauge(x, WaitersSeries, nil, waiting))
	for state := range counts {
		s.states[state] = true
	}
	states := make([]string, 0, len(s.states))
	for state := range s.states {
		states = append(states, state)
	}
	slices.Sort(states)
	for _, state := range states {
		facts = append(facts, s.gauge(x, BackendsSeries, map[string]string{"state": state}, counts[state]))
	}
	return facts
}

func (s *Sampler) gauge(x Sample, name string, labels map[string]string, n int) incident.Series {
	return incident.Series{
		Name: name, Labels: labels, Unit: "1", Kind: incident.Gauge,
		Points: []incident.Point{{At: x.At, V: float64(n)}}, Origin: s.origin,
	}
}

// latest of some instants; zero ones do not count.
func latest(ts ...time.Time) time.Time {
	var last time.Time
	for _, t := range ts {
		if t.After(last) {
			last = t
		}
	}
	return last
}
