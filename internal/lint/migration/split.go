package migration

import (
	"slices"
	"strings"
)

// Bounds of what the grammar is asked. It is C compiled to WebAssembly with a stack
// of its own that nobody guards: 300 nested subqueries are read, 400 destroy it. A
// level counts four, a link of a chain (1 + 1 + 1) one.
const (
	mostBytes   = 1 << 20
	mostNesting = 240
	perLevel    = 4
)

// chunk is one statement of a file, as it is sent to the server.
type chunk struct {
	text    string // comments included; psql's variables replaced, byte by byte
	at      int    // byte where its first word begins
	end     int    // byte behind it
	nesting int
}

// remark is something in a file that is no SQL.
type remark struct {
	text string
	at   int
}

// script is a file taken apart.
type script struct {
	chunks   []chunk
	comments []remark // -- comments, without the dashes
	metas    []remark // psql's meta commands
}

// splitter is the part of Postgres's lexer, and psql's, that says where a statement
// ends.
type splitter struct {
	text  string
	i     int
	out   script
	start int    // of the statement's first word; -1 between statements
	vars  []byte // the text, once a variable of psql was replaced

	words  []string // the statement's first words
	last   string   // the word before this one
	stdin  bool     // COPY ... FROM STDIN
	atomic int      // depth of BEGIN ATOMIC ... END
	levels []level
	over   int // levels more than are kept
	peak   int
	back   bool // the part for going back has begun
}

// level is one parenthesis, bracket or CASE: how deep the expression in it is.
type level struct {
	open  byte
	depth int // of the expression so far
	most  int // of those before it
}

func split(text string) script {
	s := &splitter{text: text, start: -1}
	s.fresh()
	for s.i < len(text) && !s.back {
		s.step()
	}
	s.finish(s.i)
	return s.out
}

func (s *splitter) fresh() {
	s.start, s.words, s.last, s.stdin, s.atomic, s.peak, s.over = -1, s.words[:0], "", false, 0, 0, 0
	s.levels = append(s.levels[:0], level{})
}

// finish ends a statement before byte end.
func (s *splitter) finish(end int) {
	if s.start >= 0 {
		text := s.text
		if s.vars != nil {
			text = string(s.vars[:end])
		}
		s.over = 0
		for len(s.levels) > 1 {
			s.leave()
		}
		s.grow(0)
		s.out.chunks = append(s.out.chunks, chunk{text: text[s.start:end], at: s.start, end: end, nesting: s.peak})
	}
	s.fresh()
}

// goesBack says whether a comment begins the part for going back, as goose,
// sql-migrate and dbmate mark it.
func goesBack(comment string) bool {
	c := strings.TrimSpace(comment)
	for _, mark := range []string{"+goose down", "+migrate down", "migrate:down"} {
		if len(c) >= len(mark) && strings.EqualFold(c[:len(mark)], mark) {
			return true
		}
	}
	return false
}

func (s *splitter) step() {
	rest := s.text[s.i:]
	c := rest[0]
	switch {
	case c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f' || c == '\v':
		s.i++
	case strings.HasPrefix(rest, "--"):
		end := lineEnd(rest)
		s.back = goesBack(rest[2:end])
		s.out.comments = append(s.out.comments, remark{strings.TrimRight(rest[2:end], "\r"), s.i})
		s.i += end
	case strings.HasPrefix(rest, "/*"):
		s.i += blockComment(rest)
	case c == '\\':
		s.meta(rest)
	case c == ';' && len(s.levels) == 1 && s.atomic == 0:
		copying := s.stdin
		s.finish(s.i)
		s.i++
		if copying {
			s.data()
		}
	default:
		if s.start < 0 {
			s.start = s.i
		}
		s.token(rest)
	}
}

