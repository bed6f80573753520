package locks

import (
	"regexp"
	"strings"
	"sync"

	"tripcurve/internal/incident"
	"tripcurve/internal/redact"
)

var (
	createIndex = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`(?is)^\s*create\s+(unique\s+)?index\s+(concurrently\s+)?`)
	})
	dropIndex = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`(?is)^\s*drop\s+index\s+(concurrently\s+)?`) })
	reindex   = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`(?is)^\s*reindex\s+(?:\([^)]*\)\s+)?(index|table|schema|database)\s+(concurrently\s+)?`)
	})
	alterTable = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`(?is)^\s*(alter\s+table|truncate|drop\s+table|lock\s+table|vacuum\s+full|cluster)\b`)
	})
)

// prevent says how the lock of a session could have been avoided: the safe
// statement where there is one, else the guard. Lines that begin with "--"
// explain.
func prevent(n *incident.LockNode) []string {
	q := redact.Flat(n.Query)
	safe := func(re func() *regexp.Regexp, group int, with string) []string {
		m := re().FindStringSubmatch(q)
		if m == nil || m[group] != "" {
			return nil
		}
		return []string{
			strings.TrimRight(m[0], " ") + " " + with + " " + strings.TrimSpace(q[len(m[0]):]) + ";",
			"-- takes SHARE UPDATE EXCLUSIVE: reads and writes go on",
			"-- not inside a transaction; drop the INVALID index if it is broken off",
		}
	}
	guard := []string{
		"SET lock_timeout = '2s';",
		"-- before the statement: it gives up instead of queueing everybody behind it; then try again",
	}
	for _, try := range [][]string{safe(createIndex, 2, "CONCURRENTLY"), safe(dropIndex, 1, "CONCURRENTLY"), safe(reindex, 2, "CONCURRENTLY")} {
		if try != nil {
			return append(try, guard...)
		}
	}
	switch {
	case strings.HasPrefix(n.State, "idle in transaction"):
		return []string{
			"ALTER ROLE " + quoted(n.User) + " SET idle_in_transaction_session_timeout = '30s';",
			"-- the transaction was left open: its locks last until it ends",
		}
	case alterTable().MatchString(q):
		return append(guard, "-- split it: what must hold "+n.Held.String()+" in a transaction of its own, as short as can be")
	}
	return append(guard, "-- keep the transaction short: a lock is held until it ends")
}

func quoted(name string) string { return `"` + strings.ReplaceAll(redact.Line(name), `"`, `""`) + `"` }
