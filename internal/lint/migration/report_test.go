package migration

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tripcurve/internal/formats/trap"
)

// The statement that started INC-2847.
func TestIndex(t *testing.T) {
	const sql = "CREATE INDEX idx_reservations_expiry ON stock_reservations (expires_at);\n"
	t.Run("rejects CREATE INDEX without CONCURRENTLY", func(t *testing.T) {
		for name, rows := range map[string]Rows{
			"large": {"stock_reservations": 3_000_000}, "one row more than allowed": {"stock_reservations": Large + 1},
			"never analysed": {"stock_reservations": -1}, "not known": {},
		} {
			all := lint(t, "SET lock_timeout = '2s';\n"+sql, Options{Rows: rows})
			if len(all) != 1 || all[0].Rule != "migration/index-without-concurrently" || all[0].Severity != trap.Error || all[0].Line != 2 || all[0].Column != 41 ||
				!strings.Contains(all[0].Instead, "CREATE INDEX CONCURRENTLY idx_reservations_expiry ON stock_reservations (expires_at)") {
				t.Errorf("%s: %v", name, all)
			}
		}
	})
	for name, rows := range map[string]Rows{"small": {"stock_reservations": Large}, "nobody asked": nil} {
		all := lint(t, "SET lock_timeout = '2s';\n"+sql, Options{Rows: rows})
		if len(all) != 1 || all[0].Severity != trap.Warning {
			t.Errorf("%s: %v", name, all)
		}
	}
	if all := lint(t, "CREATE INDEX CONCURRENTLY i ON stock_reservations (expires_at)", Options{Rows: Rows{}}); len(all) != 0 {
		t.Errorf("concurrently: %v", all)
	}
}

func TestLockTimeout(t *testing.T) {
	for _, tt := range []struct {
		name, sql string
		oneTx     bool
		want      string // line of the finding; empty is none
	}{
		{"missing", "ALTER TABLE orders ADD COLUMN n int", false, "1"},
		{"session", "SET lock_timeout = '2s'; ALTER TABLE orders ADD COLUMN n int", false, ""},
		{"number", "SET lock_timeout = 2000; ALTER TABLE orders ADD COLUMN n int", false, ""},
		{"zero", "SET lock_timeout = 0;\nALTER TABLE orders ADD COLUMN n int", false, "2"},
		{"zero in words", "SET lock_timeout = '0s';\nALTER TABLE orders ADD COLUMN n int", false, "2"},
		{"reset", "SET lock_timeout = 1; RESET lock_timeout;\nALTER TABLE orders ADD COLUMN n int", false, "2"},
		{"local outside of a transaction", "SET LOCAL lock_timeout = 1;\nALTER TABLE orders ADD COLUMN n int", false, "2"},
		{"local", "BEGIN; SET LOCAL lock_timeout = 1; ALTER TABLE orders ADD COLUMN n int; COMMIT", false, ""},
		{"local has ended", "BEGIN; SET LOCAL lock_timeout = 1; COMMIT;\nALTER TABLE orders ADD COLUMN n int", false, "2"},
		{"local in the tool's transaction", "SET LOCAL lock_timeout = 1; ALTER TABLE orders ADD COLUMN n int", true, ""},
		{"weak lock", "ALTER TABLE orders VALIDATE CONSTRAINT c; INSERT INTO orders VALUES (1)", false, ""},
		{"nowait", "BEGIN; LOCK TABLE orders IN ACCESS EXCLUSIVE MODE NOWAIT; ALTER TABLE orders ADD COLUMN n int; COMMIT", false, ""},
		{"own table", "CREATE TABLE n (a int); ALTER TABLE n ADD COLUMN b int", false, ""},
		{"own table that refers", "CREATE TABLE n (a bigint REFERENCES orders)", false, "1"},
	} {
		got := ""
		for _, f := range lint(t, tt.sql, Options{OneTx: tt.oneTx}) {
			if f.Rule == prefix+"lock-timeout" {
				got += string(rune('0' + f.Line))
			}
		}
		if got != tt.want {
			t.Errorf("%s: found in line %q, want %q", tt.name, got, tt.want)
		}
	}
}

