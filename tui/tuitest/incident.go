// Package tuitest helps the screens' tests: an incident like INC-2847 made of
// fixed facts, golden frames of text and styles, and commands run to their end.
package tuitest

import (
	"fmt"
	"sync"
	"time"

	"tripcurve/internal/incident"
	"tripcurve/internal/incident/sketch"
	"tripcurve/internal/pglock"
	"tripcurve/tui/screen"
)

// At is an instant of the incident's day: "14:23:01".
func At(clock string) time.Time {
	t, err := time.Parse("2006-01-02 15:04:05", "2026-01-15 "+clock)
	if err != nil {
		panic(err)
	}
	return t
}

var (
	gateway  = incident.Origin{Group: "gateway", Name: "gw", File: "access.log"}
	postgres = incident.Origin{Group: "postgres", Name: "pg"}
	grpc     = incident.Origin{Group: "grpc", Name: "grpc"}

	orders    = incident.Endpoint{Method: "POST", Route: "/api/orders"}
	inventory = incident.Endpoint{Method: "GET", Route: "/api/inventory/:sku"}
	order     = incident.Endpoint{Method: "GET", Route: "/api/orders/:id"}
	payments  = incident.Endpoint{Method: "POST", Route: "/api/payments/intent"}

	trigger, released, poolFull = At("14:23:01"), At("14:27:01"), At("14:23:46")
	restarted                   = At("14:46:18")
)

const hostile = "INSERT INTO notes VALUES ('\x1b[2J\x1b]0;owned\x07 \u202egnp.exe') -- 在庫予約"

// Incident is the evidence of an incident like INC-2847 and what follows from
// it. The numbers are round, for people to check frames by.
func Incident() screen.EvidenceMsg { return once() }

var once = sync.OnceValue(makeIncident) // views never change, so one serves all tests

func makeIncident() screen.EvidenceMsg {
	ev := incident.NewEvidence()
	addRequests(ev)
	addSessions(ev)
	addCalls(ev)
	ev.Add(
		incident.Change{At: trigger, Kind: incident.DDL, System: "stock_reservations", Text: "CREATE INDEX idx_reservations_expiry", Origin: postgres},
		incident.Change{At: restarted, Kind: incident.Restart, System: "order", Text: "order restarted", Origin: grpc},
	)
	end := At("14:52:00")
	for _, o := range []incident.Origin{postgres, gateway, grpc} {
		ev.SetSource(incident.SourceStatus{Name: o.Name, Group: o.Group, State: incident.SourceDone, LastAt: end})
	}
	ev.SetSource(incident.SourceStatus{Name: "datadog", Group: "datadog", State: incident.SourceAbsent})
	v := ev.Snapshot()
	return screen.EvidenceMsg{Name: "INC-2847", View: v, Analysis: analysis(v)}
}

// request adds one request to its buckets, and to the distribution of its end.
func request(ev *incident.Evidence, e incident.Endpoint, start time.Time, took time.Duration, status int, o incident.Outcome) {
	end := start.Add(took)
	b := incident.Bucket{Width: time.Second, Endpoint: e, Status: status, Outcome: o, Origin: gateway}
	b.Origin.From = start.UnixMilli()
	b.Origin.To = b.Origin.From + 1
	b.At, b.Started = start.Truncate(time.Second), 1
	if b.At.Equal(end.Truncate(time.Second)) {
		b.Ended = 1
		ev.Add(b)
	} else {
		ev.Add(b)
		b.At, b.Started, b.Ended = end.Truncate(time.Second), 0, 1
		ev.Add(b)
	}
	s := sketch.New()
	s.Add(took)
	ev.Add(incident.Latency{
		At: end.Truncate(10 * time.Second), Width: 10 * time.Second,
		Endpoint: e, Outcome: o, Sketch: s, Origin: b.Origin,
	})
}

