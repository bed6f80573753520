package file

import (
	"database/sql"
	"fmt"
	"strings"
)

// step is what one schema has that the one before it had not: new tables, and new columns
// at the end of old ones. Because a step adds, and takes away only what nobody reads, one
// entry serves both ways of taking an older file: raise changes a copy of it, and overlay
// lets it be read as it is.
type step struct {
	dropped []string // tables that nothing was ever written to
	tables  []table
	columns []column
}

// table is a new table, empty in files of before.
type table struct {
	name string
	body string // what stands behind CREATE TABLE name
}

// column is a new column at the end of a table.
type column struct {
	table, name, kind string
	// before is its value, as SQL, in rows that were written before it was there. With
	// another value than NULL the column is NOT NULL DEFAULT that, also in schema.sql.
	before string
}

// steps make a file of schema i+1 one of schema i+2. schema.sql is what all of them come to.
var steps = []step{
	// 2: since when a source is as it is, and how its clock stands to ours.
	{columns: []column{
		{"source", "since_ns", "INTEGER", "NULL"},
		{"source", "clock_ns", "INTEGER", "NULL"},
		{"source", "clock_err_ns", "INTEGER", "NULL"},
	}},
	// 3: what people wrote of the timeline, and the audit of it.
	{dropped: []string{"moment"}, tables: []table{
		{"entry", `(id TEXT PRIMARY KEY, start_ns INTEGER, written TEXT NOT NULL) WITHOUT ROWID`},
		{"audit", `(
			seq INTEGER PRIMARY KEY, change INTEGER NOT NULL, at_ns INTEGER NOT NULL, role TEXT NOT NULL, action TEXT NOT NULL,
			entry TEXT NOT NULL, before TEXT, after TEXT, undoes INTEGER
		)`},
	}},
	// 4: which upstreams requests went to, where logs lay, and how calls were distributed.
	{tables: []table{
		{"histogram", `(
			series INTEGER NOT NULL REFERENCES series, at_ns INTEGER NOT NULL, bins TEXT NOT NULL,
			PRIMARY KEY (series, at_ns)
		) WITHOUT ROWID`},
		{"upstream", `(
			at_ns INTEGER NOT NULL, width_ns INTEGER NOT NULL, name TEXT NOT NULL, status INTEGER NOT NULL, outcome TEXT NOT NULL,
			origin INTEGER NOT NULL REFERENCES origin, byte_from INTEGER NOT NULL, byte_to INTEGER NOT NULL,
			started INTEGER NOT NULL, ended INTEGER NOT NULL, sketch BLOB,
			PRIMARY KEY (at_ns, width_ns, name, status, outcome, origin, byte_from, byte_to)
		) WITHOUT ROWID`},
		{"log_file", `(
			origin INTEGER NOT NULL REFERENCES origin, path TEXT NOT NULL, format TEXT NOT NULL, zone TEXT NOT NULL, unit TEXT NOT NULL,
			routes TEXT NOT NULL, byte_from INTEGER NOT NULL, byte_to INTEGER NOT NULL,
			PRIMARY KEY (origin, path)
		) WITHOUT ROWID`},
	}, columns: []column{
		{"exemplar", "upstream", "TEXT", "''"},
	}},
}

// raise brings a file of an older schema up to this one or, in a test, to another.
func raise(tx *sql.Tx, to int) error {
	var version int
	if err := tx.QueryRow(`PRAGMA user_version`).Scan(&version); err != nil || version >= to {
		return err
	}
	for ; version < to; version++ {
		for _, t := range steps[version-1].dropped {
			if _, err := tx.Exec("DROP TABLE " + t); err != nil {
				return err
			}
		}
		for _, t := range steps[version-1].tables {
			if _, err := tx.Exec("CREATE TABLE " + t.name + " " + t.body); err != nil {
				return err
			}
		}
		for _, c := range steps[version-1].columns {
			declared := c.kind
			if c.before != "NULL" {
				declared += " NOT NULL DEFAULT " + c.before
			}
			if _, err := tx.Exec(fmt.Sprintf("ALTER TABLE %s ADD COLUMN %s %s", c.table, c.name, declared)); err != nil {
				return err
			}
		}
	}
	_, err := tx.Exec(fmt.Sprintf(`PRAGMA user_version = %d`, to))
	return err
}

// overlay makes a connection see an older file as one of this schema, without a change to
// the file: what it lacks is laid over it in the connection's own temporary schema, whose
// names go before those of the file.
func overlay(db *sql.DB) error {
	var version int
	if err := db.QueryRow(`PRAGMA user_version`).Scan(&version); err != nil {
		return err
	}
	if version >= Schema {
		return nil
	}
	if _, err := db.Exec(`PRAGMA temp_store = MEMORY`); err != nil { // a full disk can still be read from
		return err
	}
	lacks := map[string][]string{} // of each table: its new columns
	var order []string
	for _, s := range steps[version-1:] {
		for _, t := range s.tables {
			if _, err := db.Exec("CREATE TEMP TABLE " + t.name + " " + t.body); err != nil {
				return err
			}
			lacks[t.name] = nil
		}
		for _, c := range s.columns {
			if _, seen := lacks[c.table]; !seen {
				order = append(order, c.table)
			}
			lacks[c.table] = append(lacks[c.table], c.before+" AS "+c.name)
		}
	}
	for _, t := range order {
		if _, err := db.Exec(fmt.Sprintf("CREATE TEMP VIEW %s AS SELECT *, %s FROM main.%[1]s", t, strings.Join(lacks[t], ", "))); err != nil {
			return err
		}
	}
	return nil
}
