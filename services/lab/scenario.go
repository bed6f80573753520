package lab

import (
	"fmt"
	"time"

	"tripcurve/internal/policy"
)

// Scenario is one way to break the pipeline.
type Scenario struct {
	Name  string
	About string // one line for people
	// Length is how long the customers come, from the first one on.
	Length time.Duration
	Seed   uint64 // of who comes when
	// Arrivals of each kind of customer; Poisson.
	Checkouts, InventoryReads, OrderReads Rate
	// Patience: a checkout answered later than this counts as late. Customers
	// wait for the answer all the same.
	Patience time.Duration
	Edges    policy.Edges
	World    World
	Faults   []Fault `json:"-"` // what happens to a lab, not what it is
}

// Rate is arrivals per second, changing along a straight line from the beginning
// to the end of the run.
type Rate struct{ From, To float64 }

// steady is the same rate all the time.
func steady(perSecond float64) Rate { return Rate{perSecond, perSecond} }

// World is what the pipeline stands on.
type World struct {
	PoolSize    int // inventory's Postgres connections
	StreamQuota int // concurrent streams of a connection to inventory
	// IdleDrop is how long nothing may pass on order -> inventory before the
	// balancer there forgets the connection; 0 never.
	IdleDrop time.Duration
	// TCPKeepalive is the time and interval of TCP keepalive on order -> inventory,
	// on both ends; 0 is none, as on the night of INC-2847. (Go's own listeners
	// would send one every 15 s.)
	TCPKeepalive time.Duration
	// MinPing is the servers' EnforcementPolicy.MinTime: a client that pings more
	// often loses its connection.
	MinPing        time.Duration
	StockPerSKU    int
	SKUs           int
	ReservationTTL time.Duration
}

// inc2847 is the night itself.
func inc2847(edges policy.Edges) Scenario {
	return Scenario{
		Name:           "inc-2847",
		About:          "the night itself in real time, 34 min: CREATE INDEX holds SHARE for 240 s, the balancer drops the idle connection, the order service is restarted 19 min later",
		Length:         34 * time.Minute,
		Seed:           1,
		Checkouts:      Rate{0.96, 0.83},
		InventoryReads: steady(2), OrderReads: steady(5),
		Patience: 10 * time.Second,
		Edges:    edges,
		World: World{
			PoolSize: 100, StreamQuota: 100, IdleDrop: 60 * time.Second, MinPing: 10 * time.Second,
			StockPerSKU: 5000, SKUs: 24, ReservationTTL: 15 * time.Minute,
		},
		Faults: []Fault{
			LockTable{At: 5*time.Minute + time.Second, Hold: 240 * time.Second, Statement: createIndex},
			Restart{At: 28*time.Minute + 18*time.Second, Service: serviceOrder},
		},
	}
}

const createIndex = "CREATE INDEX idx_reservations_expiry ON stock_reservations (expires_at)"

// scale is by how much the short scenarios are shorter than the night.
const scale = 5

// short is the pipeline of the night with its times and its pool a fifth as
// large, under more load, and with nothing wrong.
func short(edges policy.Edges) Scenario {
	edges = edges.Clone()
	for name, p := range edges {
		p.Timeout /= scale
		edges[name] = p
	}
	return Scenario{
		Length: 75 * time.Second,
		Seed:   1,
		// The pool must be full, and then the connection idle, well within the lock.
		Checkouts:      steady(2),
		InventoryReads: steady(4), OrderReads: steady(5),
		Patience: 10 * time.Second / scale,
		Edges:    edges,
		World: World{
			PoolSize: 20, StreamQuota: 20, IdleDrop: 5 * time.Second,
			// grpc-go lets no client ping more often than every 10 s; half of that
			// leaves room for a tick that comes early.
			MinPing:     5 * time.Second,
			StockPerSKU: 2000, SKUs: 24, ReservationTTL: 15 * time.Minute,
		},
	}
}

// Scenarios are all that the lab knows, the edges of the night given.
func Scenarios(edges policy.Edges) []Scenario {
	variant := func(name, about string, length time.Duration, faults ...Fault) Scenario {
		sc := short(edges)
		sc.Name, sc.About, sc.Length, sc.Faults = name, about, length, faults
		return sc
	}
	const at = 15 * time.Second // of healthy traffic first
	return []Scenario{
		variant("inc-2847-short",
			"the night in 85 s: lock 20 s, tries 2 s, pool 20, idle limit 5 s, the order service restarted 35 s after the lock",
			85*time.Second,
			LockTable{At: at, Hold: 20 * time.Second, Statement: createIndex},
			Restart{At: 70 * time.Second, Service: serviceOrder}),
		inc2847(edges),
		variant("healthy", "nothing goes wrong", 60*time.Second),
	}
}

// ByName finds a scenario.
func ByName(edges policy.Edges, name string) (Scenario, bool) {
	for _, sc := range Scenarios(edges) {
		if sc.Name == name {
			return sc, true
		}
	}
	return Scenario{}, false
}

// grpcMinPing is the shortest keepalive time of a grpc-go client; a shorter one
// is raised to it without a word (dialoptions.go, WithKeepaliveParams, v1.85.0).
const grpcMinPing = 10 * time.Second

// Check says what cannot be.
func (sc Scenario) Check() error {
	for name, p := range sc.Edges {
		if k := p.Keepalive.Time; k > 0 && k < grpcMinPing {
			return fmt.Errorf("%s.keepalive=%s: grpc-go pings every %s at most and would use that; set %s or more", name, k, grpcMinPing, grpcMinPing)
		}
	}
	switch {
	case sc.World.PoolSize < 1:
		return fmt.Errorf("pool size %d: at least 1 is needed", sc.World.PoolSize)
	case sc.World.TCPKeepalive > 0 && sc.World.TCPKeepalive < time.Second:
		return fmt.Errorf("TCP keepalive %s: at least 1s is needed", sc.World.TCPKeepalive)
	case sc.Length < time.Second:
		return fmt.Errorf("length %s: at least 1s is needed", sc.Length)
	}
	return nil
}
