// Package linkerd is the configuration of the Linkerd service mesh as text: the
// annotations of a Service that turn on failure accrual, time limits and retries.
package linkerd

import (
	"regexp"
	"strconv"
	"sync"
	"time"

	"tripcurve/internal/formats/source"
	"tripcurve/internal/policy/linkerd"
)

// Config is the resources of a file that Linkerd's annotations can stand on.
type Config struct {
	Resources []Resource

	at []int // which document of the file each is
}

// Resource is a Service, an EgressNetwork or a route.
type Resource struct {
	APIVersion string   `json:"apiVersion"`
	Kind       string   `json:"kind"`
	Metadata   Metadata `json:"metadata"`
}

// Metadata of a resource.
type Metadata struct {
	Name        string       `json:"name"`
	Namespace   string       `json:"namespace"`
	Annotations *Annotations `json:"annotations"`
}

// Annotations are Linkerd's. The comments are the defaults; all values are text to
// Kubernetes, numbers too.
type Annotations struct {
	FailureAccrual *Mode     `json:"balancer.linkerd.io/failure-accrual"`                                 // none
	MaxFailures    *Count    `json:"balancer.linkerd.io/failure-accrual-consecutive-max-failures"`        // 7
	MinPenalty     *Duration `json:"balancer.linkerd.io/failure-accrual-consecutive-min-penalty"`         // 1s
	MaxPenalty     *Duration `json:"balancer.linkerd.io/failure-accrual-consecutive-max-penalty"`         // 1m
	JitterRatio    *Ratio    `json:"balancer.linkerd.io/failure-accrual-consecutive-jitter-ratio"`        // 0.5
	Threshold      *Ratio    `json:"balancer.alpha.linkerd.io/failure-accrual-success-rate-threshold"`    // 0.8
	Window         *Duration `json:"balancer.alpha.linkerd.io/failure-accrual-success-rate-window"`       // 10s
	MinRequests    *Count    `json:"balancer.alpha.linkerd.io/failure-accrual-success-rate-min-requests"` // 5
	Request        *Duration `json:"timeout.linkerd.io/request"`
	Response       *Duration `json:"timeout.linkerd.io/response"`
	RetryHTTP      *HTTP     `json:"retry.linkerd.io/http"`
	RetryGRPC      *GRPC     `json:"retry.linkerd.io/grpc"`
	RetryLimit     *Count    `json:"retry.linkerd.io/limit"` // 1
	RetryTimeout   *Duration `json:"retry.linkerd.io/timeout"`
}

// others are annotations of Linkerd's in the same places that decide nothing here.
var others = []string{
	"timeout.linkerd.io/idle", "balancer.alpha.linkerd.io/penalize-failures", "balancer.alpha.linkerd.io/load-biaser-penalty",
	"balancer.alpha.linkerd.io/load-biaser-max-retry-after",
}

// text is the value of an annotation, which Kubernetes takes as text only.
func text(n *source.Node, want string) error {
	switch n.Kind {
	case source.String:
		return nil
	case source.Number, source.Bool:
		return n.Errorf("text: write "+strconv.Quote(n.Text), "%s without quotes, which Kubernetes refuses", n.Text)
	default:
		return n.Wrong(want)
	}
}

// checked is a value as linkerd's own table takes it.
func checked(n *source.Node, name, want string) error {
	if err := text(n, want); err != nil {
		return err
	}
	if _, err := linkerd.Check(name, n.Text); err != nil {
		return n.Wrong(want)
	}
	return nil
}

// Mode is consecutive or unified; none is an absent annotation.
type Mode string

// ReadNode takes the two.
func (m *Mode) ReadNode(n *source.Node) error {
	const want = "consecutive or unified"
	if err := text(n, want); err != nil {
		return err
	}
	if n.Text != linkerd.Consecutive && n.Text != linkerd.Unified {
		return n.Wrong(want)
	}
	*m = Mode(n.Text)
	return nil
}

// Count is a whole number, as text.
type Count int

// ReadNode takes it in quotes.
func (c *Count) ReadNode(n *source.Node) error {
	const want = "a whole number in quotes"
	if err := text(n, want); err != nil {
		return err
	}
	i, err := strconv.ParseUint(n.Text, 10, 31)
	if err != nil {
		return n.Wrong(want)
	}
	*c = Count(i)
	return nil
}

// String is c in digits.
func (c Count) String() string { return strconv.Itoa(int(c)) }

// Ratio is a number, as text.
type Ratio float64

// ReadNode takes it in quotes; which range it may have is the reader's to check.
func (r *Ratio) ReadNode(n *source.Node) error {
	const want = "a number in quotes"
	if err := text(n, want); err != nil {
		return err
	}
	f, err := strconv.ParseFloat(n.Text, 64)
	if err != nil || !(f >= 0 && f <= 100) {
		return n.Wrong(want + " from 0 to 100")
	}
	*r = Ratio(f)
	return nil
}

// String is r without an exponent.
func (r Ratio) String() string { return strconv.FormatFloat(float64(r), 'f', -1, 64) }

// Duration is a time as Linkerd takes it: one whole number and ms, s, m, h or d.
type Duration time.Duration

var durations = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^([0-9]{1,9})(ms|s|m|h|d)$`) })

var units = map[string]time.Duration{"ms": time.Millisecond, "s": time.Second, "m": time.Minute, "h": time.Hour, "d": day}

const day = 24 * time.Hour

// ReadNode takes 5s, 100ms, 1d, and 0; up to a year, beyond which nothing waits.
func (d *Duration) ReadNode(n *source.Node) error {
	const want = "a whole number and ms, s, m, h or d, such as 5s or 500ms"
	if err := text(n, want); err != nil {
		return err
	}
	if n.Text == "0" {
		*d = 0
		return nil
	}
	parts := durations().FindStringSubmatch(n.Text)
	if parts == nil {
		return n.Wrong(want)
	}
	i, _ := strconv.Atoi(parts[1])
	if unit := units[parts[2]]; time.Duration(i) > 365*day/unit {
		return n.Errorf("a year at most", "%q", n.Text)
	}
	*d = Duration(time.Duration(i) * units[parts[2]])
	return nil
}

// String is d in the largest unit that holds it, up to minutes.
func (d Duration) String() string {
	t := time.Duration(d)
	switch {
	case t%time.Minute == 0 && t > 0:
		return strconv.FormatInt(int64(t/time.Minute), 10) + "m"
	case t%time.Second == 0:
		return strconv.FormatInt(int64(t/time.Second), 10) + "s"
	default:
		return strconv.FormatInt(t.Milliseconds(), 10) + "ms"
	}
}

// HTTP is the statuses that are retried.
type HTTP string

// ReadNode takes 5xx, gateway-error, statuses and ranges of them.
func (h *HTTP) ReadNode(n *source.Node) error {
	*h = HTTP(n.Text)
	return checked(n, "retry-http", "5xx, gateway-error, 503 or 500-599, comma-separated")
}

// GRPC is the gRPC statuses that are retried.
type GRPC string

// ReadNode takes their names.
func (g *GRPC) ReadNode(n *source.Node) error {
	*g = GRPC(n.Text)
	return checked(n, "retry-grpc", "cancelled, deadline-exceeded, internal, resource-exhausted or unavailable, comma-separated")
}
