package serverlog

import (
	"fmt"
	"strings"

	"tripcurve/collectors/postgres"
)

// relationKey is a relation as the server's messages name it: by numbers.
type relationKey struct{ database, oid uint32 }

// relations are the names of the relations that somebody waited for, as far as
// the log tells them: the server prints numbers, but those who wait for a table's
// lock all name the table. Where they do not name one and the same, the number
// stays.
func (b *memory) relations() map[relationKey]string {
	names := map[relationKey]string{}
	unclear := map[relationKey]bool{}
	vote := func(key relationKey, name string) {
		switch have, ok := names[key]; {
		case name == "" || unclear[key]:
		case !ok:
			names[key] = name
		case unqualified(have) != unqualified(name):
			unclear[key] = true
			delete(names, key)
		}
	}
	for _, c := range b.locks.order {
		if c.relation == 0 || c.lockType != "relation" && c.lockType != "tuple" {
			continue
		}
		for _, w := range c.waits {
			vote(relationKey{c.database, c.relation}, w.table)
		}
	}
	return names
}

// nameOf is how an object is called.
func (c *contention) nameOf(names map[relationKey]string) string {
	if c.relation == 0 {
		return ""
	}
	if name := names[relationKey{c.database, c.relation}]; name != "" {
		return name
	}
	return fmt.Sprintf("oid %d", c.relation)
}

// tableOf is the one table that the statement of a wait is about; empty when it
// names several or is not understood. Within a function or a foreign key's check
// it is the inner statement, which the CONTEXT shows.
func tableOf(e *entry) string {
	sql := e.statement
	first, _, _ := strings.Cut(e.context, "\n")
	if inner, ok := strings.CutPrefix(first, `SQL statement "`); ok {
		sql = strings.TrimSuffix(inner, `"`)
	} else if first != "" && !strings.HasPrefix(first, "while ") {
		return ""
	}
	if sql = clip(sql, maxText); sql == "" {
		return ""
	}
	if head := postgres.ReadStatement(sql); head.DDL || head.Strong {
		return head.Relation
	}
	return postgres.OnlyTable(sql)
}

// rowRelation reads the relation of the row that a wait is for: "while updating
// tuple (0,7) in relation "stock_reservations"".
func rowRelation(context string) string {
	for line := range strings.SplitSeq(context, "\n") {
		if !strings.HasPrefix(line, "while ") {
			continue
		}
		_, rest, ok := strings.Cut(line, ` tuple (`)
		if !ok {
			continue
		}
		if _, name, ok := strings.Cut(rest, ` in relation "`); ok && strings.HasSuffix(name, `"`) {
			return strings.TrimSuffix(name, `"`)
		}
	}
	return ""
}

func unqualified(name string) string {
	return name[strings.LastIndexByte(name, '.')+1:]
}
