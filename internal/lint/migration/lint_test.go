package migration

import (
	"slices"
	"strings"
	"testing"

	"tripcurve/internal/formats/trap"
	"tripcurve/internal/lint/config"
)

// before is what the tables of the cases look like; it is another file, so none of
// them is exempt.
const before = `
CREATE TABLE orders (id bigint PRIMARY KEY, customer_id bigint, status varchar(20), note text, total numeric(10,2), at timestamptz);
CREATE TABLE customers (id bigint PRIMARY KEY, mail varchar);
CREATE TABLE tiny (id int PRIMARY KEY, a int);
CREATE TABLE lines (id bigint, order_id bigint CONSTRAINT lines_order REFERENCES orders);
CREATE INDEX orders_at ON orders (at);
CREATE TABLE events (at int NOT NULL) PARTITION BY RANGE (at);
CREATE TABLE events_1 PARTITION OF events FOR VALUES FROM (0) TO (10);
CREATE TABLE spare (at int NOT NULL);
CREATE INDEX events_at ON events (at);
CREATE MATERIALIZED VIEW totals AS SELECT customer_id, sum(total) FROM orders GROUP BY 1;
`

var sizes = Rows{"orders": 3_000_000, "customers": 200_000, "tiny": 50, "lines": 9_000_000, "events_1": 1_000_000, "spare": -1, "totals": 500_000}

func lint(t *testing.T, sql string, opt Options) []config.Finding {
	t.Helper()
	r, err := Lint([]File{{"before.sql", before}, {"m.sql", sql}}, opt)
	if err != nil {
		t.Fatal(err)
	}
	return slices.DeleteFunc(r.Findings, func(f config.Finding) bool { return f.File != "m.sql" })
}

// found are the findings as "rule severity", without notes and the absence of a
// lock_timeout, which have tests of their own.
func found(all []config.Finding) string {
	var s []string
	for _, f := range all {
		if f.Severity == trap.Note || f.Rule == prefix+"lock-timeout" {
			continue
		}
		s = append(s, strings.TrimPrefix(f.Rule, prefix)+" "+f.Severity.String())
	}
	return strings.Join(s, ", ")
}

