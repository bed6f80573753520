// Package envoy is the configuration of the Envoy proxy as text: the clusters of a
// bootstrap with their outlier detection, circuit breakers and panic threshold, and
// the routes to them with their time limits and retries. Everything else in it is
// somebody else's.
package envoy

import (
	"strconv"
	"strings"
	"time"

	"tripcurve/internal/formats/source"
)

// Config is what we look at of a bootstrap, or of a file with routes alone.
type Config struct {
	StaticResources *StaticResources `json:"static_resources"`
	// VirtualHosts of a RouteConfiguration that is a file of its own.
	VirtualHosts []VirtualHost `json:"virtual_hosts"`
}

// StaticResources of a bootstrap.
type StaticResources struct {
	Listeners []Listener `json:"listeners"`
	Clusters  []Cluster  `json:"clusters"`
}

// Listener holds routes in the HTTP connection managers of its filter chains.
type Listener struct {
	Name         string        `json:"name"`
	Address      *Address      `json:"address"`
	FilterChains []FilterChain `json:"filter_chains"`
}

// FilterChain of a listener.
type FilterChain struct {
	Filters []Filter `json:"filters"`
}

// Filter of a chain; of all but HTTP connection managers only the type is kept.
type Filter struct {
	Name        string             `json:"name"`
	TypedConfig *ConnectionManager `json:"typed_config"`
}

// ConnectionManager is an HttpConnectionManager.
type ConnectionManager struct {
	Type        string       `json:"@type"`
	StatPrefix  string       `json:"stat_prefix"`
	RouteConfig *RouteConfig `json:"route_config"`
	HTTPFilters []HTTPFilter `json:"http_filters"`
}

// HTTPFilter is known by its type alone.
type HTTPFilter struct {
	Name        string `json:"name"`
	TypedConfig *Typed `json:"typed_config"`
}

// Typed is a configuration of which only the type matters.
type Typed struct {
	Type string `json:"@type"`
}

// RouteConfig is a RouteConfiguration inside of a connection manager.
type RouteConfig struct {
	Name         string        `json:"name"`
	VirtualHosts []VirtualHost `json:"virtual_hosts"`
}

// VirtualHost holds routes, and the retries of those that say none.
type VirtualHost struct {
	Name        string       `json:"name"`
	Domains     []string     `json:"domains"`
	RetryPolicy *RetryPolicy `json:"retry_policy"`
	Routes      []Route      `json:"routes"`
}

// Route; one that does not lead to a cluster has no RouteAction.
type Route struct {
	Match *Match       `json:"match"`
	Route *RouteAction `json:"route"`
}

// Match of a route by its path.
type Match struct {
	Prefix *string `json:"prefix"`
	Path   *string `json:"path"`
}

// RouteAction leads to a cluster.
type RouteAction struct {
	Cluster     *string      `json:"cluster"`
	Timeout     *Duration    `json:"timeout"` // 15s; 0s is none
	RetryPolicy *RetryPolicy `json:"retry_policy"`
}

// RetryPolicy of a route.
type RetryPolicy struct {
	RetryOn       *string       `json:"retry_on"`
	NumRetries    *int          `json:"num_retries" min:"0" max:"4294967295"` // 1
	PerTryTimeout *Duration     `json:"per_try_timeout"`
	RetryBackOff  *RetryBackOff `json:"retry_back_off"`
}

// RetryBackOff of a retry policy.
type RetryBackOff struct {
	BaseInterval *Duration `json:"base_interval"` // 0.025s
	MaxInterval  *Duration `json:"max_interval"`  // ten times base_interval
}

// Cluster is one upstream.
type Cluster struct {
	Name           string          `json:"name"`
	Type           *string         `json:"type"`
	ConnectTimeout *Duration       `json:"connect_timeout"`
	LoadAssignment *LoadAssignment `json:"load_assignment"`
	// ProtocolOptions by the name of the extension, of which only HttpProtocolOptions
	// is kept.
	ProtocolOptions  map[string]ProtocolOptions `json:"typed_extension_protocol_options"`
	OutlierDetection *OutlierDetection          `json:"outlier_detection"`
	CircuitBreakers  *CircuitBreakers           `json:"circuit_breakers"`
	CommonLbConfig   *CommonLbConfig            `json:"common_lb_config"`
}

