package scenario

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"tripcurve/services/gateway"
	"tripcurve/services/order"
	"tripcurve/services/payment"
	"tripcurve/services/pb"
	"tripcurve/sim"
	"tripcurve/sim/vtime"
	"tripcurve/sim/world"
)

// Observers look on while a run goes. Each may be nil. They are called in the
// order of virtual time and must not keep the slices they are given.
type Observers struct {
	// OnAccess gets every request when the gateway has answered it.
	OnAccess func(gateway.AccessEntry)
	// OnCheckout gets every checkout when the gateway has answered it, and must not
	// keep it.
	OnCheckout func(*gateway.Response)
	// OnSample gets, at every full second, the inventory database's sessions that
	// are not idle, by pid.
	OnSample func(at time.Time, rows []sim.PGSession)
	// OnScrape gets, every 5 s, the counters of the gateway's and the order
	// service's gRPC clients.
	OnScrape func(at time.Time, counts []sim.MethodCounts)
	// OnEvent gets what the result lists as Events, when it happens.
	OnEvent func(sim.Event)
}

// Run makes one run. The same scenario gives the same result to the byte, with
// any observers and whatever else runs. It fails when the scenario makes no
// sense, when ctx ends, and when the run's own books do not balance.
func Run(ctx context.Context, sc sim.Scenario, obs Observers) (*sim.Result, error) {
	if err := check(sc); err != nil {
		return nil, fmt.Errorf("scenario %s: %w", sc.Name, err)
	}
	r := newRun(sc, obs)
	defer r.w.Close()
	r.w.K.Hire(vtime.CrewOf(ctx))
	if err := r.build(); err != nil {
		return nil, fmt.Errorf("scenario %s: %w", sc.Name, err)
	}
	r.schedule()
	if err := r.w.K.Run(ctx, vtime.Time(sc.Length)); err != nil {
		return nil, fmt.Errorf("scenario %s: %w", sc.Name, err)
	}
	res := r.result()
	if r.failure != nil {
		return nil, fmt.Errorf("scenario %s: %w", sc.Name, r.failure)
	}
	if err := r.balance(res); err != nil {
		return nil, fmt.Errorf("scenario %s, seed %d: books do not balance: %w", sc.Name, sc.Seed, err)
	}
	return res, nil
}

func check(sc sim.Scenario) error {
	switch {
	case sc.Length < time.Second:
		return fmt.Errorf("length %s: at least 1s is needed", sc.Length)
	case sc.World.PoolSize < 1:
		return fmt.Errorf("pool size %d: at least 1 is needed", sc.World.PoolSize)
	case sc.World.StreamQuota < 0:
		return fmt.Errorf("stream quota %d is negative", sc.World.StreamQuota)
	case sc.World.SKUs < 1:
		return fmt.Errorf("%d skus: at least 1 is needed", sc.World.SKUs)
	case sc.World.Sweep < 0:
		return fmt.Errorf("a sweep every %s: a time is needed, or 0 for never", sc.World.Sweep)
	case sc.World.NetworkDelay < 0:
		return fmt.Errorf("network delay %s is negative", sc.World.NetworkDelay)
	case sc.World.PoolWait < 0 || sc.World.LockTimeout < 0 || sc.World.StatementTimeout < 0:
		return fmt.Errorf("pool wait %s, lock timeout %s, statement timeout %s: none can be negative", sc.World.PoolWait, sc.World.LockTimeout, sc.World.StatementTimeout)
	}
	if sc.Retries.Times < 0 || sc.Retries.Times > 0 && sc.Retries.After <= 0 {
		return fmt.Errorf("customers come back %d times after %s: a number and a time are needed", sc.Retries.Times, sc.Retries.After)
	}
	if err := checkReplicas(sc); err != nil {
		return err
	}
	if _, err := order.ParseMode(string(cmp.Or(sc.Checkout, order.Sync))); err != nil {
		return err
	}
	for _, ramp := range []sim.Ramp{sc.Checkouts, sc.InventoryReads, sc.OrderReads} {
		if !(ramp.From >= 0 && ramp.To >= 0 && ramp.From <= maxRate && ramp.To <= maxRate) {
			return fmt.Errorf("rate from %g/s to %g/s: each must lie between 0 and %g", ramp.From, ramp.To, float64(maxRate))
		}
	}
	if err := checkLoad(sc); err != nil {
		return err
	}
	var last time.Duration
	for i, a := range sc.Arrivals {
		if a.At < last || a.At >= sc.Length {
			return fmt.Errorf("arrival %d at %s: they come in order and before %s", i, a.At, sc.Length)
		}
		if a.Route != gateway.PostOrder && a.Route != gateway.GetStock && a.Route != gateway.GetOrder {
			return fmt.Errorf("arrival %d at %s: nobody sets out for route %d", i, a.At, a.Route)
		}
		last = a.At
	}
	if err := checkProcessors(sc.World); err != nil {
		return err
	}
	for _, f := range sc.Faults {
		if err := checkFault(sc, f); err != nil {
			return err
		}
	}
	return nil
}

