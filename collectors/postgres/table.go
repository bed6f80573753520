package postgres

// OnlyTable is the table that a SELECT, INSERT, UPDATE, DELETE or COPY is about,
// as spelt and unquoted, where it names no other; empty where it does or where the
// words do not tell. The text may be cut off.
func OnlyTable(sql string) string {
	l := lexer{rest: sql}
	name := ""
	switch l.word() {
	case "INSERT":
		if l.word() == "INTO" {
			name = l.name()
		}
	case "UPDATE":
		name = l.name("ONLY")
	case "DELETE":
		if l.word() == "FROM" {
			name = l.name("ONLY")
		}
	case "COPY":
		return l.name()
	case "SELECT":
		for !l.done() && l.rest[0] != ';' {
			if l.word() == "FROM" {
				name = l.name("ONLY")
				break
			}
		}
		if l.comma() {
			return ""
		}
	}
	for name != "" && !l.done() && l.rest[0] != ';' {
		switch l.word() {
		case "FROM", "JOIN", "USING": // another table, or something else that this is no parser for
			return ""
		}
	}
	return name
}

// comma says that another item of a FROM list follows, behind at most an alias.
func (l *lexer) comma() bool {
	ahead := *l
	for range 3 { // AS alias ,
		ahead.space()
		if ahead.rest != "" && ahead.rest[0] == ',' {
			return true
		}
		if identLen(ahead.rest) == 0 {
			return false
		}
		ahead.word()
	}
	return false
}
