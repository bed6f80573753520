//go:build real

package postgres

import (
	"errors"
	"strings"
	"testing"

	"tripcurve/internal/pgtest"
)

// TestRealTableRows: rows come from the statistics also while a table is locked
// against every reader.
func TestRealTableRows(t *testing.T) {
	s := pgtest.Start(t, "autovacuum=off")
	s.Exec(t,
		"create table known as select generate_series(1, 1000) as n", "analyze known", "create table unknown as select 1 as n",
		"create table parts (n int) partition by range (n)", "create table part_1 partition of parts for values from (0) to (500)",
		"create table part_2 partition of parts for values from (500) to (2000)", "insert into parts select * from known", "analyze part_1", "analyze part_2")
	locker := s.Connect(t)
	ctx := t.Context()
	for _, sql := range []string{"begin", "lock table known, parts in access exclusive mode"} {
		if _, err := locker.Exec(ctx, sql); err != nil {
			t.Fatal(err)
		}
	}
	rows, err := TableRows(ctx, s.DSN())
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]int64{"known": 1000, "unknown": -1, "parts": 1000, "part_1": 499} {
		if got, ok := rows[name]; !ok || got != want {
			t.Errorf("%s has %d rows, want %d", name, got, want)
		}
	}
	_, err = TableRows(ctx, s.DSNOf("postgres", "wr0ng-s3cret"))
	if !errors.Is(err, ErrUnreachable) || strings.Contains(err.Error(), "wr0ng-s3cret") {
		t.Errorf("a wrong password: %v", err)
	}
}
