package postgres

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tripcurve/internal/incident"
	"tripcurve/internal/pglock"
)

var t0 = time.Date(2026, 1, 15, 14, 23, 0, 0, time.UTC)

// at is an instant some seconds after the tests' beginning.
func at(s float64) time.Time { return t0.Add(time.Duration(s * float64(time.Second))) }

// client is a client backend that runs a query since an instant, in a
// transaction of its own.
func client(pid int, query string, since float64) Row {
	return Row{Session: incident.Session{
		PID: pid, User: "inventory", Database: "shop", BackendType: "client backend", State: "active", Query: query,
		BackendStart: at(-600), XactStart: at(since), QueryStart: at(since),
	}, StateChange: at(since)}
}

func reservations(mode pglock.Mode) Lock {
	return Lock{LockType: "relation", Relation: "stock_reservations", Mode: mode}
}

func (r Row) holding(locks ...Lock) Row { r.Held = append(slices.Clone(r.Held), locks...); return r }

func (r Row) waitingFor(l Lock, since float64, blockers ...int) Row {
	r.Wait = &Wait{Lock: l, Since: at(since), Blockers: blockers}
	return r
}

func (r Row) in(state string, since float64) Row {
	r.State, r.StateChange = state, at(since)
	if state == "idle" {
		r.XactStart = time.Time{}
	}
	return r
}

func sample(s float64, rows ...Row) Sample {
	return Sample{At: at(s), Every: time.Second, ServerVersion: 150018, ServerStart: at(-86400), Rows: rows}
}

const createIndex = "CREATE INDEX idx_reservations_expiry ON stock_reservations (expires_at)"

func migration() Row {
	return client(48291, createIndex, 1).holding(reservations(pglock.Share))
}

func writer(pid int, since float64) Row {
	return client(pid, "UPDATE stock_reservations SET status = 'reserved'", since).
		waitingFor(reservations(pglock.RowExclusive), since, 48291, 48291).
		holding(reservations(pglock.RowShare))
}

// told prints episodes and changes, not gauges, one line each.
func told(facts []incident.Fact) []string {
	var lines []string
	sec := func(t time.Time) string { return fmt.Sprintf("%gs", t.Sub(t0).Seconds()) }
	for _, f := range facts {
		switch f := f.(type) {
		case incident.Episode:
			line := fmt.Sprintf("%s %d %s..%s", f.Kind, f.Session.PID, sec(f.From), sec(f.To))
			if f.FromErr > 0 {
				line += fmt.Sprintf(" from-%s", f.FromErr)
			}
			if f.ToErr > 0 {
				line += fmt.Sprintf(" to+%s", f.ToErr)
			}
			if f.Open {
				line += " open"
			}
			if f.Held != pglock.None {
				line += " holds " + f.Held.String() + " on " + f.Relation
			}
			if f.Wanted != pglock.None {
				line += " wants " + f.Wanted.String() + " on " + f.Relation
			}
			for _, b := range f.Blockers {
				word := "softly"
				if b.Hard {
					word = "by"
				}
				line += fmt.Sprintf(" %s %d %s", word, b.PID, b.Mode)
			}
			lines = append(lines, line)
		case incident.Change:
			lines = append(lines, fmt.Sprintf("%s %s %s", f.Kind, sec(f.At), f.System))
		}
	}
	return lines
}

func check(t *testing.T, s *Sampler, x Sample, want ...string) {
	t.Helper()
	if d := cmp.Diff(want, told(s.Observe(x))); d != "" {
		t.Errorf("at %gs (-want +got):\n%s", x.At.Sub(t0).Seconds(), d)
	}
}

func TestCreateIndexHoldsWriters(t *testing.T) {
	s := NewSampler("pg")
	check(t, s, sample(0.5, client(7, "SELECT 1", 0.4)))
	check(t, s, sample(1.5, migration(), writer(51002, 1.2)),
		"ddl 1s stock_reservations",
		"lock_wait 51002 1.2s..1.5s open wants ROW EXCLUSIVE on stock_reservations by 48291 SHARE",
		"session 48291 1s..1.5s open holds SHARE on stock_reservations")
	check(t, s, sample(2.5, migration(), writer(51002, 1.2), writer(51003, 2)),
		"lock_wait 51002 1.2s..2.5s open wants ROW EXCLUSIVE on stock_reservations by 48291 SHARE",
		"lock_wait 51003 2s..2.5s open wants ROW EXCLUSIVE on stock_reservations by 48291 SHARE",
		"session 48291 1s..2.5s open holds SHARE on stock_reservations")
	// The migration committed at 3.1 s; one writer is idle since 3.2 s, the other has gone.
	check(t, s, sample(3.5, migration().in("idle", 3.1), client(51002, "COMMIT", 3.15).in("idle", 3.2)),
		"lock_wait 51002 1.2s..2.5s to+700ms wants ROW EXCLUSIVE on stock_reservations by 48291 SHARE",
		"lock_wait 51003 2s..2.5s to+1s wants ROW EXCLUSIVE on stock_reservations by 48291 SHARE",
		"session 48291 1s..3.1s holds SHARE on stock_reservations")
	check(t, s, sample(4.5))
}

