package sim

import (
	"testing"
	"time"
)

func TestRecovery(t *testing.T) {
	start := time.Date(2026, 1, 15, 14, 18, 0, 0, time.UTC)
	at := func(s int) time.Time { return start.Add(time.Duration(s) * time.Second) }
	served := func() *Result {
		r := &Result{Start: start, Length: 600 * time.Second, Started: make([]int, 600), Late: make([]int, 600)}
		for i := range r.Started {
			r.Started[i] = 1
		}
		r.Orders = Orders{Started: 600, Served: 599, InFlightLeft: 1}
		return r
	}
	failing := func(change func(*Result)) *Result {
		r := served()
		r.Orders.Failed, r.Orders.Served = 50, 549
		change(r)
		return r
	}
	for _, c := range []struct {
		name              string
		r                 *Result
		took              time.Duration
		recovered, failed bool
	}{
		{"nothing wrong", served(), 0, false, false},
		{"recovers 30 s after the lock", failing(func(r *Result) { r.LockTo, r.RecoveredAt = at(200), at(230) }), 30 * time.Second, true, true},
		{"recovers under the lock", failing(func(r *Result) { r.LockTo, r.RecoveredAt = at(200), at(190) }), 0, true, true},
		{"never", failing(func(r *Result) { r.LockTo = at(200) }), 400 * time.Second, false, true},
		{"no lock", failing(func(r *Result) {
			r.RecoveredAt = at(130)
			r.Endpoints = []Endpoint{{Method: "POST", Route: "/api/orders", Failed: 50, FirstFailed: at(100)}}
		}), 30 * time.Second, true, true},
		{"only late", failing(func(r *Result) { r.RecoveredAt, r.Late[70] = at(100), 50 }), 30 * time.Second, true, true},
		{"hangs for ever", func() *Result {
			r := served()
			r.Orders = Orders{Started: 600, Served: 300, InFlightLeft: 300}
			r.LockTo = at(250)
			return r
		}(), 350 * time.Second, false, true},
	} {
		took, recovered, failed := c.r.Recovery()
		if took != c.took || recovered != c.recovered || failed != c.failed {
			t.Errorf("%s: %s, recovered %v, failed %v", c.name, took, recovered, failed)
		}
	}
}
