//go:build real

package postgres

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgproto3"

	"tripcurve/collectors/supervise"
	"tripcurve/internal/incident"
	"tripcurve/internal/pglock"
	"tripcurve/internal/pgtest"
)

// deadline of one step of a test; steps take milliseconds.
const deadline = 20 * time.Second

func stepContext(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), deadline)
	t.Cleanup(cancel)
	return ctx
}

// stock makes the table of the bundled incident.
func stock(t *testing.T, s *pgtest.Server) {
	t.Helper()
	s.Exec(t, "create table stock_reservations (id bigint generated always as identity primary key, sku text, status text, expires_at timestamptz)",
		"insert into stock_reservations (sku, status) select 'WIDGET-1', 'available' from generate_series(1, 100)")
}

// held opens a transaction that runs statements and stays open.
func held(t *testing.T, s *pgtest.Server, statements ...string) *pgx.Conn {
	t.Helper()
	conn := s.Connect(t)
	for _, sql := range append([]string{"begin"}, statements...) {
		if _, err := conn.Exec(stepContext(t), sql); err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
	}
	return conn
}

// waiting starts a statement that will wait, and gives its pid; it ends with the
// test.
func waiting(t *testing.T, s *pgtest.Server, sql string) (pid int) {
	t.Helper()
	conn := s.Connect(t)
	pid = int(conn.PgConn().PID())
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { _, _ = conn.Exec(ctx, sql) }) // cancelled by the test's end, or by the server's
	t.Cleanup(func() { cancel(); running.Wait() })
	return pid
}

// watching samples until ok is satisfied with the facts of one sample.
func watching(t *testing.T, sampler *Sampler, l *link, blocking bool, ok func(*incident.View) bool) *incident.View {
	t.Helper()
	ev := incident.NewEvidence()
	ctx := stepContext(t)
	for {
		x, err := l.sample(ctx, blocking)
		if err != nil {
			t.Fatal(err)
		}
		ev.Add(sampler.Observe(x)...)
		if v := ev.Snapshot(); ok(v) {
			return v
		}
	}
}

func dialed(t *testing.T, dsn string) *link {
	t.Helper()
	target, err := parse(Access{DSN: dsn})
	if err != nil {
		t.Fatal(err)
	}
	l, err := target.dial(stepContext(t), false)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.close)
	return l
}

// waits are the open lock waits by pid.
func waits(v *incident.View) map[int]incident.Episode {
	m := map[int]incident.Episode{}
	for _, e := range v.Episodes() {
		if e.Kind == incident.LockWait && e.Open {
			m[e.Session.PID] = e
		}
	}
	return m
}

func waitingFor(n int) func(*incident.View) bool {
	return func(v *incident.View) bool { return len(waits(v)) == n }
}

func TestRealCreateIndexBlocksWritersNotReaders(t *testing.T) {
	s := pgtest.Start(t)
	stock(t, s)
	for _, blocking := range []bool{true, false} {
		t.Run(fmt.Sprintf("pg_blocking_pids=%v", blocking), func(t *testing.T) {
			const ddl = "create index idx_reservations_expiry on stock_reservations (expires_at)"
			before := time.Now()
			migration := held(t, s, ddl)
			var writers []int
			for i := range 3 {
				writers = append(writers, waiting(t, s, fmt.Sprintf("update stock_reservations set status = 'reserved' where id = %d", i+1)))
			}
			writers = append(writers, waiting(t, s, "insert into stock_reservations (sku) values ('WIDGET-1')"))
			reader := held(t, s, "select count(*) from stock_reservations", "select id from stock_reservations where status = 'available' for update skip locked limit 1")

			v := watching(t, NewSampler("pg"), dialed(t, s.DSN()), blocking, waitingFor(len(writers)))
			root := int(migration.PgConn().PID())
			for _, pid := range writers {
				w, ok := waits(v)[pid]
				if !ok {
					t.Fatalf("writer %d is not reported as waiting", pid)
				}
				if w.Wanted != pglock.RowExclusive || w.Relation != "stock_reservations" || w.LockType != "relation" {
					t.Errorf("writer %d wants %s on %s %q", pid, w.Wanted, w.LockType, w.Relation)
				}
				if !slices.Equal(w.Blockers, []incident.Blocker{{PID: root, Hard: true, Mode: pglock.Share}}) {
					t.Errorf("writer %d is blocked by %+v, want pid %d with SHARE alone", pid, w.Blockers, root)
				}
				if w.From.Before(before) || w.FromErr != 0 {
					t.Errorf("writer %d waits since %s +- %s, want the server's own instant", pid, w.From, w.FromErr)
				}
			}
			if _, ok := waits(v)[int(reader.PgConn().PID())]; ok {
				t.Error("the reader is reported as blocked by SHARE")
			}
			tree := v.LockTree(waits(v)[writers[0]].To)
			if len(tree.Roots) != 1 || tree.Roots[0].PID != root || tree.Roots[0].Held != pglock.Share || tree.Waiting != len(writers) {
				t.Errorf("tree = %+v, want one root, pid %d with SHARE", tree, root)
			}
			var told bool
			for _, c := range v.Changes() {
				told = told || c.Kind == incident.DDL && c.System == "stock_reservations" && c.Text == ddl
			}
			if !told {
				t.Errorf("changes %+v lack the CREATE INDEX", v.Changes())
			}
		})
		s.Exec(t, "select pg_terminate_backend(pid) from pg_stat_activity where backend_type = 'client backend' and pid <> pg_backend_pid()")
	}
}

