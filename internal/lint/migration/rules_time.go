package migration

import (
	"fmt"
	"strings"
)

// lockTimeout says, once a file, that a strong lock is waited for without an end.
func (w *walk) lockTimeout(s typed, locks []Lock) {
	if w.warned || w.timeout || w.tx.timeout || s.kind == "LockStmt" && s.is("nowait") {
		return
	}
	for _, l := range locks {
		if !strong(l.Mode) || w.own(l.Object) || w.holds(l) {
			continue
		}
		w.warned = true
		instead := "SET lock_timeout = '2s' before it, and run the file again when it fails"
		if w.tx.inside {
			instead = "SET LOCAL lock_timeout = '2s' before it, and run the file again when it fails"
		}
		w.tell(finding{
			rule: "lock-timeout", what: l.Mode.String() + " on " + l.Object + " without lock_timeout",
			why:     "while it waits for one long transaction, " + queue(l.Mode) + " wait behind it",
			instead: instead,
		})
		return
	}
}

// holds says whether the transaction has a lock already.
func (w *walk) holds(l Lock) bool {
	for _, h := range w.tx.held {
		if h.Object == l.Object && h.Mode >= l.Mode {
			return true
		}
	}
	return false
}

// longTransaction says that a slow statement lengthens the lock of one before it.
func (w *walk) longTransaction(s typed) {
	if len(w.tx.held) == 0 || w.tx.slow {
		return
	}
	what, of := w.slow(s)
	if what == "" {
		return
	}
	h := w.tx.held[0]
	for _, o := range w.tx.held {
		if o.Mode > h.Mode {
			h = o
		}
	}
	w.tx.slow = true
	w.tell(finding{
		rule: "long-transaction", of: of, what: fmt.Sprintf("%s while %s on %s is held", what, h.Mode, h.Object),
		why:     fmt.Sprintf("the lock of line %d is kept until the transaction ends: %s of %s wait all the while", h.line, stops(h.Mode), h.Object),
		instead: "COMMIT before it",
	})
}

// slow says what a statement does that takes time, and on which table.
func (w *walk) slow(s typed) (what, of string) {
	on := relation(s.node("relation"))
	switch s.kind {
	case "UpdateStmt", "DeleteStmt":
		what, of = strings.ToUpper(strings.TrimSuffix(s.kind, "Stmt"))+" of "+on, on
		if byKey(s.tree["whereClause"]) {
			return "", ""
		}
	case "InsertStmt":
		from := reads(s.child("selectStmt").tree["fromClause"])
		if len(from) == 0 {
			return "", ""
		}
		return "INSERT from a query", from[0]
	case "CopyStmt":
		if !s.is("is_from") {
			return "", ""
		}
		what, of = "COPY into "+on, on
	case "IndexStmt":
		if s.is("concurrent") {
			return "", ""
		}
		what, of = "CREATE INDEX on "+on, on
	case "RefreshMatViewStmt", "ClusterStmt":
		what, of = "a rebuild of "+on, on
	case "AlterTableStmt":
		what, of = w.slowAlter(on, s.tree), on
	}
	if what == "" || w.own(of) {
		return "", ""
	}
	return what, of
}

func (w *walk) slowAlter(on string, s tree) string {
	for _, c := range s.list("cmds") {
		def := c.child("def")
		switch c.text("subtype") {
		case "AT_ValidateConstraint":
			return "VALIDATE CONSTRAINT of " + on
		case "AT_SetNotNull":
			if !w.catalog.known(on).notNull[c.text("name")] {
				return "the scan of SET NOT NULL on " + on
			}
		case "AT_AddConstraint":
			if k := def.text("contype"); !def.is("skip_validation") && def.text("indexname") == "" && k != "" {
				return "ADD CONSTRAINT to " + on
			}
		}
	}
	return ""
}