func (s *splitter) token(rest string) {
	c := rest[0]
	switch {
	case c == '\'':
		s.i += quoted(rest, '\'', false)
	case c == '"':
		s.i += quoted(rest, '"', false)
		s.last = ""
	case c == '$':
		s.i += dollar(rest)
	case c == '(' || c == '[':
		s.enter(c)
		s.i++
	case c == ')' || c == ']':
		if len(s.levels) > 1 {
			s.leave()
		}
		s.i++
		if c == ']' {
			s.grow(1)
		}
	case c == ',':
		s.grow(0)
		s.top().depth = 0
		s.i++
	case c == ':' && len(rest) > 1 && s.top().open != '[' && (isLetter(rest[1]) || rest[1] == '\'' || rest[1] == '"'):
		s.variable(rest)
	case (c == 'e' || c == 'E') && len(rest) > 1 && rest[1] == '\'':
		s.i += 1 + quoted(rest[1:], '\'', true)
	case isLetter(c):
		n := 1
		for n < len(rest) && (isLetter(rest[n]) || rest[n] >= '0' && rest[n] <= '9' || rest[n] == '$') {
			n++
		}
		s.i += n
		s.word(strings.ToLower(rest[:n]))
	default:
		if strings.IndexByte("+-*/<>=~!@#%^&|`?:", c) >= 0 {
			s.grow(1)
			for s.i++; s.i < len(s.text) && strings.IndexByte("<>=~!@#%^&|`?:", s.text[s.i]) >= 0; s.i++ {
				if s.text[s.i] == ':' && s.text[s.i-1] != ':' {
					break
				}
			}
			return
		}
		s.i++
	}
}

func (s *splitter) top() *level { return &s.levels[len(s.levels)-1] }

// grow makes the expression at hand deeper.
func (s *splitter) grow(by int) {
	t := s.top()
	t.depth += by
	t.most = max(t.most, t.depth)
	s.peak = max(s.peak, t.most+perLevel*(len(s.levels)-1))
}

// enter opens a level; beyond what is read anyway they are only counted.
func (s *splitter) enter(open byte) {
	if len(s.levels) > mostNesting {
		s.over++
		return
	}
	s.levels = append(s.levels, level{open: open})
	s.grow(0)
}

// leave closes a level: what was in it is part of the expression around it.
func (s *splitter) leave() {
	if s.over > 0 {
		s.over--
		return
	}
	s.grow(0)
	inner := s.top().most
	s.levels = s.levels[:len(s.levels)-1]
	t := s.top()
	t.depth = max(t.depth+1, inner+perLevel)
	s.grow(0)
}

// links are words that make an expression deeper, as operators do.
var links = map[string]bool{
	"not": true, "union": true, "except": true, "intersect": true, "join": true, "collate": true, "zone": true, "is": true,
	"isnull": true, "notnull": true, "explain": true, "with": true, "like": true, "ilike": true, "in": true, "between": true,
	"operator": true, "overlaps": true, "similar": true, "escape": true, "at": true, "any": true, "some": true, "all": true, "prepare": true,
}

func (s *splitter) word(w string) {
	switch {
	case w == "and" || w == "or":
		s.grow(0)
		s.top().depth = 0
	case links[w]:
		s.grow(1)
	case w == "case":
		s.enter('c')
	case w == "end" && s.top().open == 'c':
		s.leave()
	case w == "end" && s.atomic > 0:
		s.atomic--
	case w == "atomic" && s.last == "begin" && len(s.words) > 0 && s.words[0] == "create":
		s.atomic++
	case w == "stdin" && s.last == "from" && len(s.words) > 0 && s.words[0] == "copy":
		s.stdin = true
	}
	if len(s.words) < 2 {
		s.words = append(s.words, w)
	}
	s.last = w
}

