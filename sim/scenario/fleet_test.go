package scenario

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tripcurve/internal/policy"
	"tripcurve/sim"
)

// set2847 is INC-2847 with settings, each as path=value.
func set2847(t *testing.T, settings ...string) sim.Scenario {
	t.Helper()
	sc := INC2847()
	if err := Set(&sc, settings...); err != nil {
		t.Fatal(err)
	}
	return sc
}

// One replica that is said to be one is the run as it always was.
func TestOneReplicaChangesNothing(t *testing.T) {
	t.Parallel()
	today, err := fingerprint(set2847(t, "length=10m"))
	if err != nil {
		t.Fatal(err)
	}
	if one, err := fingerprint(set2847(t, "length=10m", "world.order_replicas=1", "world.order_balance=least_requests")); one != today || err != nil {
		t.Errorf("the run of one replica differs: %v", err)
	}
}

// Four replicas have a connection each: four times the streams hang, and each
// connection is dropped by itself.
func TestReplicasHaveConnectionsOfTheirOwn(t *testing.T) {
	t.Parallel()
	r := runOf(t, set2847(t, "world.order_replicas=4"), Observers{})
	dropped, restarted := map[string]int{}, map[string]int{}
	for _, e := range r.Events {
		for i := 1; i <= 4; i++ {
			name := fmt.Sprint("order-", i)
			if e.Kind == "connection_dropped" && strings.Contains(e.Text, "order.inventory of "+name+" ") {
				dropped[name]++
			}
			if e.Kind == "restart" && strings.HasPrefix(e.Text, name+" ") {
				restarted[name]++
			}
		}
	}
	once := map[string]int{"order-1": 1, "order-2": 1, "order-3": 1, "order-4": 1}
	if diff := cmp.Diff(once, dropped); diff != "" {
		t.Errorf("dropped: %s", diff)
	}
	if diff := cmp.Diff(once, restarted); diff != "" {
		t.Errorf("restarted: %s", diff)
	}
	if n := r.StreamsInUse[len(r.StreamsInUse)-6*60]; n != 400 {
		t.Errorf("%d streams in use before the restart, want 400", n)
	}
	if r.Orphans != 400 {
		t.Errorf("%d orphans, want one for each stream: 400", r.Orphans)
	}
}

// A restart of one replica of two brings back half of the checkouts.
func TestOneReplicaIsRestarted(t *testing.T) {
	t.Parallel()
	sc := set2847(t, "world.order_replicas=2")
	sc.Faults[1] = sim.RestartService{At: 28*time.Minute + 18*time.Second, Service: "order", Replica: 2}
	r := runOf(t, sc, Observers{})
	served, failed := 0, 0
	for i := 29 * 60; i < 34*60; i++ {
		served += r.Served[i]
		failed += r.Late[i] + r.Failed[i]
	}
	// Of the three tries of a checkout at least one meets the living replica, half of
	// the time the first.
	if late := float64(failed) / float64(failed+served); late < 0.4 || late > 0.6 {
		t.Errorf("%d served in time and %d not after the restart, want half and half", served, failed)
	}
	if !r.RecoveredAt.IsZero() && r.RecoveredAt.Before(r.Start.Add(33*time.Minute)) {
		t.Errorf("recovered at %s, though a replica is dead", r.RecoveredAt)
	}
}

// A rollout on two replicas of four: those two have the breaker and trip.
func TestRollout(t *testing.T) {
	t.Parallel()
	sc := set2847(t, "rollout.order.inventory.breaker=opossum", "rollout.order.inventory.breaker.resetTimeout=20000",
		"rollout.replicas=2", "world.order_replicas=4", "order.inventory.deadline=4s", "length=10m")
	if p := sc.Rollout.Edges["order.inventory"]; p.Breaker.Library != "opossum" || p.Breaker.Params["resetTimeout"] != "20000" || p.Deadline != 4*time.Second {
		t.Errorf("the rollout's policy is %+v: the breaker, and the deadline that all have", p)
	}
	if p := sc.Edges["order.inventory"]; p.Breaker.Library != "" {
		t.Errorf("the others' policy is %+v", p)
	}
	r := runOf(t, sc, Observers{})
	tripped := map[string]bool{}
	for _, b := range r.Breakers {
		if b.Edge != "order.inventory" || b.Changes[0].State != policy.Open {
			t.Errorf("track %+v", b)
		}
		tripped[b.Replica] = true
	}
	if diff := cmp.Diff(map[string]bool{"order-1": true, "order-2": true}, tripped); diff != "" {
		t.Errorf("breakers tripped on: %s", diff)
	}

	// On all of them it is as if it were everybody's policy.
	everywhere, err := fingerprint(set2847(t, "order.inventory.breaker=opossum", "world.order_replicas=3", "length=10m"))
	if err != nil {
		t.Fatal(err)
	}
	if all, err := fingerprint(set2847(t, "rollout.order.inventory.breaker=opossum", "world.order_replicas=3", "rollout.replicas=3", "length=10m")); all != everywhere || err != nil {
		t.Errorf("a rollout on every replica is not the policy of all: %v", err)
	}
}

func TestSettingsThatMakeNoSense(t *testing.T) {
	for _, c := range []struct{ setting, want string }{
		{"world.order_replicas=many", `"many" is not a whole number`},
		{"world.order_replicas=1001", "1001 replicas of order: expected 1 to 1000"},
		{"world.order_balance=shards", "expected round_robin or least_requests"},
		{"world.order_balance=random", `"random" is neither round_robin nor least_requests`},
		{"world.order_replica=2", "did you mean world.order_replicas?"},
		{"rollout.replicas=2", "a rollout on 2 replicas of order: there are 1"},
		{"rollout.gateway.order.timeout=1s", `rollout.gateway.order.timeout: no edge "gateway.order"`},
		{"rollout.order.inventory.breaker=opossum", "on no replica: say on how many with rollout.replicas=N"},
		{"rollout.order.inventory.breaker=fuse", `rollout.order.inventory.breaker: no breaker library "fuse"`},
		{"world.idle_drop=60", "write 60s"},
		{"nothing", "expected PATH=VALUE"},
	} {
		sc := INC2847()
		err := Set(&sc, c.setting)
		if err == nil {
			_, err = Run(context.Background(), sc, Observers{})
		}
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want one with %s", c.setting, err, c.want)
		}
	}
	sc := set2847(t, "world.order_replicas=2")
	sc.Faults = append(sc.Faults, sim.RestartService{Service: "order", Replica: 3})
	if _, err := Run(context.Background(), sc, Observers{}); err == nil || !strings.Contains(err.Error(), "restart of replica 3 of order: there are 2") {
		t.Errorf("error %v", err)
	}
}
