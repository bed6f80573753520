package migration

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/wasilibs/go-pgquery/parser"
)

// GrammarVersion is the PostgreSQL whose grammar this is.
const GrammarVersion = 17

// grammar guards the library: it has one instance, which is made by the first call,
// takes 1 to 3 s for that and is spoilt for ever when it breaks down.
var grammar struct {
	sync.Mutex
	broken bool
}

// errBroken is a grammar that broke down on an earlier statement.
var errBroken = errors.New("PostgreSQL's grammar broke down on an earlier statement and can read no more")

// syntaxError is a statement that the grammar does not take.
type syntaxError struct {
	message string
	at      int // byte in the statement
}

func (e *syntaxError) Error() string { return e.message }

// Load makes the grammar ready. It need not be called; what follows waits for it.
func Load() error {
	_, err := ask("")
	return err
}

// ask has the grammar read one statement and is its answer as JSON.
func ask(sql string) (answer string, err error) {
	grammar.Lock()
	defer grammar.Unlock()
	if grammar.broken {
		return "", errBroken
	}
	defer func() {
		if r := recover(); r != nil {
			grammar.broken = true
			what, _, _ := strings.Cut(fmt.Sprint(r), "\n")
			err = fmt.Errorf("PostgreSQL's grammar broke down: %s", what)
		}
	}()
	answer, err = parser.ParseToJSON(sql)
	var e *parser.Error
	if errors.As(err, &e) {
		return "", &syntaxError{e.Message, byteAt(sql, e.Cursorpos-1)}
	}
	return answer, err
}

// parse reads one statement.
func parse(sql string) (typed, error) {
	answer, err := ask(sql)
	if err != nil {
		return typed{}, err
	}
	t, err := decode(answer)
	if err != nil {
		return typed{}, fmt.Errorf("read the grammar's answer: %w", err)
	}
	stmts, _ := t["stmts"].([]any)
	if len(stmts) == 0 {
		return typed{}, nil
	}
	first, _ := stmts[0].(map[string]any)
	return tree(first).child("stmt"), nil
}

// byteAt is the byte of a character.
func byteAt(s string, character int) int {
	at := 0
	for ; character > 0 && at < len(s); character-- {
		_, n := utf8.DecodeRuneInString(s[at:])
		at += n
	}
	return at
}

// keywords that a migration is likely to want, to be tried where a statement ends too
// soon or goes wrong. All of the grammar's are tried that stand here.
var keywords = strings.Fields(`ADD ALL ALTER ALWAYS ANALYZE AND AS ASC ATTACH BEGIN BETWEEN BY CASCADE CASE CAST CHECK CLUSTER COLLATE COLUMN
COMMENT COMMIT CONCURRENTLY CONSTRAINT COPY CREATE CROSS CURRENT_TIMESTAMP DATA DATABASE DEFAULT DEFERRABLE DELETE DESC DETACH DISABLE DISTINCT DO DOMAIN
DROP EACH ELSE ENABLE END EXCEPT EXCLUDE EXECUTE EXISTS EXPLAIN EXTENSION FALSE FETCH FOR FOREIGN FROM FULL FUNCTION GENERATED GRANT GROUP HAVING
IDENTITY IF IN INCLUDE INDEX INHERIT INHERITS INNER INSERT INTERSECT INTO IS JOIN KEY LEFT LIKE LIMIT LOCK LOGGED MATERIALIZED MERGE MODE NATURAL NO NOT NOWAIT NULL
NULLS OF OFFSET ON ONLY OR ORDER OWNER PARTITION POLICY PRIMARY PROCEDURE REFERENCES REFRESH REINDEX RENAME REPLACE REPLICA RESET RESTRICT RETURNING
REVOKE RIGHT ROLE ROLLBACK ROW RULE SCHEMA SELECT SEQUENCE SET SHARE SHOW STATISTICS STORAGE TABLE TABLESPACE TEMPORARY THEN TO TRANSACTION TRIGGER TRUE TRUNCATE TYPE UNION UNIQUE UNLOGGED
UPDATE USING VACUUM VALIDATE VALUES VIEW WHEN WHERE WINDOW WITH`)

// mostExpected is how many words a message lists.
const mostExpected = 12

// expected asks the grammar what it would have taken in place of what is at byte at:
// a word fits when the grammar then complains of something behind it, or of nothing.
func expected(sql string, at int) []string {
	head := sql[:at]
	fits := func(token string) bool {
		_, err := ask(head + " " + token + " ")
		var e *syntaxError
		return err == nil || errors.As(err, &e) && strings.HasPrefix(e.message, "syntax error at end of input")
	}
	var all []string
	named := fits("zz_0")
	if named {
		all = append(all, "a name")
	}
	if fits("'0'") && !named {
		all = append(all, "a string")
	}
	if fits("0") {
		all = append(all, "a number")
	}
	for _, p := range []string{"(", ")", ",", "=", "."} {
		if fits(p) {
			all = append(all, p)
		}
	}
	if at > 0 && fits(";") {
		all = append(all, ";")
	}
	for _, k := range keywords {
		// Where any name fits, words that can be names say nothing.
		if named && !reserved[k] {
			continue
		}
		if len(all) > mostExpected {
			break
		}
		if fits(k) {
			all = append(all, k)
		}
	}
	if len(all) > mostExpected {
		all = append(all[:mostExpected], "...")
	}
	return all
}

// reserved are those of keywords that cannot be a name.
var reserved = func() map[string]bool {
	all := map[string]bool{}
	for _, w := range strings.Fields(`ALL AND AS ASC CASE CAST CHECK COLLATE COLUMN CONSTRAINT CREATE CROSS CURRENT_TIMESTAMP DEFAULT DEFERRABLE DESC DISTINCT DO ELSE END
		EXCEPT FALSE FETCH FOR FOREIGN FROM FULL GRANT GROUP HAVING IN INNER INTERSECT INTO IS JOIN LEFT LIKE LIMIT NATURAL NOT NULL OFFSET ON ONLY OR ORDER
		PRIMARY REFERENCES RETURNING RIGHT SELECT TABLE THEN TO TRUE UNION UNIQUE USING WHEN WHERE WINDOW WITH`) {
		all[w] = true
	}
	return all
}()
