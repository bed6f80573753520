package lab

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"tripcurve/internal/policy"
	"tripcurve/services/fulfillment"
	"tripcurve/services/inventory"
	"tripcurve/services/order"
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
	// Patience: a checkout answered later than this counts as late.
	Patience  time.Duration
	Customers Customers
	// Checkout is how the shop takes orders at first.
	Checkout order.Mode
	Edges    policy.Edges
	World    World
	Faults   []Fault `json:"-"` // what happens to a lab, not what it is
}

// Customers are what people at a checkout do that takes long or fails. The zero
// value waits for the answer and takes it as it is.
type Customers struct {
	GiveUp time.Duration // hang up after this long; 0 never
	Tries  int           // of one checkout in all, under one idempotency key; 0 is 1
	Pause  time.Duration // before another one
}

func (c Customers) check() error {
	switch {
	case c.GiveUp < 0 || c.Pause < 0:
		return fmt.Errorf("customers give up after %s and pause for %s: neither can be negative", c.GiveUp, c.Pause)
	case c.Tries < 0 || c.Tries > mostTries:
		return fmt.Errorf("customers try %d times: from 1 to %d is possible", c.Tries, mostTries)
	}
	return nil
}

// mostTries keeps a mistyped number from never ending.
const mostTries = 100

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
	// LosesPackets: what the balancer forgets is lost before TCP sees it, so that
	// whoever sends gives the connection up in the end. Else it is acknowledged,
	// and only keepalive or a deadline notices.
	LosesPackets bool
	// UserTimeout is TCP_USER_TIMEOUT of order -> inventory, after which TCP gives a
	// connection up; 0 leaves it to net.ipv4.tcp_retries2, some 15 minutes.
	UserTimeout time.Duration
	// MinPing is the servers' EnforcementPolicy.MinTime: a client that pings more
	// often loses its connection.
	MinPing        time.Duration
	StockPerSKU    int
	SKUs           int
	ReservationTTL time.Duration
	Sweep          time.Duration // how often expired reservations are put back; 0 never
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
		Edges:    sells(edges),
		World: World{
			PoolSize: 100, StreamQuota: 100, IdleDrop: 60 * time.Second, MinPing: 10 * time.Second,
			StockPerSKU: 5000, SKUs: 24, ReservationTTL: 15 * time.Minute, // and nobody sweeps: the orphans stay
		},
		Faults: []Fault{
			LockTable{At: 5*time.Minute + time.Second, Hold: 240 * time.Second, Statement: createIndex},
			Restart{At: 28*time.Minute + 18*time.Second, Service: serviceOrder},
		},
	}
}

const addColumn = "ALTER TABLE stock_reservations ADD COLUMN warehouse text"

const createIndex = "CREATE INDEX idx_reservations_expiry ON stock_reservations (expires_at)"

// scale is by how much the short scenarios are shorter than the night.
const scale = 5

// sells adds the edge over which fulfilment says that stock is sold: with a
// deadline, so that a lock there holds up few of inventory's connections.
func sells(edges policy.Edges) policy.Edges {
	edges = edges.Clone()
	if _, ok := edges[fulfillment.EdgeInventory]; !ok {
		edges[fulfillment.EdgeInventory] = policy.Policy{Deadline: time.Second}
	}
	return edges
}

// short is the pipeline of the night with its times and its pool a fifth as
// large, under more load, and with nothing wrong.
func short(edges policy.Edges) Scenario {
	edges = sells(edges)
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
			StockPerSKU: 2000, SKUs: 24, ReservationTTL: 15 * time.Minute, Sweep: inventory.DefaultSweep,
		},
	}
}