// LoadAssignment is the addresses of a cluster.
type LoadAssignment struct {
	ClusterName string     `json:"cluster_name"`
	Endpoints   []Locality `json:"endpoints"`
}

// Locality is a group of endpoints.
type Locality struct {
	LbEndpoints []LbEndpoint `json:"lb_endpoints"`
}

// LbEndpoint is one of them.
type LbEndpoint struct {
	Endpoint *Endpoint `json:"endpoint"`
}

// Endpoint has an address.
type Endpoint struct {
	Address *Address `json:"address"`
}

// Address of an endpoint or a listener.
type Address struct {
	SocketAddress *SocketAddress `json:"socket_address"`
}

// SocketAddress is a host and a port.
type SocketAddress struct {
	Address   string `json:"address"`
	PortValue *int   `json:"port_value" min:"0" max:"65535"`
}

// ProtocolOptions is an HttpProtocolOptions.
type ProtocolOptions struct {
	Type               string              `json:"@type"`
	ExplicitHTTPConfig *ExplicitHTTPConfig `json:"explicit_http_config"`
}

// ExplicitHTTPConfig says which HTTP is spoken upstream.
type ExplicitHTTPConfig struct {
	HTTP2 *HTTP2Options `json:"http2_protocol_options"`
}

// HTTP2Options of the connections to a cluster.
type HTTP2Options struct {
	ConnectionKeepalive *Keepalive `json:"connection_keepalive"`
}

// Keepalive is pings on a connection, calls or not.
type Keepalive struct {
	Interval *Duration `json:"interval"`
	Timeout  *Duration `json:"timeout"`
}

// OutlierDetection takes single hosts out of the rotation. The comments are the
// defaults.
type OutlierDetection struct {
	Consecutive5xx                         *int      `json:"consecutive_5xx" min:"0" max:"4294967295"`                     // 5
	EnforcingConsecutive5xx                *int      `json:"enforcing_consecutive_5xx" min:"0" max:"100"`                  // 100
	ConsecutiveGatewayFailure              *int      `json:"consecutive_gateway_failure" min:"0" max:"4294967295"`         // 5
	EnforcingConsecutiveGatewayFailure     *int      `json:"enforcing_consecutive_gateway_failure" min:"0" max:"100"`      // 0
	SplitExternalLocalOriginErrors         *bool     `json:"split_external_local_origin_errors"`                           // false
	ConsecutiveLocalOriginFailure          *int      `json:"consecutive_local_origin_failure" min:"0" max:"4294967295"`    // 5
	EnforcingConsecutiveLocalOriginFailure *int      `json:"enforcing_consecutive_local_origin_failure" min:"0" max:"100"` // 100
	Interval                               *Duration `json:"interval"`                                                     // 10s
	BaseEjectionTime                       *Duration `json:"base_ejection_time"`                                           // 30s
	MaxEjectionTime                        *Duration `json:"max_ejection_time"`                                            // 300s
	MaxEjectionTimeJitter                  *Duration `json:"max_ejection_time_jitter"`                                     // 0s
	MaxEjectionPercent                     *int      `json:"max_ejection_percent" min:"0" max:"100"`                       // 10
	AlwaysEjectOneHost                     *bool     `json:"always_eject_one_host"`                                        // false
	SuccessRateMinimumHosts                *int      `json:"success_rate_minimum_hosts" min:"0" max:"4294967295"`          // 5
	SuccessRateRequestVolume               *int      `json:"success_rate_request_volume" min:"0" max:"4294967295"`         // 100
	SuccessRateStdevFactor                 *int      `json:"success_rate_stdev_factor" min:"0" max:"4294967295"`           // 1900
	EnforcingSuccessRate                   *int      `json:"enforcing_success_rate" min:"0" max:"100"`                     // 100
	EnforcingLocalOriginSuccessRate        *int      `json:"enforcing_local_origin_success_rate" min:"0" max:"100"`        // 100
	FailurePercentageThreshold             *int      `json:"failure_percentage_threshold" min:"0" max:"100"`               // 85
	FailurePercentageMinimumHosts          *int      `json:"failure_percentage_minimum_hosts" min:"0" max:"4294967295"`    // 5
	FailurePercentageRequestVolume         *int      `json:"failure_percentage_request_volume" min:"0" max:"4294967295"`   // 50
	EnforcingFailurePercentage             *int      `json:"enforcing_failure_percentage" min:"0" max:"100"`               // 0
	EnforcingFailurePercentageLocalOrigin  *int      `json:"enforcing_failure_percentage_local_origin" min:"0" max:"100"`  // 0
}

