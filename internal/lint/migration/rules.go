package migration

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"

	"tripcurve/internal/formats/trap"
	"tripcurve/internal/pglock"
)

// finding is what a rule says of the statement at hand.
type finding struct {
	rule               string
	of                 string // the table whose size decides; empty: the rule's own severity
	at                 int    // byte in the statement; 0 its beginning
	what, why, instead string
}

// tell weighs a finding by the size of its table.
func (w *walk) tell(f finding) {
	r := rules[f.rule]
	severity := r.Severity
	if f.of != "" {
		if w.opt.Rows == nil {
			severity = trap.Warning
			f.why += "; nobody knows how large it is: name a database with --dsn or a file with --stats"
		} else if size, large := w.size(f.of); large {
			f.why += "; " + f.of + " is a table " + size
		} else {
			severity = trap.Warning
			f.why += "; " + f.of + " is a table " + size
		}
	}
	at := w.at.at
	if f.at > 0 && f.at < len(w.at.text) {
		at += f.at
	}
	w.say(at, r, severity, f.what, f.why, f.instead)
}

// size adds up the partitions of a table where it has none itself.
func (w *walk) size(table string) (words string, large bool) {
	if _, ok := w.opt.Rows[table]; !ok {
		if all := w.catalog.family(table)[1:]; len(all) > 0 {
			var sum int64
			for _, p := range all {
				n, ok := w.opt.Rows[p]
				if !ok || n < 0 {
					return "whose partition " + p + " has a size that nobody knows", true
				}
				sum += n
			}
			return "of some " + grouped(sum) + " rows in its partitions", sum > Large
		}
	}
	return w.opt.Rows.of(table)
}

// look applies the rules to one statement.
func (w *walk) look(s typed, locks []Lock) {
	w.versions(s)
	w.alone(s)
	w.lockTimeout(s, locks)
	w.longTransaction(s)
	switch s.kind {
	case "IndexStmt":
		w.index(s.tree)
	case "AlterTableStmt":
		if !w.own(relation(s.node("relation"))) {
			for _, c := range s.list("cmds") {
				w.alter(relation(s.node("relation")), s.text("objtype"), c.tree)
			}
		}
	case "DropStmt":
		w.drop(s.tree)
	case "RenameStmt":
		w.rename(s.tree)
	case "ReindexStmt":
		w.reindex(s.tree)
	case "CreateStmt":
		w.partitionOf(s.tree)
	case "DoStmt", "CallStmt":
		w.tell(finding{rule: "dynamic", what: "a DO block or CALL", why: "what it runs was not looked at"})
	default:
		w.maintenance(s)
	}
}

func (w *walk) maintenance(s typed) {
	on := relation(s.node("relation"))
	switch s.kind {
	case "UpdateStmt", "DeleteStmt":
		if s.tree["whereClause"] == nil && !w.own(on) {
			w.tell(finding{
				rule: "whole-table-write", what: strings.ToUpper(strings.TrimSuffix(s.kind, "Stmt")) + " of every row of " + on,
				why:     "it locks every row until it commits, and leaves as many dead ones",
				instead: "write it in batches by the primary key, each its own transaction",
			})
		}
	case "VacuumStmt":
		if !s.is("is_vacuumcmd") || !option(s.list("options"), "full") {
			return
		}
		for _, r := range s.list("rels") {
			t := relation(r.node("relation"))
			w.tell(finding{
				rule: "vacuum-full", of: t, what: "VACUUM FULL of " + t, why: "it holds ACCESS EXCLUSIVE while it copies the table: no read, no write",
				instead: "write VACUUM " + t + ", or rebuild it with pg_repack",
			})
		}
		if len(s.list("rels")) == 0 {
			w.tell(finding{rule: "vacuum-full", what: "VACUUM FULL of the whole database", why: "it holds ACCESS EXCLUSIVE on one table after the other while it copies them", instead: "write VACUUM"})
		}
	case "ClusterStmt":
		if !w.own(on) {
			w.tell(finding{
				rule: "vacuum-full", of: on, what: "CLUSTER " + on, why: "it holds ACCESS EXCLUSIVE while it copies the table: no read, no write",
				instead: "rebuild it with pg_repack",
			})
		}
	case "LockStmt":
		mode := pglock.Mode(min(max(s.number("mode"), 1), 8))
		for _, r := range s.list("relations") {
			if t := relation(r.tree); mode >= pglock.Share && !w.own(t) {
				w.tell(finding{
					rule: "lock-table", what: "LOCK TABLE " + t + " in " + mode.String() + " mode", why: "it stops " + stops(mode) + " until the transaction ends",
					instead: "leave it out: each statement takes the lock that it needs",
				})
			}
		}
	case "TruncateStmt":
		for _, r := range s.list("relations") {
			if t := relation(r.tree); !w.own(t) {
				w.tell(finding{
					rule: "truncate", what: "TRUNCATE " + t, why: "it holds ACCESS EXCLUSIVE until it commits, and the rows are gone",
					instead: "DELETE in batches where readers must go on",
				})
			}
		}
	case "RefreshMatViewStmt":
		if !s.is("concurrent") && !s.is("skipData") && !w.own(on) {
			w.tell(finding{
				rule: "refresh-without-concurrently", of: on, what: "REFRESH MATERIALIZED VIEW " + on, why: "it holds ACCESS EXCLUSIVE on the view while its query runs: no read",
				instead: "write REFRESH MATERIALIZED VIEW CONCURRENTLY " + on + ", which needs a unique index on it",
			})
		}
	}
}

