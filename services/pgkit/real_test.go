//go:build real

package pgkit_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"tripcurve/internal/pgtest"
	"tripcurve/internal/policy"
	"tripcurve/services/host"
	"tripcurve/services/inventory/pgstock"
	"tripcurve/services/order/pgstore"
	"tripcurve/services/payment/pgledger"
	"tripcurve/services/pgkit"
	"tripcurve/services/pgkit/locktest"
)

func open(t *testing.T, dsn string, o pgkit.Options) *pgkit.DB {
	t.Helper()
	clock := host.NewWallClock()
	t.Cleanup(clock.Close)
	o.Clock, o.Application = clock, "kit"
	db, err := pgkit.Open(dsn, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	return db
}

func TestRealProcessesThatStartTogetherMigrateOnce(t *testing.T) {
	const processes = 8
	dsn := pgtest.Start(t).Database(t)
	all := []pgkit.Migrations{pgstock.Migrations, pgstore.Migrations, pgledger.Migrations} // three in one database
	run := make([][]string, processes)
	var wg sync.WaitGroup
	for i := range processes {
		db := open(t, dsn, pgkit.Options{PoolSize: 2})
		wg.Go(func() {
			for _, m := range all {
				names, err := db.Migrate(t.Context(), m)
				if err != nil {
					t.Errorf("process %d: %v", i, err)
				}
				run[i] = append(run[i], names...)
			}
		})
	}
	wg.Wait()
	times := map[string]int{}
	for _, names := range run {
		for _, n := range names {
			times[n]++
		}
	}
	want := map[string]int{}
	for _, m := range all {
		files, err := m.List()
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			want[f.Name]++
		}
	}
	if diff := cmp.Diff(want, times); diff != "" {
		t.Errorf("how often each file was run (-want +got):\n%s", diff)
	}
	names, err := open(t, dsn, pgkit.Options{}).Migrate(t.Context(), pgstock.Migrations)
	if err != nil || len(names) != 0 {
		t.Errorf("a later start ran %v, %v", names, err)
	}
}

func migrations(files ...string) pgkit.Migrations {
	m := fstest.MapFS{}
	for i := 0; i < len(files); i += 2 {
		m["migrations/"+files[i]] = &fstest.MapFile{Data: []byte(files[i+1])}
	}
	return pgkit.Migrations{Set: "test", Files: m}
}

