package migration

import (
	"cmp"
	"slices"

	"tripcurve/internal/pglock"
)

// Lock is one lock that a statement takes.
type Lock struct {
	Object string // table, index or view; without the schema public
	Mode   pglock.Mode
}

// alterLocks are the modes of ALTER TABLE's commands that are not ACCESS EXCLUSIVE
// (PostgreSQL, src/backend/commands/tablecmds.c, AlterTableGetLockLevel); they are
// the same from 12 to 18, but for what newer says.
var alterLocks = map[string]pglock.Mode{
	"AT_SetStatistics":      pglock.ShareUpdateExclusive,
	"AT_ClusterOn":          pglock.ShareUpdateExclusive,
	"AT_DropCluster":        pglock.ShareUpdateExclusive,
	"AT_SetOptions":         pglock.ShareUpdateExclusive,
	"AT_ResetOptions":       pglock.ShareUpdateExclusive,
	"AT_AttachPartition":    pglock.ShareUpdateExclusive,
	"AT_ValidateConstraint": pglock.ShareUpdateExclusive,

	"AT_DetachPartitionFinalize": pglock.ShareUpdateExclusive,

	"AT_EnableTrig":        pglock.ShareRowExclusive,
	"AT_EnableAlwaysTrig":  pglock.ShareRowExclusive,
	"AT_EnableReplicaTrig": pglock.ShareRowExclusive,
	"AT_EnableTrigAll":     pglock.ShareRowExclusive,
	"AT_EnableTrigUser":    pglock.ShareRowExclusive,
	"AT_DisableTrig":       pglock.ShareRowExclusive,
	"AT_DisableTrigAll":    pglock.ShareRowExclusive,
	"AT_DisableTrigUser":   pglock.ShareRowExclusive,
}

// strongOptions are the storage parameters whose change is ACCESS EXCLUSIVE
// (src/backend/access/common/reloptions.c); all others of tables are SHARE UPDATE
// EXCLUSIVE.
var strongOptions = []string{"user_catalog_table", "security_barrier", "check_option", "security_invoker"}

// alone are commands of ALTER TABLE that do not go on to the partitions.
var alone = []string{
	"AT_ChangeOwner", "AT_SetRelOptions", "AT_ResetRelOptions", "AT_AttachPartition", "AT_DetachPartition", "AT_DetachPartitionFinalize",
	"AT_EnableRowSecurity", "AT_DisableRowSecurity", "AT_ForceRowSecurity", "AT_NoForceRowSecurity", "AT_ReplicaIdentity",
	"AT_ClusterOn", "AT_DropCluster", "AT_SetTableSpace", "AT_SetAccessMethod",
}

// locker gathers the locks of one statement.
type locker struct {
	*catalog
	modes map[string]pglock.Mode
	order []string
}

// locksOf are the locks of a statement, the strongest of each object, on what was
// there before it; the strongest first.
func (c *catalog) locksOf(s typed) []Lock {
	l := &locker{catalog: c, modes: map[string]pglock.Mode{}}
	l.statement(s)
	var all []Lock
	for _, o := range l.order {
		all = append(all, Lock{o, l.modes[o]})
	}
	slices.SortFunc(all, func(a, b Lock) int {
		return cmp.Or(cmp.Compare(b.Mode, a.Mode), cmp.Compare(a.Object, b.Object))
	})
	return all
}

func (l *locker) take(object string, m pglock.Mode) {
	if object == "" {
		return
	}
	if _, ok := l.modes[object]; !ok {
		l.order = append(l.order, object)
	}
	l.modes[object] = max(l.modes[object], m)
}

func (l *locker) takeFamily(object string, m pglock.Mode) {
	for _, o := range l.family(object) {
		l.take(o, m)
	}
}

// indexLocks takes a mode on every index that is known of a table.
func (l *locker) indexLocks(table string, m pglock.Mode) {
	var all []string
	for i, t := range l.indexes {
		if t == table {
			all = append(all, i)
		}
	}
	slices.Sort(all)
	for _, i := range all {
		l.take(i, m)
	}
}

