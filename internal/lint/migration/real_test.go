//go:build real

package migration

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"tripcurve/internal/pglock"
	"tripcurve/internal/pgtest"
)

// database is what the statements find. The linter reads it as a migration before
// theirs, and the server runs it.
const database = `
CREATE TABLE customers (id int PRIMARY KEY, mail varchar(20));
CREATE TABLE orders (id int PRIMARY KEY, customer_id int, status varchar(20), total numeric, at timestamptz, CONSTRAINT positive CHECK (total > 0) NOT VALID);
CREATE TABLE lines (id int, order_id int CONSTRAINT lines_order REFERENCES orders, n int);
CREATE TABLE loose (id int, customer_id int);
CREATE INDEX orders_at ON orders (at);
CREATE UNIQUE INDEX loose_id ON loose (id);
CREATE TABLE events (at int NOT NULL, kind text) PARTITION BY RANGE (at);
CREATE TABLE events_1 PARTITION OF events FOR VALUES FROM (0) TO (10);
CREATE TABLE events_2 PARTITION OF events FOR VALUES FROM (10) TO (20);
CREATE TABLE spare (at int NOT NULL, kind text);
CREATE VIEW open_orders AS SELECT * FROM orders WHERE status = 'open';
CREATE MATERIALIZED VIEW totals AS SELECT customer_id, sum(total) FROM orders GROUP BY 1;
CREATE UNIQUE INDEX totals_customer ON totals (customer_id);
CREATE SEQUENCE numbers;
CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE TRIGGER watch BEFORE UPDATE ON orders FOR EACH ROW EXECUTE FUNCTION f();
CREATE POLICY own ON orders USING (true);
ALTER TABLE loose ADD CONSTRAINT loose_customer FOREIGN KEY (customer_id) REFERENCES customers NOT VALID;
INSERT INTO customers VALUES (1, 'a'); INSERT INTO orders VALUES (1, 1, 'open', 5, now()); INSERT INTO lines VALUES (1, 1, 1); INSERT INTO events VALUES (5, 'x');
`

