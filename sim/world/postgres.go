package world

import (
	"context"
	"math/bits"
	"time"

	"tripcurve/internal/pglock"
	"tripcurve/internal/policy"
	"tripcurve/services/host"
	"tripcurve/sim"
	"tripcurve/sim/vtime"
)

// Database is one PostgreSQL database as one process of a service has it: behind
// a connection pool.
type Database struct {
	*server
	Pool *Pool

	app    string
	time   sim.Dist
	pace   *Pace
	times  *Stream
	cancel policy.Cancel
	undo   time.Duration
	limits Limits
	idle   []*Session // of the pool, the one last used last
}

// server is what all pools of a database share.
type server struct {
	Name     string
	w        *World
	tables   []*Table
	sessions []*Session // in the order of their pids

	waiting    int // sessions that wait for a lock
	waitingMax int
}

// DatabaseOptions is what a Database is made of.
type DatabaseOptions struct {
	Name        string
	Application string   // application_name of the pool's sessions
	User        string   // of the pool's sessions
	PoolSize    int      // connections of the service
	Statement   sim.Dist // time of one statement that waits for nothing
	// Cancel says what becomes of a statement whose caller has gone: it runs on
	// (Detach), or is cancelled. A deadline cancels it either way.
	Cancel policy.Cancel
	// CancelTime is for how long a cancelled transaction keeps its connection yet:
	// the request to cancel, the error, the rollback; the mean, exponential. Its locks
	// are gone at once.
	CancelTime time.Duration
	Limits     Limits
}

// firstPID is the first session's; the rest follow at a distance.
const firstPID = 20131

// NewDatabase is an empty database with the pool's sessions connected.
func (w *World) NewDatabase(o DatabaseOptions) *Database {
	d := &Database{
		server: &server{Name: o.Name, w: w}, app: o.Application,
		time: o.Statement, times: w.Stream("statements of " + o.Name), cancel: o.Cancel, undo: o.CancelTime, limits: o.Limits,
	}
	d.connect(o.PoolSize, o.User)
	return d
}

// Another is the same database behind one more pool, of so many connections.
func (d *Database) Another(poolSize int, user string) *Database {
	a := *d
	a.idle = nil
	a.connect(poolSize, user)
	return &a
}

// RunAt makes the pool's statements take their time at a process's pace.
func (d *Database) RunAt(p *Pace) { d.pace = p }

// connect connects the pool's sessions.
func (d *Database) connect(n int, user string) {
	d.Pool = NewPool(d.w.K, n)
	for range n {
		d.idle = append(d.idle, d.Connect(firstPID+7*len(d.sessions), user, d.app))
	}
}

// Session is one backend.
type Session struct {
	d     *Database
	row   sim.PGSession // what of it does not change; the rest is filled in by Sessions
	state sessionState
	query string
	xact  vtime.Time // its transaction began
	began vtime.Time // its statement began, or it went idle
	held  []held

	waitsFor *Table
	wanted   pglock.Mode
	since    vtime.Time // it waits
}

type sessionState uint8

const (
	sessionIdle sessionState = iota
	sessionActive
	sessionInTransaction
)

// Connect is a further session, outside of the pool.
func (d *Database) Connect(pid int, user, application string) *Session {
	s := &Session{d: d, row: sim.PGSession{
		PID: pid, User: user, Database: d.Name, Application: application,
		BackendType: "client backend", BackendStart: d.w.Now(),
	}}
	at := len(d.sessions)
	for at > 0 && d.sessions[at-1].row.PID > pid {
		at--
	}
	d.sessions = append(d.sessions, nil)
	copy(d.sessions[at+1:], d.sessions[at:])
	d.sessions[at] = s
	return s
}

// Table is the table of that name, made when it is first asked for.
func (d *server) Table(name string) *Table {
	for _, t := range d.tables {
		if t.Name == name {
			return t
		}
	}
	t := &Table{Name: name}
	d.tables = append(d.tables, t)
	return t
}

// Waiting is how many sessions wait for a lock now, WaitingMax the most at once.
func (d *server) Waiting() int    { return d.waiting }
func (d *server) WaitingMax() int { return d.waitingMax }

// tx is a transaction on a connection of the pool, for one call of a store.
type tx struct {
	d    *Database
	s    *Session
	c    *vtime.Context // under which its statements run; nil when nothing ends them
	own  *vtime.Context // c, where it was made for this transaction
	near *vtime.Tag     // whose draws they take
	cut  bool           // a statement was cancelled
}

// begin takes a connection. The transaction must be ended.
func (d *Database) begin(ctx context.Context) (tx, error) {
	x := tx{d: d, near: vtime.Nearest(ctx), c: vtime.Virtual(ctx)}
	if x.c != nil && d.cancel == policy.Detach {
		at, ok := x.c.At()
		if x.c = nil; ok {
			x.own = d.w.K.WithDeadline(vtime.Detached(ctx), at)
			x.c = x.own
		}
	}
	if err := d.acquire(x.c); err != nil {
		x.end()
		return x, err
	}
	n := len(d.idle) - 1
	x.s = d.idle[n]
	d.idle = d.idle[:n]
	x.s.xact = d.w.K.Now()
	return x, nil
}