func (l *locker) statement(s typed) {
	switch s.kind {
	case "SelectStmt", "InsertStmt", "UpdateStmt", "DeleteStmt", "MergeStmt":
		l.query(map[string]any{s.kind: map[string]any(s.tree)})
	case "ExplainStmt", "DeclareCursorStmt", "PrepareStmt":
		l.query(s.tree["query"])
	case "CreateTableAsStmt", "ViewStmt":
		l.query(s.tree["query"])
		if v := relation(s.node("view")); s.is("replace") && l.views[v].of != nil {
			l.take(v, pglock.AccessExclusive)
		}
	case "CopyStmt":
		l.query(s.tree["query"])
		if r := s.node("relation"); r != nil {
			m := pglock.AccessShare
			if s.is("is_from") {
				m = pglock.RowExclusive
			}
			l.take(relation(r), m)
		}
	case "CreateStmt":
		l.create(s.tree)
	case "IndexStmt":
		m := pglock.Share
		if s.is("concurrent") {
			m = pglock.ShareUpdateExclusive
		}
		if r := s.node("relation"); r.is("inh") {
			l.takeFamily(relation(r), m)
		} else {
			l.take(relation(r), m)
		}
	case "AlterTableStmt":
		l.alter(s.tree)
	case "RenameStmt":
		l.rename(s.tree)
	case "AlterObjectSchemaStmt", "AlterOwnerStmt":
		if r := s.node("relation"); r != nil {
			l.take(relation(r), pglock.AccessExclusive)
		}
	case "DropStmt":
		l.drop(s.tree)
	case "ReindexStmt":
		l.reindex(s.tree)
	case "VacuumStmt":
		m := pglock.ShareUpdateExclusive
		if s.is("is_vacuumcmd") && option(s.list("options"), "full") {
			m = pglock.AccessExclusive
		}
		for _, r := range s.list("rels") {
			l.take(relation(r.node("relation")), m)
		}
	case "LockStmt":
		for _, r := range s.list("relations") {
			l.takeFamily(relation(r.tree), pglock.Mode(min(max(s.number("mode"), 1), 8)))
		}
	case "RefreshMatViewStmt":
		m := pglock.AccessExclusive
		if s.is("concurrent") {
			m = pglock.Exclusive
		}
		v := relation(s.node("relation"))
		l.take(v, m)
		if !s.is("concurrent") {
			l.indexLocks(v, m)
		}
		if !s.is("skipData") {
			for _, r := range l.views[v].of {
				l.read(r)
			}
		}
	default:
		l.plain(s)
	}
}

// plain are the statements that lock the one relation they name.
func (l *locker) plain(s typed) {
	on := relation(s.node("relation"))
	switch s.kind {
	case "TruncateStmt":
		for _, r := range s.list("relations") {
			l.takeFamily(relation(r.tree), pglock.AccessExclusive)
			if s.text("behavior") == "DROP_CASCADE" {
				l.referencing(relation(r.tree), pglock.AccessExclusive)
			}
		}
		for _, o := range slices.Clone(l.order) {
			l.indexLocks(o, pglock.AccessExclusive)
		}
	case "ClusterStmt":
		l.take(on, pglock.AccessExclusive)
		l.indexLocks(on, pglock.AccessExclusive)
	case "CreateTrigStmt":
		l.take(on, pglock.ShareRowExclusive)
		l.take(relation(s.node("constrrel")), pglock.AccessShare)
	case "RuleStmt":
		l.take(on, pglock.AccessExclusive)
	case "CreatePolicyStmt", "AlterPolicyStmt":
		l.take(relation(s.node("table")), pglock.AccessExclusive)
	case "CreateStatsStmt":
		for _, r := range s.list("relations") {
			l.take(relation(r.tree), pglock.ShareUpdateExclusive)
		}
	case "CommentStmt":
		parts := words(s.child("object").list("items"))
		switch s.text("objtype") {
		case "OBJECT_COLUMN":
			l.take(name(parts[:max(len(parts)-1, 0)]...), pglock.ShareUpdateExclusive)
		case "OBJECT_TABLE", "OBJECT_INDEX", "OBJECT_VIEW", "OBJECT_MATVIEW", "OBJECT_SEQUENCE":
			l.take(name(parts...), pglock.ShareUpdateExclusive)
		}
	case "AlterSeqStmt":
		l.take(relation(s.node("sequence")), pglock.ShareRowExclusive)
	}
}

// read is the lock of a relation that a query reads, with what stands behind a view
// and the partitions below.
func (l *locker) read(r string) {
	if l.modes[r] >= pglock.AccessShare {
		return
	}
	l.takeFamily(r, pglock.AccessShare)
	if v := l.views[r]; !v.materialized {
		for _, of := range v.of {
			l.read(of)
		}
	}
}

