package config

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"tripcurve/internal/formats/resilience4j"
	"tripcurve/internal/policy"
)

// What has the library's own numbers is not only read back as the same file: it is
// the same policy.
func TestOwnNumbersThereAndBack(t *testing.T) {
	for _, params := range []map[string]string{
		{},
		{"slidingWindowType": "TIME_BASED", "slidingWindowSize": "30", "enableExponentialBackoff": "true", "exponentialMaxWaitDurationInOpenState": "5m"},
		{"enableRandomizedWait": "true", "randomizedWaitFactor": "0.25", "initialState": "FORCED_OPEN", "ignoreExceptions": "a.B,c.D"},
		{"timelimiter.timeoutDuration": "1.5s", "timelimiter.cancelRunningFuture": "false", "bulkhead.maxConcurrentCalls": "7", "retry.maxAttempts": "5", "retry.waitDuration": "1s"},
	} {
		p := policy.Policy{Breaker: policy.BreakerSpec{Library: "resilience4j", Params: params}}
		f, err := Render("order.inventory", p, "resilience4j", Origin{Version: "1"})
		if err != nil {
			t.Fatal(err)
		}
		c, err := resilience4j.Read(f.Name, f.Text)
		if err != nil {
			t.Fatalf("%v\n%s", err, f.Text)
		}
		read, notes := resilience4j.Policies(c)
		again, err := Render("order.inventory", read["inventory"], "resilience4j", Origin{Version: "1"})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(f.Text, again.Text); diff != "" || len(notes) > 0 {
			t.Errorf("%v\n%s", notes, diff)
		}
		for name, want := range params {
			if got, err := read["inventory"].Get("breaker." + name); got != want || err != nil {
				t.Errorf("%s: %q, %v, want %q", name, got, err, want)
			}
		}
	}
}
