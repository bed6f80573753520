package pipeline

import (
	"fmt"
	"time"

	"tripcurve/internal/pglock"
	"tripcurve/internal/policy"
)

// pool is one replica's connections to one database.
type pool struct {
	spec    int32
	used    int32
	taken   int
	given   int
	waiting list // frames, first come first served
}

// table is one relation's place in the lock manager: what is granted, and who waits
// in which order.
type table struct {
	granted [pglock.AccessExclusive + 1]int32 // transactions by mode
	queue   []int32                           // frames
	at      int32                             // of databases
}

// heldTable is what a transaction has on one table: bit m for mode m.
type heldTable struct {
	table int32
	modes uint16
}

// heldRow is a row that a transaction has locked.
type heldRow struct{ set, row int32 }

// rowSet is the rows of a table that transactions lock one by one.
type rowSet struct {
	holder  []int32 // frame by row; none
	waiting map[int32]list
}

func (m *machine) buildDatabases() {
	for i := range m.g.pools {
		m.poolAt = append(m.poolAt, int32(len(m.pools)))
		for range m.g.services[m.g.pools[i].service].n {
			m.pools = append(m.pools, pool{spec: int32(i), waiting: newList()})
		}
	}
	for _, t := range m.g.tables {
		m.tables = append(m.tables, table{at: t.database})
	}
	for _, r := range m.g.rows {
		s := rowSet{holder: make([]int32, r.n), waiting: map[int32]list{}}
		for i := range s.holder {
			s.holder[i] = none
		}
		m.rows = append(m.rows, s)
	}
	for _, q := range m.g.queues {
		m.queues = append(m.queues, queue{ready: newList(), spec: q})
	}
}

// begin takes a connection; false when the frame waits for one or has failed.
func (m *machine) begin(i int32, f *frame, o *op) bool {
	spec := &m.g.pools[o.what]
	if m.o.HandlerKeys && f.try != none && spec.cancel == policy.Detach && f.deadline != never {
		f.fork() // the detached context of the transaction
	}
	if m.hears(f) {
		m.fail(i, outcome{code: f.endedCode()})
		return false
	}
	n := m.poolAt[o.what] + f.replica - m.g.services[spec.service].first
	p := &m.pools[n]
	if spec.size == Unbounded || p.used < spec.size && p.waiting.n == 0 {
		m.connect(f, n)
		return true
	}
	f.wait, f.wanted = waitPool, n
	p.waiting.push(i, m.frameLink)
	m.rec.pools[o.what].waits()
	if spec.maxWait > 0 {
		m.k.Post(spec.maxWait, event(evLimit, f.epoch), uint32(i))
	}
	return false
}

func (m *machine) connect(f *frame, n int32) {
	p := &m.pools[n]
	f.pool = n
	p.used++
	p.taken++
	m.rec.pools[p.spec].connected()
	if spec := &m.g.pools[p.spec]; p.used == spec.size {
		m.rec.poolFull(m, p.spec, n-m.poolAt[p.spec])
	}
}

// commit ends a frame's transaction, if it has one: it gives back the rows, the
// tables and the connection.
func (m *machine) commit(f *frame) {
	if f.pool == none {
		return
	}
	for _, h := range f.locked[:f.nRows] {
		m.unlockRow(h)
	}
	f.nRows = 0
	m.releaseTables(f)
	n := f.pool
	f.pool = none
	p := &m.pools[n]
	p.given++
	p.used--
	m.rec.pools[p.spec].used--
	if p.waiting.n > 0 {
		i := p.waiting.first
		p.waiting.remove(i, m.frameLink)
		m.rec.pools[p.spec].waiting--
		m.connect(m.frames.at(i), n)
		m.give(i)
	}
}

// exec lets a statement take its time, unless its frame has ended.
func (m *machine) exec(i int32, f *frame, o *op) {
	if m.hears(f) {
		m.fail(i, outcome{code: f.endedCode()})
		return
	}
	spec := &m.g.pools[o.what]
	if o.first {
		f.begun = m.k.Now()
	}
	d := m.taken(f, &o.time, spec.times.At(m.key(f, o)))
	if left := spec.statement - time.Duration(m.k.Now()-f.begun); spec.statement > 0 && d > left {
		f.wait = waitExec
		m.k.Post(max(left, 0), event(evLimit, f.epoch), uint32(i))
		return
	}
	m.sleep(i, f, waitExec, d)
}