// exec runs one statement: its table lock, then its time.
func (x *tx) exec(st *host.Statement, t *Table) error {
	s, k := x.s, x.d.w.K
	s.state, s.query, s.began = sessionActive, st.SQL, k.Now()
	if l := x.d.limits; l.Lock > 0 || l.Statement > 0 {
		if err := x.execWithin(st, t); err != nil {
			return err
		}
	} else {
		if err := x.d.lock(s, t, st.Lock, x.c); err != nil {
			x.cut = true
			return err
		}
		if err := x.work(); err != nil {
			return err
		}
	}
	s.state, s.began = sessionInTransaction, k.Now()
	return nil
}

// commit is the statement of that name.
func (x *tx) commit() error {
	x.s.state, x.s.query, x.s.began = sessionActive, "commit", x.d.w.K.Now()
	return x.work()
}

// draw is the next number of the call's.
func (x *tx) draw() float64 {
	var key uint64
	if x.near != nil {
		key = x.near.Fork()
	}
	return x.d.times.At(key)
}

func (x *tx) work() error {
	err := sleep(x.d.w.K, x.c, x.d.pace.stretch(x.d.time.Draw(x.draw())))
	x.cut = x.cut || err != nil
	return err
}

// end gives back the locks and the connection, whatever happened before.
func (x *tx) end() {
	if x.own != nil {
		x.own.Cancel()
		x.own = nil
	}
	if x.s == nil {
		return
	}
	s, d := x.s, x.d
	x.s = nil
	s.release()
	if x.cut && d.undo > 0 {
		s.state, s.query, s.began = sessionActive, "rollback", d.w.K.Now()
		d.w.K.After(sim.Exp(d.undo, x.draw()), vtime.Func(func() { d.putBack(s) }))
		return
	}
	d.putBack(s)
}

// putBack returns a session to the pool.
func (d *Database) putBack(s *Session) {
	s.state, s.began = sessionIdle, d.w.K.Now()
	d.idle = append(d.idle, s)
	d.Pool.Release()
}

func (s *Session) waits(t *Table, m pglock.Mode) {
	s.waitsFor, s.wanted, s.since = t, m, s.d.w.K.Now()
}

// Hold takes a table lock for s in the running process and keeps it until until.
// granted, which may be nil, hears when the lock is had.
func (d *Database) Hold(s *Session, t *Table, m pglock.Mode, statement string, until vtime.Time, granted func()) {
	k := d.w.K
	s.state, s.query, s.began, s.xact = sessionActive, statement, k.Now(), k.Now()
	defer func() {
		s.release()
		s.state, s.began = sessionIdle, k.Now()
	}()
	if d.lock(s, t, m, nil) != nil {
		return
	}
	if granted != nil {
		granted()
	}
	if k.Sleep(nil, time.Duration(until-k.Now())) == vtime.Killed {
		k.Unwind()
	}
}

// Idle makes a session that holds locks do nothing: its statement has ended, and its
// transaction has not.
func (s *Session) Idle() { s.state, s.began = sessionInTransaction, s.d.w.K.Now() }

// Sessions appends what pg_stat_activity and pg_locks show of every session that
// is not idle, in the order of their pids.
func (d *server) Sessions(rows []sim.PGSession) []sim.PGSession {
	for _, s := range d.sessions {
		if s.state == sessionIdle {
			continue
		}
		row := s.row
		row.State, row.Query = "active", s.query
		if s.state == sessionInTransaction {
			row.State = "idle in transaction"
		}
		k := d.w.K
		row.XactStart, row.QueryStart, row.StateChange = k.Clock(s.xact), k.Clock(s.began), k.Clock(s.began)
		for _, h := range s.held {
			for m := pglock.AccessShare; m <= pglock.AccessExclusive; m++ {
				if h.modes>>m&1 != 0 {
					row.Held = append(row.Held, sim.PGLock{Relation: h.t.Name, Mode: m})
				}
			}
		}
		if t := s.waitsFor; t != nil {
			row.WaitEventType, row.WaitEvent = "Lock", "relation"
			row.Relation, row.Wanted, row.WaitStart = t.Name, s.wanted, k.Clock(s.since)
			row.Blockers = d.blockers(s, t)
		}
		rows = append(rows, row)
	}
	return rows
}

// blockers is whom s waits for: those that hold a conflicting lock (hard), and
// those that wait ahead of it for one (soft).
func (d *server) blockers(s *Session, t *Table) (bs []sim.PGBlocker) {
	var against uint16 // bit m for mode m that conflicts with the wanted one
	for m := pglock.AccessShare; m <= pglock.AccessExclusive; m++ {
		if pglock.Conflicts(m, s.wanted) {
			against |= 1 << m
		}
	}
	for _, o := range d.sessions {
		if o == s {
			continue
		}
		if modes := o.on(t) & against; modes != 0 { // told of the strongest
			bs = append(bs, sim.PGBlocker{PID: o.row.PID, Hard: true, Mode: pglock.Mode(bits.Len16(modes) - 1)})
		}
	}
	for _, r := range t.queue {
		if r.s == s {
			break
		}
		if against>>r.mode&1 != 0 {
			bs = append(bs, sim.PGBlocker{PID: r.s.row.PID, Mode: r.mode})
		}
	}
	return bs
}
