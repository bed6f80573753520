package file

import (
	"database/sql"
	"encoding/json"
	"errors"
	"time"
)

// Conclusion is what was concluded from the evidence when the file was last written: it
// is shown while a large file is being read. It follows from the rest and is never read
// as evidence; whoever adds evidence or takes some away takes it away as well.
type Conclusion struct {
	Sentence   string    `json:"sentence"`   // speaks of the whole incident
	From       time.Time `json:"from"`       // of the impact; zero when nothing failed
	To         time.Time `json:"to"`         // of the impact
	Confidence string    `json:"confidence"` // the word for how sure that is
}

// conclusionKey is its row of meta.
const conclusionKey = "conclusion"

const dropConclusion = `DELETE FROM meta WHERE key = '` + conclusionKey + `'`

// Conclude keeps what follows from the evidence that is in the file now.
func (w *Writer) Conclude(c Conclusion) error {
	text, err := json.Marshal(c)
	if err != nil {
		return err
	}
	err = w.transact("keep the conclusion", func(tx *sql.Tx) error {
		_, err := tx.Exec(`INSERT OR REPLACE INTO meta VALUES (?, ?)`, conclusionKey, string(text))
		return err
	})
	if err == nil {
		w.concluded = true
	}
	return err
}

// Head is what can be said of a file without reading its evidence.
type Head struct {
	Name       string
	Conclusion *Conclusion // nil where none is kept
}

// Peek reads a file's head alone, however large the file is. Its errors are those of
// Open.
func Peek(path string) (Head, error) {
	r, err := Open(path)
	if err != nil {
		return Head{}, err
	}
	defer r.Close()
	var h Head
	if err := r.db.QueryRow(`SELECT value FROM meta WHERE key = 'name'`).Scan(&h.Name); err != nil && !errors.Is(err, sql.ErrNoRows) {
		return Head{}, explain(path, "read the head", err)
	}
	var text string
	switch err := r.db.QueryRow(`SELECT value FROM meta WHERE key = ?`, conclusionKey).Scan(&text); {
	case errors.Is(err, sql.ErrNoRows):
		return h, nil
	case err != nil:
		return Head{}, explain(path, "read the head", err)
	}
	var c Conclusion
	if json.Unmarshal([]byte(text), &c) == nil && c.Sentence != "" { // a damaged one is as good as none
		h.Conclusion = &c
	}
	return h, nil
}
