package serverlog

import (
	"slices"
	"strings"
	"time"

	"tripcurve/collectors/postgres"
	"tripcurve/internal/incident"
	"tripcurve/internal/redact"
)

// book gathers what the entries of a log tell, in the order of the log. What
// lasts is known at the end of it: facts come from finish.
type book struct {
	*memory
	origin incident.Origin // of the file being read
	events events

	first, latest time.Time // of entries
	changes       []incident.Change
	checkpoints   [3][]incident.Point // by phase
	crash         string              // what the server said of a crash it has not recovered from yet
	restarts      int
}

// memory is what goes on over the end of a file: a log that is rotated in the
// middle of a wait goes on in the next one.
type memory struct {
	locks locks
	procs map[int]*proc
	seen  int64     // entries so far
	last  time.Time // of them
}

func newMemory() *memory { return &memory{locks: newLocks(), procs: map[int]*proc{}} }

// finish is the waits, and who held the locks; it forgets them.
func (b *memory) finish() []incident.Fact {
	var facts []incident.Fact
	for _, e := range b.lockEpisodes() {
		facts = append(facts, e)
	}
	*b = *newMemory()
	return facts
}

// proc is what the log tells of a server process.
type proc struct {
	session incident.Session
	runs    []run // oldest first
	pinned  bool  // others waited for it: its statements matter
	seen    int64
}

// run is a statement that a process ran.
type run struct {
	start, end time.Time // end is zero when the log does not say it
	text       string    // credentials masked
	head       postgres.Statement
}

const (
	// maxProcs bounds the processes that are remembered, maxPinned those of them that
	// others waited for.
	maxProcs, maxPinned = 20_000, 10_000
	// keepRuns is how many statements are remembered of a process, and of one that
	// others waited for.
	keepRuns, keepPinnedRuns = 8, 64
	// maxChanges bounds the changes that one log gives.
	maxChanges = 10_000
	// maxCheckpoints bounds the checkpoints kept: a month at one each five minutes.
	maxCheckpoints = 8_640
)

func newBook(m *memory, origin incident.Origin) *book {
	return &book{memory: m, origin: origin, events: newEvents()}
}

// entry takes the next entry.
func (b *book) entry(e *entry) {
	b.seen++
	if b.first.IsZero() || e.at.Before(b.first) {
		b.first = e.at
	}
	b.latest, b.last = incident.LaterOf(b.latest, e.at), incident.LaterOf(b.last, e.at)
	p := b.proc(e)
	// PL/pgSQL's RAISE writes what it likes, also what the server would.
	if strings.Contains(e.context, " at RAISE") {
		b.events.add(e, plainClass(e), "", 0, b.origin)
		return
	}
	if m, ok := readLock(e.message); ok && (e.pid == 0 || e.pid == m.pid) {
		b.locks.message(e, m, b.origin)
		b.pin()
		return
	}
	b.statement(e, p)
	switch class, note, took := classOf(e); class {
	case "":
	case classDeadlock:
		cycle, queries := readDeadlock(e.detail)
		b.locks.deadlock(e, cycle, queries, b.origin)
		b.pin()
		b.events.add(e, class, cycleNote(cycle, note), took, b.origin)
	default:
		b.events.add(e, class, note, took, b.origin)
	}
	b.server(e)
	b.locks.over(e)
}

// proc is the process that logged an entry; nil when the log does not say which.
func (b *memory) proc(e *entry) *proc {
	if e.pid == 0 {
		return nil
	}
	p := b.procs[e.pid]
	if p != nil && !p.session.BackendStart.IsZero() && !e.sessionStart.IsZero() && !p.session.BackendStart.Equal(e.sessionStart) {
		p = nil // another process with its number
	}
	if p == nil {
		if len(b.procs) >= maxProcs {
			b.forget()
		}
		p = &proc{}
		b.procs[e.pid] = p
	}
	p.seen = b.seen
	had := p.session
	p.session = e.session()
	p.session.User = either(p.session.User, had.User)
	p.session.Database = either(p.session.Database, had.Database)
	p.session.Application = either(p.session.Application, had.Application)
	p.session.Client = either(p.session.Client, had.Client)
	return p
}

// forget drops the half of the processes that was heard of least lately.
func (b *memory) forget() {
	var old []int64
	for _, p := range b.procs {
		if !p.pinned {
			old = append(old, p.seen)
		}
	}
	slices.Sort(old)
	for pid, p := range b.procs {
		if !p.pinned && p.seen <= old[len(old)/2] {
			delete(b.procs, pid)
		}
	}
}