func TestTheSameSamplesGiveTheSameFacts(t *testing.T) {
	run := func() (all []incident.Fact) {
		s := NewSampler("pg")
		for i := range 5 {
			rows := []Row{migration()}
			for w := range 100 {
				rows = append(rows, writer(51000+(w*37)%100, 1.1+float64(w)/100))
			}
			all = append(all, s.Observe(sample(float64(i+2), rows[:101-20*i]...))...)
		}
		return all
	}
	if d := cmp.Diff(run(), run()); d != "" {
		t.Errorf("two runs differ:\n%s", d)
	}
}

func TestSinceWhen(t *testing.T) {
	wait := writer(51002, 8)
	wait.Wait.Blockers = []int{9}
	for _, tt := range []struct {
		name   string
		holder Row
		want   string
	}{
		{
			"a running statement that takes the lock holds it since it began",
			func() Row { r := client(9, createIndex, 1); r.XactStart = at(-30); return r }().holding(reservations(pglock.Share)),
			"1s",
		},
		{
			"left open after the statement, it still does",
			func() Row {
				r := client(9, "create index on public.stock_reservations (id)", 1)
				r.XactStart = at(-30)
				return r
			}().in("idle in transaction", 4).holding(reservations(pglock.Share)),
			"1s",
		},
		{
			"another statement says nothing: since the transaction began",
			func() Row { r := client(9, "SELECT pg_sleep(1000)", 1); r.XactStart = at(-30); return r }().holding(reservations(pglock.Share)),
			"-30s",
		},
		{
			"without rights: since somebody waits",
			Row{Session: incident.Session{PID: 9}, Hidden: true}.holding(reservations(pglock.Share)),
			"8s",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, f := range NewSampler("pg").Observe(sample(20, tt.holder, wait)) {
				if e, ok := f.(incident.Episode); ok && e.Kind == incident.SessionState {
					if got := fmt.Sprintf("%gs", e.From.Sub(t0).Seconds()); got != tt.want {
						t.Errorf("holds since %s, want %s (%s)", got, tt.want, e.Text)
					}
				}
			}
		})
	}
}

func TestBefore14TheStartOfAWaitIsABound(t *testing.T) {
	old := func(x Sample) Sample { x.ServerVersion = 130012; return x }
	w := writer(51002, 1.2)
	w.Wait.Since = time.Time{}
	s := NewSampler("pg")
	check(t, s, old(sample(5, migration(), w)),
		"ddl 1s stock_reservations",
		"lock_wait 51002 1.2s..5s open wants ROW EXCLUSIVE on stock_reservations by 48291 SHARE",
		"session 48291 1s..5s open holds SHARE on stock_reservations")
	facts := s.Observe(old(sample(6, migration(), w)))
	if e := facts[0].(incident.Episode); !e.From.Equal(at(1.2)) || !strings.Contains(e.Text, "at most") {
		t.Errorf("the wait changed its beginning or does not say what it is: %+v", e)
	}
	// A session seen not waiting at 6 s did not begin to wait before.
	late := client(51009, "UPDATE stock_reservations SET status = 'x'", 1).waitingFor(reservations(pglock.RowExclusive), 0, 48291)
	late.Wait.Since = time.Time{}
	for _, f := range s.Observe(old(sample(7, migration(), late))) {
		if e, ok := f.(incident.Episode); ok && e.Session.PID == 51009 && !e.From.Equal(at(6)) {
			t.Errorf("waits since %s, want 6 s", e.From)
		}
	}
}

