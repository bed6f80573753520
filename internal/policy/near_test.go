package policy_test

import (
	"testing"

	"tripcurve/internal/policy"
)

func TestNear(t *testing.T) {
	known := []string{"simulate", "fit", "compare", "completion", "open", "order.inventory", "timeout", "timeouts"}
	for name, want := range map[string]string{
		"sim":       "simulate", // not fit, two letters away
		"simulat":   "simulate",
		"fti":       "fit",
		"comp":      "compare", // the first of two
		"compar":    "compare",
		"opne":      "open",
		"inventory": "order.inventory",
		"Timeout":   "timeout",
		"f":         "",
		"zebra":     "",
	} {
		if got := policy.Near(name, known); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}