var indexWord = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`(?i)\bindex\b`) })

// concurrently puts the word behind INDEX.
func concurrently(sql string) string {
	if at := indexWord().FindStringIndex(sql); at != nil {
		sql = sql[:at[1]] + " CONCURRENTLY" + sql[at[1]:]
	}
	return short(sql)
}

// short is a statement in one line for a message.
func short(sql string) string {
	line := strings.Join(strings.Fields(sql), " ")
	if r := []rune(line); len(r) > 160 {
		return string(r[:159]) + "…"
	}
	return line
}

func (w *walk) index(s tree) {
	on := relation(s.node("relation"))
	own, partitioned := w.own(on), w.catalog.known(on).partitioned
	at := s.node("relation").number("location")
	switch {
	case s.is("concurrent") && partitioned && s.node("relation").is("inh"):
		w.tell(finding{
			rule: "concurrently-on-partitioned", at: at, what: "CREATE INDEX CONCURRENTLY on the partitioned table " + on, why: "Postgres refuses it (0A000)",
			instead: "CREATE INDEX name ON ONLY " + on + " ...; CREATE INDEX CONCURRENTLY on each partition; ALTER INDEX name ATTACH PARTITION each",
		})
	case s.is("concurrent") && s.is("if_not_exists"):
		w.tell(finding{
			rule: "concurrently-if-not-exists", what: "CREATE INDEX CONCURRENTLY IF NOT EXISTS", why: "a build that failed leaves an invalid index of that name, and the next run takes it for done",
			instead: "DROP INDEX CONCURRENTLY IF EXISTS it first, or check pg_index.indisvalid",
		})
	case s.is("concurrent") || own || partitioned && !s.node("relation").is("inh"):
	case partitioned:
		w.tell(finding{
			rule: "index-without-concurrently", of: on, at: at, what: "CREATE INDEX on the partitioned table " + on,
			why:     "it stops all writes of every partition until all are built",
			instead: "CREATE INDEX name ON ONLY " + on + " ...; CREATE INDEX CONCURRENTLY on each partition; ALTER INDEX name ATTACH PARTITION each",
		})
	default:
		w.tell(finding{
			rule: "index-without-concurrently", of: on, at: at, what: "CREATE INDEX on " + on + " without CONCURRENTLY",
			why:     "it holds SHARE and stops all writes until it is built",
			instead: "write, outside of a transaction: " + concurrently(w.at.text),
		})
	}
}