func TestAWaitWithoutItsStartYetStaysOne(t *testing.T) {
	young := writer(51002, 1.2)
	young.Wait.Since = time.Time{}
	s := NewSampler("pg")
	s.Observe(sample(0.5))
	check(t, s, sample(1.5, migration(), young),
		"ddl 1s stock_reservations",
		"lock_wait 51002 1.5s..1.5s from-300ms open wants ROW EXCLUSIVE on stock_reservations by 48291 SHARE",
		"session 48291 1s..1.5s open holds SHARE on stock_reservations")
	check(t, s, sample(2.5, migration(), writer(51002, 1.2)),
		"lock_wait 51002 1.5s..2.5s from-300ms open wants ROW EXCLUSIVE on stock_reservations by 48291 SHARE",
		"session 48291 1s..2.5s open holds SHARE on stock_reservations")
	// A second wait of the same session for the same lock is another one.
	check(t, s, sample(3.5, migration(), writer(51002, 3)),
		"lock_wait 51002 1.5s..2.5s from-300ms to+1s wants ROW EXCLUSIVE on stock_reservations by 48291 SHARE",
		"lock_wait 51002 3s..3.5s open wants ROW EXCLUSIVE on stock_reservations by 48291 SHARE",
		"session 48291 1s..3.5s open holds SHARE on stock_reservations")
}

func TestAReusedPidIsAnotherSession(t *testing.T) {
	s := NewSampler("pg")
	s.Observe(sample(2, migration(), writer(51002, 1.2)))
	again := writer(51002, 2.5)
	again.BackendStart = at(2.4)
	check(t, s, sample(3, migration(), again),
		"lock_wait 51002 1.2s..2s to+1s wants ROW EXCLUSIVE on stock_reservations by 48291 SHARE",
		"lock_wait 51002 2.5s..3s open wants ROW EXCLUSIVE on stock_reservations by 48291 SHARE",
		"session 48291 1s..3s open holds SHARE on stock_reservations")
}

// queue is the scenario of a writer left open, a migration behind it, writers
// and a queued ALTER TABLE behind that, with blockers as the server tells them
// or to be derived.
func queue(derive bool) Sample {
	idle := client(10, "UPDATE stock_reservations SET status = 'x'", -60).in("idle in transaction", -59).holding(reservations(pglock.RowExclusive))
	index := client(20, createIndex, 1).waitingFor(reservations(pglock.Share), 1, 10)
	update := client(30, "UPDATE stock_reservations SET status = 'y'", 2).waitingFor(reservations(pglock.RowExclusive), 2, 20)
	alter := client(40, "ALTER TABLE stock_reservations ADD COLUMN note text", 3).waitingFor(reservations(pglock.AccessExclusive), 3, 10, 20, 30)
	read := client(50, "SELECT 1 FROM stock_reservations", 4).waitingFor(reservations(pglock.AccessShare), 4, 40)
	x := sample(5, idle, index, update, alter, read)
	for i := range x.Rows {
		if derive && x.Rows[i].Wait != nil {
			x.Rows[i].Wait.Blockers = nil
		}
	}
	return x
}

func TestHardAndSoftBlockers(t *testing.T) {
	want := []string{
		"ddl 1s stock_reservations",
		"ddl 3s stock_reservations",
		"lock_wait 20 1s..5s open wants SHARE on stock_reservations by 10 ROW EXCLUSIVE",
		"lock_wait 30 2s..5s open wants ROW EXCLUSIVE on stock_reservations softly 20 SHARE",
		"lock_wait 40 3s..5s open wants ACCESS EXCLUSIVE on stock_reservations by 10 ROW EXCLUSIVE softly 30 ROW EXCLUSIVE softly 20 SHARE",
		"lock_wait 50 4s..5s open wants ACCESS SHARE on stock_reservations softly 40 ACCESS EXCLUSIVE",
		"session 10 -60s..5s open holds ROW EXCLUSIVE on stock_reservations",
		"session 20 1s..5s open",
		"session 30 2s..5s open",
		"session 40 3s..5s open",
	}
	check(t, NewSampler("pg"), queue(false), want...)
	check(t, NewSampler("pg"), queue(true), want...)
}