// query takes the locks of a SELECT or of what changes rows, with what stands in its
// WITH.
func (l *locker) query(q any) {
	if q == nil {
		return
	}
	for _, r := range reads(q) {
		l.read(r)
	}
	each(map[string]any{"": q}, func(kind string, t tree) {
		switch kind {
		case "InsertStmt":
			// The routed partition is known at run time only.
			on := relation(t.node("relation"))
			l.take(on, pglock.RowExclusive)
			for _, to := range l.known(on).foreign {
				l.take(to, pglock.RowShare)
			}
		case "UpdateStmt", "DeleteStmt", "MergeStmt":
			l.takeFamily(relation(t.node("relation")), pglock.RowExclusive)
		case "SelectStmt":
			locking := t.list("lockingClause")
			if len(locking) == 0 {
				return
			}
			of := reads(t["fromClause"])
			if named := locking[0].list("lockedRels"); len(named) > 0 {
				of = nil
				for _, r := range named {
					of = append(of, behind(t["fromClause"], relation(r.tree)))
				}
			}
			for _, r := range of {
				l.takeFamily(r, pglock.RowShare)
			}
		}
	})
}

// behind is the relation that a FROM gives another name.
func behind(from any, alias string) string {
	is := alias
	each(map[string]any{"": from}, func(kind string, t tree) {
		if kind == "RangeVar" && t.node("alias").text("aliasname") == alias {
			is = relation(t)
		}
	})
	return is
}

func (l *locker) create(s tree) {
	for _, r := range s.list("inhRelations") {
		parent := relation(r.tree)
		if s["partbound"] == nil {
			l.take(parent, pglock.ShareUpdateExclusive)
			continue
		}
		l.take(parent, pglock.AccessExclusive)
		l.take(l.known(parent).fallback, pglock.AccessExclusive)
	}
	each([]any{s["tableElts"]}, func(kind string, t tree) {
		switch {
		case kind == "TableLikeClause":
			l.take(relation(t.node("relation")), pglock.AccessShare)
		case kind == "Constraint" && t.text("contype") == "CONSTR_FOREIGN" && relation(t.node("pktable")) != relation(s.node("relation")):
			l.take(relation(t.node("pktable")), pglock.ShareRowExclusive)
		}
	})
}

func (l *locker) alter(s tree) {
	on := relation(s.node("relation"))
	object := s.text("objtype")
	for _, c := range s.list("cmds") {
		m := alterMode(c.tree, object)
		l.take(on, m)
		if s.node("relation").is("inh") && !slices.Contains(alone, c.text("subtype")) {
			l.takeFamily(on, m)
		}
		def := c.child("def")
		if l.rewrites(on, c.tree) {
			for _, t := range l.family(on) {
				l.indexLocks(t, pglock.AccessExclusive)
			}
		}
		switch c.text("subtype") {
		case "AT_AddConstraint", "AT_AddColumn":
			if def.text("contype") == "CONSTR_FOREIGN" {
				l.take(relation(def.node("pktable")), pglock.ShareRowExclusive)
			}
			for _, k := range def.list("constraints") {
				if k.text("contype") == "CONSTR_FOREIGN" {
					l.take(relation(k.node("pktable")), pglock.ShareRowExclusive)
				}
			}
		case "AT_ValidateConstraint":
			l.take(l.known(on).foreign[c.text("name")], pglock.RowShare)
		case "AT_DropConstraint":
			l.take(l.known(on).foreign[c.text("name")], pglock.AccessExclusive)
			if l.indexes[c.text("name")] == on {
				l.take(c.text("name"), pglock.AccessExclusive)
			}
		case "AT_AttachPartition":
			if object != "OBJECT_INDEX" {
				l.takeFamily(relation(def.node("name")), pglock.AccessExclusive)
				l.take(l.known(on).fallback, pglock.AccessExclusive)
			} else {
				l.take(relation(def.node("name")), pglock.AccessExclusive)
			}
		case "AT_DetachPartition":
			partition := pglock.AccessExclusive
			if l.version < 14 {
				partition = pglock.ShareUpdateExclusive
			}
			l.take(relation(def.node("name")), partition)
			l.take(l.known(on).fallback, pglock.AccessExclusive)
		case "AT_AddInherit":
			l.take(relation(def.tree), pglock.ShareUpdateExclusive)
		case "AT_DropInherit":
			l.take(relation(def.tree), pglock.AccessShare)
		}
	}
}

