package postgres

import (
	"context"
	"fmt"
	"slices"
)

// moves remembers what the server said of waiters that may not stand in a queue
// where they came. Its deadlock detector moves waiters when that breaks a ring, and
// pg_locks does not show it; the ring may be gone long before the waiter is.
type moves struct {
	told map[waitKey]behind
	most int // waiters to ask about in one sample
}

// mostAsked bounds whom pg_blocking_pids is asked about where blockers are derived;
// its cost for one waiter grows with the queue that it stands in.
const mostAsked = 32

func newMoves() *moves { return &moves{told: map[waitKey]behind{}, most: mostAsked} }

// read asks who blocks those that may have been moved, and tells the sample: those
// that seem to wait for each other, those that were moved before, and as many others
// as there is room for.
func (m *moves) read(ctx context.Context, q querier, x *Sample) error {
	if m.most == 0 {
		return nil
	}
	m.tell(x)
	g := newGraph(*x)
	asked := g.rings(m.most)
	add := func(pid int) {
		if len(asked) < m.most && !slices.Contains(asked, pid) {
			asked = append(asked, pid)
		}
	}
	for i := range x.Rows {
		if r := &x.Rows[i]; r.Wait != nil && r.Wait.behind.pids != nil {
			add(r.PID)
		}
	}
	for _, pid := range g.movable() {
		add(pid)
	}
	if len(asked) == 0 {
		return nil
	}
	rows, err := q.Query(ctx, query("blockers", x.ServerVersion), asked)
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
			m.told[r.waitKey()] = behind{pids: told[r.PID], at: x.At}
		}
	}
	m.tell(x)
	return nil
}

// tell hands on what is known of those who wait in x, and forgets the others.
func (m *moves) tell(x *Sample) {
	if len(m.told) == 0 {
		return
	}
	waiting := make(map[waitKey]bool, len(x.Rows))
	for i := range x.Rows {
		if r := &x.Rows[i]; r.Wait != nil {
			key := r.waitKey()
			waiting[key] = true
			r.Wait.behind = m.told[key]
		}
	}
	for key := range m.told {
		if !waiting[key] {
			delete(m.told, key)
		}
	}
}
