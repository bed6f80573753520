package trap

import (
	"fmt"
	"strings"

	"tripcurve/sim"
)

// tooManyPings is keepalive that the server does not allow: it closes the connection,
// and every call on it fails.
func tooManyPings(n *night) *Trap {
	var first *sim.Event
	closed := 0
	for i, e := range n.Events {
		if e.Kind == "connection_dead" && strings.Contains(e.Text, sim.TooManyPings) {
			if first == nil {
				first = &n.Events[i]
			}
			closed++
		}
	}
	if first == nil {
		return nil
	}
	edge := ""
	for _, name := range n.sc.Edges.Names() {
		if strings.Contains(first.Text, " connection "+name+" ") {
			edge = name
		}
	}
	p := n.policyOf(edge, "")
	return &Trap{
		ID: "too_many_pings", Edge: edge, At: first.At,
		Text: fmt.Sprintf("%s pings after %s without a frame, and its server allows one in %s: it closed the connection %s, first at %s, and every call on it failed",
			edge, whole(p.Keepalive.Time), whole(n.sc.World.MinPing), times(closed), clock(first.At)),
		Why: "grpc-go's server takes pings more often than its EnforcementPolicy.MinTime (5 min unless set) for an attack and answers the third with GOAWAY, too_many_pings; " +
			"a call that is slow for a good reason is thus ended",
		Change: fmt.Sprintf("world.min_ping=%s", p.Keepalive.Time/2),
		Way:    "set the server's EnforcementPolicy.MinTime below the client's keepalive time before the client pings",
	}
}

func times(n int) string {
	switch n {
	case 1:
		return "once"
	case 2:
		return "twice"
	}
	return fmt.Sprint(n, " times")
}
