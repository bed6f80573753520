// Package migration says which locks the statements of a Postgres migration take,
// for how long, and what waits behind them, before they do. It reads Postgres's own
// grammar; nothing of it needs a server, and the sizes of tables are handed in.
package migration

import (
	"cmp"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"

	"tripcurve/internal/formats/trap"
	"tripcurve/internal/lint/config"
	"tripcurve/internal/pglock"
)

// Versions of PostgreSQL that are known.
const (
	OldestVersion = 12
	NewestVersion = 18
)

// Options say what the files will meet.
type Options struct {
	Version int  // major version of the server; 0 is the newest known
	OneTx   bool // the tool runs each file in one transaction
	Rows    Rows // nil: nobody knows how large tables are
}

// File is a migration and the name that it is reported under.
type File struct{ Name, Text string }

// Report is what was found in files.
type Report struct {
	Findings   []config.Finding
	Statements []Statement
	Unread     bool // a statement could not be read
}

// Statement is one of a file with its locks.
type Statement struct {
	File  string      `json:"file"`
	Line  int         `json:"line"`
	Verb  string      `json:"statement"` // its first words
	Locks []LockedFor `json:"locks"`
}

// LockedFor is a lock with how long it is held and whom that stops.
type LockedFor struct {
	Object string `json:"object"`
	Mode   string `json:"mode"`
	Until  string `json:"until"`
	Stops  string `json:"stops,omitempty"` // once it is held
	Queue  string `json:"queue,omitempty"` // while it is waited for
	New    bool   `json:"new,omitempty"`   // the object is this file's own: nobody else sees it
}

// Lint looks at migrations in the order in which they run.
func Lint(files []File, opt Options) (Report, error) {
	opt.Version = cmp.Or(opt.Version, NewestVersion)
	c := newCatalog(opt.Version)
	var r Report
	for _, f := range files {
		w := &walk{file: f.Name, text: f.Text, lines: newLines(f.Text), opt: opt, catalog: c, fresh: map[string]bool{}, report: &r}
		w.begin(0, opt.OneTx)
		if err := w.all(); err != nil {
			return r, fmt.Errorf("%s: %w", f.Name, err)
		}
	}
	return r, nil
}

// walk goes through one file.
type walk struct {
	file    string
	text    string
	lines   lines
	opt     Options
	catalog *catalog
	fresh   map[string]bool // made in this file: nobody else uses it
	report  *Report

	at       chunk // the statement at hand
	tx       transaction
	timeout  bool  // lock_timeout of the session
	warned   bool  // of its absence
	wrong    int   // syntax errors
	open     []int // statements of the report that the transaction has locks of
	findings []config.Finding
}

// transaction is what the statements so far hold.
type transaction struct {
	inside   bool
	implicit bool // of the tool
	timeout  bool // SET LOCAL lock_timeout
	held     []heldLock
	slow     bool // was said
}

// heldLock is a lock that readers or writers wait for.
type heldLock struct {
	Lock
	line int
	verb string
}

func (w *walk) begin(line int, inside bool) {
	w.tx = transaction{inside: inside, implicit: inside && line == 0}
}

// close ends the transaction; its locks were held until here.
func (w *walk) close(until string) {
	for _, i := range w.open {
		for j := range w.report.Statements[i].Locks {
			w.report.Statements[i].Locks[j].Until = until
		}
	}
	w.open = nil
	w.tx = transaction{}
}

// withoutTx are the comments by which goose, sql-migrate and dbmate are told to run a
// file without a transaction.
var withoutTx = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`(?i)^\s*(\+goose\s+no\s+transaction|\+migrate\s+up\s.*notransaction|migrate:up\s.*transaction:false)`)
})

// mostWrong is after how many syntax errors a file is no migration; of mostExplored
// the grammar is asked what it expected, where at most mostHead bytes stand before:
// it reads them again for each word.
const (
	mostWrong    = 100
	mostExplored = 20
	mostHead     = 4 << 10
)

