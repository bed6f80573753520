package postgres

import (
	"slices"
	"testing"
	"time"

	"tripcurve/internal/incident"
	"tripcurve/internal/pglock"
)

// anySample makes a sample of bytes: sessions, the first a prepared transaction and
// some parallel workers, that hold and want anything, as no server would show it.
func anySample(data []byte) Sample {
	next := func() int {
		if len(data) == 0 {
			return 0
		}
		b := data[0]
		data = data[1:]
		return int(b)
	}
	lock := func() Lock {
		kind := next()
		l := Lock{LockType: []string{"relation", "transactionid", "tuple", "virtualxid"}[kind%4], Object: string(rune('a' + kind/4%3))}
		if kind%4 != 1 {
			l.Relation = []string{"stock", "orders"}[kind/16%2]
		}
		l.Mode = pglock.Mode(next() % modes)
		return l
	}
	x := Sample{At: at(1000), ServerVersion: 150018}
	for len(data) > 0 && len(x.Rows) < 200 {
		r := Row{Session: incident.Session{PID: len(x.Rows), State: "active", BackendType: "client backend", QueryStart: at(float64(next()))}}
		shape := next()
		if shape&1 != 0 {
			r.LeaderPID = next() % 40
		}
		for range shape >> 1 & 3 {
			r.Held = append(r.Held, lock())
		}
		if shape&8 != 0 {
			r.Wait = &Wait{Lock: lock(), RowOf: "stock"}
			if shape&16 != 0 {
				r.Wait.Since = at(float64(next()))
			}
			if shape&32 != 0 {
				r.Wait.Blockers = []int{next() % 50, next() % 50}
			}
			if shape&64 != 0 {
				r.Wait.behind = behind{pids: []int{next() % 50}, at: at(float64(next()))}
			}
		}
		x.Rows = append(x.Rows, r)
	}
	return x
}

// FuzzGraph holds a few things that are true of who blocks whom whatever a server
// shows: nobody blocks himself or twice, a hard blocker that was derived holds a
// mode that conflicts, a soft one waits for one, and no waiter gets lost in a queue.
func FuzzGraph(f *testing.F) {
	f.Add([]byte{1, 1, 10, 0, 5, 0, 3, 2, 2, 8, 0, 3, 3, 3, 24, 0, 8, 9})
	f.Add([]byte{1, 1, 90, 0, 5, 0, 3, 7, 2, 9, 2, 2, 120, 0, 3, 3, 3, 24, 0, 8, 9, 4, 4, 9, 1, 8, 8})
	f.Fuzz(func(t *testing.T, data []byte) {
		x := anySample(data)
		g := newGraph(x)
		queued, waiting := 0, 0
		for on, q := range g.queue {
			queued += len(q)
			for i, w := range q {
				if w.Wait.on() != on || slices.Contains(q[:i], w) {
					t.Fatalf("%d stands in the queue of %v for %v, or twice", w.PID, on, w.Wait.on())
				}
			}
		}
		for _, pid := range g.order {
			w := g.rows[pid]
			if w.Wait == nil {
				continue
			}
			waiting++
			var seen []int
			for _, b := range g.blockers(w) {
				if b.PID == pid || slices.Contains(seen, b.PID) {
					t.Fatalf("%d is blocked by %d, itself or twice", pid, b.PID)
				}
				seen = append(seen, b.PID)
				if w.Wait.Blockers == nil && !pglock.Conflicts(b.Mode, w.Wait.Mode) {
					t.Fatalf("%d wants %s, blocked by %d with %s (hard %v)", pid, w.Wait.Mode, b.PID, b.Mode, b.Hard)
				}
			}
		}
		if queued != waiting {
			t.Fatalf("%d wait, %d stand in queues", waiting, queued)
		}
		if rings := g.rings(5); len(rings) > 5 || slices.ContainsFunc(rings, func(pid int) bool { return g.rows[pid].Wait == nil }) {
			t.Fatalf("rings %v", rings)
		}
		g.movable()
		NewSampler("pg").Observe(x)
	})
}

// TestRingsOfALongQueueAreCheap: 2,000 sessions that queue for one row, of which the
// newest holds what the oldest's blocker waits for, are looked through in a moment.
func TestRingsOfALongQueueAreCheap(t *testing.T) {
	row := Lock{LockType: "tuple", Relation: "carts", Object: "(0,1)", Mode: pglock.Exclusive}
	holder := client(1, "update carts set total = 0", 0).holding(row).waitingFor(reservations(pglock.Share), 1)
	rows := []Row{holder}
	for i := range 2000 {
		rows = append(rows, client(100+i, "update carts set total = 0", 1).waitingFor(row, 1+float64(i)/1000))
	}
	rows[2000] = rows[2000].holding(reservations(pglock.Exclusive))
	began := time.Now()
	rings := newGraph(sample(5, rows...)).rings(mostAsked)
	if took := time.Since(began); took > 2*time.Second {
		t.Errorf("took %s", took)
	}
	if len(rings) != mostAsked || rings[0] != 1 {
		t.Errorf("rings %v, want %d pids of the ring that closes over the whole queue", rings, mostAsked)
	}
}
