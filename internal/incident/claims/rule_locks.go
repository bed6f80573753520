package claims

import (
	"fmt"
	"strings"

	"tripcurve/internal/pglock"
)

// checkLocks is rule 7: PostgreSQL's lock modes block what the matrix says.
func checkLocks(s *scope) []finding {
	o := s.claim.Operands
	held, wanted := o.Mode("held_mode"), o.Objects("wanted")
	if held == pglock.None || len(wanted) == 0 {
		return nil
	}
	var f finding
	f.verdict = Consistent
	var wrong, right []string
	for _, w := range wanted {
		mode, statement := w.Mode("mode"), w.Text("statement")
		blocked := pglock.Conflicts(held, mode)
		words := "no conflict"
		if blocked {
			words = "conflict"
		}
		if part := fmt.Sprintf("%s x %s = %s", held, mode, words); len(f.parts) == 0 || f.parts[len(f.parts)-1] != part {
			f.parts = append(f.parts, part)
		}
		if takes, ok := statementLocks[strings.ToUpper(statement)]; ok && takes != mode {
			wrong = append(wrong, fmt.Sprintf("%s takes %s, not %s", statement, takes, mode))
			continue
		}
		claimed := w.Text("claimed")
		if claimed == "" {
			claimed = o.Text("claimed")
		}
		subject := statement
		if subject == "" {
			subject = mode.String()
		}
		switch {
		case claimed == "blocked" && !blocked:
			wrong = append(wrong, fmt.Sprintf("%s does not wait for %s: the wait needs another mechanism", subject, held))
		case claimed == "not_blocked" && blocked:
			wrong = append(wrong, fmt.Sprintf("%s waits for %s", subject, held))
		case blocked:
			right = append(right, subject+" waits for "+held.String())
		default:
			right = append(right, subject+" does not wait for "+held.String())
		}
	}
	f.why = strings.Join(right, "; ")
	if len(wrong) > 0 {
		f.verdict, f.why = Inconsistent, strings.Join(wrong, "; ")
		if other := o.Texts("alternatives"); len(other) > 0 {
			f.why += " (" + strings.ReplaceAll(strings.Join(other, ", "), "_", " ") + ")"
		}
	}
	return []finding{f}
}

// statementLocks is what statements take of a table (PostgreSQL, Explicit
// Locking).
var statementLocks = map[string]pglock.Mode{
	"SELECT": pglock.AccessShare, "COPY TO": pglock.AccessShare,
	"SELECT FOR UPDATE": pglock.RowShare, "SELECT FOR SHARE": pglock.RowShare, "SELECT FOR UPDATE SKIP LOCKED": pglock.RowShare,
	"INSERT": pglock.RowExclusive, "UPDATE": pglock.RowExclusive, "DELETE": pglock.RowExclusive, "MERGE": pglock.RowExclusive,
	"COPY FROM": pglock.RowExclusive, "VACUUM": pglock.ShareUpdateExclusive, "ANALYZE": pglock.ShareUpdateExclusive,
	"CREATE INDEX CONCURRENTLY": pglock.ShareUpdateExclusive, "CREATE INDEX": pglock.Share,
	"DROP TABLE": pglock.AccessExclusive, "TRUNCATE": pglock.AccessExclusive, "VACUUM FULL": pglock.AccessExclusive,
}
