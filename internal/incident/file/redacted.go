package file

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"tripcurve/internal/redact"
)

// Redacted copies a file to a new one in which r has replaced what must not leave:
// statements keep their shape and lose their literals, and no line, name, address or
// note has personal data. What a file is counted from stays as it is, so that the copy
// says the same. os.ErrExist when out exists.
func Redacted(path, out string, r *redact.Redactor) error {
	text, statement := r.Text, r.SQL
	upstream := apart(text)
	return change(path, out, "redact", func(tx *sql.Tx) error {
		if _, err := tx.Exec(`DELETE FROM log_file`); err != nil { // where logs lie is nobody else's business
			return fmt.Errorf("log_file: %w", err)
		}
		for _, c := range []struct {
			table, column string
			of            func(string) string
		}{
			{"source", "detail", text},
			{"episode", "query", statement},
			{"episode", "text", text},
			{"episode", "relation", text},
			{"episode", "application", text},
			{"episode", "client", text},
			{"episode", "user_name", text},
			{"episode", "database", text},
			{"exemplar", "raw", text},
			{"exemplar", "upstream", upstream},
			{"upstream", "name", upstream},
			{"exemplar", "note", text},
			{"change", "text", statement},
			{"change", "system", text},
			{"threshold_set", "sets", inJSON(text)},
			{"series", "caveat", text},
			{"audit", "role", text},
			// What rows are told apart by: two values stay two.
			{"source", "name", apart(text)},
			{"endpoint", "method", apart(text)}, // of a log's line, and so anything
			{"endpoint", "route", apart(text)},
			{"origin", "name", apart(text)},
			{"origin", "file", apart(text)},
			{"series", "labels", apart(inJSON(text))},
			{"series", "key", apart(text)},
			{"episode", "id", apart(text)},
			{"exemplar", "id", apart(text)},
			{"change", "id", apart(text)},
		} {
			if err := rewrite(tx, c.table, c.column, "", c.of); err != nil {
				return fmt.Errorf("%s.%s: %w", c.table, c.column, err)
			}
		}
		// Of what a file says of itself only its name is text: a number may look like a card's.
		if err := rewrite(tx, "meta", "value", " AND key = 'name'", text); err != nil {
			return fmt.Errorf("meta.value: %w", err)
		}
		written := inWritten(text)
		for _, c := range []struct{ table, column string }{{"entry", "written"}, {"audit", "before"}, {"audit", "after"}} {
			if err := rewrite(tx, c.table, c.column, "", written); err != nil {
				return fmt.Errorf("%s.%s: %w", c.table, c.column, err)
			}
		}
		return nil
	})
}

// apart makes of different values different ones: equal tokens are right where a value is
// said, and wrong where rows are told apart by it. The same value is the same one again.
func apart(of func(string) string) func(string) string {
	given, known := map[string]bool{}, map[string]string{}
	return func(v string) string {
		if to, ok := known[v]; ok {
			return to
		}
		to := of(v)
		for n, once := 2, to; given[to]; n++ {
			to = numbered(once, n)
		}
		given[to], known[v] = true, to
		return to
	}
}

// numbered is a text, or a set of labels, that is told from its like by a number.
func numbered(v string, n int) string {
	var labels map[string]string
	if json.Unmarshal([]byte(v), &labels) == nil && labels != nil {
		labels["redacted"] = strconv.Itoa(n)
		return encode(labels)
	}
	return fmt.Sprintf("%s (%d)", v, n)
}

// inJSON is of for each text in a list or a map of texts: quotes and escapes around one
// are not its own. What is neither stays; the loader says what is wrong with it.
func inJSON(of func(string) string) func(string) string {
	return func(v string) string {
		var list []string
		if json.Unmarshal([]byte(v), &list) == nil && list != nil {
			for i := range list {
				list[i] = of(list[i])
			}
			return encode(list)
		}
		var set map[string]string
		if json.Unmarshal([]byte(v), &set) != nil || set == nil {
			return v
		}
		redacted := map[string]string{}
		for _, name := range slices.Sorted(maps.Keys(set)) {
			// With its name, for some values are known by that.
			var pair map[string]string
			if json.Unmarshal([]byte(of(plain(name, set[name]))), &pair) != nil {
				pair = map[string]string{name: of(set[name])}
			}
			maps.Copy(redacted, pair)
		}
		return encode(redacted)
	}
}

// plain is one pair as JSON in which <, > and & are as they are.
func plain(name, value string) string {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(map[string]string{name: value}) // texts can be encoded
	return b.String()
}

// rewrite replaces each value of a column, every different one once, in the order of
// the values: equal ones get equal tokens, and the same file gives the same copy.
// where, which may be empty, narrows the rows.
func rewrite(tx *sql.Tx, table, column, where string, of func(string) string) error {
	rows, err := tx.Query(fmt.Sprintf(`SELECT DISTINCT %s FROM %s WHERE %[1]s <> ''%[3]s ORDER BY 1`, column, table, where))
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
			if _, err := tx.Exec(fmt.Sprintf(`UPDATE %s SET %s = ? WHERE %[2]s = ?%[3]s`, table, column, where), to, v); err != nil {
				return err
			}
		}
	}
	return nil
}