// tooLong is a frame having waited for as long as its pool allows.
func (m *machine) tooLong(i int32) {
	f := m.frames.at(i)
	m.rec.pools[m.g.ops[f.pc].what].timeouts++
	m.interrupt(i, unavailable)
}

// on is the modes that a transaction holds on a table.
func (f *frame) on(t int32) uint16 {
	for _, h := range f.held[:f.nTables] {
		if h.table == t {
			return h.modes
		}
	}
	return 0
}

// blocked says whether others hold a mode that conflicts with the wanted one; own
// are the modes of the one who asks.
func (t *table) blocked(own uint16, wanted pglock.Mode) bool {
	for m := pglock.AccessShare; m <= pglock.AccessExclusive; m++ {
		if n := t.granted[m]; n > 0 && pglock.Conflicts(m, wanted) && n-int32(own>>m&1) > 0 {
			return true
		}
	}
	return false
}

func conflictsAny(modes uint16, wanted pglock.Mode) bool {
	for m := pglock.AccessShare; m <= pglock.AccessExclusive; m++ {
		if modes>>m&1 != 0 && pglock.Conflicts(m, wanted) {
			return true
		}
	}
	return false
}

// lockTable takes a table lock, behind whoever waits for a conflicting one (a soft
// block); false when the frame waits or has failed. As in PostgreSQL, a transaction
// that already holds a lock on which an earlier waiter waits is put before that
// waiter, for behind it both would wait for ever.
func (m *machine) lockTable(i int32, f *frame, o *op) bool {
	if o.first {
		f.begun = m.k.Now()
	}
	if m.tableFree(f, o.table, o.mode) {
		return true
	}
	if m.hears(f) {
		m.fail(i, outcome{code: f.endedCode()})
		return false
	}
	m.queueFor(i, f, o.table, o.mode)
	m.limitLock(i, f, o)
	return false
}

// ahead is where a frame would stand in the queue, and the modes wanted before it.
func (m *machine) ahead(f *frame, n int32) (at int, modes uint16) {
	t, own := &m.tables[n], f.on(n)
	for i, w := range t.queue {
		mode := pglock.Mode(m.frames.at(w).mode)
		if conflictsAny(own, mode) {
			return i, modes
		}
		modes |= 1 << mode
	}
	return len(t.queue), modes
}

// tableFree grants a lock that nothing stands against.
func (m *machine) tableFree(f *frame, n int32, mode pglock.Mode) bool {
	own := f.on(n)
	if own>>mode&1 != 0 {
		return true
	}
	t := &m.tables[n]
	if _, ahead := m.ahead(f, n); conflictsAny(ahead, mode) || t.blocked(own, mode) {
		return false
	}
	t.grant(f, n, mode)
	return true
}

// queueFor puts a frame into the queue of a table.
func (m *machine) queueFor(i int32, f *frame, n int32, mode pglock.Mode) {
	t := &m.tables[n]
	at, _ := m.ahead(f, n)
	t.queue = append(t.queue, 0)
	copy(t.queue[at+1:], t.queue[at:])
	t.queue[at] = i
	f.wait, f.wanted, f.mode = waitTable, n, uint8(mode)
	m.rec.lockWait(t.at, 1)
}

// limitLock bounds a wait for a lock as the pool has it.
func (m *machine) limitLock(i int32, f *frame, o *op) {
	spec := &m.g.pools[o.what]
	limit := spec.lock
	if spec.statement > 0 {
		left := max(spec.statement-time.Duration(m.k.Now()-f.begun), 1)
		limit = policy.Shortest(limit, left)
	}
	if limit > 0 {
		m.k.Post(limit, event(evLimit, f.epoch), uint32(i))
	}
}

func (t *table) grant(f *frame, n int32, mode pglock.Mode) {
	t.granted[mode]++
	for j := range f.held[:f.nTables] {
		if f.held[j].table == n {
			f.held[j].modes |= 1 << mode
			return
		}
	}
	f.held[f.nTables] = heldTable{n, 1 << mode}
	f.nTables++
}

// leaveTable takes a frame out of the queue, which may let others through.
func (m *machine) leaveTable(i int32, f *frame) {
	t := &m.tables[f.wanted]
	for n, w := range t.queue {
		if w == i {
			t.queue = append(t.queue[:n], t.queue[n+1:]...)
			break
		}
	}
	m.rec.lockWait(t.at, -1)
	m.wakeTable(f.wanted)
}

