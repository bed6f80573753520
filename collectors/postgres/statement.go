package postgres

import (
	"slices"
	"strings"

	"tripcurve/internal/pglock"
)

// Statement is what the head of an SQL text tells.
type Statement struct {
	DDL      bool   // changes the schema, or rewrites under a strong lock
	Relation string // the table or view that it changes, as spelt, unquoted; empty when unknown
	Strong   bool   // takes a lock of its own on Relation, SHARE UPDATE EXCLUSIVE or stronger
	// Mode is that lock; None where the words read do not decide which.
	Mode pglock.Mode
}

// ReadStatement looks at the first words of each statement of a text and answers
// the first that is DDL or LOCK TABLE. It is no parser: it reads names where the
// grammar puts them and gives up where it is not sure. The text may be cut off.
func ReadStatement(sql string) Statement {
	l := lexer{rest: sql}
	for !l.done() {
		if s := readOne(&l); s.DDL || s.Strong {
			return s
		}
		l.skipStatement()
	}
	return Statement{}
}

func readOne(l *lexer) Statement {
	switch verb := l.word(); verb {
	case "CREATE":
		return readCreate(l)
	case "ALTER", "DROP":
		kind := l.word()
		for kind == "MATERIALIZED" || kind == "FOREIGN" || kind == "EVENT" {
			kind = l.word()
		}
		s := Statement{DDL: true}
		switch kind {
		case "TABLE", "VIEW":
			s.Relation, s.Strong, s.Mode = l.name("IF", "EXISTS", "ONLY"), true, pglock.AccessExclusive
			if verb == "ALTER" {
				s.Mode = alterMode(l)
			}
		case "TRIGGER", "POLICY", "RULE":
			l.name("IF", "EXISTS")
			if l.word() == "ON" {
				s.Relation, s.Strong = l.name("ONLY"), true
				if verb == "DROP" {
					s.Mode = pglock.AccessExclusive
				}
			}
		case "USER", "ROLE", "SYSTEM", "DATABASE", "DEFAULT":
			s.DDL = kind != "SYSTEM" && verb == "DROP" // settings and passwords are no change of the schema
		}
		return s
	case "TRUNCATE":
		return Statement{DDL: true, Relation: l.name("TABLE", "ONLY"), Strong: true, Mode: pglock.AccessExclusive}
	case "REINDEX":
		l.options()
		kind := l.word()
		s := Statement{DDL: true}
		if kind == "TABLE" {
			s.Mode = eitherMode(l.peek() == "CONCURRENTLY", pglock.ShareUpdateExclusive, pglock.Share)
			s.Relation, s.Strong = l.name("CONCURRENTLY"), true
		}
		return s
	case "CLUSTER":
		l.options()
		return Statement{DDL: true, Relation: l.name("VERBOSE"), Strong: true, Mode: pglock.AccessExclusive}
	case "VACUUM":
		opts := l.options()
		if l.peek() == "FULL" {
			l.word()
			opts += " FULL"
		}
		if !strings.Contains(opts, "FULL") || strings.Contains(opts, "FULL OFF") || strings.Contains(opts, "FULL FALSE") {
			return Statement{}
		}
		return Statement{DDL: true, Relation: l.name("FREEZE", "VERBOSE", "ANALYZE", "ONLY"), Strong: true, Mode: pglock.AccessExclusive}
	case "REFRESH":
		l.word() // MATERIALIZED
		l.word() // VIEW
		mode := eitherMode(l.peek() == "CONCURRENTLY", pglock.Exclusive, pglock.AccessExclusive)
		return Statement{DDL: true, Relation: l.name("CONCURRENTLY"), Strong: true, Mode: mode}
	case "LOCK":
		s := Statement{Relation: l.name("TABLE", "ONLY"), Strong: true}
		s.Mode = lockMode(l)
		return s
	}
	return Statement{}
}

