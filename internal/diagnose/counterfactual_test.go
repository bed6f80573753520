package diagnose

import (
	"math"
	"slices"
	"testing"
	"time"

	"tripcurve/internal/incident"
	"tripcurve/sim"
	"tripcurve/sim/scenario"
)

func TestExplains(t *testing.T) {
	for _, c := range []struct {
		necessity, sufficiency float64
		want                   bool
	}{
		{1, 1, true},
		{0.8, 0.7, true},
		{0.8, 1.3, true},
		{0.79, 1, false},
		{1, 0.69, false},
		{1, 1.31, false},
		{0, 1, false},
		{math.NaN(), 1, false},
		{1, math.NaN(), false},
	} {
		if got := explains(c.necessity, c.sufficiency); got != c.want {
			t.Errorf("necessity %v, sufficiency %v: %t", c.necessity, c.sufficiency, got)
		}
	}
}

// What a finding names is not in the scenario any more, and all else is.
func TestLeaveOut(t *testing.T) {
	edge := incident.Subject{Edge: "order.inventory"}
	for _, c := range []struct {
		cause   string
		subject incident.Subject
		left    string
		gone    func(*sim.Scenario) bool
	}{
		{"lock_root", incident.Subject{}, "without the lock", func(sc *sim.Scenario) bool {
			return len(sc.Faults) == 1 && !slices.ContainsFunc(sc.Faults, func(f sim.Fault) bool { _, is := f.(sim.LockTable); return is })
		}},
		{"call_without_deadline", edge, "with a deadline of 5 s on order.inventory", func(sc *sim.Scenario) bool { return sc.Edges["order.inventory"].Deadline == 5*time.Second }},
		{"no_keepalive", edge, "with keepalive every 20 s on order.inventory", func(sc *sim.Scenario) bool { return sc.Edges["order.inventory"].Keepalive.Time == 20*time.Second }},
		{"retry_amplification", incident.Subject{Edge: "gateway.order"}, "without retries on gateway.order", func(sc *sim.Scenario) bool { return sc.Edges["gateway.order"].Retry.Attempts == 1 }},
		{"pool_exhausted", incident.Subject{}, "with a pool of 100,000", func(sc *sim.Scenario) bool { return sc.World.PoolSize == 100_000 }},
		{"slow_dependency", incident.Subject{}, "", nil},
		{"call_without_deadline", incident.Subject{Edge: "a.b"}, "", nil},
		{"deploy", incident.Subject{}, "", nil},
	} {
		sc := scenario.INC2847()
		left, err := leaveOut(&sc, incident.Finding{Cause: c.cause, Subject: c.subject})
		if left != c.left || (err != nil) != (c.left == "") {
			t.Errorf("%s: %q, %v", c.cause, left, err)
		}
		if err == nil && !c.gone(&sc) {
			t.Errorf("%s: it is there yet", c.cause)
		}
	}
}

// A log that lacks lines does not balance.
func TestSeenBalances(t *testing.T) {
	at := func(s int) time.Time { return time.Date(2026, 1, 15, 14, 0, s, 0, time.UTC) }
	count := func(second int, o incident.Outcome, started, ended int64) incident.Fact {
		status := 201
		if o != incident.OK {
			status = 502
		}
		return incident.Bucket{At: at(second), Width: time.Second, Endpoint: checkout, Outcome: o, Status: status, Started: started, Ended: ended, Origin: incident.Origin{Group: "gateway", Name: "log"}}
	}
	ev := incident.NewEvidence()
	ev.Add(incident.Bucket{At: at(12), Width: time.Second, Endpoint: incident.Endpoint{Method: "GET", Route: "/"}, Started: 1, Origin: incident.Origin{Group: "gateway", Name: "log"}})
	ev.Add(count(1, incident.OK, 5, 3), count(12, incident.OK, 0, 2), count(13, incident.UpstreamTimeout, 7, 4), count(30, incident.UpstreamTimeout, 0, 3))
	w := incident.Window{From: at(10), To: at(20)}
	of := func(e incident.Endpoint) bool { return e == checkout }
	if b := seen(ev.Snapshot(), w, of); !b.Holds() || b != (Balance{Of: b.Of, Before: 2, Arrived: 7, Completed: 2, Failed: 4, InFlight: 3}) {
		t.Errorf("%+v", b)
	}
	ev.Add(count(14, incident.UpstreamTimeout, 1, 0)) // it never ended
	if b := seen(ev.Snapshot(), w, of); b.Holds() {
		t.Errorf("%+v holds, and one is lost", b)
	}
}
