package scenario

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"tripcurve/sim"
)

// short is a healthy night of so many minutes whose connection no balancer drops.
func short(minutes int, faults ...sim.Fault) sim.Scenario {
	sc := Healthy()
	sc.Length = time.Duration(minutes) * time.Minute
	sc.World.IdleDrop = 0
	sc.Faults = faults
	return sc
}

func mustRun(t *testing.T, sc sim.Scenario) *sim.Result {
	t.Helper()
	r, err := Run(context.Background(), sc, Observers{})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// backAfter is when checkouts succeeded again, from the run's beginning; 0 never.
func backAfter(r *sim.Result) time.Duration {
	if r.RecoveredAt.IsZero() {
		return 0
	}
	return r.RecoveredAt.Sub(r.Start)
}

// TestBlackHole: where streams are to be had there is always data on its way, and
// TCP gives up 924.6 s after the first byte of it; keepalive notices in 30 s; and
// where every stream waits, nothing is sent and nobody notices.
func TestBlackHole(t *testing.T) {
	const dies = time.Minute
	open := short(25, sim.BlackHole{At: dies})
	open.World.StreamQuota = 0
	kept := open
	kept.Edges = Edges()
	if err := kept.Edges.Set("order.inventory.keepalive", "20s"); err != nil {
		t.Fatal(err)
	}
	probed := open
	probed.Edges = Edges()
	if err := probed.Edges.Set("order.inventory.tcp_keepalive", "15s"); err != nil {
		t.Fatal(err)
	}
	full := short(25, sim.BlackHole{At: dies})
	full.World.StreamQuota = 1
	full.Faults = append(full.Faults, sim.SlowReserve{At: dies - 5*time.Second, For: 10 * time.Second, By: 10 * time.Second})
	for _, c := range []struct {
		name     string
		sc       sim.Scenario
		from, to time.Duration
	}{
		{"data on its way", open, dies + 924*time.Second, dies + 940*time.Second},
		{"keepalive", kept, dies, dies + 45*time.Second},
		{"TCP keepalive, which unacknowledged data keeps from probing", probed, dies + 924*time.Second, dies + 940*time.Second},
		{"every stream waits", full, 0, 0},
	} {
		if at := backAfter(mustRun(t, c.sc)); at < c.from || at > c.to {
			t.Errorf("%s: checkouts succeed again after %s, expected %s to %s", c.name, at, c.from, c.to)
		}
	}
}

// TestSlowReserve: reservations that take longer than the gateway's tries fail
// checkouts as long as that lasts (a reservation under way is slow to its end), and
// reads of stock not at all.
func TestSlowReserve(t *testing.T) {
	r := mustRun(t, short(6, sim.SlowReserve{At: time.Minute, For: 2 * time.Minute, By: 31 * time.Second}))
	if r.Orders.Answered502 < 60 || backAfter(r) < 3*time.Minute-30*time.Second || backAfter(r) > 3*time.Minute+31*time.Second {
		t.Errorf("%d orders answered 502, back after %s", r.Orders.Answered502, backAfter(r))
	}
	for _, e := range r.Endpoints {
		if e.Method == "GET" && e.Failed > 0 {
			t.Errorf("%s %s: %d failed", e.Method, e.Route, e.Failed)
		}
	}
}

// TestNetworkFaultsOverlap: the edge is well again when the last of them is over.
func TestNetworkFaultsOverlap(t *testing.T) {
	const edge = "order.inventory"
	r := mustRun(t, short(
		4,
		sim.BadNetwork{At: 60 * time.Second, For: 60 * time.Second, Edge: edge, Loss: 0.01},
		sim.BadNetwork{At: 90 * time.Second, For: 60 * time.Second, Edge: edge, Loss: 0.01},
		sim.BlackHole{At: 100 * time.Second, For: 20 * time.Second, Edge: edge},
		sim.BlackHole{At: 105 * time.Second, For: 5 * time.Second, Edge: edge},
	))
	var got []string
	for _, e := range r.Events {
		if rest, ok := strings.CutPrefix(e.Text, edge+" "); ok && !strings.HasPrefix(rest, "loses") && !strings.HasPrefix(rest, "swallows") {
			got = append(got, fmt.Sprintf("%s %s", e.At.Sub(r.Start), rest))
		}
	}
	want := []string{
		"1m50s has another such fault, which goes on", "2m0s has another such fault, which goes on",
		"2m0s carries again", "2m30s is well again",
	}
	slices.Sort(got)
	if slices.Sort(want); !slices.Equal(got, want) {
		t.Errorf("told %q, want %q", got, want)
	}
}

// TestLastingFault: where a fault goes on until the end a last checkout that is served is
// no recovery, and nothing says that it is.
func TestLastingFault(t *testing.T) {
	for text, f := range map[string]sim.FailCalls{
		"no checkout fails any more before the run ends, though a fault goes on": {At: time.Minute, Service: "inventory", Share: 0.5},
		"checkouts succeed again": {At: time.Minute, For: time.Minute, Service: "inventory", Share: 0.5},
	} {
		r := mustRun(t, short(4, f))
		i := slices.IndexFunc(r.Events, func(e sim.Event) bool { return e.Kind == "recovered" })
		if i < 0 || r.Events[i].Text != text || r.Lasting != (f.For == 0) {
			t.Errorf("for %s: lasting %t, told %+v, want %q", f.For, r.Lasting, r.Events, text)
		}
	}
}

// TestCustomersComeBack: of a checkout that fails there are as many tries as
// customers make, and an accepted one is not tried again.
func TestCustomersComeBack(t *testing.T) {
	once := short(10, sim.SlowReserve{At: time.Minute, For: 2 * time.Minute, By: 31 * time.Second})
	again := once
	again.Retries = sim.CustomerRetries{Times: 2, After: 5 * time.Second}
	a, b := mustRun(t, once), mustRun(t, again)
	if came := b.Orders.Started - a.Orders.Started; came < a.Orders.Answered502 || came > 2*a.Orders.Answered502 {
		t.Errorf("%d checkouts, %d of them 502; with customers who come back %d", a.Orders.Started, a.Orders.Answered502, b.Orders.Started)
	}
	healthy := short(3)
	healthy.Retries = again.Retries
	if a, b := mustRun(t, short(3)), mustRun(t, healthy); a.Orders != b.Orders {
		t.Errorf("a healthy night: %+v without, %+v with customers who would come back", a.Orders, b.Orders)
	}
}

func TestFaultsThatMakeNoSense(t *testing.T) {
	for want, sc := range map[string]sim.Scenario{
		"black hole at -1s":                     short(1, sim.BlackHole{At: -time.Second}),
		"slow reservations at 0s for 0s by 1s":  short(1, sim.SlowReserve{By: time.Second}),
		"customers come back 1 times after 0s:": func() sim.Scenario { sc := short(1); sc.Retries.Times = 1; return sc }(),
	} {
		if _, err := Run(context.Background(), sc, Observers{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, expected %q", err, want)
		}
	}
}

// TestClockAhead: what takes a time takes as long on a host whose clock is wrong;
// what looks at the time of day does not know better. The processor's messages are
// refused when they seem more than 5 min old.
func TestClockAhead(t *testing.T) {
	right := mustRun(t, short(3))
	for ahead, paid := range map[time.Duration]bool{4 * time.Minute: true, 6 * time.Minute: false, -6 * time.Minute: false} {
		sc := short(3)
		sc.World.OrderAhead = ahead
		r := mustRun(t, sc)
		if r.Orders != right.Orders || r.Waits != right.Waits {
			t.Errorf("%s ahead: %+v, with a right clock %+v", ahead, r.Orders, right.Orders)
		}
		if got := r.Fulfilment.Paid; paid && got != right.Fulfilment.Paid || !paid && got != 0 {
			t.Errorf("%s ahead: %d orders paid, with a right clock %d", ahead, got, right.Fulfilment.Paid)
		}
	}
}
