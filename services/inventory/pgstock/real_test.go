//go:build real

package pgstock_test

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"tripcurve/internal/pgtest"
	"tripcurve/internal/policy"
	"tripcurve/services/host"
	"tripcurve/services/inventory"
	"tripcurve/services/inventory/pgstock"
	"tripcurve/services/inventory/stocktest"
	"tripcurve/services/pgkit"
	"tripcurve/services/pgkit/locktest"
)

// lateClock is the wall clock, ahead by what has been let pass.
type lateClock struct {
	*host.WallClock
	ahead atomic.Int64
}

func (c *lateClock) Now() time.Time { return c.WallClock.Now().Add(time.Duration(c.ahead.Load())) }

// together runs functions as goroutines that begin at once and waits for them.
func together(t *testing.T) func(...func(context.Context)) {
	return func(fs ...func(context.Context)) {
		var wg sync.WaitGroup
		for _, f := range fs {
			wg.Go(func() { f(t.Context()) })
		}
		wg.Wait()
	}
}

// open is a fresh stock with so many rows of each sku.
func open(t *testing.T, pg *pgtest.Server, clock host.Clock, pool int, cancel policy.Cancel, rows map[string]int) (*pgkit.DB, *pgstock.Stock, string) {
	t.Helper()
	dsn := pg.Database(t)
	db, err := pgkit.Open(dsn, pgkit.Options{Application: "inventory", PoolSize: pool, Clock: clock, Cancel: cancel})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	if _, err := db.Migrate(t.Context(), pgstock.Migrations); err != nil {
		t.Fatal(err)
	}
	s := pgstock.New(db, clock, host.CryptoRand)
	for sku, n := range rows {
		if err := s.Add(t.Context(), sku, n); err != nil {
			t.Fatal(err)
		}
	}
	return db, s, dsn
}

// slowRows makes the update of a row take as long as the table slow says, with
// the row in hand.
var slowRows = []string{
	`CREATE TABLE slow (sku text PRIMARY KEY, seconds float8)`,
	`CREATE FUNCTION be_slow() RETURNS trigger LANGUAGE plpgsql AS $$
	BEGIN PERFORM pg_sleep(seconds) FROM slow WHERE sku = NEW.sku; RETURN NEW; END $$`,
	`CREATE TRIGGER be_slow BEFORE UPDATE ON stock_reservations FOR EACH ROW WHEN (NEW.status = 'reserved') EXECUTE FUNCTION be_slow()`,
}

func TestRealStockKeepsItsContract(t *testing.T) {
	pg := pgtest.Start(t, "max_connections=60")
	stocktest.Run(t, func(t *testing.T, o stocktest.Options) stocktest.World {
		clock := &lateClock{WallClock: host.NewWallClock()}
		t.Cleanup(clock.Close)
		db, stock, _ := open(t, pg, clock, 20, o.Cancel, o.Rows)
		exec := func(sql string, args ...any) {
			if _, err := db.Pool().Exec(t.Context(), sql, args...); err != nil {
				t.Fatal(err)
			}
		}
		for _, sql := range slowRows {
			exec(sql)
		}
		return stocktest.World{
			Stock: stock, Now: clock.Now, Do: together(t), Tick: 40 * time.Millisecond,
			Pass: func(d time.Duration) { clock.ahead.Add(int64(d)) },
			Slow: func(sku string, by time.Duration) {
				exec(`INSERT INTO slow VALUES ($1, $2) ON CONFLICT (sku) DO UPDATE SET seconds = excluded.seconds`, sku, by.Seconds())
			},
			Under: func(ctx context.Context, d time.Duration, deadline bool) context.Context {
				ctx, cancel := context.WithCancel(ctx)
				t.Cleanup(cancel)
				if deadline {
					ctx, cancel = context.WithDeadline(ctx, clock.Now().Add(d))
					t.Cleanup(cancel)
				} else {
					clock.AfterFunc(d, cancel)
				}
				return ctx
			},
		}
	})
}

