// Package pgkit is what the stores on Postgres share: the pool, transactions that
// end as their edge's policy says when the caller gives up, statements that are
// declared with their locks, and migrations.
package pgkit

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgconn/ctxwatch"
	"github.com/jackc/pgx/v5/pgxpool"

	"tripcurve/internal/policy"
	"tripcurve/services/host"
)

// Options are what a DB is made of.
type Options struct {
	Application string // application_name of the sessions
	PoolSize    int    // connections; 0 leaves it to the DSN's pool_max_conns or pgx
	Clock       host.Clock
	// Cancel says what becomes of a statement whose caller has gone: it runs on
	// (policy.Detach), or is cancelled. A deadline cancels it either way.
	Cancel policy.Cancel
	// LockTimeout is the sessions' lock_timeout; 0 waits for a lock for ever, as on
	// the night of INC-2847.
	LockTimeout time.Duration
}

// DB is one database behind one service's connection pool.
type DB struct {
	pool   *pgxpool.Pool
	clock  host.Clock
	cancel policy.Cancel
	base   context.Context // ends at Close, and with it what runs on behind its caller
	end    context.CancelFunc
}

const (
	// cancelled is how long a cancelled statement's connection waits for the server
	// to say so, before it is given up.
	cancelled = 2 * time.Second
	// rollback bounds a rollback, which a caller that has given up still owes.
	rollback = 5 * time.Second
)

// Open makes a pool. Connections are made when they are needed, so a server that
// cannot be reached is an error of the first statement.
func Open(dsn string, o Options) (*DB, error) {
	c, err := pgxpool.ParseConfig(dsn)
	if err != nil {
		return nil, fmt.Errorf("database of %s: %w", o.Application, err)
	}
	if o.PoolSize > 0 {
		c.MaxConns = int32(o.PoolSize)
	}
	c.ConnConfig.RuntimeParams["application_name"] = o.Application
	c.ConnConfig.RuntimeParams["lock_timeout"] = strconv.FormatInt(o.LockTimeout.Milliseconds(), 10)
	// The server is told that a statement's caller has gone, and the statement's
	// locks are free when the error comes. By default pgx closes the connection and
	// the locks are free some time later.
	c.ConnConfig.BuildContextWatcherHandler = func(conn *pgconn.PgConn) ctxwatch.Handler {
		return &pgconn.CancelRequestContextWatcherHandler{Conn: conn, DeadlineDelay: cancelled}
	}
	base, end := context.WithCancel(context.Background())
	pool, err := pgxpool.NewWithConfig(base, c)
	if err != nil {
		end()
		return nil, fmt.Errorf("database of %s: %w", o.Application, err)
	}
	return &DB{pool: pool, clock: o.Clock, cancel: o.Cancel, base: base, end: end}, nil
}

// Close cancels what runs on behind its caller and closes the connections.
func (db *DB) Close() {
	db.end()
	db.pool.Close()
}

// Pool is for what has statements of its own, such as a job queue, and for
// reading how much of it is in use.
func (db *DB) Pool() *pgxpool.Pool { return db.pool }

// Conn runs statements: a connection of the pool or a transaction.
type Conn interface {
	Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error)
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

// under is the context of statements whose caller has ctx.
func (db *DB) under(ctx context.Context) (context.Context, context.CancelFunc) {
	if db.cancel != policy.Detach {
		return ctx, func() {}
	}
	own, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(db.base, cancel)
	release := func() {
		stop()
		cancel()
	}
	at, timed := ctx.Deadline()
	if !timed {
		return own, release
	}
	own, cancelTimed := db.clock.WithTimeout(own, at.Sub(db.clock.Now()))
	return own, func() {
		cancelTimed()
		release()
	}
}

// Alone runs statements that are transactions of their own.
func (db *DB) Alone(ctx context.Context, f func(context.Context, Conn) error) error {
	ctx, release := db.under(ctx)
	defer release()
	return f(ctx, db.pool)
}

// InTx runs statements in one transaction, which commits when f succeeds. f's
// context carries the transaction (TxOf).
func (db *DB) InTx(ctx context.Context, f func(context.Context, Conn) error) error {
	ctx, release := db.under(ctx)
	defer release()
	return db.inTx(ctx, f)
}

func (db *DB) inTx(ctx context.Context, f func(context.Context, Conn) error) error {
	tx, err := db.pool.Begin(ctx)
	if err != nil {
		return failed(ctx, "begin", err)
	}
	open := true
	defer func() {
		if !open {
			return
		}
		ctx, cancel := db.clock.WithTimeout(context.WithoutCancel(ctx), rollback)
		defer cancel()
		_ = tx.Rollback(ctx) // the connection is closed when this fails, which rolls back too
	}()
	if err := f(context.WithValue(ctx, txKey{}, tx), tx); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return failed(ctx, "commit", err)
	}
	err = tx.Commit(ctx)
	open = false // whatever the commit came to, the transaction is over
	if err != nil {
		return failed(ctx, "commit", err)
	}
	return nil
}

type txKey struct{}

// TxOf is the transaction that a context carries, for a queue that is to commit
// with it.
func TxOf(ctx context.Context) (pgx.Tx, bool) {
	tx, ok := ctx.Value(txKey{}).(pgx.Tx)
	return tx, ok
}

// Exec runs a statement and counts the rows that it changed.
func Exec(ctx context.Context, c Conn, st host.Statement, args ...any) (rows int, err error) {
	tag, err := c.Exec(ctx, st.SQL, args...)
	if err != nil {
		return 0, failed(ctx, st.Name, err)
	}
	return int(tag.RowsAffected()), nil
}

// All runs a query and reads every row.
func All[T any](ctx context.Context, c Conn, st host.Statement, read func(pgx.CollectableRow) (T, error), args ...any) ([]T, error) {
	rows, err := c.Query(ctx, st.SQL, args...)
	if err != nil {
		return nil, failed(ctx, st.Name, err)
	}
	all, err := pgx.CollectRows(rows, read)
	if err != nil {
		return nil, failed(ctx, st.Name, err)
	}
	return all, nil
}

// One runs a query of at most one row; found is false when there is none.
func One[T any](ctx context.Context, c Conn, st host.Statement, read func(pgx.CollectableRow) (T, error), args ...any) (v T, found bool, err error) {
	all, err := All(ctx, c, st, read, args...)
	if err != nil || len(all) == 0 {
		return v, false, err
	}
	return all[0], true, nil
}

// queryCanceled is the SQLSTATE of a statement that was cancelled.
const queryCanceled = "57014"

// failed is the error of a statement. A statement that the server cancelled
// because its caller had gone is told as the end of the caller's context.
func failed(ctx context.Context, what string, err error) error {
	var pg *pgconn.PgError
	if end := ctx.Err(); end != nil && errors.As(err, &pg) && pg.Code == queryCanceled {
		return fmt.Errorf("%s: %w (%w)", what, end, err)
	}
	return fmt.Errorf("%s: %w", what, err)
}