// rewrites says whether a command copies the table, and so builds its indexes again.
func (l *locker) rewrites(on string, c tree) bool {
	def := c.child("def")
	switch c.text("subtype") {
	case "AT_AddColumn":
		for _, k := range def.list("constraints") {
			if t := k.text("contype"); t == "CONSTR_GENERATED" || t == "CONSTR_IDENTITY" || t == "CONSTR_DEFAULT" && volatileIn(k.tree["raw_expr"]) != "" {
				return true
			}
		}
	case "AT_AlterColumnType":
		from, ok := l.known(on).columns[c.text("name")]
		return ok && (def.tree["raw_default"] != nil || !typeName(from).fits(typeName(def.node("typeName"))))
	case "AT_SetLogged", "AT_SetUnLogged", "AT_SetAccessMethod", "AT_SetExpression":
		return true
	}
	return false
}

// alterMode is the mode of one command.
func alterMode(c tree, object string) pglock.Mode {
	of := c.text("subtype")
	def := c.child("def")
	switch {
	case of == "AT_AddConstraint" && def.text("contype") == "CONSTR_FOREIGN":
		return pglock.ShareRowExclusive
	case of == "AT_DetachPartition" && def.is("concurrent"):
		return pglock.ShareUpdateExclusive
	case of == "AT_SetRelOptions" || of == "AT_ResetRelOptions":
		for _, o := range def.list("items") {
			if slices.Contains(strongOptions, o.text("defname")) || object == "OBJECT_VIEW" {
				return pglock.AccessExclusive
			}
		}
		return pglock.ShareUpdateExclusive
	}
	if m, ok := alterLocks[of]; ok {
		return m
	}
	return pglock.AccessExclusive
}

func (l *locker) rename(s tree) {
	r := s.node("relation")
	if r == nil {
		return
	}
	on := relation(r)
	m := pglock.AccessExclusive
	if s.text("renameType") == "OBJECT_INDEX" || l.indexes[on] != "" {
		m = pglock.ShareUpdateExclusive
	}
	if s.text("renameType") == "OBJECT_COLUMN" {
		l.takeFamily(on, m)
	}
	l.take(on, m)
}

func (l *locker) drop(s tree) {
	m := pglock.AccessExclusive
	if s.is("concurrent") {
		m = pglock.ShareUpdateExclusive
	}
	for _, o := range dropped(s) {
		switch s.text("removeType") {
		case "OBJECT_INDEX":
			l.take(l.indexes[o], m)
			l.take(o, m)
		case "OBJECT_TABLE":
			l.take(l.known(o).parent, m)
			if p := l.known(o).parent; p != "" {
				l.take(l.known(p).fallback, m)
			}
			for _, t := range l.family(o) {
				l.take(t, m)
				l.indexLocks(t, m)
				for _, to := range l.known(t).foreign {
					l.take(to, m)
				}
				if s.text("behavior") == "DROP_CASCADE" {
					l.referencing(t, m)
				}
			}
		case "OBJECT_VIEW", "OBJECT_MATVIEW", "OBJECT_SEQUENCE", "OBJECT_FOREIGN_TABLE":
			l.take(o, m)
			l.indexLocks(o, m)
		}
	}
	if of := s.text("removeType"); of == "OBJECT_TRIGGER" || of == "OBJECT_RULE" || of == "OBJECT_POLICY" {
		for _, o := range s.list("objects") {
			parts := words(o.list("items"))
			l.take(name(parts[:max(len(parts)-1, 0)]...), m)
		}
	}
}

// referencing takes a mode on the tables with a foreign key to one.
func (l *locker) referencing(to string, m pglock.Mode) {
	var all []string
	for t := range l.tables {
		for _, f := range l.known(t).foreign {
			if f == to && !slices.Contains(all, t) {
				all = append(all, t)
			}
		}
	}
	slices.Sort(all)
	for _, t := range all {
		l.take(t, m)
	}
}

func (l *locker) reindex(s tree) {
	on := relation(s.node("relation"))
	table, index := pglock.Share, pglock.AccessExclusive
	if option(s.list("params"), "concurrently") {
		table, index = pglock.ShareUpdateExclusive, pglock.ShareUpdateExclusive
	}
	switch s.text("kind") {
	case "REINDEX_OBJECT_INDEX":
		l.take(l.indexes[on], table)
		l.take(on, index)
	case "REINDEX_OBJECT_TABLE":
		for _, t := range l.family(on) {
			l.take(t, table)
			l.indexLocks(t, index)
		}
	}
}