func TestRealMigrations(t *testing.T) {
	pg := pgtest.Start(t)
	first := []string{"0001_a.sql", "CREATE TABLE a (n int); INSERT INTO a VALUES (1)"}

	t.Run("a file that fails leaves nothing behind", func(t *testing.T) {
		dsn := pg.Database(t)
		db := open(t, dsn, pgkit.Options{})
		run, err := db.Migrate(t.Context(), migrations(append(first, "0002_b.sql", "CREATE TABLE b (n int); SELECT 1/0")...))
		if err == nil || !strings.Contains(err.Error(), "0002_b.sql of test") {
			t.Errorf("error %v, want one of 0002_b.sql", err)
		}
		if diff := cmp.Diff([]string{"0001_a.sql"}, run); diff != "" {
			t.Errorf("run (-want +got):\n%s", diff)
		}
		run, err = db.Migrate(t.Context(), migrations(append(first, "0002_b.sql", "CREATE TABLE b (n int)")...))
		if diff := cmp.Diff([]string{"0002_b.sql"}, run); err != nil || diff != "" {
			t.Errorf("error %v, run once it is mended (-want +got):\n%s", err, diff)
		}
	})

	t.Run("a file that was changed is refused", func(t *testing.T) {
		db := open(t, pg.Database(t), pgkit.Options{})
		if _, err := db.Migrate(t.Context(), migrations(first...)); err != nil {
			t.Fatal(err)
		}
		_, err := db.Migrate(t.Context(), migrations("0001_a.sql", "CREATE TABLE a (n bigint)"))
		if err == nil || !strings.Contains(err.Error(), "has changed since it was run") {
			t.Errorf("error %v", err)
		}
	})

	t.Run("a file that waits for a lock gives up", func(t *testing.T) {
		dsn := pg.Database(t)
		db := open(t, dsn, pgkit.Options{})
		if _, err := db.Migrate(t.Context(), migrations(first...)); err != nil {
			t.Fatal(err)
		}
		reader := connect(t, dsn)
		for _, sql := range []string{"BEGIN", "SELECT * FROM a"} {
			if _, err := reader.Exec(t.Context(), sql); err != nil {
				t.Fatal(err)
			}
		}
		began := time.Now()
		_, err := db.Migrate(t.Context(), migrations(append(first, "0002_b.sql", "ALTER TABLE a ADD COLUMN m int")...))
		if err == nil || !strings.Contains(err.Error(), "lock timeout") {
			t.Errorf("error %v, want a lock timeout", err)
		}
		if took := time.Since(began); took > 15*time.Second {
			t.Errorf("waited %v for the lock", took)
		}
	})

	t.Run("its statements take the locks they declare", func(t *testing.T) {
		dsn := pg.Database(t)
		if _, err := open(t, dsn, pgkit.Options{}).Migrate(t.Context(), migrations(first...)); err != nil {
			t.Fatal(err)
		}
		locktest.Run(t, dsn, pgkit.Statements(), map[string][]any{
			"migrations_recorded": {"test", 1},
			"migrations_record":   {"test", 2, "0002_b.sql", "00"},
		})
	})
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

// A cancelled statement gives its connection back, and its locks before its
// error.
func TestRealCancelledStatement(t *testing.T) {
	db := open(t, pgtest.Start(t).Database(t), pgkit.Options{PoolSize: 1, Cancel: policy.Propagate})
	pid := func() (pid int) {
		if err := db.Pool().QueryRow(t.Context(), "SELECT pg_backend_pid()").Scan(&pid); err != nil {
			t.Fatal(err)
		}
		return pid
	}
	before := pid()
	for range 3 {
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		err := db.InTx(ctx, func(ctx context.Context, c pgkit.Conn) error {
			_, err := pgkit.Exec(ctx, c, host.Statement{Name: "nap", SQL: "SELECT pg_sleep(30)"})
			return err
		})
		cancel()
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("error %v, want %v", err, context.DeadlineExceeded)
		}
	}
	if after := pid(); after != before {
		t.Errorf("the connection was not kept: backend %d, then %d", before, after)
	}
}

// Close ends what runs on behind callers that have gone.
func TestRealCloseEndsDetachedStatements(t *testing.T) {
	db := open(t, pgtest.Start(t).Database(t), pgkit.Options{PoolSize: 1, Cancel: policy.Detach})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	running, ended := make(chan struct{}), make(chan error)
	go func() {
		ended <- db.InTx(ctx, func(ctx context.Context, c pgkit.Conn) error {
			close(running)
			_, err := pgkit.Exec(ctx, c, host.Statement{Name: "nap", SQL: "SELECT pg_sleep(30)"})
			return err
		})
	}()
	<-running // although its caller had gone
	began := time.Now()
	db.Close()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want %v", err, context.Canceled)
	}
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("closing took %v", took)
	}
}

func TestRealLockTimeout(t *testing.T) {
	dsn := pgtest.Start(t).Database(t)
	for d, want := range map[time.Duration]string{0: "0", 1500 * time.Millisecond: "1500ms"} {
		db := open(t, dsn, pgkit.Options{LockTimeout: d})
		var got, app string
		err := db.Pool().QueryRow(t.Context(), "SELECT current_setting('lock_timeout'), current_setting('application_name')").Scan(&got, &app)
		if err != nil || got != want || app != "kit" {
			t.Errorf("lock_timeout %q of %q, %v; want %q", got, app, err, want)
		}
	}
}
