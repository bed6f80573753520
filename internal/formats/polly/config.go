// Package polly is the configuration of Polly 8.7.0 as text: the sections of an
// appsettings.json that are bound to HttpStandardResilienceOptions of
// Microsoft.Extensions.Http.Resilience. Polly itself has no file.
package polly

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"tripcurve/internal/formats/source"
	"tripcurve/internal/policy"
	"tripcurve/internal/policy/polly"
)

// Config is the sections of one file, in its order.
type Config []Client

// Client is the options of one client, whose name is the section's.
type Client struct {
	Name    string
	Path    []string // keys from the root of the file to the section
	Options Options
}

// Options is HttpStandardResilienceOptions. All five strategies are there whether the
// file says anything of them or not.
type Options struct {
	RateLimiter         *RateLimiter    `json:"RateLimiter,omitempty"`
	TotalRequestTimeout *Timeout        `json:"TotalRequestTimeout,omitempty"` // 30 s
	Retry               *Retry          `json:"Retry,omitempty"`
	CircuitBreaker      *CircuitBreaker `json:"CircuitBreaker,omitempty"`
	AttemptTimeout      *Timeout        `json:"AttemptTimeout,omitempty"` // 10 s
}

// RateLimiter is a bound on the calls in flight.
type RateLimiter struct {
	DefaultRateLimiterOptions *ConcurrencyLimiter `json:"DefaultRateLimiterOptions,omitempty"`
	Name                      *skipped            `json:"Name,omitzero"`
}

// ConcurrencyLimiter is ConcurrencyLimiterOptions.
type ConcurrencyLimiter struct {
	PermitLimit          *int     `json:"PermitLimit,omitempty" min:"1" max:"2147483647"` // 1000
	QueueLimit           *int     `json:"QueueLimit,omitempty" min:"0" max:"2147483647"`  // 0
	QueueProcessingOrder *skipped `json:"QueueProcessingOrder,omitzero"`
}

// Timeout is HttpTimeoutStrategyOptions.
type Timeout struct {
	Timeout *Limit   `json:"Timeout,omitempty"`
	Name    *skipped `json:"Name,omitzero"`
}

// Retry is HttpRetryStrategyOptions.
type Retry struct {
	MaxRetryAttempts       *int     `json:"MaxRetryAttempts,omitempty" min:"0" max:"2147483647"` // the first excluded, 3
	BackoffType            *Backoff `json:"BackoffType,omitempty"`                               // Exponential
	UseJitter              *bool    `json:"UseJitter,omitempty"`                                 // true
	Delay                  *Span    `json:"Delay,omitempty"`                                     // 2 s
	MaxDelay               *Span    `json:"MaxDelay,omitempty"`                                  // no bound
	ShouldRetryAfterHeader *bool    `json:"ShouldRetryAfterHeader,omitempty"`                    // true
	Name                   *skipped `json:"Name,omitzero"`
}

// CircuitBreaker is HttpCircuitBreakerStrategyOptions.
type CircuitBreaker struct {
	FailureRatio      *float64 `json:"FailureRatio,omitempty" min:"0" max:"1"`               // 0.1
	MinimumThroughput *int     `json:"MinimumThroughput,omitempty" min:"2" max:"2147483647"` // 100
	SamplingDuration  *Break   `json:"SamplingDuration,omitempty"`                           // 30 s
	BreakDuration     *Break   `json:"BreakDuration,omitempty"`                              // 5 s
	Name              *skipped `json:"Name,omitzero"`
}

// skipped is a value that decides nothing here, and is not written again.
type skipped struct{}

func (*skipped) ReadNode(*source.Node) error { return nil }

// IsZero leaves it out of the JSON.
func (*skipped) IsZero() bool { return true }

// Span is a TimeSpan from nothing to a day, Limit one of 10 ms at least, and Break
// one of half a second at least: the ranges that the options are validated against.
type (
	Span  time.Duration
	Limit time.Duration
	Break time.Duration
)

// ReadNode takes "00:00:05". A bare number is a TimeSpan too, but of days.
func (s *Span) ReadNode(n *source.Node) error { return readSpan((*time.Duration)(s), n, 0) }

// ReadNode takes "00:00:05".
func (l *Limit) ReadNode(n *source.Node) error {
	return readSpan((*time.Duration)(l), n, polly.LeastTimeout)
}

// ReadNode takes "00:00:05".
func (b *Break) ReadNode(n *source.Node) error {
	return readSpan((*time.Duration)(b), n, polly.LeastDuration)
}

func readSpan(to *time.Duration, n *source.Node, least time.Duration) error {
	want := `a time span such as "00:00:05", from ` + policy.FormatDuration(least) + " to 1 day"
	if n.Kind != source.String && n.Kind != source.Number {
		return n.Wrong(want)
	}
	d, err := polly.ParseTimeSpan(n.Text)
	if err == nil && !strings.Contains(n.Text, ":") && d != 0 {
		return n.Errorf(want, "%s, which is days", n.Text)
	}
	if err != nil || d < least || d > polly.Longest {
		return n.Wrong(want)
	}
	*to = d
	return nil
}

// MarshalText writes a TimeSpan.
func (s Span) MarshalText() ([]byte, error) {
	return []byte(polly.FormatTimeSpan(time.Duration(s))), nil
}

// MarshalText writes a TimeSpan.
func (l Limit) MarshalText() ([]byte, error) { return Span(l).MarshalText() }

// MarshalText writes a TimeSpan.
func (b Break) MarshalText() ([]byte, error) { return Span(b).MarshalText() }

// Backoff is Constant, Linear or Exponential.
type Backoff string

var backoffs = []string{polly.Constant, polly.Linear, polly.Exponential}

// ReadNode takes the three in either case, or their numbers, as .NET does.
func (b *Backoff) ReadNode(n *source.Node) error {
	i := slices.IndexFunc(backoffs, func(s string) bool { return strings.EqualFold(s, n.Text) })
	if number, err := strconv.Atoi(n.Text); err == nil && number >= 0 && number < len(backoffs) {
		i = number
	}
	if i < 0 || n.Kind != source.String && n.Kind != source.Number {
		return n.Wrong(strings.Join(backoffs, " or "))
	}
	*b = Backoff(backoffs[i])
	return nil
}
