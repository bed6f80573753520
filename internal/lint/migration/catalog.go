package migration

import "slices"

// catalog is what the files read so far say of the database: enough to know which
// other relations a statement locks.
type catalog struct {
	version int // of the server
	tables  map[string]*table
	indexes map[string]string // index to its table
	views   map[string]view
}

// view reads relations.
type view struct {
	of           []string
	materialized bool
}

// table is what is known of one.
type table struct {
	columns     map[string]tree     // types, TypeName
	notNull     map[string]bool     // columns with a validated CHECK (column IS NOT NULL)
	checks      map[string][]string // CHECK constraints of columns IS NOT NULL, by name, not validated yet
	foreign     map[string]string   // FOREIGN KEY constraints by name: the table they refer to
	validated   map[string]bool     // CHECK constraints of any kind that hold for every row
	partitioned bool
	parent      string
	partitions  []string
	fallback    string // the DEFAULT partition
}

func newCatalog(version int) *catalog {
	return &catalog{version: version, tables: map[string]*table{}, indexes: map[string]string{}, views: map[string]view{}}
}

// table is one table, made when nothing was known of it.
func (c *catalog) table(name string) *table {
	t := c.tables[name]
	if t == nil {
		t = &table{
			columns: map[string]tree{}, notNull: map[string]bool{}, checks: map[string][]string{},
			foreign: map[string]string{}, validated: map[string]bool{},
		}
		c.tables[name] = t
	}
	return t
}

// known is one table, or one of which nothing is known.
func (c *catalog) known(name string) table {
	if t := c.tables[name]; t != nil {
		return *t
	}
	return table{}
}

// family is a table with its partitions, and theirs.
func (c *catalog) family(name string) []string {
	all := []string{name}
	for i := 0; i < len(all); i++ {
		for _, p := range c.known(all[i]).partitions {
			if !slices.Contains(all, p) {
				all = append(all, p)
			}
		}
	}
	return all
}

// learn takes in what a statement makes.
func (c *catalog) learn(s typed) {
	switch s.kind {
	case "CreateStmt":
		c.learnTable(s.tree)
	case "CreateTableAsStmt":
		into := relation(s.node("into").node("rel"))
		if s.text("objtype") == "OBJECT_MATVIEW" {
			c.views[into] = view{of: reads(s.tree["query"]), materialized: true}
		} else {
			c.table(into)
		}
	case "ViewStmt":
		c.views[relation(s.node("view"))] = view{of: reads(s.tree["query"])}
	case "IndexStmt":
		if i := s.text("idxname"); i != "" {
			c.indexes[name(s.node("relation").text("schemaname"), i)] = relation(s.node("relation"))
		}
	case "AlterTableStmt":
		for _, cmd := range s.list("cmds") {
			c.learnChange(relation(s.node("relation")), cmd.tree)
		}
	case "RenameStmt":
		c.learnName(s.tree)
	case "DropStmt":
		for _, o := range dropped(s.tree) {
			delete(c.indexes, o)
			delete(c.views, o)
			if s.text("removeType") == "OBJECT_TABLE" {
				if p := c.tables[c.known(o).parent]; p != nil {
					p.partitions = without(p.partitions, o)
				}
				delete(c.tables, o)
			}
		}
	}
}

func (c *catalog) learnTable(s tree) {
	own := relation(s.node("relation"))
	t := c.table(own)
	t.partitioned = s["partspec"] != nil
	if s["partbound"] != nil {
		for _, p := range s.list("inhRelations") {
			c.attach(relation(p.tree), own, s.node("partbound"))
		}
	}
	for _, e := range s.list("tableElts") {
		switch e.kind {
		case "ColumnDef":
			c.learnColumn(own, e.tree)
		case "Constraint":
			c.learnConstraint(own, e.tree)
		}
	}
}

func (c *catalog) learnColumn(own string, def tree) {
	t := c.table(own)
	t.columns[def.text("colname")] = def.node("typeName")
	for _, k := range def.list("constraints") {
		if f := k.text("contype"); f == "CONSTR_FOREIGN" && k.text("conname") == "" {
			t.foreign[own+"_"+def.text("colname")+"_fkey"] = relation(k.node("pktable"))
			continue
		}
		if n := constraintIndex(own, k.tree, []string{def.text("colname")}); n != "" {
			c.indexes[n] = own
		}
		c.learnConstraint(own, k.tree)
	}
}

func (c *catalog) learnConstraint(own string, k tree) {
	t := c.table(own)
	of := k.text("conname")
	switch k.text("contype") {
	case "CONSTR_FOREIGN":
		if of == "" {
			if columns := words(k.list("fk_attrs")); len(columns) > 0 {
				of = own + "_" + columns[0] + "_fkey"
			}
		}
		t.foreign[of] = relation(k.node("pktable"))
	case "CONSTR_CHECK":
		columns := notNullColumns(k["raw_expr"])
		if k.is("skip_validation") {
			t.checks[of] = columns
			return
		}
		t.validated[of] = true
		for _, column := range columns {
			t.notNull[column] = true
		}
	case "CONSTR_PRIMARY", "CONSTR_UNIQUE":
		if n := constraintIndex(own, k, words(k.list("keys"))); n != "" {
			c.indexes[n] = own
		}
	}
}

