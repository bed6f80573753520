//go:build real

package serverlog

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"tripcurve/internal/incident"
	"tripcurve/internal/incident/cause"
	"tripcurve/internal/pglock"
	"tripcurve/internal/pgtest"
)

// night is a private server that writes all three formats, and what was done to it.
type night struct {
	t       *testing.T
	pg      *pgtest.Server
	running sync.WaitGroup
}

// oddPrefix is a log_line_prefix that nobody has.
const oddPrefix = "%n|%p|%q%u:%d:%a|%e|"

func startNight(t *testing.T) *night {
	n := &night{t: t}
	n.pg = pgtest.Start(t, "logging_collector=on", "log_destination=stderr,csvlog,jsonlog", "log_filename=server.log", "log_lock_waits=on",
		"deadlock_timeout=100ms", "log_min_duration_statement=250ms", "log_line_prefix="+oddPrefix, "log_statement=ddl", "log_timezone=Asia/Kolkata")
	n.pg.Exec(t, "create table stock_reservations (id int primary key, sku text, expires_at timestamptz)",
		"insert into stock_reservations select g, 'WIDGET-1' from generate_series(1, 100) g", "create table audit (id int)")
	return n
}

func (n *night) do(conn *pgx.Conn, sql string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	_, err := conn.Exec(ctx, sql, pgx.QueryExecModeSimpleProtocol)
	return err
}

func (n *night) must(conn *pgx.Conn, statements ...string) {
	n.t.Helper()
	for _, sql := range statements {
		if err := n.do(conn, sql); err != nil {
			n.t.Fatalf("%s: %v", sql, err)
		}
	}
}

// waiter is a statement that waits.
type waiter struct {
	pid        int
	began, got time.Time // as the client saw it
	done       chan struct{}
}

// wait runs a statement that will wait.
func (n *night) wait(sql string, before ...string) *waiter {
	conn := n.pg.Connect(n.t)
	n.must(conn, before...)
	w := &waiter{pid: pidOf(conn), began: time.Now(), done: make(chan struct{})}
	n.running.Go(func() {
		_ = n.do(conn, sql) // one of them gives up, and the log says so
		w.got = time.Now()
		close(w.done)
	})
	return w
}

func pidOf(conn *pgx.Conn) int { return int(conn.PgConn().PID()) }

// waiting returns when so many sessions wait for a lock for longer than
// deadlock_timeout.
func (n *night) waiting(many int) {
	n.t.Helper()
	conn := n.pg.Connect(n.t)
	have, since := 0, time.Now()
	for range time.Tick(20 * time.Millisecond) {
		const query = "select count(*) from pg_locks where not granted and waitstart < clock_timestamp() - interval '200 ms'"
		if err := conn.QueryRow(context.Background(), query).Scan(&have); err != nil {
			n.t.Fatal(err)
		}
		if have >= many {
			return
		}
		if time.Since(since) > 20*time.Second {
			n.t.Fatalf("%d sessions wait, not %d", have, many)
		}
	}
}

// busy is how late a busy machine may let a process run that could.
const busy = 500 * time.Millisecond

// near says that an instant of the log lies between two of the test, but for what
// stamps are cut to.
func near(at, from, to time.Time) bool {
	return !at.Before(from.Add(-2*time.Millisecond)) && !at.After(to.Add(2*time.Millisecond))
}

