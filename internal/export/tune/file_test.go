package tune

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"tripcurve/internal/export/config"
	"tripcurve/internal/formats"
	"tripcurve/internal/policy"
	"tripcurve/internal/policy/library"
	"tripcurve/sim/tune"
)

// What is written for a setting is the setting that was tried, to the digit: read back
// by the strict readers where there is one, else each value as the library's code has
// it, whose behaviour internal/formats holds against the machine.
func TestTheFileIsTheSettingThatWasTried(t *testing.T) {
	for _, l := range library.All() {
		space, err := tune.SpaceOf(l, policy.Policy{}, nil)
		if err != nil {
			t.Fatal(err)
		}
		written := 0
		for i := range 60 {
			var tried policy.Policy
			if err := tried.Set("breaker", l.Name); err != nil {
				t.Fatal(err)
			}
			for k, knob := range space {
				// Multiples of two roots spread the places evenly and differently.
				u := float64(i+1)*0.6180339887 + float64(k)*0.7548776662
				if err := tried.Set(knob.Path, knob.Value(u-float64(int(u)))); err != nil {
					t.Fatalf("%s: %s: %v", l.Name, knob.Path, err)
				}
			}
			if _, err := library.New(tried.Breaker, time.Time{}); err != nil {
				continue // such a setting is not tried
			}
			if tried, err = AsWritten("order.inventory", tried); err != nil {
				t.Fatalf("%s: %v", l.Name, err)
			}
			f, err := config.Render("order.inventory", tried, l.Name, config.Origin{Scenario: "inc-2847", Seed: 68, Set: "tripcurve tune"})
			if err != nil {
				t.Fatalf("%s: %v", l.Name, err)
			}
			written++
			format, err := formats.ByName(l.Name)
			if err != nil {
				inCode(t, l, space, tried, f.Text)
				continue
			}
			set, err := format.Import(f.Name, f.Text)
			if err != nil || len(set.Policies) != 1 {
				t.Fatalf("%s: %d policies, %v\n%s", l.Name, len(set.Policies), err, f.Text)
			}
			for _, back := range set.Policies {
				for _, knob := range space {
					was, _ := tried.Get(knob.Path)
					is, err := back.Get(knob.Path)
					if err != nil || was != is && !unused(tried, knob.Path) {
						t.Errorf("%s: %s was tried with %s and written as %s, %v\n%s", l.Name, knob.Path, was, is, err, f.Text)
					}
				}
			}
		}
		if written < 20 {
			t.Errorf("%s: %d of 60 settings", l.Name, written)
		}
	}
}

// inCode looks for every value in Go source.
func inCode(t *testing.T, l library.Library, space tune.Space, tried policy.Policy, text string) {
	t.Helper()
	for _, knob := range space {
		value, _ := tried.Get(knob.Path)
		d, err := time.ParseDuration(value)
		switch {
		case err == nil && (d == time.Minute || d == time.Second):
			value = map[time.Duration]string{time.Minute: "time.Minute", time.Second: "time.Second"}[d]
		case err == nil && d%time.Second == 0:
			value = fmt.Sprintf("%d * time.Second", d/time.Second)
		case err == nil:
			value = fmt.Sprintf("%d * time.Millisecond", d/time.Millisecond)
		case knob.Path == "breaker.consecutiveFailures": // "more than"
			value = "ConsecutiveFailures > " + value
		}
		if len(knob.Choices) > 0 || unused(tried, knob.Path) {
			continue
		}
		if !strings.Contains(text, value) && !strings.Contains(text, strings.ReplaceAll(value, " ", "")) {
			t.Errorf("%s: %s %s is not in\n%s", l.Name, knob.Path, value, text)
		}
	}
}

// unused is a parameter that another one's value leaves without a meaning, so that the
// code has no place for it.
func unused(p policy.Policy, path string) bool {
	trips := p.Breaker.Params["ReadyToTrip"]
	switch path {
	case "breaker.consecutiveFailures":
		return trips != "consecutive"
	case "breaker.retryPolicy.initialBackoff":
		return p.Breaker.Params["retryPolicy.maxAttempts"] == "1"
	case "breaker.failureRatio", "breaker.minRequests":
		return trips == "consecutive"
	}
	return false
}
