package config

import "tripcurve/internal/formats/trap"

// leastKeepalive is grpc-go's shortest keepalive time: a shorter one is raised to it
// (internal/transport, KeepaliveMinPingTime).
const leastKeepalive = 10e9

// The rules about the connection below a boundary.
var connectionChecks = []check{
	{
		Rule:   Rule{"policy/no-keepalive", trap.Warning, "a connection that died in silence is not noticed; every call on it takes its whole time limit"},
		covers: []string{"grpc-client/no-keepalive"},
		look: func(b boundary) (what, why, instead string) {
			if !speech[b.format].keepalive || b.policy.Keepalive.Time > 0 {
				return "", "", ""
			}
			return "no keepalive", "a connection that died in silence is not noticed: every call on it takes its whole time limit, until the kernel gives up after 15 minutes or so",
				"write keepalive 20s or more, and allow it on the server"
		},
	},
	{
		Rule: Rule{"policy/keepalive-raised", trap.Note, "gRPC clients raise a keepalive time below 10 s to 10 s"},
		look: func(b boundary) (what, why, instead string) {
			if t := b.policy.Keepalive.Time; t <= 0 || t >= leastKeepalive {
				return "", "", ""
			}
			return sprint("keepalive %s", b.policy.Keepalive.Time), "grpc-go raises it to 10s", "write 10s or more"
		},
	},
}
