package pipeline

import (
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"tripcurve/internal/pglock"
	"tripcurve/sim"
)

// withFaults runs a.e, which asks one of b's three replicas, 100 times a second for 100 s.
func withFaults(t *testing.T, faults ...Fault) *Result {
	t.Helper()
	p := &Pipeline{
		Name: "faults", Seed: 1, Start: time.Unix(0, 0), Length: 100 * time.Second,
		Services: []Service{
			{Name: "a", Backlog: Unbounded, Endpoints: []Endpoint{{"e", []Step{{Kind: Call, To: "b.e", Share: 1}}}}},
			{
				Name: "b", Replicas: 3, Backlog: Unbounded, Pools: []Pool{{Name: "db", Size: 1}},
				Endpoints: []Endpoint{{"e", []Step{{Kind: Query, Pool: "db", Time: sim.Fixed(time.Millisecond), Share: 1}}}},
			},
		},
		Clients: []Client{{Name: "c", Requests: []string{"a.e"}, Rate: sim.Steady(100), Patience: time.Second, HangUp: true}},
		Faults:  faults,
	}
	if err := Check(p); err != nil {
		t.Fatal(err)
	}
	r, err := Run(t.Context(), p, Options{})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// failed is the share of the requests that failed from one second to another.
func failed(r *Result, from, to int) float64 {
	var bad, all int32
	for s := from; s < to; s++ {
		q := &r.Requests[0]
		bad, all = bad+q.FailedAt[s], all+q.FailedAt[s]+q.OKAt[s]
	}
	return float64(bad) / float64(all)
}

// story is the events of some kinds, each with its second.
func story(r *Result, kinds ...string) (all []string) {
	for _, e := range r.Events {
		if slices.Contains(kinds, e.Kind) {
			all = append(all, e.At.Sub(r.Start).Truncate(time.Second).String()+" "+e.Text)
		}
	}
	return all
}

// TestFaultsOverlap: what ends does not end what goes on beside it. An outage over an
// edge that always loses some used to heal it, and the shorter of two black holes or
// restarts ended the longer one.
func TestFaultsOverlap(t *testing.T) {
	near := func(got, want float64) bool { return math.Abs(got-want) < 0.05 }

	r := withFaults(t,
		Fault{What: FailCalls, Edge: "a.b", Share: 0.2},
		Fault{What: FailCalls, Edge: "a.b", Share: 0.5, At: 20 * time.Second, For: 20 * time.Second},
		Fault{What: FailCalls, Edge: "a.b", Share: 1, At: 60 * time.Second, For: 10 * time.Second})
	for _, c := range []struct {
		from, to int
		want     float64
	}{{0, 20, 0.2}, {20, 40, 0.6}, {40, 60, 0.2}, {60, 70, 1}, {70, 100, 0.2}} {
		if got := failed(r, c.from, c.to); !near(got, c.want) {
			t.Errorf("calls that fail: from %d s to %d s %.2f of the requests fail, want %.2f", c.from, c.to, got, c.want)
		}
	}
	want := []string{
		"0s 20 % of the calls over a.b fail", "20s 60 % of the calls over a.b fail", "40s 20 % of the calls over a.b fail",
		"1m0s 100 % of the calls over a.b fail", "1m10s 20 % of the calls over a.b fail",
	}
	if got := story(r, "fail", "fail_over"); !slices.Equal(got, want) {
		t.Errorf("calls that fail:\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}

	r = withFaults(t,
		Fault{What: BlackHole, Edge: "a.b", At: 20 * time.Second, For: 60 * time.Second},
		Fault{What: BlackHole, Edge: "a.b", At: 30 * time.Second, For: 5 * time.Second},
		Fault{What: Restart, Service: "b", At: 40 * time.Second}) // whose callers hear of it, and connect anew
	if got := failed(r, 45, 75); got != 1 {
		t.Errorf("black holes: from 45 s to 75 s %.2f of the requests fail, want all", got)
	}
	if got := story(r, "black_hole_over"); !slices.Equal(got, []string{"1m20s a.b carries new connections again"}) {
		t.Errorf("black holes: %q", got)
	}

	r = withFaults(t,
		Fault{What: Restart, Service: "b", At: 20 * time.Second, For: 40 * time.Second},
		Fault{What: Restart, Service: "b", Replica: 2, At: 30 * time.Second, For: 5 * time.Second},
		Fault{What: Restart, Service: "b", At: 40 * time.Second},
		Fault{What: Restart, Service: "b", Replica: 3, At: 70 * time.Second, For: 5 * time.Second})
	if got := failed(r, 21, 60); got != 1 {
		t.Errorf("restarts: from 21 s to 60 s %.2f of the requests fail, want all", got)
	}
	want = []string{
		"20s b service went down for 40s", "30s b (2) service went down for 5s", "40s b service restarted", "1m0s b service is up again",
		"1m10s b (3) service went down for 5s", "1m15s b (3) service is up again",
	}
	if got := story(r, "restart", "boot"); !slices.Equal(got, want) {
		t.Errorf("restarts:\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// TestFaultsAreTold: which replica, how much as one would write it (100 times 0.07 is
// 7.000000000000001), and the traffic too.
func TestFaultsAreTold(t *testing.T) {
	r := withFaults(t,
		Fault{What: FailCalls, Edge: "a.b", Share: 0.07, At: 10 * time.Second, For: time.Second},
		Fault{What: Traffic, Client: "c", Factor: 3, At: 20 * time.Second, For: 10 * time.Second},
		Fault{What: Slow, Endpoint: "b.e", Replica: 2, Factor: 1e6, At: 40 * time.Second, For: 5 * time.Second})
	got := story(r, "fail", "fail_over", "traffic", "traffic_over", "slow", "slow_over")
	want := []string{
		"10s 7 % of the calls over a.b fail", "11s calls over a.b no longer fail",
		"20s 3 times as many requests of c come", "30s as many requests of c as before come",
		"40s b.e (2) takes 1000000 times as long", "45s b.e (2) is as fast as before",
	}
	if !slices.Equal(got, want) {
		t.Errorf("told:\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if full := story(r, "pool_full"); len(full) != 1 || !strings.Contains(full[0], "the one connection of b.db (") {
		t.Errorf("told %q, want the replica whose pool is full", full)
	}
}

// TestFaultsThatOverlapAreTold: what is told holds while another fault of the kind goes on,
// and nothing is told of what changes nothing.
func TestFaultsThatOverlapAreTold(t *testing.T) {
	for _, c := range []struct {
		faults []Fault
		want   []string
	}{
		{[]Fault{
			{What: Slow, Endpoint: "b.e", Factor: 49, At: 10 * time.Second, For: 20 * time.Second},
			{What: Slow, Endpoint: "b.e", Factor: 2, Replica: 2, At: 20 * time.Second, For: 20 * time.Second},
		}, []string{"10s b.e takes 49 times as long", "20s b.e (2) takes 98 times as long", "30s b.e (1) is as fast as before", "30s b.e (2) takes 2 times as long", "30s b.e (3) is as fast as before", "40s b.e (2) is as fast as before"}},
		{[]Fault{
			{What: Slow, Endpoint: "b.e", Factor: 2, At: 10 * time.Second, For: 10 * time.Second},
			{What: Slow, Endpoint: "b.e", Factor: 3, At: 20 * time.Second, For: 10 * time.Second},
			{What: Slow, Endpoint: "b.e", Factor: 1, At: 50 * time.Second, For: 10 * time.Second},
		}, []string{"10s b.e takes 2 times as long", "20s b.e takes 3 times as long", "30s b.e is as fast as before"}},
		{[]Fault{
			{What: Traffic, Client: "c", Factor: 3, At: 10 * time.Second, For: 20 * time.Second},
			{What: Traffic, Client: "c", Factor: 0.5, At: 20 * time.Second, For: 20 * time.Second},
			{What: Traffic, Client: "c", Factor: 2, At: 40 * time.Second, For: 10 * time.Second},
		}, []string{"10s 3 times as many requests of c come", "20s 1.5 times as many requests of c come", "30s 0.5 times as many requests of c come", "40s 2 times as many requests of c come", "50s as many requests of c as before come"}},
		{[]Fault{
			{What: FailCalls, Edge: "a.b", Share: 0, At: 10 * time.Second, For: 10 * time.Second},
			{What: FailCalls, Edge: "a.b", Share: 0.5, At: 30 * time.Second, For: 10 * time.Second},
			{What: FailCalls, Edge: "a.b", Share: 0.5, At: 40 * time.Second, For: 10 * time.Second},
		}, []string{"30s 50 % of the calls over a.b fail", "50s calls over a.b no longer fail"}},
	} {
		got := story(withFaults(t, c.faults...), "slow", "slow_over", "traffic", "traffic_over", "fail", "fail_over")
		if !slices.Equal(got, c.want) {
			t.Errorf("told:\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(c.want, "\n"))
		}
	}
}

// TestLockThatHadToWait: it is held until at + for, and for as long as it was held is told.
func TestLockThatHadToWait(t *testing.T) {
	p := &Pipeline{
		Name: "locks", Seed: 1, Start: time.Unix(0, 0), Length: 60 * time.Second,
		Services: []Service{{Name: "a", Backlog: Unbounded, Pools: []Pool{{Name: "db", Size: 9}}, Endpoints: []Endpoint{{"e", []Step{
			{Kind: Query, Pool: "db", Table: "t", Mode: pglock.RowExclusive, Time: sim.Fixed(time.Millisecond), Share: 1},
		}}}}},
		Clients: []Client{{Name: "c", Requests: []string{"a.e"}, Rate: sim.Steady(1)}},
		Faults: []Fault{
			{What: LockTable, Database: "a.db", Table: "t", Mode: pglock.AccessExclusive, At: 10 * time.Second, For: 10 * time.Second},
			{What: LockTable, Database: "a.db", Table: "t", Mode: pglock.Exclusive, At: 11 * time.Second, For: 15 * time.Second},
			{What: LockTable, Database: "a.db", Table: "t", Mode: pglock.Exclusive, At: 11 * time.Second, For: 5 * time.Second},
		},
	}
	if err := Check(p); err != nil {
		t.Fatal(err)
	}
	r, err := Run(t.Context(), p, Options{})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"20s ACCESS EXCLUSIVE on t of a.db was released after 10s", "26s EXCLUSIVE on t of a.db was released after 6s", "26s EXCLUSIVE on t of a.db was released after 0s",
	}
	if got := story(r, "lock_released"); !slices.Equal(got, want) {
		t.Errorf("told:\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// TestMostOfAnything is at any instant, and not at the end of a second alone: requests that
// come every half second and take 1 ms use a connection and a stream.
func TestMostOfAnything(t *testing.T) {
	p := &Pipeline{
		Name: "most", Seed: 1, Start: time.Unix(0, 0), Length: 10 * time.Second,
		Services: []Service{
			{Name: "a", Backlog: Unbounded, Endpoints: []Endpoint{{"e", []Step{{Kind: Call, To: "b.e", Share: 1, FanOut: 3}}}}},
			{
				Name: "b", Backlog: Unbounded, Pools: []Pool{{Name: "db", Size: 2}}, Queues: []Queue{{Name: "q", To: "b.job", Workers: 1}},
				Endpoints: []Endpoint{
					{"e", []Step{{Kind: Query, Pool: "db", Time: sim.Fixed(time.Millisecond), Share: 1}, {Kind: Enqueue, Queue: "q", Share: 1}}},
					{"job", []Step{{Kind: Work, Time: sim.Fixed(time.Millisecond), Share: 1}}},
				},
			},
		},
		Clients: []Client{{Name: "c", Requests: []string{"a.e"}, Rate: sim.Steady(2), Regular: true}},
	}
	if err := Check(p); err != nil {
		t.Fatal(err)
	}
	r, err := Run(t.Context(), p, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if got := r.Edges[0].StreamsMax; got != 3 {
		t.Errorf("%d streams at most, want the 3 of one request", got)
	}
	if q := r.Pools[0]; q.InUseMax != 2 || q.WaitingMax != 1 {
		t.Errorf("%d connections in use at most and %d waiting, want 2 and 1", q.InUseMax, q.WaitingMax)
	}
	if got := r.Queues[0].DepthMax; got != 1 {
		t.Errorf("%d jobs at most, want the one that waits for the other of the same millisecond", got)
	}
}

// TestFaultsForAsLongAsThereIs: at + for of the longest duration is more than an instant
// can be. The surge and the black hole were over before they began.
func TestFaultsForAsLongAsThereIs(t *testing.T) {
	const most = math.MaxInt64
	r := withFaults(t, Fault{What: Traffic, Client: "c", Factor: 3, At: 50 * time.Second, For: most})
	if q := &r.Requests[0]; q.Started < 19_000 {
		t.Errorf("%d requests came, want some 20,000", q.Started)
	}
	r = withFaults(t,
		Fault{What: BlackHole, Edge: "a.b", At: 20 * time.Second, For: most},
		Fault{What: Restart, Service: "b", At: 40 * time.Second})
	if got := failed(r, 45, 100); got != 1 || !r.Lasting {
		t.Errorf("%.2f of the requests fail in a black hole for good, lasting %t; want all", got, r.Lasting)
	}
}
