//go:build real

package postgres

import (
	"context"
	"flag"
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/cockroachdb/datadriven"
	"github.com/jackc/pgx/v5"

	"tripcurve/internal/incident"
	"tripcurve/internal/pglock"
	"tripcurve/internal/pgtest"
)

// TestRealLocks holds what the collector says of who blocks whom against what was
// really done to a server. Each scenario is a script of sessions:
//
//	a begin; lock table stock in share mode    runs to its end
//	b waits update stock set n = 1             is sent, and waits for a lock
//	c sleeps select pg_sleep(60)               is sent, and sleeps
//	d@other ...                                in another database
//
// and the answer is each waiter with its blockers, the roots and the cycles. The
// same sample is read with pg_blocking_pids and by deriving blockers from the
// locks; the answer says where the two differ. A scenario since=15 is one of servers
// of that version or newer.
func TestRealLocks(t *testing.T) {
	if os.Getenv("TRIPCURVE_UPDATE") != "" {
		if err := flag.Set("rewrite", "true"); err != nil {
			t.Fatal(err)
		}
	}
	// Deadlocks are to be looked at, not broken; nobody else may come in between.
	s := pgtest.Start(t, "deadlock_timeout=10min", "max_prepared_transactions=5", "autovacuum=off", "max_connections=60")
	s.Exec(t, "create database other")
	th := &theatre{s: s, admin: s.Connect(t), link: dialed(t, s.DSN())}
	if err := th.admin.QueryRow(context.Background(), "select current_setting('server_version_num')::int / 10000").Scan(&th.version); err != nil {
		t.Fatal(err)
	}
	scenarios := 0
	datadriven.Walk(t, "testdata/locks", func(t *testing.T, path string) {
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			if d.Cmd != "sessions" {
				d.Fatalf(t, "unknown command %q", d.Cmd)
			}
			if d.HasArg("since") {
				var since int
				if d.ScanArgs(t, "since", &since); th.version < since {
					return d.Expected // the server has no such statement
				}
			}
			scenarios++
			return th.play(t, d)
		})
	})
	if scenarios < 40 {
		t.Errorf("%d scenarios, want 40 or more", scenarios)
	}
}

// theatre is the server on which scenarios are played one after the other.
type theatre struct {
	s     *pgtest.Server
	admin *pgx.Conn
	link  *link

	version int // of the server
}

// fixture is what each scenario finds.
var fixture = []string{
	"drop schema public cascade", "create schema public",
	"create table stock (id int primary key, n int)", "insert into stock select i, i from generate_series(1, 9) i",
	"create table orders (id int primary key, stock_id int references stock)",
	"create sequence order_numbers",
	"create materialized view totals as select id, n from stock", "create unique index totals_id on totals (id)",
	"create table events (at int not null) partition by range (at)",
	"create table events_1 partition of events for values from (0) to (10)",
	"create table events_2 partition of events for values from (10) to (20)",
}

// actor is one session of a scenario.
type actor struct {
	name  string
	conn  *pgx.Conn
	busy  sync.WaitGroup
	ended chan error // of the statement that was to wait
}

func (th *theatre) play(t *testing.T, d *datadriven.TestData) string {
	ctx := stepContext(t)
	for _, sql := range fixture {
		if _, err := th.admin.Exec(ctx, sql); err != nil {
			d.Fatalf(t, "%s: %v", sql, err)
		}
	}
	actors := map[string]*actor{}
	defer th.clear(t, actors)
	for line := range strings.Lines(d.Input) {
		name, sql, _ := strings.Cut(strings.TrimSpace(line), " ")
		a := actors[name]
		if a == nil {
			a = &actor{name: name, conn: th.connect(ctx, t, d, name), ended: make(chan error, 1)}
			actors[name] = a
		}
		switch verb, rest, _ := strings.Cut(sql, " "); verb {
		case "waits":
			a.send(rest)
			th.until(ctx, t, d, line, `select exists (select from pg_locks l left join pg_stat_activity s using (pid)
				where not granted and (l.pid = $1 or to_jsonb(s)->>'leader_pid' = $1::text))`, a) // 12 has no leaders
		case "sleeps":
			a.send(rest)
			th.until(ctx, t, d, line, "select exists (select from pg_stat_activity s where (pid = $1 or to_jsonb(s)->>'leader_pid' = $1::text) and wait_event = 'PgSleep')", a)
		default:
			if _, err := a.conn.Exec(ctx, sql, pgx.QueryExecModeSimpleProtocol); err != nil {
				d.Fatalf(t, "%s: %v", line, err)
			}
		}
	}
	asked, derived := th.told(ctx, t, actors, true), th.told(ctx, t, actors, false)
	if asked != derived {
		return asked + "but derived:\n" + derived
	}
	return asked
}

