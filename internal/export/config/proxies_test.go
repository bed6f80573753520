package config

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"tripcurve/internal/formats"
	"tripcurve/internal/policy"
)

// own are policies in the proxies' own words, as fields of order.inventory.
var own = map[string]map[string]string{
	"envoy defaults": {"breaker": "envoy"},
	"envoy rates": {
		"breaker": "envoy", "breaker.consecutive_5xx": "0", "breaker.enforcing_failure_percentage": "100", "breaker.failure_percentage_minimum_hosts": "1",
		"breaker.max_ejection_time_jitter": "1500ms", "breaker.healthy_panic_threshold": "12.5", "breaker.per_try_timeout": "2s",
		"breaker.retry_on": "5xx,unavailable", "breaker.retry_budget": "true", "breaker.max_requests": "100",
	},
	"envoy under limits": {"breaker": "envoy", "timeout": "2s", "max_concurrent": "50", "attempts": "3", "backoff": "100ms", "retry_budget": "10%", "keepalive": "20s"},
	"istio defaults":     {"breaker": "istio"},
	"istio more": {
		"breaker": "istio", "breaker.consecutiveGatewayErrors": "3", "breaker.minHealthPercent": "30", "breaker.http2MaxRequests": "100",
		"breaker.attempts": "2", "breaker.retryOn": "5xx,503", "breaker.perTryTimeout": "1500ms", "breaker.retryBudget": "true",
	},
	"istio under limits": {"breaker": "istio", "timeout": "2s", "max_concurrent": "50", "attempts": "3", "backoff": "100ms", "keepalive": "20s"},
	"linkerd defaults":   {"breaker": "linkerd"},
	"linkerd rate": {
		"breaker": "linkerd", "breaker.failure-accrual": "unified", "breaker.success-rate-threshold": "0.65", "breaker.success-rate-window": "30s",
		"breaker.retry-grpc": "unavailable", "breaker.retry-timeout": "1s",
	},
	"linkerd under limits": {"breaker": "linkerd", "timeout": "2s", "max_concurrent": "50", "attempts": "3", "keepalive": "20s"},
}

// What a proxy's own policy is written as, read back and written again is the same,
// and what another proxy makes of it, too.
func TestProxiesExportImportExport(t *testing.T) {
	for name, fields := range own {
		for _, target := range []string{"envoy", "istio", "linkerd"} {
			t.Run(name+" for "+target, func(t *testing.T) {
				var p policy.Policy
				if err := p.Set("breaker", fields["breaker"]); err != nil {
					t.Fatal(err)
				}
				for field, value := range fields {
					if err := p.Set(field, value); err != nil {
						t.Fatal(err)
					}
				}
				first := inWords(t, p, target)
				format, _, err := formats.Detect("f.yaml", first)
				if err != nil || format.Name != target {
					t.Fatalf("detected as %q, %v", format.Name, err)
				}
				set, err := format.Import("f.yaml", first)
				if err != nil {
					t.Fatalf("%v\n%s", err, first)
				}
				if diff := cmp.Diff(first, inWords(t, set.Policies["inventory"], target)); diff != "" {
					t.Errorf("%s\n%s", diff, first)
				}
			})
		}
	}
}

func inWords(t *testing.T, p policy.Policy, target string) string {
	t.Helper()
	f, err := Render("order.inventory", p, target, Origin{Incident: "INC-2847"})
	if err != nil {
		t.Fatal(err)
	}
	return f.Text
}

// An edge's policy whose library's own parameters are wrong is refused.
func TestProxiesRefuse(t *testing.T) {
	for _, target := range []string{"envoy", "istio", "linkerd"} {
		p := policy.Policy{Breaker: policy.BreakerSpec{Library: target, Params: map[string]string{"nonsense": "1"}}}
		if _, err := Render("order.inventory", p, target, Origin{}); err == nil {
			t.Errorf("%s takes a parameter nonsense", target)
		}
	}
}