// inside are statements that run in a transaction, whose locks its own session reads
// before it rolls back.
var inside = []string{
	"SELECT * FROM orders", "SELECT * FROM orders FOR UPDATE SKIP LOCKED", "SELECT * FROM orders o JOIN customers c ON c.id = o.customer_id FOR SHARE OF o",
	"SELECT * FROM open_orders", "SELECT * FROM events", "WITH x AS (DELETE FROM lines RETURNING *) SELECT * FROM x, customers",
	"INSERT INTO customers VALUES (2, 'b')", "INSERT INTO lines VALUES (2, 1, 1)", "UPDATE customers SET mail = 'c'", "UPDATE events SET kind = 'y'", "DELETE FROM loose",
	"MERGE INTO customers USING (SELECT 1 AS i) x ON id = i WHEN MATCHED THEN UPDATE SET mail = 'd'", "CREATE VIEW v AS SELECT * FROM orders", "CREATE TABLE c AS SELECT * FROM customers",
	"CREATE INDEX i ON orders (status)", "CREATE UNIQUE INDEX i ON customers (mail)", "CREATE INDEX i ON events (at)", "CREATE INDEX i ON ONLY events (at)",
	"DROP INDEX orders_at", "REINDEX TABLE orders", "REINDEX INDEX orders_at",
	"ALTER TABLE orders ADD COLUMN a int", "ALTER TABLE orders ADD COLUMN a int DEFAULT 5 NOT NULL", "ALTER TABLE orders ADD COLUMN a float DEFAULT random()",
	"ALTER TABLE orders ADD COLUMN a int REFERENCES customers", "ALTER TABLE events ADD COLUMN a int", "ALTER TABLE lines DROP COLUMN n", "ALTER TABLE orders RENAME COLUMN at TO time",
	"ALTER TABLE orders RENAME TO purchases", "ALTER TABLE orders ALTER status SET DEFAULT 'x'", "ALTER TABLE orders ALTER status SET NOT NULL", "ALTER TABLE orders ALTER status DROP NOT NULL",
	"ALTER TABLE customers ALTER mail TYPE varchar(40)", "ALTER TABLE loose ALTER id TYPE bigint", "ALTER TABLE orders SET (fillfactor = 70)", "ALTER TABLE orders ALTER status SET STATISTICS 500",
	"ALTER TABLE orders ALTER total SET (n_distinct = 5)", "ALTER TABLE orders CLUSTER ON orders_at", "ALTER TABLE orders ENABLE ROW LEVEL SECURITY", "ALTER TABLE loose SET UNLOGGED",
	"ALTER TABLE orders ADD CONSTRAINT c CHECK (total > 1)", "ALTER TABLE orders ADD CONSTRAINT c CHECK (total > 1) NOT VALID", "ALTER TABLE orders VALIDATE CONSTRAINT positive",
	"ALTER TABLE orders ADD FOREIGN KEY (customer_id) REFERENCES customers", "ALTER TABLE orders ADD FOREIGN KEY (customer_id) REFERENCES customers NOT VALID",
	"ALTER TABLE loose VALIDATE CONSTRAINT loose_customer", "ALTER TABLE orders ADD UNIQUE (status)", "ALTER TABLE loose ADD CONSTRAINT k UNIQUE USING INDEX loose_id",
	"ALTER TABLE lines DROP CONSTRAINT lines_order", "ALTER TABLE orders DISABLE TRIGGER watch", "ALTER TABLE orders REPLICA IDENTITY FULL", "ALTER TABLE orders OWNER TO postgres",
	"ALTER TABLE events ATTACH PARTITION spare FOR VALUES FROM (20) TO (30)", "ALTER TABLE events DETACH PARTITION events_2", "CREATE TABLE events_3 PARTITION OF events FOR VALUES FROM (20) TO (30)",
	"CREATE TABLE n (a int REFERENCES customers)", "CREATE TABLE n (LIKE orders INCLUDING ALL)", "CREATE TABLE n () INHERITS (loose)", "ALTER INDEX orders_at RENAME TO other",
	"CREATE TRIGGER t BEFORE INSERT ON orders FOR EACH ROW EXECUTE FUNCTION f()", "DROP TRIGGER watch ON orders", "CREATE RULE r AS ON DELETE TO loose DO INSTEAD NOTHING",
	"CREATE POLICY p ON customers USING (true)", "DROP POLICY own ON orders", "COMMENT ON TABLE orders IS 'x'", "COMMENT ON COLUMN orders.at IS 'x'", "CREATE STATISTICS st ON status, total FROM orders",
	"ANALYZE orders", "TRUNCATE customers CASCADE", "TRUNCATE lines", "DROP TABLE lines", "DROP TABLE events_2", "DROP TABLE events", "DROP VIEW open_orders", "DROP MATERIALIZED VIEW totals",
	"REFRESH MATERIALIZED VIEW totals", "REFRESH MATERIALIZED VIEW CONCURRENTLY totals", "CLUSTER orders USING orders_at", "LOCK TABLE orders", "LOCK TABLE orders, lines IN SHARE MODE",
	"LOCK TABLE events IN ROW EXCLUSIVE MODE", "ALTER SEQUENCE numbers RESTART", "CREATE OR REPLACE VIEW open_orders AS SELECT * FROM orders WHERE status = 'shut'",
}

// outside are statements that refuse a transaction: another session has rows of the
// tables locked, and a third one looks at what they hold and wait for.
var outside = []struct{ sql, blocker string }{
	{"CREATE INDEX CONCURRENTLY i ON orders (status)", "UPDATE orders SET total = 6"},
	{"DROP INDEX CONCURRENTLY orders_at", "UPDATE orders SET total = 6"},
	{"REINDEX TABLE CONCURRENTLY loose", "INSERT INTO loose VALUES (9)"},
	{"VACUUM orders", "LOCK TABLE orders IN SHARE UPDATE EXCLUSIVE MODE"},
	{"VACUUM FULL orders", "SELECT * FROM orders"},
}

