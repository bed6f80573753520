package scenario

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tripcurve/sim"
)

// hostEvents are what became of a proxy's hosts, by what they say.
func hostEvents(t *testing.T, settings ...string) map[string]int {
	t.Helper()
	all := map[string]int{}
	for _, e := range runOf(t, set2847(t, settings...), Observers{}).Events {
		if e.Kind == "host" {
			all[e.Text]++
		}
	}
	return all
}

// What Envoy does with few hosts depends on two settings that have nothing to do
// with failures: with its own 10 % none of three hosts is ever ejected, and with its
// own panic threshold those that are ejected get calls all the same.
func TestMeshOfFewHosts(t *testing.T) {
	t.Parallel()
	mesh := []string{"world.inventory_replicas=3", "order.inventory.breaker=envoy", "length=11m"}
	with := func(more ...string) []string { return append(append([]string{}, mesh...), more...) }

	if got := hostEvents(t, with("order.inventory.breaker.max_ejection_percent=10")...); len(got) > 0 {
		t.Errorf("10 %% of three hosts: %v", got)
	}
	all := hostEvents(t, with()...)
	for _, host := range []string{"inventory-1", "inventory-2", "inventory-3"} {
		if all["order.inventory: "+host+" is ejected, CONSECUTIVE_5XX"] == 0 || all["order.inventory: "+host+" is unejected"] == 0 {
			t.Errorf("100 %% of three hosts: %s was not ejected and put back: %v", host, all)
		}
	}
	one := hostEvents(t, with("order.inventory.breaker.max_ejection_percent=50")...)
	two := 0
	for text := range one {
		if strings.HasSuffix(text, "CONSECUTIVE_5XX") {
			two++
		}
	}
	if two == 0 {
		t.Errorf("50 %% of three hosts, which is one at a time: %v", one)
	}

	trips := runOf(t, set2847(t, with()...), Observers{})
	panics := runOf(t, set2847(t, with("order.inventory.breaker.healthy_panic_threshold=50")...), Observers{})
	if len(trips.Breakers) != 1 || trips.Orders.Rejected == 0 {
		t.Errorf("without panic: %+v, tracks %+v", trips.Orders, trips.Breakers)
	}
	if len(panics.Breakers) != 0 || panics.Orders.Rejected != 0 {
		t.Errorf("in panic nobody is turned away: %+v, tracks %+v", panics.Orders, panics.Breakers)
	}
}

// A single host that is ejected for longer than the balancer's idle limit comes back
// behind a connection that is dead, and is ejected again, for longer each time.
func TestMeshOfOneHostOutlastsTheLock(t *testing.T) {
	t.Parallel()
	r := runOf(t, set2847(t, "world.inventory_replicas=1", "order.inventory.breaker=envoy"), Observers{})
	var events []string
	for _, e := range r.Events {
		if e.At.After(r.LockTo) && strings.HasSuffix(e.Text, "inventory is ejected, CONSECUTIVE_5XX") {
			events = append(events, clock(e.At))
		}
	}
	if len(events) < 3 || r.RecoveredAt.Before(r.LockTo.Add(10*time.Minute)) {
		t.Errorf("ejected at %v after the lock's end, recovered at %s", events, clock(r.RecoveredAt))
	}
	kept := runOf(t, set2847(t, "world.inventory_replicas=1", "order.inventory.breaker=envoy", "order.inventory.tcp_keepalive=15s", "length=13m"), Observers{})
	recoveredBy(t, kept, kept.LockTo.Add(2*time.Minute))
}

// The scenario says how many hosts there are, in its own number or the policy's.
func TestMeshCountsTheReplicas(t *testing.T) {
	sc := withHosts(set2847(t, "world.inventory_replicas=4", "order.inventory.breaker=istio", "gateway.inventory.breaker=linkerd",
		"gateway.order.breaker=envoy", "order.payment.breaker=envoy", "rollout.order.inventory.breaker=linkerd", "rollout.replicas=1"))
	got := map[string]string{
		"order.inventory":         sc.Edges["order.inventory"].Breaker.Params["hosts"],
		"gateway.inventory":       sc.Edges["gateway.inventory"].Breaker.Params["endpoints"],
		"gateway.order":           sc.Edges["gateway.order"].Breaker.Params["hosts"], // nothing is said of order
		"order.payment":           sc.Edges["order.payment"].Breaker.Params["hosts"],
		"rollout order.inventory": sc.Rollout.Edges["order.inventory"].Breaker.Params["endpoints"],
	}
	want := map[string]string{"order.inventory": "4", "gateway.inventory": "4", "gateway.order": "", "order.payment": "", "rollout order.inventory": "4"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// One of three replicas hangs for four minutes. Balanced round robin, every third
// checkout waits for the gateway's next try; a mesh takes the replica out of the
// rotation, and its own retries serve even those that met it.
func TestMeshEjectsASickReplica(t *testing.T) {
	t.Parallel()
	sick := func(settings ...string) *sim.Result {
		return runOf(t, healthyWith(t, append(settings, "world.inventory_replicas=3", "rate.checkouts=4",
			"fault=slow service=inventory replica=2 at=2m for=4m factor=1e6")...), Observers{})
	}
	late := func(r *sim.Result) int { return r.Orders.Failed }

	plain := sick()
	if n := late(plain); n < 250 || n > 400 {
		t.Errorf("round robin: %d checkouts late or failed, want about a third of 960", n)
	}
	mesh := sick("order.inventory.breaker=envoy", "order.inventory.breaker.timeout=2s", "order.inventory.breaker.max_ejection_percent=34")
	hosts := map[string]bool{}
	for _, e := range mesh.Events {
		if e.Kind == "host" {
			hosts[e.Text] = true
		}
	}
	want := map[string]bool{"order.inventory: inventory-2 is ejected, CONSECUTIVE_5XX": true, "order.inventory: inventory-2 is unejected": true}
	if diff := cmp.Diff(want, hosts); diff != "" {
		t.Errorf("hosts (-want +got):\n%s", diff)
	}
	if len(mesh.Breakers) > 0 || late(mesh) > late(plain)/10 {
		t.Errorf("a mesh: %d checkouts late or failed, tracks %+v", late(mesh), mesh.Breakers)
	}
	retries := sick("order.inventory.breaker=envoy", "order.inventory.breaker.timeout=5s", "order.inventory.breaker.per_try_timeout=1s",
		"order.inventory.breaker.retry_on=5xx", "order.inventory.breaker.num_retries=2", "order.inventory.breaker.max_ejection_percent=34")
	if late(retries) != 0 || retries.Waits.Max > 4*time.Second { // all three tries may meet it, and then the gateway's next one is served
		t.Errorf("a mesh that retries: %d checkouts late or failed, the longest wait %s", late(retries), retries.Waits.Max)
	}
}
