package grpcclient

import (
	"time"

	"tripcurve/internal/formats/grpcconfig"
	"tripcurve/internal/policy"
	"tripcurve/internal/policy/grpc"
)

// defaultTimeout of a ping, as both grpc-js and grpc-go have it.
const defaultTimeout = 20 * time.Second

// Timeout is how long a ping of k may stay unanswered.
func Timeout(k policy.Keepalive) time.Duration {
	if k.Timeout == 0 {
		return defaultTimeout
	}
	return k.Timeout
}

// MinTime is what a server must allow for k: half of its time, so that a ping that
// comes a little early is no offence.
func MinTime(k policy.Keepalive) time.Duration { return (k.Time / 2).Truncate(time.Millisecond) }

func ms(n *int) time.Duration {
	if n == nil || *n < 0 {
		return 0
	}
	return time.Duration(*n) * time.Millisecond
}

// Keepalive of the connection.
func (c Config) Keepalive() policy.Keepalive {
	k := policy.Keepalive{Time: ms(c.KeepaliveTimeMS), Timeout: ms(c.KeepaliveTimeoutMS)}
	k.WithoutCalls = c.PermitWithoutCalls != nil && bool(*c.PermitWithoutCalls)
	return k
}

// Policies are what the client does when calls go wrong: its keepalive, and the time
// limit and retries of its service config. A deadline of the calls is the same to
// gRPC as a timeout of the service config, and the earlier one holds. A service config
// of several names gives a policy for each, else there is one under the client's.
func Policies(c Client) (map[string]policy.Policy, []string) {
	var notes []string
	policies := map[string]policy.Policy{}
	if c.ServiceConfig != nil {
		var inner []string
		policies, inner = grpcconfig.Policies(c.ServiceConfig.Config)
		notes = append(notes, inner...)
		if len(policies) == 1 {
			for name, p := range policies {
				delete(policies, name)
				policies[c.Name] = p
			}
		}
	}
	if len(policies) == 0 {
		policies[c.Name] = policy.Policy{}
	}
	for name, p := range policies {
		p.Keepalive = c.Keepalive()
		p.Breaker = limited(p.Breaker, ms(c.DeadlineMS), c.EnableRetries != nil && !bool(*c.EnableRetries))
		policies[name] = p
	}
	if c.Credentials != nil {
		notes = append(notes, "credentials "+string(*c.Credentials)+" is no part of a policy")
	}
	if c.MaxConcurrentStreams != nil {
		notes = append(notes, "grpc.max_concurrent_streams bounds nothing on a client and is left out")
	}
	if c.AttemptsLimit != nil {
		notes = append(notes, "grpc-node.retry_max_attempts_limit is left out: the attempts are capped at 5")
	}
	return policies, notes
}

// limited is a spec with a deadline over all, and without retries where they are off.
func limited(b policy.BreakerSpec, deadline time.Duration, off bool) policy.BreakerSpec {
	if b.Library == "" && deadline == 0 {
		return b
	}
	p, err := grpc.Parse(b.Params)
	if err != nil { // what the service config's reader took gRPC takes
		panic("grpcclient: " + err.Error())
	}
	was := p.Timeout
	p.Timeout = policy.Shortest(p.Timeout, deadline)
	if off {
		p.Attempts = 1
	}
	if b.Library != "" && p.Timeout == was && !off {
		return b
	}
	return policy.BreakerSpec{Library: "grpc", Params: p.Map()}
}

// Of is a client with these parameters and this keepalive. name is what its service
// config is about.
func Of(name grpcconfig.Name, p grpc.Params, k policy.Keepalive) Config {
	var c Config
	if p.Timeout > 0 && p.Timeout <= longest { // the service config says a longer one alone
		c.DeadlineMS = millis(p.Timeout)
	}
	if k.Time > 0 {
		c.KeepaliveTimeMS, c.KeepaliveTimeoutMS = millis(k.Time), millis(Timeout(k))
		c.ServerMinTimeMS = new(*c.KeepaliveTimeMS / 2)
		if k.WithoutCalls {
			c.PermitWithoutCalls, c.ServerPermits = new(Flag(true)), new(true)
		}
	}
	if service := grpcconfig.Of(name, p); p.Timeout > 0 || p.Attempts > 1 {
		c.ServiceConfig = &Service{service}
	}
	return c
}

// longest is the longest time that Node's timers take.
const longest = (1<<31 - 1) * time.Millisecond

// millis are whole milliseconds, rounded up.
func millis(d time.Duration) *int {
	up := d.Truncate(time.Millisecond)
	if up < d {
		up += time.Millisecond
	}
	return new(int(min(up, longest).Milliseconds()))
}
