package cause

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"tripcurve/internal/incident"
	"tripcurve/internal/pglock"
)

const (
	// onset is how exactly the beginnings of two things can be told apart: a
	// bucket and a sample of 1 s each.
	onset = 2 * time.Second
	// mechanism is the most that may pass between the first wait for a lock and
	// the first failing request: timeouts and retries.
	mechanism = 2 * time.Minute
	// tooFew: with less than one waiter for so many hung requests a lock is not
	// what they hang on.
	tooFew = 5
)

// lockRoots are the sessions that others waited for. One that is older than the
// symptom, foreign to the work and large enough is the trigger; lock waits by
// themselves are only a symptom.
func (s *scene) lockRoots() []incident.Finding {
	var findings []incident.Finding
	for _, h := range s.holders {
		if !s.material(h) {
			continue
		}
		if why := s.harmless(h); why != "" {
			s.dismissed = append(s.dismissed, why)
			s.innocent(h.rule(), why, h.evidence()...)
			continue
		}
		if v := s.judge(h); v.refuted != "" {
			s.dismissed = append(s.dismissed, fmt.Sprintf("the lock of pid %d on %s: %s", h.session.PID, h.on(), v.refuted))
		}
		root := s.lockRoot(h)
		queue, ok := s.queueBehind(h)
		switch {
		case !ok:
			findings = append(findings, root)
		case h.idle:
			findings = append(findings, root, queue)
		default: // without the request that waits, its readers would pass
			findings = append(findings, queue, root)
		}
	}
	s.lockChecks(findings)
	return findings
}

// lockChecks says of the rules about locks that they looked, and found nothing.
func (s *scene) lockChecks(findings []incident.Finding) {
	rules := []struct{ rule, none string }{
		{lockRootRule, "no session kept others waiting for long"},
		{queueRule, "no waiting request for ACCESS EXCLUSIVE stopped others"},
		{idleRule, "no session that was idle in transaction kept others waiting"},
	}
	n, support := s.looks()
	for _, r := range rules {
		switch {
		case slices.ContainsFunc(findings, func(f incident.Finding) bool { return f.Cause == r.rule }):
		case slices.ContainsFunc(s.checks, func(c incident.Check) bool { return c.Rule == r.rule }): // a lock was, and is innocent
		case !s.v.Sees("postgres"):
			s.undecided(r.rule, s.why("postgres", "there is no Postgres source"))
		case n > 0:
			s.innocent(r.rule, fmt.Sprintf("%s in %s", r.none, things(n, "look at the locks", "looks at the locks")), support...)
		}
	}
}

// material says whether others waited for long enough to speak of. Where requests
// fail, five blocked-seconds are; where none do, short waits are daily life.
func (s *scene) material(h *holder) bool {
	if h.inTheWay < 2*time.Second || h.blocked < 5*time.Second {
		return false
	}
	return h.open || s.impact != (incident.Window{}) || h.blocked >= 30*time.Second
}

// harmless says why a lock has nothing to do with the impact; empty when it may.
func (s *scene) harmless(h *holder) string {
	if s.impact == (incident.Window{}) {
		return ""
	}
	name := fmt.Sprintf("%s, %s on %s", who(h.session.PID, h.session.User, h.session.Application), h.mode(), h.on())
	if !h.end().After(s.impact.From) || !h.From.Before(s.impact.To) {
		return fmt.Sprintf("%s: from %s to %s, outside of the impact", name, clock(h.From), till(h.end()))
	}
	if hung := s.hungAtOnce(); int64(h.waiters)*tooFew < hung {
		return fmt.Sprintf("%s: %s at most, while %s hung at once: too few to be their cause",
			name, things(h.waiters, "session waited", "sessions waited"), things(hung, "failed request", "failed requests"))
	}
	return ""
}

// lockRootRule names sessions that ran something, mostly DDL.
const lockRootRule = "lock_root"

// rule names what the holder of a lock is: one that runs something, or one that does
// nothing.
func (h *holder) rule() string {
	if h.idle {
		return idleRule
	}
	return lockRootRule
}

// evidence is the holder's states and the waits that show most.
func (h *holder) evidence() []incident.ID {
	ids := slices.Clone(h.states)
	for i, c := range h.waits {
		if i < 3 || c.From.Equal(h.fullAt) {
			ids = append(ids, c.wait.ID())
		}
	}
	return ids
}

