//go:build real

package postgres

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"tripcurve/internal/incident"
	"tripcurve/internal/pgtest"
)

// collectVariable makes this binary a collector of the server that it names, and
// nothing else, for collectFor: what it takes can be asked of the system then.
const (
	collectVariable = "TRIPCURVE_TEST_COLLECT"
	collectFor      = 12 * time.Second
)

func TestMain(m *testing.M) {
	if dsn := os.Getenv(collectVariable); dsn != "" {
		if err := collect(dsn); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func collect(dsn string) error {
	debug.SetGCPercent(50) // as tripcurve record has it
	c, err := New(Config{Access: Access{DSN: dsn}})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), collectFor)
	defer cancel()
	out, status := make(chan []incident.Fact), make(chan incident.SourceStatus)
	go func() {
		for range out {
		}
	}()
	go func() {
		for range status {
		}
	}()
	if err := c.Run(ctx, out, status); ctx.Err() == nil {
		return err
	}
	// The system's usage of a process counts what its parent had before it, this not.
	self, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return err
	}
	for line := range strings.Lines(string(self)) {
		if peak, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			fmt.Println(strings.Fields(peak)[0])
		}
	}
	return nil
}

// bare is the query that everybody starts with: all of pg_stat_activity.
const bare = "select * from pg_stat_activity"

// jam makes n sessions run a statement that waits.
func jam(b *testing.B, s *pgtest.Server, n int, statement func(i int) string) {
	b.Helper()
	conns := make([]*pgx.Conn, n)
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	b.Cleanup(func() {
		cancel()
		running.Wait()
		s.Exec(b, "select pg_terminate_backend(pid) from pg_stat_activity where backend_type = 'client backend' and wait_event_type = 'Lock'")
		admin := s.Connect(b)
		for left := 1; left > 0; {
			if err := admin.QueryRow(context.Background(), "select count(*) from pg_locks where not granted").Scan(&left); err != nil {
				b.Fatal(err)
			}
		}
		for _, c := range conns {
			_ = c.Close(context.Background())
		}
	})
	for i := range conns {
		c, err := pgx.Connect(ctx, s.LocalDSN())
		if err != nil {
			b.Fatal(err)
		}
		conns[i] = c
		running.Go(func() { _, _ = c.Exec(ctx, statement(i), pgx.QueryExecModeSimpleProtocol) })
	}
	admin := s.Connect(b)
	for waiting := 0; waiting < n; {
		if err := admin.QueryRow(ctx, "select count(*) from pg_locks where not granted").Scan(&waiting); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkRealSample is a sample of a server in trouble beside the bare query of
// the same moment, in turn, lower quartiles; and a process that does nothing but collect.
func BenchmarkRealSample(b *testing.B) {
	s := pgtest.Start(b, "max_connections=1100", "deadlock_timeout=1h", "autovacuum=off", "max_locks_per_transaction=128")
	s.Exec(b, "create table stock (id int primary key, n int)", "insert into stock select i, i from generate_series(1, 1000) i")
	for _, bb := range []struct {
		name      string
		waiters   int
		lock      string
		statement func(i int) string
	}{
		{"share-500", 500, "lock table stock in share mode", func(i int) string { return fmt.Sprintf("update stock set n = 0 where id = %d", i+1) }},
		{"share-1000", 1000, "lock table stock in share mode", func(i int) string { return fmt.Sprintf("update stock set n = 0 where id = %d", i+1) }},
		{"row-1000", 1000, "update stock set n = 0 where id = 1", func(int) string { return "update stock set n = n + 1 where id = 1" }},
	} {
		b.Run(bb.name, func(b *testing.B) {
			holder := s.Connect(b)
			for _, sql := range []string{"begin", bb.lock} {
				if _, err := holder.Exec(context.Background(), sql); err != nil {
					b.Fatal(err)
				}
			}
			jam(b, s, bb.waiters, bb.statement)
			c, err := New(Config{Access: Access{DSN: s.LocalDSN()}})
			if err != nil {
				b.Fatal(err)
			}
			l, err := c.target.dial(context.Background(), false)
			if err != nil {
				b.Fatal(err)
			}
			defer l.close()
			var bares, samples []time.Duration
			took := func(f func()) time.Duration {
				began := time.Now()
				f()
				return time.Since(began)
			}
			look := func() {
				x, err := l.sample(context.Background(), !c.derive)
				if err != nil || waiters(x) != bb.waiters {
					b.Fatalf("%d waiters, %v", waiters(x), err)
				}
				samples = append(samples, x.Took)
				c.sampler.Observe(x)
				c.adapt(x)
			}
			for range 5 {
				look() // until the collector has found how to
			}
			samples = samples[:0]
			for b.Loop() {
				bares = append(bares, took(func() {
					rows, err := l.conn.Query(context.Background(), bare)
					if err != nil {
						b.Fatal(err)
					}
					for rows.Next() {
					}
					if err := rows.Err(); err != nil {
						b.Fatal(err)
					}
				}))
				look()
			}
			slices.Sort(bares)
			slices.Sort(samples)
			// The neighbours of a shared machine disturb the slower ones.
			bareMS, sampleMS := ms(bares[len(bares)/4]), ms(samples[len(samples)/4])
			b.ReportMetric(bareMS, "bare_ms")
			b.ReportMetric(sampleMS, "sample_ms")
			b.ReportMetric(sampleMS/bareMS, "x_bare")
			b.StopTimer()
			cpu, rss := alone(b, s.LocalDSN())
			b.ReportMetric(100*cpu.Seconds()/collectFor.Seconds(), "%core")
			b.ReportMetric(float64(rss)/1024, "rss_MB")
		})
	}
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// alone is the processor time and the memory, in KiB, of a process that collects.
func alone(b *testing.B, dsn string) (cpu time.Duration, rss int64) {
	b.Helper()
	self, err := os.Executable()
	if err != nil {
		b.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), collectVariable+"="+dsn)
	out, err := cmd.CombinedOutput()
	text := strings.TrimSpace(string(out))
	if err != nil {
		b.Fatalf("%v: %s", err, text)
	}
	if rss, err = strconv.ParseInt(text, 10, 64); err != nil {
		b.Fatalf("its memory, in kB: %v", err)
	}
	return cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime(), rss
}
