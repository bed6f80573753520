package riverqueue

import (
	"context"
	"fmt"
	"log/slog"
	"strconv"

	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivermigrate"

	"tripcurve/services/pgkit"
)

// migrationLock is the advisory lock of processes that migrate the queue; the
// services' own migrations have another.
const migrationLock = 0x7269766572 // "river"

// Migrate makes River's tables, or brings them up to date. Processes that start
// together wait for each other. River runs each version in a transaction of its
// own: the value that one adds to an enum is used by the next.
func Migrate(ctx context.Context, db *pgkit.DB) (err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("migrate the queue: %w", err)
		}
	}()
	// A session beside the pool, which may be one connection wide. Its end unlocks.
	lock, err := pgx.ConnectConfig(ctx, db.Pool().Config().ConnConfig)
	if err != nil {
		return err
	}
	defer func() { _ = lock.Close(ctx) }()
	if _, err := lock.Exec(ctx, "SELECT pg_advisory_lock("+strconv.Itoa(migrationLock)+")"); err != nil {
		return err
	}
	m, err := rivermigrate.New(riverpgxv5.New(db.Pool()), &rivermigrate.Config{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return err
	}
	_, err = m.Migrate(ctx, rivermigrate.DirectionUp, nil)
	return err
}

// Tables are River's, in the order of their names.
func Tables() []string {
	return []string{"river_job", "river_leader", "river_migration", "river_notification", "river_queue"}
}