func (w *walk) all() error {
	script := split(w.text)
	ignores := w.ignores(script.comments)
	if slices.ContainsFunc(script.comments, func(c remark) bool { return withoutTx().MatchString(c.text) }) {
		w.tx = transaction{}
	}
	for _, m := range script.metas {
		if n, _, _ := strings.Cut(m.text, " "); slices.Contains([]string{`\i`, `\ir`, `\include`, `\include_relative`}, n) {
			w.say(m.at, rules["included"], trap.Note, "psql includes another file", "it was not looked at", "name that file too")
		}
	}
	for _, c := range script.chunks {
		w.at = c
		if err := w.chunk(); err != nil {
			return err
		}
		if w.wrong == mostWrong {
			w.unread(c.end, fmt.Sprintf("found %d syntax errors", mostWrong), "expected SQL; the rest was not looked at")
			break
		}
	}
	until := "the end of the file, if the tool commits there"
	if !w.tx.implicit {
		until = "the end of the session: nothing commits"
	}
	w.close(until)
	w.report.Findings = append(w.report.Findings, w.suppress(ignores, script.chunks)...)
	return nil
}

// notNullConstraint is NOT NULL as a constraint of a table, which 18 has and the
// grammar does not: it locks and scans as the CHECK of the same does.
var notNullConstraint = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`(?i)(\bADD\s+(?:CONSTRAINT\s+(?:"[^"]+"|\w+)\s+)?)NOT\s+NULL\s+("[^"]+"|\w+)`)
})

func (w *walk) chunk() error {
	c := w.at
	if len(c.text) > mostBytes {
		w.say(c.at, rules["too-long"], trap.Warning, fmt.Sprintf("a statement of %d bytes", len(c.text)), "it was not looked at: 1 MiB is the most", "split it")
		return nil
	}
	if c.nesting > mostNesting {
		w.unread(c.at, "found a statement nested deeper than "+fmt.Sprint(mostNesting/perLevel)+" levels", "expected less; split it")
		return nil
	}
	if i := strings.IndexByte(c.text, 0); i >= 0 { // the grammar would end there
		w.unread(c.at+i, "found a NUL byte", "expected text")
		return nil
	}
	s, err := parse(c.text)
	var e *syntaxError
	if errors.As(err, &e) && w.opt.Version > GrammarVersion && notNullConstraint().MatchString(c.text) {
		if as, err := parse(notNullConstraint().ReplaceAllString(c.text, "${1}CHECK (${2} IS NOT NULL)")); err == nil {
			w.statement(as)
			return nil
		}
	}
	switch {
	case errors.As(err, &e):
		w.syntax(c, e)
		return nil
	case err != nil:
		line, column := w.lines.at(c.at)
		return fmt.Errorf("line %d, column %d: %w", line, column, err)
	case s.kind == "":
		return nil
	}
	w.statement(s)
	return nil
}

// unread is a statement that cannot be read.
func (w *walk) unread(at int, what, instead string) {
	w.report.Unread = true
	w.wrong++
	w.say(at, rules["syntax"], trap.Error, what, "", instead)
}

func (w *walk) syntax(c chunk, e *syntaxError) {
	at := min(e.at, len(c.text))
	instead := ""
	if strings.HasPrefix(e.message, "syntax error") && w.wrong < mostExplored && at < mostHead {
		if all := expected(c.text, at); len(all) > 0 {
			instead = "expected " + strings.Join(all, " ")
		}
	}
	if w.opt.Version > GrammarVersion {
		instead += fmt.Sprintf(" (by the grammar of PostgreSQL %d, the newest there is here)", GrammarVersion)
	}
	w.unread(c.at+at, e.message, strings.TrimSpace(instead))
}

// statement applies what is known of one statement, in the order in which it
// happens.
func (w *walk) statement(s typed) {
	line, _ := w.lines.at(w.at.at)
	if w.control(s) {
		return
	}
	locks := w.catalog.locksOf(s)
	until := "the end of the statement"
	if w.tx.inside {
		w.open = append(w.open, len(w.report.Statements))
	}
	out := Statement{File: w.file, Line: line, Verb: verb(w.at.text), Locks: []LockedFor{}}
	for _, l := range locks {
		out.Locks = append(out.Locks, LockedFor{l.Object, l.Mode.String(), until, stops(l.Mode), queue(l.Mode), w.own(l.Object)})
	}
	w.report.Statements = append(w.report.Statements, out)
	w.look(s, locks)
	if w.tx.inside {
		for _, l := range locks {
			if l.Mode >= pglock.Share && !w.own(l.Object) {
				w.tx.held = append(w.tx.held, heldLock{l, line, out.Verb})
			}
		}
	}
	w.made(s)
	w.catalog.learn(s)
}