func TestRealJoinedLateStillSaysSinceWhen(t *testing.T) {
	s := pgtest.Start(t)
	stock(t, s)
	var began time.Time
	migration := held(t, s, "select 1")
	if err := migration.QueryRow(stepContext(t), "select now()").Scan(&began); err != nil {
		t.Fatal(err)
	}
	var wait time.Time
	admin := s.Connect(t)
	// The server's own clock makes the transaction 2 s old when the lock is taken
	// and the wait another second old when we look for the first time.
	if _, err := migration.Exec(stepContext(t), "select pg_sleep(2)"); err != nil {
		t.Fatal(err)
	}
	if _, err := migration.Exec(stepContext(t), "lock table stock_reservations in share mode"); err != nil {
		t.Fatal(err)
	}
	writer := waiting(t, s, "update stock_reservations set status = 'reserved' where id = 1")
	for wait.IsZero() {
		var at *time.Time
		err := admin.QueryRow(stepContext(t), `select max(case
			when current_setting('server_version_num')::int >= 140000 then (to_jsonb(l)->>'waitstart')::timestamptz
			else a.query_start end) from pg_locks l join pg_stat_activity a using (pid) where not granted`).Scan(&at)
		if err != nil {
			t.Fatal(err)
		}
		wait = utc(at)
	}
	if _, err := admin.Exec(stepContext(t), "select pg_sleep(1)"); err != nil {
		t.Fatal(err)
	}

	x, err := SampleOnce(stepContext(t), s.DSN())
	if err != nil {
		t.Fatal(err)
	}
	var instant time.Duration
	if x.ServerVersion < 140000 { // the statement stands for the wait, which begins some microseconds after it
		instant = time.Millisecond
	}
	facts := NewSampler("pg").Observe(x.Sample)
	var hold, waiter incident.Episode
	for _, f := range facts {
		switch e, _ := f.(incident.Episode); {
		case e.Session.PID == int(migration.PgConn().PID()):
			hold = e
		case e.Session.PID == writer:
			waiter = e
		}
	}
	if waiter.From.Sub(wait).Abs() > instant || x.At.Sub(waiter.From) < time.Second {
		t.Errorf("waits since %s, want %s, a second before the first sample at %s", waiter.From, wait, x.At)
	}
	if !hold.Session.XactStart.Equal(began) || !hold.From.After(began) || hold.From.After(wait) {
		t.Errorf("the blocker's transaction began %s (want %s), it holds since %s (want the LOCK statement, before %s): %s",
			hold.Session.XactStart, began, hold.From, wait, hold.Text)
	}
}

