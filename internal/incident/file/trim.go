package file

import (
	"database/sql"
	"errors"

	"tripcurve/internal/incident"
)

// ErrNothing is a window in which a file has no evidence.
var ErrNothing = errors.New("no evidence in that window")

// Trim copies what of a file touches a window to a new file: every episode and every
// request that reaches into it whole, and of the rest what lies in it; what nobody knows
// the time of, such as a line that no format understood, does not. Zero From or To is
// the file's own. ErrNothing when that is nothing; os.ErrExist when out exists.
func Trim(path, out string, w incident.Window) error {
	from, to := int64(-1<<63), int64(1<<63-1)
	if !w.From.IsZero() {
		from = w.From.UnixNano()
	}
	if !w.To.IsZero() {
		to = w.To.UnixNano()
	}
	return change(path, out, "trim", func(tx *sql.Tx) error {
		for _, s := range []string{
			`DELETE FROM bucket WHERE at_ns + width_ns <= ?1 OR at_ns >= ?2`,
			`DELETE FROM latency WHERE at_ns + width_ns <= ?1 OR at_ns >= ?2`,
			`DELETE FROM upstream WHERE at_ns + width_ns <= ?1 OR at_ns >= ?2`,
			`DELETE FROM episode WHERE coalesce(to_ns, from_ns) < ?1 OR coalesce(from_ns, to_ns) >= ?2`,
			`DELETE FROM lock_sample WHERE at_ns < ?1 OR at_ns >= ?2`,
			`DELETE FROM point WHERE at_ns < ?1 OR at_ns >= ?2`,
			`DELETE FROM histogram WHERE at_ns < ?1 OR at_ns >= ?2`,
			`DELETE FROM exemplar WHERE coalesce(end_ns, start_ns) IS NULL OR coalesce(end_ns, start_ns) < ?1 OR coalesce(start_ns, end_ns) >= ?2`,
			`DELETE FROM change WHERE at_ns IS NULL OR at_ns < ?1 OR at_ns >= ?2`,
			`DELETE FROM entry WHERE start_ns < ?1 OR start_ns >= ?2`,
		} {
			if _, err := tx.Exec(s, from, to); err != nil {
				return err
			}
		}
		if _, err := tx.Exec(`DELETE FROM audit WHERE entry NOT IN (SELECT id FROM entry)`); err != nil {
			return err
		}
		if err := unused(tx); err != nil {
			return err
		}
		var left bool
		err := tx.QueryRow(`SELECT EXISTS (SELECT 1 FROM bucket) OR EXISTS (SELECT 1 FROM episode) OR EXISTS (SELECT 1 FROM point)
			OR EXISTS (SELECT 1 FROM change) OR EXISTS (SELECT 1 FROM lock_sample)`).Scan(&left)
		if err == nil && !left {
			err = ErrNothing
		}
		return err
	})
}