// variable puts a name or a literal of the same length for :name, :'name' or
// :"name".
func (s *splitter) variable(rest string) {
	if s.vars == nil {
		s.vars = []byte(s.text)
	}
	n := 1
	if q := rest[1]; q == '\'' || q == '"' {
		n += quoted(rest[1:], q, false)
		s.vars[s.i], s.vars[s.i+1] = q, '_'
	} else {
		for n < len(rest) && (isLetter(rest[n]) || rest[n] >= '0' && rest[n] <= '9') {
			n++
		}
		s.vars[s.i] = '_'
	}
	s.i += n
}

// sends are the meta commands that send the statement before them.
var sends = []string{`\g`, `\gx`, `\gexec`, `\gset`, `\gdesc`, `\watch`, `\crosstabview`, `\;`}

func (s *splitter) meta(rest string) {
	if strings.HasPrefix(rest, `\;`) {
		s.finish(s.i)
		s.i += 2
		return
	}
	end := lineEnd(rest)
	line := strings.TrimSpace(rest[:end])
	name, _, _ := strings.Cut(line, " ")
	for _, c := range sends {
		if c == name {
			s.finish(s.i)
		}
	}
	if s.start >= 0 { // in the middle of a statement: blank for the grammar
		if s.vars == nil {
			s.vars = []byte(s.text)
		}
		for i := s.i; i < s.i+end; i++ {
			s.vars[i] = ' '
		}
	}
	s.out.metas = append(s.out.metas, remark{line, s.i})
	s.i += end
}

// data skips the rows of COPY FROM STDIN, to the line \. or the end.
func (s *splitter) data() {
	s.i += lineEnd(s.text[s.i:])
	for s.i < len(s.text) {
		if s.text[s.i] == '\n' {
			s.i++
		}
		end := lineEnd(s.text[s.i:])
		line := strings.TrimRight(s.text[s.i:s.i+end], "\r")
		s.i += end
		if line == `\.` {
			return
		}
	}
}

func lineEnd(s string) int {
	if i := strings.IndexByte(s, '\n'); i >= 0 {
		return i
	}
	return len(s)
}

// quoted is the length of a literal or a quoted name; the quote doubled stands for
// itself.
func quoted(s string, q byte, backslash bool) int {
	for i := 1; i < len(s); i++ {
		switch {
		case backslash && s[i] == '\\':
			i++
		case s[i] == q && i+1 < len(s) && s[i+1] == q:
			i++
		case s[i] == q:
			return i + 1
		}
	}
	return len(s)
}

// dollar is the length of $tag$...$tag$, or of the sign alone.
func dollar(s string) int {
	n := 1
	for n < len(s) && (isLetter(s[n]) || n > 1 && s[n] >= '0' && s[n] <= '9') {
		n++
	}
	if n == len(s) || s[n] != '$' {
		return 1
	}
	tag := s[:n+1]
	if i := strings.Index(s[n+1:], tag); i >= 0 {
		return i + 2*len(tag)
	}
	return len(s)
}

// blockComment is the length of a comment, which may hold others.
func blockComment(s string) int {
	depth := 0
	for i := 0; i+1 < len(s); {
		switch s[i : i+2] {
		case "/*":
			depth++
			i += 2
		case "*/":
			depth--
			i += 2
			if depth == 0 {
				return i
			}
		default:
			i++
		}
	}
	return len(s)
}

func isLetter(c byte) bool {
	return c == '_' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= 0x80
}

// openings are words that a migration begins with.
var openings = []string{
	"alter", "analyze", "begin", "cluster", "comment", "commit", "copy", "create", "delete", "do", "drop", "grant", "insert", "lock", "merge", "refresh",
	"reindex", "revoke", "select", "set", "start", "truncate", "update", "vacuum", "with",
}

// Likely says whether a text begins as SQL does.
func Likely(text string) bool {
	for _, c := range split(text[:min(len(text), 1<<16)]).chunks {
		first, _, _ := strings.Cut(strings.ToLower(strings.Fields(c.text)[0]), "(")
		return slices.Contains(openings, strings.TrimRight(first, ";"))
	}
	return false
}
