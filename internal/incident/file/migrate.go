package file

import (
	"database/sql"
	"fmt"
)

// migrations make a file of schema i+1 one of schema i+2.
var migrations = []string{
	// 2: since when a source is as it is, and how its clock stands to ours.
	`ALTER TABLE source ADD COLUMN since_ns INTEGER;
	 ALTER TABLE source ADD COLUMN clock_ns INTEGER;
	 ALTER TABLE source ADD COLUMN clock_err_ns INTEGER;`,
	// 3: what people wrote of the timeline, and the audit of it. Nothing ever wrote to moment.
	`DROP TABLE moment;
	 CREATE TABLE entry (id TEXT PRIMARY KEY, start_ns INTEGER, written TEXT NOT NULL) WITHOUT ROWID;
	 CREATE TABLE audit (
	   seq INTEGER PRIMARY KEY, change INTEGER NOT NULL, at_ns INTEGER NOT NULL, role TEXT NOT NULL, action TEXT NOT NULL,
	   entry TEXT NOT NULL, before TEXT, after TEXT, undoes INTEGER
	 );`,
}

// migrate brings a file that is to be added to up to this schema, in one transaction:
// it is of the old one, whole, or of the new one. Whoever only reads takes a file as
// it is.
func (w *Writer) migrate() error {
	var version int
	if err := w.db.QueryRow(`PRAGMA user_version`).Scan(&version); err != nil {
		return explain(w.path, "read the schema's version", err)
	}
	if version == Schema {
		return nil
	}
	return w.transact("bring the schema up to date", migrate)
}

// migrate brings what a transaction sees up to this schema.
func migrate(tx *sql.Tx) error {
	var version int
	if err := tx.QueryRow(`PRAGMA user_version`).Scan(&version); err != nil {
		return err
	}
	for v := version; v < Schema; v++ {
		if _, err := tx.Exec(migrations[v-1]); err != nil {
			return err
		}
	}
	_, err := tx.Exec(fmt.Sprintf(`PRAGMA user_version = %d`, Schema))
	return err
}