func TestTransactions(t *testing.T) {
	for _, tt := range []struct {
		name, sql string
		oneTx     bool
		want      string
	}{
		{"the tool's", "CREATE INDEX CONCURRENTLY i ON orders (at)", true, "concurrently-in-transaction error"},
		{"goose without", "-- +goose NO TRANSACTION\n-- +goose Up\nCREATE INDEX CONCURRENTLY i ON orders (at)", true, ""},
		{"dbmate without", "-- migrate:up transaction:false\nCREATE INDEX CONCURRENTLY i ON orders (at)", true, ""},
		{"after commit", "COMMIT; CREATE INDEX CONCURRENTLY i ON orders (at)", true, ""},
		{"two in the tool's", "ALTER TABLE orders ADD COLUMN n int; UPDATE lines SET id = 1 WHERE id > 5", true, "long-transaction error"},
		{"two by themselves", "ALTER TABLE orders ADD COLUMN n int; UPDATE lines SET id = 1 WHERE id > 5", false, ""},
		{"savepoints keep it open", "BEGIN; SAVEPOINT a; RELEASE a; VACUUM orders", false, "concurrently-in-transaction error"},
	} {
		if got := found(lint(t, tt.sql, Options{OneTx: tt.oneTx, Rows: sizes})); got != tt.want {
			t.Errorf("%s: got %s, want %s", tt.name, got, tt.want)
		}
	}
}

func TestVersions(t *testing.T) {
	for _, tt := range []struct {
		sql  string
		from int
	}{
		{"ALTER TABLE orders ALTER note DROP EXPRESSION", 13},
		{"ALTER TABLE events DETACH PARTITION events_1 CONCURRENTLY", 14},
		{"ALTER TABLE orders ALTER note SET COMPRESSION lz4", 14},
		{"REINDEX TABLE CONCURRENTLY events", 14},
		{"MERGE INTO tiny USING (SELECT 1 AS i) x ON id = i WHEN MATCHED THEN DELETE", 15},
		{"CREATE UNIQUE INDEX CONCURRENTLY i ON tiny (a) NULLS NOT DISTINCT", 15},
		{"ALTER TABLE tiny SET ACCESS METHOD heap", 15},
		{"ALTER TABLE tiny ALTER a SET EXPRESSION AS (1)", 17},
	} {
		for v := OldestVersion; v <= NewestVersion; v++ {
			got := strings.Contains(found(lint(t, tt.sql, Options{Version: v, Rows: sizes})), "newer error")
			if got != (v < tt.from) {
				t.Errorf("%s for %d: refused %v", tt.sql, v, got)
			}
		}
	}
}

func TestSyntaxErrors(t *testing.T) {
	for _, tt := range []struct {
		sql          string
		line, column int
		want         []string // parts of the sentence
	}{
		{"SELECT 1;\nALTER TABLE orders ADD COLUMNN c int;", 2, 34, []string{`at or near "int"`, "expected"}},
		{"SELECT 1;\n\n  CREATE TABLE x (a int,, b int)", 3, 25, []string{`at or near ","`, "expected a name", "CONSTRAINT", "PRIMARY"}},
		{"DROP orders", 1, 6, []string{`at or near "orders"`, "expected", "DATABASE", "INDEX"}},
		{"CREATE INDEX i orders (a)", 1, 16, []string{`at or near "orders"`, "expected ON"}},
		{"SELECT 'é€', * FRM", 1, 19, []string{`at or near "FRM"`, "FROM"}},
		{"SELECT 'abc", 1, 8, []string{"unterminated quoted string"}},
		{"ALTER TABLE orders", 1, 19, []string{"end of input", "expected"}},
		{"SELECT 1\x00 DROP TABLE orders", 1, 9, []string{"NUL"}},
		{strings.Repeat("(", 100_000), 1, 1, []string{"nested deeper"}},
	} {
		r, err := Lint([]File{{"m.sql", tt.sql}}, Options{Version: 17})
		if err != nil {
			t.Fatal(err)
		}
		if !r.Unread || len(r.Findings) != 1 {
			t.Errorf("%.60s: %v", tt.sql, r.Findings)
			continue
		}
		f := r.Findings[0]
		if f.Rule != prefix+"syntax" || f.Line != tt.line || f.Column != tt.column {
			t.Errorf("%.60s: %v, want it at %d:%d", tt.sql, f, tt.line, tt.column)
		}
		for _, part := range tt.want {
			if !strings.Contains(f.Sentence(), part) {
				t.Errorf("%.60s: %s, want %s in it", tt.sql, f.Sentence(), part)
			}
		}
	}
}

