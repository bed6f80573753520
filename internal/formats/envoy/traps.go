package envoy

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"tripcurve/internal/formats/trap"
	"tripcurve/internal/policy/envoy"
)

// Traps are what a file does that its keys do not say.
func Traps(c Config) []trap.Trap {
	var t traps
	routes := c.routes()
	retried := map[string]bool{}
	for _, r := range routes {
		t.route(r)
		if r.retry != nil && r.retry.RetryOn != nil {
			retried[r.cluster] = true
		}
	}
	if c.StaticResources == nil {
		return t
	}
	for i, cluster := range c.StaticResources.Clusters {
		at := []string{"static_resources", "clusters", fmt.Sprint(i)}
		t.detection(cluster, at)
		if retried[cluster.Name] {
			t.retryLimit(cluster, at)
		}
	}
	return t
}

type traps []trap.Trap

func (t *traps) add(rule string, s trap.Severity, path []string, why, instead, what string, args ...any) {
	*t = append(*t, trap.Trap{Rule: "envoy/" + rule, Severity: s, Path: path, What: fmt.Sprintf(what, args...), Why: why, Instead: instead})
}

// detection: who is ejected, when, and what then becomes of the calls.
func (t *traps) detection(c Cluster, at []string) {
	if c.OutlierDetection == nil {
		t.add("no-outlier-detection", trap.Warning, at, "a host that fails keeps getting calls",
			"write outlier_detection, with max_ejection_percent", "%s: no outlier_detection", c.Name)
		return
	}
	p := envoy.Default()
	c.detection(&p)
	known := c.endpoints() > 0
	at = trap.At(at, "outlier_detection")
	switch {
	case p.AlwaysEjectOneHost:
	case p.MaxEjectionPercent == 0, known && p.Ejectable() == 0:
		t.add("ejects-none", trap.Error, trap.At(at, "max_ejection_percent"), "nothing is ever ejected",
			"write 100, or always_eject_one_host: true", "%s: max_ejection_percent %d%s", c.Name, p.MaxEjectionPercent, of(p.Hosts, known))
	case !known && p.MaxEjectionPercent < 50:
		least := (99 + p.MaxEjectionPercent) / p.MaxEjectionPercent
		t.add("ejects-none", trap.Warning, trap.At(at, "max_ejection_percent"),
			fmt.Sprintf("with fewer than %d hosts nothing is ever ejected", least),
			"write 100, or always_eject_one_host: true", "%s: max_ejection_percent %d", c.Name, p.MaxEjectionPercent)
	}
	switch panics := trap.At(at[:len(at)-1], "common_lb_config", "healthy_panic_threshold"); {
	case p.HealthyPanicThreshold > 0:
		t.add("panic", trap.Note, panics, "with fewer healthy hosts all get calls again, ejected or not: a dependency that fails as a whole is never cut off",
			"", "%s: healthy_panic_threshold %g %%", c.Name, p.HealthyPanicThreshold)
	case p.MaxEjectionPercent == 100:
		t.add("all-ejected", trap.Warning, panics, "all hosts can be ejected, and then every call is answered 503 until a sweep lets one return",
			"that is a breaker for the whole dependency: leave it only if you mean it", "%s: healthy_panic_threshold 0 with max_ejection_percent 100", c.Name)
	}
	t.rules(c, p, at)
}

func of(hosts int, known bool) string {
	if !known {
		return ""
	}
	return fmt.Sprintf(" of %d hosts", hosts)
}

