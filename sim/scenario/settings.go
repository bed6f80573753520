package scenario

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"tripcurve/internal/policy"
	"tripcurve/sim"
)

// Setting is one value of a scenario beside its policies.
type Setting struct {
	Path string // as in --set: world.order_replicas
	Help string
	set  func(*sim.Scenario, string) error
}

// Settings are what Set knows beside the policies of the edges, in the order in
// which they are shown.
func Settings() []Setting {
	all := []Setting{
		duration("length", "of the run", func(sc *sim.Scenario) *time.Duration { return &sc.Length }),
		duration("patience", "of a customer: a later answer does not count as served", func(sc *sim.Scenario) *time.Duration { return &sc.Patience }),
		rate("rate.checkouts", func(sc *sim.Scenario) *sim.Rate { return &sc.Load.Checkouts }),
		rate("rate.stock", func(sc *sim.Scenario) *sim.Rate { return &sc.Load.InventoryReads }),
		rate("rate.orders", func(sc *sim.Scenario) *sim.Rate { return &sc.Load.OrderReads }),
		number("users.n", "customers who come beside the others, and wait for each answer", func(sc *sim.Scenario) *int { return &sc.Load.Users.N }),
		times("users.think", "between their answers and their next requests", func(sc *sim.Scenario) *sim.Dist { return &sc.Load.Users.Think }),
		fraction("users.buy", "share of their rounds with a checkout, 0 to 1", func(sc *sim.Scenario) *float64 { return &sc.Load.Users.Buy }),
		number("retries.times", "how often a customer comes back whose checkout was not accepted", func(sc *sim.Scenario) *int { return &sc.Retries.Times }),
		duration("retries.after", "such a customer waits", func(sc *sim.Scenario) *time.Duration { return &sc.Retries.After }),
		fraction("retries.multiplier", "each further wait is so many times as long; 0 is 1", func(sc *sim.Scenario) *float64 { return &sc.Retries.Multiplier }),
		fraction("retries.jitter", "share of a wait by which it is drawn longer or shorter", func(sc *sim.Scenario) *float64 { return &sc.Retries.Jitter }),
		duration("world.network_delay", "one way, on each hop", func(sc *sim.Scenario) *time.Duration { return &sc.World.NetworkDelay }),
		number("world.pool_size", "inventory's Postgres connections", func(sc *sim.Scenario) *int { return &sc.World.PoolSize }),
		number("world.stream_quota", "calls open at once on a connection of order to inventory; 0 is no bound", func(sc *sim.Scenario) *int { return &sc.World.StreamQuota }),
		duration("world.idle_drop", "the balancer between order and inventory drops flows idle this long; 0 never", func(sc *sim.Scenario) *time.Duration { return &sc.World.IdleDrop }),
		duration("world.min_ping", "servers close a connection that pings more often; 0 allows any", func(sc *sim.Scenario) *time.Duration { return &sc.World.MinPing }),
		duration("world.statement_time", "of one healthy statement, on average", func(sc *sim.Scenario) *time.Duration { return &sc.World.StatementTime }),
		duration("world.pool_wait", "for a free connection; 0 as long as the call", func(sc *sim.Scenario) *time.Duration { return &sc.World.PoolWait }),
		duration("world.lock_timeout", "of inventory's sessions: one wait for a table lock; 0 is none", func(sc *sim.Scenario) *time.Duration { return &sc.World.LockTimeout }),
		duration("world.statement_timeout", "of inventory's sessions: one statement, its lock wait included; 0 is none", func(sc *sim.Scenario) *time.Duration { return &sc.World.StatementTimeout }),
		duration("world.cancel_time", "for which a cancelled transaction keeps its connection yet, on average", func(sc *sim.Scenario) *time.Duration { return &sc.World.CancelTime }),
		number("world.stock_per_sku", "pieces of each article", func(sc *sim.Scenario) *int { return &sc.World.StockPerSKU }),
		number("world.skus", "articles", func(sc *sim.Scenario) *int { return &sc.World.SKUs }),
		duration("world.reservation_ttl", "until a reservation expires", func(sc *sim.Scenario) *time.Duration { return &sc.World.ReservationTTL }),
		duration("world.sweep", "how often expired reservations are put back; 0 never", func(sc *sim.Scenario) *time.Duration { return &sc.World.Sweep }),
		number("world.order_replicas", "order services behind the gateway", func(sc *sim.Scenario) *int { return &sc.World.OrderReplicas }),
		balance("world.order_balance", "how the gateway chooses among them: round_robin or least_requests", func(sc *sim.Scenario) *sim.Balance { return &sc.World.OrderBalance }),
		number("world.inventory_replicas", "inventory services, each with a pool of its own to the one database", func(sc *sim.Scenario) *int { return &sc.World.InventoryReplicas }),
		balance("world.inventory_balance", "how their callers choose among them, unless a mesh does", func(sc *sim.Scenario) *sim.Balance { return &sc.World.InventoryBalance }),
		times("world.statements", "of one statement: a distribution such as log_normal:1.5ms:p99=40ms; over world.statement_time", func(sc *sim.Scenario) *sim.Dist { return &sc.World.Statements }),
		number("rollout.replicas", "of order that have the policies of the rollout", func(sc *sim.Scenario) *int { return &sc.Rollout.Replicas }),
	}
	for _, service := range stoppable {
		all = append(all,
			times("cpu."+service+".work", "processor time of each call, before its handler begins", func(sc *sim.Scenario) *sim.Dist { return &processor(sc, service).Work }),
			number("cpu."+service+".cores", "that the calls of a replica share alike; 0 are as many as it takes", func(sc *sim.Scenario) *int { return &processor(sc, service).Cores }))
	}
	return all
}