func TestRealIdleInTransactionIsTheRoot(t *testing.T) {
	s := pgtest.Start(t)
	stock(t, s)
	idle := held(t, s, "update stock_reservations set status = 'x' where id = 1")
	l, sampler := dialed(t, s.DSN()), NewSampler("pg")
	migration := waiting(t, s, "create index idx_reservations_expiry on stock_reservations (expires_at)")
	watching(t, sampler, l, true, waitingFor(1))
	writer := waiting(t, s, "update stock_reservations set status = 'y' where id = 2")
	v := watching(t, sampler, l, true, waitingFor(2))
	root := int(idle.PgConn().PID())
	w := waits(v)
	if want := []incident.Blocker{{PID: root, Hard: true, Mode: pglock.RowExclusive}}; !slices.Equal(w[migration].Blockers, want) || w[migration].Wanted != pglock.Share {
		t.Errorf("the migration wants %s, blocked by %+v; want SHARE, %+v", w[migration].Wanted, w[migration].Blockers, want)
	}
	if want := []incident.Blocker{{PID: migration, Mode: pglock.Share}}; !slices.Equal(w[writer].Blockers, want) {
		t.Errorf("the writer is blocked by %+v, want softly by the waiting migration: %+v", w[writer].Blockers, want)
	}
	for _, e := range v.Episodes() {
		if e.Kind == incident.SessionState && e.Session.PID == root && (e.Session.State != "idle in transaction" || e.Held != pglock.RowExclusive) {
			t.Errorf("root is %q with %s", e.Session.State, e.Held)
		}
	}
	// When it commits, the migration runs and everybody is released in the end; the
	// end of the root's transaction is known to the microsecond.
	if _, err := idle.Exec(stepContext(t), "commit"); err != nil {
		t.Fatal(err)
	}
	v = watching(t, sampler, l, true, waitingFor(0))
	for _, e := range v.Episodes() {
		if e.Open {
			t.Errorf("still open: %+v", e)
		}
		if e.Kind == incident.SessionState && e.Session.PID == root && e.ToErr != 0 {
			t.Errorf("the root's end is uncertain by %s", e.ToErr)
		}
	}
}

// So many waiters that asking for each would be dear are told without, in the very
// sample that meets them.
func TestRealManyWaitersAreDerivedAtOnce(t *testing.T) {
	const many = 205
	s := pgtest.Start(t, "max_connections=230", "deadlock_timeout=10min")
	stock(t, s)
	holder := held(t, s, "update stock_reservations set status = 'x' where id = 1")
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	t.Cleanup(func() { cancel(); running.Wait() })
	for range many {
		c, err := pgx.Connect(ctx, s.LocalDSN())
		if err != nil {
			t.Fatal(err)
		}
		running.Go(func() {
			_, _ = c.Exec(ctx, "update stock_reservations set status = 'y' where id = 1", pgx.QueryExecModeSimpleProtocol)
			_ = c.Close(context.Background())
		})
	}
	l := dialed(t, s.LocalDSN())
	v := watching(t, NewSampler("pg"), l, true, waitingFor(many))
	x, err := l.sample(stepContext(t), true)
	if err != nil || !x.derived {
		t.Errorf("derived %v, %v", x.derived, err)
	}
	tree := v.LockTree(x.At)
	if len(tree.Roots) != 1 || tree.Roots[0].PID != int(holder.PgConn().PID()) || tree.Waiting != many || tree.Roots[0].Relation != "stock_reservations" {
		t.Errorf("%d wait behind %d roots, first %+v; want %d behind %d", tree.Waiting, len(tree.Roots), tree.Roots[0].Session, many, holder.PgConn().PID())
	}
}

func TestRealQueuedAlterTableBlocksReadersSoftly(t *testing.T) {
	s := pgtest.Start(t)
	stock(t, s)
	index := held(t, s, "create index idx_reservations_expiry on stock_reservations (expires_at)")
	l, sampler := dialed(t, s.DSN()), NewSampler("pg")
	alter := waiting(t, s, "alter table stock_reservations add column note text")
	watching(t, sampler, l, true, waitingFor(1))
	reader := waiting(t, s, "select count(*) from stock_reservations")
	v := watching(t, sampler, l, true, waitingFor(2))
	w := waits(v)
	if want := []incident.Blocker{{PID: int(index.PgConn().PID()), Hard: true, Mode: pglock.ShareRowExclusive}}; len(w[alter].Blockers) != 1 || !w[alter].Blockers[0].Hard || w[alter].Blockers[0].PID != want[0].PID {
		t.Errorf("ALTER TABLE is blocked by %+v, want hard by %d", w[alter].Blockers, want[0].PID)
	}
	if want := []incident.Blocker{{PID: alter, Mode: pglock.AccessExclusive}}; !slices.Equal(w[reader].Blockers, want) {
		t.Errorf("the reader is blocked by %+v, want %+v", w[reader].Blockers, want)
	}
	if w[reader].Wanted != pglock.AccessShare {
		t.Errorf("the reader wants %s", w[reader].Wanted)
	}
}

