package file

import (
	"database/sql"
	"fmt"
	"os"
	"time"

	"tripcurve/internal/incident"
)

// Summary is what a file holds.
type Summary struct {
	Schema  int       `json:"schema_version"`
	Name    string    `json:"name"`
	Created time.Time `json:"created"`
	Bytes   int64     `json:"bytes"` // with the log of a file that is being recorded
	// Recording says that there is a log beside the file: somebody records to it, or
	// died while they did.
	Recording bool     `json:"recording"`
	Damage    []string `json:"damage"` // what an integrity check found; empty is sound
	From      *string  `json:"from"`   // of the evidence; null without any
	To        *string  `json:"to"`
	Tables    []Table  `json:"tables"`
	Sources   []Source `json:"sources"`
}

// Table is the rows of one kind.
type Table struct {
	Name string  `json:"name"`
	Rows int64   `json:"rows"`
	From *string `json:"from"` // RFC 3339; null where it has no instants or rows
	To   *string `json:"to"`
}

// Source is a collector and how it did at last.
type Source struct {
	Name   string  `json:"name"`
	Group  string  `json:"group"`
	State  string  `json:"state"`
	Last   *string `json:"last"`
	Detail string  `json:"detail"`
	Since  *string `json:"since"` // of the state; null when nobody watched it
	// How its clock stood to the recorder's, in milliseconds; null when not measured.
	ClockAhead  *float64 `json:"clock_ahead_ms"`
	ClockWithin *float64 `json:"clock_within_ms"`
}

// tables with their instants in SQL; empty where there are none.
var tables = []struct{ name, from, to string }{
	{"bucket", "min(at_ns)", "max(at_ns + width_ns)"},
	{"latency", "min(at_ns)", "max(at_ns + width_ns)"},
	{"upstream", "min(at_ns)", "max(at_ns + width_ns)"},
	{"episode", "min(coalesce(from_ns, to_ns))", "max(to_ns)"},
	{"lock_sample", "min(at_ns)", "max(at_ns)"},
	{"series", "", ""},
	{"point", "min(at_ns)", "max(at_ns)"},
	{"histogram", "min(at_ns)", "max(at_ns)"},
	{"exemplar", "min(coalesce(start_ns, end_ns))", "max(coalesce(end_ns, start_ns))"},
	{"change", "min(at_ns)", "max(at_ns)"},
	{"entry", "min(start_ns)", "max(start_ns)"},
	{"audit", "min(at_ns)", "max(at_ns)"},
	{"threshold_set", "", ""},
	{"endpoint", "", ""},
	{"origin", "", ""},
	{"log_file", "", ""},
}

// Inspect says what a file holds, and checks it.
func Inspect(path string) (s Summary, err error) {
	r, err := Open(path)
	if err != nil {
		return s, err
	}
	defer r.Close()
	for _, name := range []string{path, path + "-wal"} {
		if info, err := os.Stat(name); err == nil {
			s.Bytes += info.Size()
			s.Recording = s.Recording || name != path && info.Size() > 0 // a reader keeps an empty one
		}
	}
	if s.Damage, err = r.damage(); err != nil {
		return s, explain(path, "check", err)
	}
	tx, err := r.db.Begin()
	if err != nil {
		return s, explain(path, "inspect", err)
	}
	defer tx.Rollback() // nothing was written
	l := loader{tx: tx, ev: incident.NewEvidence()}
	if err := l.readMeta(); err != nil {
		return s, explain(path, "read meta", err)
	}
	if err := tx.QueryRow(`PRAGMA user_version`).Scan(&s.Schema); err != nil {
		return s, explain(path, "inspect", err)
	}
	s.Name, s.Created = l.meta.Name, l.meta.Created
	if err := s.count(tx); err != nil {
		return s, explain(path, "inspect", err)
	}
	if err := l.readSources(); err != nil {
		return s, explain(path, "read sources", err)
	}
	s.Sources = []Source{}
	for _, st := range l.ev.Snapshot().Sources {
		x := Source{Name: st.Name, Group: st.Group, State: st.State.String(), Last: rfc3339(nanos(st.LastAt)), Detail: st.Detail, Since: rfc3339(nanos(st.Since))}
		if c := st.Clock; c.Measured() {
			ahead, within := float64(c.Ahead)/1e6, float64(c.Within)/1e6
			x.ClockAhead, x.ClockWithin = &ahead, &within
		}
		s.Sources = append(s.Sources, x)
	}
	return s, nil
}

// damage is what SQLite finds wrong with the file.
func (r *Reader) damage() ([]string, error) {
	rows, err := r.db.Query(`PRAGMA integrity_check(10)`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	found := []string{}
	for rows.Next() {
		var line string
		if err := rows.Scan(&line); err != nil {
			return nil, err
		}
		if line != "ok" {
			found = append(found, line)
		}
	}
	return found, rows.Err()
}

func (s *Summary) count(tx *sql.Tx) error {
	var first, last sql.NullInt64
	s.Tables = []Table{}
	for _, t := range tables {
		from, to := t.from, t.to
		if from == "" {
			from, to = "NULL", "NULL"
		}
		var n int64
		var a, b sql.NullInt64
		if err := tx.QueryRow(fmt.Sprintf(`SELECT count(*), %s, %s FROM %s`, from, to, t.name)).Scan(&n, &a, &b); err != nil {
			return err
		}
		s.Tables = append(s.Tables, Table{t.name, n, rfc3339(a), rfc3339(b)})
		if t.name == "entry" || t.name == "audit" {
			continue // what people wrote is no evidence
		}
		if a.Valid && (!first.Valid || a.Int64 < first.Int64) {
			first = a
		}
		if b.Valid && (!last.Valid || b.Int64 > last.Int64) {
			last = b
		}
	}
	s.From, s.To = rfc3339(first), rfc3339(last)
	return nil
}

func rfc3339(ns sql.NullInt64) *string {
	if !ns.Valid {
		return nil
	}
	t := instant(ns).Format(time.RFC3339Nano)
	return &t
}
