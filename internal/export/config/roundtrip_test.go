package config

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tripcurve/internal/formats"
	"tripcurve/internal/policy"
)

// policies for the round trip, as fields of order.inventory.
var policies = map[string]map[string]string{
	"opossum": {"breaker": "opossum", "breaker.volumeThreshold": "10", "breaker.resetTimeout": "12345"},
	"neutral": {
		"breaker": "neutral", "breaker.call_timeout": "3s", "breaker.failure_rate": "0.4", "breaker.min_calls": "12",
		"breaker.window": "20s", "breaker.open_for": "45s", "breaker.probes": "3",
	},
	"everything": {
		"breaker": "opossum", "breaker.volumeThreshold": "10", "deadline": "5s", "cancel": "propagate", "keepalive": "20s",
		"attempts": "3", "backoff": "100ms", "backoff_max": "1s", "jitter": "20%", "retry_budget": "10%", "max_concurrent": "50",
	},
	"semian": {
		"keepalive": "20s",
		"breaker":   "semian", "breaker.error_threshold": "5", "breaker.error_timeout": "2.5", "breaker.error_threshold_timeout": "7",
		"breaker.lumping_interval": "0.25", "breaker.exponential_backoff_error_timeout": "true", "breaker.exponential_backoff_multiplier": "1.5",
		"breaker.half_open_resource_timeout": "0.2", "breaker.tickets": "4",
	},
	"semian adaptive": {"breaker": "semian", "breaker.adaptive_circuit_breaker": "true", "breaker.window_size": "20", "breaker.kd": "0.25", "keepalive": "20s"},
	"retries only":    {"deadline": "2s", "attempts": "4", "backoff": "50ms", "backoff_max": "400ms"},
	"hystrix": {
		"breaker": "hystrix", "breaker.circuitBreaker.errorThresholdPercentage": "33", "breaker.execution.isolation.strategy": "SEMAPHORE",
		"breaker.metrics.rollingStats.timeInMilliseconds": "20000", "breaker.maxQueueSize": "20", "timeout": "2500ms", "max_concurrent": "40",
	},
	"polly": {
		"breaker": "polly", "breaker.FailureRatio": "0.375", "breaker.SamplingDuration": "8s", "breaker.TotalRequestTimeout.Timeout": "4s",
		"breaker.Retry.MaxRetryAttempts": "3", "breaker.Retry.BackoffType": "Linear", "breaker.Retry.Delay": "250ms", "breaker.RateLimiter.PermitLimit": "77",
	},
	"nothing": {},
}

// TestExportImportExport: what was written, read back and written again is the same,
// byte for byte, for every target whose files can be read.
func TestExportImportExport(t *testing.T) {
	origin := Origin{Incident: "INC-2847", Scenario: "inc-2847", Seed: 7, Version: "1.2.3"}
	for _, target := range Targets() {
		format, err := formats.ByName(target)
		if err != nil || format.Import == nil || target == "opossum-js" { // code, of which only the options are read
			continue
		}
		for name, fields := range policies {
			t.Run(target+" "+name, func(t *testing.T) {
				var p policy.Policy
				if err := p.Set("breaker", or(fields["breaker"], "none")); err != nil {
					t.Fatal(err)
				}
				for field, value := range fields {
					if err := p.Set(field, value); err != nil {
						t.Fatal(err)
					}
				}
				first, err := Render("order.inventory", p, target, origin)
				if err != nil {
					return // the target refuses it, as TestRender shows
				}
				if got, reason, err := formats.Detect(first.Name, first.Text); len(fields) > 0 && (err != nil || got.Name != target) {
					t.Errorf("detected as %q (%s), %v", got.Name, reason, err)
				}
				set, err := format.Import(first.Name, first.Text)
				if err != nil {
					t.Fatalf("%v\n%s", err, first.Text)
				}
				if len(set.Policies) > 1 {
					t.Fatalf("%d policies in\n%s", len(set.Policies), first.Text)
				}
				var back policy.Policy // of a file that says nothing of the boundary
				for _, p := range set.Policies {
					back = p
				}
				second, err := Render("order.inventory", back, target, origin)
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(body(first.Text), body(second.Text)); diff != "" {
					t.Errorf("%s\n%s", diff, first.Text)
				}
			})
		}
	}
}

// body is a text without the comments before it, which say where its numbers come
// from and what became of them on the way.
func body(text string) string {
	for strings.HasPrefix(text, "# ") {
		_, text, _ = strings.Cut(text, "\n")
	}
	return text
}

func or(v, otherwise string) string {
	if v == "" {
		return otherwise
	}
	return v
}
