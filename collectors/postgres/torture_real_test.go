//go:build real

package postgres

import (
	"context"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"tripcurve/collectors/supervise"
	"tripcurve/internal/incident"
	"tripcurve/internal/pgtest"
)

// run is a collector under a supervisor, beside another source that nothing of this
// may touch.
type run struct {
	t     *testing.T
	mu    sync.Mutex
	ev    *incident.Evidence
	is    incident.SourceStatus
	news  chan struct{}
	ticks atomic.Int64
}

// interval of the collectors that are tortured.
const interval = time.Second

func running(t *testing.T, dsn string) *run {
	t.Helper()
	c, err := New(Config{Access: Access{DSN: dsn}, Interval: interval})
	if err != nil {
		t.Fatal(err)
	}
	r := &run{t: t, ev: incident.NewEvidence(), news: make(chan struct{}, 1)}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	sup := supervise.New([]supervise.Collector{c, other{r}}, supervise.Options{Rand: func() float64 { return 0.5 }})
	go func() {
		done <- sup.Run(ctx, func(_ context.Context, b supervise.Batch) error {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.ev.Add(b.Facts...)
			for _, s := range b.Sources {
				switch {
				case s.Name == "pg":
					r.is = s
				case s.State == incident.SourceDown:
					t.Errorf("the other source is %s: %s", s.State, s.Detail)
				}
			}
			select {
			case r.news <- struct{}{}:
			default:
			}
			return nil
		})
	}()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return r
}

// other is a source that ticks.
type other struct{ *run }

func (o other) Source() incident.SourceStatus {
	return incident.SourceStatus{Name: "other", Group: "test"}
}

func (o other) Run(ctx context.Context, _ chan<- []incident.Fact, status chan<- incident.SourceStatus) error {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case now := <-tick.C:
			o.ticks.Add(1)
			status <- incident.SourceStatus{Name: "other", Group: "test", State: incident.SourceOK, LastAt: now}
		}
	}
}

// until waits for a state of the collector, and says how long that took.
func (r *run) until(what string, ok func(incident.SourceStatus, *incident.View) bool) (*incident.View, time.Duration) {
	r.t.Helper()
	began, ticks := time.Now(), r.ticks.Load()
	for {
		r.mu.Lock()
		v, is := r.ev.Snapshot(), r.is
		r.mu.Unlock()
		if strings.Contains(is.Detail, pgtest.Password) {
			r.t.Fatalf("the password is in a status: %s", is.Detail)
		}
		if ok(is, v) {
			took := time.Since(began)
			if n := r.ticks.Load() - ticks; took > 2*time.Second && float64(n) < took.Seconds()*5 {
				r.t.Errorf("%s: the other source ticked %d times in %s, want some 20 a second", what, n, took)
			}
			return v, took
		}
		select {
		case <-r.news:
		case <-time.After(time.Until(began.Add(deadline))):
			r.t.Fatalf("%s: not seen; last %s %q", what, is.State, is.Detail)
		}
	}
}

// fresh is a state OK with a sample newer than now.
func fresh() func(incident.SourceStatus, *incident.View) bool {
	now := time.Now()
	return func(s incident.SourceStatus, _ *incident.View) bool {
		return s.State == incident.SourceOK && s.LastAt.After(now)
	}
}

func saying(state incident.SourceState, words string) func(incident.SourceStatus, *incident.View) bool {
	return func(s incident.SourceStatus, _ *incident.View) bool {
		return s.State == state && strings.Contains(s.Detail, words)
	}
}

// back waits for the first fresh sample, which must not be later than two intervals.
func (r *run) back(what string) *incident.View {
	r.t.Helper()
	v, took := r.until(what, fresh())
	r.t.Logf("%s: back after %.1f intervals", what, took.Seconds()/interval.Seconds())
	if took > 2*interval {
		r.t.Errorf("%s: back after %s, want at most two intervals", what, took.Round(time.Millisecond))
	}
	return v
}

// gaps are closed, and one for each time of silence.
func (r *run) gaps(v *incident.View, want int) {
	r.t.Helper()
	gaps := v.Gaps("postgres")
	if len(gaps) != want {
		r.t.Errorf("%d gaps, want %d: %+v", len(gaps), want, gaps)
	}
	for _, g := range gaps {
		if g.Open || !g.To.After(g.From) {
			r.t.Errorf("gap from %s to %s is open %v", g.From, g.To, g.Open)
		}
	}
}

