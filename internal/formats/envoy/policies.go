package envoy

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"tripcurve/internal/policy"
	"tripcurve/internal/policy/envoy"
)

// defaultEjection is the default of base_ejection_time.
const defaultEjection = Duration(30 * time.Second)

// Policies are the policies that a file states, one for each cluster, named like it:
// its outlier detection and limits, the time limits and retries of the first route
// to it, and the keepalive of its connections.
func Policies(c Config) (map[string]policy.Policy, []string) {
	policies := map[string]policy.Policy{}
	var notes []string
	note := func(format string, args ...any) { notes = append(notes, fmt.Sprintf(format, args...)) }
	if c.StaticResources == nil {
		c.StaticResources = &StaticResources{}
	}
	routes := c.routes()
	for _, cluster := range c.StaticResources.Clusters {
		p := envoy.Default()
		cluster.detection(&p)
		cluster.limits(&p, note)
		mine := slices.DeleteFunc(slices.Clone(routes), func(r routed) bool { return r.cluster != cluster.Name })
		switch {
		case len(mine) == 0:
			note("%s: no route leads to it here: timeout %s and no retries are what Envoy does by itself", cluster.Name, policy.FormatDuration(p.Timeout))
		default:
			mine[0].limits(&p, note)
			if len(mine) > 1 {
				note("%s: %d routes lead to it: the limits are those of %s", cluster.Name, len(mine), mine[0].name)
			}
		}
		policies[cluster.Name] = policy.Policy{
			Breaker:   policy.BreakerSpec{Library: "envoy", Params: p.Map()},
			Keepalive: cluster.keepalive(),
		}
	}
	for _, r := range routes {
		if _, known := policies[r.cluster]; known {
			continue
		}
		p := envoy.Default()
		undetected(&p)
		r.limits(&p, note)
		policies[r.cluster] = policy.Policy{Breaker: policy.BreakerSpec{Library: "envoy", Params: p.Map()}}
		note("%s: the cluster is not in the file: nothing is known of its outlier detection and limits", r.cluster)
	}
	return policies, notes
}

// routed is a route that leads to one cluster.
type routed struct {
	cluster, name string
	path          []string
	timeout       *Duration
	retry         *RetryPolicy
}

// routes in the order in which they are matched.
func (c Config) routes() []routed {
	all := hosted(c.VirtualHosts, []string{"virtual_hosts"})
	if c.StaticResources == nil {
		return all
	}
	for i, l := range c.StaticResources.Listeners {
		for j, chain := range l.FilterChains {
			for k, f := range chain.Filters {
				if f.TypedConfig == nil || f.TypedConfig.RouteConfig == nil {
					continue
				}
				all = append(all, hosted(f.TypedConfig.RouteConfig.VirtualHosts, []string{
					"static_resources", "listeners", fmt.Sprint(i), "filter_chains", fmt.Sprint(j), "filters", fmt.Sprint(k),
					"typed_config", "route_config", "virtual_hosts",
				})...)
			}
		}
	}
	return all
}

func hosted(hosts []VirtualHost, at []string) []routed {
	var all []routed
	for i, h := range hosts {
		for j, r := range h.Routes {
			if r.Route == nil || r.Route.Cluster == nil {
				continue
			}
			retry := r.Route.RetryPolicy
			if retry == nil {
				retry = h.RetryPolicy
			}
			name := "a route of " + h.Name
			switch m := r.Match; {
			case m == nil:
			case m.Prefix != nil:
				name = "prefix " + *m.Prefix
			case m.Path != nil:
				name = "path " + *m.Path
			}
			path := slices.Concat(at, []string{fmt.Sprint(i), "routes", fmt.Sprint(j), "route"})
			all = append(all, routed{*r.Route.Cluster, name, path, r.Route.Timeout, retry})
		}
	}
	return all
}

