package trap

import (
	"fmt"
	"time"

	"tripcurve/sim"
)

// openPastIdle is a breaker that stays open longer than the balancer keeps an idle
// flow: nothing passes, the flow is dropped, and the probes go into it. Every one
// fails, long after the callee is well, until TCP gives the connection up. Keepalive
// that pings only while a call is open helps late: a probe is given up before its ping
// is due, and it is the kernel that gives up the probe's bytes (TCP_USER_TIMEOUT).
func openPastIdle(n *night) *Trap {
	for _, b := range n.Breakers {
		if b.Edge != reserve || n.sc.World.IdleDrop == 0 {
			continue
		}
		if t := n.probesDead(b); t != nil {
			return t
		}
	}
	return nil
}

// probesDead is the trap if a flow was dropped while the breaker was open and probes
// failed after the trouble at the callee was over.
func (n *night) probesDead(b sim.BreakerTrack) *Trap {
	edge := b.Edge
	if b.Replica != "" {
		edge += " of " + b.Replica
	}
	well := n.troubleEnds()
	var dropped time.Time
	var open time.Duration
	failed := 0
	for _, s := range spells(b) {
		if s.probe.IsZero() {
			break
		}
		if e, ok := n.event("connection_dropped", s.open, " "+edge+" "); dropped.IsZero() && s.length() >= n.sc.World.IdleDrop && ok && e.At.Before(s.probe) {
			dropped, open = e.At, s.length()
		}
		if !dropped.IsZero() && s.again && !s.probe.Before(well) {
			failed++
		}
	}
	if failed == 0 {
		return nil
	}
	t := &Trap{
		ID: "open_past_idle", Edge: b.Edge, At: dropped,
		Text: fmt.Sprintf("the breaker of %s stayed open for %s, and the balancer drops a flow that is idle for %s: at %s it dropped this one, and %s failed after the callee was well again",
			edge, whole(open), whole(n.sc.World.IdleDrop), clock(dropped), things(failed, "probe")),
		Why:    "an open breaker sends nothing, so that the connection idles; a probe into a dropped flow is answered by nobody, and each one opens the breaker again",
		Change: b.Edge + ".tcp_keepalive=15s",
		Way:    "TCP keepalive below the balancer's limit, or HTTP/2 keepalive that pings also without calls; or an open time below the limit",
	}
	if n.policyOf(b.Edge, b.Replica).Keepalive.Time > 0 {
		t.Change = b.Edge + ".keepalive_without_calls=true"
	}
	if dead, ok := n.event("connection_dead", dropped, " "+edge+" "); ok {
		t.Text += fmt.Sprintf(". The connection was given up at %s, %s after it was dropped", clock(dead.At), whole(dead.At.Sub(dropped)))
	} else {
		t.Text += ". Nobody found the connection dead in this run"
	}
	return t
}
