package world

import (
	"context"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"

	"tripcurve/internal/pglock"
	"tripcurve/sim"
	"tripcurve/sim/vtime"
)

func TestMain(m *testing.M) {
	if os.Getenv("TRIPCURVE_UPDATE") != "" {
		if err := flag.Set("rewrite", "true"); err != nil {
			panic(err)
		}
	}
	os.Exit(m.Run())
}

// Scripts of sessions that take table locks. Each line of a sessions block is a
// session of its own: when it begins, its name, and what it does one after the
// other: a mode to lock "t" in, or a time to hold what it has. At its end it gives
// all back. "give up 3s" ends the session's patience at that time. The answer is who was
// granted what when; at the given times, who waits for whom.
func TestLocks(t *testing.T) {
	datadriven.Walk(t, "testdata/locks", func(t *testing.T, path string) {
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			if d.Cmd != "sessions" {
				d.Fatalf(t, "unknown command %q", d.Cmd)
			}
			w := newWorld(t)
			db := w.NewDatabase(DatabaseOptions{Name: "t", PoolSize: 1, Statement: sim.Dist{Shape: sim.Exponential, A: time.Millisecond}})
			var out strings.Builder
			names := map[int]string{}
			say := func(format string, args ...any) {
				fmt.Fprintf(&out, "%-5s ", time.Duration(w.K.Now()))
				fmt.Fprintf(&out, format+"\n", args...)
			}
			for i, line := range strings.Split(strings.TrimSpace(d.Input), "\n") {
				fields := strings.Split(line, ",")
				at, name, _ := strings.Cut(fields[0], " ")
				names[100+i] = name
				s := db.Connect(100+i, name, "script")
				w.K.StartAfter(duration(t, at), nil, vtime.Func(func() { script(t, w, db, s, name, fields[1:], say) }))
			}
			for _, arg := range d.CmdArgs {
				for _, at := range arg.Vals {
					w.K.After(duration(t, at), vtime.Func(func() {
						for _, r := range db.Sessions(nil) {
							if r.Wanted == pglock.None {
								continue
							}
							var by []string
							for _, b := range r.Blockers {
								kind := "soft"
								if b.Hard {
									kind = "hard"
								}
								by = append(by, fmt.Sprintf("%s (%s %s)", names[b.PID], kind, b.Mode))
							}
							say("%s waits for %s behind %s", names[r.PID], r.Wanted, strings.Join(by, ", "))
						}
					}))
				}
			}
			if err := w.K.Run(context.Background(), vtime.Time(time.Minute)); err != nil {
				d.Fatalf(t, "%v", err)
			}
			return out.String()
		})
	})
}

func duration(t *testing.T, s string) time.Duration {
	t.Helper()
	d, err := time.ParseDuration(s)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func script(t *testing.T, w *World, db *Database, s *Session, name string, steps []string, say func(string, ...any)) {
	var c *vtime.Context
	s.state = sessionActive
	for _, step := range steps {
		step = strings.TrimSpace(step)
		if at, ok := strings.CutPrefix(step, "give up "); ok {
			c = w.K.WithDeadline(context.Background(), vtime.Time(duration(t, at)))
			continue
		}
		if m, ok := pglock.Parse(step); ok {
			if err := db.lock(s, db.Table("t"), m, c); err != nil {
				say("%s gives up", name)
				s.release()
				return
			}
			say("%s has %s", name, m)
			continue
		}
		w.K.Sleep(nil, duration(t, step))
	}
	s.release()
	s.state = sessionIdle
	say("%s ends", name)
}
