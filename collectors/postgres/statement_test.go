package postgres

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestReadStatement(t *testing.T) {
	ddl := func(relation string) statement { return statement{DDL: true, Relation: relation, Strong: true} }
	for _, tt := range []struct {
		sql  string
		want statement
	}{
		{"CREATE INDEX idx ON stock_reservations (expires_at)", ddl("stock_reservations")},
		{"create unique index concurrently if not exists i on only public.stock using btree (a)", ddl("public.stock")},
		{"CREATE INDEX ON t (a)", ddl("t")},
		{"/* deploy 7 /* nested */ */ -- why\n create\tindex \"on\" on \"Stock\" (a)", ddl("Stock")},
		{"ALTER TABLE IF EXISTS ONLY a.b ADD COLUMN c int", ddl("a.b")},
		{"DROP TABLE IF EXISTS old", ddl("old")},
		{"DROP INDEX CONCURRENTLY idx", statement{DDL: true}},
		{"CREATE TABLE IF NOT EXISTS t (a int)", statement{DDL: true, Relation: "t"}},
		{"CREATE TEMP TABLE t (a int)", statement{}},
		{"create or replace function f() returns int as $x$ create index i on t (a); $x$ language sql", statement{DDL: true}},
		{"CREATE TRIGGER tr AFTER INSERT ON orders FOR EACH ROW EXECUTE FUNCTION f()", ddl("orders")},
		{"TRUNCATE TABLE ONLY carts, orders", ddl("carts")},
		{"VACUUM FULL carts", ddl("carts")},
		{"VACUUM (FULL, VERBOSE) carts", ddl("carts")},
		{"VACUUM (FULL off) carts", statement{}},
		{"VACUUM ANALYZE carts", statement{}},
		{"REINDEX (VERBOSE) TABLE carts", ddl("carts")},
		{"REFRESH MATERIALIZED VIEW CONCURRENTLY mv", ddl("mv")},
		{"LOCK TABLE carts IN SHARE MODE", statement{Relation: "carts", Strong: true}},
		{"BEGIN; SET lock_timeout = '1s'; ALTER TABLE t ADD c int; COMMIT", ddl("t")},
		{"SELECT 'create index i on t (a)'", statement{}},
		{"SELECT \"; drop table x\" FROM t", statement{}},
		{"INSERT INTO t VALUES ('it''s; drop table x')", statement{}},
		{"UPDATE t SET a = $1", statement{}},
		{"ALTER ROLE x PASSWORD 'y'", statement{}},
		{"CREATE INDEX idx ON", statement{DDL: true, Strong: true}},
		{"CREATE INDEX idx ON \"cut of", ddl("cut of")},
		{"create", statement{DDL: true}},
		{"$$ /* '", statement{}},
		{"", statement{}},
	} {
		if d := cmp.Diff(tt.want, readStatement(tt.sql)); d != "" {
			t.Errorf("%s (-want +got):\n%s", tt.sql, d)
		}
	}
}

func FuzzReadStatement(f *testing.F) {
	f.Add("CREATE INDEX i ON t (a); $x$ ' $x$ \"")
	f.Fuzz(func(_ *testing.T, sql string) {
		readStatement(sql) // it ends, and does not panic
	})
}