func (s *scene) lockRoot(h *holder) incident.Finding {
	f := incident.Finding{
		ID:     subject(h.rule(), fmt.Sprint(h.session.PID), h.relation),
		Cause:  h.rule(),
		Window: incident.Window{From: h.From, To: h.end()},
		Subject: incident.Subject{
			PID: h.session.PID, Relation: h.relation, Mode: h.held.String(), Waiters: h.waiters,
		},
	}
	f.Claim = h.claim()
	if q := oneLine(h.session.Query); q != "" {
		f.Detail = append(f.Detail, q)
	}
	f.Detail = append(f.Detail, h.matrix()...)
	f.Detail = append(f.Detail, fmt.Sprintf("%s blocked-seconds in all, the longest wait %s", count(int64(h.blocked.Seconds())), whole(h.longest)))
	f.Action = h.action()
	f.Support = append(f.Support, h.evidence()...)
	v := s.judge(h)
	f.Role, f.Confidence = v.role, v.confidence
	f.Detail = append(f.Detail, v.detail...)
	switch {
	case v.refuted != "":
		f.Against = s.worst().Support
	case s.impact != (incident.Window{}):
		f.Support = append(f.Support, s.worst().Support...)
		f.Against = s.firstFailedAfter(h.end())
	}
	if f.Role == incident.Trigger && f.Confidence == incident.Possible && s.impact != (incident.Window{}) {
		f.Confidence = s.word(&f, basis{certain: true, first: s.before(h.From, h.sinceErr, "postgres")})
		f.Detail = append(f.Detail, s.counterfactual(f.ID, "without it"))
	}
	return f
}

// verdict is what a lock was to the impact.
type verdict struct {
	role       incident.Role
	confidence incident.Confidence
	detail     []string
	refuted    string // why it cannot have begun the failure; empty when it can
}

// judge decides what a lock was to the impact, and how sure that is.
func (s *scene) judge(h *holder) verdict {
	why := h.foreign()
	if s.impact == (incident.Window{}) {
		v := verdict{role: incident.Trigger, confidence: incident.Possible}
		if why == "" {
			v.role = incident.Symptom
		}
		v.detail = []string{"no request is known to fail: one group of sources, so no more than Possible"}
		return v
	}
	v := verdict{role: incident.Symptom, confidence: incident.NoClearCause}
	v.refuted = s.refute(h.From, h.sinceErr, h.waits[0].From)
	if v.refuted != "" {
		v.detail = []string{v.refuted + ": it cannot have begun the failure"}
		return v
	}
	v.confidence = incident.Possible
	if why == "" {
		v.detail = append(v.detail, "the holder is of the same user and application as those who wait: a crowded table, not a change")
	} else {
		v.role = incident.Trigger
		v.detail = append(v.detail, "foreign to the work: "+why)
	}
	if left := s.impact.To.Sub(h.end()); left > onset && !h.open {
		v.detail = append(v.detail, "requests went on failing after it had ended: it does not explain that part")
	}
	if v.role == incident.Trigger && h.letsPass() {
		v.role = incident.Amplifier
		v.detail = append(v.detail, "by itself it lets the others pass: they waited behind a request that waited for it")
	}
	if doubt := s.clockDoubt("postgres"); doubt > onset {
		v.detail = append(v.detail, fmt.Sprintf("the clocks of Postgres and the gateway may be %s apart: which was first is not said", whole(doubt)))
	}
	if v.role != incident.Trigger {
		v.detail = append(v.detail, s.counterfactual("", "without it"))
	}
	return v
}

// refute says why a lock that was held since from, and waited for since firstWait,
// cannot have begun the failure; empty when it can.
func (s *scene) refute(from time.Time, err time.Duration, firstWait time.Time) string {
	late, early := from.Sub(s.impact.From), s.impact.From.Sub(firstWait)
	doubt := s.clockDoubt("postgres")
	switch {
	case late > onset+err+doubt:
		return fmt.Sprintf("it began %s after the first failing request", whole(late))
	case early > mechanism+doubt:
		return fmt.Sprintf("sessions had waited for it for %s before the first request failed", whole(early))
	}
	return ""
}

// trigger is the lock that is old, foreign and large enough to have begun the
// impact; nil when there is none.
func (s *scene) trigger() *holder {
	for _, h := range s.holders {
		if s.material(h) && s.harmless(h) == "" && s.judge(h).role == incident.Trigger {
			return h
		}
	}
	return nil
}

// worst is the endpoint with the most failed requests.
func (s *scene) worst() incident.Impact {
	if len(s.endpoints) == 0 {
		return incident.Impact{}
	}
	return s.endpoints[0]
}

// firstFailedAfter is the first bucket of requests that began after an instant
// and failed.
func (s *scene) firstFailedAfter(at time.Time) (ids []incident.ID) {
	s.v.EachBucket(incident.Window{From: at, To: s.impact.To}, func(b *incident.Bucket) {
		if len(ids) == 0 && b.Failed() && b.Started > 0 {
			ids = append(ids, b.ID())
		}
	})
	return ids
}