func (w *walk) drop(s tree) {
	for _, o := range dropped(s) {
		switch s.text("removeType") {
		case "OBJECT_INDEX":
			on := w.catalog.indexes[o]
			switch {
			case s.is("concurrent") && w.catalog.known(on).partitioned:
				w.tell(finding{rule: "concurrently-on-partitioned", what: "DROP INDEX CONCURRENTLY of " + o + " on the partitioned table " + on, why: "Postgres refuses it (0A000)", instead: "DROP INDEX " + o + " with a lock_timeout"})
			case !s.is("concurrent") && !w.own(o) && !w.catalog.known(on).partitioned:
				w.tell(finding{
					rule: "drop-index", what: "DROP INDEX " + o + " without CONCURRENTLY", why: "it needs ACCESS EXCLUSIVE on the table: while it waits, every later read and write waits behind it",
					instead: "write, outside of a transaction: DROP INDEX CONCURRENTLY " + o,
				})
			}
		case "OBJECT_TABLE":
			if !w.own(o) {
				why := "clients that still use it fail, and the rows are gone"
				if to := w.catalog.known(o).foreign; len(to) > 0 {
					var all []string
					for _, t := range to {
						all = append(all, t)
					}
					slices.Sort(all)
					why += "; it also takes ACCESS EXCLUSIVE on " + strings.Join(slices.Compact(all), ", ") + ", to which it refers"
				}
				w.tell(finding{rule: "drop-table", what: "DROP TABLE " + o, why: why, instead: "rename it first, and drop it when nobody has missed it"})
			}
		}
	}
	switch of := s.text("removeType"); {
	case s.text("behavior") == "DROP_CASCADE" && !slices.ContainsFunc(dropped(s), w.own):
		w.tell(finding{rule: "drop-cascade", what: "DROP ... CASCADE", why: "it drops, and locks, what the file does not name", instead: "drop what depends on it by name, first"})
	case of == "OBJECT_TRIGGER":
		w.tell(finding{rule: "trigger", what: "DROP TRIGGER", why: "it needs ACCESS EXCLUSIVE on the table, as reads wait too", instead: "ALTER TABLE ... DISABLE TRIGGER first stops it with SHARE ROW EXCLUSIVE; drop it with a lock_timeout"})
	}
}

func (w *walk) rename(s tree) {
	on := relation(s.node("relation"))
	if on == "" || w.own(on) || w.catalog.indexes[on] != "" {
		return
	}
	switch s.text("renameType") {
	case "OBJECT_TABLE":
		w.tell(finding{
			rule: "rename", what: "RENAME of the table " + on, why: "clients that still use the old name fail at once",
			instead: "keep the old name as a view of the new one, in the same transaction, until no client uses it",
		})
	case "OBJECT_COLUMN":
		if s.text("relationType") == "OBJECT_TABLE" {
			w.tell(finding{
				rule: "rename", what: "RENAME of the column " + on + "." + s.text("subname"), why: "clients that still use the old name fail at once",
				instead: "add the new column, write both, fill it in batches, and drop the old one when no client uses it",
			})
		}
	}
}

func (w *walk) reindex(s tree) {
	if option(s.list("params"), "concurrently") {
		return
	}
	on := relation(s.node("relation"))
	of, kind := on, "TABLE"
	switch s.text("kind") {
	case "REINDEX_OBJECT_INDEX":
		kind = "INDEX"
		if t := w.catalog.indexes[on]; t != "" {
			of = t
		}
	case "REINDEX_OBJECT_TABLE":
	case "REINDEX_OBJECT_SCHEMA", "REINDEX_OBJECT_DATABASE":
		w.tell(finding{rule: "reindex", what: "REINDEX of a schema or database without CONCURRENTLY", why: "it stops the writes of one table after the other", instead: "write REINDEX (CONCURRENTLY) ..."})
		return
	default:
		return
	}
	if !w.own(of) {
		w.tell(finding{
			rule: "reindex", of: of, what: "REINDEX " + kind + " " + on + " without CONCURRENTLY", why: "it stops writes, and every read that has to be planned, for ACCESS EXCLUSIVE on the index",
			instead: "write, outside of a transaction: REINDEX " + kind + " CONCURRENTLY " + on,
		})
	}
}

func (w *walk) partitionOf(s tree) {
	if s["partbound"] == nil {
		return
	}
	for _, p := range s.list("inhRelations") {
		if parent := relation(p.tree); !w.own(parent) {
			own := relation(s.node("relation"))
			w.tell(finding{
				rule: "partition-of", at: p.number("location"), what: "CREATE TABLE " + own + " PARTITION OF " + parent, why: "it needs ACCESS EXCLUSIVE on " + parent + ": reads and writes of every partition wait",
				instead: fmt.Sprintf("CREATE TABLE %s (LIKE %s INCLUDING ALL); add the CHECK of its bounds; ALTER TABLE %s ATTACH PARTITION %s ..., which takes SHARE UPDATE EXCLUSIVE", own, parent, parent, own),
			})
		}
	}
}
