package diagnose

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"tripcurve/sim"
)

// Mechanism is one way in which checkouts could have gone on failing after the
// trigger was gone.
type Mechanism struct {
	ID   string
	Name string
	How  string // it would have held the outage
	Run  string // what the simulated night has that the scenario has not
	Tell string // the observation that would tell it apart, had anybody made it

	apply  func(*sim.Scenario, Marks)
	reckon func(*sim.Scenario, Marks) string
}

// Mechanisms are the eight, in the order in which they are shown: what can outlive a
// trigger by the recovery condition of a pool (a dead connection, a cap, ghost
// work, a backlog), what amplifies the load, what guards against it and holds on
// too long, what has more than one cause, and what lost capacity meanwhile.
func Mechanisms() []Mechanism {
	return []Mechanism{
		{
			ID: "dropped_flow", Name: "a connection dropped in silence",
			How: "the calls that wait fill every stream, no byte moves, and the balancer forgets the idle flow; the answers go nowhere, no " +
				"stream is ever given back, and with no data to send TCP has nothing to give up on",
			Run:    "the scenario as it is: idle flows dropped after 60 s, no keepalive, no deadline",
			Tell:   "the balancer's flow log, or on both hosts `ss -tno`: established at one end, unknown at the other, no retransmission timer",
			apply:  func(*sim.Scenario, Marks) {},
			reckon: reckonDropped,
		},
		{
			ID: "backlog", Name: "the backlog of the pool draining",
			How:    "calls that queued behind the lock are worked off in order, and new ones wait behind them",
			Run:    "the balancer drops no flow",
			Tell:   "inventory's own counter of calls begun: it would rise as fast as the pool works",
			apply:  neverIdle,
			reckon: reckonBacklog,
		},
		{
			ID: "retry_storm", Name: "a storm of retries",
			How:    "customers who were refused come back, each with the gateway's three tries, and the load keeps the pool full",
			Run:    "no flow is dropped; every customer who fails tries again, up to 5 times, 5 s later",
			Tell:   "the gateway's log: requests a second, and carts that come more than once",
			apply:  retryStorm,
			reckon: reckonRetries,
		},
		{
			ID: "ghost_work", Name: "ghost work on the sessions",
			How:    "calls that were given up go on holding their sessions: cancelled, and not rolled back for minutes",
			Run:    "no flow is dropped; every edge cancels, and a cancelled transaction keeps its session 5 min on average",
			Tell:   "pg_stat_activity after the release: sessions of inventory active in a rollback",
			apply:  ghostWork,
			reckon: reckonGhosts,
		},
		{
			ID: "tcp_gives_up", Name: "a dead connection until TCP gives up",
			How: "the connection is dead and data is on its way: the kernel sends it again and again, and closes the connection at last " +
				"(tcp_retries2 = 15)",
			Run:    "the path swallows every byte from a minute before the release on; streams are not bounded, so that there is always data",
			Tell:   "`ss -ti` on order: a growing backoff and retransmits; then ETIMEDOUT in order's log",
			apply:  tcpGivesUp,
			reckon: reckonTCP,
		},
		{
			ID: "breaker", Name: "a breaker that stays open",
			How: "a breaker on order -> inventory stays open longer than the balancer's idle limit and then probes a connection that is " +
				"dead; the probe hangs, and it opens again",
			Run:    "opossum on order.inventory, 5 s and 50 % as in the postmortem's factory, open for 90 s",
			Tell:   "circuit.inventory.open and .reject: the exporter was not wired up, so that no figure of them exists",
			apply:  openBreaker,
			reckon: reckonBreaker,
		},
		{
			ID: "second_lock", Name: "a lock held on, or another behind it",
			How:    "the migration's session kept its lock in an open transaction, or a request for a stronger one was queued behind it",
			Run:    "SHARE on stock_reservations is held until the end; no flow is dropped",
			Tell:   "pg_locks after the release; here it was looked at every second",
			apply:  secondLock,
			reckon: reckonLock,
		},
		{
			ID: "slow_after", Name: "a database that stayed slow",
			How:    "after the index build the cache is cold, or plans are bad: statements outlast the gateway's tries",
			Run:    "no flow is dropped; from the release to the end inventory answers a reservation 15 s late",
			Tell:   "pg_stat_statements, or active sessions that wait for no lock",
			apply:  slowAfter,
			reckon: reckonSlow,
		},
	}
}

