// Package grpcconfig is gRPC's service config as text: time limits, retries and
// retry throttling per method, the same JSON for all of gRPC's languages.
package grpcconfig

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"tripcurve/internal/formats/source"
	"tripcurve/internal/policy/grpc"
)

// Config is a service config. Absent parts have gRPC's defaults: no time limit and
// no retry.
type Config struct {
	Comment             string           `json:"$comment,omitempty"` // gRPC ignores it
	LoadBalancingPolicy *string          `json:"loadBalancingPolicy,omitempty"`
	LoadBalancingConfig []map[string]Any `json:"loadBalancingConfig,omitempty"`
	MethodConfig        []MethodConfig   `json:"methodConfig,omitempty"`
	RetryThrottling     *RetryThrottling `json:"retryThrottling,omitempty"`
	HealthCheckConfig   *Any             `json:"healthCheckConfig,omitempty"`
}

// MethodConfig holds for the methods it names.
type MethodConfig struct {
	Name                    []Name         `json:"name"`
	WaitForReady            *bool          `json:"waitForReady,omitempty"`
	Timeout                 *Timeout       `json:"timeout,omitempty"` // the whole call, retries included
	MaxRequestMessageBytes  *int           `json:"maxRequestMessageBytes,omitempty" min:"0"`
	MaxResponseMessageBytes *int           `json:"maxResponseMessageBytes,omitempty" min:"0"`
	RetryPolicy             *RetryPolicy   `json:"retryPolicy,omitempty"`
	HedgingPolicy           *HedgingPolicy `json:"hedgingPolicy,omitempty"`
}

// Name is a service's full name and, where it does not mean all of them, a method.
type Name struct {
	Service *string `json:"service,omitempty"`
	Method  *string `json:"method,omitempty"`
}

// RetryPolicy of proposal A6.
type RetryPolicy struct {
	MaxAttempts          int      `json:"maxAttempts" min:"2" max:"2147483647"` // the first included; clients cap it at 5
	InitialBackoff       Duration `json:"initialBackoff"`
	MaxBackoff           Duration `json:"maxBackoff"`
	BackoffMultiplier    float64  `json:"backoffMultiplier" above:"0"`
	RetryableStatusCodes []Code   `json:"retryableStatusCodes"`
}

// HedgingPolicy sends further attempts before the first has failed.
type HedgingPolicy struct {
	MaxAttempts         int       `json:"maxAttempts" min:"2"`
	HedgingDelay        *Duration `json:"hedgingDelay,omitempty"`
	NonFatalStatusCodes []Code    `json:"nonFatalStatusCodes,omitempty"`
}

// RetryThrottling is a budget of retries for one target: each failure takes a
// token, each success gives TokenRatio back, and at half of MaxTokens or less
// nothing is retried.
type RetryThrottling struct {
	MaxTokens  float64 `json:"maxTokens" above:"0" max:"1000"`
	TokenRatio float64 `json:"tokenRatio" above:"0"`
}

// Duration is written as seconds, "0.25s".
type Duration time.Duration

// ReadNode takes decimal seconds with up to nine decimals, as proto3's JSON has it.
func (d *Duration) ReadNode(n *source.Node) error {
	const want = `seconds in quotes, such as "5s" or "0.25s"`
	digits, seconds := strings.CutSuffix(n.Text, "s")
	whole, fraction, _ := strings.Cut(digits, ".")
	if n.Kind != source.String || !seconds || whole == "" || len(whole) > 9 || len(fraction) > 9 ||
		strings.Trim(whole+fraction, "0123456789") != "" {
		return n.Wrong(want)
	}
	parsed, err := time.ParseDuration(n.Text)
	if err != nil {
		return n.Wrong(want)
	}
	*d = Duration(parsed)
	return nil
}

// MarshalJSON writes seconds in quotes.
func (d Duration) MarshalJSON() ([]byte, error) {
	return []byte(`"` + grpc.Seconds(time.Duration(d)) + `"`), nil
}

// Timeout is a Duration that is written with nine decimals or none, for grpc-js
// (1.14.7, service-config.ts, validateMethodConfig) takes the decimals of a timeout for
// nanoseconds, however many there are: "0.25s" is 25 ns to it. It reads other times
// rightly.
type Timeout struct {
	time.Duration
	Short bool // it was read with fewer decimals than nine
}

// ReadNode takes what a Duration takes.
func (t *Timeout) ReadNode(n *source.Node) error {
	var d Duration
	if err := d.ReadNode(n); err != nil {
		return err
	}
	_, decimals, _ := strings.Cut(strings.TrimSuffix(n.Text, "s"), ".")
	t.Duration, t.Short = time.Duration(d), strings.Trim(decimals, "0") != "" && len(decimals) < 9
	return nil
}

// MarshalJSON writes seconds in quotes.
func (t Timeout) MarshalJSON() ([]byte, error) {
	if t.Duration%time.Second == 0 {
		return Duration(t.Duration).MarshalJSON()
	}
	return fmt.Appendf(nil, `"%d.%09ds"`, t.Duration/time.Second, t.Duration%time.Second), nil
}

// Code is the name of a gRPC status.
type Code string

// ReadNode takes a name or a number.
func (c *Code) ReadNode(n *source.Node) error {
	switch status, err := grpc.ParseStatus(n.Text); {
	case n.Kind == source.Number && err != nil:
		return n.Wrong("a gRPC status from 0 to 16")
	case n.Kind != source.Number && n.Kind != source.String:
		return n.Wrong("the name of a gRPC status")
	case err != nil || n.Kind == source.String && n.Text != status.String():
		return n.Wrong("one of " + strings.Join(grpc.StatusNames(), ", "))
	default:
		*c = Code(status.String())
		return nil
	}
}

// Any is JSON that is passed through as it is.
type Any struct{ value any }

// ReadNode keeps the value.
func (a *Any) ReadNode(n *source.Node) error {
	a.value = plain(n)
	return nil
}

// MarshalJSON writes the value.
func (a Any) MarshalJSON() ([]byte, error) { return json.Marshal(a.value) }

func plain(n *source.Node) any {
	switch n.Kind {
	case source.Bool:
		return n.Text == "true"
	case source.Number:
		return json.Number(n.Text)
	case source.String:
		return n.Text
	case source.List:
		list := make([]any, len(n.Items))
		for i, item := range n.Items {
			list[i] = plain(item)
		}
		return list
	case source.Map:
		m := make(map[string]any, len(n.Members))
		for _, member := range n.Members {
			m[member.Key] = plain(member.Value)
		}
		return m
	default:
		return nil
	}
}