// A holder that asks for more is put ahead of those who wait for it: without that
// the two would be told as a deadlock.
func TestWhoHoldsAndAsksForMoreGoesAhead(t *testing.T) {
	again := client(20, "update stock_reservations set status = 'x'", 2).holding(reservations(pglock.AccessShare)).waitingFor(reservations(pglock.RowExclusive), 2)
	again.XactStart = at(-60)
	x := sample(5, again,
		client(10, "select 1", -60).in("idle in transaction", -50).holding(reservations(pglock.Share)),
		client(30, "alter table stock_reservations add column note text", 1).waitingFor(reservations(pglock.AccessExclusive), 1),
	)
	check(t, NewSampler("pg"), x,
		"ddl 1s stock_reservations",
		"lock_wait 20 2s..5s open wants ROW EXCLUSIVE on stock_reservations by 10 SHARE",
		"lock_wait 30 1s..5s open wants ACCESS EXCLUSIVE on stock_reservations by 10 SHARE by 20 ACCESS SHARE",
		"session 10 -60s..5s open holds SHARE on stock_reservations",
		"session 20 -60s..5s open holds ACCESS SHARE on stock_reservations")
}

// The deadlock detector moves a waiter ahead when that breaks a ring: 40 stands
// before 30 since. Those whom the server must be asked about for that are few.
func TestAMovedWaiterStandsWhereTheServerSays(t *testing.T) {
	carts := Lock{LockType: "relation", Relation: "carts", Mode: pglock.Exclusive}
	wanted := carts
	wanted.Mode = pglock.RowExclusive
	rows := []Row{
		client(10, "select 1", -60).in("idle in transaction", -50).holding(reservations(pglock.AccessShare)),
		client(30, "alter table stock_reservations add column note text", 1).waitingFor(reservations(pglock.AccessExclusive), 1),
		client(40, "lock table stock_reservations in share row exclusive mode", 2).holding(carts).waitingFor(reservations(pglock.ShareRowExclusive), 2),
		client(50, "update stock_reservations set status = 'x'", 3).waitingFor(reservations(pglock.RowExclusive), 3),
	}
	x := sample(5, rows...)
	if pids := newGraph(x).rings(9); len(pids) != 0 {
		t.Errorf("asks about %v without a ring", pids)
	}
	x.Rows[0] = x.Rows[0].waitingFor(wanted, 4) // 10 waits for 40, 40 behind 30, 30 for 10
	if pids := newGraph(x).rings(9); !slices.Equal(pids, []int{10, 30, 40}) {
		t.Errorf("asks about %v, want the ring 10, 30, 40 and not 50, which is behind it", pids)
	}
	x.Rows[2].Wait.behind = behind{pids: []int{}, at: at(4.5)}
	g := newGraph(x)
	for pid, want := range map[int][]int{10: {40}, 30: {10, 40}, 40: nil, 50: {30, 40}} {
		got := g.derive(g.rows[pid], 9)
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Errorf("%d waits for %v, want %v", pid, got, want)
		}
	}
}

// Who waits for a transaction waits for a row; its place in the row's queue says
// of which table.
func TestAWaitForATransactionNamesTheTable(t *testing.T) {
	xid := Lock{LockType: "transactionid", Object: "xid 7", Mode: pglock.Exclusive}
	shared := xid
	shared.Mode = pglock.Share
	waiting := func(table string) Sample {
		w := client(20, "update carts set total = 0", 1).waitingFor(shared, 1, 10)
		w.Wait.RowOf = table
		return sample(2, client(10, "select 1", -60).in("idle in transaction", -50).holding(xid), w)
	}
	s := NewSampler("pg")
	check(t, s, waiting("carts"),
		"lock_wait 20 1s..2s open wants SHARE on carts by 10 EXCLUSIVE",
		"session 10 -60s..2s open holds EXCLUSIVE on carts")
	gone := waiting("") // the server need not show it each time
	gone.At = at(3)
	check(t, s, gone,
		"lock_wait 20 1s..3s open wants SHARE on carts by 10 EXCLUSIVE",
		"session 10 -60s..3s open holds EXCLUSIVE on carts")
}

func TestTheRootMovesOn(t *testing.T) {
	s, ev := NewSampler("pg"), incident.NewEvidence()
	ev.Add(s.Observe(queue(false))...)
	x := queue(false)
	x.At = at(6)
	x.Rows[0] = x.Rows[0].in("idle", 5.5)
	x.Rows[0].Held = nil
	x.Rows[1].Wait = nil // the migration has the lock now
	x.Rows[1] = x.Rows[1].holding(reservations(pglock.Share))
	x.Rows[2].Wait.Blockers = []int{20}
	x.Rows[3].Wait.Blockers = []int{20, 30}
	ev.Add(s.Observe(x)...)
	v := ev.Snapshot()
	for _, want := range []struct {
		at   float64
		root int
		held pglock.Mode
	}{{5, 10, pglock.RowExclusive}, {6, 20, pglock.Share}} {
		tree := v.LockTree(at(want.at))
		if len(tree.Roots) != 1 || tree.Roots[0].PID != want.root || tree.Roots[0].Held != want.held {
			t.Errorf("at %gs: %d roots, first %+v; want pid %d with %s", want.at, len(tree.Roots), tree.Roots[0].Session, want.root, want.held)
		}
	}
	for _, e := range v.Episodes() {
		if e.Kind == incident.SessionState && e.Session.PID == 10 && (e.Open || !e.To.Equal(at(5.5)) || e.ToErr != 0) {
			t.Errorf("the first root ended at %s + %s, want its COMMIT at 5.5 s exactly", e.To, e.ToErr)
		}
	}
}

