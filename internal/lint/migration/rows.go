package migration

import (
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// Large is the number of rows from which building, scanning or rewriting under a
// lock is an error.
const Large = 100_000

// Rows are the rows of tables by name, without the schema public; negative is not
// known. A table that is not in it counts as large.
type Rows map[string]int64

// of is what is known of a table, in words, and whether it is large.
func (r Rows) of(table string) (words string, large bool) {
	n, ok := r[table]
	switch {
	case !ok:
		return "whose size nobody knows", true
	case n < 0:
		return "which was never analysed", true
	}
	return "of some " + grouped(n) + " rows", n > Large
}

func grouped(n int64) string {
	s := strconv.FormatInt(n, 10)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// mostRows bounds a statistics file.
const mostRows = 1_000_000

// ReadRows reads a file of tables with their rows: CSV of "table,rows", with or
// without that line on top, or JSON, {"orders": 3000000} or a list of objects with
// table and rows.
func ReadRows(file, text string) (Rows, error) {
	if t := strings.TrimSpace(text); strings.HasPrefix(t, "{") || strings.HasPrefix(t, "[") {
		return readJSONRows(file, text)
	}
	rows := Rows{}
	r := csv.NewReader(strings.NewReader(text))
	r.FieldsPerRecord, r.TrimLeadingSpace, r.Comment = -1, true, '#'
	for {
		record, err := r.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		var bad *csv.ParseError
		if errors.As(err, &bad) {
			return nil, fmt.Errorf("%s:%d:%d: %w", file, bad.Line, bad.Column, bad.Err)
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		line, column := r.FieldPos(0)
		if len(record) != 2 {
			return nil, fmt.Errorf("%s:%d:%d: found %d fields, expected table,rows", file, line, column, len(record))
		}
		n, err := strconv.ParseInt(strings.TrimSpace(record[1]), 10, 64)
		if err != nil && len(rows) == 0 && strings.EqualFold(strings.TrimSpace(record[1]), "rows") {
			continue
		}
		if err != nil {
			line, column := r.FieldPos(1)
			return nil, fmt.Errorf("%s:%d:%d: found %q, expected a whole number of rows, -1 for not known", file, line, column, record[1])
		}
		rows[tableName(record[0])] = n
		if len(rows) > mostRows {
			return nil, fmt.Errorf("%s:%d:1: more than %d tables", file, line, mostRows)
		}
	}
	return rows, nil
}

func readJSONRows(file, text string) (Rows, error) {
	rows := Rows{}
	byName := map[string]int64{}
	err := json.Unmarshal([]byte(text), &byName)
	if strings.HasPrefix(strings.TrimSpace(text), "[") {
		var list []struct {
			Table string `json:"table"`
			Rows  int64  `json:"rows"`
		}
		err = json.Unmarshal([]byte(text), &list)
		for _, t := range list {
			byName[t.Table] = t.Rows
		}
	}
	if err != nil {
		at := 0
		var syntax *json.SyntaxError
		var kind *json.UnmarshalTypeError
		switch {
		case errors.As(err, &syntax):
			at = int(syntax.Offset)
		case errors.As(err, &kind):
			at = int(kind.Offset)
		}
		line, column := newLines(text).at(max(0, min(at, len(text))-1))
		return nil, fmt.Errorf(`%s:%d:%d: %w; expected {"orders": 3000000} or [{"table": "orders", "rows": 3000000}]`, file, line, column, err)
	}
	for t, n := range byName {
		rows[tableName(t)] = n
	}
	return rows, nil
}

// tableName is a name as people write it, as the grammar says it.
func tableName(s string) string {
	return strings.ReplaceAll(strings.TrimPrefix(strings.TrimSpace(s), "public."), `"`, "")
}