// processor is a service's, which it has from now on.
func processor(sc *sim.Scenario, service string) *sim.Processor {
	i := slices.IndexFunc(sc.World.Processors, func(p sim.Processor) bool { return p.Service == service })
	sc.World.Processors = slices.Clone(sc.World.Processors)
	if i < 0 {
		i = len(sc.World.Processors)
		sc.World.Processors = append(sc.World.Processors, sim.Processor{Service: service})
	}
	return &sc.World.Processors[i]
}

// rollout begins the paths of policies that only some replicas have.
const rollout = "rollout."

// Set gives a scenario values by their paths, each PATH=VALUE: a policy's as
// policy.Edges.Set has it, a policy's of the rollout with "rollout." before it, one of
// Settings, or fault=KIND KEY=VALUE ... (ParseFault), which adds a fault, and
// fault=none, which takes away those that there are so far. What the rollout does not say of an edge is as all the other
// settings leave that edge. On an error the scenario may have changed.
func Set(sc *sim.Scenario, settings ...string) error {
	sc.Edges = sc.Edges.Clone()
	sc.Rollout.Edges = sc.Rollout.Edges.Clone()
	var last []string
	for _, s := range settings {
		path, value, ok := strings.Cut(s, "=")
		if !ok {
			return fmt.Errorf("%q: expected PATH=VALUE, such as order.inventory.keepalive=20s", s)
		}
		if strings.HasPrefix(path, rollout) && path != rollout+"replicas" {
			last = append(last, s)
			continue
		}
		if err := set(sc, path, value); err != nil {
			return err
		}
	}
	for _, s := range last {
		path, value, _ := strings.Cut(strings.TrimPrefix(s, rollout), "=")
		if err := setRollout(sc, path, value); err != nil {
			return fmt.Errorf("%s%w", rollout, err)
		}
	}
	if err := begun(sc, settings); err != nil {
		return err
	}
	said := slices.ContainsFunc(settings, func(s string) bool { return strings.HasPrefix(s, rollout+"replicas=") })
	if len(last) > 0 && sc.Rollout.Replicas == 0 && !said {
		return fmt.Errorf("%s: on no replica: say on how many with %sreplicas=N, and how many there are with world.order_replicas=P", last[0], rollout)
	}
	return nil
}

func set(sc *sim.Scenario, path, value string) error {
	if path == "fault" {
		return addFault(sc, value)
	}
	all := Settings()
	i := slices.IndexFunc(all, func(s Setting) bool { return s.Path == path })
	switch {
	case i >= 0:
		if err := all[i].set(sc, value); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		return nil
	case isSetting(all, path):
		var known []string
		for _, s := range all {
			known = append(known, s.Path)
		}
		return policy.Unknown("setting", path, known)
	default:
		return sc.Edges.Set(path, value)
	}
}

