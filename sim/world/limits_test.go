package world

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tripcurve/internal/pglock"
	"tripcurve/internal/policy"
	"tripcurve/sim"
	"tripcurve/sim/vtime"
)

// A migration holds SHARE for a minute; two connections, and every statement takes a
// millisecond. When and how three reservations end that begin at 0, 1 and 2 s.
func TestLimits(t *testing.T) {
	for _, c := range []struct {
		name   string
		limits Limits
		caller time.Duration // whose time limit ends the call
		want   []string
	}{
		{"none", Limits{}, 0, []string{"1m0.002s ok", "1m0.002s ok", "1m0.005s ok"}},
		// The select takes 1 ms and no conflicting lock; the update waits.
		{"lock_timeout", Limits{Lock: 5 * second}, 0, []string{
			"5.001s canceling statement due to lock timeout",
			"6.001s canceling statement due to lock timeout",
			"10.002s canceling statement due to lock timeout", // it had a connection at 5.001 s
		}},
		{"statement_timeout", Limits{Statement: 5 * second}, 0, []string{
			"5.001s canceling statement due to statement timeout",
			"6.001s canceling statement due to statement timeout",
			"10.002s canceling statement due to statement timeout",
		}},
		{"the pool's", Limits{PoolWait: 3 * second}, 0, []string{
			"1m0.002s ok", "1m0.002s ok", "5s no connection of the pool was free in time",
		}},
		{"all of them", Limits{PoolWait: 3 * second, Lock: 10 * second, Statement: 4 * second}, 0, []string{
			"4.001s canceling statement due to statement timeout",
			"5.001s canceling statement due to statement timeout",
			"8.002s canceling statement due to statement timeout",
		}},
		{"the caller's is shorter", Limits{Lock: 5 * second}, 2 * second, []string{
			"2s context deadline exceeded", "3s context deadline exceeded", "4s context deadline exceeded",
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			d := w.NewDatabase(DatabaseOptions{Name: "inventory", PoolSize: 2, Statement: sim.Fixed(time.Millisecond), Cancel: policy.Propagate, Limits: c.limits})
			s := NewStock(d, 0)
			s.Add("a", 100)
			w.K.Start(nil, vtime.Func(func() {
				d.Hold(d.Connect(48291, "migrator", "migrate"), s.table, pglock.Share, "CREATE INDEX", vtime.Time(time.Minute), nil)
			}))
			got := make([]string, 3)
			for i := range got {
				w.K.StartAfter(time.Duration(i)*second, nil, vtime.Func(func() {
					ctx := context.Context(vtime.Detached(context.Background()))
					if c.caller > 0 {
						ctx = w.K.WithTimeout(ctx, c.caller)
					}
					end := "ok"
					if err := s.reserveUnder(ctx); err != nil {
						end = err.Error()
					}
					got[i] = time.Duration(w.K.Now()).String() + " " + end
				}))
			}
			if err := w.K.Run(t.Context(), vtime.Time(2*time.Minute)); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if err := d.Pool.Err(); err != nil || d.Pool.Used() != 0 || d.Waiting() != 0 || s.Err() != nil {
				t.Errorf("left behind: %v, %d connections, %d waiters, %v", err, d.Pool.Used(), d.Waiting(), s.Err())
			}
		})
	}
}