// Twins come out as the first mechanism does: what killed the flow cannot be read
// off its being dead.
func Twins() []Mechanism {
	return []Mechanism{{
		ID: "black_hole", Name: "a path that swallows what is sent",
		How:   "a firewall, a NAT or a router on the way lost the flow, while all streams waited for the lock",
		Run:   "nothing is dropped for being idle; the path swallows every byte from a minute before the release on",
		Tell:  "the logs of whatever stands on the way: an idle limit reached, or state lost",
		apply: blackHole,
	}}
}

// IDs are those of all mechanisms and twins.
func IDs() (ids []string) {
	for _, m := range slices.Concat(Mechanisms(), Twins()) {
		ids = append(ids, m.ID)
	}
	return ids
}

// edge is the one whose calls hang.
const edge = "order.inventory"

func neverIdle(sc *sim.Scenario, _ Marks) { sc.World.IdleDrop = 0 }

func retryStorm(sc *sim.Scenario, m Marks) {
	neverIdle(sc, m)
	sc.Retries = sim.CustomerRetries{Times: 5, After: 5 * time.Second}
}

func ghostWork(sc *sim.Scenario, m Marks) {
	neverIdle(sc, m)
	set(sc, "*.cancel=propagate")
	sc.World.CancelTime = 5 * time.Minute
}

func openBreaker(sc *sim.Scenario, _ Marks) {
	set(sc, edge+".breaker=opossum")
	set(sc, edge+".breaker.resetTimeout=90s")
}

// secondLock holds the lock until the end, and until the last moment of it: the
// restart then finds it gone.
func secondLock(sc *sim.Scenario, m Marks) {
	neverIdle(sc, m)
	for i, f := range sc.Faults {
		if lock, ok := f.(sim.LockTable); ok {
			lock.Hold = m.Ended.Sub(sc.Start) - lock.At
			sc.Faults[i] = lock
		}
	}
}

// before is how long before the release the path dies.
const before = time.Minute

func blackHole(sc *sim.Scenario, m Marks) {
	neverIdle(sc, m)
	sc.Faults = append(sc.Faults, sim.BlackHole{At: m.Released.Add(-before).Sub(sc.Start)})
}

func tcpGivesUp(sc *sim.Scenario, m Marks) {
	blackHole(sc, m)
	sc.World.StreamQuota = 0
}

// slow is longer than one of the gateway's tries.
const slow = 15 * time.Second

func slowAfter(sc *sim.Scenario, m Marks) {
	neverIdle(sc, m)
	sc.Faults = append(sc.Faults, sim.SlowReserve{At: m.Released.Sub(sc.Start), For: m.Remainder(), By: slow})
}

// set changes a policy by its path, which is one of ours.
func set(sc *sim.Scenario, setting string) {
	path, value, _ := strings.Cut(setting, "=")
	if err := sc.Edges.Set(path, value); err != nil {
		panic("diagnose: " + err.Error())
	}
}

// figures are those that the closed forms need.
type figures struct {
	checkouts float64 // per second, in the middle of the incident
	tries     float64 // of the gateway
	places    float64 // in the pool, c
	hold      float64 // s: how long one healthy call has a session, h
	lock      float64 // s
	remainder float64 // s
}