// byKey says whether a condition names one row or a few: column = value, or column
// IN (values), alone or with AND.
func byKey(where any) bool {
	e := typeOf(where)
	switch {
	case e.kind == "BoolExpr" && e.text("boolop") == "AND_EXPR":
		items, _ := e.tree["args"].([]any)
		for _, a := range items {
			if byKey(a) {
				return true
			}
		}
	case e.kind == "A_Expr" && (e.text("kind") == "AEXPR_OP" || e.text("kind") == "AEXPR_IN"):
		operator := words(e.list("name"))
		left := e.child("lexpr")
		if len(operator) != 1 || operator[0] != "=" || left.kind != "ColumnRef" {
			return false
		}
		fields := words(left.list("fields"))
		key := fields[len(fields)-1]
		return key == "id" || strings.HasSuffix(key, "_id") || strings.HasSuffix(key, "key") || key == "name" || key == "code"
	}
	return false
}

// alone says that a statement cannot run in a transaction.
func (w *walk) alone(s typed) {
	what := ""
	switch s.kind {
	case "IndexStmt":
		if s.is("concurrent") {
			what = "CREATE INDEX CONCURRENTLY"
		}
	case "DropStmt":
		if s.is("concurrent") {
			what = "DROP INDEX CONCURRENTLY"
		}
	case "ReindexStmt":
		if option(s.list("params"), "concurrently") {
			what = "REINDEX CONCURRENTLY"
		} else if k := s.text("kind"); k == "REINDEX_OBJECT_SCHEMA" || k == "REINDEX_OBJECT_DATABASE" || k == "REINDEX_OBJECT_SYSTEM" {
			what = "REINDEX of a schema or database"
		}
	case "VacuumStmt":
		if s.is("is_vacuumcmd") {
			what = "VACUUM"
		}
	case "AlterTableStmt":
		for _, c := range s.list("cmds") {
			if d := c.child("def"); c.text("subtype") == "AT_DetachPartition" && d.is("concurrent") {
				what = "DETACH PARTITION CONCURRENTLY"
			}
		}
	case "CreatedbStmt", "DropdbStmt":
		what = "CREATE or DROP DATABASE"
	case "AlterSystemStmt":
		what = "ALTER SYSTEM"
	}
	if what == "" || !w.tx.inside {
		return
	}
	instead := "put it outside of BEGIN and COMMIT"
	if w.tx.implicit {
		instead = "put it into a file of its own and tell the tool to run that without a transaction"
	}
	w.tell(finding{rule: "concurrently-in-transaction", what: what + " in a transaction", why: "Postgres refuses it (25001)", instead: instead})
}

// versions says that the server does not have a statement yet.
func (w *walk) versions(s typed) {
	need := func(version int, what string) {
		if w.opt.Version < version {
			w.tell(finding{rule: "newer", what: what, why: fmt.Sprintf("PostgreSQL %d does not have it", w.opt.Version), instead: fmt.Sprintf("it is there from %d on", version)})
		}
	}
	switch s.kind {
	case "MergeStmt":
		need(15, "MERGE")
	case "IndexStmt":
		if s.is("nulls_not_distinct") {
			need(15, "NULLS NOT DISTINCT")
		}
	case "ReindexStmt":
		if w.catalog.known(relation(s.node("relation"))).partitioned {
			need(14, "REINDEX of a partitioned table")
		}
	case "ClusterStmt":
		if w.catalog.known(relation(s.node("relation"))).partitioned {
			need(15, "CLUSTER of a partitioned table")
		}
	case "AlterTableStmt":
		for _, c := range s.list("cmds") {
			d := c.child("def")
			switch c.text("subtype") {
			case "AT_DetachPartition":
				if d.is("concurrent") {
					need(14, "DETACH PARTITION CONCURRENTLY")
				}
			case "AT_SetCompression":
				need(14, "SET COMPRESSION")
			case "AT_SetAccessMethod":
				need(15, "SET ACCESS METHOD")
			case "AT_SetExpression":
				need(17, "SET EXPRESSION")
			case "AT_DropExpression":
				need(13, "DROP EXPRESSION")
			case "AT_AddConstraint":
				if d.is("nulls_not_distinct") {
					need(15, "NULLS NOT DISTINCT")
				}
			}
		}
	}
}