// addFault adds one to the scenario's faults; none takes all away.
func addFault(sc *sim.Scenario, text string) error {
	if text == "none" {
		sc.Faults = nil
		return nil
	}
	f, err := ParseFault(text)
	if err != nil {
		return fmt.Errorf("fault: %w", err)
	}
	sc.Faults = append(slices.Clip(sc.Faults), f)
	return nil
}

// begun refuses a fault that begins when the run is over. Those that the scenario brought
// may be cut off: whoever makes the night shorter wants to see its beginning.
func begun(sc *sim.Scenario, settings []string) error {
	for _, s := range settings {
		text, is := strings.CutPrefix(s, "fault=")
		if !is || text == "none" {
			continue
		}
		f, err := ParseFault(text)
		if err != nil {
			return fmt.Errorf("fault: %w", err)
		}
		if at, _ := f.Span(sc.Length); sc.Length > 0 && at >= sc.Length {
			return fmt.Errorf("fault: at: found %s, expected a time within the run's %s", policy.FormatDuration(at), policy.FormatDuration(sc.Length))
		}
	}
	return nil
}

// setRollout begins with the policy that the edge has on the other replicas.
func setRollout(sc *sim.Scenario, path, value string) error {
	edges := sc.Rollout.Edges
	for _, name := range rolledOut {
		if _, has := edges[name]; !has {
			edges[name] = sc.Edges[name]
		}
	}
	return edges.Set(path, value)
}

func duration(path, help string, at func(*sim.Scenario) *time.Duration) Setting {
	return Setting{path, help, func(sc *sim.Scenario, v string) error {
		d, err := policy.ParseDuration(v)
		if err == nil {
			*at(sc) = d
		}
		return err
	}}
}

// isSetting says whether a path begins as those of the settings do.
func isSetting(all []Setting, path string) bool {
	first, _, dotted := strings.Cut(path, ".")
	return dotted && slices.ContainsFunc(all, func(s Setting) bool { return strings.HasPrefix(s.Path, first+".") })
}

// rate is one of arrivals; a period is that of the clock, and begins at midnight UTC.
func rate(path string, at func(*sim.Scenario) *sim.Rate) Setting {
	return Setting{path, "arrivals per second: 0.9, or points such as 0s:1,5m:1,5m:4, or with a period 24h/0h:0.2,12h:1.5", func(sc *sim.Scenario, v string) error {
		r, err := sim.ParseRate(v)
		if err != nil {
			return err
		}
		if r.Period > 0 {
			r.Phase = sc.Start.Sub(sc.Start.Truncate(24*time.Hour)) % r.Period
		}
		*at(sc) = r
		return nil
	}}
}

func fraction(path, help string, at func(*sim.Scenario) *float64) Setting {
	return Setting{path, help, func(sc *sim.Scenario, v string) error {
		n, err := strconv.ParseFloat(v, 64)
		if err != nil || !(n >= 0) {
			return fmt.Errorf("%q is not a number from 0", v)
		}
		*at(sc) = n
		return nil
	}}
}

func times(path, help string, at func(*sim.Scenario) *sim.Dist) Setting {
	return Setting{path, help, func(sc *sim.Scenario, v string) error {
		d, err := sim.ParseDist(v)
		if err == nil {
			*at(sc) = d
		}
		return err
	}}
}

func number(path, help string, at func(*sim.Scenario) *int) Setting {
	return Setting{path, help, func(sc *sim.Scenario, v string) error {
		n, err := strconv.Atoi(v)
		if err != nil || n < 0 {
			return fmt.Errorf("%q is not a whole number from 0", v)
		}
		*at(sc) = n
		return nil
	}}
}

func balance(path, help string, at func(*sim.Scenario) *sim.Balance) Setting {
	return Setting{path, help, func(sc *sim.Scenario, v string) error {
		i := slices.Index(sim.BalanceNames(), v)
		if i < 0 {
			return fmt.Errorf("%q is neither round_robin nor least_requests", v)
		}
		*at(sc) = sim.Balance(i)
		return nil
	}}
}