func figuresOf(sc *sim.Scenario, m Marks) figures {
	middle := m.Began.Add(m.Ended.Sub(m.Began)/2).Sub(sc.Start).Seconds() / sc.Length.Seconds()
	return figures{
		checkouts: sc.Checkouts.From + (sc.Checkouts.To-sc.Checkouts.From)*middle,
		tries:     float64(max(1, sc.Edges["gateway.order"].Retry.Attempts)),
		places:    float64(sc.World.PoolSize),
		hold:      statements * sc.World.StatementTime.Seconds(),
		lock:      m.Released.Sub(m.Began).Seconds(),
		remainder: m.Remainder().Seconds(),
	}
}

// whole is a number without decimals, its thousands parted: 1,157.
func whole(v float64) string {
	s := strconv.Itoa(int(math.Round(v)))
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// statements of a reservation: a select and an update for each of two articles on
// average, and the commit.
const statements = 5

// calls is the calls of Reserve a second while every try fails, l.
func (f figures) calls() float64 { return f.checkouts * f.tries }

// backlog is the calls that wait at the release without a session, Q.
func (f figures) backlog() float64 { return math.Max(0, f.calls()*f.lock-f.places) }

// needed is how long a call would have to hold a session for the backlog to last as
// long as the remainder: Q/(c/h - l) solved for h.
func (f figures) needed() float64 { return f.places / (f.calls() + f.backlog()/f.remainder) }

func reckonDropped(sc *sim.Scenario, m Marks) string {
	f := figuresOf(sc, m)
	full := f.places / f.calls()
	return fmt.Sprintf("%.2f calls/s fill %.0f streams in %.0f s; idle for %.0f s more, the flow is gone %.0f s before the release; then it lasts until somebody acts",
		f.calls(), f.places, full, sc.World.IdleDrop.Seconds(), f.lock-full-sc.World.IdleDrop.Seconds())
}

func reckonBacklog(sc *sim.Scenario, m Marks) string {
	f := figuresOf(sc, m)
	return fmt.Sprintf("tail = Q/(c/h - l) = %.0f/(%.0f/%.4f - %.2f) = %.2f s; to last %s s each call would have to hold its session for %.0f s",
		f.backlog(), f.places, f.hold, f.calls(), f.backlog()/(f.places/f.hold-f.calls()), whole(f.remainder), f.needed())
}

func reckonRetries(sc *sim.Scenario, m Marks) string {
	f := figuresOf(sc, m)
	l := f.calls() * 6
	return fmt.Sprintf("it feeds itself only if l x h >= c: at 6 x %.2f = %.1f calls/s a call would have to hold its session for %.1f s, not %.4f s",
		f.calls(), l, f.places/l, f.hold)
}

func reckonGhosts(sc *sim.Scenario, m Marks) string {
	f := figuresOf(sc, m)
	return fmt.Sprintf("one session of the %.0f is enough: it carries %.0f calls/s, and %.2f come; the first of %.0f ghosts is gone %.0f s after the release on average",
		f.places, 1/f.hold, f.calls(), f.places, 300/f.places)
}

func reckonTCP(_ *sim.Scenario, m Marks) string {
	const giveUp = 924.6 // s: 200 ms doubled 15 times, each at most 120 s
	return fmt.Sprintf("924.6 s after the first unacknowledged byte: %.0f s after the release, %.0f s too early",
		giveUp-before.Seconds(), m.Remainder().Seconds()-giveUp+before.Seconds())
}

func reckonBreaker(_ *sim.Scenario, m Marks) string {
	return fmt.Sprintf("with a live connection at most one reset after the release, 90 s (30 s as written); with a dead one until TCP gives up, 924.6 s after the first probe; not %s s",
		whole(m.Remainder().Seconds()))
}

func reckonLock(sc *sim.Scenario, m Marks) string {
	f := figuresOf(sc, m)
	return fmt.Sprintf("any lock that stops writes keeps the pool full, and with it reads: %.0f sessions would wait to the end", f.places)
}

func reckonSlow(sc *sim.Scenario, m Marks) string {
	f := figuresOf(sc, m)
	return fmt.Sprintf("to keep the pool full a call would have to hold its session for %.0f s at %.2f calls/s; any time above the try's 10 s is enough to fail it",
		f.places/f.calls(), f.calls())
}
