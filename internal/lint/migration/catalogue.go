package migration

import (
	"tripcurve/internal/formats/trap"
	"tripcurve/internal/lint/config"
)

// prefix of the rules' names; comments may leave it out.
const prefix = "migration/"

// Rules is the catalogue, in the order of the documentation. A rule whose finding
// depends on the size of its table is there as what it is on a large one.
func Rules() []config.Rule {
	var all []config.Rule
	for _, r := range catalogue {
		all = append(all, config.Rule{ID: prefix + r.ID, Severity: r.Severity, Doc: r.Doc})
	}
	return all
}

var rules = func() map[string]config.Rule {
	all := map[string]config.Rule{}
	for i, r := range Rules() {
		all[catalogue[i].ID] = r
	}
	return all
}()

var catalogue = []config.Rule{
	{ID: "syntax", Severity: trap.Error, Doc: "the grammar does not take the statement; exit code 2"},
	{ID: "too-long", Severity: trap.Warning, Doc: "a statement of more than 1 MiB, which is not looked at"},
	{ID: "included", Severity: trap.Note, Doc: "a file that psql includes, which is not looked at"},
	{ID: "dynamic", Severity: trap.Note, Doc: "a DO block or CALL, whose statements are not looked at"},
	{ID: "newer", Severity: trap.Error, Doc: "a statement that the server of --for does not have yet"},
	{ID: "index-without-concurrently", Severity: trap.Error, Doc: "CREATE INDEX stops writes for as long as it builds; error on large tables, else warning"},
	{ID: "concurrently-in-transaction", Severity: trap.Error, Doc: "a statement that Postgres refuses in a transaction: CONCURRENTLY, VACUUM and others"},
	{ID: "concurrently-on-partitioned", Severity: trap.Error, Doc: "CREATE or DROP INDEX CONCURRENTLY of a partitioned table, which Postgres refuses"},
	{ID: "concurrently-if-not-exists", Severity: trap.Note, Doc: "an index that an earlier failed build left invalid is taken for the one wanted"},
	{ID: "drop-index", Severity: trap.Warning, Doc: "DROP INDEX waits for, and then stops, reads and writes of the table"},
	{ID: "reindex", Severity: trap.Error, Doc: "REINDEX stops writes, and readers that need a plan; error on large tables, else warning"},
	{ID: "add-column-rewrites", Severity: trap.Error, Doc: "a new column with a value computed per row rewrites the table; error on large tables, else warning"},
	{ID: "add-column-not-null", Severity: trap.Error, Doc: "a new NOT NULL column without a default fails on a table with rows"},
	{ID: "set-not-null", Severity: trap.Error, Doc: "SET NOT NULL scans the table without reads and writes; error on large tables, else warning"},
	{ID: "check-without-not-valid", Severity: trap.Error, Doc: "a CHECK that scans the table without reads and writes; error on large tables, else warning"},
	{ID: "foreign-key-without-not-valid", Severity: trap.Error, Doc: "a foreign key that scans both tables without writes; error on large tables, else warning"},
	{ID: "unique-without-index", Severity: trap.Error, Doc: "UNIQUE or PRIMARY KEY that builds its index without reads and writes; error on large tables, else warning"},
	{ID: "exclude-constraint", Severity: trap.Error, Doc: "an exclusion constraint, which builds its index without reads and writes; error on large tables, else warning"},
	{ID: "type-change", Severity: trap.Error, Doc: "a change of a column's type that rewrites the table; error on large tables, else warning"},
	{ID: "rewrites-table", Severity: trap.Error, Doc: "SET LOGGED, TABLESPACE, ACCESS METHOD and others rewrite the table; error on large tables, else warning"},
	{ID: "rename", Severity: trap.Warning, Doc: "a renamed table or column breaks the clients that run"},
	{ID: "drop-column", Severity: trap.Warning, Doc: "a dropped column breaks the clients that run"},
	{ID: "drop-table", Severity: trap.Warning, Doc: "a dropped table breaks the clients that run, and is gone"},
	{ID: "drop-cascade", Severity: trap.Warning, Doc: "DROP ... CASCADE takes along what the file does not name"},
	{ID: "lock-timeout", Severity: trap.Warning, Doc: "a strong lock without lock_timeout: while it waits, all others wait behind it; said once a file"},
	{ID: "long-transaction", Severity: trap.Error, Doc: "a slow statement while a strong lock of an earlier one is held; error on large tables, else warning"},
	{ID: "whole-table-write", Severity: trap.Warning, Doc: "UPDATE or DELETE without WHERE: row locks and dead rows for the whole table at once"},
	{ID: "vacuum-full", Severity: trap.Error, Doc: "VACUUM FULL and CLUSTER stop reads and writes while they copy the table; error on large tables, else warning"},
	{ID: "lock-table", Severity: trap.Warning, Doc: "LOCK TABLE in a mode that stops writes"},
	{ID: "truncate", Severity: trap.Warning, Doc: "TRUNCATE stops reads and writes, and the rows are gone"},
	{ID: "refresh-without-concurrently", Severity: trap.Error, Doc: "REFRESH MATERIALIZED VIEW stops its readers while it runs; error when it is large, else warning"},
	{ID: "attach-without-check", Severity: trap.Error, Doc: "ATTACH PARTITION scans the partition without reads and writes; error when it is large, else warning"},
	{ID: "detach-without-concurrently", Severity: trap.Warning, Doc: "DETACH PARTITION stops reads and writes of all partitions"},
	{ID: "partition-of", Severity: trap.Warning, Doc: "CREATE TABLE ... PARTITION OF stops reads and writes of the parent; ATTACH does not"},
	{ID: "trigger", Severity: trap.Warning, Doc: "DROP TRIGGER stops reads too; DISABLE TRIGGER ALL switches foreign keys off"},
	{ID: "unknown-rule", Severity: trap.Error, Doc: "tripcurve:ignore of a rule that does not exist"},
	{ID: "ignore-without-reason", Severity: trap.Error, Doc: "tripcurve:ignore without a reason"},
	{ID: "unused-ignore", Severity: trap.Warning, Doc: "tripcurve:ignore that silences nothing"},
}
