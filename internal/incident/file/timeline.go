package file

import (
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"tripcurve/internal/incident"
	"tripcurve/internal/redact"
)

// Audit is one action of a person on one entry of the timeline.
type Audit struct {
	Seq    int64
	Change int64 // actions of one change are undone together
	At     time.Time
	Role   string // who: "on-call engineer"
	Action string // add, edit, hide, show, comment, import, undo
	Entry  string // the entry's id
	Before *incident.Written
	After  *incident.Written // nil: nothing is written of it any more
	Undoes int64             // the change that an undo took back; 0 for others
}

// ErrNothingToUndo is a file in which no change of the timeline is left to be undone.
var ErrNothingToUndo = errors.New("no change of the timeline to undo")

// WriteTimeline keeps what people wrote of entries, each whole, in place of what was
// written of it before, and the audit of that; all of it is one change. What says
// nothing, no field and no comment, is taken away. Credentials are masked.
func (w *Writer) WriteTimeline(at time.Time, role, action string, written ...incident.Written) error {
	return w.transact("write the timeline", func(tx *sql.Tx) error {
		change, err := nextChange(tx)
		if err != nil {
			return err
		}
		for _, x := range written {
			x = masked(x)
			after := &x
			if len(x.Fields)+len(x.Comments) == 0 {
				after = nil
			}
			if err := writeEntry(tx, Audit{Change: change, At: at, Role: role, Action: action, Entry: x.ID, After: after}); err != nil {
				return err
			}
		}
		return nil
	})
}

// UndoTimeline takes the last change back that was not taken back yet, and says
// what it was: its actions, the last first.
func (w *Writer) UndoTimeline(at time.Time, role string) (undone []Audit, err error) {
	err = w.transact("undo", func(tx *sql.Tx) error {
		undone = nil
		var last sql.NullInt64
		err := tx.QueryRow(`SELECT max(change) FROM audit WHERE undoes IS NULL
			AND change NOT IN (SELECT undoes FROM audit WHERE undoes IS NOT NULL)`).Scan(&last)
		if err != nil {
			return err
		}
		if !last.Valid {
			return ErrNothingToUndo
		}
		if undone, err = readAudit(tx, `WHERE change = ? ORDER BY seq DESC`, last.Int64); err != nil {
			return err
		}
		change, err := nextChange(tx)
		if err != nil {
			return err
		}
		for _, a := range undone {
			back := Audit{Change: change, At: at, Role: role, Action: "undo", Entry: a.Entry, After: a.Before, Undoes: last.Int64}
			if err := writeEntry(tx, back); err != nil {
				return err
			}
		}
		return nil
	})
	return undone, err
}

// Written is what people wrote of the timeline, by id.
func (w *Writer) Written() (*incident.Writings, error) {
	tx, err := w.db.Begin()
	if err != nil {
		return nil, explain(w.path, "read the timeline", err)
	}
	defer tx.Rollback() // nothing was written
	l := loader{tx: tx}
	err = l.readWritten()
	return l.meta.Written, explained(w.path, "read the timeline", err)
}

// Audit is every action of a person on the timeline, in order.
func (r *Reader) Audit() (list []Audit, err error) {
	tx, err := r.db.Begin()
	if err != nil {
		return nil, explain(r.path, "read the audit", err)
	}
	defer tx.Rollback() // nothing was written
	list, err = readAudit(tx, `ORDER BY seq`)
	return list, explained(r.path, "read the audit", err)
}

func nextChange(tx *sql.Tx) (n int64, err error) {
	err = tx.QueryRow(`SELECT coalesce(max(change), 0) + 1 FROM audit`).Scan(&n)
	return n, err
}

// writeEntry makes a.After what is written of a.Entry, and tells the audit.
func writeEntry(tx *sql.Tx, a Audit) error {
	var before string
	switch err := tx.QueryRow(`SELECT written FROM entry WHERE id = ?`, a.Entry).Scan(&before); {
	case err == nil:
		w, err := decodeWritten(before)
		if err != nil {
			return err
		}
		a.Before = &w
	case !errors.Is(err, sql.ErrNoRows):
		return err
	}
	var err error
	if a.After == nil {
		_, err = tx.Exec(`DELETE FROM entry WHERE id = ?`, a.Entry)
	} else {
		_, err = tx.Exec(`INSERT OR REPLACE INTO entry VALUES (?, ?, ?)`, a.Entry, startOf(*a.After), encode(a.After))
	}
	if err != nil {
		return err
	}
	a.Role = redact.MaskSecrets(a.Role)
	return insertAudit(tx, a)
}