func (r routed) limits(p *envoy.Params, note func(string, ...any)) {
	take(&p.Timeout, r.timeout)
	if r.retry == nil {
		return
	}
	var words []string
	for word := range strings.SplitSeq(value(r.retry.RetryOn, ""), ",") {
		switch word = strings.TrimSpace(word); {
		case word == "":
		case slices.Contains(envoy.Conditions(), word):
			words = append(words, word)
		default:
			note("%s: retry_on %s is no word of Envoy's and left out, as Envoy does", r.cluster, word)
		}
	}
	p.RetryOn = strings.Join(words, ",")
	set(&p.NumRetries, r.retry.NumRetries)
	take(&p.PerTryTimeout, r.retry.PerTryTimeout)
	if b := r.retry.RetryBackOff; b != nil {
		take(&p.BaseInterval, b.BaseInterval)
		take(&p.MaxInterval, b.MaxInterval)
		p.BaseInterval = max(p.BaseInterval, time.Millisecond) // as Envoy rounds it up
		if p.MaxInterval > 0 {
			p.MaxInterval = max(p.MaxInterval, p.BaseInterval)
		}
	}
}

// undetected is a cluster without outlier detection.
func undetected(p *envoy.Params) { p.Consecutive5xx, p.EnforcingSuccessRate = 0, 0 }

func (c Cluster) detection(p *envoy.Params) {
	if c.CommonLbConfig != nil && c.CommonLbConfig.HealthyPanicThreshold != nil {
		p.HealthyPanicThreshold = c.CommonLbConfig.HealthyPanicThreshold.Value
	}
	if n := c.endpoints(); n > 0 {
		p.Hosts = n
	}
	o := c.OutlierDetection
	if o == nil {
		undetected(p)
		return
	}
	set(&p.Consecutive5xx, o.Consecutive5xx)
	set(&p.EnforcingConsecutive5xx, o.EnforcingConsecutive5xx)
	set(&p.ConsecutiveGatewayFailure, o.ConsecutiveGatewayFailure)
	set(&p.EnforcingConsecutiveGatewayFailure, o.EnforcingConsecutiveGatewayFailure)
	set(&p.SplitLocal, o.SplitExternalLocalOriginErrors)
	set(&p.ConsecutiveLocalOriginFailure, o.ConsecutiveLocalOriginFailure)
	set(&p.EnforcingConsecutiveLocalOriginFailure, o.EnforcingConsecutiveLocalOriginFailure)
	take(&p.Interval, o.Interval)
	take(&p.BaseEjectionTime, o.BaseEjectionTime)
	take(&p.MaxEjectionTime, o.MaxEjectionTime)
	take(&p.MaxEjectionTimeJitter, o.MaxEjectionTimeJitter)
	set(&p.MaxEjectionPercent, o.MaxEjectionPercent)
	set(&p.AlwaysEjectOneHost, o.AlwaysEjectOneHost)
	set(&p.SuccessRateMinimumHosts, o.SuccessRateMinimumHosts)
	set(&p.SuccessRateRequestVolume, o.SuccessRateRequestVolume)
	set(&p.SuccessRateStdevFactor, o.SuccessRateStdevFactor)
	set(&p.EnforcingSuccessRate, o.EnforcingSuccessRate)
	set(&p.EnforcingLocalOriginSuccessRate, o.EnforcingLocalOriginSuccessRate)
	set(&p.FailurePercentageThreshold, o.FailurePercentageThreshold)
	set(&p.FailurePercentageMinimumHosts, o.FailurePercentageMinimumHosts)
	set(&p.FailurePercentageRequestVolume, o.FailurePercentageRequestVolume)
	set(&p.EnforcingFailurePercentage, o.EnforcingFailurePercentage)
	set(&p.EnforcingFailurePercentageLocalOrigin, o.EnforcingFailurePercentageLocalOrigin)
}

// endpoints is how many hosts a cluster with fixed addresses has; 0 is unknown, for
// a name may stand for several.
func (c Cluster) endpoints() int {
	if value(c.Type, "STATIC") != "STATIC" || c.LoadAssignment == nil {
		return 0
	}
	n := 0
	for _, l := range c.LoadAssignment.Endpoints {
		n += len(l.LbEndpoints)
	}
	return min(n, 1000)
}