func addRequests(ev *incident.Evidence) {
	from, to := At("14:18:00"), At("14:51:00")
	first := true
	for at := from; at.Before(to); at = at.Add(1120 * time.Millisecond) {
		took := 90*time.Millisecond + time.Duration(at.Second())*time.Millisecond
		if at.Before(trigger) || at.After(restarted.Add(-30*time.Second)) {
			request(ev, orders, at, took, 201, incident.OK)
			request(ev, payments, at.Add(time.Second), took/2, 200, incident.OK)
			continue
		}
		request(ev, orders, at, 30*time.Second, 502, incident.UpstreamTimeout)
		kind := incident.LastFailing
		if first {
			kind, first = incident.FirstFailing, false
		}
		ev.Add(incident.Exemplar{
			Kind: kind, Start: at, End: at.Add(30 * time.Second), Endpoint: orders, Status: 502,
			Outcome: incident.UpstreamTimeout, Took: 30 * time.Second, Origin: gateway,
			Raw: fmt.Sprintf(`{"start":"%s","method":"POST","path":"/api/orders","status":502,"ms":30000,"ua":"\u001b[31m%s"}`, at.Format(time.RFC3339Nano), "\x1b[31mcurl"),
		})
	}
	for at := from; at.Before(to); at = at.Add(500 * time.Millisecond) {
		if at.Before(poolFull) || at.After(released.Add(-30*time.Second)) {
			request(ev, inventory, at, 11*time.Millisecond, 200, incident.OK)
		} else {
			request(ev, inventory, at, 30*time.Second, 504, incident.UpstreamTimeout)
		}
	}
	for at := from; at.Before(to); at = at.Add(200 * time.Millisecond) {
		request(ev, order, at, 8*time.Millisecond, 200, incident.OK)
	}
}

func addSessions(ev *incident.Evidence) {
	holder := incident.Session{
		PID: 48291, User: "migrator", Database: "inventory", Application: "psql", Client: "10.0.4.7",
		BackendType: "client backend", State: "active", BackendStart: trigger.Add(-time.Minute), XactStart: trigger, QueryStart: trigger,
		Query: "CREATE INDEX idx_reservations_expiry\n    ON stock_reservations (expires_at)",
	}
	ev.Add(incident.Episode{
		Kind: incident.SessionState, From: trigger, To: released, Session: holder, Held: pglock.Share,
		LockType: "relation", Relation: "stock_reservations", Origin: postgres,
	})
	waiter := func(pid int, from time.Time, query string) incident.Session {
		return incident.Session{
			PID: pid, User: "inventory", Database: "inventory", Application: "inventory", Client: "10.0.4.21", BackendType: "client backend",
			State: "active", WaitEventType: "Lock", WaitName: "relation", XactStart: from, QueryStart: from, Query: query,
		}
	}
	const update = "UPDATE stock_reservations SET status = 'reserved', reservation_id = $1, expires_at = $2 WHERE id = ANY($3)"
	for i := range 97 {
		from := trigger.Add(time.Duration(i) * 464 * time.Millisecond)
		ev.Add(incident.Episode{
			Kind: incident.LockWait, From: from, To: released, Session: waiter(51002+i, from, update),
			Wanted: pglock.RowExclusive, LockType: "relation", Relation: "stock_reservations",
			Blockers: []incident.Blocker{{PID: 48291, Hard: true, Mode: pglock.Share}}, Origin: postgres,
		})
	}
	from := trigger.Add(36 * time.Second)
	behind := func(pid int, lockType string, query string, by incident.Blocker) {
		ev.Add(incident.Episode{
			Kind: incident.LockWait, From: from, To: released, Session: waiter(pid, from, query),
			Wanted: pglock.Share, LockType: lockType, Relation: "stock_reservations",
			Blockers: []incident.Blocker{by}, Origin: postgres,
		})
		from = from.Add(4 * time.Second)
	}
	behind(51207, "transactionid", update, incident.Blocker{PID: 51002, Hard: true, Mode: pglock.Exclusive})
	behind(51209, "tuple", hostile, incident.Blocker{PID: 51002, Hard: true, Mode: pglock.Exclusive})
	behind(51210, "tuple", update, incident.Blocker{PID: 51207})
	ev.Add(incident.Episode{Kind: incident.PoolFull, From: poolFull, To: released, Text: "inventory pool", Value: 100, Origin: postgres})
	for at := At("14:18:00"); at.Before(At("14:51:00")); at = at.Add(time.Second) {
		ev.Sampled(at)
	}
}

func addCalls(ev *incident.Evidence) {
	method := map[string]string{"grpc_service": "inventory.Inventory", "grpc_method": "Reserve"}
	handled := map[string]string{"grpc_service": "inventory.Inventory", "grpc_method": "Reserve", "grpc_code": "OK"}
	started := incident.Series{Name: "grpc_client_started_total", Labels: method, Unit: "1", Kind: incident.Counter, Origin: grpc}
	finished := incident.Series{Name: "grpc_client_handled_total", Labels: handled, Unit: "1", Kind: incident.Counter, Origin: grpc}
	calls, done := 0.0, 0.0
	for at := At("14:18:00"); at.Before(At("14:51:00")); at = at.Add(5 * time.Second) {
		switch {
		case at.Equal(restarted.Truncate(5 * time.Second)):
			calls, done = 0, 0
		case at.After(trigger) && at.Before(poolFull):
			calls += 11
		case !at.After(trigger) || at.After(restarted):
			calls += 4
			done += 4
		}
		started.Points = append(started.Points, incident.Point{At: at, V: calls})
		finished.Points = append(finished.Points, incident.Point{At: at, V: done})
	}
	ev.Add(started, finished)
}

