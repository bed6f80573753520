package redact

import (
	"strconv"
	"strings"
)

// scope says how much of a text is known to be SQL.
type scope uint8

const (
	wholeStatement scope = iota // every literal goes
	inProse                     // numbers go only right behind an operator: words may follow the statement
)

// statement is where SQL begins in prose: a verb with what must follow it.
var statement = compiled(`(?i)\b(?:select\s+\S|insert\s+into\s|update\s+\S+\s+set\s|delete\s+from\s|merge\s+into\s|` +
	`with\s+\S+\s+as\s|call\s+[\w.]+\s*\(|execute\s+\w+\s*\(|values\s*\(|copy\s+\S+\s+(?:from|to)\s|(?:create|alter|drop)\s+(?:table|index|unique|role|user|view|function|type|schema|database)\b)`)

// verbs are what statement begins with.
var verbs = hintsOf("select", "insert", "update", "delete", "merge", "with", "copy", "create", "alter", "drop", "call", "execute", "values")

// literals replaces strings and numbers of SQL by $1, $2, ..., continuing after
// the statement's own parameters; equal literals get equal numbers. Identifiers,
// keywords, comments and operators stay. A literal that is cut off (Postgres
// cuts queries at track_activity_query_size) goes to the end.
func (r *Redactor) literals(s string, sc scope) string {
	next := lastParameter(s) + 1
	seen := map[string]string{}
	parameter := func(literal string) string {
		r.count[Literal]++
		p, ok := seen[literal]
		if !ok {
			p = "$" + strconv.Itoa(next)
			next++
			seen[literal] = p
		}
		return p
	}
	var b strings.Builder
	for i := 0; i < len(s); {
		end, literal := sqlToken(s, i)
		text := s[i:end]
		switch {
		case !literal, text == "''" || sc == inProse && text[0] == '\'' && apostrophe(s, i):
			b.WriteString(text)
		case sc == inProse && isDigit(text[0]) && !afterOperator(s[:i]):
			b.WriteString(text)
		default:
			b.WriteString(parameter(text))
		}
		i = end
	}
	return b.String()
}

// apostrophe says whether the quote at i stands within a word: don't.
func apostrophe(s string, i int) bool {
	if i == 0 || i+1 >= len(s) || !isLetter(s[i-1]) || !isLetter(s[i+1]) {
		return false
	}
	prefix := strings.IndexByte("eEbBxXnN", s[i-1]) >= 0 && i > 1 && !isWord(s[i-2]) // E'...', X'...'
	return !prefix
}

func afterOperator(before string) bool {
	before = strings.TrimRight(before, " \t\n\r+-")
	return before != "" && strings.IndexByte("=<>(,*/%", before[len(before)-1]) >= 0
}

// sqlToken is where the token that begins at i ends, and whether it is a literal.
func sqlToken(s string, i int) (end int, literal bool) {
	rest := s[i:]
	switch c := rest[0]; {
	case c == '[':
		return i + max(1, len(token().FindString(rest))), false // a Redactor has been here
	case c == '\'':
		return quoted(s, i, false), true
	case (c == 'e' || c == 'E') && strings.HasPrefix(rest[1:], "'"):
		return quoted(s, i+1, true), true
	case strings.IndexByte("bBxXnN", c) >= 0 && strings.HasPrefix(rest[1:], "'"):
		return quoted(s, i+1, false), true
	case (c == 'u' || c == 'U') && strings.HasPrefix(rest[1:], "&'"):
		return quoted(s, i+2, false), true
	case c == '"':
		if n := strings.IndexByte(rest[1:], '"'); n >= 0 {
			return i + n + 2, false
		}
		return len(s), false
	case c == '$':
		if tag := dollarTag().FindString(rest); tag != "" {
			if n := strings.Index(rest[len(tag):], tag); n >= 0 {
				return i + n + 2*len(tag), true
			}
			return len(s), true
		}
		return i + 1 + wordLen(rest[1:]), false
	case strings.HasPrefix(rest, "--"):
		if n := strings.IndexByte(rest, '\n'); n >= 0 {
			return i + n, false
		}
		return len(s), false
	case strings.HasPrefix(rest, "/*"):
		if n := strings.Index(rest, "*/"); n >= 0 {
			return i + n + 2, false
		}
		return len(s), false
	case isDigit(c), c == '.' && len(rest) > 1 && isDigit(rest[1]) && (i == 0 || !isWord(s[i-1])):
		return i + len(number().FindString(rest)), true
	case isWord(c):
		return i + wordLen(rest), false
	}
	return i + 1, false
}

var (
	dollarTag = compiled(`^\$(?:[A-Za-z_]\w*)?\$`)
	number    = compiled(`^(?:0[xX][0-9a-fA-F_]+|[0-9_]*\.?[0-9_]*(?:[eE][+-]?[0-9]+)?)`)
	parameter = compiled(`\$(\d{1,5})`)
)

// quoted is the end of the string whose opening quote is at i. A doubled quote
// is part of it, so is an escaped one when backslashes escape.
func quoted(s string, i int, backslash bool) int {
	for j := i + 1; j < len(s); j++ {
		switch {
		case s[j] == '\\' && backslash:
			j++
		case s[j] == '\'':
			if j+1 >= len(s) || s[j+1] != '\'' {
				return j + 1
			}
			j++
		}
	}
	return len(s)
}

func lastParameter(s string) (last int) {
	for _, m := range parameter().FindAllStringSubmatch(s, -1) {
		if n, err := strconv.Atoi(m[1]); err == nil {
			last = max(last, n)
		}
	}
	return last
}

func wordLen(s string) int {
	for i := 0; i < len(s); i++ {
		if !isWord(s[i]) {
			return i
		}
	}
	return len(s)
}

func isDigit(b byte) bool  { return '0' <= b && b <= '9' }
func isLetter(b byte) bool { return 'a' <= lower(b) && lower(b) <= 'z' }
func isWord(b byte) bool   { return isLetter(b) || isDigit(b) || b == '_' || b == '$' || b >= 0x80 }
