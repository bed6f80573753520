package postgres

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"tripcurve/internal/pglock"
)

func TestReadStatement(t *testing.T) {
	ddl := func(relation string, mode pglock.Mode) Statement {
		return Statement{DDL: true, Relation: relation, Strong: true, Mode: mode}
	}
	for _, tt := range []struct {
		sql  string
		want Statement
	}{
		{"CREATE INDEX idx ON stock_reservations (expires_at)", ddl("stock_reservations", pglock.Share)},
		{"create unique index concurrently if not exists i on only public.stock using btree (a)", ddl("public.stock", pglock.ShareUpdateExclusive)},
		{"CREATE INDEX ON t (a)", ddl("t", pglock.Share)},
		{"/* deploy 7 /* nested */ */ -- why\n create\tindex \"on\" on \"Stock\" (a)", ddl("Stock", pglock.Share)},
		{"ALTER TABLE IF EXISTS ONLY a.b ADD COLUMN c int", ddl("a.b", pglock.AccessExclusive)},
		{"DROP TABLE IF EXISTS old", ddl("old", pglock.AccessExclusive)},
		{"DROP INDEX CONCURRENTLY idx", Statement{DDL: true}},
		{"CREATE TABLE IF NOT EXISTS t (a int)", Statement{DDL: true, Relation: "t"}},
		{"CREATE TEMP TABLE t (a int)", Statement{}},
		{"create or replace function f() returns int as $x$ create index i on t (a); $x$ language sql", Statement{DDL: true}},
		{"CREATE TRIGGER tr AFTER INSERT ON orders FOR EACH ROW EXECUTE FUNCTION f()", ddl("orders", pglock.ShareRowExclusive)},
		{"TRUNCATE TABLE ONLY carts, orders", ddl("carts", pglock.AccessExclusive)},
		{"VACUUM FULL carts", ddl("carts", pglock.AccessExclusive)},
		{"VACUUM (FULL, VERBOSE) carts", ddl("carts", pglock.AccessExclusive)},
		{"VACUUM (FULL off) carts", Statement{}},
		{"VACUUM ANALYZE carts", Statement{}},
		{"REINDEX (VERBOSE) TABLE carts", ddl("carts", pglock.Share)},
		{"REFRESH MATERIALIZED VIEW CONCURRENTLY mv", ddl("mv", pglock.Exclusive)},
		{"LOCK TABLE carts IN SHARE MODE", Statement{Relation: "carts", Strong: true, Mode: pglock.Share}},
		{"LOCK carts, orders", Statement{Relation: "carts", Strong: true, Mode: pglock.None}},
		{"lock carts", Statement{Relation: "carts", Strong: true, Mode: pglock.AccessExclusive}},
		{"LOCK TABLE carts IN share row exclusive MODE NOWAIT", Statement{Relation: "carts", Strong: true, Mode: pglock.ShareRowExclusive}},
		{"ALTER TABLE a ADD CONSTRAINT fk FOREIGN KEY (b) REFERENCES c (d)", ddl("a", pglock.ShareRowExclusive)},
		{"ALTER TABLE a ADD CONSTRAINT fk FOREIGN KEY (b) REFERENCES c (d), ADD e int", ddl("a", pglock.None)},
		{"ALTER TABLE a ADD b numeric(8, 2)", ddl("a", pglock.AccessExclusive)},
		{"ALTER TABLE a VALIDATE CONSTRAINT fk", ddl("a", pglock.ShareUpdateExclusive)},
		{"ALTER TABLE a SET (fillfactor = 70)", ddl("a", pglock.None)},
		{"ALTER TABLE a ALTER b SET STATISTICS 500", ddl("a", pglock.ShareUpdateExclusive)},
		{"ALTER TABLE a DISABLE TRIGGER tr", ddl("a", pglock.ShareRowExclusive)},
		{"DROP TRIGGER tr ON orders", ddl("orders", pglock.AccessExclusive)},
		{"BEGIN; SET lock_timeout = '1s'; ALTER TABLE t ADD c int; COMMIT", ddl("t", pglock.AccessExclusive)},
		{"SELECT 'create index i on t (a)'", Statement{}},
		{"SELECT \"; drop table x\" FROM t", Statement{}},
		{"INSERT INTO t VALUES ('it''s; drop table x')", Statement{}},
		{"UPDATE t SET a = $1", Statement{}},
		{"ALTER ROLE x PASSWORD 'y'", Statement{}},
		{"CREATE INDEX idx ON", Statement{DDL: true, Strong: true, Mode: pglock.Share}},
		{"CREATE INDEX idx ON \"cut of", ddl("cut of", pglock.Share)},
		{"create", Statement{DDL: true}},
		{"$$ /* '", Statement{}},
		{"", Statement{}},
	} {
		if d := cmp.Diff(tt.want, ReadStatement(tt.sql)); d != "" {
			t.Errorf("%s (-want +got):\n%s", tt.sql, d)
		}
	}
}

func FuzzReadStatement(f *testing.F) {
	f.Add("CREATE INDEX i ON t (a); $x$ ' $x$ \"")
	f.Fuzz(func(_ *testing.T, sql string) {
		ReadStatement(sql) // it ends, and does not panic
	})
}