// rules that do not do what they say.
func (t *traps) rules(c Cluster, p envoy.Params, at []string) {
	o := c.OutlierDetection
	if p.EnforcingConsecutive5xx == 0 && p.Consecutive5xx > 0 {
		t.add("not-enforcing", trap.Error, trap.At(at, "enforcing_consecutive_5xx"), "the detections are only logged",
			"leave the key out", "%s: enforcing_consecutive_5xx 0", c.Name)
	}
	if o.ConsecutiveGatewayFailure != nil && p.ConsecutiveGatewayFailure > 0 {
		switch {
		case p.EnforcingConsecutiveGatewayFailure == 0:
			t.add("not-enforcing", trap.Error, trap.At(at, "consecutive_gateway_failure"),
				"enforcing_consecutive_gateway_failure is 0 by default: the detections are only logged",
				"write enforcing_consecutive_gateway_failure: 100", "%s: consecutive_gateway_failure %d", c.Name, p.ConsecutiveGatewayFailure)
		case p.EnforcingConsecutive5xx == 100 && p.Consecutive5xx > 0 && p.ConsecutiveGatewayFailure > p.Consecutive5xx:
			t.add("gateway-shadowed", trap.Warning, trap.At(at, "consecutive_gateway_failure"),
				"every gateway failure is a 5xx too, so that rule fires first", "write less than consecutive_5xx",
				"%s: consecutive_gateway_failure %d is above consecutive_5xx %d", c.Name, p.ConsecutiveGatewayFailure, p.Consecutive5xx)
		}
	}
	if (o.FailurePercentageThreshold != nil || o.FailurePercentageRequestVolume != nil || o.FailurePercentageMinimumHosts != nil) &&
		p.EnforcingFailurePercentage == 0 && p.EnforcingFailurePercentageLocalOrigin == 0 {
		t.add("not-enforcing", trap.Error, trap.At(at, "failure_percentage_threshold"),
			"enforcing_failure_percentage is 0 by default: the detections are only logged",
			"write enforcing_failure_percentage: 100", "%s: failure_percentage_threshold %d", c.Name, p.FailurePercentageThreshold)
	}
	if n := p.FailurePercentageMinimumHosts; p.EnforcingFailurePercentage > 0 && n > 1 && (c.endpoints() == 0 || n > p.Hosts) {
		t.add("minimum-hosts", trap.Warning, trap.At(at, "failure_percentage_minimum_hosts"),
			"with fewer hosts that had enough requests the share is never looked at", "write 1",
			"%s: failure_percentage_minimum_hosts %d", c.Name, n)
	}
	if p.SplitLocal {
		t.add("split-timeouts", trap.Warning, trap.At(at, "split_external_local_origin_errors"),
			"a time-out is a local failure after a connection that succeeded, which starts its count again: hangs alone hardly ever eject a host",
			"leave the key out, or write enforcing_failure_percentage_local_origin", "%s: split_external_local_origin_errors true", c.Name)
	}
}

// retryLimit: the default of max_retries is a bound of three for the whole cluster.
func (t *traps) retryLimit(c Cluster, at []string) {
	if c.CircuitBreakers != nil {
		for _, h := range c.CircuitBreakers.Thresholds {
			if h.MaxRetries != nil || h.RetryBudget != nil {
				return
			}
		}
	}
	t.add("max-retries", trap.Note, trap.At(at, "circuit_breakers"), "max_retries is 3 by default, for all calls of the cluster together, waits included",
		"write retry_budget, which grows with the calls in flight", "%s: retries without a retry_budget", c.Name)
}

// route: what ends a call, and what is made again.
func (t *traps) route(r routed) {
	who := r.name + " to " + r.cluster
	limit := time.Duration(value(r.timeout, Duration(15*time.Second)))
	attempt := time.Duration(0)
	if r.retry != nil {
		attempt = time.Duration(value(r.retry.PerTryTimeout, 0))
	}
	switch {
	case r.timeout == nil && attempt == 0:
		t.add("default-timeout", trap.Note, trap.At(r.path, "timeout"), "calls end after Envoy's 15 s", "write timeout: 5s", "%s: no timeout", who)
	case limit == 0 && attempt == 0:
		t.add("no-timeout", trap.Error, trap.At(r.path, "timeout"), "a hung call waits for ever, and the outlier detection never hears of it",
			"write timeout: 5s", "%s: timeout 0s", who)
	}
	if r.retry == nil {
		return
	}
	at := trap.At(r.path, "retry_policy")
	if value(r.retry.RetryOn, "") == "" {
		if attempt == 0 || r.retry.NumRetries != nil {
			t.add("retries-nothing", trap.Error, at, "without retry_on nothing is retried", "write retry_on: 5xx,unavailable", "%s: retry_policy without retry_on", who)
		}
		return
	}
	for word := range strings.SplitSeq(*r.retry.RetryOn, ",") {
		if word = strings.TrimSpace(word); !slices.Contains(envoy.Conditions(), word) {
			t.add("unknown-condition", trap.Error, trap.At(at, "retry_on"), "Envoy overlooks words that it does not know in silence",
				"write one of "+strings.Join(envoy.Conditions(), ", "), "%s: retry_on %q", who, word)
		}
	}
	attempts := value(r.retry.NumRetries, 1) + 1
	switch {
	case attempt == 0 && limit > 0:
		t.add("no-per-try-timeout", trap.Warning, at, "an attempt that hangs uses up the time of all of them, and nothing is retried",
			"write per_try_timeout", "%s: retries without per_try_timeout", who)
	case limit > 0 && time.Duration(attempts)*attempt > limit:
		t.add("retries-cut", trap.Warning, trap.At(at, "per_try_timeout"), "the last of them are cut off or never made",
			"write a longer timeout, or fewer or shorter attempts",
			"%s: %d attempts of %s are longer than timeout %s", who, attempts, Duration(attempt), Duration(limit))
	}
}