// TestRealServerLog does to a server what is to be read in its log: pid, mode,
// relation and interval must be what was done.
func TestRealServerLog(t *testing.T) {
	n := startNight(t)

	// Two readers hold ACCESS SHARE on the table: the server lists them as holders.
	readers := []*pgx.Conn{n.pg.Connect(t), n.pg.Connect(t)}
	for _, r := range readers {
		n.must(r, "begin", "select * from stock_reservations limit 1")
	}
	migration := n.pg.Connect(t)
	n.must(migration, "set application_name = 'migrate'", "begin")
	lockedAfter := time.Now()
	n.must(migration, "create index idx on stock_reservations (expires_at)")
	lockedBefore := time.Now()
	var writers []*waiter
	for i := range 3 {
		writers = append(writers, n.wait(fmt.Sprintf("update stock_reservations set sku = 'a\n\tLOG:  process 1 acquired ShareLock on transaction 1 after 1.000 ms\n\"b\"' where id = %d", i+1)))
	}
	n.waiting(3)
	gaveUp := n.wait("insert into stock_reservations values (1000, 'x')", "set lock_timeout = '300ms'")
	<-gaveUp.done
	releasedAfter := time.Now()
	n.must(migration, "commit")
	releasedBefore := time.Now()
	n.running.Wait()
	for _, r := range readers {
		n.must(r, "commit")
	}

	// A queue: SELECT waits behind ALTER TABLE, which waits for a writer that does
	// nothing.
	idle := n.pg.Connect(t)
	n.must(idle, "begin", "insert into audit values (1)")
	alter := n.wait("alter table audit add column at timestamptz")
	n.waiting(1)
	reader := n.wait("select count(*) from audit")
	n.waiting(2)
	bothWait := time.Now().Add(-20 * time.Millisecond) // stamps are cut to the millisecond
	n.must(idle, "rollback")
	n.running.Wait()

	// A deadlock.
	a, b := n.pg.Connect(t), n.pg.Connect(t)
	n.must(a, "begin", "update stock_reservations set sku = 'a' where id = 50")
	n.must(b, "begin", "update stock_reservations set sku = 'b' where id = 51")
	var errA, errB error
	deadlockedAfter := time.Now()
	n.running.Go(func() { errA = n.do(a, "update stock_reservations set sku = 'a' where id = 51") })
	n.running.Go(func() { errB = n.do(b, "update stock_reservations set sku = 'b' where id = 50") })
	n.running.Wait()
	deadlockedBefore := time.Now()
	if (errA == nil) == (errB == nil) {
		t.Fatalf("no deadlock: %v, %v", errA, errB)
	}

	// A slow statement and one that is cancelled.
	slow := n.pg.Connect(t)
	slowAfter := time.Now()
	n.must(slow, "select pg_sleep(0.4)")
	slowBefore := time.Now()
	if err := n.do(slow, "set statement_timeout = '50ms'; select pg_sleep(5)"); err == nil {
		t.Fatal("not cancelled")
	}
	n.pg.Stop()

	kolkata, err := time.LoadLocation("Asia/Kolkata")
	if err != nil {
		t.Fatal(err)
	}
	for name, opt := range map[string]Options{
		"server.csv": {Zone: kolkata}, "server.json": {Zone: kolkata}, "server.log": {Prefix: oddPrefix},
	} {
		t.Run(name, func(t *testing.T) {
			v, s := readAll(t, n.pg.Log(t, name), opt)
			if s.Unparsed != 0 || s.Foreign != 0 || s.Deadlocks != 1 {
				t.Fatalf("%+v", s)
			}
			holder := state(t, v, pidOf(migration))
			if holder.Held != pglock.Share || holder.Relation != "stock_reservations" || holder.LockType != "relation" || holder.Open ||
				holder.Session.Application != "migrate" || holder.Session.Query != "create index idx on stock_reservations (expires_at)" {
				t.Errorf("holder %+v", holder)
			}
			if !near(holder.From, lockedAfter, lockedBefore) || !near(holder.To, releasedAfter, releasedBefore.Add(busy)) {
				t.Errorf("lock %v to %v, was taken between %v and %v, released between %v and %v", holder.From, holder.To,
					lockedAfter, lockedBefore, releasedAfter, releasedBefore)
			}
			for _, w := range append(slices.Clone(writers), gaveUp) {
				e := waitOf(t, v, w.pid)
				if e.Wanted != pglock.RowExclusive || e.Relation != "stock_reservations" || len(e.Blockers) != 1 || e.Blockers[0] != (incident.Blocker{PID: pidOf(migration), Hard: true, Mode: pglock.Share}) {
					t.Errorf("writer %+v", e)
				}
				if !near(e.From, w.began, w.began.Add(busy)) || !near(e.To, w.got.Add(-busy), w.got) || e.ToErr != 0 || e.Open {
					t.Errorf("wait %v to %v, was %v to %v", e.From, e.To, w.began, w.got)
				}
			}
			if e := waitOf(t, v, gaveUp.pid); (e.To.Sub(e.From) - 300*time.Millisecond).Abs() > busy/2 {
				t.Errorf("gave up after %v", e.To.Sub(e.From))
			}

			if e := waitOf(t, v, alter.pid); e.Wanted != pglock.AccessExclusive || e.Relation != "audit" || e.Blockers[0].PID != pidOf(idle) {
				t.Errorf("alter %+v", e)
			}
			e := waitOf(t, v, reader.pid)
			tree := v.LockTree(bothWait)
			if e.Wanted != pglock.AccessShare || e.Relation != "audit" || len(tree.Roots) != 1 || tree.Roots[0].PID != pidOf(idle) || tree.Waiting != 2 {
				t.Errorf("reader %+v, tree %+v", e, tree)
			}

			var cycles [][]int
			for _, x := range v.Exemplars() {
				if x.Endpoint.Route == classDeadlock && x.Kind == incident.FirstFailing {
					if !near(x.Start, deadlockedAfter, deadlockedBefore) {
						t.Errorf("deadlock at %v, was between %v and %v", x.Start, deadlockedAfter, deadlockedBefore)
					}
					cycles = v.LockTree(x.Start).Cycles
				}
			}
			pair := []int{pidOf(a), pidOf(b)}
			slices.Sort(pair)
			if len(cycles) != 1 || !slices.Equal(slices.Sorted(slices.Values(cycles[0])), pair) {
				t.Errorf("cycles %v, want %v", cycles, pair)
			}

			found := false
			for _, x := range v.Exemplars() {
				if x.Kind == incident.Slowest && near(x.Start, slowAfter, slowBefore) && near(x.End, slowAfter, slowBefore) && x.Took > 400*time.Millisecond {
					found = true
				}
			}
			if !found {
				t.Error("the slow statement is not kept")
			}
			events := map[string]float64{}
			for _, x := range v.AllSeries() {
				events[x.Labels["event"]] = x.Points[len(x.Points)-1].V
			}
			if events["statement_timeout"] != 1 || events["lock_timeout"] != 1 || events["deadlock"] != 1 {
				t.Errorf("events %v", events)
			}
			if an := cause.Analyze(v, cause.Options{}); len(an.Derived) == 0 {
				t.Error("nothing in the timeline")
			}
		})
	}
}

// state is the one episode of a session that blocked others.
func state(t *testing.T, v *incident.View, pid int) incident.Episode {
	t.Helper()
	return one(t, v, incident.SessionState, pid)
}

func waitOf(t *testing.T, v *incident.View, pid int) incident.Episode {
	t.Helper()
	return one(t, v, incident.LockWait, pid)
}

func one(t *testing.T, v *incident.View, kind incident.EpisodeKind, pid int) incident.Episode {
	t.Helper()
	var found []incident.Episode
	for _, e := range v.Episodes() {
		if e.Kind == kind && e.Session.PID == pid {
			found = append(found, e)
		}
	}
	if len(found) != 1 {
		t.Fatalf("%d episodes %s of %d, want one: %+v\n%q", len(found), kind, pid, found, told(v))
	}
	return found[0]
}
