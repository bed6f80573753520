package compare

import (
	"fmt"

	"tripcurve/internal/policy"
	"tripcurve/sim"
)

// loopOf names, in words, what keeps a run down that did not recover by itself, by
// what is held at its end, long after the trigger has gone. Each cause is one that
// feeds itself: what it holds back would be needed to end it.
func loopOf(sc sim.Scenario, res *sim.Result) string {
	last := len(res.StreamsInUse) - 1
	streams, pool := res.StreamsInUse[last], res.PoolInUse[last]
	dropped, found := 0, 0
	for _, e := range res.Events {
		switch e.Kind {
		case "connection_dropped":
			dropped++
		case "connection_dead":
			found++
		}
	}
	switch dead := dropped - found; {
	case dead > 0 && res.Backlog != nil && res.Backlog[last] > 0:
		return fmt.Sprintf("dead connection: the workers of the queue wait for %d answers that the balancer dropped, and %d accepted orders wait for the workers",
			streams, res.Backlog[last])
	case dead > 0 && sc.World.StreamQuota > 0 && streams >= dead*sc.World.StreamQuota:
		return fmt.Sprintf("dead connection: all %d streams are held for ever by calls whose answers the balancer dropped; no deadline ends them, "+
			"no keepalive finds the connection dead, and no new call can be sent that would", streams)
	case dead > 0 && cycling(res):
		return fmt.Sprintf("dead connection: the breaker let nobody through for longer than the balancer keeps an idle flow (%g s), and its probes die "+
			"on a connection that nobody knows is dead", sc.World.IdleDrop.Seconds())
	case dead > 0:
		return fmt.Sprintf("dead connection: calls go on into a connection that the balancer dropped, until TCP gives it up; %d are held", streams)
	case pool >= sc.World.PoolSize && res.LockWaiters[last] == 0:
		return fmt.Sprintf("ghost work: all %d database connections work for callers that have gone, so that new calls come too late as well", pool)
	case retrying(res, sc):
		return "retries: failing calls are made again sooner than the work of the ones before is done"
	case cycling(res):
		return "the breaker's own probes fail, one reset time after the other"
	}
	return fmt.Sprintf("not known: %d streams and %d database connections are in use at the end", streams, pool)
}

// cycling says that a breaker still opens again and again at the end.
func cycling(res *sim.Result) bool {
	for _, b := range res.Breakers {
		if n := len(b.Changes); n > 1 && b.Changes[n-1].State != policy.Closed {
			return true
		}
	}
	return false
}

// retrying says that inventory got more calls in the outage than orders began.
func retrying(res *sim.Result, sc sim.Scenario) bool {
	attempts := 1
	for _, p := range sc.Edges {
		attempts = max(attempts, p.Retry.Attempts)
	}
	return attempts > 1 && res.ReserveCallsPerOrder > 1.5
}
