package scenario

import (
	"strconv"
	"strings"

	"tripcurve/internal/policy"
	"tripcurve/internal/policy/library"
	"tripcurve/services/fulfillment"
	"tripcurve/services/gateway"
	"tripcurve/services/order"
	"tripcurve/sim"
)

// behind says which service is behind an edge, and how many replicas of it the
// scenario says there are; 0 where it says nothing.
func behind(w sim.World, edge string) (service string, replicas int) {
	switch edge {
	case gateway.EdgeOrder, gateway.EdgeOrderRead:
		return "order", w.OrderReplicas
	case gateway.EdgeInventory, order.EdgeInventory, fulfillment.EdgeInventory:
		return "inventory", w.InventoryReplicas
	default:
		return "", 0
	}
}

// withHosts tells the proxies among the breakers how many hosts there are: as many
// as the scenario says, unless the policy itself says a number.
func withHosts(sc sim.Scenario) sim.Scenario {
	if sc.World.OrderReplicas == 0 && sc.World.InventoryReplicas == 0 {
		return sc
	}
	sc.Edges, sc.Rollout.Edges = sc.Edges.Clone(), sc.Rollout.Edges.Clone()
	for _, edges := range []policy.Edges{sc.Edges, sc.Rollout.Edges} {
		for name, p := range edges {
			l, ok := library.ByName(p.Breaker.Library)
			_, n := behind(sc.World, name)
			if !ok || l.Hosts == "" || n == 0 || p.Breaker.Params[l.Hosts] != "" {
				continue
			}
			if p.Breaker.Params == nil {
				p.Breaker.Params = map[string]string{}
			}
			p.Breaker.Params[l.Hosts] = strconv.Itoa(n)
			edges[name] = p
		}
	}
	return sc
}

// isEnvoy says whether the proxy on an edge is one.
func isEnvoy(p policy.Policy) bool {
	return p.Breaker.Library == "envoy" || p.Breaker.Library == "istio"
}

// BreakerEvent hears of the hosts that a proxy takes out of its rotation and puts
// back. Where the scenario says nothing of replicas its hosts are nobody.
func (m *meter) BreakerEvent(edge string, e policy.Event) {
	service, replicas := behind(m.r.sc.World, edge)
	words := strings.SplitN(e.Name, " ", 3)
	if replicas == 0 || len(words) < 2 {
		return
	}
	i, err := strconv.Atoi(words[1])
	if err != nil {
		return
	}
	host := service
	if replicas > 1 {
		host += "-" + strconv.Itoa(i+1)
	}
	text := of(edge, m.replica) + ": " + host + " is " + words[0]
	if len(words) == 3 {
		text += ", " + words[2]
	}
	m.r.event("host", text)
}
