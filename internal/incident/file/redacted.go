package file

import (
	"database/sql"
	"encoding/json"
	"fmt"

	"tripcurve/internal/incident"
	"tripcurve/internal/redact"
)

// Redacted copies a file to a new one in which r has replaced what must not leave:
// statements keep their shape and lose their literals, and no line, name, address or
// note has personal data. What a file is counted from stays as it is, so that the copy
// says the same. os.ErrExist when out exists.
func Redacted(path, out string, r *redact.Redactor) error {
	text, statement := r.Text, r.SQL
	return change(path, out, "redact", func(tx *sql.Tx) error {
		for _, c := range []struct {
			table, column string
			of            func(string) string
		}{
			{"meta", "value", text},
			{"source", "detail", text},
			{"episode", "query", statement},
			{"episode", "text", text},
			{"episode", "application", text},
			{"episode", "client", text},
			{"episode", "user_name", text},
			{"exemplar", "raw", text},
			{"exemplar", "note", text},
			{"change", "text", statement},
			{"change", "system", text},
			{"endpoint", "route", text},
			{"origin", "name", text},
			{"series", "labels", text},
			{"series", "key", text},
			{"episode", "id", text},
			{"exemplar", "id", text},
			{"change", "id", text},
			{"series", "caveat", text},
		} {
			if err := rewrite(tx, c.table, c.column, c.of); err != nil {
				return fmt.Errorf("%s.%s: %w", c.table, c.column, err)
			}
		}
		return rewrite(tx, "moment", "entry", func(entry string) string {
			var m incident.Moment
			if json.Unmarshal([]byte(entry), &m) != nil {
				return entry // the loader says what is wrong with it
			}
			m.Text, m.SourceText, m.System = text(m.Text), text(m.SourceText), text(m.System)
			for i, id := range m.Support {
				m.Support[i] = incident.ID(text(string(id)))
			}
			return encode(m)
		})
	})
}

// rewrite replaces each value of a column, every different one once, in the order of
// the values: equal ones get equal tokens, and the same file gives the same copy.
func rewrite(tx *sql.Tx, table, column string, of func(string) string) error {
	rows, err := tx.Query(fmt.Sprintf(`SELECT DISTINCT %s FROM %s WHERE %[1]s <> '' ORDER BY 1`, column, table))
	if err != nil {
		return err
	}
	var values []string
	for rows.Next() {
		var v string
		if err := rows.Scan(&v); err != nil {
			rows.Close()
			return err
		}
		values = append(values, v)
	}
	if err := rows.Err(); err != nil {
		return err
	}
	for _, v := range values {
		if to := of(v); to != v {
			if _, err := tx.Exec(fmt.Sprintf(`UPDATE %s SET %s = ? WHERE %[2]s = ?`, table, column), to, v); err != nil {
				return err
			}
		}
	}
	return nil
}