// CircuitBreakers bounds what is in flight.
type CircuitBreakers struct {
	Thresholds []Thresholds `json:"thresholds"`
}

// Thresholds of one priority.
type Thresholds struct {
	Priority           *Priority    `json:"priority"`                                      // DEFAULT
	MaxConnections     *int         `json:"max_connections" min:"0" max:"4294967295"`      // 1024
	MaxPendingRequests *int         `json:"max_pending_requests" min:"0" max:"4294967295"` // 1024
	MaxRequests        *int         `json:"max_requests" min:"0" max:"4294967295"`         // 1024
	MaxRetries         *int         `json:"max_retries" min:"0" max:"4294967295"`          // 3
	RetryBudget        *RetryBudget `json:"retry_budget"`
}

// RetryBudget bounds retries by the requests in flight.
type RetryBudget struct {
	BudgetPercent       *Percent `json:"budget_percent"`                                 // 20
	MinRetryConcurrency *int     `json:"min_retry_concurrency" min:"0" max:"4294967295"` // 3
}

// Percent is a number from 0 to 100.
type Percent struct {
	Value float64 `json:"value" min:"0" max:"100"`
}

// CommonLbConfig of a cluster.
type CommonLbConfig struct {
	HealthyPanicThreshold *Percent `json:"healthy_panic_threshold"` // 50
}

// Priority is DEFAULT or HIGH.
type Priority string

// ReadNode takes the two.
func (p *Priority) ReadNode(n *source.Node) error {
	if n.Kind != source.String || n.Text != "DEFAULT" && n.Text != "HIGH" {
		return n.Wrong("DEFAULT or HIGH")
	}
	*p = Priority(n.Text)
	return nil
}

// Duration is a time as protocol buffers write it in JSON: seconds with up to nine
// decimals, and an s.
type Duration time.Duration

// longest time in seconds: a year, beyond which nothing waits.
const longest = 365 * 24 * 3600

// ReadNode takes 5s and 0.025s, and no other unit.
func (d *Duration) ReadNode(n *source.Node) error {
	const want = "seconds with an s, such as 5s or 0.25s"
	number, ok := strings.CutSuffix(n.Text, "s")
	if n.Kind != source.String || !ok {
		return n.Wrong(want)
	}
	whole, decimals, _ := strings.Cut(number, ".")
	if whole == "" || strings.Trim(whole+decimals, "0123456789") != "" || strings.HasSuffix(number, ".") {
		return n.Wrong(want)
	}
	if len(decimals) > 9 {
		return n.Errorf("no more than nine decimals", "%q", n.Text)
	}
	seconds, err := strconv.ParseInt(whole, 10, 64)
	if err != nil || seconds >= longest {
		return n.Errorf("no more than a year", "%q", n.Text)
	}
	nanos, _ := strconv.ParseInt((decimals + "000000000")[:9], 10, 64)
	*d = Duration(time.Duration(seconds)*time.Second + time.Duration(nanos))
	return nil
}

// String is d as Envoy reads it.
func (d Duration) String() string {
	t := time.Duration(d)
	s := strconv.FormatInt(int64(t/time.Second), 10)
	if nanos := t % time.Second; nanos > 0 {
		decimals := strconv.FormatInt(int64(time.Second+nanos), 10)[1:]
		s += "." + strings.TrimRight(decimals, "0")
	}
	return s + "s"
}
