package cause

import (
	"fmt"
	"strings"

	"tripcurve/internal/incident"
	"tripcurve/internal/pglock"
)

// readHangs says of each endpoint that reads, and failed while others waited for a
// lock, what kept it: most table locks block no SELECT.
func (s *scene) readHangs(findings []incident.Finding) []incident.ReadHang {
	h := s.lockOfReads()
	if h == nil {
		return nil
	}
	id := subject(h.rule(), fmt.Sprint(h.session.PID), h.relation)
	var hangs []incident.ReadHang
	for _, x := range s.endpoints {
		reads := x.Endpoint.Method == "GET" || x.Endpoint.Method == "HEAD"
		if !reads || x.FirstFailed.IsZero() || x.FirstFailed.Before(h.From.Add(-onset)) || x.FirstFailed.After(h.end().Add(onset)) {
			continue // it failed for another reason, such as the restart that ended it all
		}
		r := s.readHang(h, x, findings)
		r.Endpoint, r.Finding = x.Endpoint, id
		r.Support = distinct(append(r.Support, x.Support...))
		hangs = append(hangs, r)
	}
	return hangs
}

// lockOfReads is the lock that matters most; nil when none does.
func (s *scene) lockOfReads() *holder {
	if s.impact == (incident.Window{}) {
		return nil
	}
	if h := s.trigger(); h != nil {
		return h
	}
	for _, h := range s.holders {
		if s.material(h) && s.harmless(h) == "" && s.judge(h).refuted == "" {
			return h
		}
	}
	return nil
}

func (s *scene) readHang(h *holder, x incident.Impact, findings []incident.Finding) incident.ReadHang {
	w := incident.Window{From: incident.LaterOf(h.From, x.FirstFailed.Add(-onset)), To: incident.EarlierOf(h.end(), x.LastFailed)}
	behind, direct, index := readWaits{}, readWaits{}, readWaits{}
	for _, c := range h.waits {
		if c.wait.Wanted > pglock.RowShare || c.wait.Wanted == pglock.None || c.Meet(w).Length() == 0 {
			continue
		}
		hard, soft := s.stoppedBy(c)
		switch {
		case hard != 0 && h.locksIndex(c.wait.Relation):
			index.add(c, hard)
		case hard != 0:
			direct.add(c, hard)
		case soft != 0:
			behind.add(c, soft)
		}
	}
	switch {
	case behind.n > 0 && behind.n >= direct.n+index.n:
		return incident.ReadHang{Why: incident.BehindQueue, Support: behind.support, Text: fmt.Sprintf(
			"%s waited for %s behind pid %d, which waited for ACCESS EXCLUSIVE itself; %s of pid %d would have let them pass",
			things(behind.n, "read", "reads"), behind.wanted, behind.by, h.mode(), h.session.PID)}
	case index.n > 0 && index.n >= direct.n:
		return incident.ReadHang{Why: incident.IndexLocked, Support: index.support, Text: fmt.Sprintf(
			"%s waited for %s on the index %s, which pid %d held with %s; to be planned, a read locks every index of its table",
			things(index.n, "read", "reads"), index.wanted, index.relation, index.by, h.mode())}
	case direct.n > 0:
		return incident.ReadHang{Why: incident.LockStopsReads, Support: direct.support, Text: fmt.Sprintf(
			"%s waited for %s on %s, with which %s conflicts", things(direct.n, "read", "reads"), direct.wanted, direct.relation, h.mode())}
	}
	for _, f := range findings {
		if f.Cause == poolRule && !x.FirstFailed.Before(f.Window.From.Add(-onset)) && !x.FirstFailed.After(f.Window.To.Add(onset)) {
			return incident.ReadHang{Why: incident.PoolStarved, Support: f.Support, Text: fmt.Sprintf(
				"no read waited in the database; all %s connections of %s were taken by sessions that wait for the lock, so reads had none",
				count(f.Subject.Waiters), f.Subject.Pool)}
		}
	}
	n, looks := s.looks()
	return incident.ReadHang{Why: incident.NotByTheLock, Support: looks, Text: fmt.Sprintf(
		"%s lets reads pass, no read waited for a lock in %s, and no pool is known to have been full", h.mode(), things(n, "look", "looks"))}
}

// readWaits are waits of reads for one reason.
type readWaits struct {
	n        int
	by       int // pid
	wanted   pglock.Mode
	relation string
	support  []incident.ID
}

func (r *readWaits) add(c credit, by int) {
	r.n++
	r.wanted, r.relation, r.by = max(r.wanted, c.wait.Wanted), either(r.relation, c.wait.Relation), by
	if len(r.support) < 3 {
		r.support = append(r.support, c.wait.ID())
	}
}

// stoppedBy is the pid that holds what a wait waits for, else the pid of a request
// for ACCESS EXCLUSIVE that waits before it; 0 for none.
func (s *scene) stoppedBy(c credit) (hard, soft int) {
	for _, b := range c.wait.BlockersAt(c.From.Add(c.Length() / 2)) {
		switch {
		case b.Hard && (b.Mode == pglock.None || pglock.Conflicts(b.Mode, c.wait.Wanted)):
			hard = b.PID
		case s.requestOf(b, c) != nil:
			soft = b.PID
		}
	}
	return hard, soft
}

// locksIndex says that a relation which the holder keeps from readers is an index: by
// its statement, for the evidence has names and not kinds.
func (h *holder) locksIndex(relation string) bool {
	words := strings.Fields(strings.ToUpper(h.session.Query))
	if len(words) < 2 || relation == "" {
		return false
	}
	switch words[0] {
	case "REINDEX":
		named := words[len(words)-1]
		table := len(words) > 2 && words[1] == "TABLE"
		return !table || !strings.EqualFold(strings.Trim(named, `";`), relation) // of a table it locks the indexes against reads, and not the table
	case "DROP", "ALTER":
		return words[1] == "INDEX" && strings.Contains(strings.ToUpper(h.session.Query), strings.ToUpper(relation))
	}
	return false
}