// constraintIndex is the name of the index that Postgres makes for a constraint.
func constraintIndex(own string, k tree, columns []string) string {
	if n := k.text("conname"); n != "" && k.text("indexname") == "" && (k.text("contype") == "CONSTR_PRIMARY" || k.text("contype") == "CONSTR_UNIQUE") {
		return n
	}
	switch k.text("contype") {
	case "CONSTR_PRIMARY":
		return own + "_pkey"
	case "CONSTR_UNIQUE":
		n := own
		for _, column := range columns {
			n += "_" + column
		}
		return n + "_key"
	}
	return ""
}

// notNullColumns are the columns that a CHECK requires to be there: column IS NOT
// NULL, alone or with AND.
func notNullColumns(expr any) []string {
	e := typeOf(expr)
	switch {
	case e.kind == "NullTest" && e.text("nulltesttype") == "IS_NOT_NULL":
		if column := e.child("arg"); column.kind == "ColumnRef" {
			if f := words(column.list("fields")); len(f) > 0 {
				return f[len(f)-1:]
			}
		}
	case e.kind == "BoolExpr" && e.text("boolop") == "AND_EXPR":
		var all []string
		items, _ := e.tree["args"].([]any)
		for _, a := range items {
			all = append(all, notNullColumns(a)...)
		}
		return all
	}
	return nil
}

func (c *catalog) learnChange(own string, cmd tree) {
	t := c.table(own)
	def := cmd.child("def")
	switch cmd.text("subtype") {
	case "AT_AddColumn":
		c.learnColumn(own, def.tree)
	case "AT_AlterColumnType":
		t.columns[cmd.text("name")] = def.node("typeName")
	case "AT_AddConstraint":
		c.learnConstraint(own, def.tree)
	case "AT_ValidateConstraint":
		for _, column := range t.checks[cmd.text("name")] {
			t.notNull[column] = true
		}
		t.validated[cmd.text("name")] = true
	case "AT_DropConstraint":
		delete(t.foreign, cmd.text("name"))
		delete(c.indexes, cmd.text("name"))
		delete(t.validated, cmd.text("name"))
	case "AT_AttachPartition":
		if part := relation(def.node("name")); c.indexes[own] == "" { // not ALTER INDEX
			c.attach(own, part, def.node("bound"))
		}
	case "AT_DetachPartition":
		t.partitions = without(t.partitions, relation(def.node("name")))
	}
}

func (c *catalog) attach(parent, part string, bound tree) {
	p := c.table(parent)
	p.partitioned = true
	p.partitions = append(without(p.partitions, part), part)
	if bound.is("is_default") {
		p.fallback = part
	}
	c.table(part).parent = parent
}

func (c *catalog) learnName(s tree) {
	from := relation(s.node("relation"))
	to := name(s.node("relation").text("schemaname"), s.text("newname"))
	switch s.text("renameType") {
	case "OBJECT_TABLE":
		if t := c.tables[from]; t != nil {
			c.tables[to] = t
			delete(c.tables, from)
		}
	case "OBJECT_INDEX":
		if t, ok := c.indexes[from]; ok {
			c.indexes[to] = t
			delete(c.indexes, from)
		}
	case "OBJECT_COLUMN":
		if t := c.tables[from]; t != nil && t.columns[s.text("subname")] != nil {
			t.columns[s.text("newname")] = t.columns[s.text("subname")]
		}
	}
}

// dropped are the relations that a DROP names.
func dropped(s tree) []string {
	var all []string
	for _, o := range s.list("objects") {
		all = append(all, name(words(o.list("items"))...))
	}
	return all
}

func without(all []string, one string) []string {
	return slices.DeleteFunc(slices.Clone(all), func(s string) bool { return s == one })
}

// reads are the relations that a query names, without its own WITH.
func reads(query any) []string {
	var all []string
	own := map[string]bool{}
	locked, named := map[string]int{}, map[string]int{} // FOR UPDATE OF says names again, or aliases
	each(map[string]any{"": query}, func(kind string, t tree) {
		switch kind {
		case "CommonTableExpr":
			own[t.text("ctename")] = true
		case "LockingClause":
			for _, r := range t.list("lockedRels") {
				locked[relation(r.tree)]++
			}
		case "RangeVar":
			named[relation(t)]++
		}
	})
	for n := range named {
		if !own[n] && named[n] > locked[n] {
			all = append(all, n)
		}
	}
	slices.Sort(all)
	return all
}