func TestRealEveryQueryRunsOnThisServer(t *testing.T) {
	s := pgtest.Start(t)
	l := dialed(t, s.DSN())
	for version := oldest; version <= l.version; version += 10000 {
		for _, blocking := range []bool{true, false} {
			x, err := read(stepContext(t), l.conn, version, blocking, newMoves())
			if err != nil || x.At.IsZero() || x.ServerStart.IsZero() {
				t.Errorf("queries of %d: at %s, %v", version, x.At, err)
			}
		}
	}
}

// The table of catalogs that stands for the versions that are not installed here is
// held against the one that is.
func TestRealCatalogsAreAsDocumented(t *testing.T) {
	s := pgtest.Start(t)
	l := dialed(t, s.DSN())
	for view, columns := range catalogs(t) {
		rows, err := l.conn.Query(stepContext(t), `select attname::text from pg_attribute where attrelid = to_regclass($1) and attnum > 0
			union all select unnest(proargnames) from pg_proc where proname = $1`, view)
		var have []string
		if err == nil {
			have, err = pgx.CollectRows(rows, pgx.RowTo[string])
		}
		if err != nil {
			t.Fatal(err)
		}
		for name, v := range columns {
			major := l.version / 10000
			if want := major >= v[0] && major <= v[1]; slices.Contains(have, name) != want {
				t.Errorf("%s.%s exists in %d: %v, the table says %v", view, name, major, !want, want)
			}
		}
	}
}

func TestRealSessionsAreReadOnlyAndBounded(t *testing.T) {
	s := pgtest.Start(t)
	l := dialed(t, s.DSN())
	want := map[string]string{
		"application_name": "tripcurve", "statement_timeout": "2s", "lock_timeout": "100ms",
		"idle_in_transaction_session_timeout": "5s", "default_transaction_read_only": "on", "jit": "off",
	}
	for name, value := range want {
		var got string
		if err := l.conn.QueryRow(stepContext(t), "select current_setting($1)", name).Scan(&got); err != nil || got != value {
			t.Errorf("%s = %q, %v; want %q", name, got, err, value)
		}
	}
	if l.pooler != "" || !l.rights {
		t.Errorf("pooler %q, rights %v; a direct superuser has the one and not the other", l.pooler, l.rights)
	}
}

func TestRealWithoutRightsLocksAreStillTrue(t *testing.T) {
	s := pgtest.Start(t)
	stock(t, s)
	s.Exec(t, "create role watcher login password 'w-Secr3t'")
	index := held(t, s, "create index idx_reservations_expiry on stock_reservations (expires_at)")
	writer := waiting(t, s, "update stock_reservations set status = 'x'")
	l := dialed(t, s.DSNOf("watcher", "w-Secr3t"))
	v := watching(t, NewSampler("pg"), l, true, waitingFor(1))
	w := waits(v)[writer]
	if len(w.Blockers) != 1 || w.Blockers[0].PID != int(index.PgConn().PID()) || w.Relation != "stock_reservations" || w.From.IsZero() {
		t.Errorf("wait = %+v", w)
	}
	c, err := New(Config{Access: Access{DSN: s.DSNOf("watcher", "w-Secr3t")}})
	if err != nil {
		t.Fatal(err)
	}
	if d := c.detail(l, Sample{Every: time.Second}, incident.Clock{}); !strings.Contains(d, "pg_read_all_stats") {
		t.Errorf("detail %q does not say what is hidden", d)
	}

	// Counters and settings are everybody's, index builds of others are not.
	s.Exec(t, "create table carts (id int)")
	held(t, s, "insert into carts values (1)")
	build := waiting(t, s, "create index concurrently on carts (id)")
	for _, dsn := range []string{s.DSN(), s.DSNOf("watcher", "w-Secr3t")} {
		out := make(chan []incident.Fact, 1)
		second := &side{target: c.target, out: out, note: &c.note}
		l := dialed(t, dsn)
		watching(t, NewSampler("pg"), l, true, func(v *incident.View) bool { _, ok := waits(v)[build]; return ok })
		if err := second.read(stepContext(t), l); err != nil {
			t.Fatal(err)
		}
		counts := map[string]int{}
		for _, f := range <-out {
			if series, ok := f.(incident.Series); ok {
				counts[series.Name]++
			}
		}
		builds := 1
		if dsn != s.DSN() {
			builds = 0
		}
		if counts["postgres_database_commits"] != 1 || counts[SettingSeries] < 10 || counts[IndexSeries] != builds {
			t.Errorf("%d index builds, want %d, beside counters and settings: %v", counts[IndexSeries], builds, counts)
		}
		if note := *c.note.Load(); builds == 1 && !strings.Contains(note, fmt.Sprintf("CREATE INDEX CONCURRENTLY on carts by %d: waiting for writers before build", build)) {
			t.Errorf("note %q lacks the index build", note)
		}
	}
}

