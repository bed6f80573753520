package migration

import (
	"slices"
	"strings"

	"tripcurve/internal/pglock"
)

// alter applies the rules to one command of ALTER TABLE.
func (w *walk) alter(on, object string, c tree) {
	if object != "OBJECT_TABLE" && object != "OBJECT_MATVIEW" {
		return
	}
	def := c.child("def")
	at := def.number("location")
	switch c.text("subtype") {
	case "AT_AddColumn":
		w.addColumn(on, def.tree)
	case "AT_SetNotNull":
		column := c.text("name")
		if w.catalog.known(on).notNull[column] {
			return
		}
		w.tell(finding{
			rule: "set-not-null", of: on, what: "SET NOT NULL of " + on + "." + column, why: "it scans the table under ACCESS EXCLUSIVE: no read, no write",
			instead: "ALTER TABLE " + on + " ADD CONSTRAINT " + column + "_there CHECK (" + column + " IS NOT NULL) NOT VALID; then VALIDATE CONSTRAINT it in a transaction of its own; SET NOT NULL then needs no scan; drop the constraint",
		})
	case "AT_AddConstraint":
		w.addConstraint(on, def.tree, at)
	case "AT_AlterColumnType":
		w.typeChange(on, c.text("name"), def.tree, at)
	case "AT_DropColumn":
		w.tell(finding{rule: "drop-column", what: "DROP COLUMN " + on + "." + c.text("name"), why: "clients that still name it fail, also those with a prepared SELECT *", instead: "stop all use first, drop it in a later release"})
		w.cascade(c)
	case "AT_DropConstraint":
		w.cascade(c)
	case "AT_SetLogged", "AT_SetUnLogged", "AT_SetTableSpace", "AT_SetAccessMethod", "AT_SetExpression":
		what := map[string]string{
			"AT_SetLogged": "SET LOGGED", "AT_SetUnLogged": "SET UNLOGGED", "AT_SetTableSpace": "SET TABLESPACE",
			"AT_SetAccessMethod": "SET ACCESS METHOD", "AT_SetExpression": "SET EXPRESSION",
		}[c.text("subtype")]
		w.tell(finding{rule: "rewrites-table", of: on, what: what + " of " + on, why: "it copies the table under ACCESS EXCLUSIVE: no read, no write", instead: "copy the rows in batches into a new table, and change the names"})
	case "AT_AttachPartition":
		w.attach(on, relation(def.node("name")))
	case "AT_DetachPartition":
		if !def.is("concurrent") {
			f := finding{rule: "detach-without-concurrently", what: "DETACH PARTITION " + relation(def.node("name")) + " of " + on, why: "it needs ACCESS EXCLUSIVE on " + on + ": reads and writes of every partition wait", instead: "set a lock_timeout, and try again"}
			if w.opt.Version >= 14 {
				f.instead = "write, outside of a transaction: ALTER TABLE " + on + " DETACH PARTITION " + relation(def.node("name")) + " CONCURRENTLY"
			}
			w.tell(f)
		}
	case "AT_DisableTrigAll":
		w.tell(finding{rule: "trigger", what: "DISABLE TRIGGER ALL of " + on, why: "it switches the foreign keys off too, and rows that break them stay", instead: "DISABLE TRIGGER USER, or the one trigger by name"})
	}
}

func (w *walk) cascade(c tree) {
	if c.text("behavior") == "DROP_CASCADE" {
		w.tell(finding{rule: "drop-cascade", what: "DROP ... CASCADE", why: "it drops, and locks, what the file does not name", instead: "drop what depends on it by name, first"})
	}
}

func (w *walk) attach(parent, part string) {
	if t := w.catalog.known(part); w.own(part) || len(t.validated) > 0 {
		return
	}
	w.tell(finding{
		rule: "attach-without-check", of: part, what: "ATTACH PARTITION " + part + " without a CHECK of its bounds", why: "it scans " + part + " under ACCESS EXCLUSIVE on it",
		instead: "ALTER TABLE " + part + " ADD CONSTRAINT bounds CHECK (... the bounds ...) NOT VALID; VALIDATE CONSTRAINT bounds; then ATTACH PARTITION to " + parent,
	})
}

