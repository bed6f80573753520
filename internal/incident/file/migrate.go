package file

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	sqlite3 "modernc.org/sqlite/lib"
)

// Upgrade says that a file of an older schema was brought up to date to be added to.
// The zero value: it was not, for it had this schema.
type Upgrade struct {
	From int    // schema of the file as it was
	Kept string // the file as it was, under this name beside the new one
}

// ErrInUse is an older file that cannot be brought up to date because another program
// has it open.
var ErrInUse = errors.New("another program has it open: close it there, or add to a copy (tripcurve snapshot)")

// Tests interrupt an upgrade at its stages, and have a disk without second names.
var (
	stage = func(string) {}
	link  = os.Link
)

// upgrade brings the file at path, if it is of an older schema, up to this one. That is done
// in a copy, which then takes its name: at every instant there is a whole file of that name,
// of the old schema or of the new one, and the old one stays, under a name that tells its
// schema. On an error, for instance without room for the copy, all is as it was.
func upgrade(path string) (u Upgrade, err error) {
	// Where the name is a link, the file that it leads to is what gets another content.
	if path, err = filepath.EvalSymlinks(path); err != nil {
		return u, err
	}
	info, err := os.Stat(path)
	if err != nil {
		return u, err
	}
	db, err := connect(path, "_txlock", "immediate")
	if err != nil {
		return u, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	var from int
	if err := db.QueryRow(`PRAGMA user_version`).Scan(&from); err != nil {
		return u, explain(path, "read the schema's version", err)
	}
	if from == Schema {
		return u, nil
	}
	doing := fmt.Sprintf("bring schema %d up to %d in a copy", from, Schema)
	// The log that a killed recorder left has to be in the file before the file gets another
	// name, for a log belongs to a name. Folding it in fails while somebody has the file open.
	var mode string
	if err := db.QueryRow(`PRAGMA journal_mode = DELETE`).Scan(&mode); err != nil {
		return u, inUse(path, doing, err)
	} else if mode != "delete" {
		return u, fmt.Errorf("%s: %s: %w", path, doing, ErrInUse)
	}
	// Nobody adds to the file between its being copied and its being replaced.
	lock, err := db.Begin()
	if err != nil {
		return u, inUse(path, doing, err)
	}
	defer func() { err = errors.Join(err, lock.Rollback()) }() // nothing was written
	if !same(path, info) {
		return u, fmt.Errorf("%s: %s: %w", path, doing, ErrInUse) // somebody else has just done it
	}
	part := filepath.Join(filepath.Dir(path), fmt.Sprintf(".%s.schema%d.part", filepath.Base(path), Schema))
	// A part that is there was left by a program that was killed: whoever is here has the lock.
	if err := remove(part); err != nil {
		return u, explain(path, doing, err)
	}
	if err := duplicate(path, part, info.Mode().Perm(), raised); err != nil {
		return u, explain(path, doing, err)
	}
	stage("copied")
	kept, err := keep(path, from, info)
	if err != nil {
		return u, explain(path, doing, errors.Join(err, remove(part)))
	}
	stage("kept")
	if err := os.Rename(part, path); err != nil {
		return u, explain(path, doing, errors.Join(err, remove(part), remove(kept)))
	}
	stage("renamed")
	return Upgrade{from, kept}, explained(path, doing, syncFolder(filepath.Dir(path)))
}

// inUse is explain where being locked is somebody else's doing.
func inUse(path, doing string, err error) error {
	if code(err) == sqlite3.SQLITE_BUSY {
		err = ErrInUse
	}
	return explain(path, doing, err)
}

// duplicate copies the incident file at path to a new one, lets change have the copy, which
// may be nil, and sees to it that it is on the disk. On an error nothing is left of it.
func duplicate(path, to string, mode fs.FileMode, change func(string) error) (err error) {
	f, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_RDWR, mode)
	if err != nil {
		return err
	}
	defer func() {
		if err = errors.Join(err, f.Close()); err != nil {
			err = errors.Join(err, remove(to))
		}
	}()
	if err := f.Chmod(mode); err != nil { // the umask took from it
		return err
	}
	stage("begun")
	// Not by Open nor byte by byte: whoever closes a file ends all locks of this process on
	// it, as POSIX has them; SQLite knows.
	db, err := connect(path, "mode", "ro")
	if err != nil {
		return err
	}
	r := Reader{path: path, db: db}
	if err := errors.Join(r.copyTo(to), r.Close()); err != nil {
		return err
	}
	stage("as it was")
	if change != nil {
		if err := change(to); err != nil {
			return err
		}
	}
	return f.Sync()
}

// raised brings a file that is nobody's yet, a copy, up to this schema, and checks it then.
func raised(part string) (err error) {
	db, err := connect(part)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	var version int
	if err := db.QueryRow(`PRAGMA user_version`).Scan(&version); err != nil || version == Schema {
		return err
	}
	tx, err := db.Begin()
	if err != nil {
		return err
	}
	if err := raise(tx, Schema); err != nil {
		return errors.Join(err, tx.Rollback())
	}
	if err := tx.Commit(); err != nil {
		return err
	}
	var said string
	if err := db.QueryRow(`PRAGMA quick_check(1)`).Scan(&said); err != nil {
		return err
	}
	if said != "ok" {
		return fmt.Errorf("%w: %s", ErrCorrupt, said)
	}
	return nil
}

// keep gives the file at path a second name that tells its schema, a free one. Where a disk
// has no second names it is copied.
func keep(path string, schema int, is fs.FileInfo) (string, error) {
	for n := 1; n < 100; n++ {
		name := fmt.Sprintf("%s.schema%d", path, schema)
		if n > 1 {
			name = fmt.Sprintf("%s-%d", name, n)
		}
		err := link(path, name)
		if errors.Is(err, fs.ErrExist) {
			if same(name, is) { // of an upgrade that was killed
				return name, nil
			}
			continue
		}
		if err != nil {
			err = duplicate(path, name, is.Mode().Perm(), nil)
		}
		if errors.Is(err, fs.ErrExist) {
			continue
		}
		return name, err
	}
	return "", fmt.Errorf("there are 99 files %s.schema%d; remove some: %w", filepath.Base(path), schema, fs.ErrExist)
}

// same says whether the name is that of this file.
func same(name string, is fs.FileInfo) bool {
	info, err := os.Stat(name)
	return err == nil && os.SameFile(info, is)
}

// remove removes a file, if it is there.
func remove(path string) error {
	if err := os.Remove(path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// syncFolder sees to it that the names in a folder are on the disk.
func syncFolder(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