func (th *theatre) connect(ctx context.Context, t *testing.T, d *datadriven.TestData, name string) *pgx.Conn {
	config, err := pgx.ParseConfig(th.s.DSN())
	if err != nil {
		t.Fatal(err)
	}
	if _, database, ok := strings.Cut(name, "@"); ok {
		config.Database = database
	}
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		d.Fatalf(t, "connect %s: %v", name, err)
	}
	return conn
}

// send runs a statement that does not end before its session is ended.
func (a *actor) send(sql string) {
	a.busy.Go(func() {
		_, err := a.conn.Exec(context.Background(), sql, pgx.QueryExecModeSimpleProtocol)
		a.ended <- err
	})
}

func (th *theatre) until(ctx context.Context, t *testing.T, d *datadriven.TestData, what, sql string, a *actor) {
	for ok := false; !ok; {
		if err := th.admin.QueryRow(ctx, sql, int(a.conn.PgConn().PID())).Scan(&ok); err != nil {
			d.Fatalf(t, "%s: not seen: %v", what, err)
		}
		select {
		case err := <-a.ended:
			d.Fatalf(t, "%s: did not wait: %v", what, err)
		default:
		}
	}
}

// clear ends every session and prepared transaction of a scenario.
func (th *theatre) clear(t *testing.T, actors map[string]*actor) {
	ctx := stepContext(t)
	var prepared []string
	rows, err := th.admin.Query(ctx, "select gid from pg_prepared_xacts")
	if err == nil {
		prepared, err = pgx.CollectRows(rows, pgx.RowTo[string])
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, gid := range prepared {
		if _, err := th.admin.Exec(ctx, "rollback prepared '"+gid+"'"); err != nil {
			t.Fatal(err)
		}
	}
	const others = "from pg_stat_activity where backend_type in ('client backend', 'parallel worker') and pid not in (pg_backend_pid(), $1)"
	for _, whom := range []string{others + " and wait_event_type = 'Lock'", others} { // or those that wait would have their turn
		for left := 1; left > 0; {
			err := th.admin.QueryRow(ctx, "select count(pg_terminate_backend(pid)) "+whom, int(th.link.conn.PgConn().PID())).Scan(&left)
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, a := range actors {
		a.busy.Wait()
		_ = a.conn.Close(ctx)
	}
}

// told is what the collector says of the moment.
func (th *theatre) told(ctx context.Context, t *testing.T, actors map[string]*actor, blocking bool) string {
	x, err := th.link.sample(ctx, blocking)
	if err != nil {
		t.Fatal(err)
	}
	names := map[int]string{0: "prepared"}
	for _, a := range actors {
		names[int(a.conn.PgConn().PID())] = a.name
	}
	name := func(pid int) string {
		if n, ok := names[pid]; ok {
			return n
		}
		return fmt.Sprintf("stranger %d", pid)
	}
	ev := incident.NewEvidence()
	ev.Add(NewSampler("pg").Observe(x)...)
	ev.Sampled(x.At)
	v := ev.Snapshot()
	var lines []string
	for pid, e := range waits(v) {
		var by []string
		for _, b := range e.Blockers {
			word := " holds "
			if !b.Hard {
				word = " is ahead for "
			}
			by = append(by, name(b.PID)+word+orUnknown(b.Mode))
		}
		slices.Sort(by)
		lines = append(lines, fmt.Sprintf("%s wants %s on %s: %s", name(pid), e.Wanted, on(e.LockType, e.Relation), strings.Join(by, ", ")))
	}
	slices.Sort(lines)
	tree := v.LockTree(x.At)
	var roots []string
	for _, r := range tree.Roots {
		state := r.State
		if state != "" {
			state = " (" + state + ")"
		}
		roots = append(roots, fmt.Sprintf("root %s%s blocks %d by %s on %s", name(r.PID), state, r.Blocks, orUnknown(r.Held), on(r.LockType, r.Relation)))
	}
	slices.Sort(roots)
	lines = append(lines, roots...)
	for _, pids := range tree.Cycles {
		in := map[string]bool{}
		for _, pid := range pids {
			in[name(pid)] = true
		}
		lines = append(lines, "cycle "+strings.Join(slices.Sorted(maps.Keys(in)), " "))
	}
	if len(lines) == 0 {
		return "nobody waits\n"
	}
	return strings.Join(lines, "\n") + "\n"
}

func orUnknown(m pglock.Mode) string {
	if m == pglock.None {
		return "?"
	}
	return m.String()
}

var oid = regexp.MustCompile(`^oid \d+$`)

func on(lockType, relation string) string {
	switch {
	case relation == "":
		return lockType
	case oid.MatchString(relation):
		relation = "oid N"
	}
	return lockType + " " + relation
}