// claim is the finding in one sentence.
func (h *holder) claim() string {
	name := who(h.session.PID, h.session.User, h.session.Application)
	holds := fmt.Sprintf("held %s on %s for %s from %s; at most %s", h.mode(), h.on(), whole(h.end().Sub(h.From)), clock(h.From),
		things(h.waiters, "session waited", "sessions waited"))
	if h.open {
		holds = fmt.Sprintf("holds %s on %s since %s (%s); %s", h.mode(), h.on(), clock(h.From), whole(h.To.Sub(h.From)),
			things(h.waiters, "session waits", "sessions wait"))
	}
	return name + h.idly() + " " + holds
}

func (h *holder) mode() string {
	if h.held == pglock.None {
		return "a lock"
	}
	return h.held.String()
}

func (h *holder) on() string {
	switch {
	case h.relation != "" && h.lockType != "" && h.lockType != "relation":
		return fmt.Sprintf("a %s of %s", h.lockType, h.relation)
	case h.relation != "":
		return h.relation
	case h.lockType != "":
		return "a " + h.lockType
	}
	return "an unknown object"
}

// statements are what usually takes each mode.
var statements = map[pglock.Mode]string{
	pglock.AccessShare:          "SELECT",
	pglock.RowShare:             "SELECT FOR UPDATE",
	pglock.RowExclusive:         "INSERT, UPDATE, DELETE",
	pglock.ShareUpdateExclusive: "VACUUM, ANALYZE, CREATE INDEX CONCURRENTLY",
	pglock.Share:                "CREATE INDEX",
	pglock.ShareRowExclusive:    "CREATE TRIGGER, ADD FOREIGN KEY",
	pglock.Exclusive:            "REFRESH MATERIALIZED VIEW CONCURRENTLY",
	pglock.AccessExclusive:      "most ALTER TABLE, DROP, TRUNCATE",
}

// matrix explains by the conflicts of table locks who waited and who did not.
func (h *holder) matrix() []string {
	if h.lockType != "" && h.lockType != "relation" {
		return nil
	}
	if h.held == pglock.None {
		return h.atLeast()
	}
	var lines []string
	var wanted []pglock.Mode
	for m := range h.wanted {
		wanted = append(wanted, m)
	}
	slices.Sort(wanted)
	for _, m := range wanted {
		if pglock.Conflicts(h.held, m) {
			lines = append(lines, fmt.Sprintf("%s conflicts with %s (%s): %s for it",
				h.held, m, statements[m], things(h.wanted[m], "session waited", "sessions waited")))
		}
	}
	if !pglock.Conflicts(h.held, pglock.AccessShare) && h.wanted[pglock.AccessShare] == 0 { // else reads queued
		lines = append(lines, fmt.Sprintf("%s lets SELECT pass: a read that hangs waits for something else", h.held))
	}
	if h.queued != nil && h.behindQueue > 0 {
		lines = append(lines, fmt.Sprintf("%s stood in the queue for %s, and whoever came after waits behind it, also for locks that %s would allow: %s",
			who(h.queued.Session.PID, h.queued.Session.User, h.queued.Session.Application), h.queued.Wanted, h.mode(),
			things(h.behindQueue, "wait", "waits")))
	}
	return lines
}

// atLeast says what a mode that is not known must be: it conflicts with what all
// of those wanted who were not let pass.
func (h *holder) atLeast() []string {
	if len(h.wanted) != 1 { // of several, some may have stood behind others
		return nil
	}
	for wanted := range h.wanted {
		for m := pglock.AccessShare; m <= pglock.AccessExclusive; m++ {
			if pglock.Conflicts(m, wanted) {
				return []string{fmt.Sprintf("the mode is not known; it kept %s (%s) waiting, so it is %s or stronger", wanted, statements[wanted], m)}
			}
		}
	}
	return nil
}

// action is what to do: the exact SQL while it lasts, else what to do next time.
func (h *holder) action() string {
	query := strings.ToUpper(strings.Join(strings.Fields(h.session.Query), " "))
	if h.open {
		if h.idle {
			return h.endIdle()
		}
		return fmt.Sprintf("select pg_cancel_backend(%d);\n-- cancels its statement and rolls its transaction back; those who wait go on at once.", h.session.PID)
	}
	switch {
	case strings.HasPrefix(query, "CREATE INDEX ") || strings.HasPrefix(query, "CREATE UNIQUE INDEX "):
		if !strings.Contains(query, "CONCURRENTLY") {
			return "next time: CREATE INDEX CONCURRENTLY, which lets writes pass; and set lock_timeout"
		}
	case h.idle:
		return neverIdle
	}
	return "set lock_timeout, so that a migration gives up rather than hold up the work"
}