func (c Cluster) limits(p *envoy.Params, note func(string, ...any)) {
	if c.CircuitBreakers == nil {
		return
	}
	for _, t := range c.CircuitBreakers.Thresholds {
		if value(t.Priority, "DEFAULT") != "DEFAULT" {
			note("%s: thresholds of priority %s are no part of a policy", c.Name, *t.Priority)
			continue
		}
		if t.MaxConnections != nil || t.MaxPendingRequests != nil {
			note("%s: max_connections and max_pending_requests are no part of a policy: over HTTP/2 max_requests is what bounds calls", c.Name)
		}
		set(&p.MaxRequests, t.MaxRequests)
		set(&p.MaxRetries, t.MaxRetries)
		if b := t.RetryBudget; b != nil {
			p.RetryBudget = true
			if b.BudgetPercent != nil {
				p.BudgetPercent = b.BudgetPercent.Value
			}
			set(&p.MinRetryConcurrency, b.MinRetryConcurrency)
		}
	}
}

// keepalive of the connections; Envoy pings also without calls.
func (c Cluster) keepalive() policy.Keepalive {
	o, ok := c.ProtocolOptions[protocolOptions]
	if !ok || o.ExplicitHTTPConfig == nil || o.ExplicitHTTPConfig.HTTP2 == nil || o.ExplicitHTTPConfig.HTTP2.ConnectionKeepalive == nil {
		return policy.Keepalive{}
	}
	k := o.ExplicitHTTPConfig.HTTP2.ConnectionKeepalive
	if value(k.Interval, 0) == 0 {
		return policy.Keepalive{}
	}
	return policy.Keepalive{Time: time.Duration(*k.Interval), Timeout: time.Duration(value(k.Timeout, 0)), WithoutCalls: true}
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

// Of is a bootstrap with one cluster and a listener that routes all calls to it.
// Its addresses are to be filled in.
func Of(name string, p envoy.Params, k policy.Keepalive) Config {
	http2 := &HTTP2Options{}
	if k.Time > 0 {
		http2.ConnectionKeepalive = &Keepalive{Interval: new(Duration(k.Time)), Timeout: new(Duration(k.Timeout))}
	}
	cluster := Cluster{
		Name: name, Type: new("STRICT_DNS"), ConnectTimeout: new(Duration(time.Second)),
		LoadAssignment: &LoadAssignment{ClusterName: name, Endpoints: []Locality{{
			LbEndpoints: []LbEndpoint{{Endpoint: &Endpoint{Address: address(name, 50051)}}},
		}}},
		ProtocolOptions: map[string]ProtocolOptions{protocolOptions: {
			Type: "type.googleapis.com/" + protocolOptions, ExplicitHTTPConfig: &ExplicitHTTPConfig{HTTP2: http2},
		}},
		OutlierDetection: detectionOf(p),
		CircuitBreakers:  breakersOf(p),
	}
	if cluster.OutlierDetection != nil || p.HealthyPanicThreshold != envoy.Default().HealthyPanicThreshold {
		cluster.CommonLbConfig = &CommonLbConfig{HealthyPanicThreshold: &Percent{p.HealthyPanicThreshold}}
	}
	host := VirtualHost{Name: name, Domains: []string{"*"}, Routes: []Route{{
		Match: &Match{Prefix: new("/")},
		Route: &RouteAction{Cluster: &name, Timeout: new(Duration(p.Timeout)), RetryPolicy: retriesOf(p)},
	}}}
	return Config{StaticResources: &StaticResources{
		Listeners: []Listener{{Name: name, Address: address("127.0.0.1", 15001), FilterChains: []FilterChain{{Filters: []Filter{{
			Name: "envoy.filters.network.http_connection_manager",
			TypedConfig: &ConnectionManager{
				Type: connectionManager, StatPrefix: name,
				RouteConfig: &RouteConfig{Name: name, VirtualHosts: []VirtualHost{host}},
				HTTPFilters: []HTTPFilter{{Name: "envoy.filters.http.router", TypedConfig: &Typed{router}}},
			},
		}}}}}},
		Clusters: []Cluster{cluster},
	}}
}

func address(host string, port int) *Address {
	return &Address{&SocketAddress{Address: host, PortValue: &port}}
}

// detectionOf is nil where nothing could ever be ejected: then there is none. What
// a host is judged by is written in any case, the rest where it is not the default.
func detectionOf(p envoy.Params) *OutlierDetection {
	if !p.Detects() {
		return nil
	}
	d := envoy.Default()
	o := &OutlierDetection{
		Consecutive5xx:     &p.Consecutive5xx,
		Interval:           new(Duration(p.Interval)),
		BaseEjectionTime:   new(Duration(p.BaseEjectionTime)),
		MaxEjectionPercent: &p.MaxEjectionPercent,
	}
	o.EnforcingConsecutive5xx = other(p.EnforcingConsecutive5xx, d.EnforcingConsecutive5xx)
	o.ConsecutiveGatewayFailure = other(p.ConsecutiveGatewayFailure, d.ConsecutiveGatewayFailure)
	o.EnforcingConsecutiveGatewayFailure = other(p.EnforcingConsecutiveGatewayFailure, d.EnforcingConsecutiveGatewayFailure)
	o.SplitExternalLocalOriginErrors = other(p.SplitLocal, d.SplitLocal)
	o.ConsecutiveLocalOriginFailure = other(p.ConsecutiveLocalOriginFailure, d.ConsecutiveLocalOriginFailure)
	o.EnforcingConsecutiveLocalOriginFailure = other(p.EnforcingConsecutiveLocalOriginFailure, d.EnforcingConsecutiveLocalOriginFailure)
	o.MaxEjectionTime = other(Duration(p.MaxEjectionTime), 0)
	o.MaxEjectionTimeJitter = other(Duration(p.MaxEjectionTimeJitter), 0)
	o.AlwaysEjectOneHost = other(p.AlwaysEjectOneHost, d.AlwaysEjectOneHost)
	o.SuccessRateMinimumHosts = other(p.SuccessRateMinimumHosts, d.SuccessRateMinimumHosts)
	o.SuccessRateRequestVolume = other(p.SuccessRateRequestVolume, d.SuccessRateRequestVolume)
	o.SuccessRateStdevFactor = other(p.SuccessRateStdevFactor, d.SuccessRateStdevFactor)
	o.EnforcingSuccessRate = other(p.EnforcingSuccessRate, d.EnforcingSuccessRate)
	o.EnforcingLocalOriginSuccessRate = other(p.EnforcingLocalOriginSuccessRate, d.EnforcingLocalOriginSuccessRate)
	o.FailurePercentageThreshold = other(p.FailurePercentageThreshold, d.FailurePercentageThreshold)
	o.FailurePercentageMinimumHosts = other(p.FailurePercentageMinimumHosts, d.FailurePercentageMinimumHosts)
	o.FailurePercentageRequestVolume = other(p.FailurePercentageRequestVolume, d.FailurePercentageRequestVolume)
	o.EnforcingFailurePercentage = other(p.EnforcingFailurePercentage, d.EnforcingFailurePercentage)
	o.EnforcingFailurePercentageLocalOrigin = other(p.EnforcingFailurePercentageLocalOrigin, d.EnforcingFailurePercentageLocalOrigin)
	return o
}

func breakersOf(p envoy.Params) *CircuitBreakers {
	d := envoy.Default()
	t := Thresholds{MaxRequests: other(p.MaxRequests, d.MaxRequests), MaxRetries: other(p.MaxRetries, d.MaxRetries)}
	if p.RetryBudget {
		t.RetryBudget = &RetryBudget{BudgetPercent: &Percent{p.BudgetPercent}, MinRetryConcurrency: other(p.MinRetryConcurrency, d.MinRetryConcurrency)}
	}
	if t == (Thresholds{}) {
		return nil
	}
	return &CircuitBreakers{[]Thresholds{t}}
}

// retriesOf holds per_try_timeout also where nothing is retried.
func retriesOf(p envoy.Params) *RetryPolicy {
	d := envoy.Default()
	r := &RetryPolicy{PerTryTimeout: other(Duration(p.PerTryTimeout), 0)}
	if p.RetryOn != "" {
		r.RetryOn, r.NumRetries = &p.RetryOn, &p.NumRetries
		if p.BaseInterval != d.BaseInterval || p.MaxInterval != d.MaxInterval {
			r.RetryBackOff = &RetryBackOff{BaseInterval: new(Duration(p.BaseInterval)), MaxInterval: other(Duration(p.MaxInterval), 0)}
		}
	}
	if *r == (RetryPolicy{}) {
		return nil
	}
	return r
}

// other is v unless it is what Envoy takes anyway.
func other[T comparable](v, absent T) *T {
	if v == absent {
		return nil
	}
	return &v
}
