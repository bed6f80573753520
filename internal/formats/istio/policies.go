package istio

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"tripcurve/internal/policy"
	"tripcurve/internal/policy/envoy"
	"tripcurve/internal/policy/istio"
)

// Policies are the policies that a file states, one for each host, named by the
// first part of its name: outlier detection and limits of its DestinationRule, time
// limits and retries of the first route to it.
func Policies(c Config) (map[string]policy.Policy, []string) {
	params := map[string]*istio.Params{}
	keepalives := map[string]policy.Keepalive{}
	var notes []string
	note := func(format string, args ...any) { notes = append(notes, fmt.Sprintf(format, args...)) }
	for _, r := range c.DestinationRules {
		name := short(r.Spec.Host)
		if _, twice := params[name]; twice {
			note("%s: a second DestinationRule for %s is left out", r.Metadata.Name, name)
			continue
		}
		p := istio.Default()
		r.Spec.policy().params(&p, name, note)
		params[name] = &p
		keepalives[name] = r.Spec.policy().keepalive()
		for _, s := range r.Spec.Subsets {
			if s.TrafficPolicy != nil {
				note("%s: the trafficPolicy of subset %s is left out", name, s.Name)
			}
		}
	}
	seen := map[string]bool{}
	for _, r := range c.routes() {
		name := short(r.host)
		p, known := params[name]
		switch {
		case seen[name]:
			note("%s: a further route to it is left out", name)
			continue
		case !known:
			p = new(istio.Default())
			p.Consecutive5xxErrors = 0
			params[name] = p
			note("%s: no DestinationRule in the file: without one there is no outlier detection", name)
		}
		seen[name] = true
		r.limits(p, name, note)
	}
	policies := make(map[string]policy.Policy, len(params))
	for name, p := range params {
		if !seen[name] {
			note("%s: no VirtualService in the file: no time limit, and the two retries that Istio makes by itself", name)
		}
		policies[name] = policy.Policy{
			Breaker:   policy.BreakerSpec{Library: "istio", Params: p.Map()},
			Keepalive: keepalives[name],
		}
	}
	slices.Sort(notes)
	return policies, slices.Compact(notes)
}

// short is the first part of a host's name: inventory of inventory.shop.svc.
func short(host string) string {
	name, _, _ := strings.Cut(host, ".")
	return name
}

// policy is never nil.
func (s DestinationRuleSpec) policy() *TrafficPolicy {
	if s.TrafficPolicy == nil {
		return &TrafficPolicy{}
	}
	return s.TrafficPolicy
}

func (t *TrafficPolicy) params(p *istio.Params, name string, note func(string, ...any)) {
	if o := t.OutlierDetection; o == nil {
		p.Consecutive5xxErrors = 0
	} else {
		o.params(p, name, note)
	}
	if t.ConnectionPool != nil && t.ConnectionPool.HTTP != nil {
		h := t.ConnectionPool.HTTP
		set(&p.HTTP2MaxRequests, h.HTTP2MaxRequests)
		set(&p.MaxRetries, h.MaxRetries)
		if h.HTTP1MaxPendingRequests != nil {
			note("%s: http1MaxPendingRequests is no part of a policy: http2MaxRequests is what bounds calls", name)
		}
	}
	if b := t.RetryBudget; b != nil {
		p.RetryBudget = true
		set(&p.BudgetPercent, b.Percent)
		if value(b.MinRetryConcurrency, 0) > 0 {
			p.MinRetryConcurrency = *b.MinRetryConcurrency
		}
		if value(b.BudgetInterval, 0) > 0 {
			note("%s: retryBudget.budgetInterval is left out: the share is of the calls in flight", name)
		}
	}
}

func (o *OutlierDetection) params(p *istio.Params, name string, note func(string, ...any)) {
	if o.ConsecutiveErrors != nil {
		note("%s: consecutiveErrors is deprecated; it is taken for consecutiveGatewayErrors", name)
		p.ConsecutiveGatewayErrors = *o.ConsecutiveErrors
	}
	set(&p.Consecutive5xxErrors, o.Consecutive5xxErrors)
	set(&p.ConsecutiveGatewayErrors, o.ConsecutiveGatewayErrors)
	take(&p.Interval, o.Interval)
	take(&p.BaseEjectionTime, o.BaseEjectionTime)
	if value(o.MaxEjectionPercent, 0) > 0 {
		p.MaxEjectionPercent = *o.MaxEjectionPercent
	}
	set(&p.MinHealthPercent, o.MinHealthPercent)
	set(&p.SplitExternalLocalOriginErrors, o.SplitExternalLocalOriginErrors)
	set(&p.ConsecutiveLocalOriginFailures, o.ConsecutiveLocalOriginFailures)
	if len(o.HTTPErrorCodes) > 0 {
		note("%s: outlierDetectionHttpErrorCodes is left out: what counts is 5xx", name)
	}
}

func (t *TrafficPolicy) keepalive() policy.Keepalive {
	if t.ConnectionPool == nil || t.ConnectionPool.HTTP == nil || t.ConnectionPool.HTTP.HTTP2KeepAlive == nil {
		return policy.Keepalive{}
	}
	k := t.ConnectionPool.HTTP.HTTP2KeepAlive
	if value(k.Interval, 0) == 0 {
		return policy.Keepalive{}
	}
	return policy.Keepalive{Time: time.Duration(*k.Interval), Timeout: time.Duration(value(k.Timeout, 0)), WithoutCalls: true}
}