// TestRulesAreThere: what is found has a rule, and every rule finds something.
func TestRulesAreThere(t *testing.T) {
	hit := map[string]bool{}
	sqls := []string{
		"\\i other.sql\nDO $$ BEGIN END $$", "SELEC", "SELECT '" + strings.Repeat("x", mostBytes) + "'", "CREATE INDEX CONCURRENTLY IF NOT EXISTS i ON orders (at)",
		"ALTER TABLE orders ADD COLUMN n int", "MERGE INTO tiny USING (SELECT 1 AS i) x ON id = i WHEN MATCHED THEN DELETE",
	}
	for _, c := range cases {
		sqls = append(sqls, c.sql)
	}
	for _, sql := range sqls {
		for _, f := range lint(t, sql, Options{Version: 14, Rows: sizes}) {
			r, ok := rules[strings.TrimPrefix(f.Rule, prefix)]
			if !ok || f.Severity < r.Severity {
				t.Errorf("not so in the catalogue: %v", f)
			}
			hit[f.Rule] = hit[f.Rule] || f.Severity == r.Severity
		}
	}
	for _, r := range Rules() {
		if !hit[r.ID] {
			t.Errorf("%s finds nothing", r.ID)
		}
	}
}

// TestDocs holds what docs/lint.md says of migrations to the catalogue.
func TestDocs(t *testing.T) {
	page := filepath.Join("..", "..", "..", "docs", "lint.md")
	have, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	others, _, _ := strings.Cut(string(have), Docs()[:len("\n# Migrations\n")])
	if os.Getenv("TRIPCURVE_UPDATE") != "" {
		if err := os.WriteFile(page, []byte(others+Docs()), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(strings.TrimPrefix(string(have), others), Docs()); diff != "" {
		t.Error(diff)
	}
}

func TestReadRows(t *testing.T) {
	for _, text := range []string{
		"table,rows\norders,3000000\npublic.lines, -1\nshop.x,5", `{"orders": 3000000, "lines": -1, "shop.x": 5}`,
		`[{"table": "orders", "rows": 3000000}, {"table": "public.lines", "rows": -1}, {"table": "shop.x", "rows": 5}]`,
	} {
		rows, err := ReadRows("s", text)
		if err != nil || len(rows) != 3 || rows["orders"] != 3_000_000 || rows["lines"] != -1 || rows["shop.x"] != 5 {
			t.Errorf("%s: %v, %v", text, rows, err)
		}
	}
	for text, want := range map[string]string{
		"a,1\nb,x": `s:2:3: found "x", expected a whole number of rows`, "a,1,2": "s:1:1: found 3 fields, expected table,rows",
		"{\n\"a\": \"x\"}": "s:2:8: ", "a,\"": "s:1:4: ", "{\"a\": 1,}": "s:1:9: ",
	} {
		if _, err := ReadRows("s", text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %s", text, err, want)
		}
	}
}
