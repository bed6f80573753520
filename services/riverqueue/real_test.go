//go:build real

package riverqueue_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"tripcurve/internal/pgtest"
	"tripcurve/internal/policy"
	"tripcurve/services/host"
	"tripcurve/services/host/queuetest"
	"tripcurve/services/pgkit"
	"tripcurve/services/pgkit/locktest"
	"tripcurve/services/riverqueue"
)

func openDB(t *testing.T, dsn string, connections int) (*pgkit.DB, *host.WallClock) {
	t.Helper()
	clock := host.NewWallClock()
	t.Cleanup(clock.Close)
	db, err := pgkit.Open(dsn, pgkit.Options{Application: "order", PoolSize: connections, Clock: clock, Cancel: policy.Propagate})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	return db, clock
}

func openQueue(t *testing.T, dsn string, o riverqueue.Options) *riverqueue.Queue {
	t.Helper()
	q, err := riverqueue.Open(dsn, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		_ = q.Close(ctx) // one whose database was cut off cannot say goodbye
	})
	return q
}

// hands are the jobs at once of a worker process.
const hands = 4

func TestRealQueueKeepsItsContract(t *testing.T) {
	pg := pgtest.Start(t, "max_connections=300")
	queuetest.Run(t, func(t *testing.T, o queuetest.Options) queuetest.World {
		dsn := pg.Database(t)
		db, clock := openDB(t, dsn, 4)
		if err := riverqueue.Migrate(t.Context(), db); err != nil {
			t.Fatal(err)
		}
		options := riverqueue.Options{
			Application: "worker", JobTimeout: o.JobTimeout, RescueAfter: o.RescueAfter, MaxAttempts: o.MaxAttempts,
			Known: []string{"letter", "parcel"},
		}
		return queuetest.World{
			Queue: openQueue(t, dsn, options), Clock: clock, Slack: 10 * time.Second, Hands: hands,
			Tx: func(ctx context.Context, f func(context.Context) error) error {
				return db.InTx(ctx, func(ctx context.Context, _ pgkit.Conn) error { return f(ctx) })
			},
			Work: func(t *testing.T, handlers map[string]host.JobHandler) (kill func()) {
				options := options
				options.Handlers, options.Workers = handlers, hands
				wire := cut(t, dsn)
				q := openQueue(t, wire.dsn, options)
				if err := q.Start(t.Context()); err != nil {
					t.Fatal(err)
				}
				return wire.cut
			},
			Do: func(f func(context.Context)) { f(t.Context()) },
			Until: func(d time.Duration, f func() bool) bool {
				deadline, tick := time.NewTimer(d), time.NewTicker(20*time.Millisecond)
				defer deadline.Stop()
				defer tick.Stop()
				for !f() {
					select {
					case <-deadline.C:
						return f()
					case <-tick.C:
					}
				}
				return true
			},
		}
	})
}

// wire is a way to the database that can be cut: of a worker behind it nobody
// learns any more, as of a process that was killed.
type wire struct {
	dsn string
	l   net.Listener

	mu    sync.Mutex
	conns []net.Conn
	dead  bool
}

func cut(t *testing.T, dsn string) *wire {
	t.Helper()
	u, err := url.Parse(dsn)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := &wire{l: l}
	to := u.Host
	u.Host = l.Addr().String()
	w.dsn = u.String()
	var all sync.WaitGroup
	all.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			s, err := net.Dial("tcp", to)
			if err != nil || !w.keep(c, s) {
				_ = c.Close()
				continue
			}
			all.Go(func() { pipe(c, s) })
			all.Go(func() { pipe(s, c) })
		}
	})
	t.Cleanup(func() { w.cut(); all.Wait() })
	return w
}

func pipe(to, from net.Conn) {
	_, _ = io.Copy(to, from)
	_, _ = to.Close(), from.Close()
}

func (w *wire) keep(conns ...net.Conn) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.conns = append(w.conns, conns...)
	return !w.dead
}

func (w *wire) cut() {
	_ = w.l.Close()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.dead = true
	for _, c := range w.conns {
		_ = c.Close()
	}
}

func TestRealProcessesThatStartTogetherMigrateTheQueueOnce(t *testing.T) {
	dsn := pgtest.Start(t).Database(t)
	var wg sync.WaitGroup
	for range 6 {
		db, _ := openDB(t, dsn, 1)
		wg.Go(func() {
			if err := riverqueue.Migrate(t.Context(), db); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	conn, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(t.Context())) }()
	rows, err := conn.Query(t.Context(), `SELECT tablename::text FROM pg_tables WHERE schemaname = 'public' ORDER BY 1`)
	if err != nil {
		t.Fatal(err)
	}
	got, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil || !slices.Equal(got, riverqueue.Tables()) {
		t.Errorf("tables %v, %v; want %v", got, err, riverqueue.Tables())
	}
}

func TestRealQueueSaysWhatIsWrong(t *testing.T) {
	if _, err := riverqueue.Open("postgres://shop:hunter2@[::1/orders", riverqueue.Options{}); err == nil || fmt.Sprint(err) != "the connection string of the queue's database cannot be read" {
		t.Errorf("error %v", err)
	}
	dsn := pgtest.Start(t).Database(t)
	q := openQueue(t, dsn, riverqueue.Options{Handlers: map[string]host.JobHandler{"parcel": func(context.Context, []byte) error { return nil }}})
	if err := q.Enqueue(t.Context(), host.Job{Kind: "parcel", Args: []byte(`{}`)}); err == nil {
		t.Error("a database without the queue's tables took a job")
	}
	if err := q.Enqueue(t.Context(), host.Job{Kind: "parcel", Args: []byte(`{`)}); err == nil {
		t.Error("args that are not JSON were taken")
	}
	if _, err := riverqueue.Open(dsn, riverqueue.Options{JobTimeout: time.Hour}); err == nil {
		t.Error("a live job could be given to another worker: RescueAfter is shorter than JobTimeout")
	}
	if _, err := riverqueue.Open(dsn, riverqueue.Options{Retry: riverqueue.Retry}); err == nil {
		t.Error("a wait of its own without a clock was taken")
	}
	if errors.Is(q.Close(t.Context()), context.Canceled) {
		t.Error("closing a queue that was never started")
	}
}

func TestRealStatementsTakeTheLocksTheyDeclare(t *testing.T) {
	dsn := pgtest.Start(t).Database(t)
	db, _ := openDB(t, dsn, 1)
	if err := riverqueue.Migrate(t.Context(), db); err != nil {
		t.Fatal(err)
	}
	locktest.Run(t, dsn, riverqueue.Statements(), map[string][]any{"jobs_by_state": {"parcel"}})
}
