package migration

import (
	"strings"
	"testing"
	"time"
)

// BenchmarkLint looks at 2,000 statements of 20 kinds, the grammar being there
// already, and says how long the grammar took to be there.
func BenchmarkLint(b *testing.B) {
	began := time.Now()
	if err := Load(); err != nil {
		b.Fatal(err)
	}
	start := time.Since(began)
	kinds := []string{
		"CREATE INDEX CONCURRENTLY i ON orders (status, at) WHERE status <> 'done'", "ALTER TABLE orders ADD COLUMN n int NOT NULL DEFAULT 0",
		"CREATE TABLE n (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, order_id bigint NOT NULL REFERENCES orders, note text DEFAULT '', at timestamptz DEFAULT now(), CHECK (note <> 'x'))",
		"INSERT INTO tiny (id, a) VALUES (1, 2), (3, 4), (5, 6)", "UPDATE orders SET status = 'open' WHERE id = 7 AND status IS NULL",
		"CREATE VIEW v AS SELECT o.id, count(*) FROM orders o JOIN lines l ON l.order_id = o.id WHERE o.at > now() - interval '1 day' GROUP BY 1",
		"COMMENT ON COLUMN orders.note IS 'what the customer wrote'", "GRANT SELECT ON orders TO reader", "DROP INDEX CONCURRENTLY IF EXISTS orders_old",
		"ALTER TABLE orders ADD CONSTRAINT c CHECK (total > 0) NOT VALID", "ALTER TABLE orders VALIDATE CONSTRAINT c", "CREATE INDEX i ON lines (order_id)",
		"ALTER TABLE orders ADD COLUMN u uuid DEFAULT gen_random_uuid()", "ALTER TABLE lines ADD FOREIGN KEY (order_id) REFERENCES orders NOT VALID",
		"CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.at := now(); RETURN NEW; END $$", "CREATE TRIGGER t BEFORE UPDATE ON orders FOR EACH ROW EXECUTE FUNCTION f()",
		"DELETE FROM lines WHERE order_id IN (SELECT id FROM orders WHERE status = 'gone')", "SELECT setval('numbers', 100)", "ALTER TABLE orders RENAME COLUMN note TO remark", "DROP TABLE IF EXISTS n CASCADE",
	}
	const statements = 2000
	sql := strings.Repeat(strings.Join(kinds, ";\n")+";\n", statements/len(kinds))
	b.ResetTimer()
	for b.Loop() {
		r, err := Lint([]File{{"before.sql", before}, {"m.sql", sql}}, Options{Rows: sizes})
		if err != nil {
			b.Fatal(err)
		}
		if len(r.Statements) < statements || len(r.Findings) < statements/10 {
			b.Fatalf("%d statements, %d findings", len(r.Statements), len(r.Findings))
		}
	}
	b.ReportMetric(statements*float64(b.N)/b.Elapsed().Seconds(), "statements/s")
	b.ReportMetric(start.Seconds(), "start_s")
}
