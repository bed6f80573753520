//go:build real

package postgres

import (
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"tripcurve/internal/incident"
	"tripcurve/internal/pgtest"
)

// TestRealBehindPgBouncer takes 400 samples through a real PgBouncer in transaction
// mode that has one server connection for all, so that whatever a sample left
// behind would be the next client's.
func TestRealBehindPgBouncer(t *testing.T) {
	s := pgtest.Start(t)
	stock(t, s)
	index := held(t, s, "create index idx_reservations_expiry on stock_reservations (expires_at)")
	writer := waiting(t, s, "update stock_reservations set status = 'x'")
	root := int(index.PgConn().PID())
	var plain string // what a session has of its own
	const has = `select string_agg(name || '=' || setting, ' ' order by name) from pg_settings
		where name in ('statement_timeout', 'lock_timeout', 'idle_in_transaction_session_timeout', 'default_transaction_read_only', 'transaction_read_only', 'jit')`
	if err := s.Connect(t).QueryRow(stepContext(t), has).Scan(&plain); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name, pooler string
		settings     []string
	}{
		{"refuses settings", "PgBouncer", nil},
		{"swallows settings", "a connection pooler", []string{
			"ignore_startup_parameters = statement_timeout,lock_timeout,idle_in_transaction_session_timeout,default_transaction_read_only,jit",
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dsn := s.PgBouncer(t, tt.settings...)
			l := dialed(t, dsn)
			c, err := New(Config{Access: Access{DSN: dsn}})
			if err != nil {
				t.Fatal(err)
			}
			if d := c.detail(l, Sample{Every: time.Second}, incident.Clock{}); l.pooler != tt.pooler || !strings.Contains(d, "behind "+tt.pooler+": clients' addresses are hidden") {
				t.Errorf("pooler %q, detail %q; want %q named", l.pooler, d, tt.pooler)
			}
			config, err := pgx.ParseConfig(dsn)
			if err != nil {
				t.Fatal(err)
			}
			config.DefaultQueryExecMode = pgx.QueryExecModeExec
			next, err := pgx.ConnectConfig(stepContext(t), config)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = next.Close(stepContext(t)) }()
			counted := 13
			if l.version < 140000 { // the counters of sessions came then
				counted = 7
			}
			failed, leaked, wrong := 0, 0, 0
			out := make(chan []incident.Fact, 1)
			second := &side{target: c.target, out: out, note: &c.note}
			for i := range 400 {
				x, err := l.sample(stepContext(t), i%2 == 0)
				if err != nil {
					failed++
					t.Logf("sample %d: %v", i, err)
					continue
				}
				g := newGraph(x)
				if w := g.rows[writer]; w == nil || w.Wait == nil {
					wrong++
				} else if by := g.blockers(w); len(by) != 1 || by[0].PID != root {
					wrong++
				}
				if i%40 == 0 {
					if err := second.read(stepContext(t), l); err != nil {
						failed++
						t.Logf("counters after sample %d: %v", i, err)
					} else if facts := <-out; len(facts) < counted {
						t.Errorf("%d facts beside the samples", len(facts))
					}
				}
				var now string
				if err := next.QueryRow(stepContext(t), has).Scan(&now); err != nil || now != plain {
					leaked++
					t.Logf("after sample %d the next client has %s, want %s; %v", i, now, plain, err)
				}
			}
			t.Logf("400 samples: %d failed, %d times settings leaked, %d times the wrong blocker", failed, leaked, wrong)
			if failed+leaked+wrong > 0 {
				t.Errorf("%d failed, %d leaked, %d wrong of 400 samples", failed, leaked, wrong)
			}
		})
	}
}