// maxRate keeps a mistyped rate from filling the memory.
const maxRate = 100_000

// run is one run under way.
type run struct {
	sc  sim.Scenario
	obs Observers
	w   *world.World

	meter                *meter
	gw                   *gateway.Gateway
	gateway, payment     *world.Service
	fleet                fleet
	inventories          inventories
	toOrder, toInventory []*world.Conn // by replica
	toPayment            *world.Conn
	db                   *world.Database // of inventory, as its first replica has it
	stock                *world.Stock
	orders               *world.Orders
	failure              error                         // of a restart
	upAt                 map[*world.Service]vtime.Time // of those that were down, the latest end of it

	shop *shop
	back *backOffice
	rec  *record
}

func newRun(sc sim.Scenario, obs Observers) *run {
	sc = withHosts(sc)
	r := &run{sc: sc, obs: obs}
	r.w = world.New(world.Config{
		Seed: sc.Seed, Start: sc.Start, NetworkDelay: sc.World.NetworkDelay, OnEvent: r.event,
	})
	r.meter = &meter{r: r}
	r.fleet = newFleet(sc)
	r.rec = newRecord(sc)
	return r
}

// build makes the services and connects them.
func (r *run) build() error {
	w, o := r.w, r.sc.World
	r.db = w.NewDatabase(world.DatabaseOptions{
		Name: "inventory", Application: "inventory", User: "inventory",
		PoolSize: o.PoolSize, Statement: o.Statement(), Cancel: r.sc.Edges["inventory.postgres"].Cancel,
		CancelTime: o.CancelTime, Limits: world.Limits{PoolWait: o.PoolWait, Lock: o.LockTimeout, Statement: o.StatementTimeout},
	})
	checkouts := expect(r.sc.Checkouts, r.sc.Length)
	r.stock = world.NewStock(r.db, checkouts)
	r.orders = w.NewOrders(o.Statement(), knownOrders+checkouts)
	r.orders.TakeCheckouts(order.Checkouts{Mode: cmp.Or(r.sc.Checkout, order.Sync)})
	ledger := w.NewLedger(o.Statement(), 2*checkouts)
	r.shop = newShop(r)
	r.back = newBackOffice(r, ledger, checkouts)

	var err error
	if r.gateway, err = w.AddService("gateway", nil); err != nil {
		return err
	}
	if err := r.inventories.open(r); err != nil {
		return err
	}
	payRand := w.Stream("payment").Rand() // a restart draws on: no id comes twice
	r.payment, err = w.AddService("payment", func(s *world.Service) error {
		pb.RegisterPaymentServer(s, &till{payment.New(payment.Config{Ledger: ledger, Rand: payRand, Meter: r.meter}), r.back})
		r.back.process(s)
		return nil
	})
	if err != nil {
		return err
	}
	if slows(r.sc, "payment") {
		ledger.RunAt(r.payment.Pace())
	}
	if err := r.fleet.open(r); err != nil {
		return err
	}
	if err := r.back.open(); err != nil {
		return err
	}
	options := func(edge string) world.ConnOptions {
		return world.ConnOptions{Edge: edge, Keepalive: r.sc.Edges[edge].Keepalive, MinPing: o.MinPing}
	}
	toOrder := options(gateway.EdgeOrder)
	toOrder.Eager = len(r.fleet.replicas) > 1
	for _, o := range r.fleet.replicas {
		r.toOrder = append(r.toOrder, w.Dial(r.gateway, o.service, toOrder))
	}
	r.toInventory = r.inventories.dial(r, r.gateway, options(gateway.EdgeInventory))
	r.toPayment = w.Dial(r.gateway, r.payment, options(gateway.EdgePayment))
	r.gw, err = gateway.New(gateway.Config{
		Clock: r.gateway.Clock(), Meter: r.meter, Rand: w.Stream("gateway").Rand(),
		Order: balanced(r.toOrder, o.OrderBalance), Inventory: balanced(r.toInventory, o.InventoryBalance), Payment: r.toPayment,
		Policies: r.sc.Edges, Upstreams: upstreams,
	})
	return err
}