// Cases: what is found in a migration on the tables above; nothing for safe ones.
var cases = []struct{ name, sql, want string }{
	{"create index", "CREATE INDEX i ON orders (status)", "index-without-concurrently error"},
	{"create unique index", "CREATE UNIQUE INDEX i ON orders (status)", "index-without-concurrently error"},
	{"create index small", "CREATE INDEX i ON tiny (a)", "index-without-concurrently warning"},
	{"create index never analysed", "CREATE INDEX i ON spare (at)", "index-without-concurrently error"},
	{"create index unknown", "CREATE INDEX i ON elsewhere (at)", "index-without-concurrently error"},
	{"create index partitioned", "CREATE INDEX i ON events (at)", "index-without-concurrently error"},
	{"concurrently partitioned", "CREATE INDEX CONCURRENTLY i ON events (at)", "concurrently-on-partitioned error"},
	{"concurrently in transaction", "BEGIN; CREATE INDEX CONCURRENTLY i ON orders (status); COMMIT", "concurrently-in-transaction error"},
	{"drop index", "DROP INDEX orders_at", "drop-index warning"},
	{"drop index concurrently in transaction", "BEGIN; DROP INDEX CONCURRENTLY orders_at; COMMIT", "concurrently-in-transaction error"},
	{"drop index concurrently partitioned", "DROP INDEX CONCURRENTLY events_at", "concurrently-on-partitioned error"},
	{"reindex table", "REINDEX TABLE orders", "reindex error"},
	{"reindex index", "REINDEX INDEX orders_at", "reindex error"},
	{"reindex concurrently off", "REINDEX (CONCURRENTLY false) TABLE orders", "reindex error"},
	{"random default", "ALTER TABLE orders ADD COLUMN r float DEFAULT random()", "add-column-rewrites error"},
	{"uuid default", "ALTER TABLE orders ADD COLUMN u uuid DEFAULT gen_random_uuid()", "add-column-rewrites error"},
	{"clock default", "ALTER TABLE tiny ADD COLUMN c timestamptz DEFAULT clock_timestamp()", "add-column-rewrites warning"},
	{"serial column", "ALTER TABLE orders ADD COLUMN n bigserial", "add-column-rewrites error"},
	{"identity column", "ALTER TABLE orders ADD COLUMN n bigint GENERATED ALWAYS AS IDENTITY", "add-column-rewrites error"},
	{"stored column", "ALTER TABLE orders ADD COLUMN d numeric GENERATED ALWAYS AS (total * 2) STORED", "add-column-rewrites error"},
	{"not null column", "ALTER TABLE orders ADD COLUMN n int NOT NULL", "add-column-not-null error"},
	{"unique column", "ALTER TABLE orders ADD COLUMN n int UNIQUE", "unique-without-index error"},
	{"set not null", "ALTER TABLE orders ALTER COLUMN status SET NOT NULL", "set-not-null error"},
	{"set not null beside a check that is not valid", "ALTER TABLE orders ADD CONSTRAINT c CHECK (status IS NOT NULL) NOT VALID; ALTER TABLE orders ALTER status SET NOT NULL", "set-not-null error"},
	{"not null as a constraint", "ALTER TABLE orders ADD CONSTRAINT c NOT NULL status", "check-without-not-valid error"},
	{"check", "ALTER TABLE orders ADD CONSTRAINT c CHECK (total > 0)", "check-without-not-valid error"},
	{"foreign key", "ALTER TABLE orders ADD FOREIGN KEY (customer_id) REFERENCES customers", "foreign-key-without-not-valid error"},
	{"unique", "ALTER TABLE orders ADD UNIQUE (status)", "unique-without-index error"},
	{"primary key", "ALTER TABLE lines ADD PRIMARY KEY (id)", "unique-without-index error"},
	{"exclude", "ALTER TABLE orders ADD EXCLUDE USING gist (at WITH =)", "exclude-constraint error"},
	{"int to bigint", "ALTER TABLE tiny ALTER a TYPE bigint", "type-change warning"},
	{"shorter varchar", "ALTER TABLE orders ALTER status TYPE varchar(10)", "type-change error"},
	{"using", "ALTER TABLE orders ALTER note TYPE jsonb USING note::jsonb", "type-change error"},
	{"numeric scale", "ALTER TABLE orders ALTER total TYPE numeric(12,4)", "type-change error"},
	{"set unlogged", "ALTER TABLE orders SET UNLOGGED", "rewrites-table error"},
	{"set tablespace", "ALTER TABLE orders SET TABLESPACE fast", "rewrites-table error"},
	{"rename table", "ALTER TABLE orders RENAME TO purchases", "rename warning"},
	{"rename column", "ALTER TABLE orders RENAME COLUMN note TO remark", "rename warning"},
	{"drop column", "ALTER TABLE orders DROP COLUMN note", "drop-column warning"},
	{"drop column cascade", "ALTER TABLE orders DROP COLUMN note CASCADE", "drop-column warning, drop-cascade warning"},
	{"drop table", "DROP TABLE lines", "drop-table warning"},
	{"drop table cascade", "DROP TABLE orders CASCADE", "drop-table warning, drop-cascade warning"},
	{"alter then update", "BEGIN; ALTER TABLE orders ADD COLUMN n int; UPDATE orders SET n = 0 WHERE at < now(); COMMIT", "long-transaction error"},
	{"alter then whole update", "BEGIN; ALTER TABLE orders ADD COLUMN n int; UPDATE orders SET n = 0; COMMIT", "long-transaction error, whole-table-write warning"},
	{"not valid and validate together", "BEGIN; ALTER TABLE orders ADD CONSTRAINT c CHECK (total > 0) NOT VALID; ALTER TABLE orders VALIDATE CONSTRAINT c; COMMIT", "long-transaction error"},
	{"alter then index of another", "BEGIN; ALTER TABLE orders ADD COLUMN n int; CREATE INDEX i ON lines (order_id); COMMIT", "long-transaction error, index-without-concurrently error"},
	{"alter then copying insert", "BEGIN; ALTER TABLE orders ADD COLUMN n int; CREATE TABLE copy (a bigint); INSERT INTO copy SELECT id FROM lines; COMMIT", "long-transaction error"},
	{"delete all", "DELETE FROM lines", "whole-table-write warning"},
	{"vacuum full", "VACUUM FULL orders", "vacuum-full error"},
	{"vacuum full in parentheses", "VACUUM (FULL on, ANALYZE) orders", "vacuum-full error"},
	{"vacuum in transaction", "BEGIN; VACUUM orders; COMMIT", "concurrently-in-transaction error"},
	{"cluster", "CLUSTER orders USING orders_at", "vacuum-full error"},
	{"lock table", "LOCK TABLE orders", "lock-table warning"},
	{"lock in share mode", "LOCK TABLE orders IN SHARE MODE", "lock-table warning"},
	{"truncate", "TRUNCATE orders", "truncate warning"},
	{"refresh", "REFRESH MATERIALIZED VIEW totals", "refresh-without-concurrently error"},
	{"attach", "ALTER TABLE events ATTACH PARTITION spare FOR VALUES FROM (10) TO (20)", "attach-without-check error"},
	{"detach", "ALTER TABLE events DETACH PARTITION events_1", "detach-without-concurrently warning"},
	{"detach concurrently in transaction", "BEGIN; ALTER TABLE events DETACH PARTITION events_1 CONCURRENTLY; COMMIT", "concurrently-in-transaction error"},
	{"partition of", "CREATE TABLE events_2 PARTITION OF events FOR VALUES FROM (10) TO (20)", "partition-of warning"},
	{"drop trigger", "DROP TRIGGER t ON orders", "trigger warning"},
	{"disable all triggers", "ALTER TABLE orders DISABLE TRIGGER ALL", "trigger warning"},
	{"ignored", "-- tripcurve:ignore truncate: staging only\nTRUNCATE orders", ""},
	{"ignored behind it", "TRUNCATE orders; -- tripcurve:ignore migration/truncate: staging only", ""},
	{"ignored without reason", "-- tripcurve:ignore truncate\nTRUNCATE orders", "ignore-without-reason error, truncate warning"},
	{"ignored for nothing", "-- tripcurve:ignore truncate: staging only\nSELECT 1", "unused-ignore warning"},
	{"ignored and unknown", "-- tripcurve:ignore trunkate: staging only\nSELECT 1", "unknown-rule error"},
	{"ignored elsewhere", "-- tripcurve:ignore truncate: this one\nTRUNCATE orders;\nTRUNCATE lines", "truncate warning"},

	{"safe: concurrently", "CREATE INDEX CONCURRENTLY i ON orders (status)", ""},
	{"safe: only the parent", "CREATE INDEX i ON ONLY events (at)", ""},
	{"safe: index of a new table", "CREATE TABLE n (a int); CREATE INDEX i ON n (a); ALTER TABLE n ALTER a SET NOT NULL; DROP TABLE n", ""},
	{"safe: new table in one transaction", "BEGIN; CREATE TABLE n (a int); CREATE INDEX i ON n (a); INSERT INTO n SELECT id FROM tiny; COMMIT", ""},
	{"safe: drop concurrently", "DROP INDEX CONCURRENTLY orders_at", ""},
	{"safe: reindex concurrently", "REINDEX TABLE CONCURRENTLY orders", ""},
	{"safe: reindex with option", "REINDEX (CONCURRENTLY) INDEX orders_at", ""},
	{"safe: plain column", "ALTER TABLE orders ADD COLUMN n int", ""},
	{"safe: constant default", "ALTER TABLE orders ADD COLUMN n int NOT NULL DEFAULT 0", ""},
	{"safe: default now()", "ALTER TABLE orders ADD COLUMN n timestamptz DEFAULT now()", ""},
	{"safe: default current_timestamp", "ALTER TABLE orders ADD COLUMN n timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP", ""},
	{"safe: set default", "ALTER TABLE orders ALTER status SET DEFAULT 'new'", ""},
	{"safe: check not valid", "ALTER TABLE orders ADD CONSTRAINT c CHECK (total > 0) NOT VALID", ""},
	{"safe: validate alone", "ALTER TABLE orders VALIDATE CONSTRAINT c", ""},
	{"safe: not null by a check", "ALTER TABLE orders ADD CONSTRAINT c CHECK (status IS NOT NULL) NOT VALID; ALTER TABLE orders VALIDATE CONSTRAINT c; ALTER TABLE orders ALTER status SET NOT NULL; ALTER TABLE orders DROP CONSTRAINT c", ""},
	{"safe: foreign key not valid", "ALTER TABLE orders ADD FOREIGN KEY (customer_id) REFERENCES customers NOT VALID", ""},
	{"safe: column with reference", "ALTER TABLE orders ADD COLUMN c bigint REFERENCES customers", ""},
	{"safe: unique by index", "CREATE UNIQUE INDEX CONCURRENTLY i ON lines (id); ALTER TABLE lines ADD CONSTRAINT k PRIMARY KEY USING INDEX i", ""},
	{"safe: longer varchar", "ALTER TABLE orders ALTER status TYPE varchar(40)", ""},
	{"safe: varchar to text", "ALTER TABLE orders ALTER status TYPE text", ""},
	{"safe: more precision", "ALTER TABLE orders ALTER total TYPE numeric(14,2)", ""},
	{"safe: vacuum", "VACUUM (FULL off, ANALYZE) orders; ANALYZE lines", ""},
	{"safe: refresh concurrently", "REFRESH MATERIALIZED VIEW CONCURRENTLY totals", ""},
	{"safe: attach with check", "ALTER TABLE spare ADD CONSTRAINT b CHECK (at >= 10 AND at < 20) NOT VALID; ALTER TABLE spare VALIDATE CONSTRAINT b; ALTER TABLE events ATTACH PARTITION spare FOR VALUES FROM (10) TO (20)", ""},
	{"safe: detach concurrently", "ALTER TABLE events DETACH PARTITION events_1 CONCURRENTLY", ""},
	{"safe: update of one row", "UPDATE orders SET status = 'x' WHERE id = 7", ""},
	{"safe: alter then one row", "BEGIN; ALTER TABLE orders ADD COLUMN n int; UPDATE customers SET mail = '' WHERE id = 7; COMMIT", ""},
	{"safe: commit between", "BEGIN; ALTER TABLE orders ADD COLUMN n int; COMMIT; UPDATE orders SET n = 0 WHERE id > 5", ""},
	{"safe: trigger", "CREATE TRIGGER t BEFORE INSERT ON orders FOR EACH ROW EXECUTE FUNCTION f()", ""},
	{"safe: view", "CREATE VIEW v AS SELECT * FROM orders", ""},
	{"safe: words in literals", "INSERT INTO tiny VALUES (1, $$DROP TABLE orders; TRUNCATE orders$$), (2, E'it\\'s; DROP TABLE orders')", ""},
	{"safe: comments", "/* DROP TABLE a; /* nested; */ TRUNCATE b; */ SELECT 1 -- ; DROP TABLE c", ""},
	{"safe: copy data", "COPY tiny FROM stdin;\n1\tDROP TABLE orders; TRUNCATE x;\n2\t'\n\\.\nSELECT 1", ""},
	{"safe: meta commands", "\\set ON_ERROR_STOP on\n\\timing\nSELECT :'x', :n, '{}'::jsonb \\gset\n\\echo it's;\nSELECT 1", ""},
	{"safe: atomic body", "CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT CASE WHEN true THEN 1 END; SELECT 2; END; SELECT 1", ""},
	{"safe: not null as a constraint of 18", "ALTER TABLE orders ADD CONSTRAINT c NOT NULL status NOT VALID; ALTER TABLE orders VALIDATE CONSTRAINT c; ALTER TABLE orders ALTER status SET NOT NULL", ""},
	{"safe: new table that may be there", "CREATE TABLE IF NOT EXISTS n (a int); CREATE INDEX ON n (a)", ""},
	{"safe: identity of a column", "ALTER TABLE orders ALTER id ADD GENERATED BY DEFAULT AS IDENTITY", ""},
	{"safe: lock row share", "LOCK TABLE orders IN ROW SHARE MODE", ""},
	{"safe: options", "ALTER TABLE orders SET (fillfactor = 70), ALTER note SET STATISTICS 500", ""},
	{"safe: going back is not looked at", "-- +goose Up\nSELECT 1;\n-- +goose Down\nDROP TABLE orders;", ""},
}

func TestCases(t *testing.T) {
	if len(cases) < 60 {
		t.Errorf("%d cases", len(cases))
	}
	for _, tt := range cases {
		t.Run(tt.name, func(t *testing.T) {
			all := lint(t, tt.sql, Options{Rows: sizes})
			if got := found(all); got != tt.want {
				t.Errorf("%s\ngot  %s\nwant %s", tt.sql, got, tt.want)
				for _, f := range all {
					t.Log(f)
				}
			}
		})
	}
}
