package scenario

import (
	"context"
	"math"
	"strings"
	"testing"
	"time"

	"tripcurve/sim"
)

// started counts the checkouts begun in a span of seconds.
func started(r *sim.Result, from, to int) (n int) {
	for _, v := range r.Started[from:to] {
		n += v
	}
	return n
}

// near says whether a count lies within five standard deviations of a Poisson mean.
func near(n int, mean float64) bool { return math.Abs(float64(n)-mean) <= 5*math.Sqrt(mean) }

// Arrivals follow the rate over time: a step, a daily curve, and a surge of the fault's.
func TestArrivalsOverTime(t *testing.T) {
	t.Parallel()
	t.Run("step", func(t *testing.T) {
		r := runOf(t, healthyWith(t, "rate.stock=0", "rate.checkouts=0s:2,2m:2,2m:8,4m:8,4m:0"), Observers{})
		if a, b, c := started(r, 0, 120), started(r, 120, 240), started(r, 241, 600); !near(a, 240) || !near(b, 960) || c != 0 {
			t.Errorf("%d, %d and %d checkouts, want some 240, 960 and none", a, b, c)
		}
	})
	t.Run("daily curve", func(t *testing.T) {
		// The run begins at 14:18; from 14:00 to 15:00 the rate rises from 0 to 2/s.
		sc := healthyWith(t, "rate.stock=0", "rate.orders=0", "rate.checkouts=24h/0h:0,14h:0,15h:2,16h:0", "length=42m")
		r := runOf(t, sc, Observers{})
		if a, b := started(r, 0, 21*60), started(r, 21*60, 42*60); !near(a, 21*60*(0.6+1.3)/2) || !near(b, 21*60*(1.3+2)/2) {
			t.Errorf("%d and %d checkouts in the halves, want some %.0f and %.0f", a, b, 21*60*(0.6+1.3)/2, 21*60*(1.3+2)/2)
		}
		if got := sc.Load.Checkouts.Phase; got != 14*time.Hour+18*time.Minute {
			t.Errorf("the curve begins at %s of its period", got)
		}
	})
	t.Run("surge", func(t *testing.T) {
		plain := runOf(t, healthyWith(t), Observers{})
		r := runOf(t, healthyWith(t, "fault=traffic at=2m for=2m factor=8 route=checkouts"), Observers{})
		if a, b := started(r, 0, 120), started(plain, 0, 120); a != b {
			t.Errorf("%d checkouts before the surge, without one %d", a, b)
		}
		if n := started(r, 120, 240); !near(n, 8*120*0.92) {
			t.Errorf("%d checkouts in the surge, want some 883", n)
		}
		for i, e := range r.Endpoints {
			if e.Route == "/api/inventory/:sku" && e.Requests != plain.Endpoints[i].Requests {
				t.Errorf("%d reads of stock, without the surge %d", e.Requests, plain.Endpoints[i].Requests)
			}
		}
	})
}

// Users wait for their answers: n of them who think z and are answered at once ask n/z
// times a second, and where answers take long only n/(z+w).
func TestUsers(t *testing.T) {
	t.Parallel()
	users := []string{"rate.checkouts=0", "rate.stock=0", "rate.orders=0", "length=20m", "users.n=50", "users.think=exponential:20s", "users.buy=0.5"}
	reads := func(r *sim.Result) int {
		for _, e := range r.Endpoints {
			if e.Route == "/api/inventory/:sku" {
				return e.Requests
			}
		}
		return 0
	}
	r := runOf(t, healthyWith(t, users...), Observers{})
	if n := reads(r); !near(n, 50*1200/20) || !near(r.Orders.Started, 50*1200/20/2) {
		t.Errorf("%d reads and %d checkouts, want some 3000 and 1500", n, r.Orders.Started)
	}
	slow := runOf(t, healthyWith(t, append(users, "cpu.inventory.work=10s")...), Observers{})
	// A round is 20 s, 10 s for the read, and for half of them 20 s for the checkout: its
	// first two tries are too late, and the third finds what they stored.
	if n := reads(slow); !near(n, 50*1200/(20+10+10)) {
		t.Errorf("%d reads, want some %d", n, 50*1200/(20+10+10))
	}
	if slow.Orders.InFlightLeft > 50 {
		t.Errorf("%d checkouts in flight of 50 users", slow.Orders.InFlightLeft)
	}
}

// Customers who come back wait longer each time.
func TestCustomersWaitLonger(t *testing.T) {
	// Inventory is down from the beginning, and one customer comes.
	one := healthyWith(t, "retries.times=3", "retries.after=10s", "retries.multiplier=2", "fault=restart service=inventory at=1s down=15m")
	one.Arrivals = []sim.Arrival{{At: 5 * time.Second, Route: sought[0]}}
	r := runOf(t, one, Observers{})
	var at []int
	for i, n := range r.Started {
		for range n {
			at = append(at, i)
		}
	}
	if len(at) != 4 || at[0] != 5 || at[1] != 15 || at[2] != 35 || at[3] != 75 {
		t.Errorf("tries in the seconds %v, want 5, 15, 35 and 75", at)
	}
}

func TestLoadThatMakesNoSense(t *testing.T) {
	for _, c := range []struct{ setting, want string }{
		{"rate.checkouts=many", `"many" is not a rate: expected arrivals per second`},
		{"rate.checkouts=0s:1,5m", "is not a rate"},
		{"rate.checkouts=-1", "rate of POST /api/orders: found -1/s, expected a rate from 0"},
		{"rate.checkouts=5m:1,1m:2", "found the instant 1m0s after 5m0s, expected rising instants"},
		{"rate.checkouts=1h/0h:1,2h:2", "expected instants within the period"},
		{"rate.checkouts=90000", "arrivals in 34m0s: at most 10000000"},
		{"rate.payments=1", `no setting "rate.payments"`},
		{"users.n=10", "10 users who do not think"},
		{"users.buy=2", "expected 0 to 1"},
		{"users.n=1000001", "1000001 users: expected 0 to 1000000"},
		{"retries.jitter=2", "a jitter of 2: expected"},
		{"retries.times=3", "customers come back 3 times after 0s"},
		{"fault=traffic at=1s factor=-1", "expected a time, a duration or 0 for good, and a factor"},
		{"fault=traffic at=1s route=payments", `route: no word "payments"`},
	} {
		sc := Healthy()
		err := Set(&sc, c.setting)
		if err == nil {
			_, err = Run(context.Background(), sc, Observers{})
		}
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want one with %s", c.setting, err, c.want)
		}
	}
}
