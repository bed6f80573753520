package grpcconfig

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"tripcurve/internal/policy"
	"tripcurve/internal/policy/grpc"
)

// Policies are the policies that a config states, under the names of its services
// and methods ("inventory.Inventory/Reserve"; "*" is all others): each the time limit
// and the retries as they are, and in words what of the config is no part of them.
func Policies(c Config) (map[string]policy.Policy, []string) {
	policies := map[string]policy.Policy{}
	var notes []string
	note := func(format string, args ...any) { notes = append(notes, fmt.Sprintf(format, args...)) }
	for _, m := range c.MethodConfig {
		params := m.params(c.RetryThrottling)
		for _, n := range m.Name {
			policies[n.String()] = policy.Policy{Breaker: policy.BreakerSpec{Library: "grpc", Params: spelled(params)}}
		}
		who := m.names()
		if m.Timeout != nil && m.Timeout.Duration == 0 {
			note("%s: timeout 0s, which fails every call at once, is left out", who)
		}
		if m.HedgingPolicy != nil {
			note("%s: hedgingPolicy is left out: grpc-go does not carry it out", who)
		}
		if m.WaitForReady != nil || m.MaxRequestMessageBytes != nil || m.MaxResponseMessageBytes != nil {
			note("%s: waitForReady and the sizes of messages are no part of a policy", who)
		}
	}
	if len(policies) == 0 && c.RetryThrottling != nil {
		note("retryThrottling without a methodConfig limits nothing and is left out")
	}
	if c.LoadBalancingPolicy != nil || c.LoadBalancingConfig != nil || c.HealthCheckConfig != nil {
		note("load balancing and health checks are no part of a policy, nor is a balancer's outlier detection")
	}
	return policies, notes
}

// String is "service/method", "service", or "*" for all methods of all services.
func (n Name) String() string {
	switch {
	case n.Service == nil || *n.Service == "":
		return "*"
	case n.Method == nil || *n.Method == "":
		return *n.Service
	default:
		return *n.Service + "/" + *n.Method
	}
}

// spelled are the parameters with those of the retries in full, also where they are
// the default: a config for one method does not build on the one for all.
func spelled(p grpc.Params) map[string]string {
	m := p.Map()
	if p.Attempts > 1 {
		for _, param := range grpc.List() {
			if _, ok := m[param.Name]; !ok && strings.HasPrefix(param.Name, "retryPolicy.") {
				m[param.Name] = param.Text
			}
		}
	}
	return m
}

// params of a method config, with the channel's throttling.
func (m MethodConfig) params(t *RetryThrottling) grpc.Params {
	p := grpc.Default()
	if m.Timeout != nil {
		p.Timeout = m.Timeout.Duration
	}
	if m.RetryPolicy != nil {
		p = m.RetryPolicy.params(p)
	}
	if t != nil {
		p.MaxTokens, p.TokenRatio = t.MaxTokens, t.TokenRatio
	}
	return p
}

func (r RetryPolicy) params(p grpc.Params) grpc.Params {
	p.Attempts = r.MaxAttempts
	p.InitialBackoff, p.MaxBackoff = time.Duration(r.InitialBackoff), time.Duration(r.MaxBackoff)
	p.BackoffMultiplier = r.BackoffMultiplier
	p.RetryableStatusCodes = nil
	for _, code := range r.RetryableStatusCodes {
		if s, err := grpc.ParseStatus(string(code)); err == nil && !slices.Contains(p.RetryableStatusCodes, s) {
			p.RetryableStatusCodes = append(p.RetryableStatusCodes, s)
		}
	}
	return p
}

// Of is a config that says these parameters of the methods of that name.
func Of(name Name, p grpc.Params) Config {
	m := MethodConfig{Name: []Name{name}}
	if p.Timeout > 0 {
		m.Timeout = &Timeout{Duration: p.Timeout}
	}
	c := Config{}
	if p.Attempts > 1 {
		m.RetryPolicy = &RetryPolicy{
			MaxAttempts:       p.Attempts,
			InitialBackoff:    Duration(p.InitialBackoff),
			MaxBackoff:        Duration(p.MaxBackoff),
			BackoffMultiplier: p.BackoffMultiplier,
		}
		for _, s := range p.RetryableStatusCodes {
			m.RetryPolicy.RetryableStatusCodes = append(m.RetryPolicy.RetryableStatusCodes, Code(s.String()))
		}
	}
	if p.MaxTokens > 0 {
		c.RetryThrottling = &RetryThrottling{MaxTokens: p.MaxTokens, TokenRatio: p.TokenRatio}
	}
	c.MethodConfig = []MethodConfig{m}
	return c
}
