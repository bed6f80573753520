package scenario

import (
	"fmt"

	"tripcurve/sim"
)

const (
	// maxArrivals keeps a mistyped rate from filling the memory.
	maxArrivals = 10_000_000
	maxUsers    = 1_000_000
)

func checkLoad(sc sim.Scenario) error {
	expected := 0.0
	for _, route := range sought {
		rate := sc.Rate(route)
		name := route.Method() + " " + route.Template()
		if found, want := rate.Wrong(maxRate); found != "" {
			return fmt.Errorf("rate of %s: found %s, expected %s", name, found, want)
		}
		factor := 1.0
		for _, s := range sc.Surges(route) {
			factor *= max(s.Factor, 1)
		}
		expected += rate.Mean(sc.Length) * factor
	}
	if expected > maxArrivals {
		return fmt.Errorf("some %.3g arrivals in %s: at most %d", expected, sc.Length, maxArrivals)
	}
	u := sc.Load.Users
	switch {
	case u.N < 0 || u.N > maxUsers:
		return fmt.Errorf("%d users: expected 0 to %d", u.N, maxUsers)
	case u.N > 0 && !(u.Think.Mean() > 0):
		return fmt.Errorf("%d users who do not think: expected a time between an answer and the next request", u.N)
	case !(u.Buy >= 0 && u.Buy <= 1):
		return fmt.Errorf("users check out in a share of %g of their rounds: expected 0 to 1", u.Buy)
	}
	if found, want := u.Think.Wrong(); found != "" {
		return fmt.Errorf("users' thinking: found %s, expected %s", found, want)
	}
	if r := sc.Retries; r.Multiplier < 0 || !(r.Jitter >= 0 && r.Jitter <= 1) {
		return fmt.Errorf("customers come back with a multiplier of %g and a jitter of %g: expected at least 0, and 0 to 1", r.Multiplier, r.Jitter)
	}
	return nil
}