// releaseTables gives back a transaction's locks.
func (m *machine) releaseTables(f *frame) {
	held := f.held[:f.nTables]
	f.nTables = 0
	for _, h := range held {
		t := &m.tables[h.table]
		for mode := pglock.AccessShare; mode <= pglock.AccessExclusive; mode++ {
			if h.modes>>mode&1 != 0 {
				t.granted[mode]--
			}
		}
	}
	for _, h := range held {
		m.wakeTable(h.table)
	}
}

// wakeTable grants what can be granted, from the front of the queue: whoever stays
// there blocks the conflicting ones behind.
func (m *machine) wakeTable(n int32) {
	t := &m.tables[n]
	if len(t.queue) == 0 {
		return
	}
	var ahead uint16
	rest := t.queue[:0]
	for _, i := range t.queue {
		f := m.frames.at(i)
		mode := pglock.Mode(f.mode)
		if !conflictsAny(ahead, mode) && !t.blocked(f.on(n), mode) {
			t.grant(f, n, mode)
			m.rec.lockWait(t.at, -1)
			m.give(i)
			continue
		}
		ahead |= 1 << mode
		rest = append(rest, i)
	}
	t.queue = rest
}

// lockRow locks one row for the frame's transaction; false when it waits or has
// failed.
func (m *machine) lockRow(i int32, f *frame, o *op) bool {
	if o.first {
		f.begun = m.k.Now()
	}
	s := &m.rows[o.rows]
	row := int32(m.choice.At(m.key(f, o)) * float64(len(s.holder)))
	switch holder := s.holder[row]; {
	case holder == i:
		return true
	case holder == none:
		m.holdRow(i, f, heldRow{o.rows, row})
		return true
	case m.hears(f):
		m.fail(i, outcome{code: f.endedCode()})
		return false
	}
	q, ok := s.waiting[row]
	if !ok {
		q = newList()
	}
	q.push(i, m.frameLink)
	s.waiting[row] = q
	f.wait, f.wanted = waitRow, o.rows
	f.locked[f.nRows] = heldRow{o.rows, row} // not counted until it is given
	m.rec.lockWait(m.g.rows[o.rows].database, 1)
	m.limitLock(i, f, o)
	return false
}

func (m *machine) holdRow(i int32, f *frame, h heldRow) {
	m.rows[h.set].holder[h.row] = i
	f.locked[f.nRows] = h
	f.nRows++
}

func (m *machine) leaveRow(i int32, f *frame) {
	h := f.locked[f.nRows]
	s := &m.rows[h.set]
	q := s.waiting[h.row]
	q.remove(i, m.frameLink)
	s.keep(h.row, q)
	m.rec.lockWait(m.g.rows[h.set].database, -1)
}

// keep is the queue of a row, forgotten when it is empty.
func (s *rowSet) keep(row int32, q list) {
	if q.n == 0 {
		delete(s.waiting, row)
		return
	}
	s.waiting[row] = q
}

func (m *machine) unlockRow(h heldRow) {
	s := &m.rows[h.set]
	s.holder[h.row] = none
	q, ok := s.waiting[h.row]
	if !ok {
		return
	}
	i := q.first
	q.remove(i, m.frameLink)
	s.keep(h.row, q)
	m.rec.lockWait(m.g.rows[h.set].database, -1)
	m.holdRow(i, m.frames.at(i), h)
	m.give(i)
}

// err says whether the connections and locks add up.
func (m *machine) databaseErr() error {
	used, waiting := make([]int32, len(m.g.pools)), make([]int32, len(m.g.pools))
	for i := range m.pools {
		p := &m.pools[i]
		used[p.spec] += p.used
		waiting[p.spec] += p.waiting.n
		if p.taken != p.given+int(p.used) {
			return fmt.Errorf("pool %s: %d connections taken, %d given back, %d held", m.g.pools[p.spec].name, p.taken, p.given, p.used)
		}
	}
	for i := range m.rec.pools {
		if r := &m.rec.pools[i]; r.used != used[i] || r.waiting != waiting[i] {
			return fmt.Errorf("pools %s: %d connections and %d waiting counted, %d and %d there", m.g.pools[i].name, r.used, r.waiting, used[i], waiting[i])
		}
	}
	return nil
}
