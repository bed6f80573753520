// Package istio is the configuration of the Istio service mesh as text: a
// DestinationRule with its outlier detection and limits, and a VirtualService with
// its time limits and retries.
package istio

import (
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"

	"tripcurve/internal/formats/source"
)

// Config is the two kinds of resources in a file.
type Config struct {
	DestinationRules []DestinationRule
	VirtualServices  []VirtualService

	rulesAt, servicesAt []int // which document of the file each is
}

// Metadata of a resource.
type Metadata struct {
	Name      string `json:"name"`
	Namespace string `json:"namespace"`
}

// DestinationRule says how calls to a host are made.
type DestinationRule struct {
	APIVersion string              `json:"apiVersion"`
	Kind       string              `json:"kind"`
	Metadata   Metadata            `json:"metadata"`
	Spec       DestinationRuleSpec `json:"spec"`
}

// DestinationRuleSpec is its content.
type DestinationRuleSpec struct {
	Host          string         `json:"host"`
	TrafficPolicy *TrafficPolicy `json:"trafficPolicy"`
	Subsets       []Subset       `json:"subsets"`
}

// Subset of the hosts, which may have a policy of its own.
type Subset struct {
	Name          string         `json:"name"`
	TrafficPolicy *TrafficPolicy `json:"trafficPolicy"`
}

// TrafficPolicy of a host.
type TrafficPolicy struct {
	ConnectionPool   *ConnectionPool   `json:"connectionPool"`
	OutlierDetection *OutlierDetection `json:"outlierDetection"`
	RetryBudget      *RetryBudget      `json:"retryBudget"`
}

// ConnectionPool bounds what is in flight.
type ConnectionPool struct {
	HTTP *HTTPSettings `json:"http"`
}

// HTTPSettings of a connection pool; 0 is the default.
type HTTPSettings struct {
	HTTP1MaxPendingRequests *int       `json:"http1MaxPendingRequests" min:"0" max:"2147483647"` // 2^32 - 1
	HTTP2MaxRequests        *int       `json:"http2MaxRequests" min:"0" max:"2147483647"`        // 2^32 - 1
	MaxRetries              *int       `json:"maxRetries" min:"0" max:"2147483647"`              // 2^32 - 1
	HTTP2KeepAlive          *Keepalive `json:"http2KeepAlive"`
}

// Keepalive is pings on a connection, calls or not.
type Keepalive struct {
	Interval *Duration `json:"interval"`
	Timeout  *Duration `json:"timeout"`
}

// OutlierDetection takes single hosts out of the rotation. The comments are the
// defaults.
type OutlierDetection struct {
	ConsecutiveErrors              *int      `json:"consecutiveErrors" min:"0" max:"2147483647"`              // deprecated
	Consecutive5xxErrors           *int      `json:"consecutive5xxErrors" min:"0" max:"4294967295"`           // 5; 0 never
	ConsecutiveGatewayErrors       *int      `json:"consecutiveGatewayErrors" min:"0" max:"4294967295"`       // 0, never
	Interval                       *Duration `json:"interval"`                                                // 10s
	BaseEjectionTime               *Duration `json:"baseEjectionTime"`                                        // 30s
	MaxEjectionPercent             *int      `json:"maxEjectionPercent" min:"0" max:"100"`                    // 10
	MinHealthPercent               *int      `json:"minHealthPercent" min:"0" max:"100"`                      // 0, never
	SplitExternalLocalOriginErrors *bool     `json:"splitExternalLocalOriginErrors"`                          // false
	ConsecutiveLocalOriginFailures *int      `json:"consecutiveLocalOriginFailures" min:"0" max:"4294967295"` // 5
	HTTPErrorCodes                 []int     `json:"outlierDetectionHttpErrorCodes"`                          // 5xx
}

// RetryBudget bounds retries by the requests in flight.
type RetryBudget struct {
	Percent             *float64  `json:"percent" min:"0" max:"100"`                    // 20
	MinRetryConcurrency *int      `json:"minRetryConcurrency" min:"0" max:"4294967295"` // 3
	BudgetInterval      *Duration `json:"budgetInterval"`                               // 0s
}

// VirtualService says where calls to hosts go.
type VirtualService struct {
	APIVersion string             `json:"apiVersion"`
	Kind       string             `json:"kind"`
	Metadata   Metadata           `json:"metadata"`
	Spec       VirtualServiceSpec `json:"spec"`
}

// VirtualServiceSpec is its content.
type VirtualServiceSpec struct {
	Hosts []string    `json:"hosts"`
	HTTP  []HTTPRoute `json:"http"`
}

// HTTPRoute is one route.
type HTTPRoute struct {
	Name    string             `json:"name"`
	Route   []RouteDestination `json:"route"`
	Timeout *Duration          `json:"timeout"` // none
	Retries *Retries           `json:"retries"` // 2 attempts
}

// RouteDestination is where a route leads.
type RouteDestination struct {
	Destination *Destination `json:"destination"`
}

// Destination is a host.
type Destination struct {
	Host string `json:"host"`
}

// Retries of a route.
type Retries struct {
	Attempts      *int      `json:"attempts" min:"0" max:"2147483647"` // 0, none; the first excluded
	PerTryTimeout *Duration `json:"perTryTimeout"`                     // timeout
	RetryOn       *string   `json:"retryOn"`                           // connect-failure,refused-stream,unavailable,cancelled
	Backoff       *Duration `json:"backoff"`                           // 25ms
}

// Duration is a time as Istio takes it: 1h, 1m, 1s, 1ms, with decimals.
type Duration time.Duration

var durations = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^([0-9]{1,9}(\.[0-9]{1,9})?(h|ms|m|s))+$`) })

// ReadNode takes a number and its unit.
func (d *Duration) ReadNode(n *source.Node) error {
	const want = "a duration such as 5s or 100ms"
	t, err := time.ParseDuration(n.Text)
	if n.Kind != source.String || err != nil || !durations().MatchString(n.Text) {
		return n.Wrong(want)
	}
	if t > longest {
		return n.Errorf("no more than a year", "%q", n.Text)
	}
	*d = Duration(t.Truncate(time.Millisecond))
	return nil
}

// longest time, beyond which nothing waits.
const longest = 365 * 24 * time.Hour

// String is d in seconds, which Istio and Kubernetes take alike.
func (d Duration) String() string {
	t := time.Duration(d)
	s := strconv.FormatInt(int64(t/time.Second), 10)
	if nanos := t % time.Second; nanos > 0 {
		s += "." + strings.TrimRight(strconv.FormatInt(int64(time.Second+nanos), 10)[1:], "0")
	}
	return s + "s"
}