// fill takes every slot that is left, so that a server has that many sessions. One
// that has just ended may keep its slot for a moment.
func fill(t *testing.T, admin *pgx.Conn, dsn string, sessions int) {
	t.Helper()
	ctx := stepContext(t)
	for n := 0; n < sessions; {
		if conn, err := pgx.Connect(ctx, dsn); err == nil {
			t.Cleanup(func() { _ = conn.Close(context.Background()) })
		}
		if err := admin.QueryRow(ctx, "select count(*) from pg_stat_activity where backend_type = 'client backend'").Scan(&n); err != nil {
			t.Fatalf("%d of %d sessions: %v", n, sessions, err)
		}
	}
}

func TestRealErrorsNameTheReasonAndNeverThePassword(t *testing.T) {
	s := pgtest.Start(t, "max_connections=4", "superuser_reserved_connections=1")
	s.Exec(t, "create role watcher login password 'w-Secr3t'")
	const wrong = "wr0ng-p@ss/word"
	_, err := SampleOnce(stepContext(t), s.DSNOf("postgres", wrong))
	if !errors.Is(err, ErrUnreachable) || !strings.Contains(err.Error(), "login refused (28P01)") || strings.Contains(err.Error(), "wr0ng") {
		t.Errorf("wrong password: %v", err)
	}
	fill(t, s.Connect(t), s.DSNOf("watcher", "w-Secr3t"), 3)
	_, err = SampleOnce(stepContext(t), s.DSNOf("watcher", "w-Secr3t"))
	if !errors.Is(err, ErrUnreachable) || !strings.Contains(err.Error(), "53300") || strings.Contains(err.Error(), "w-Secr3t") {
		t.Errorf("no free connection: %v", err)
	}
	s.Stop()
	_, err = SampleOnce(stepContext(t), s.DSN())
	if !errors.Is(err, ErrUnreachable) || strings.Contains(err.Error(), pgtest.Password) || strings.Contains(err.Error(), "\n") {
		t.Errorf("stopped server: %v", err)
	}
}

