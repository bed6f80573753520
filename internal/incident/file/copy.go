package file

import (
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
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
	return anew(out, r.copyTo)
}

// anew makes a new file by write, under another name until it is whole: who is killed
// meanwhile leaves an empty file of that name, and not one that says more, or less, than
// it should.
func anew(out string, write func(part string) error) (err error) {
	claim, err := os.OpenFile(out, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	part, err := os.CreateTemp(filepath.Dir(out), "."+filepath.Base(out)+".*.part")
	if err = errors.Join(err, claim.Close()); err != nil {
		os.Remove(out)
		return err
	}
	if err = part.Close(); err == nil {
		err = write(part.Name())
	}
	if err == nil {
		err = os.Rename(part.Name(), out)
	}
	if err != nil {
		os.Remove(part.Name())
		os.Remove(part.Name() + "-journal")
		os.Remove(out)
	}
	return err
}

// copyTo copies an open file to an empty one.
func (r *Reader) copyTo(out string) error {
	// VACUUM INTO takes an empty file as a new one, and keeps user_version and
	// application_id.
	if _, err := r.db.Exec(`VACUUM INTO ?`, out); err != nil {
		return explain(r.path, "copy", err)
	}
	return nil
}

// change copies a file and changes the copy, of this schema, in one transaction. What of the change
// is not needed any more is not in the copy's free pages either. On an error nothing
// is left of the copy.
func change(path, out, doing string, f func(*sql.Tx) error) error {
	r, err := Open(path)
	if err != nil {
		return err
	}
	defer r.Close()
	return anew(out, func(part string) (err error) {
		if err := r.copyTo(part); err != nil {
			return err
		}
		db, err := connect(part)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, db.Close()) }()
		tx, err := db.Begin()
		if err != nil {
			return explain(out, doing, err)
		}
		if err = raise(tx, Schema); err == nil {
			_, err = tx.Exec(dropConclusion)
		}
		if err == nil {
			err = f(tx)
		}
		if err == nil {
			err = tx.Commit()
		} else {
			err = errors.Join(err, tx.Rollback())
		}
		if err == nil {
			_, err = db.Exec(`VACUUM`)
		}
		return explained(out, doing, err)
	})
}

// unused forgets what no fact refers to any more.
func unused(tx *sql.Tx) error {
	return each(tx,
		`DELETE FROM series WHERE id NOT IN (SELECT series FROM point UNION SELECT series FROM histogram)`,
		`DELETE FROM endpoint WHERE id NOT IN (SELECT endpoint FROM bucket UNION SELECT endpoint FROM latency UNION SELECT endpoint FROM exemplar)`,
		`DELETE FROM log_file WHERE origin NOT IN (SELECT origin FROM bucket UNION SELECT origin FROM exemplar UNION SELECT origin FROM upstream)`,
		`DELETE FROM origin WHERE id NOT IN (SELECT origin FROM bucket UNION SELECT origin FROM latency UNION SELECT origin FROM episode
			UNION SELECT origin FROM series UNION SELECT origin FROM exemplar UNION SELECT origin FROM change UNION SELECT origin FROM upstream)`,
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