// addColumn looks at a new column of a table that others use.
func (w *walk) addColumn(on string, def tree) {
	column, at := on+"."+def.text("colname"), def.number("location")
	var fallback, generated, identity, notNull, primary bool
	volatile := ""
	for _, k := range def.list("constraints") {
		switch k.text("contype") {
		case "CONSTR_DEFAULT":
			fallback = !isNull(k.tree["raw_expr"])
			volatile = volatileIn(k.tree["raw_expr"])
		case "CONSTR_GENERATED":
			generated = true
		case "CONSTR_IDENTITY":
			identity = true
		case "CONSTR_NOTNULL":
			notNull = true
		case "CONSTR_PRIMARY", "CONSTR_UNIQUE":
			primary = k.text("contype") == "CONSTR_PRIMARY"
			w.addConstraint(on, k.tree, k.number("location"))
		case "CONSTR_CHECK":
			if fallback || generated {
				w.addConstraint(on, k.tree, k.number("location"))
			}
		case "CONSTR_FOREIGN":
			if fallback || generated {
				w.addConstraint(on, k.tree, k.number("location"))
			}
		}
	}
	kind := words(def.node("typeName").list("names"))
	serial := len(kind) > 0 && slices.Contains([]string{"serial", "bigserial", "smallserial", "serial4", "serial8", "serial2"}, kind[len(kind)-1])
	why := "it computes the value of every row and copies the table under ACCESS EXCLUSIVE: no read, no write"
	later := "add the column without it; ALTER COLUMN ... SET DEFAULT for new rows; fill the old ones in batches"
	switch {
	case volatile != "":
		w.tell(finding{rule: "add-column-rewrites", of: on, at: at, what: "ADD COLUMN " + column + " with the volatile default " + volatile, why: why, instead: later})
	case generated:
		w.tell(finding{rule: "add-column-rewrites", of: on, at: at, what: "ADD COLUMN " + column + " GENERATED ... STORED", why: why, instead: "add a plain column, fill it in batches, and keep it by a trigger"})
	case identity || serial:
		w.tell(finding{rule: "add-column-rewrites", of: on, at: at, what: "ADD COLUMN " + column + " with a number for every row", why: why, instead: later})
	case (notNull || primary) && !fallback:
		w.tell(finding{
			rule: "add-column-not-null", at: at, what: "ADD COLUMN " + column + " NOT NULL without a default", why: "it fails on a table with rows (23502)",
			instead: "give it a constant default, or add it without NOT NULL, fill it, and set NOT NULL by a validated CHECK",
		})
	}
}

// stable are functions that are computed once for all rows: the default of a new
// column by them needs no copy of the table. What is not here may be volatile.
var stable = []string{
	"now", "transaction_timestamp", "statement_timestamp", "current_setting", "current_database", "current_schema", "txid_current", "pg_current_xact_id",
	"lower", "upper", "concat", "format", "to_char", "to_timestamp", "to_date", "date_trunc", "md5", "coalesce", "abs", "round", "length", "make_date", "make_interval",
	"jsonb_build_object", "jsonb_build_array", "json_build_object", "json_build_array", "array_fill", "timezone", "int4range", "tstzrange", "daterange",
	"date_part", "trim", "btrim", "ltrim", "rtrim", "replace", "left", "right", "substring", "to_jsonb", "to_json", "encode", "decode", "sha256", "uuid_nil",
}

// volatileIn is the first function in an expression that may be volatile.
func volatileIn(expr any) string {
	var found []string
	each(map[string]any{"": expr}, func(kind string, t tree) {
		if kind != "FuncCall" {
			return
		}
		parts := words(t.list("funcname"))
		if len(parts) > 0 && !slices.Contains(stable, parts[len(parts)-1]) {
			found = append(found, strings.TrimPrefix(strings.Join(parts, "."), "pg_catalog.")+"()")
		}
	})
	if len(found) == 0 {
		return ""
	}
	return slices.Min(found)
}

func isNull(expr any) bool {
	e := typeOf(expr)
	if e.kind == "TypeCast" {
		return isNull(e.tree["arg"])
	}
	return e.kind == "A_Const" && e.is("isnull")
}

