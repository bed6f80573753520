package file

import (
	"database/sql"
	"errors"
	"time"

	"tripcurve/internal/incident"
)

// tidyEvery is how much is forgotten until the series, endpoints and origins are
// looked for that nothing refers to any more: names that change for ever, such as
// those of pods, would fill the file.
const tidyEvery = 10 * time.Minute

// Forget deletes the evidence that ended before an instant and gives its room back to
// the disk. What reaches beyond stays whole; what people wrote stays.
func (w *Writer) Forget(before time.Time) error {
	at := before.UnixNano()
	err := w.transact("forget", func(tx *sql.Tx) error {
		for _, s := range []string{
			`DELETE FROM bucket WHERE at_ns + width_ns <= ?`,
			`DELETE FROM latency WHERE at_ns + width_ns <= ?`,
			`DELETE FROM upstream WHERE at_ns + width_ns <= ?`,
			`DELETE FROM episode WHERE coalesce(to_ns, from_ns) < ?`,
			`DELETE FROM lock_sample WHERE at_ns < ?`,
			`DELETE FROM point WHERE at_ns < ?`,
			`DELETE FROM histogram WHERE at_ns < ?`,
			`DELETE FROM exemplar WHERE coalesce(end_ns, start_ns) < ? AND coalesce(start_ns, end_ns) < ?1`,
			`DELETE FROM change WHERE at_ns < ?`,
		} {
			if _, err := tx.Exec(s, at); err != nil {
				return err
			}
		}
		if _, err := tx.Exec(dropConclusion); err != nil {
			return err
		}
		if before.Sub(w.tidied).Abs() < tidyEvery {
			return nil
		}
		return unused(tx) // which reads all that is left
	})
	if err != nil {
		return err
	}
	if before.Sub(w.tidied).Abs() >= tidyEvery {
		w.tidied = before
		open := w.open
		w.known = newKnown() // for rows that it names may be gone
		w.open = open
	}
	for id, e := range w.open {
		if e.To.Before(before) {
			delete(w.open, id)
		}
	}
	// A file of an older program has no auto_vacuum: its pages are used again and it
	// does not shrink.
	return errors.Join(w.pragma(`PRAGMA incremental_vacuum`), w.pragma(`PRAGMA wal_checkpoint(PASSIVE)`))
}

// pragma runs one that answers with rows.
func (w *Writer) pragma(text string) error {
	rows, err := w.db.Query(text)
	if err != nil {
		return explain(w.path, text, err)
	}
	for rows.Next() { // each row is a page that was freed
	}
	return explained(w.path, text, errors.Join(rows.Err(), rows.Close()))
}

func explained(path, doing string, err error) error {
	if err == nil {
		return nil
	}
	return explain(path, doing, err)
}

// Size is how much of the disk the evidence takes, in bytes, without the log.
func (w *Writer) Size() (bytes int64, err error) {
	err = w.db.QueryRow(`SELECT (p.page_count - f.freelist_count) * s.page_size FROM pragma_page_count p, pragma_freelist_count f, pragma_page_size s`).Scan(&bytes)
	return bytes, explained(w.path, "measure", err)
}

// Span is the time that the evidence of requests and series covers; zero without any.
func (w *Writer) Span() (incident.Window, error) {
	var from, to sql.NullInt64
	err := w.db.QueryRow(`SELECT min(f), max(t) FROM (SELECT min(at_ns) f, max(at_ns) t FROM bucket UNION ALL SELECT min(at_ns), max(at_ns) FROM lock_sample
		UNION ALL SELECT min(at_ns), max(at_ns) FROM point)`).Scan(&from, &to)
	return incident.Window{From: instant(from), To: instant(to)}, explained(w.path, "measure", err)
}

// ErrTooSmall is a size in which not even the newest evidence has room.
var ErrTooSmall = errors.New("the newest evidence alone is larger")

// FitInto forgets the oldest evidence, an eighth of its time at once, until what is
// left takes no more than so many bytes. It returns the instant before which it
// forgot; zero when it did not.
func (w *Writer) FitInto(bytes int64) (before time.Time, err error) {
	for {
		n, err := w.Size()
		if err != nil || n <= bytes {
			return before, err
		}
		span, err := w.Span()
		if err != nil {
			return before, err
		}
		step := span.To.Sub(span.From) / 8
		if step < time.Second {
			return before, ErrTooSmall
		}
		before = span.From.Add(step)
		if err := w.Forget(before); err != nil {
			return before, err
		}
	}
}
