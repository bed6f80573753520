package lab

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/jackc/pgx/v5"
)

// Fault is something that goes wrong at a time from the first customer on.
type Fault interface {
	fmt.Stringer // what it does, for people
	// when it begins.
	when() time.Duration
	// inflict makes it happen and returns when it is over. It undoes what it did
	// however it ends.
	inflict(ctx context.Context, r *run) error
}

// LockTable is a migration: a statement in a transaction that stays open, so that
// its lock does.
type LockTable struct {
	At, Hold  time.Duration
	Statement string
}

// Restart kills a service and starts it again, as people do while checkouts fail:
// where they succeed again by then, nobody touches it.
type Restart struct {
	At      time.Duration
	Service string
}

// Crash kills a service, which is then started again by whatever watches over it.
type Crash struct {
	At      time.Duration
	Service string
}

// QueuedExclusive is a statement that wants ACCESS EXCLUSIVE behind a report that
// reads for long: nobody holds a lock against readers, yet everybody queues.
type QueuedExclusive struct {
	At, Hold  time.Duration
	Statement string
}

// IdleInTransaction is a session that changed a row and then does nothing, and a
// migration that waits for it with all writers behind.
type IdleInTransaction struct {
	At, Hold  time.Duration
	Statement string // of the migration that comes right after
}

// SlowStatement makes every change of stock take Takes: a trigger that sleeps.
type SlowStatement struct {
	At, For, Takes time.Duration
}

// BlackHole loses everything between order and inventory, and for good the
// connections of that time.
type BlackHole struct{ At, For time.Duration }

// Traffic multiplies the checkouts.
type Traffic struct {
	At, For time.Duration
	Factor  float64
}

func (f LockTable) String() string {
	return fmt.Sprintf("a migration holds its lock for %s: %s", f.Hold, f.Statement)
}

func (f Restart) String() string { return "if checkouts still fail, somebody restarts " + f.Service }
func (f Crash) String() string   { return f.Service + " is killed and started again" }
func (f QueuedExclusive) String() string {
	return fmt.Sprintf("for %s a report reads in an open transaction, and this waits for it: %s", f.Hold, f.Statement)
}

func (f IdleInTransaction) String() string {
	return fmt.Sprintf("for %s a session that changed a row is idle in transaction, and this waits for it: %s", f.Hold, f.Statement)
}

func (f SlowStatement) String() string {
	return fmt.Sprintf("for %s every change of stock takes %s", f.For, f.Takes)
}

func (f BlackHole) String() string {
	return fmt.Sprintf("for %s nothing passes between order and inventory", f.For)
}

func (f Traffic) String() string {
	return fmt.Sprintf("for %s %g times the checkouts", f.For, f.Factor)
}

func (f LockTable) when() time.Duration         { return f.At }
func (f Restart) when() time.Duration           { return f.At }
func (f Crash) when() time.Duration             { return f.At }
func (f QueuedExclusive) when() time.Duration   { return f.At }
func (f IdleInTransaction) when() time.Duration { return f.At }
func (f SlowStatement) when() time.Duration     { return f.At }
func (f BlackHole) when() time.Duration         { return f.At }
func (f Traffic) when() time.Duration           { return f.At }

// undoTimeout bounds what a fault does to end itself.
const undoTimeout = 10 * time.Second

// session is one of a fault's own, with a role that may change the tables. It is
// gone when the fault is over, and its locks with it.
type session struct {
	*pgx.Conn
	pid int
}

func (r *run) session(ctx context.Context, application string) (*session, error) {
	c, err := r.lab.settings.Cluster.connect(ctx, roleMigrator, dbInventory, application)
	if err != nil {
		return nil, err
	}
	return &session{Conn: c, pid: int(c.PgConn().PID())}, nil
}

func (s *session) hangUp() {
	ctx, cancel := context.WithTimeout(context.Background(), undoTimeout)
	defer cancel()
	_ = s.Close(ctx) // an open transaction is rolled back, so a scenario can be run again
}

// do runs statements, each bounded by the time that the fault may take at most.
func (s *session) do(ctx context.Context, most time.Duration, statements ...string) error {
	ctx, cancel := context.WithTimeout(ctx, most+undoTimeout)
	defer cancel()
	for _, sql := range statements {
		if _, err := s.Exec(ctx, sql); err != nil {
			return fmt.Errorf("%s: %w", sql, err)
		}
	}
	return nil
}

// hold waits; the end of the run is no error.
func hold(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}

func (f LockTable) inflict(ctx context.Context, r *run) error {
	s, err := r.session(ctx, "migrate")
	if err != nil {
		return err
	}
	defer s.hangUp()
	if err := s.do(ctx, f.Hold, "BEGIN", f.Statement); err != nil {
		return err
	}
	r.lockFrom(s.pid, "lock_taken", fmt.Sprintf("pid %d (%s) has done %s and keeps its lock", s.pid, roleMigrator, f.Statement))
	hold(ctx, f.Hold)
	if err := s.do(context.WithoutCancel(ctx), 0, "ROLLBACK"); err != nil {
		return err
	}
	r.lockTo("lock_released", fmt.Sprintf("pid %d released its lock after %s", s.pid, f.Hold))
	return nil
}