// Scenarios are all that the lab knows, the edges of the night given.
func Scenarios(edges policy.Edges) []Scenario {
	const (
		at   = 15 * time.Second // of healthy traffic first
		last = 20 * time.Second // for most faults
	)
	variant := func(name, about string, faults ...Fault) Scenario {
		sc := short(edges)
		sc.Name, sc.About, sc.Faults = name, about, faults
		return sc
	}
	night := variant(
		"inc-2847-short",
		"the night in 85 s: CREATE INDEX holds SHARE for 20 s, the idle connection is dropped after 5 s, the order service restarted 35 s after the lock",
		LockTable{At: at, Hold: last, Statement: createIndex},
		Restart{At: 70 * time.Second, Service: serviceOrder},
	)
	night.Length = 85 * time.Second
	lock := variant(
		"lock", "CREATE INDEX holds SHARE for 20 s; no connection is dropped",
		LockTable{At: at, Hold: last, Statement: createIndex},
	)
	lock.World.IdleDrop = 0
	queue := variant(
		"lock-queue", "ALTER TABLE waits behind a report that reads, and everybody behind it, readers too, for 20 s",
		QueuedExclusive{At: at, Hold: last, Statement: addColumn},
	)
	queue.World.IdleDrop = 0
	idle := variant(
		"idle-in-transaction", "a session changes a row and idles for 20 s; CREATE INDEX waits for it, and all writers behind that",
		IdleInTransaction{At: at, Hold: last, Statement: createIndex},
	)
	idle.World.IdleDrop = 0
	slow := variant(
		"slow-query", "a new trigger makes every change of stock take 3 s, for 20 s: no lock, yet the pool is full",
		SlowStatement{At: at, For: last, Takes: 3 * time.Second},
	)
	slow.World.IdleDrop = 0
	restart := variant(
		"black-hole", "nothing passes between order and inventory for 20 s; the connection of that time stays dead until the order service is restarted",
		BlackHole{At: at, For: last},
		Restart{At: 60 * time.Second, Service: serviceOrder},
	)
	crash := variant(
		"restart", "inventory is killed and comes back",
		Crash{At: at, Service: serviceInventory},
	)
	crash.Length = 45 * time.Second
	traffic := variant(
		"traffic-step", "every change of stock takes 250 ms, and then 25 times the customers come for 20 s: tries pile up on tries",
		SlowStatement{At: time.Second, For: 70 * time.Second, Takes: 250 * time.Millisecond},
		Traffic{At: at, For: last, Factor: 25},
	)
	giveUp := variant(
		"tcp-give-up", "black-hole with the packets really lost: TCP, told to wait 15 s (TCP_USER_TIMEOUT), gives the dead connection up",
		BlackHole{At: at, For: 10 * time.Second},
		Restart{At: 60 * time.Second, Service: serviceOrder},
	)
	giveUp.World.LosesPackets, giveUp.World.UserTimeout = true, 15*time.Second
	// So that order goes on sending: a connection on which nobody sends is never given up.
	giveUp.World.StreamQuota, giveUp.World.IdleDrop = 10_000, 0
	defaults := giveUp
	defaults.Name = "tcp-give-up-default"
	defaults.About = "the same in real time, 20 min, with what the kernel does by itself: net.ipv4.tcp_retries2, some 15 min"
	defaults.Length, defaults.World.UserTimeout = 20*time.Minute, 0
	defaults.Checkouts = steady(0.9)
	defaults.Faults = []Fault{BlackHole{At: at, For: 10 * time.Second}}
	healthy := variant("healthy", "nothing goes wrong")
	healthy.Length = time.Minute
	return []Scenario{night, inc2847(edges), healthy, lock, queue, idle, slow, restart, giveUp, defaults, crash, traffic}
}

// Trouble is when the first fault begins; 0 without one.
func (sc Scenario) Trouble() time.Duration {
	if len(sc.Faults) == 0 {
		return 0
	}
	return slices.MinFunc(sc.Faults, func(a, b Fault) int { return cmp.Compare(a.when(), b.when()) }).when()
}

// Times says what happens when.
func (sc Scenario) Times() []string {
	faults := slices.SortedFunc(slices.Values(sc.Faults), func(a, b Fault) int { return cmp.Compare(a.when(), b.when()) })
	var all []string
	for _, f := range faults {
		all = append(all, fmt.Sprintf("%s  %s", policy.FormatDuration(f.when()), f))
	}
	return all
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
		if k := p.TCPKeepalive; k%time.Second != 0 {
			return fmt.Errorf("%s.tcp_keepalive=%s: the kernel takes whole seconds", name, k)
		}
		if k := p.Keepalive.Time; k > 0 && k < grpcMinPing {
			return fmt.Errorf("%s.keepalive=%s: grpc-go pings every %s at most and would use that; set %s or more", name, k, grpcMinPing, grpcMinPing)
		}
	}
	switch {
	case sc.World.PoolSize < 1:
		return fmt.Errorf("pool size %d: at least 1 is needed", sc.World.PoolSize)
	case (sc.World.LosesPackets || sc.World.UserTimeout > 0) && !losesPackets:
		return fmt.Errorf("%s loses packets before TCP sees them, which takes Linux (SO_ATTACH_FILTER)", sc.Name)
	case sc.Length < time.Second:
		return fmt.Errorf("length %s: at least 1s is needed", sc.Length)
	}
	return sc.Customers.check()
}
