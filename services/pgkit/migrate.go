package pgkit

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"path"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"

	"tripcurve/internal/pglock"
	"tripcurve/services/host"
)

// Migrations is the schema of one service, as files NNNN_name.sql that are
// numbered from 0001 without a gap and only ever added to.
type Migrations struct {
	Set   string // what the files belong to, for a database that holds several
	Files fs.FS
}

// What migrating does to the database, besides the files.
var (
	// MigrationsRecorded reads which files have been run.
	MigrationsRecorded = host.Statement{
		Name:  "migrations_recorded",
		SQL:   `SELECT sha256 FROM schema_migrations WHERE set = $1 AND version = $2`,
		Table: "schema_migrations", Lock: pglock.AccessShare,
	}
	// MigrationsRecord says that a file has been run.
	MigrationsRecord = host.Statement{
		Name:  "migrations_record",
		SQL:   `INSERT INTO schema_migrations (set, version, name, sha256) VALUES ($1, $2, $3, $4)`,
		Table: "schema_migrations", Lock: pglock.RowExclusive,
	}
)

// Statements are the two of every migration.
func Statements() []host.Statement { return []host.Statement{MigrationsRecorded, MigrationsRecord} }

const (
	// migrationLock makes processes that start together migrate one after the other.
	// It is "trip" as a number.
	migrationLock = 0x74726970
	// MigrationLockTimeout bounds each wait of a migration for a lock on a table:
	// while it waits, readers and writers wait behind it.
	MigrationLockTimeout = "5s"
	createRecord         = `CREATE TABLE IF NOT EXISTS schema_migrations (
	set text NOT NULL,
	version integer NOT NULL,
	name text NOT NULL,
	sha256 text NOT NULL,
	applied_at timestamptz NOT NULL DEFAULT now(),
	PRIMARY KEY (set, version)
)`
)

// Migration is one file.
type Migration struct {
	Version int
	Name    string // of the file
	SQL     string
}

// List reads the files in their order.
func (m Migrations) List() ([]Migration, error) {
	names, err := fs.Glob(m.Files, "migrations/*.sql")
	if err != nil {
		return nil, fmt.Errorf("migrations of %s: %w", m.Set, err)
	}
	all := make([]Migration, len(names)) // Glob sorts
	for i, name := range names {
		sql, err := fs.ReadFile(m.Files, name)
		if err != nil {
			return nil, fmt.Errorf("migrations of %s: %w", m.Set, err)
		}
		number, _, _ := strings.Cut(path.Base(name), "_")
		version, err := strconv.Atoi(number)
		if err != nil || version != i+1 || len(number) != 4 {
			return nil, fmt.Errorf("migrations of %s: file %s: want number %04d", m.Set, path.Base(name), i+1)
		}
		all[i] = Migration{Version: version, Name: path.Base(name), SQL: string(sql)}
	}
	return all, nil
}

// Migrate runs the files that have not been run yet, each in a transaction of its
// own, and names them. Processes that start together wait for each other. A file
// that has changed since it was run is an error; a version that the program does
// not know yet is not, so that an older process can start beside a newer one.
func (db *DB) Migrate(ctx context.Context, m Migrations) (run []string, err error) {
	all, err := m.List()
	if err != nil {
		return nil, err
	}
	for _, f := range all {
		fresh := false
		err := db.inTx(ctx, func(ctx context.Context, c Conn) (err error) {
			fresh, err = f.run(ctx, c, m.Set)
			return err
		})
		if err != nil {
			return run, fmt.Errorf("migration %s of %s: %w", f.Name, m.Set, err)
		}
		if fresh {
			run = append(run, f.Name)
		}
	}
	return run, nil
}

// run runs the file unless it has been run before.
func (f Migration) run(ctx context.Context, c Conn, set string) (fresh bool, err error) {
	for _, sql := range []string{
		`SET LOCAL lock_timeout = 0`, // the others may have more to do than a lock is waited for
		`SELECT pg_advisory_xact_lock(` + strconv.Itoa(migrationLock) + `)`,
		`SET LOCAL lock_timeout = '` + MigrationLockTimeout + `'`,
		createRecord,
	} {
		if _, err := c.Exec(ctx, sql); err != nil {
			return false, failed(ctx, "prepare", err)
		}
	}
	sum := sha256.Sum256([]byte(f.SQL))
	want := hex.EncodeToString(sum[:])
	got, found, err := One(ctx, c, MigrationsRecorded, pgx.RowTo[string], set, f.Version)
	switch {
	case err != nil:
		return false, err
	case found && got != want:
		return false, fmt.Errorf("the file has changed since it was run: sha256 %.12s then, %.12s now", got, want)
	case found:
		return false, nil
	}
	// No arguments: one message may then hold several statements.
	tx, _ := TxOf(ctx)
	if _, err := tx.Conn().PgConn().Exec(ctx, f.SQL).ReadAll(); err != nil {
		return false, failed(ctx, "run", err)
	}
	_, err = Exec(ctx, c, MigrationsRecord, set, f.Version, f.Name, want)
	return true, err
}
