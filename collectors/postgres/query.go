package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"tripcurve/internal/incident"
	"tripcurve/internal/pglock"
)

// oldest is the oldest server_version_num whose catalogs the queries fit.
const oldest = 120000

// querier is a connection or a transaction.
type querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

// read takes one sample. Without blocking, and where too many wait to ask for each,
// the blockers are left to be derived from the locks, which then are read of all sessions, and from what moved knows.
func read(ctx context.Context, q querier, version int, blocking bool, moved *moves) (Sample, error) {
	x := Sample{ServerVersion: version}
	rows, err := q.Query(ctx, query("sessions", version), blocking)
	if err != nil {
		return Sample{}, fmt.Errorf("read sessions: %w", err)
	}
	for rows.Next() {
		r, err := scanRow(rows, &x)
		if err != nil {
			rows.Close()
			return Sample{}, fmt.Errorf("read sessions: %w", err)
		}
		x.derived = x.derived || r.Wait != nil && r.Wait.Blockers == nil
		x.Rows = append(x.Rows, r)
	}
	if err := rows.Err(); err != nil {
		return Sample{}, fmt.Errorf("read sessions: %w", err)
	}
	if x.At.IsZero() { // the collector is alone: no row, no clock
		if err := q.QueryRow(ctx, "select clock_timestamp(), pg_postmaster_start_time()").Scan(&x.At, &x.ServerStart); err != nil {
			return Sample{}, fmt.Errorf("read the server's clock: %w", err)
		}
	}
	x.At, x.ServerStart = x.At.UTC(), x.ServerStart.UTC()
	if err := readHeld(ctx, q, &x); err != nil {
		return Sample{}, err
	}
	if x.derived {
		if err := moved.read(ctx, q, &x); err != nil {
			return Sample{}, err
		}
	}
	return x, nil
}

func scanRow(rows pgx.Rows, x *Sample) (Row, error) {
	var (
		r                                          Row
		at, serverStart                            time.Time
		leader                                     *int
		backendStart, xact, query, change, waiting *time.Time
		lockType, relation, object, mode           *string
		blockers                                   []int32
	)
	err := rows.Scan(&at, &serverStart, &r.PID, &leader, &r.User, &r.Database, &r.Application, &r.Client,
		&r.BackendType, &r.State, &r.WaitEventType, &r.WaitName, &backendStart, &xact, &query, &change, &r.Query,
		&lockType, &relation, &object, &mode, &waiting, &blockers)
	if err != nil {
		return Row{}, err
	}
	// The instant after the last row was made is nearest to what its locks show.
	x.At, x.ServerStart = at, serverStart
	if leader != nil {
		r.LeaderPID = *leader
	}
	r.BackendStart, r.XactStart, r.QueryStart, r.StateChange = utc(backendStart), utc(xact), utc(query), utc(change)
	// Without the right to see a session the server shows this text and nulls. Anybody
	// may run such a text.
	r.Hidden = r.Query == "<insufficient privilege>" && r.BackendType == ""
	if r.Hidden {
		r.Query = ""
	}
	if mode == nil || lockType == nil {
		return r, nil
	}
	w := &Wait{Lock: lockOf(*lockType, deref(relation), deref(object), *mode), Since: utc(waiting)}
	if blockers != nil {
		w.Blockers = make([]int, 0, len(blockers))
	}
	for _, b := range blockers {
		w.Blockers = append(w.Blockers, int(b))
	}
	r.Wait = w
	return r, nil
}

func readHeld(ctx context.Context, q querier, x *Sample) error {
	var pids []int32 // nil: of all sessions
	waiting := false
	for _, r := range x.Rows {
		if r.Wait == nil {
			continue
		}
		waiting = true
		if x.derived {
			continue
		}
		for _, b := range r.Wait.Blockers {
			pids = append(pids, int32(b))
		}
	}
	if !waiting || (!x.derived && len(pids) == 0) {
		return nil
	}
	pids = distinct(pids)
	rows, err := q.Query(ctx, query("held", x.ServerVersion), pids)
	if err != nil {
		return fmt.Errorf("read held locks: %w", err)
	}
	defer rows.Close()
	byPID := make(map[int]int, len(x.Rows))
	for i, r := range x.Rows {
		byPID[r.PID] = i
	}
	for rows.Next() {
		var pid int
		var lockType, relation, object, mode string
		if err := rows.Scan(&pid, &lockType, &relation, &object, &mode); err != nil {
			return fmt.Errorf("read held locks: %w", err)
		}
		i, ok := byPID[pid]
		if !ok {
			if pid != 0 {
				continue // ended between the two statements
			}
			i = len(x.Rows)
			byPID[0] = i
			x.Rows = append(x.Rows, Row{Session: incident.Session{BackendType: "prepared transaction", State: "prepared transaction"}})
		}
		l := lockOf(lockType, relation, object, mode)
		if l.Mode == pglock.None {
			continue
		}
		r := &x.Rows[i]
		r.Held = append(r.Held, l)
		if r.Wait != nil && r.Wait.LockType == "transactionid" && lockType == "tuple" {
			r.Wait.RowOf = l.Relation
		}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("read held locks: %w", err)
	}
	return nil
}

func lockOf(lockType, relation, object, mode string) Lock {
	m, _ := pglock.Parse(mode) // predicate locks have a mode of their own, which blocks nobody
	if allDigits(relation) {   // regclass prints the number of what it cannot see
		relation = "oid " + relation
	}
	return Lock{LockType: lockType, Relation: relation, Object: object, Mode: m}
}

func allDigits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}

func distinct(pids []int32) []int32 {
	seen := make(map[int32]bool, len(pids))
	kept := pids[:0]
	for _, p := range pids {
		if !seen[p] {
			seen[p] = true
			kept = append(kept, p)
		}
	}
	return kept
}

func utc(t *time.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return t.UTC()
}

func deref(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}