func TestParallelWorkersAreTheirLeader(t *testing.T) {
	worker := client(48300, createIndex, 1).holding(reservations(pglock.Share))
	worker.LeaderPID, worker.BackendType = 48291, "parallel worker"
	w := writer(51002, 1.2)
	w.Wait.Blockers = []int{48291, 48300, 48291, 51002}
	check(t, NewSampler("pg"), sample(2, migration(), worker, w),
		"ddl 1s stock_reservations",
		"lock_wait 51002 1.2s..2s open wants ROW EXCLUSIVE on stock_reservations by 48291 SHARE",
		"session 48291 1s..2s open holds SHARE on stock_reservations")
}

func TestAPreparedTransactionBlocksAsPidZero(t *testing.T) {
	w := writer(51002, 1.2)
	w.Wait.Blockers = []int{0}
	prepared := Row{Session: incident.Session{State: "prepared transaction"}}.holding(reservations(pglock.ShareRowExclusive))
	check(t, NewSampler("pg"), sample(2, prepared, w),
		"lock_wait 51002 1.2s..2s open wants ROW EXCLUSIVE on stock_reservations by 0 SHARE ROW EXCLUSIVE",
		"session 0 1.2s..2s open holds SHARE ROW EXCLUSIVE on stock_reservations")
}

func TestAThousandWaitersForOneRowStaySmall(t *testing.T) {
	row := Lock{LockType: "tuple", Relation: "carts", Object: "(0,1)", Mode: pglock.Exclusive}
	rows := []Row{client(1, "UPDATE carts SET total = 0", 0).holding(row)}
	for i := range 1000 {
		w := client(100+i, "UPDATE carts SET total = 0", 1).waitingFor(row, 1+float64(i)/1000)
		w.Wait.Blockers = nil
		rows = append(rows, w)
	}
	pairs := 0
	for _, f := range NewSampler("pg").Observe(sample(3, rows...)) {
		if e, ok := f.(incident.Episode); ok && e.Kind == incident.LockWait {
			pairs += len(e.Blockers)
			if e.Blockers[0] != (incident.Blocker{PID: 1, Hard: true, Mode: pglock.Exclusive}) {
				t.Fatalf("pid %d: first blocker %+v, want the holder", e.Session.PID, e.Blockers[0])
			}
		}
	}
	if pairs > 1000*(1+maxSoft) {
		t.Errorf("%d pairs kept of 1,000 waiters", pairs)
	}
}

func TestMissedSamplesAreAGap(t *testing.T) {
	s := NewSampler("pg")
	check(t, s, sample(0))
	check(t, s, sample(2.2)) // late, not missing
	check(t, s, sample(9), "gap 0 2.2s..9s")
	check(t, s, sample(9)) // the same again tells nothing
	s.Resume()             // the supervisor has told of the next one
	check(t, s, sample(60))
	slow := sample(61)
	slow.Every = 10 * time.Second // long queues: sampling backs off on purpose
	check(t, s, slow)
	check(t, s, sample(73))
}

func TestARestartedServerIsAChange(t *testing.T) {
	s := NewSampler("pg")
	check(t, s, sample(0))
	x := sample(1)
	x.ServerStart = at(0.7)
	check(t, s, x, "restart 0.7s postgres")
}