func insertAudit(tx *sql.Tx, a Audit) error {
	_, err := tx.Exec(`INSERT INTO audit (change, at_ns, role, action, entry, before, after, undoes) VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
		a.Change, a.At.UnixNano(), a.Role, a.Action, a.Entry, written(a.Before), written(a.After), sql.NullInt64{Int64: a.Undoes, Valid: a.Undoes != 0})
	return err
}

// startOf is the start that somebody wrote, NULL when they did not.
func startOf(w incident.Written) sql.NullInt64 {
	var e incident.Entry
	if s, ok := w.Fields["start"]; !ok || e.Set("start", s) != nil {
		return sql.NullInt64{}
	}
	return nanos(e.Start)
}

func readAudit(tx *sql.Tx, which string, args ...any) ([]Audit, error) {
	rows, err := tx.Query(`SELECT seq, change, at_ns, role, action, entry, before, after, coalesce(undoes, 0) FROM audit `+which, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var list []Audit
	for rows.Next() {
		var a Audit
		var at int64
		var before, after sql.NullString
		if err := rows.Scan(&a.Seq, &a.Change, &at, &a.Role, &a.Action, &a.Entry, &before, &after, &a.Undoes); err != nil {
			return nil, err
		}
		a.At = time.Unix(0, at).UTC()
		for _, side := range []struct {
			text sql.NullString
			to   **incident.Written
		}{{before, &a.Before}, {after, &a.After}} {
			if !side.text.Valid {
				continue
			}
			w, err := decodeWritten(side.text.String)
			if err != nil {
				return nil, err
			}
			*side.to = &w
		}
		list = append(list, a)
	}
	return list, rows.Err()
}

func decodeWritten(text string) (w incident.Written, err error) {
	err = decodeInto(&w, []byte(text))
	return w, err
}

// decodeInto adds what was written to w.
func decodeInto(w *incident.Written, text []byte) error {
	if err := json.Unmarshal(text, w); err != nil {
		return fmt.Errorf("%w: timeline entry: %w", ErrCorrupt, err)
	}
	if w.Fields == nil {
		w.Fields = map[string]string{}
	}
	return nil
}

// masked is w without credentials.
func masked(w incident.Written) incident.Written {
	w = w.Clone()
	for name, v := range w.Fields {
		w.Fields[name] = redact.MaskSecrets(v)
	}
	for i := range w.Comments {
		w.Comments[i].Role, w.Comments[i].Text = redact.MaskSecrets(w.Comments[i].Role), redact.MaskSecrets(w.Comments[i].Text)
	}
	return w
}

// inWritten is of for the texts of a written entry; its instants, lengths and words are
// no foreign text.
func inWritten(of func(string) string) func(string) string {
	return func(text string) string {
		w, err := decodeWritten(text)
		if err != nil {
			return of(text) // the loader says what is wrong with it
		}
		for _, name := range incident.TextFields() {
			if v, ok := w.Fields[name]; ok {
				w.Fields[name] = of(v)
			}
		}
		for i := range w.Comments {
			w.Comments[i].Role, w.Comments[i].Text = of(w.Comments[i].Role), of(w.Comments[i].Text)
		}
		return encode(w)
	}
}

// mergeTimeline takes over what people wrote in another file. Of what was written of
// one entry in both the later one stays.
func (w *Writer) mergeTimeline(path string, theirs *incident.Writings) error {
	r, err := Open(path)
	if err != nil {
		return err
	}
	audit, err := r.Audit()
	if err = errors.Join(err, r.Close()); err != nil {
		return err
	}
	return w.transact("merge the timeline", func(tx *sql.Tx) error {
		ours, err := readAudit(tx, `ORDER BY seq`)
		if err != nil {
			return err
		}
		last, later := lastWritten(ours), lastWritten(audit)
		for x := range theirs.All() {
			if at, known := last[x.ID]; known && !later[x.ID].After(at) {
				continue
			}
			if _, err := tx.Exec(`INSERT OR REPLACE INTO entry VALUES (?, ?, ?)`, x.ID, startOf(x), encode(x)); err != nil {
				return err
			}
		}
		if _, err := tx.Exec(`DELETE FROM audit`); err != nil {
			return err
		}
		for _, a := range joined(ours, audit) {
			if err := insertAudit(tx, a); err != nil {
				return err
			}
		}
		return nil
	})
}

// joined are two audits as one, in order of time, with their changes numbered anew.
// What is in both is there once.
func joined(ours, theirs []Audit) []Audit {
	type of struct {
		theirs bool
		change int64
	}
	type row struct {
		Audit
		theirs bool
	}
	var all []row
	for _, a := range ours {
		all = append(all, row{a, false})
	}
	for _, a := range theirs {
		all = append(all, row{a, true})
	}
	slices.SortStableFunc(all, func(a, b row) int { return a.At.Compare(b.At) })
	var list []Audit
	number, had, changes := map[of]int64{}, map[string]int64{}, int64(0)
	for _, a := range all {
		c, undoes := of{a.theirs, a.Change}, of{a.theirs, a.Undoes}
		key := encode([]any{a.At, a.Role, a.Action, a.Entry, a.Before, a.After})
		if n := had[key]; n > 0 && a.theirs {
			number[c] = n
			continue
		}
		if number[c] == 0 {
			changes++
			number[c] = changes
		}
		a.Change, a.Undoes = number[c], number[undoes]
		had[key] = a.Change
		list = append(list, a.Audit)
	}
	return list
}

func written(w *incident.Written) sql.NullString {
	if w == nil {
		return sql.NullString{}
	}
	return sql.NullString{String: encode(w), Valid: true}
}

func lastWritten(audit []Audit) map[string]time.Time {
	last := map[string]time.Time{}
	for _, a := range audit {
		if a.At.After(last[a.Entry]) {
			last[a.Entry] = a.At
		}
	}
	return last
}