// pin keeps what a process that others wait for runs.
func (b *memory) pin() {
	for _, pid := range b.locks.fresh {
		if p := b.procs[pid]; p != nil {
			p.pinned = true
		} else if len(b.procs) < maxProcs+maxPinned {
			b.procs[pid] = &proc{session: incident.Session{PID: pid}, pinned: true, seen: b.seen}
		}
	}
	b.locks.fresh = b.locks.fresh[:0]
}

// statement remembers what a process runs, and tells the DDL among it.
func (b *book) statement(e *entry, p *proc) {
	if e.severity != "LOG" || e.state != "" && e.state != "00000" {
		return
	}
	r := run{start: e.at}
	step, text := "", ""
	if t, ok := readTimed(e.message); ok {
		step, text = t.step, t.text
		r.start, r.end = e.at.Add(-t.took), e.at
		if step == "" && p != nil && len(p.runs) > 0 { // log_statement has told what it is
			p.runs[len(p.runs)-1].end = e.at
			return
		}
	} else if step, text, ok = readStep(e.message); !ok {
		return
	}
	if step == "" || step == "plan" || text == "" {
		return
	}
	r.text = redact.MaskSecrets(clip(text, maxText))
	r.head = postgres.ReadStatement(r.text)
	if r.head.DDL && (step == "statement" || step == "execute") && len(b.changes) < maxChanges {
		b.changes = append(b.changes, incident.Change{
			At: r.start, Kind: incident.DDL, System: r.head.Relation, Text: r.text, Origin: e.in(b.origin),
		})
	}
	if p == nil {
		return
	}
	p.runs = append(p.runs, r)
	keep := keepRuns
	if p.pinned {
		keep = keepPinnedRuns
	}
	if len(p.runs) > keep {
		p.runs = append(p.runs[:0], p.runs[len(p.runs)-keep:]...)
	}
}

// server reads what the server says of itself.
func (b *book) server(e *entry) {
	if phases, ok := readCheckpoint(e.message); ok {
		for i, phase := range checkpointPhases {
			if len(b.checkpoints[i]) < maxCheckpoints {
				b.checkpoints[i] = append(b.checkpoints[i], incident.Point{At: e.at, V: phases[phase]})
			}
		}
		return
	}
	switch {
	case e.user != "": // sessions do not speak for the server
	case isCrash(e.message):
		b.crash = clip(e.message, 200)
		b.locks.stopped(e.at)
	case e.message == "database system was not properly shut down; automatic recovery in progress":
		b.crash = either(b.crash, "it was not shut down properly")
		b.locks.stopped(e.at)
	case e.message == "database system is shut down", strings.HasPrefix(e.message, "starting PostgreSQL "):
		b.locks.stopped(e.at)
	case e.message == "database system is ready to accept connections":
		b.locks.stopped(e.at)
		text := "PostgreSQL started"
		if b.crash != "" {
			text += " after a crash: " + b.crash
		}
		b.crash = ""
		b.restarts++
		if len(b.changes) < maxChanges {
			b.changes = append(b.changes, incident.Change{At: e.at, Kind: incident.Restart, System: "postgres", Text: text, Origin: e.in(b.origin)})
		}
	}
}

// isCrash says that a process died of a signal or an error of its own, which ends
// all others.
func isCrash(message string) bool {
	return strings.HasPrefix(message, "server process (PID ") && (strings.Contains(message, " was terminated by ") || strings.Contains(message, " exited with exit code "))
}

// in is where an entry stands.
func (e *entry) in(o incident.Origin) incident.Origin {
	if o.File != "" {
		o.From, o.To = e.offset, e.offset+e.length
	}
	return o
}

// told is everything that the file told, but for waits.
func (b *book) told() []incident.Fact {
	var facts []incident.Fact
	for _, c := range b.changes {
		facts = append(facts, c)
	}
	for i, phase := range checkpointPhases {
		if len(b.checkpoints[i]) > 0 {
			facts = append(facts, incident.Series{
				Name: CheckpointSeries, Labels: map[string]string{"phase": phase}, Unit: "s", Kind: incident.Gauge,
				Points: b.checkpoints[i], Origin: b.origin, Caveat: "recorded when a checkpoint ends",
			})
		}
	}
	return b.events.facts(facts, b.origin)
}

func either(a, b string) string {
	if a != "" {
		return a
	}
	return b
}