func (w *walk) addConstraint(on string, k tree, at int) {
	called := k.text("conname")
	if called == "" {
		called = "name"
	}
	add := "ALTER TABLE " + on + " ADD CONSTRAINT " + called + " "
	validate := "; then, in a transaction of its own, ALTER TABLE " + on + " VALIDATE CONSTRAINT " + called
	switch k.text("contype") {
	case "CONSTR_CHECK":
		if !k.is("skip_validation") {
			w.tell(finding{
				rule: "check-without-not-valid", of: on, at: at, what: "ADD CHECK to " + on + " without NOT VALID", why: "it scans the table under ACCESS EXCLUSIVE: no read, no write",
				instead: add + "CHECK (...) NOT VALID" + validate,
			})
		}
	case "CONSTR_FOREIGN":
		to := relation(k.node("pktable"))
		if !k.is("skip_validation") {
			w.tell(finding{
				rule: "foreign-key-without-not-valid", of: on, at: at, what: "ADD FOREIGN KEY to " + on + " without NOT VALID",
				why:     "it holds SHARE ROW EXCLUSIVE on " + on + " and " + to + " while it scans: no write of either",
				instead: add + "FOREIGN KEY ... NOT VALID" + validate,
			})
		}
	case "CONSTR_PRIMARY", "CONSTR_UNIQUE":
		if k.text("indexname") == "" {
			what := map[string]string{"CONSTR_PRIMARY": "PRIMARY KEY", "CONSTR_UNIQUE": "UNIQUE"}[k.text("contype")]
			w.tell(finding{
				rule: "unique-without-index", of: on, at: at, what: "ADD " + what + " to " + on + " without USING INDEX", why: "it builds the index under ACCESS EXCLUSIVE: no read, no write",
				instead: "CREATE UNIQUE INDEX CONCURRENTLY i ON " + on + " (...); then " + add + what + " USING INDEX i",
			})
		}
	case "CONSTR_EXCLUSION":
		w.tell(finding{rule: "exclude-constraint", of: on, at: at, what: "ADD EXCLUDE to " + on, why: "it builds its index under ACCESS EXCLUSIVE, and there is no way to build it before", instead: "copy the rows into a new table that has it"})
	}
}

// typeChange looks at ALTER COLUMN TYPE. Without the type before, text without a
// USING is taken for what it mostly is, a longer varchar.
func (w *walk) typeChange(on, column string, def tree, at int) {
	to := typeName(def.node("typeName"))
	using := def["raw_default"] != nil
	f := finding{
		rule: "type-change", of: on, at: at, what: "TYPE " + to.String() + " of " + on + "." + column,
		why:     "it copies the table and builds its indexes again under ACCESS EXCLUSIVE: no read, no write",
		instead: "add a column of the new type, write both by a trigger, fill it in batches, and change the names in one short transaction",
	}
	if from, ok := w.catalog.known(on).columns[column]; ok {
		if !using && typeName(from).fits(to) {
			return
		}
		f.what += ", which was " + typeName(from).String()
	} else if !using && to.name == "text" {
		return
	}
	w.tell(f)
}

// columnType is a type with its length or precision.
type columnType struct {
	name string
	mods []int
	many bool // an array
}

func typeName(t tree) columnType {
	parts := words(t.list("names"))
	c := columnType{many: len(t.list("arrayBounds")) > 0}
	if len(parts) > 0 {
		c.name = parts[len(parts)-1]
	}
	for _, m := range t.list("typmods") {
		c.mods = append(c.mods, m.node("ival").number("ival"))
	}
	return c
}

func (c columnType) String() string {
	s := c.name
	if len(c.mods) > 0 {
		var all []string
		for _, m := range c.mods {
			all = append(all, grouped(int64(m)))
		}
		s += "(" + strings.Join(all, ",") + ")"
	}
	if c.many {
		s += "[]"
	}
	return s
}

// fits says whether values of this type are kept as they are in the other one.
func (c columnType) fits(to columnType) bool {
	mod := func(t columnType, i int) int {
		if i < len(t.mods) {
			return t.mods[i]
		}
		return -1
	}
	same := slices.Equal(c.mods, to.mods)
	switch {
	case c.many != to.many:
		return false
	case c.name == to.name && same:
		return true
	case c.many:
		return false
	case (c.name == "varchar" || c.name == "text") && to.name == "text", c.name == "text" && to.name == "varchar" && len(to.mods) == 0,
		c.name == "cidr" && to.name == "inet", c.name == "xml" && to.name == "text":
		return true
	case c.name != to.name:
		return false
	case c.name == "varchar" || c.name == "varbit":
		return len(to.mods) == 0 || len(c.mods) > 0 && mod(to, 0) >= mod(c, 0)
	case c.name == "numeric":
		return len(to.mods) == 0 || len(c.mods) > 0 && mod(to, 0) >= mod(c, 0) && max(mod(to, 1), 0) == max(mod(c, 1), 0)
	case c.name == "timestamp" || c.name == "timestamptz" || c.name == "time" || c.name == "timetz":
		return len(to.mods) == 0 || len(c.mods) > 0 && mod(to, 0) >= mod(c, 0)
	}
	return false
}

// strong are the modes that make others wait who only want to write, or read.
func strong(m pglock.Mode) bool { return m >= pglock.Share }
