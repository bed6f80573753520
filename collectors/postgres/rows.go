package postgres

import (
	"context"
	"fmt"
)

// TableRows are the rows of every table and materialized view of a database by name,
// as its statistics have them: -1 was never analysed. A partitioned table has the sum
// of its partitions, -1 when one of them is not known. A table is there by its name
// with its schema and, where a session finds it without one, by its name alone.
// Errors hold no secret; ErrUnreachable is a server that could not be asked.
func TableRows(ctx context.Context, dsn string) (map[string]int64, error) {
	t, err := parse(Access{DSN: dsn})
	if err != nil {
		return nil, err
	}
	l, err := t.dial(ctx, false)
	if err != nil {
		return nil, err
	}
	defer l.close()
	var tables []tableRows
	ctx, cancel := context.WithTimeout(ctx, sampleTimeout)
	defer cancel()
	err = l.within(ctx, func(q querier) error {
		tables, err = readRows(ctx, q, l.version)
		return err
	})
	if err != nil {
		return nil, unreachable{t.where(), t.scrub(reason(err)), err}
	}
	return sumRows(tables), nil
}

// tableRows is one table; parent is that of a partition, or 0.
type tableRows struct {
	schema, name, kind string
	rows, parent, oid  int64
	visible            bool
}

func readRows(ctx context.Context, q querier, version int) ([]tableRows, error) {
	rows, err := q.Query(ctx, query("rows", version))
	if err != nil {
		return nil, fmt.Errorf("read the tables' rows: %w", err)
	}
	defer rows.Close()
	var all []tableRows
	for rows.Next() {
		var r tableRows
		if err := rows.Scan(&r.schema, &r.name, &r.kind, &r.rows, &r.parent, &r.oid, &r.visible); err != nil {
			return nil, fmt.Errorf("read the tables' rows: %w", err)
		}
		all = append(all, r)
	}
	return all, rows.Err()
}

// sumRows gives partitioned tables the rows of their partitions.
func sumRows(tables []tableRows) map[string]int64 {
	parts := map[int64][]tableRows{}
	for _, t := range tables {
		parts[t.parent] = append(parts[t.parent], t)
	}
	var rowsOf func(t tableRows) int64
	rowsOf = func(t tableRows) int64 {
		if t.kind != "p" {
			return t.rows
		}
		var sum int64
		for _, p := range parts[t.oid] {
			n := rowsOf(p)
			if n < 0 {
				return -1
			}
			sum += n
		}
		return sum
	}
	all := map[string]int64{}
	for _, t := range tables {
		n := rowsOf(t)
		if t.schema != "public" {
			all[t.schema+"."+t.name] = n
		}
		if _, taken := all[t.name]; t.visible || t.schema == "public" && !taken {
			all[t.name] = n
		}
	}
	return all
}