func TestRealStoppedServerLeavesAGapAndComesBack(t *testing.T) {
	s := pgtest.Start(t)
	stock(t, s)
	index := held(t, s, "create index idx_reservations_expiry on stock_reservations (expires_at)")
	waiting(t, s, "update stock_reservations set status = 'x'")
	c, err := New(Config{Access: Access{DSN: s.DSN()}, Interval: 20 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(stepContext(t))
	defer cancel()
	ev := incident.NewEvidence()
	type look struct {
		view   *incident.View
		states []incident.SourceStatus
	}
	looks := make(chan look)
	done := make(chan error, 1)
	sup := supervise.New([]supervise.Collector{c}, supervise.Options{BackoffMin: 50 * time.Millisecond})
	go func() {
		done <- sup.Run(ctx, func(ctx context.Context, b supervise.Batch) error {
			ev.Add(b.Facts...)
			select {
			case looks <- look{ev.Snapshot(), b.Sources}:
			case <-ctx.Done():
			}
			return nil
		})
	}()
	until := func(what string, ok func(look) bool) look {
		t.Helper()
		for {
			select {
			case l := <-looks:
				for _, st := range l.states {
					if strings.Contains(st.Detail, pgtest.Password) {
						t.Fatalf("the password is in a status: %s", st.Detail)
					}
				}
				if ok(l) {
					return l
				}
			case <-ctx.Done():
				t.Fatalf("%s: not seen", what)
			}
		}
	}
	state := func(want incident.SourceState) func(look) bool {
		return func(l look) bool {
			return slices.ContainsFunc(l.states, func(s incident.SourceStatus) bool { return s.State == want })
		}
	}
	until("a waiter", func(l look) bool { return len(waits(l.view)) == 1 })
	s.Stop()
	until("down", state(incident.SourceDown))
	s.Resume(t)
	until("ok again", state(incident.SourceOK))
	l := until("the old wait closed", func(l look) bool { return len(waits(l.view)) == 0 })
	gaps := l.view.Gaps("postgres")
	if len(gaps) != 1 || gaps[0].Open || !gaps[0].To.After(gaps[0].From) {
		t.Errorf("gaps = %+v, want one, closed", gaps)
	}
	restarted := false
	for _, ch := range l.view.Changes() {
		restarted = restarted || ch.Kind == incident.Restart && ch.System == "postgres"
	}
	if !restarted {
		t.Error("the restart is not told")
	}
	for _, e := range l.view.Episodes() {
		if e.Kind == incident.SessionState && e.Session.PID == int(index.PgConn().PID()) && (e.Open || e.ToErr < 50*time.Millisecond) {
			t.Errorf("the blocker ended at %s + %s, want open to the time without samples", e.To, e.ToErr)
		}
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// pooler stands for PgBouncer: it refuses start-up settings as PgBouncer does,
// or swallows them as with ignore_startup_parameters.
func pooler(t *testing.T, s *pgtest.Server, swallow bool) (dsn string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var running sync.WaitGroup
	t.Cleanup(func() { _ = l.Close(); running.Wait() })
	running.Go(func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			running.Go(func() { poolOne(t, s, client, swallow) })
		}
	})
	return strings.Replace(s.DSN(), fmt.Sprintf(":%d/", s.Port), ":"+l.Addr().String()[len("127.0.0.1:"):]+"/", 1)
}

func poolOne(t *testing.T, s *pgtest.Server, client net.Conn, swallow bool) {
	defer func() { _ = client.Close() }()
	back := pgproto3.NewBackend(client, client)
	msg, err := back.ReceiveStartupMessage()
	if err != nil {
		return
	}
	start, ok := msg.(*pgproto3.StartupMessage)
	if !ok {
		t.Errorf("start-up message %T", msg)
		return
	}
	for name := range settings {
		if _, sent := start.Parameters[name]; !sent {
			continue
		}
		if !swallow {
			back.Send(&pgproto3.ErrorResponse{Severity: "FATAL", Code: "08P01", Message: "unsupported startup parameter: " + name})
			_ = back.Flush()
			return
		}
		delete(start.Parameters, name)
	}
	server, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", s.Port))
	if err != nil {
		t.Error(err)
		return
	}
	defer func() { _ = server.Close() }()
	raw, err := start.Encode(nil)
	if err != nil {
		t.Error(err)
		return
	}
	if _, err := server.Write(raw); err != nil {
		return
	}
	answered := make(chan struct{})
	go func() {
		defer close(answered)
		_, _ = io.Copy(client, server)
		_ = client.Close()
	}()
	_, _ = io.Copy(server, client)
	_ = server.Close()
	<-answered
}

func TestRealThroughAPooler(t *testing.T) {
	s := pgtest.Start(t)
	stock(t, s)
	index := held(t, s, "create index idx_reservations_expiry on stock_reservations (expires_at)")
	waiting(t, s, "update stock_reservations set status = 'x'")
	for _, swallow := range []bool{false, true} {
		l := dialed(t, pooler(t, s, swallow))
		if l.pooler == "" {
			t.Errorf("swallow=%v: the pooler is not noticed", swallow)
		}
		v := watching(t, NewSampler("pg"), l, true, waitingFor(1))
		for _, w := range waits(v) {
			if len(w.Blockers) != 1 || w.Blockers[0].PID != int(index.PgConn().PID()) {
				t.Errorf("swallow=%v: blockers %+v", swallow, w.Blockers)
			}
		}
		var timeout string
		if err := l.conn.QueryRow(stepContext(t), "select current_setting('statement_timeout')").Scan(&timeout); err != nil || timeout != "0" {
			t.Errorf("swallow=%v: statement_timeout %q leaks out of the sample's transaction, %v", swallow, timeout, err)
		}
	}
}
