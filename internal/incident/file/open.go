package file

import (
	"bytes"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// Schema is the version of the files that this program writes, kept in
// PRAGMA user_version.
const Schema = 4

// applicationID marks an SQLite file as an incident: "trip".
const applicationID = 0x74726970

var (
	// ErrNotIncident is a file of another kind.
	ErrNotIncident = errors.New("not an incident file")
	// ErrNewerSchema is a file written by a newer program.
	ErrNewerSchema = errors.New("incident file of a newer schema")
	// ErrCorrupt is an incident file that is cut short or damaged.
	ErrCorrupt = errors.New("damaged incident file")
	// ErrFull is a disk without room. What was appended before stays readable.
	ErrFull = errors.New("no room left on disk")
	// ErrUnwritable is a disk that takes no writes any more: it became read-only, or
	// it fails. What was appended before stays readable.
	ErrUnwritable = errors.New("the disk takes no writes any more (read-only, or failing)")
)

// Check reads the file's header alone: what kind it is, which schema, and whether all
// of its pages are there.
func Check(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err // os names the path
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if info.IsDir() {
		return fmt.Errorf("%s: %w: it is a directory", path, ErrNotIncident)
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("%s: %w", path, ErrNotIncident)
	}
	// The SQLite file format: page size at byte 16, change counter 24, page count 28, user_version 60,
	// application_id 68, the change counter the page count is valid for 92.
	var h [100]byte
	if _, err := io.ReadFull(f, h[:]); errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("%s: %w: it has %d bytes", path, ErrNotIncident, info.Size())
	} else if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	word := func(at int) uint32 { return binary.BigEndian.Uint32(h[at:]) }
	if !bytes.HasPrefix(h[:], []byte(magic)) {
		return fmt.Errorf("%s: %w", path, ErrNotIncident)
	}
	if word(68) != applicationID {
		return fmt.Errorf("%s: %w: an SQLite file of another program", path, ErrNotIncident)
	}
	if v := word(60); v > Schema {
		return fmt.Errorf("%s: %w: it has schema %d, this program reads up to %d", path, ErrNewerSchema, v, Schema)
	} else if v == 0 {
		return fmt.Errorf("%s: %w: schema 0 was never written", path, ErrCorrupt)
	}
	pageSize := int64(binary.BigEndian.Uint16(h[16:]))
	if pageSize == 1 {
		pageSize = 65536
	}
	// With a log beside it the pages that are not here are there: a disk that was full
	// took the head of the file with the new count, and not the pages behind it.
	wal, err := os.Stat(path + "-wal")
	logged := err == nil && wal.Size() > 0
	if want := pageSize * int64(word(28)); word(24) == word(92) && info.Size() < want && !logged {
		return fmt.Errorf("%s: %w: cut short, %d of %d bytes are there", path, ErrCorrupt, info.Size(), want)
	}
	return nil
}

// connect opens the file with what every connection of ours wants.
func connect(path string, params ...string) (*sql.DB, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	q := url.Values{"_pragma": {"busy_timeout(5000)", "trusted_schema(0)"}}
	for i := 0; i+1 < len(params); i += 2 {
		q.Add(params[i], params[i+1])
	}
	db, err := sql.Open("sqlite", (&url.URL{Scheme: "file", Path: abs, RawQuery: q.Encode()}).String())
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	db.SetMaxOpenConns(1)
	return db, nil
}

// explain turns SQLite's error codes into ours and says what was being done.
func explain(path, doing string, err error) error {
	var e *sqlite.Error
	if errors.As(err, &e) {
		switch e.Code() & 0xff {
		case sqlite3.SQLITE_FULL:
			return fmt.Errorf("%s: %s: %w", path, doing, ErrFull)
		case sqlite3.SQLITE_READONLY, sqlite3.SQLITE_IOERR:
			if e.Code() == sqlite3.SQLITE_READONLY || writes[e.Code()] {
				return fmt.Errorf("%s: %s: %w: %w", path, doing, ErrUnwritable, err)
			}
		case sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB:
			return fmt.Errorf("%s: %s: %w: %w", path, doing, ErrCorrupt, err)
		}
	}
	return fmt.Errorf("%s: %s: %w", path, doing, err)
}

// writes are the errors of input and output that a write has.
var writes = map[int]bool{
	sqlite3.SQLITE_IOERR_WRITE: true, sqlite3.SQLITE_IOERR_FSYNC: true, sqlite3.SQLITE_IOERR_DIR_FSYNC: true,
	sqlite3.SQLITE_IOERR_TRUNCATE: true, sqlite3.SQLITE_IOERR_DELETE: true, sqlite3.SQLITE_IOERR_SHMSIZE: true,
}

// code is SQLite's primary error code; 0 for other errors.
func code(err error) int {
	var e *sqlite.Error
	if errors.As(err, &e) {
		return e.Code() & 0xff
	}
	return 0
}

// magic begins every SQLite file.
const magic = "SQLite format 3\x00"

// Is says whether a file looks like an incident file, so that a command can tell it from
// a text; whether it is one says Open.
func Is(path string) bool {
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	head := make([]byte, len(magic))
	_, err = io.ReadFull(f, head)
	return err == nil && string(head) == magic
}
