package migration

import (
	"fmt"
	"strings"
)

// Docs is the catalogue as a part of a page for users.
func Docs() string {
	var b strings.Builder
	b.WriteString(`
# Migrations

    tripcurve lint migrations/                          # *.sql in it, V2 before V10; not *.down.sql
    tripcurve lint --dsn "$DSN" migrations/             # how large the tables are, by their statistics
    tripcurve lint --stats sizes.csv --format github migrations/V7__index.sql
    tripcurve lint --locks migrations/V7__index.sql     # each lock, until when, and whom it stops

Statements are read by PostgreSQL's own grammar (that of 17, as WebAssembly: no cgo), which takes 1 to 3 s to load and is
loaded for SQL alone. Errors make the exit code 1, warnings fail nothing, a syntax error makes it 2 and says what the grammar
would have taken there.

- **How large a table is** decides where work happens under a lock: error above 100,000 rows, else warning. ` + "`--dsn`" + ` reads
  ` + "`pg_class.reltuples`" + ` in a read-only session (never a size function: those hang behind a lock), adds partitions up, and takes a
  table that is unknown or was never analysed for large. ` + "`--stats`" + ` reads the same from a CSV file of ` + "`table,rows`" + ` or JSON.
  With neither it is a warning.
- **Transactions**: inside BEGIN and COMMIT every lock lives until COMMIT. ` + "`--transaction file`" + ` says that the tool commits once a
  file, ` + "`statement`" + ` (the default) once a statement. goose, sql-migrate and dbmate say in comments that a file has none, and where
  the part for going back begins: that part is not looked at.
- **Tables that the file makes** are exempt, also with IF NOT EXISTS: nobody else uses them. Earlier files say which indexes, partitions, foreign keys
  and column types there are.
- **A comment silences a rule** for the statement that it stands before, in, or behind on its last line, with a reason:
  ` + "`-- tripcurve:ignore drop-table: nobody reads it since May`" + `.
- **Versions**: ` + "`--for 12`" + ` to ` + "`18`" + ` (default 18). The lock modes are the same in all of them; what a server does not have yet is an
  error. Of what only 18 has, NOT NULL as a constraint of the table is read; virtual columns, WITHOUT OVERLAPS and NOT ENFORCED are
  syntax errors here.
- **Not looked at**: what DO blocks, CALL and functions run, files that psql includes, statements of more than 1 MiB.
  Statements nested deeper than some 60 levels are refused. psql's meta commands, variables and COPY data are passed over.

| rule | severity | what |
|---|---|---|
`)
	for _, r := range Rules() {
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", r.ID, r.Severity, r.Doc)
	}
	return b.String()
}
