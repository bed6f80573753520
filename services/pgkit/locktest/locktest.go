// Package locktest holds declared lock footprints against a live server.
package locktest

import (
	"context"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"tripcurve/internal/pglock"
	"tripcurve/services/host"
)

const (
	// heldTables is what a session's transaction has locked of the user's tables.
	heldTables = `SELECT c.relname || ' ' || l.mode FROM pg_locks l JOIN pg_class c ON c.oid = l.relation
WHERE l.pid = $1 AND l.granted AND l.locktype = 'relation' AND c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace
ORDER BY 1`
	// patience is far longer than a statement here takes, and the price of each of
	// the waits that are expected.
	patience = "100ms"
	// lockNotAvailable is the SQLSTATE of a wait that lock_timeout ended.
	lockNotAvailable = "55P03"
)

// Run checks every statement in the database of dsn, which has the schema: what
// pg_locks shows while its transaction is open is its table in its mode and
// nothing else, and it waits for those modes of others that pglock says, and no
// others. args are what each can be run with, by name.
func Run(t *testing.T, dsn string, all []host.Statement, args map[string][]any) {
	ctx := t.Context()
	connect := func() *pgx.Conn {
		c, err := pgx.Connect(ctx, dsn)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close(context.Background()) }) // it ends with the server at the latest
		return c
	}
	one, other := connect(), connect()
	if _, err := one.Exec(ctx, "SET lock_timeout = '"+patience+"'"); err != nil {
		t.Fatal(err)
	}
	begin := func(t *testing.T, c *pgx.Conn) pgx.Tx {
		tx, err := c.Begin(ctx)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = tx.Rollback(context.Background()) })
		return tx
	}
	for _, st := range all {
		with, known := args[st.Name]
		if !known {
			t.Errorf("%s: no arguments to run it with", st.Name)
			continue
		}
		t.Run(st.Name, func(t *testing.T) {
			tx := begin(t, one)
			if _, err := tx.Exec(ctx, st.SQL, with...); err != nil {
				t.Fatal(err)
			}
			rows, err := other.Query(ctx, heldTables, one.PgConn().PID())
			if err != nil {
				t.Fatal(err)
			}
			held, err := pgx.CollectRows(rows, pgx.RowTo[string])
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff([]string{st.Table + " " + st.Lock.Catalog()}, held); diff != "" {
				t.Errorf("table locks (-declared +pg_locks):\n%s", diff)
			}
		})
		for mode := pglock.AccessShare; mode <= pglock.AccessExclusive; mode++ {
			t.Run(st.Name+" under "+mode.String(), func(t *testing.T) {
				holder := begin(t, other)
				if _, err := holder.Exec(ctx, "LOCK TABLE "+st.Table+" IN "+mode.String()+" MODE"); err != nil {
					t.Fatal(err)
				}
				_, err := begin(t, one).Exec(ctx, st.SQL, with...)
				var pg *pgconn.PgError
				waited := errors.As(err, &pg) && pg.Code == lockNotAvailable
				if err != nil && !waited {
					t.Fatal(err)
				}
				if want := pglock.Conflicts(mode, st.Lock); waited != want {
					t.Errorf("waited: %v, want %v for %s", waited, want, st.Lock)
				}
			})
		}
	}
}
