package migration

import (
	"strings"
	"testing"
	"unicode/utf8"
)

// FuzzLint: no text makes it panic, spoils the grammar for the next one, or puts a
// finding outside of the file.
func FuzzLint(f *testing.F) {
	for _, c := range cases {
		f.Add(c.sql)
	}
	for _, s := range hostile {
		f.Add(s(40))
	}
	f.Fuzz(func(t *testing.T, sql string) {
		if len(sql) > 1<<14 || !utf8.ValidString(sql) {
			return
		}
		r, err := Lint([]File{{"m.sql", sql}}, Options{Rows: sizes})
		if err != nil {
			t.Fatal(err)
		}
		lines := strings.Split(sql, "\n")
		for _, found := range r.Findings {
			if found.Line < 1 || found.Line > len(lines) || found.Column < 1 || found.Column > len(lines[found.Line-1])+1 {
				t.Errorf("%v is outside", found)
			}
		}
		if _, err := parse("SELECT 1"); err != nil {
			t.Fatalf("the grammar is spoilt: %v", err)
		}
	})
}

// hostile are statements of any depth.
var hostile = []func(n int) string{
	func(n int) string { return "select " + strings.Repeat("(", n) + "1" + strings.Repeat(")", n) },
	func(n int) string { return "select 1" + strings.Repeat("+1", n) },
	func(n int) string { return "select " + strings.Repeat("((1+1)+", n) + "1" + strings.Repeat(")", n) },
	func(n int) string { return "select " + strings.Repeat("not ", n) + "true" },
	func(n int) string { return "select " + strings.Repeat("- ", n) + "1" },
	func(n int) string { return "select 1" + strings.Repeat(" union select 1", n) },
	func(n int) string {
		return strings.Repeat("select * from (", n) + "select 1" + strings.Repeat(") x", n)
	},
	func(n int) string {
		return "select 1 where 1 in (" + strings.Repeat("select 1 where 1 in (", n) + "select 1" + strings.Repeat(")", n+1)
	},
	func(n int) string {
		return "select " + strings.Repeat("case when true then ", n) + "1" + strings.Repeat(" end", n)
	},
	func(n int) string { return "select " + strings.Repeat("f(", n) + "1" + strings.Repeat(")", n) },
	func(n int) string { return "select " + strings.Repeat("array[", n) + "1" + strings.Repeat("]", n) },
	func(n int) string { return "select a" + strings.Repeat("[1]", n) },
	func(n int) string { return "select 1" + strings.Repeat("::int", n) },
	func(n int) string { return "select a" + strings.Repeat(" collate \"c\"", n) },
	func(n int) string { return "select a" + strings.Repeat(" at time zone 'x'", n) },
	func(n int) string { return "select * from a" + strings.Repeat(" join a on true", n) },
	func(n int) string {
		return "select * from " + strings.Repeat("(a join ", n) + "b" + strings.Repeat(" on true)", n)
	},
	func(n int) string {
		return strings.Repeat("with x as (", n) + "select 1" + strings.Repeat(") select 1", n)
	},
	func(n int) string { return "select 1" + strings.Repeat(" is null", n) },
	func(n int) string { return strings.Repeat("explain ", n) + "select 1" },
	func(n int) string {
		return "select a from b" + strings.Repeat(", lateral (select 1", n) + strings.Repeat(") x", n)
	},
	func(n int) string { return "create schema a " + strings.Repeat("create table t (a int) ", n) },
	func(n int) string { return strings.Repeat("/*", n) + strings.Repeat("*/", n) + "select 1" },
	func(n int) string { return "select " + strings.Repeat("$a$", n) },
	func(n int) string { return strings.Repeat("begin;", n) },
	func(n int) string { return "prepare x as " + strings.Repeat("prepare x as ", n) + "select 1" },
	func(n int) string { return "select 1" + strings.Repeat(" < any (select 1", n) + strings.Repeat(")", n) },
	func(n int) string {
		return "select " + strings.Repeat("exists (select ", n) + "1" + strings.Repeat(")", n)
	},
	func(n int) string {
		return "create function f() returns int " + strings.Repeat("begin atomic ", n) + "select 1;"
	},
	func(n int) string { return "select x" + strings.Repeat(".y", n) },
	func(n int) string { return "select 1 " + strings.Repeat("operator(pg_catalog.+) 1 ", n) },
	func(n int) string { return "select a" + strings.Repeat(" ## 1", n) },
}

// TestLongHostile: of every depth, the grammar stays whole.
func TestLongHostile(t *testing.T) {
	for _, n := range []int{59, 238, 1000} {
		for i, h := range hostile {
			if _, err := Lint([]File{{"m.sql", h(n)}}, Options{}); err != nil {
				t.Fatalf("%d, %d deep: %v", i, n, err)
			}
			if s, err := parse("SELECT 1"); err != nil || s.kind != "SelectStmt" {
				t.Fatalf("%d, %d deep: the grammar is spoilt: %v", i, n, err)
			}
		}
	}
}

// TestLarge: many short statements, one of 10 MB, and ones that never end.
func TestLarge(t *testing.T) {
	short := strings.Repeat("INSERT INTO tiny VALUES (1, 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa');\n", 10_000)[:300<<10]
	for _, sql := range []string{
		short[:strings.LastIndex(short, ";")], "SELECT '" + strings.Repeat("x", 10<<20) + "'", "SELECT '" + strings.Repeat("x;", 100<<10), strings.Repeat("x;", 100<<10), strings.Repeat("(", 500<<10), strings.Repeat("-- some words\n", 50<<10),
		"COPY tiny FROM stdin;\n" + strings.Repeat("1\tsome words\n", 50<<10),
	} {
		r, err := Lint([]File{{"m.sql", sql}}, Options{})
		if err != nil || len(r.Findings) > mostWrong+1 {
			t.Errorf("%.20s: %d findings, %v", sql, len(r.Findings), err)
		}
	}
}
