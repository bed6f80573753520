package postgres

import (
	"context"
	_ "embed"
	"fmt"
	"slices"
)

//go:embed queries/blockers_from_12.sql
var blockersFrom12 string

// moves remembers what the server said of waiters that may not stand in a queue
// where they came. Its deadlock detector moves waiters when that breaks a ring, and
// pg_locks does not show it; the ring may be gone long before the waiter is.
type moves map[waitKey]behind

// maxRing bounds whom pg_blocking_pids is asked about in one sample.
const maxRing = 32

// read asks who blocks those that seem to wait for each other, and tells the sample
// of all who still wait.
func (m moves) read(ctx context.Context, q querier, x *Sample) error {
	m.tell(x)
	asked := newGraph(*x).rings(maxRing)
	for i := range x.Rows { // and again about those that were moved, perhaps more than once
		if r := &x.Rows[i]; len(asked) < maxRing && r.Wait != nil && r.Wait.behind.pids != nil && !slices.Contains(asked, r.PID) {
			asked = append(asked, r.PID)
		}
	}
	if len(asked) == 0 {
		return nil
	}
	rows, err := q.Query(ctx, blockersFrom12, asked)
	if err != nil {
		return fmt.Errorf("read blockers: %w", err)
	}
	defer rows.Close()
	told := map[int][]int{}
	for rows.Next() {
		var pid int
		var blockers []int
		if err := rows.Scan(&pid, &blockers); err != nil {
			return fmt.Errorf("read blockers: %w", err)
		}
		told[pid] = blockers
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("read blockers: %w", err)
	}
	for i := range x.Rows {
		// None: it has stopped waiting, but the sample shows the moment before.
		if r := &x.Rows[i]; r.Wait != nil && len(told[r.PID]) > 0 {
			m[r.waitKey()] = behind{pids: told[r.PID], at: x.At}
		}
	}
	m.tell(x)
	return nil
}

// tell hands on what is known of those who wait in x, and forgets the others.
func (m moves) tell(x *Sample) {
	if len(m) == 0 {
		return
	}
	waiting := make(map[waitKey]bool, len(x.Rows))
	for i := range x.Rows {
		if r := &x.Rows[i]; r.Wait != nil {
			key := r.waitKey()
			waiting[key] = true
			r.Wait.behind = m[key]
		}
	}
	for key := range m {
		if !waiting[key] {
			delete(m, key)
		}
	}
}
