package postgres

import "strings"

// statement is what the head of an SQL text tells.
type statement struct {
	DDL      bool   // changes the schema, or rewrites under a strong lock
	Relation string // the table or view that it changes, as spelt, unquoted; empty when unknown
	Strong   bool   // takes a lock of its own on Relation, SHARE UPDATE EXCLUSIVE or stronger
}

// readStatement looks at the first words of each statement of a text and answers
// the first that is DDL or LOCK TABLE. It is no parser: it reads names where the
// grammar puts them and gives up where it is not sure. The text may be cut off.
func readStatement(sql string) statement {
	l := lexer{rest: sql}
	for !l.done() {
		if s := readOne(&l); s.DDL || s.Strong {
			return s
		}
		l.skipStatement()
	}
	return statement{}
}

func readOne(l *lexer) statement {
	switch verb := l.word(); verb {
	case "CREATE":
		return readCreate(l)
	case "ALTER", "DROP":
		kind := l.word()
		for kind == "MATERIALIZED" || kind == "FOREIGN" || kind == "EVENT" {
			kind = l.word()
		}
		s := statement{DDL: true}
		switch kind {
		case "TABLE", "VIEW":
			s.Relation, s.Strong = l.name("IF", "EXISTS", "ONLY"), true
		case "TRIGGER", "POLICY", "RULE":
			l.name("IF", "EXISTS")
			if l.word() == "ON" {
				s.Relation, s.Strong = l.name("ONLY"), true
			}
		case "USER", "ROLE", "SYSTEM", "DATABASE", "DEFAULT":
			s.DDL = kind != "SYSTEM" && verb == "DROP" // settings and passwords are no change of the schema
		}
		return s
	case "TRUNCATE":
		return statement{DDL: true, Relation: l.name("TABLE", "ONLY"), Strong: true}
	case "REINDEX":
		l.options()
		kind := l.word()
		s := statement{DDL: true}
		if kind == "TABLE" {
			s.Relation, s.Strong = l.name("CONCURRENTLY"), true
		}
		return s
	case "CLUSTER":
		l.options()
		return statement{DDL: true, Relation: l.name("VERBOSE"), Strong: true}
	case "VACUUM":
		opts := l.options()
		if l.peek() == "FULL" {
			l.word()
			opts += " FULL"
		}
		if !strings.Contains(opts, "FULL") || strings.Contains(opts, "FULL OFF") || strings.Contains(opts, "FULL FALSE") {
			return statement{}
		}
		return statement{DDL: true, Relation: l.name("FREEZE", "VERBOSE", "ANALYZE", "ONLY"), Strong: true}
	case "REFRESH":
		l.word() // MATERIALIZED
		l.word() // VIEW
		return statement{DDL: true, Relation: l.name("CONCURRENTLY"), Strong: true}
	case "LOCK":
		return statement{Relation: l.name("TABLE", "ONLY"), Strong: true}
	}
	return statement{}
}

func readCreate(l *lexer) statement {
	s := statement{DDL: true}
	kind := l.word()
	for kind == "UNIQUE" || kind == "OR" || kind == "REPLACE" || kind == "MATERIALIZED" || kind == "CONSTRAINT" || kind == "UNLOGGED" || kind == "FOREIGN" {
		kind = l.word()
	}
	switch kind {
	case "TEMP", "TEMPORARY", "LOCAL", "GLOBAL": // of one session only
		return statement{}
	case "TABLE", "VIEW":
		s.Relation = l.name("IF", "NOT", "EXISTS")
	case "INDEX", "TRIGGER", "POLICY", "RULE":
		for w := l.word(); w != ""; w = l.word() {
			if w == "ON" || (kind == "RULE" && w == "TO") {
				s.Relation, s.Strong = l.name("ONLY"), true
				break
			}
		}
	}
	return s
}

// lexer reads words and names; it knows comments, quotes and dollar quotes.
type lexer struct{ rest string }

func (l *lexer) done() bool { l.space(); return l.rest == "" }

