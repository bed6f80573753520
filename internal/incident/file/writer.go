// Package file keeps an incident in one SQLite file: it is appended to in
// transactions while the incident goes on, and read back as evidence.
package file

import (
	"database/sql"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strconv"
	"time"

	"tripcurve/internal/incident"
)

//go:embed schema.sql
var schema string

// Writer appends to an incident file. One writer at a time; it is not safe for
// concurrent use.
type Writer struct {
	path string
	db   *sql.DB
	was  Upgrade
	// concluded says that a conclusion may be in the file.
	concluded bool
	known
	tidied time.Time // before which it forgot when it looked last for what nothing refers to
}

// known are the ids of rows that are in the file, and the episodes that go on.
// It is forgotten when a transaction fails.
type known struct {
	origins   map[incident.Origin]int64
	endpoints map[incident.Endpoint]int64
	series    map[incident.ID]int64
	caveats   map[incident.ID]string // of series, as last written
	open      map[incident.ID]incident.Episode
}

func newKnown() known {
	return known{
		origins: map[incident.Origin]int64{}, endpoints: map[incident.Endpoint]int64{},
		series: map[incident.ID]int64{}, caveats: map[incident.ID]string{}, open: map[incident.ID]incident.Episode{},
	}
}

// Create makes a new file, readable by its owner alone. It never overwrites:
// the error is os.ErrExist then.
func Create(path, name string, at time.Time) (*Writer, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := f.Close(); err != nil {
		return nil, err
	}
	w, err := create(path, path, name, at)
	if err == nil {
		if err = w.record(); err != nil {
			w.db.Close()
		}
	}
	if err != nil {
		os.Remove(path)
		return nil, err
	}
	return w, nil
}

// Write makes a new file of what fill appends. Unlike a recording, of which all that was
// committed counts, it is there whole or not at all. It never overwrites: the error is
// os.ErrExist then.
func Write(path, name string, at time.Time, fill func(*Writer) error) error {
	return anew(path, func(part string) error {
		w, err := create(part, path, name, at)
		if err != nil {
			return err
		}
		return errors.Join(fill(w), w.Close())
	})
}

// create makes a new file of an empty one; errors call it path.
func create(empty, path, name string, at time.Time) (*Writer, error) {
	db, err := connect(empty, "_txlock", "immediate")
	if err != nil {
		return nil, err
	}
	w := &Writer{path: path, db: db, known: newKnown()}
	if _, err := db.Exec(`PRAGMA auto_vacuum = INCREMENTAL`); err != nil { // before the first table, or never: see Forget
		db.Close()
		return nil, explain(path, "write the schema", err)
	}
	err = w.transact("write the schema", func(tx *sql.Tx) error {
		if _, err := tx.Exec(schema); err != nil {
			return err
		}
		if _, err := tx.Exec(`INSERT INTO meta VALUES ('name', ?), ('created_ns', ?)`, name, strconv.FormatInt(at.UnixNano(), 10)); err != nil {
			return err
		}
		_, err := tx.Exec(fmt.Sprintf(`PRAGMA application_id = %d; PRAGMA user_version = %d`, applicationID, Schema))
		return err
	})
	if err != nil {
		db.Close()
		return nil, err
	}
	return w, nil
}

// Continue opens an existing file to append to it. One of an older schema becomes one of
// this schema before, and is kept as it was: see Upgraded.
func Continue(path string) (*Writer, error) {
	if err := Check(path); err != nil {
		return nil, err
	}
	was, err := upgrade(path)
	if err != nil {
		return nil, err
	}
	w, err := resume(path)
	if err == nil {
		w.was = was
	}
	return w, err
}

// Upgraded says what became of a file of an older schema.
func (w *Writer) Upgraded() (u Upgrade, was bool) { return w.was, w.was != Upgrade{} }

