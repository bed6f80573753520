package config

import (
	"time"

	"tripcurve/internal/formats/grpcclient"
	"tripcurve/internal/formats/grpcconfig"
	"tripcurve/internal/policy"
)

// clientOptions are the channel options of @grpc/grpc-js: the connection's keepalive,
// and the service config that its calls have in common.
func clientOptions(e edge, p policy.Policy, o Origin) (File, error) {
	var w warnings
	name := w.service(e)
	params, err := w.grpcParams(e, p)
	if err != nil {
		return File{}, err
	}
	c := grpcclient.Of(name, params, p.Keepalive)
	c.Comment = o.Line()
	if c.DeadlineMS != nil {
		w.add("deadline_ms is not an option of the channel: pass { deadline: Date.now() + %d } with every call; the timeout in grpc.service_config holds for those that pass none", *c.DeadlineMS)
	}
	if p.Keepalive.Time > 0 {
		w.add("server_min_time_ms %d is not an option of the channel, but what the server must allow: %s", *c.ServerMinTimeMS, serverMust(p.Keepalive))
		w.rounded(p.Keepalive)
	}
	w.alone(p)
	w.traps(grpcclient.Traps(c))
	return File{"grpc-client." + e.callee + ".json", grpcclient.Write(c), w}, nil
}

// clientGo is Go source with the dial options of grpc-go, and with the server's.
func clientGo(e edge, p policy.Policy, o Origin) (File, error) {
	var w warnings
	name := w.service(e)
	params, err := w.grpcParams(e, p)
	if err != nil {
		return File{}, err
	}
	s := grpcclient.Snippet{Service: e.callee, Keepalive: p.Keepalive, Origin: o.Line()}
	if params.Timeout > 0 || params.Attempts > 1 {
		s.Config = grpcconfig.Of(name, params)
		w.traps(grpcconfig.Traps(s.Config))
	} else {
		w.add("no timeout and no retries: a call whose context has no deadline waits for ever")
	}
	switch k := p.Keepalive; {
	case k.Time == 0:
		w.add("no keepalive: a connection that died in silence is not noticed; every call on it takes its whole time limit")
	case k.Time < leastKeepalive:
		w.add("keepalive %s: grpc-go raises it to %s", policy.FormatDuration(k.Time), policy.FormatDuration(leastKeepalive))
		fallthrough
	default:
		w.add("the server must have the options beside the dial options: %s", serverMust(k))
	}
	w.alone(p)
	s.Notes = w
	return File{goFile("client", e.callee), grpcclient.WriteGo(s), w}, nil
}

// leastKeepalive is the shortest keepalive time of grpc-go.
const leastKeepalive = 10 * time.Second

// service is what the service config of a client is about: all methods of the
// service, which share the channel.
func (w *warnings) service(e edge) grpcconfig.Name {
	if method, ok := methods[e.String()]; ok {
		return grpcconfig.Name{Service: &method[0]}
	}
	return grpcconfig.Name{}
}

func serverMust(k policy.Keepalive) string {
	s := "EnforcementPolicy MinTime " + policy.FormatDuration(grpcclient.MinTime(k))
	if k.WithoutCalls {
		s += ", PermitWithoutStream"
	}
	return s + "; at its default of 5 min it closes the connection with too_many_pings"
}

// rounded warns of times that a file in milliseconds cannot hold.
func (w *warnings) rounded(k policy.Keepalive) {
	if k.Time%time.Millisecond != 0 || k.Timeout%time.Millisecond != 0 {
		w.add("keepalive %s and its timeout %s are rounded up to milliseconds", policy.FormatDuration(k.Time), policy.FormatDuration(k.Timeout))
	}
}

// alone warns of what neither the channel nor its service config can hold.
func (w *warnings) alone(p policy.Policy) {
	if p.Fallback {
		w.add("fallback is code: an interceptor around the call")
	}
	if p.Cancel == policy.Propagate {
		w.add("cancel propagate: hand each call the signal or context of its own caller")
	}
}