func readCreate(l *lexer) Statement {
	s := Statement{DDL: true}
	kind := l.word()
	for kind == "UNIQUE" || kind == "OR" || kind == "REPLACE" || kind == "MATERIALIZED" || kind == "CONSTRAINT" || kind == "UNLOGGED" || kind == "FOREIGN" {
		kind = l.word()
	}
	switch kind {
	case "TEMP", "TEMPORARY", "LOCAL", "GLOBAL": // of one session only
		return Statement{}
	case "TABLE", "VIEW":
		s.Relation = l.name("IF", "NOT", "EXISTS")
	case "INDEX", "TRIGGER", "POLICY", "RULE":
		mode := map[string]pglock.Mode{
			"INDEX": eitherMode(l.peek() == "CONCURRENTLY", pglock.ShareUpdateExclusive, pglock.Share), "TRIGGER": pglock.ShareRowExclusive,
			"POLICY": pglock.AccessExclusive, "RULE": pglock.AccessExclusive,
		}[kind]
		for w := l.word(); w != ""; w = l.word() {
			if w == "ON" || (kind == "RULE" && w == "TO") {
				s.Relation, s.Strong, s.Mode = l.name("ONLY"), true, mode
				break
			}
		}
	}
	return s
}

func eitherMode(first bool, a, b pglock.Mode) pglock.Mode {
	if first {
		return a
	}
	return b
}

// lockMode reads what follows the name of LOCK TABLE; with several tables it is
// the mode of each.
func lockMode(l *lexer) pglock.Mode {
	words := l.clause()
	if len(words) == 0 {
		return pglock.AccessExclusive // the default
	}
	for i, w := range words {
		if w != "IN" {
			continue
		}
		for n := i + 1; n < len(words); n++ {
			if words[n] == "MODE" {
				m, _ := pglock.Parse(strings.Join(words[i+1:n], " "))
				return m
			}
		}
	}
	return pglock.None // cut off
}

// alterMode is the lock of ALTER TABLE by its first action, which is read behind
// the table's name. Most take ACCESS EXCLUSIVE; of one that takes less, what
// follows a comma may take more.
func alterMode(l *lexer) pglock.Mode {
	words := l.clause()
	at := func(i int) string {
		if i < len(words) {
			return words[i]
		}
		return ""
	}
	has := func(word string) bool { return slices.Contains(words, word) }
	mode := pglock.AccessExclusive
	switch at(0) {
	case "", "?", "SET", "RESET", "INHERIT", "NO": // SET TABLESPACE and SET (fillfactor) are far apart
		return pglock.None
	case "ADD":
		if at(1) == "FOREIGN" || at(1) == "CONSTRAINT" && has("FOREIGN") {
			mode = pglock.ShareRowExclusive
		}
	case "VALIDATE", "CLUSTER", "ATTACH":
		mode = pglock.ShareUpdateExclusive
	case "DETACH":
		mode = eitherMode(has("CONCURRENTLY"), pglock.None, mode)
	case "ENABLE", "DISABLE":
		mode = eitherMode(at(1) == "TRIGGER", pglock.ShareRowExclusive, mode)
	case "ALTER":
		mode = eitherMode(has("STATISTICS"), pglock.ShareUpdateExclusive, mode)
	}
	if mode != pglock.AccessExclusive && has(",") {
		return pglock.None
	}
	return mode
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

// clause takes the rest of the statement: its words in capitals, a comma for
// itself, anything else as "?". What stands in brackets is one "?".
func (l *lexer) clause() (words []string) {
	const most = 64 // the head decides
	depth := 0
	for !l.done() && l.rest[0] != ';' && len(words) < most {
		c := l.rest[0]
		w := l.word()
		switch {
		case c == '(':
			depth++
		case c == ')':
			depth--
		case depth > 0:
		case c == ',':
			words = append(words, ",")
		default:
			words = append(words, w)
		}
		if c == '(' && depth == 1 {
			words = append(words, "?")
		}
	}
	return words
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