// routed is a route that leads to one host.
type routed struct {
	host string
	path []string
	HTTPRoute
}

func (c Config) routes() []routed {
	var all []routed
	for k, s := range c.VirtualServices {
		for i, h := range s.Spec.HTTP {
			for _, d := range h.Route {
				if d.Destination != nil {
					all = append(all, routed{d.Destination.Host, at(c.servicesAt[k], "spec", "http", strconv.Itoa(i)), h})
				}
			}
		}
	}
	return all
}

func (r routed) limits(p *istio.Params, name string, note func(string, ...any)) {
	take(&p.Timeout, r.Timeout)
	if r.Retries == nil {
		return
	}
	p.Attempts = value(r.Retries.Attempts, 0)
	take(&p.PerTryTimeout, r.Retries.PerTryTimeout)
	take(&p.Backoff, r.Retries.Backoff)
	var words []string
	for word := range strings.SplitSeq(value(r.Retries.RetryOn, ""), ",") {
		switch word = strings.TrimSpace(word); {
		case word == "":
		case condition(word):
			words = append(words, word)
		default:
			note("%s: retryOn %s is no word of Envoy's and left out, as Envoy does", name, word)
		}
	}
	if len(words) > 0 {
		p.RetryOn = strings.Join(words, ",")
	}
}

// condition is a word of Envoy's, or an HTTP status.
func condition(word string) bool {
	status, err := strconv.Atoi(word)
	return slices.Contains(envoy.Conditions(), word) || err == nil && status >= 100 && status <= 599
}

func set[T any](to, from *T) {
	if from != nil {
		*to = *from
	}
}

func take(to *time.Duration, from *Duration) {
	if from != nil {
		*to = time.Duration(*from)
	}
}

func value[T any](p *T, absent T) T {
	if p == nil {
		return absent
	}
	return *p
}

const apiVersion = "networking.istio.io/v1"

// Of is a DestinationRule and a VirtualService for one host.
func Of(name string, p istio.Params, k policy.Keepalive) Config {
	d := istio.Default()
	policies := TrafficPolicy{OutlierDetection: detectionOf(p, d)}
	http := HTTPSettings{HTTP2MaxRequests: other(p.HTTP2MaxRequests, 0), MaxRetries: other(p.MaxRetries, 0)}
	if k.Time > 0 {
		http.HTTP2KeepAlive = &Keepalive{Interval: new(Duration(k.Time)), Timeout: new(Duration(k.Timeout))}
	}
	if http != (HTTPSettings{}) {
		policies.ConnectionPool = &ConnectionPool{HTTP: &http}
	}
	if p.RetryBudget {
		policies.RetryBudget = &RetryBudget{Percent: &p.BudgetPercent, MinRetryConcurrency: other(p.MinRetryConcurrency, d.MinRetryConcurrency)}
	}
	retries := &Retries{Attempts: &p.Attempts, PerTryTimeout: other(Duration(p.PerTryTimeout), 0)}
	if p.Attempts > 0 {
		retries.RetryOn = &p.RetryOn
		retries.Backoff = other(Duration(p.Backoff), Duration(d.Backoff))
	}
	c := Config{rulesAt: []int{0}, servicesAt: []int{1}}
	c.VirtualServices = []VirtualService{{
		APIVersion: apiVersion, Kind: "VirtualService", Metadata: Metadata{Name: name},
		Spec: VirtualServiceSpec{Hosts: []string{name}, HTTP: []HTTPRoute{{
			Route: []RouteDestination{{&Destination{name}}}, Timeout: other(Duration(p.Timeout), 0), Retries: retries,
		}}},
	}}
	c.DestinationRules = []DestinationRule{{
		APIVersion: apiVersion, Kind: "DestinationRule", Metadata: Metadata{Name: name},
		Spec: DestinationRuleSpec{Host: name, TrafficPolicy: &policies},
	}}
	return c
}

// detectionOf is nil where nothing could ever be ejected: then there is none.
func detectionOf(p, d istio.Params) *OutlierDetection {
	if !p.Envoy().Detects() {
		return nil
	}
	return &OutlierDetection{
		Consecutive5xxErrors:           &p.Consecutive5xxErrors,
		ConsecutiveGatewayErrors:       other(p.ConsecutiveGatewayErrors, 0),
		Interval:                       new(Duration(p.Interval)),
		BaseEjectionTime:               new(Duration(p.BaseEjectionTime)),
		MaxEjectionPercent:             new(max(p.MaxEjectionPercent, 0)),
		MinHealthPercent:               other(p.MinHealthPercent, 0),
		SplitExternalLocalOriginErrors: other(p.SplitExternalLocalOriginErrors, false),
		ConsecutiveLocalOriginFailures: other(p.ConsecutiveLocalOriginFailures, d.ConsecutiveLocalOriginFailures),
	}
}

// other is v unless it is what Istio takes anyway.
func other[T comparable](v, absent T) *T {
	if v == absent {
		return nil
	}
	return &v
}
