package file

import (
	"database/sql"
	"errors"
	"fmt"
	"os"
)

// Snapshot writes all that is committed in an incident file at this instant to a new
// one, also while the file is being recorded. It never overwrites: the error is
// os.ErrExist then. On an error nothing is left of the copy.
func Snapshot(path, out string) error {
	r, err := Open(path)
	if err != nil {
		return err
	}
	defer r.Close()
	return r.copyTo(out)
}

// copyTo is Snapshot of an open file.
func (r *Reader) copyTo(out string) error {
	f, err := os.OpenFile(out, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	// VACUUM INTO takes an empty file as a new one, and keeps user_version and
	// application_id.
	if _, err := r.db.Exec(`VACUUM INTO ?`, out); err != nil {
		os.Remove(out)
		return explain(r.path, "copy to "+out, err)
	}
	return nil
}

// change copies a file and changes the copy in one transaction. What of the change
// is not needed any more is not in the copy's free pages either. On an error nothing
// is left of the copy.
func change(path, out, doing string, f func(*sql.Tx) error) (err error) {
	if err := Snapshot(path, out); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			os.Remove(out)
		}
	}()
	db, err := connect(out)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	tx, err := db.Begin()
	if err != nil {
		return explain(out, doing, err)
	}
	if err = f(tx); err == nil {
		err = tx.Commit()
	} else {
		err = errors.Join(err, tx.Rollback())
	}
	if err != nil {
		return explain(out, doing, err)
	}
	if _, err = db.Exec(`VACUUM`); err != nil {
		return explain(out, doing, err)
	}
	return nil
}

// unused forgets what no fact refers to any more.
func unused(tx *sql.Tx) error {
	return each(tx,
		`DELETE FROM series WHERE id NOT IN (SELECT series FROM point)`,
		`DELETE FROM endpoint WHERE id NOT IN (SELECT endpoint FROM bucket UNION SELECT endpoint FROM latency UNION SELECT endpoint FROM exemplar)`,
		`DELETE FROM origin WHERE id NOT IN (SELECT origin FROM bucket UNION SELECT origin FROM latency UNION SELECT origin FROM episode
			UNION SELECT origin FROM series UNION SELECT origin FROM exemplar UNION SELECT origin FROM change)`,
	)
}

func each(tx *sql.Tx, statements ...string) error {
	for _, s := range statements {
		if _, err := tx.Exec(s); err != nil {
			return fmt.Errorf("%s: %w", s, err)
		}
	}
	return nil
}