// space skips white space and comments, which may nest.
func (l *lexer) space() {
	for {
		l.rest = strings.TrimLeft(l.rest, " \t\r\n\f\v")
		switch {
		case strings.HasPrefix(l.rest, "--"):
			_, l.rest, _ = strings.Cut(l.rest, "\n")
		case strings.HasPrefix(l.rest, "/*"):
			depth, i := 1, 2
			for depth > 0 && i < len(l.rest) {
				switch {
				case strings.HasPrefix(l.rest[i:], "/*"):
					depth, i = depth+1, i+2
				case strings.HasPrefix(l.rest[i:], "*/"):
					depth, i = depth-1, i+2
				default:
					i++
				}
			}
			l.rest = l.rest[i:]
		default:
			return
		}
	}
}

// peek is the next word in capitals without taking it.
func (l *lexer) peek() string {
	ahead := *l
	return ahead.word()
}

// word takes the next unquoted word, in capitals; anything else is taken as a
// token of its own and answered as "?". The end and a semicolon are "".
func (l *lexer) word() string {
	l.space()
	n := identLen(l.rest)
	if n == 0 {
		if l.rest == "" || l.rest[0] == ';' {
			return ""
		}
		l.token()
		return "?"
	}
	w := strings.ToUpper(l.rest[:n])
	l.rest = l.rest[n:]
	return w
}

// name takes a possibly quoted and qualified name after any of the words that
// may stand before it.
func (l *lexer) name(before ...string) string {
	for {
		w := l.peek()
		known := false
		for _, b := range before {
			known = known || w == b
		}
		if !known {
			break
		}
		l.word()
	}
	var parts []string
	for {
		l.space()
		switch n := identLen(l.rest); {
		case n > 0:
			parts = append(parts, strings.ToLower(l.rest[:n]))
			l.rest = l.rest[n:]
		case strings.HasPrefix(l.rest, `"`):
			q := l.token()
			parts = append(parts, strings.ReplaceAll(strings.Trim(q, `"`), `""`, `"`))
		default:
			return ""
		}
		if !strings.HasPrefix(l.rest, ".") {
			return strings.Join(parts, ".")
		}
		l.rest = l.rest[1:]
	}
}

// options takes a parenthesised list, answered in capitals without brackets.
func (l *lexer) options() string {
	l.space()
	if !strings.HasPrefix(l.rest, "(") {
		return ""
	}
	in, rest, _ := strings.Cut(l.rest[1:], ")")
	l.rest = rest
	return strings.ToUpper(strings.Join(strings.Fields(in), " "))
}

// token takes one quoted thing or one character.
func (l *lexer) token() string {
	end := 1
	switch c := l.rest[0]; c {
	case '\'', '"':
		for end < len(l.rest) {
			if l.rest[end] == c {
				end++
				if end >= len(l.rest) || l.rest[end] != c {
					break
				}
			}
			end++
		}
	case '$':
		if tag := strings.IndexByte(l.rest[1:], '$'); tag >= 0 && identLen(l.rest[1:1+tag]) == tag {
			quote := l.rest[:tag+2]
			if close := strings.Index(l.rest[len(quote):], quote); close >= 0 {
				end = 2*len(quote) + close
			} else {
				end = len(l.rest)
			}
		}
	}
	end = min(end, len(l.rest))
	t := l.rest[:end]
	l.rest = l.rest[end:]
	return t
}

// skipStatement moves behind the next semicolon.
func (l *lexer) skipStatement() {
	for !l.done() {
		if l.rest[0] == ';' {
			l.rest = l.rest[1:]
			return
		}
		if n := identLen(l.rest); n > 0 {
			l.rest = l.rest[n:]
			continue
		}
		l.token()
	}
}

// identLen is the length of the unquoted identifier or number that s begins with.
func identLen(s string) int {
	for i := range len(s) {
		c := s[i]
		letter := 'a' <= c|0x20 && c|0x20 <= 'z' || c == '_' || c >= 0x80
		if !letter && (i == 0 || c != '$') && (c < '0' || c > '9') {
			return i
		}
	}
	return len(s)
}