// upstreams are the addresses in the access log.
var upstreams = map[string]string{
	gateway.EdgeOrder: "10.1.4.11:7000", gateway.EdgeOrderRead: "10.1.4.11:7000",
	gateway.EdgeInventory: "10.1.4.21:7000", gateway.EdgePayment: "10.1.4.31:7000",
}

// schedule sets the clients, the faults and the observers going.
func (r *run) schedule() {
	k := r.w.K
	r.shop.open()
	r.compute()
	r.scheduleFaults()
	r.inventories.watch(r)
	k.Lane(time.Second).After((*sampler)(r))
	if r.obs.OnScrape != nil {
		k.Lane(scrapeEvery).After(&scraper{r: r})
	}
}

// servicesOf are the replicas of a service.
func (r *run) servicesOf(name string) (all []*world.Service) {
	switch name {
	case "order":
		for _, o := range r.fleet.replicas {
			all = append(all, o.service)
		}
	case "inventory":
		for _, v := range r.inventories.replicas {
			all = append(all, v.service)
		}
	default:
		for _, s := range append([]*world.Service{r.payment}, r.back.services...) {
			if s.Name == name {
				all = append(all, s)
			}
		}
	}
	return all
}

// poolFull notes the first time after each lock at which a replica had no
// connection free.
func (r *run) poolFull(v *inventoryReplica) {
	if !r.rec.poolFull(r.w.K.Now()) {
		return
	}
	whose := "inventory"
	if v.name != "" {
		whose = v.name
	}
	r.event("pool_full", fmt.Sprintf("all %d connections of %s's pool are in use", v.db.Pool.Size(), whose))
}

func (r *run) event(kind, text string) {
	e := sim.Event{At: r.w.Now(), Kind: kind, Text: text}
	r.rec.events = append(r.rec.events, e)
	if r.obs.OnEvent != nil {
		r.obs.OnEvent(e)
	}
}

// sampler looks at the world at every full second.
type sampler run

// Run takes one sample and sets the next.
func (s *sampler) Run() {
	r := (*run)(s)
	r.rec.sample(r)
	if r.obs.OnSample != nil {
		r.rec.rows = r.db.Sessions(r.rec.rows[:0])
		r.obs.OnSample(r.w.Now(), r.rec.rows)
	}
	r.w.K.Lane(time.Second).After(s)
}

// read takes the counters of one client's connections to one service: it counts
// by method, not by replica.
func (s *scraper) read(conns ...*world.Conn) {
	var all []world.Counts
	for _, c := range conns {
		for _, n := range c.Counts() {
			i := slices.IndexFunc(all, func(a world.Counts) bool { return a.Method == n.Method })
			if i < 0 {
				all = append(all, *n)
				continue
			}
			all[i].Add(n)
		}
	}
	for i := range all {
		s.counts = append(s.counts, sim.MethodCounts{
			Service: conns[0].Client().Name, Since: conns[0].Began(),
			Method: all[i].Method, Started: all[i].Started, Handled: all[i].Codes(),
		})
	}
}

const scrapeEvery = 5 * time.Second

// scraper reads the clients' counters.
type scraper struct {
	r      *run
	counts []sim.MethodCounts
}

// Run takes one scrape and sets the next.
func (s *scraper) Run() {
	s.counts = s.counts[:0]
	s.read(s.r.toOrder...)
	s.read(s.r.toInventory...)
	s.read(s.r.toPayment)
	for _, o := range s.r.fleet.replicas {
		s.read(o.reserve...)
		s.read(o.pays)
	}
	s.r.obs.OnScrape(s.r.w.Now(), s.counts)
	s.r.w.K.Lane(scrapeEvery).After(s)
}