// resume opens a file of this schema to append to it.
func resume(path string) (*Writer, error) {
	w, err := adopt(path, path)
	if err != nil {
		return nil, err
	}
	if err := w.record(); err != nil {
		w.db.Close()
		return nil, err
	}
	return w, nil
}

// adopt opens a file of this schema, which nobody reads yet, to append to it; errors call
// it path. There is no log beside it, which Close could not fold in when the disk is full,
// and which a rename would leave behind.
func adopt(part, path string) (*Writer, error) {
	db, err := connect(part, "_txlock", "immediate")
	if err != nil {
		return nil, err
	}
	return &Writer{path: path, db: db, concluded: true, known: newKnown()}, nil
}

// record sets what a recording promises. With a write-ahead log readers never
// wait for the writer, nor it for them. synchronous FULL makes every commit wait
// for the log's fsync: NORMAL would survive kill -9 as well, but a power loss
// could take back commits since the last checkpoint. One fsync a second is cheap.
func (w *Writer) record() error {
	for _, pragma := range []string{`PRAGMA journal_mode = WAL`, `PRAGMA synchronous = FULL`, `PRAGMA foreign_keys = OFF`} {
		if _, err := w.db.Exec(pragma); err != nil {
			return explain(w.path, "start recording", err)
		}
	}
	return nil
}

// Close leaves one file that any SQLite tool opens, without a log beside it.
func (w *Writer) Close() error {
	// With a reader looking the log has to stay. It is folded in before, for whoever
	// copies the one file then has all of it.
	_, _ = w.db.Exec(`PRAGMA wal_checkpoint(TRUNCATE)`)
	_, _ = w.db.Exec(`PRAGMA journal_mode = DELETE`)
	if err := w.db.Close(); err != nil {
		return explain(w.path, "close", err)
	}
	return nil
}

// Append writes facts and how sources do in one transaction: all of it is in
// the file for good when Append returns, or none of it with an error.
func (w *Writer) Append(facts []incident.Fact, sources []incident.SourceStatus) error {
	if len(facts) == 0 && len(sources) == 0 {
		return nil
	}
	drop := w.concluded && len(facts) > 0
	err := w.transact("append", func(tx *sql.Tx) error {
		if drop {
			if _, err := tx.Exec(dropConclusion); err != nil {
				return err
			}
		}
		b := &batch{tx: tx, known: &w.known, stmts: map[string]*sql.Stmt{}}
		for _, f := range facts {
			if err := b.fact(f); err != nil {
				return err
			}
		}
		for _, s := range sources {
			if err := b.source(s); err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil && drop {
		w.concluded = false
	}
	return err
}

// ThresholdSet is a choice of policy values, as made on the Tune screen.
type ThresholdSet struct {
	Name    string // "chosen"; one of the same name is replaced
	At      time.Time
	Library string
	Sets    []string // "order.inventory.timeout=5s", in the order they were set
}

// SaveThresholds writes a choice of policy values.
func (w *Writer) SaveThresholds(t ThresholdSet) error {
	return w.transact("save thresholds", func(tx *sql.Tx) error {
		sets, err := json.Marshal(append([]string{}, t.Sets...))
		if err != nil {
			return err
		}
		_, err = tx.Exec(`INSERT OR REPLACE INTO threshold_set VALUES (?, ?, ?, ?)`, t.Name, t.At.UnixNano(), t.Library, string(sets))
		return err
	})
}

func (w *Writer) transact(doing string, f func(*sql.Tx) error) error {
	tx, err := w.db.Begin()
	if err != nil {
		return explain(w.path, doing, err)
	}
	if err = f(tx); err == nil {
		err = tx.Commit()
	}
	if err != nil {
		w.known = newKnown()
		if back := tx.Rollback(); back != nil && !errors.Is(back, sql.ErrTxDone) && code(err) == 0 {
			err = errors.Join(err, back)
		}
		return explain(w.path, doing, err)
	}
	return nil
}