// TestRealLocksAreThoseOfTheServer holds the predicted locks against pg_locks: of
// every table, view and sequence that was there before, and of the indexes that a
// lock stops readers or writers of.
func TestRealLocksAreThoseOfTheServer(t *testing.T) {
	s := pgtest.Start(t, "autovacuum=off", "max_locks_per_transaction=200")
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	conn := s.Connect(t)
	var version int
	if err := conn.QueryRow(ctx, "SELECT current_setting('server_version_num')::int / 10000").Scan(&version); err != nil {
		t.Fatal(err)
	}
	c := newCatalog(version)
	for _, ch := range split(database).chunks {
		if _, err := conn.Exec(ctx, ch.text); err != nil {
			t.Fatalf("%s: %v", ch.text, err)
		}
		st, err := parse(ch.text)
		if err != nil {
			t.Fatal(err)
		}
		c.learn(st)
	}
	watcher := s.Connect(t)
	there := names(ctx, t, watcher)
	run := 0
	for _, sql := range inside {
		if version < 15 && strings.HasPrefix(sql, "MERGE") {
			continue // there is none
		}
		tx, err := conn.Begin(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := tx.Exec(ctx, sql, pgx.QueryExecModeSimpleProtocol); err != nil {
			t.Errorf("%s: %v", sql, err)
		} else {
			compare(t, c, sql, locksHeld(ctx, t, watcher, there, conn.PgConn().PID()), there)
			run++
		}
		if err := tx.Rollback(ctx); err != nil {
			t.Fatal(err)
		}
	}
	for _, o := range outside {
		run++
		t.Run(o.sql, func(t *testing.T) { waitFor(ctx, t, s, c, watcher, there, o.sql, o.blocker) })
	}
	t.Logf("proof: %d statements", run)
	if run < 50 {
		t.Errorf("%d statements, want 50", run)
	}
}

// waitFor compares while the statement waits.
func waitFor(ctx context.Context, t *testing.T, s *pgtest.Server, c *catalog, watcher *pgx.Conn, there map[uint32]object, sql, blocker string) {
	holder, worker := s.Connect(t), s.Connect(t)
	tx, err := holder.Begin(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec(ctx, blocker); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { // ends with the worker's connection at the latest
		_, err := worker.Exec(ctx, sql, pgx.QueryExecModeSimpleProtocol)
		done <- err
	}()
	pid := worker.PgConn().PID()
	for waiting := false; !waiting; {
		if err := watcher.QueryRow(ctx, "SELECT EXISTS (SELECT FROM pg_locks WHERE pid = $1 AND NOT granted)", pid).Scan(&waiting); err != nil {
			t.Fatal(err)
		}
	}
	compare(t, c, sql, locksHeld(ctx, t, watcher, there, pid), there)
	if err := tx.Rollback(ctx); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Errorf("%s: %v", sql, err)
	}
}

type object struct{ name, kind string }

// names are the relations that are there, before a statement renames or drops them.
func names(ctx context.Context, t *testing.T, conn *pgx.Conn) map[uint32]object {
	t.Helper()
	rows, err := conn.Query(ctx, "SELECT oid, relname::text, relkind::text FROM pg_class WHERE relnamespace = 'public'::regnamespace")
	if err != nil {
		t.Fatal(err)
	}
	all := map[uint32]object{}
	for rows.Next() {
		var oid uint32
		var o object
		if err := rows.Scan(&oid, &o.name, &o.kind); err != nil {
			t.Fatal(err)
		}
		all[oid] = o
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return all
}

func locksHeld(ctx context.Context, t *testing.T, watcher *pgx.Conn, there map[uint32]object, pid uint32) map[string]pglock.Mode {
	t.Helper()
	rows, err := watcher.Query(ctx, "SELECT relation, mode FROM pg_locks WHERE pid = $1 AND locktype = 'relation'", pid)
	if err != nil {
		t.Fatal(err)
	}
	held := map[string]pglock.Mode{}
	for rows.Next() {
		var oid uint32
		var mode string
		if err := rows.Scan(&oid, &mode); err != nil {
			t.Fatal(err)
		}
		m, ok := pglock.Parse(mode)
		if o := there[oid]; ok && o.name != "" && (o.kind != "i" && o.kind != "I" || m >= pglock.Share) {
			held[o.name] = max(held[o.name], m)
		}
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return held
}

func compare(t *testing.T, c *catalog, sql string, held map[string]pglock.Mode, there map[uint32]object) {
	t.Helper()
	st, err := parse(sql)
	if err != nil {
		t.Fatal(err)
	}
	index := map[string]bool{}
	for _, o := range there {
		index[o.name] = o.kind == "i" || o.kind == "I"
	}
	predicted := map[string]pglock.Mode{}
	for _, l := range c.locksOf(st) {
		if !index[l.Object] || l.Mode >= pglock.Share {
			predicted[l.Object] = l.Mode
		}
	}
	if !maps.Equal(predicted, held) {
		t.Errorf("%s\npredicted %s\nheld      %s", sql, show(predicted), show(held))
	}
}

func show(modes map[string]pglock.Mode) string {
	var all []string
	for _, o := range slices.Sorted(maps.Keys(modes)) {
		all = append(all, fmt.Sprintf("%s %s", o, modes[o]))
	}
	return strings.Join(all, ", ")
}