func analysis(v *incident.View) incident.Analysis {
	hit := incident.Window{From: trigger, To: restarted}
	support := v.Exemplars()[0].ID()
	lock := incident.Finding{
		ID: "lock_root/48291", Role: incident.Trigger, Cause: "lock_root",
		Claim:      "pid 48291 (migrator, psql) held SHARE on stock_reservations for 240 s; 100 sessions waited for it.",
		Detail:     []string{"SHARE conflicts with ROW EXCLUSIVE: every INSERT, UPDATE and DELETE waits, a SELECT does not.", "The wait began within 1 s of the statement."},
		Action:     "select pg_cancel_backend(48291);\n-- ends the statement that holds the lock; its work is lost. Next time: CREATE INDEX CONCURRENTLY.",
		Window:     incident.Window{From: trigger, To: released},
		Confidence: incident.Likely, Support: []incident.ID{support}, GroupNames: []string{"gateway", "postgres"}, Coverage: 0.1718,
		Subject: incident.Subject{PID: 48291, Relation: "stock_reservations", Mode: "SHARE", Waiters: 100},
	}
	deadline := incident.Finding{
		ID: "call_without_deadline/inventory.Reserve", Role: incident.Amplifier, Cause: "call_without_deadline",
		Claim:      "100 calls of inventory.Inventory/Reserve never ended: no deadline, and no keepalive that would have noticed the dead connection.",
		Action:     "set a deadline of 5 s and HTTP/2 keepalive of 20 s on order.inventory",
		Window:     incident.Window{From: trigger, To: restarted},
		Confidence: incident.Likely, Support: []incident.ID{support}, GroupNames: []string{"gateway", "grpc"}, Coverage: 1,
		Subject: incident.Subject{Edge: "order.inventory"},
	}
	pool := incident.Finding{
		ID: "pool_exhausted/inventory", Role: incident.Amplifier, Cause: "pool_exhausted",
		Claim:      "The inventory pool (100) was full from 14:23:46Z to 14:27:01Z, 45 s after the trigger.",
		Window:     incident.Window{From: poolFull, To: released},
		Confidence: incident.Possible, Support: []incident.ID{support}, GroupNames: []string{"postgres"}, Coverage: 0.14,
		Subject: incident.Subject{Pool: "inventory"},
	}
	ms := func(n int) incident.Quantile {
		d := time.Duration(n) * time.Millisecond
		return incident.Quantile{Lo: d - d/100, Hi: d + d/100}
	}
	return incident.Analysis{
		Sentence: "pid 48291 held SHARE on stock_reservations for 240 s and 100 sessions waited; then 100 calls hung on a connection that nobody noticed was dead, until the order service was restarted at 14:46:18Z.",
		Proof: []string{
			"CREATE INDEX idx_reservations_expiry ON stock_reservations (expires_at)",
			"POST /api/orders failed for 100 % of 1,247 requests from 14:23:01Z to 14:46:18Z",
		},
		Impact: hit, Findings: []incident.Finding{lock, deadline, pool}, Coverage: 240.0 / 1397,
		Remainder: []incident.Remainder{{
			Window:      incident.Window{From: released, To: restarted},
			Explanation: "began with a connection that nobody noticed was dead: 100 calls in flight, none finished, no deadline and no keepalive",
			Support:     []incident.ID{support},
		}},
		Endpoints: []incident.Impact{
			{
				Endpoint: orders, Before: incident.Counts{Requests: 269, Statuses: map[int]int64{201: 269}}, During: incident.Counts{Requests: 1247, Failed: 1247, Statuses: map[int]int64{502: 1247}}, After: incident.Counts{Requests: 252, Statuses: map[int]int64{201: 252}},
				FirstFailed: trigger, LastFailed: restarted, Recovered: restarted, Requests: 1247, Failed: 1247,
				P50During: incident.Quantile{Lo: 30 * time.Second, Capped: true}, P99During: incident.Quantile{Lo: 30 * time.Second, Capped: true}, P50Before: ms(110), P99Before: ms(149), Statuses: map[int]int64{502: 1247},
			},
			{
				Endpoint: inventory, Before: incident.Counts{Requests: 692}, During: incident.Counts{Requests: 2794, Failed: 330}, After: incident.Counts{Requests: 564},
				FirstFailed: poolFull, LastFailed: released, Recovered: released, Requests: 2794, Failed: 330, P50During: ms(11), P99During: ms(30000), P50Before: ms(11), P99Before: ms(11),
			},
			{
				Endpoint: order, Before: incident.Counts{Requests: 1505}, During: incident.Counts{Requests: 6985}, After: incident.Counts{Requests: 1410},
				Requests: 6985, P50During: ms(8), P99During: ms(8), P50Before: ms(8), P99Before: ms(8),
			},
			{
				Endpoint: payments, Before: incident.Counts{Requests: 268}, During: incident.Counts{}, After: incident.Counts{Requests: 252},
				Vanished: true, VanishedFrom: trigger.Add(time.Second), P50Before: ms(55), P99Before: ms(74),
			},
		},
		Derived: []incident.Moment{
			{ID: "m1", At: trigger, Kind: incident.MTrigger, Text: "pid 48291 takes SHARE on stock_reservations", System: "stock_reservations", Lane: "locks", Confidence: "measured", SourceText: "pg_locks"},
			{ID: "m2", At: trigger, Kind: incident.MSymptom, Text: "first failing POST /api/orders", System: "gateway", Lane: "errors", Confidence: "measured", SourceText: "access.log, byte 8123990"},
			{ID: "m3", At: poolFull, End: released, Kind: incident.MSymptom, Text: "inventory pool full (100)", System: "inventory", Lane: "pool", Confidence: "derived"},
			{ID: "m4", At: released, Kind: incident.MRecovery, Text: "lock released; 100 calls stay in flight", System: "stock_reservations", Lane: "locks", Confidence: "measured"},
			{ID: "m5", At: restarted, Kind: incident.MRecovery, Text: "order restarted; checkouts succeed again", System: "order", Lane: "deploy", Confidence: "measured"},
		},
		Checked: []string{"no deadlock", "no replica lag"},
		Checks: []incident.Check{
			{Rule: "deploy", Looked: true, Why: "2 changes are known, none of them before requests failed", Support: []incident.ID{support}},
			{Rule: "traffic_step", Looked: true, Why: "POST /api/orders came at 0.9 a second, 0.9 before", Support: []incident.ID{support}},
			{Rule: "breaker_open", Why: "no source counts what breakers do"},
		},
		First: incident.FirstFailed{Endpoint: orders, At: trigger, Support: []incident.ID{support}},
		Onset: incident.Onset{
			At: trigger, Err: 10 * time.Second, Of: 29, Together: true, Opens: true, Says: "Onset by consensus: 3 of 29 series that vary changed at 14:23:01Z: lock waiters up, 2 more",
			Agree: []incident.Agreed{{Name: "postgres_lock_waiters", Jump: 9.2, At: trigger, Support: []incident.ID{support}}},
		},
		Extent: incident.Extent{
			Window:    hit,
			Errors:    []incident.ErrorCount{{Endpoint: orders, Status: 502, Outcome: incident.UpstreamTimeout, Requests: 1247, Share: 0.79}},
			Calls:     []incident.CallCount{{Caller: "order", Callee: "inventory", Method: "Reserve", Calls: 100, Open: true}},
			Orders:    incident.Figure{N: 1247, Known: true, Says: "failed requests POST /api/orders", Support: []incident.ID{support}},
			Customers: incident.Figure{AtMost: 1577, Says: "no evidence names customers", Query: "the number of different users among the failed lines"},
			Orphans:   incident.Figure{N: 100, Known: true, Says: "reservations that no order names"},
			Dependents: []incident.Dependent{
				{Service: "order", Effect: incident.Hung, Callers: []string{"gateway"}, Says: "calls of Checkout: 1,247 begun, 0 ended"},
				{Service: "payment", Effect: incident.Starved, Callers: []string{"order"}, Says: "calls of CreateIntent: 0 begun, 268 before"},
			},
			Times: []incident.Span{{Name: "customer impact", Starts: "impact start", Ends: "customer impact end", From: hit.From, To: hit.To, Known: true, Length: hit.Length()}},
		},
		Confidence: incident.Likely,
	}
}
