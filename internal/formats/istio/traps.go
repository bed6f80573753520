package istio

import (
	"fmt"
	"strings"
	"time"

	"tripcurve/internal/formats/trap"
	"tripcurve/internal/policy/istio"
)

// Traps are what a file does that its keys do not say.
func Traps(c Config) []trap.Trap {
	var t traps
	bounded := map[string]bool{} // hosts whose retries are
	for i, r := range c.DestinationRules {
		t.detection(r, at(c.rulesAt[i], "spec", "trafficPolicy", "outlierDetection"))
		p := r.Spec.policy()
		bounded[short(r.Spec.Host)] = p.RetryBudget != nil ||
			p.ConnectionPool != nil && p.ConnectionPool.HTTP != nil && value(p.ConnectionPool.HTTP.MaxRetries, 0) > 0
	}
	for _, r := range c.routes() {
		t.route(r, bounded[short(r.host)])
	}
	return t
}

type traps []trap.Trap

func (t *traps) add(rule string, s trap.Severity, path []string, why, instead, what string, args ...any) {
	*t = append(*t, trap.Trap{Rule: "istio/" + rule, Severity: s, Path: path, What: fmt.Sprintf(what, args...), Why: why, Instead: instead})
}

func (t *traps) detection(r DestinationRule, path []string) {
	host := r.Spec.Host
	o := r.Spec.policy().OutlierDetection
	if o == nil {
		t.add("no-outlier-detection", trap.Warning, path[:len(path)-1], "a host that fails keeps getting calls",
			"write outlierDetection, with maxEjectionPercent", "%s: no outlierDetection", host)
		return
	}
	p := istio.Default()
	o.params(&p, host, func(string, ...any) {})
	switch percent := value(o.MaxEjectionPercent, 0); {
	case percent == 0:
		t.add("silent-ten-percent", trap.Error, trap.At(path, "maxEjectionPercent"), "it is 10: with fewer than 10 hosts nothing is ever ejected",
			"write maxEjectionPercent: 100", "%s: no maxEjectionPercent", host)
	case percent < 50:
		t.add("ejects-none", trap.Warning, trap.At(path, "maxEjectionPercent"),
			fmt.Sprintf("with fewer than %d hosts nothing is ever ejected", (99+percent)/percent),
			"write 100, or have as many hosts", "%s: maxEjectionPercent %d", host, percent)
	case percent == 100 && p.MinHealthPercent == 0:
		t.add("all-ejected", trap.Warning, trap.At(path, "minHealthPercent"), "all hosts can be ejected, and then every call is answered 503 until a sweep lets one return",
			"that is a breaker for the whole dependency: leave it only if you mean it", "%s: minHealthPercent 0 with maxEjectionPercent 100", host)
	}
	if p.MinHealthPercent > 0 {
		t.add("panic", trap.Note, trap.At(path, "minHealthPercent"), "with fewer healthy hosts all get calls again, ejected or not: a dependency that fails as a whole is never cut off",
			"", "%s: minHealthPercent %d", host, p.MinHealthPercent)
	}
	t.rules(host, o, p, path)
}

func (t *traps) rules(host string, o *OutlierDetection, p istio.Params, path []string) {
	if o.ConsecutiveErrors != nil {
		t.add("deprecated", trap.Error, trap.At(path, "consecutiveErrors"), "it is deprecated, and newer releases overlook it",
			"write consecutive5xxErrors, or consecutiveGatewayErrors for 502, 503 and 504 alone", "%s: consecutiveErrors %d", host, *o.ConsecutiveErrors)
	}
	switch {
	case !p.Envoy().Detects():
		t.add("no-rule", trap.Error, trap.At(path, "consecutive5xxErrors"), "no rule is left, and nothing is ever ejected",
			"write consecutive5xxErrors: 5", "%s: consecutive5xxErrors 0", host)
	case p.Consecutive5xxErrors > 0 && o.ConsecutiveGatewayErrors != nil && p.ConsecutiveGatewayErrors >= p.Consecutive5xxErrors:
		t.add("gateway-shadowed", trap.Warning, trap.At(path, "consecutiveGatewayErrors"), "it has no effect: every gateway error is a 5xx too",
			"write less than consecutive5xxErrors", "%s: consecutiveGatewayErrors %d is not below consecutive5xxErrors %d", host, p.ConsecutiveGatewayErrors, p.Consecutive5xxErrors)
	}
	if p.SplitExternalLocalOriginErrors {
		t.add("split-timeouts", trap.Warning, trap.At(path, "splitExternalLocalOriginErrors"),
			"a time-out is a local failure after a connection that succeeded, which starts its count again: hangs alone hardly ever eject a host",
			"leave the key out", "%s: splitExternalLocalOriginErrors true", host)
	}
}

func (t *traps) route(r routed, bounded bool) {
	if value(r.Timeout, 0) == 0 && (r.Retries == nil || r.Retries.PerTryTimeout == nil) {
		t.add("no-timeout", trap.Error, trap.At(r.path, "timeout"), "a hung call waits for ever, and the outlier detection never hears of it",
			"write timeout: 5s", "%s: no timeout", r.host)
	}
	if r.Retries == nil {
		t.add("unasked-retries", trap.Warning, trap.At(r.path, "retries"), "Istio retries twice by itself: on "+istio.DefaultRetryOn,
			"write retries: {attempts: 0}, or what you want", "%s: no retries", r.host)
		return
	}
	path := trap.At(r.path, "retries")
	for word := range strings.SplitSeq(value(r.Retries.RetryOn, ""), ",") {
		if word = strings.TrimSpace(word); word != "" && !condition(word) {
			t.add("unknown-condition", trap.Error, trap.At(path, "retryOn"), "Envoy overlooks words that it does not know in silence",
				"write a word of Envoy's retry_on or an HTTP status", "%s: retryOn %q", r.host, word)
		}
	}
	attempts := value(r.Retries.Attempts, 0)
	if attempts == 0 {
		return
	}
	limit, attempt := time.Duration(value(r.Timeout, 0)), time.Duration(value(r.Retries.PerTryTimeout, 0))
	switch {
	case limit > 0 && attempt == 0:
		t.add("no-per-try-timeout", trap.Warning, path, "an attempt that hangs uses up the time of all of them, and nothing is retried",
			"write perTryTimeout", "%s: retries without perTryTimeout", r.host)
	case limit > 0 && time.Duration(attempts+1)*attempt > limit:
		t.add("retries-cut", trap.Warning, trap.At(path, "perTryTimeout"), "the last of them are cut off or never made",
			"write a longer timeout, or fewer or shorter attempts",
			"%s: %d attempts of %s are longer than timeout %s", r.host, attempts+1, Duration(attempt), Duration(limit))
	}
	if !bounded {
		t.add("unbounded-retries", trap.Note, trap.At(path, "attempts"), "Istio does not bound them: a dependency that fails gets several times its load",
			"write retryBudget in the DestinationRule", "%s: attempts %d without a retryBudget or maxRetries", r.host, attempts)
	}
}