func (f Restart) inflict(ctx context.Context, r *run) error {
	if r.well() {
		r.event("no_restart", "checkouts succeed: nobody restarts "+f.Service)
		return nil
	}
	r.event("restart", "restarting "+f.Service)
	return r.lab.restart(ctx, f.Service)
}

func (f Crash) inflict(ctx context.Context, r *run) error {
	r.fault("crash", f.Service+" is killed")
	return r.lab.restart(ctx, f.Service)
}

func (f QueuedExclusive) inflict(ctx context.Context, r *run) error {
	report, err := r.session(ctx, "report")
	if err != nil {
		return err
	}
	defer report.hangUp()
	if err := report.do(ctx, f.Hold, "BEGIN", "SELECT count(*) FROM stock_reservations"); err != nil {
		return err
	}
	migration, err := r.session(ctx, "migrate")
	if err != nil {
		return err
	}
	defer migration.hangUp()
	r.lockFrom(report.pid, "lock_queued", fmt.Sprintf("pid %d (report) reads in an open transaction, pid %d wants ACCESS EXCLUSIVE: %s", report.pid, migration.pid, f.Statement))
	waits := make(chan error, 1)
	go func() { waits <- migration.do(ctx, f.Hold, "BEGIN", f.Statement) }()
	hold(ctx, f.Hold)
	err = report.do(context.WithoutCancel(ctx), 0, "COMMIT")
	if got := <-waits; ctx.Err() == nil {
		err = errors.Join(err, got)
	}
	r.lockTo("lock_released", fmt.Sprintf("the report of pid %d is through", report.pid))
	return err
}

func (f IdleInTransaction) inflict(ctx context.Context, r *run) error {
	idle, err := r.session(ctx, "backoffice")
	if err != nil {
		return err
	}
	defer idle.hangUp()
	if err := idle.do(ctx, f.Hold, "BEGIN", "UPDATE stock_reservations SET status = status WHERE id = (SELECT max(id) FROM stock_reservations)"); err != nil {
		return err
	}
	migration, err := r.session(ctx, "migrate")
	if err != nil {
		return err
	}
	defer migration.hangUp()
	r.lockFrom(idle.pid, "lock_queued", fmt.Sprintf("pid %d (backoffice) is idle in transaction, pid %d waits for it: %s", idle.pid, migration.pid, f.Statement))
	waits := make(chan error, 1)
	go func() { waits <- migration.do(ctx, f.Hold, "BEGIN", f.Statement) }()
	hold(ctx, f.Hold)
	err = idle.do(context.WithoutCancel(ctx), 0, "COMMIT")
	if got := <-waits; ctx.Err() == nil {
		err = errors.Join(err, got)
	}
	r.lockTo("lock_released", fmt.Sprintf("pid %d has committed", idle.pid))
	return err
}

func (f SlowStatement) inflict(ctx context.Context, r *run) error {
	s, err := r.session(ctx, "migrate")
	if err != nil {
		return err
	}
	defer s.hangUp()
	err = s.do(ctx, f.For,
		fmt.Sprintf(`CREATE OR REPLACE FUNCTION audit_stock() RETURNS trigger LANGUAGE plpgsql AS
'BEGIN PERFORM pg_sleep(%g); RETURN NULL; END'`, f.Takes.Seconds()),
		`CREATE TRIGGER audit_stock AFTER UPDATE ON stock_reservations FOR EACH STATEMENT EXECUTE FUNCTION audit_stock()`)
	if err != nil {
		return err
	}
	r.fault("slow", fmt.Sprintf("every change of stock takes %s now: a trigger", f.Takes))
	hold(ctx, f.For)
	err = s.do(context.WithoutCancel(ctx), f.For, `DROP TRIGGER audit_stock ON stock_reservations`, `DROP FUNCTION audit_stock()`)
	r.event("slow_over", "the trigger is gone")
	return err
}

func (f BlackHole) inflict(ctx context.Context, r *run) error {
	if err := r.lab.blackHole(ctx, "on"); err != nil {
		return err
	}
	r.fault("black_hole", "nothing passes between order and inventory")
	hold(ctx, f.For)
	err := r.lab.blackHole(context.WithoutCancel(ctx), "off")
	r.event("black_hole_over", "new connections pass again")
	return err
}

// blackHole asks the balancer.
func (l *Lab) blackHole(ctx context.Context, state string) error {
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+l.settings.Addresses[serviceBalancer].Admin+"/blackhole/"+state, nil)
	if err != nil {
		return err
	}
	req.Header.Set(tokenHeader, l.settings.Token)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return fmt.Errorf("balancer: %w", err)
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("balancer: answered %s", resp.Status)
	}
	return nil
}

// inflict only tells: the customers know of it from the beginning.
func (f Traffic) inflict(ctx context.Context, r *run) error {
	r.fault("traffic", fmt.Sprintf("%g times the checkouts", f.Factor))
	hold(ctx, f.For)
	r.event("traffic_over", "as many checkouts as before")
	return nil
}