func TestRealNetworkIsCutAndServerFailsOver(t *testing.T) {
	s, standIn := pgtest.Start(t), pgtest.Start(t)
	stock(t, s)
	held(t, s, "lock table stock_reservations in share mode")
	waiting(t, s, "update stock_reservations set status = 'x'")
	network := s.Proxy(t)
	r := running(t, network.Through(s, s.DSN()))
	r.until("a waiter", func(is incident.SourceStatus, v *incident.View) bool {
		return is.State == incident.SourceOK && len(waits(v)) == 1
	})

	network.Cut()
	r.until("down", saying(incident.SourceDown, "; try "))
	network.Mend()
	v := r.back("cut")
	r.gaps(v, 1)
	if len(waits(v)) != 1 || len(v.Episodes()) == 0 {
		t.Errorf("%d waits after the cut, want the one that went on", len(waits(v)))
	}

	network.Hole()
	r.until("down by silence", saying(incident.SourceDown, "no answer in time"))
	network.Mend()
	v = r.back("black hole")
	if g := v.Gaps("postgres"); len(g) != 2 || g[1].Open || g[1].To.Sub(g[1].From) < 5*time.Second {
		t.Errorf("gaps %+v, want a second one as long as the hole", g)
	}

	network.Lead(standIn)
	v, took := r.until("another cluster", func(_ incident.SourceStatus, v *incident.View) bool {
		return slices.ContainsFunc(v.Changes(), func(c incident.Change) bool {
			return c.Kind == incident.Restart && strings.HasPrefix(c.Text, "another PostgreSQL cluster answers: system identifier ")
		})
	})
	t.Logf("failover: told after %.1f intervals", took.Seconds()/interval.Seconds())
	if took > 3*interval { // it is noticed with the next sample, and back within two
		t.Errorf("the failover is told after %s", took)
	}
	if n := len(waits(v)); n != 0 {
		t.Errorf("%d waits of the first cluster go on in the second", n)
	}

	standIn.Stop()
	r.until("down by a stop", saying(incident.SourceDown, "; try "))
	standIn.Resume(t)
	r.back("restart")
}

func TestRealFullServerKeepsItsTwoConnections(t *testing.T) {
	s := pgtest.Start(t, "max_connections=12", "superuser_reserved_connections=2")
	s.Exec(t, "create role watcher login password 'w-Secr3t' in role pg_monitor")
	watcher := s.DSNOf("watcher", "w-Secr3t")
	admin := s.Connect(t)
	r := running(t, watcher)
	r.until("both connections", saying(incident.SourceOK, "at most 12 connections, 2 of them reserved"))
	fill(t, admin, watcher, 10)
	r.back("full")
	if _, err := SampleOnce(stepContext(t), watcher); err == nil || !strings.Contains(err.Error(), "no free connection on the server (53300)") {
		t.Errorf("a new connection to a full server: %v", err)
	}

	// The first connection is lost: its place is taken at once by somebody else.
	var pid int
	err := admin.QueryRow(stepContext(t), "select pid from pg_stat_activity where application_name = 'tripcurve' and query like '%pg_postmaster_start_time%'").Scan(&pid)
	if err != nil {
		t.Fatal(err)
	}
	taken := make(chan struct{})
	go func() {
		defer close(taken)
		for {
			conn, err := pgx.Connect(context.Background(), watcher)
			if err == nil {
				t.Cleanup(func() { _ = conn.Close(context.Background()) })
				return
			}
		}
	}()
	if _, err := admin.Exec(stepContext(t), "select pg_terminate_backend($1)", pid); err != nil {
		t.Fatal(err)
	}
	<-taken
	v := r.back("terminated while full")
	r.gaps(v, 0)
	r.until("one connection", saying(incident.SourceOK, "one connection only: "))
	r.until("why", saying(incident.SourceOK, "no free connection on the server (53300)"))
}

func TestRealRightsAreRevokedMeanwhile(t *testing.T) {
	s := pgtest.Start(t)
	stock(t, s)
	s.Exec(t, "create role watcher login password 'w-Secr3t' in role pg_monitor")
	holder := held(t, s, "lock table stock_reservations in share mode")
	writer := waiting(t, s, "update stock_reservations set status = 'x'")
	const words = "without pg_read_all_stats: queries, states and times of other users are hidden, locks and who blocks whom are not"
	r := running(t, s.DSNOf("watcher", "w-Secr3t"))
	r.until("a waiter", func(is incident.SourceStatus, v *incident.View) bool {
		return len(waits(v)) == 1 && !strings.Contains(is.Detail, words)
	})
	check := func(v *incident.View) {
		t.Helper()
		var told []incident.Episode
		for _, e := range v.Episodes() {
			if e.Kind == incident.LockWait {
				told = append(told, e)
			}
		}
		if len(told) != 1 || !told[0].Open || told[0].Session.PID != writer || told[0].Relation != "stock_reservations" ||
			len(told[0].Blockers) != 1 || told[0].Blockers[0].PID != int(holder.PgConn().PID()) {
			t.Errorf("waits %+v, want one, by %d", told, holder.PgConn().PID())
		}
		r.gaps(v, 0)
	}
	s.Exec(t, "revoke pg_monitor from watcher")
	v, _ := r.until("hidden", saying(incident.SourceOK, words))
	check(v)
	s.Exec(t, "grant pg_monitor to watcher")
	v, _ = r.until("in clear again", func(is incident.SourceStatus, _ *incident.View) bool {
		return is.State == incident.SourceOK && !strings.Contains(is.Detail, words)
	})
	check(v)
}
