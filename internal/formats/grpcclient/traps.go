package grpcclient

import (
	"fmt"
	"time"

	"tripcurve/internal/formats/grpcconfig"
	"tripcurve/internal/formats/trap"
	"tripcurve/internal/policy/grpc"
)

// defaultMinTime is how often a server of grpc-go or of gRPC's C core lets a client
// ping unless it is told otherwise (proposal A8; grpc-go, keepalive.EnforcementPolicy).
const defaultMinTime = 5 * time.Minute

// enough is the ping at which it closes the connection: the first is no offence, and
// two more are forgiven.
const enough = 4

// Traps are what a file does that its keys do not say.
func Traps(c Config) []trap.Trap {
	var t traps
	t.connection(c)
	t.keepalive(c)
	if c.DeadlineMS == nil && !c.limited() {
		t.add("no-deadline", trap.Error, "deadline_ms", "a call waits for ever for a response that will never come",
			`pass { deadline: Date.now() + 5000 } with every call and say so as "deadline_ms": 5000, or give grpc.service_config a timeout`, "no deadline and no timeout")
	}
	t.retries(c)
	return t
}

type traps []trap.Trap

func (t *traps) add(rule string, s trap.Severity, key, why, instead, what string, args ...any) {
	*t = append(*t, trap.Trap{
		Rule: "grpc-client/" + rule, Severity: s, Path: []string{key},
		What: fmt.Sprintf(what, args...), Why: why, Instead: instead,
	})
}

func (t *traps) connection(c Config) {
	if c.Credentials != nil && *c.Credentials == Insecure {
		t.add("insecure", trap.Warning, "credentials", "requests and tokens cross the network in plain text, and nobody proves to be the server",
			"use grpc.credentials.createSsl(), unless a mesh encrypts below", "insecure credentials")
	}
	if c.MaxConcurrentStreams != nil {
		t.add("max-concurrent-streams", trap.Error, "grpc.max_concurrent_streams",
			"it is a setting of servers: a client's does nothing, and calls in flight are not bounded by it",
			"bound the calls in the client's own code (opossum's capacity, a semaphore), or set it on the server", "grpc.max_concurrent_streams %d on a client", *c.MaxConcurrentStreams)
	}
}

func (t *traps) keepalive(c Config) {
	every := c.Keepalive().Time
	if every == 0 {
		t.add("no-keepalive", trap.Warning, "grpc.keepalive_time_ms",
			"a connection that died in silence is not noticed: every call on it takes its whole deadline, or for ever",
			`write "grpc.keepalive_time_ms": 30000 and "grpc.keepalive_timeout_ms": 5000, and allow it on the server`, "no keepalive")
		if c.KeepaliveTimeoutMS != nil || c.PermitWithoutCalls != nil && bool(*c.PermitWithoutCalls) {
			t.add("keepalive-unused", trap.Warning, "grpc.keepalive_timeout_ms", "there are no pings that it could be about",
				"write grpc.keepalive_time_ms, too", "keepalive settings without grpc.keepalive_time_ms")
		}
		return
	}
	allowed, known := defaultMinTime, "the 5m that servers of grpc-go and C++ have by default"
	if c.ServerMinTimeMS != nil {
		allowed = ms(c.ServerMinTimeMS)
		known = fmt.Sprintf("the server's %s", allowed)
	}
	if every < allowed {
		t.add("below-min-time", trap.Warning, "grpc.keepalive_time_ms",
			fmt.Sprintf("a server that enforces it closes the connection at ping number %d without an answer between, and ends the calls on it (too_many_pings)", enough),
			fmt.Sprintf(`set the server's MinTime to %s (grpc-go keepalive.EnforcementPolicy) and say so as "server_min_time_ms": %d`, every/2, (every/2).Milliseconds()),
			"grpc.keepalive_time_ms %d is below %s", every.Milliseconds(), known)
	}
	if c.Keepalive().WithoutCalls && (c.ServerPermits == nil || !*c.ServerPermits) {
		t.add("unpermitted-pings", trap.Warning, "grpc.keepalive_permit_without_calls",
			"a server permits pings without calls only when it is told to, and else closes the connection (too_many_pings)",
			`set the server's PermitWithoutStream and say so as "server_permit_without_calls": true`, "grpc.keepalive_permit_without_calls 1")
	}
}

// retries: those of the service config, and what stands in their way.
func (t *traps) retries(c Config) {
	if c.ServiceConfig == nil {
		return
	}
	retrying := false
	for _, m := range c.ServiceConfig.MethodConfig {
		retrying = retrying || m.RetryPolicy != nil
	}
	if retrying && c.EnableRetries != nil && !bool(*c.EnableRetries) {
		t.add("retries-off", trap.Error, "grpc.enable_retries", "the retryPolicy of grpc.service_config does nothing",
			"leave the key out", "grpc.enable_retries 0")
	}
	for _, inner := range grpcconfig.Traps(c.ServiceConfig.Config) {
		switch {
		case inner.Rule == "grpc/no-timeout": // said of the client
		case inner.Rule == "grpc/attempts-capped" && c.AttemptsLimit != nil && *c.AttemptsLimit > grpc.MaxAttempts:
		default:
			inner.Path = []string{"grpc.service_config"}
			*t = append(*t, inner)
		}
	}
}

// limited says whether the service config gives every call a time limit.
func (c Config) limited() bool {
	if c.ServiceConfig == nil || len(c.ServiceConfig.MethodConfig) == 0 {
		return false
	}
	for _, m := range c.ServiceConfig.MethodConfig {
		if m.Timeout == nil {
			return false
		}
	}
	return true
}