// control follows transactions and settings; it is true for what locks nothing.
func (w *walk) control(s typed) bool {
	switch s.kind {
	case "TransactionStmt":
		line, _ := w.lines.at(w.at.at)
		switch s.text("kind") {
		case "TRANS_STMT_BEGIN", "TRANS_STMT_START":
			if !w.tx.inside {
				w.begin(line, true)
			}
		case "TRANS_STMT_COMMIT", "TRANS_STMT_ROLLBACK", "TRANS_STMT_PREPARE":
			what := map[string]string{"TRANS_STMT_COMMIT": "COMMIT", "TRANS_STMT_ROLLBACK": "ROLLBACK", "TRANS_STMT_PREPARE": "COMMIT PREPARED after PREPARE TRANSACTION"}[s.text("kind")]
			w.close(fmt.Sprintf("%s in line %d", what, line))
			if s.is("chain") {
				w.begin(line, true)
			}
		}
		return true
	case "VariableSetStmt":
		if s.text("kind") == "VAR_RESET_ALL" {
			w.timeout, w.tx.timeout = false, false
		}
		if s.text("name") != "lock_timeout" {
			return true
		}
		set := s.text("kind") == "VAR_SET_VALUE" && !never(s.list("args"))
		if s.is("is_local") {
			w.tx.timeout = set && w.tx.inside
		} else {
			w.timeout, w.tx.timeout = set, false
		}
		return true
	}
	return false
}

// never says whether a setting is 0, which is no limit.
func never(args []typed) bool {
	for _, a := range args {
		if n := a.node("ival"); n != nil && n.number("ival") == 0 {
			return true
		}
		if s := a.node("sval").text("sval"); s != "" && strings.Trim(s, "0 ms") == "" {
			return true
		}
	}
	return false
}

// own says whether only this file knows of an object.
func (w *walk) own(object string) bool {
	return w.fresh[object] || w.fresh[w.catalog.indexes[object]]
}

// made remembers what a statement makes.
func (w *walk) made(s typed) {
	switch s.kind {
	case "CreateStmt":
		w.fresh[relation(s.node("relation"))] = true // also IF NOT EXISTS: the first run is the one that counts
	case "CreateTableAsStmt":
		w.fresh[relation(s.node("into").node("rel"))] = true
	case "ViewStmt":
		if !s.is("replace") {
			w.fresh[relation(s.node("view"))] = true
		}
	case "CreateSeqStmt":
		w.fresh[relation(s.node("sequence"))] = true
	case "RenameStmt":
		if from := relation(s.node("relation")); w.fresh[from] {
			w.fresh[name(s.node("relation").text("schemaname"), s.text("newname"))] = true
		}
	case "DropStmt":
		for _, o := range dropped(s.tree) {
			delete(w.fresh, o)
		}
	}
}

// stops says whom a held lock stops.
func stops(m pglock.Mode) string {
	switch {
	case m == pglock.AccessExclusive:
		return "reads and writes"
	case m >= pglock.Share:
		return "writes"
	}
	return ""
}

// queue says who waits behind the wait for a lock.
func queue(m pglock.Mode) string {
	switch {
	case m == pglock.AccessExclusive:
		return "all later reads and writes"
	case m >= pglock.Share:
		return "all later writes"
	}
	return ""
}

// verb is the beginning of a statement, for a table.
func verb(text string) string {
	words := strings.Fields(text)
	out := strings.Join(words[:min(len(words), 8)], " ")
	if r := []rune(out); len(r) > 40 {
		return string(r[:39]) + "…"
	}
	return out
}

// say adds a finding at a byte of the file.
func (w *walk) say(at int, r config.Rule, severity trap.Severity, what, why, instead string) {
	line, column := w.lines.at(at)
	w.findings = append(w.findings, config.Finding{Rule: r.ID, Severity: severity, File: w.file, Line: line, Column: column, What: what, Why: why, Instead: instead})
}

// lines are the bytes at which lines begin.
type lines []int

func newLines(text string) lines {
	l := lines{0}
	for i := range len(text) {
		if text[i] == '\n' {
			l = append(l, i+1)
		}
	}
	return l
}

// at is a byte as line and column, both from 1.
func (l lines) at(byteAt int) (line, column int) {
	i, found := slices.BinarySearch(l, byteAt)
	if !found {
		i--
	}
	return i + 1, byteAt - l[i] + 1
}