func TestRealStatementsTakeTheLocksTheyDeclare(t *testing.T) {
	pg := pgtest.Start(t)
	clock := host.NewWallClock()
	defer clock.Close()
	_, s, dsn := open(t, pg, clock, 2, policy.Propagate, map[string]int{"a": 3})
	r, err := s.Reserve(t.Context(), []inventory.Item{{SKU: "a", Qty: 1}}, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	later := clock.Now().Add(time.Hour)
	locktest.Run(t, dsn, inventory.Statements(), map[string][]any{
		"reserve_select":     {"a", 1},
		"reserve_update":     {"res_2", later, []int64{2}},
		"available_select":   {"a"},
		"reservation_select": {r.ID},
		"expired_select":     {later},
		"confirm_update":     {[]int64{1}},
		"release_update":     {[]int64{1}},
		"stock_insert":       {"a", 1},
	})
}

// A sweep waits for whoever has a row of a reservation in hand: it never takes a
// part of one.
func TestRealSweepTakesReservationsWhole(t *testing.T) {
	pg := pgtest.Start(t)
	clock := &lateClock{WallClock: host.NewWallClock()}
	defer clock.Close()
	_, s, dsn := open(t, pg, clock, 4, policy.Propagate, map[string]int{"a": 3})
	r, err := s.Reserve(t.Context(), []inventory.Item{{SKU: "a", Qty: 3}}, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	clock.ahead.Add(int64(time.Hour))
	holder, watch := connect(t, dsn), connect(t, dsn)
	for _, sql := range []string{"BEGIN", "SELECT id FROM stock_reservations WHERE id = 1 FOR UPDATE"} {
		if _, err := holder.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	var swept []string
	var sweep sync.WaitGroup
	sweep.Go(func() {
		var err error
		if swept, err = s.Sweep(t.Context()); err != nil {
			t.Errorf("sweep: %v", err)
		}
	})
	eventually(t, "the sweep waits for the row", func() bool {
		var n int
		err := watch.QueryRow(t.Context(), `SELECT count(*) FROM pg_stat_activity
WHERE application_name = 'inventory' AND wait_event_type = 'Lock' AND $1 = ANY (pg_blocking_pids(pid))`, holder.PgConn().PID()).Scan(&n)
		if err != nil {
			t.Fatal(err)
		}
		return n == 1
	})
	if n, err := s.Available(t.Context(), "a"); n != 0 || err != nil {
		t.Errorf("%d pieces, %v, were put back while one was in somebody's hand", n, err)
	}
	if _, err := holder.Exec(t.Context(), "ROLLBACK"); err != nil {
		t.Fatal(err)
	}
	sweep.Wait()
	n, err := s.Available(t.Context(), "a")
	if err != nil || n != 3 || len(swept) != 1 || swept[0] != r.ID {
		t.Errorf("%v swept, %d pieces put back, %v; want all 3 of %s", swept, n, err, r.ID)
	}
}

// The night of INC-2847: under a CREATE INDEX the update of every reservation
// waits with its row locks in hand, until no connection is free; then reads wait
// too, though no lock of theirs does. Callers who have gone are not noticed.
func TestRealReserveUnderShare(t *testing.T) {
	const pool = 3
	for _, c := range []struct {
		name     string
		cancel   policy.Cancel
		deadline bool
		reserved int // rows, once the lock is gone
	}{
		{"detached, they run on: ghost writes", policy.Detach, false, pool},
		{"propagated, they are cancelled", policy.Propagate, false, 0},
		{"a deadline cancels them either way", policy.Detach, true, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			pg := pgtest.Start(t)
			clock := host.NewWallClock()
			defer clock.Close()
			_, s, dsn := open(t, pg, clock, pool, c.cancel, map[string]int{"a": 10})
			watch := connect(t, dsn)
			migration := connect(t, dsn)
			for _, sql := range []string{"BEGIN", "CREATE INDEX idx_reservations_expiry ON stock_reservations (expires_at)"} {
				if _, err := migration.Exec(t.Context(), sql); err != nil {
					t.Fatal(err)
				}
			}
			if n, err := s.Available(t.Context(), "a"); n != 10 || err != nil {
				t.Errorf("a reader sees %d, %v under SHARE; want 10", n, err)
			}

			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			if c.deadline {
				ctx, cancel = context.WithTimeout(ctx, time.Second)
				defer cancel()
			}
			var callers sync.WaitGroup
			for range pool {
				callers.Go(func() { _, _ = s.Reserve(ctx, []inventory.Item{{SKU: "a", Qty: 1}}, time.Minute) })
			}
			const stuck = `SELECT count(*) FROM pg_stat_activity a JOIN pg_locks l USING (pid)
WHERE a.application_name = 'inventory' AND a.wait_event = 'relation' AND NOT l.granted AND l.mode = 'RowExclusiveLock'
AND $1 = ANY (pg_blocking_pids(a.pid))`
			waiting := func() (n int) {
				if err := watch.QueryRow(t.Context(), stuck, migration.PgConn().PID()).Scan(&n); err != nil {
					t.Fatal(err)
				}
				return n
			}
			eventually(t, "all connections wait for the migration", func() bool { return waiting() == pool })
			late, gone := context.WithTimeout(t.Context(), 50*time.Millisecond)
			defer gone()
			if _, err := s.Available(late, "a"); err == nil {
				t.Error("a reader got a connection although none is free")
			}
			if !c.deadline {
				cancel()
			}
			if c.reserved == 0 {
				callers.Wait()
				if n := waiting(); n != 0 {
					t.Errorf("%d statements wait on behind callers that have gone", n)
				}
			} else if n := waiting(); n != pool {
				t.Errorf("%d of %d detached statements wait on", n, pool)
			}
			if _, err := migration.Exec(t.Context(), "COMMIT"); err != nil {
				t.Fatal(err)
			}
			callers.Wait()
			if n, err := s.Available(t.Context(), "a"); n != 10-c.reserved || err != nil {
				t.Errorf("%d left, %v; want %d", n, err, 10-c.reserved)
			}
		})
	}
}

func connect(t *testing.T, dsn string) *pgx.Conn {
	t.Helper()
	c, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close(context.Background()) }) // it ends with the server at the latest
	return c
}

// eventually waits for a state of the server, which says nothing when it is reached.
func eventually(t *testing.T, what string, reached func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !reached(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("never: %s", what)
		}
	}
}