func TestAnotherClusterAndANewTimelineAreSaid(t *testing.T) {
	s := NewSampler("pg")
	for i, step := range []struct {
		is   cluster
		up   float64 // the server's start
		want string
	}{
		{cluster{"7001", 1}, -86400, ""},
		{cluster{"7001", 1}, -86400, ""},
		{cluster{"7001", 2}, -80000, "failed over: PostgreSQL is on timeline 2, was on 1"},
		{cluster{}, -80000, ""}, // not told this time
		{cluster{"7002", 1}, 4.5, "another PostgreSQL cluster answers: system identifier 7002, was 7001 (started 2026-01-15 14:23:04Z)"},
		{cluster{"7002", 1}, 5.5, "PostgreSQL started"},
	} {
		x := sample(float64(i + 1))
		x.Cluster, x.ServerStart = step.is, at(step.up)
		said := ""
		for _, f := range s.Observe(x) {
			if c, ok := f.(incident.Change); ok {
				said = c.Text
				if c.Kind != incident.Restart || c.At.Before(at(float64(i))) || c.At.After(x.At) {
					t.Errorf("step %d: %s at %s, want a restart since the sample before", i, c.Kind, c.At)
				}
			}
		}
		if said != step.want {
			t.Errorf("step %d: %q, want %q", i, said, step.want)
		}
	}
}

// A role may lose or get the right to see sessions while somebody waits.
func TestRightsThatChangeMakeNoSecondWait(t *testing.T) {
	hide := func(r Row) Row {
		r.Hidden = true
		r.State, r.Query, r.BackendType = "", "", ""
		r.BackendStart, r.XactStart, r.QueryStart, r.StateChange = time.Time{}, time.Time{}, time.Time{}, time.Time{}
		return r
	}
	for _, tt := range []struct {
		name   string
		hidden []bool
	}{{"revoked", []bool{false, false, true, true, true}}, {"granted", []bool{true, true, false, false, false}}} {
		t.Run(tt.name, func(t *testing.T) {
			s, ids := NewSampler("pg"), map[incident.ID]bool{}
			for i, hidden := range tt.hidden {
				rows := []Row{migration(), writer(51002, 1.2)}
				if hidden {
					rows = []Row{hide(rows[0]), hide(rows[1])}
				}
				for _, f := range s.Observe(sample(float64(i+2), rows...)) {
					if e, ok := f.(incident.Episode); ok && e.Kind == incident.LockWait {
						ids[e.ID()] = true
						if !e.Open || !e.From.Equal(at(1.2)) {
							t.Errorf("sample %d: the wait is open %v since %s", i, e.Open, e.From)
						}
					}
				}
			}
			if len(ids) != 1 {
				t.Errorf("one wait is told as %d: %v", len(ids), ids)
			}
		})
	}
}

func TestDDLIsToldOnceAlsoWhenItHasJustEnded(t *testing.T) {
	s := NewSampler("pg")
	done := client(7, "DROP TABLE old_carts", 0.2).in("idle", 0.3)
	check(t, s, sample(1, done), "ddl 0.2s old_carts")
	check(t, s, sample(2, done))
	next := client(7, "DROP TABLE older_carts", 2.5)
	check(t, s, sample(3, next), "ddl 2.5s older_carts")
}

func TestGauges(t *testing.T) {
	s := NewSampler("pg")
	background := Row{Session: incident.Session{PID: 3, BackendType: "checkpointer"}}
	hidden := Row{Session: incident.Session{PID: 4, User: "other"}, Hidden: true}
	gauges := func(x Sample) map[string]float64 {
		m := map[string]float64{}
		for _, f := range s.Observe(x) {
			if g, ok := f.(incident.Series); ok {
				m[g.Name+" "+g.Labels["state"]] = g.Points[0].V
			}
		}
		return m
	}
	want := map[string]float64{
		WaitersSeries + " ": 1, BackendsSeries + " active": 2, BackendsSeries + " idle": 1, BackendsSeries + " hidden": 1,
	}
	if d := cmp.Diff(want, gauges(sample(2, migration(), writer(51002, 1.2), client(8, "", 0).in("idle", 1), background, hidden))); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	want = map[string]float64{WaitersSeries + " ": 0, BackendsSeries + " active": 0, BackendsSeries + " idle": 1, BackendsSeries + " hidden": 0}
	if d := cmp.Diff(want, gauges(sample(3, client(8, "", 0).in("idle", 1)))); d != "" {
		t.Errorf("a state that empties is 0 (-want +got):\n%s", d)
	}
}

func TestSecretsInQueriesAreMasked(t *testing.T) {
	r := migration()
	r.Query = "ALTER TABLE t OWNER TO x; ALTER ROLE migrate PASSWORD 'hunter2'"
	for _, f := range NewSampler("pg").Observe(sample(2, r, writer(51002, 1.2))) {
		if s := fmt.Sprintf("%+v", f); strings.Contains(s, "hunter2") {
			t.Errorf("the password is in %s", s)
		}
	}
}
