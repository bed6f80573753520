package scenario

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"tripcurve/internal/policy"
	"tripcurve/services/fulfillment"
	"tripcurve/services/gateway"
	"tripcurve/services/order"
	"tripcurve/sim"
	"tripcurve/sim/vtime"
	"tripcurve/sim/world"
)

// stoppable are the services that a fault can restart, stop or slow.
var stoppable = []string{"order", "inventory", "payment", "warehouse", "fulfillment"}

// pathsOf are the edges that have connections of their own; gateway.order_read shares
// gateway.order's, and statements go over none that is simulated.
var pathsOf = []string{
	gateway.EdgeOrder, gateway.EdgeInventory, gateway.EdgePayment,
	order.EdgeInventory, order.EdgePayment, fulfillment.EdgeWarehouse,
}

func checkFault(sc sim.Scenario, f sim.Fault) error {
	switch f := f.(type) {
	case sim.LockTable:
		if f.At < 0 || f.Hold <= 0 || f.Mode == 0 {
			return fmt.Errorf("lock on %s: it needs a time, a duration and a mode", f.Table)
		}
	case sim.RestartService:
		if err := checkReplica(sc, "restart", f.Service, f.Replica); err != nil {
			return err
		}
		if f.At < 0 || f.Down < 0 || f.WarmUp.For < 0 {
			return fmt.Errorf("restart of %s at %s, down for %s, warming up for %s: none can be negative", f.Service, f.At, f.Down, f.WarmUp.For)
		}
		if f.WarmUp.For > 0 && !factor(f.WarmUp.Factor) {
			return fmt.Errorf("restart of %s: %g times as slow while it warms up: expected a factor from 1 to %d", f.Service, f.WarmUp.Factor, maxFactor)
		}
	case sim.CrashLoop:
		if f.At < 0 || f.For <= 0 || f.Up <= 0 {
			return fmt.Errorf("crash loop of %s: it needs a time, how long it lasts and how long the service lives each time", f.Service)
		}
		return checkReplica(sc, "crash loop", f.Service, f.Replica)
	case sim.SlowService:
		if f.At < 0 || f.For < 0 || !factor(f.Factor) {
			return fmt.Errorf("slow %s at %s for %s, %g times: expected a time, a duration or 0 for good, and a factor from 1 to %d", f.Service, f.At, f.For, f.Factor, maxFactor)
		}
		return checkReplica(sc, "slow service", f.Service, f.Replica)
	case sim.FailCalls:
		if f.At < 0 || f.For < 0 || !(f.Share > 0 && f.Share <= 1) {
			return fmt.Errorf("failing calls of %s at %s for %s, a share of %g: expected a time, a duration or 0 for good, and a share above 0, 1 at most", f.Service, f.At, f.For, f.Share)
		}
		return checkReplica(sc, "failing calls", f.Service, 0)
	case sim.SlowReserve:
		if f.At < 0 || f.For <= 0 || f.By <= 0 {
			return fmt.Errorf("slow reservations at %s for %s by %s: they need a time, a duration and a delay", f.At, f.For, f.By)
		}
	case sim.BlackHole:
		if f.At < 0 || f.For < 0 {
			return fmt.Errorf("black hole at %s for %s: it needs a time from the beginning, and a duration or 0", f.At, f.For)
		}
		if f.Way > sim.ToClient || f.Way != sim.BothWays && f.For == 0 {
			return fmt.Errorf("black hole one way: it needs a duration")
		}
		return checkEdge("black hole", edgeOf(f.Edge))
	case sim.BadNetwork:
		if f.At < 0 || f.For < 0 || !(f.Loss >= 0 && f.Loss < 1) {
			return fmt.Errorf("bad network at %s for %s with a loss of %g: expected a time, a duration or 0 for good, and a share from 0 to below 1", f.At, f.For, f.Loss)
		}
		if found, expected := f.Jitter.Wrong(); found != "" {
			return fmt.Errorf("bad network: jitter: found %s, expected %s", found, expected)
		}
		return checkEdge("bad network", edgeOf(f.Edge))
	case sim.ResetConnections:
		if f.At < 0 {
			return fmt.Errorf("connections reset at %s: it needs a time from the beginning", f.At)
		}
		return checkEdge("reset", edgeOf(f.Edge))
	case sim.TrafficSurge:
		if f.At < 0 || f.For < 0 || !(f.Factor >= 0 && f.Factor <= maxFactor) {
			return fmt.Errorf("traffic at %s for %s, %g times: expected a time, a duration or 0 for good, and a factor from 0 to %d", f.At, f.For, f.Factor, maxFactor)
		}
		if f.Route != gateway.NoRoute && !slices.Contains(sought[:], f.Route) {
			return fmt.Errorf("traffic on route %d: nobody sets out for it", f.Route)
		}
	case sim.SwitchCheckout:
		if _, err := order.ParseMode(string(f.To)); err != nil {
			return fmt.Errorf("switch of the checkout: %w", err)
		}
		if f.Drain && f.To != order.Sync {
			return fmt.Errorf("switch of the checkout to %s: only a switch to %s drains", f.To, order.Sync)
		}
	}
	return nil
}

// maxFactor keeps a mistyped one from stopping the world.
const maxFactor = 1_000_000

func factor(f float64) bool { return f >= 1 && f <= maxFactor }

func checkReplica(sc sim.Scenario, what, service string, replica int) error {
	if !slices.Contains(stoppable, service) {
		return fmt.Errorf("%s of %q: expected one of %s", what, service, strings.Join(stoppable, ", "))
	}
	if most := replicasOf(sc, service); replica < 0 || replica > most {
		return fmt.Errorf("%s of replica %d of %s: there are %d, and 0 is every one", what, replica, service, most)
	}
	return nil
}

// edgeOf is the edge of a fault that may leave it out.
func edgeOf(edge string) string {
	if edge == "" {
		return order.EdgeInventory
	}
	return edge
}

func checkEdge(what, edge string) error {
	if !slices.Contains(pathsOf, edge) {
		return fmt.Errorf("%s on edge %q: expected one with connections of its own (%s)", what, edge, strings.Join(pathsOf, ", "))
	}
	return nil
}

// scheduleFaults sets what goes wrong.
func (r *run) scheduleFaults() {
	k := r.w.K
	at := func(t time.Duration, f func()) { k.After(t, vtime.Func(f)) }
	until := func(from, d time.Duration, f func()) {
		if d > 0 {
			at(from+d, f)
		}
	}
	for _, f := range r.sc.Faults {
		switch f := f.(type) {
		case sim.LockTable:
			k.StartAfter(f.At, nil, vtime.Func(func() { r.lockTable(f) }))
		case sim.RestartService:
			at(f.At, func() { r.restart(f) })
		case sim.CrashLoop:
			at(f.At, func() { r.crash(f, crashBackoff) })
		case sim.SlowService:
			at(f.At, func() {
				r.trigger()
				r.pace(f.Service, f.Replica, f.Factor)
				r.event("slow", fmt.Sprintf("%s takes %.10g times as long", whom(r.sc, f.Service, f.Replica), f.Factor))
			})
			until(f.At, f.For, func() {
				r.pace(f.Service, f.Replica, 1/f.Factor)
				text := whom(r.sc, f.Service, f.Replica) + " is as fast as before"
				if r.another(func(o sim.Fault) bool {
					g, ok := o.(sim.SlowService)
					return ok && g.Service == f.Service && (g.Replica == f.Replica || g.Replica == 0 || f.Replica == 0) && r.on(g.At, g.For)
				}) {
					text = fmt.Sprintf("%s no longer takes %.10g times as long; another fault goes on slowing it", whom(r.sc, f.Service, f.Replica), f.Factor)
				}
				r.event("slow", text)
			})
		case sim.FailCalls:
			at(f.At, func() {
				r.trigger()
				r.failing(f.Service)
			})
			until(f.At, f.For, func() { r.failing(f.Service) })
		case sim.SlowReserve:
			at(f.At, func() {
				r.trigger()
				r.slowReserve()
			})
			until(f.At, f.For, r.slowReserve)
		case sim.BlackHole:
			r.scheduleBlackHole(f)
		case sim.BadNetwork:
			conns := r.connsOf(f.Edge)
			each(conns, (*world.Conn).Path)
			var undo []func()
			at(f.At, func() {
				r.trigger()
				each(conns, func(c *world.Conn) { undo = append(undo, c.Degrade(f.Loss, f.Jitter)) })
				r.event("network", fmt.Sprintf("%s loses %.10g %% of its messages and delays them unevenly", edgeOf(f.Edge), 100*f.Loss))
			})
			until(f.At, f.For, func() {
				for _, f := range undo {
					f()
				}
				r.over("network", edgeOf(f.Edge), "is well again", slices.ContainsFunc(conns, (*world.Conn).Degraded))
			})
		case sim.TrafficSurge:
			at(f.At, func() {
				r.trigger()
				r.event("traffic", fmt.Sprintf("%.10g times as many customers %s", f.Factor, toWhat(f.Route)))
			})
			until(f.At, f.For, func() {
				text := "as many customers as before " + toWhat(f.Route)
				if r.another(func(o sim.Fault) bool {
					g, ok := o.(sim.TrafficSurge)
					return ok && (g.Route == f.Route || g.Route == gateway.NoRoute || f.Route == gateway.NoRoute) && r.on(g.At, g.For)
				}) {
					text = fmt.Sprintf("no longer %.10g times as many customers %s; another fault of traffic goes on", f.Factor, toWhat(f.Route))
				}
				r.event("traffic", text)
			})
		case sim.SwitchCheckout:
			k.StartAfter(f.At, nil, vtime.Func(func() { r.switchCheckout(f) }))
		case sim.ResetConnections:
			at(f.At, func() { each(r.connsOf(f.Edge), (*world.Conn).Reset) })
		}
	}
}

func (r *run) scheduleBlackHole(f sim.BlackHole) {
	k := r.w.K
	if f.For == 0 {
		k.After(f.At, vtime.Func(func() {
			r.trigger()
			each(r.connsOf(f.Edge), (*world.Conn).BlackHole)
		}))
		return
	}
	conns := r.connsOf(f.Edge)
	each(conns, (*world.Conn).Path)
	k.After(f.At, vtime.Func(func() {
		r.trigger()
		end := k.Now() + vtime.Time(f.For)
		each(conns, func(c *world.Conn) { c.Block(end, f.Way != sim.ToClient, f.Way != sim.ToServer) })
		r.event("black_hole", fmt.Sprintf("%s swallows what is sent %s, telling neither end", edgeOf(f.Edge), f.Way))
	}))
	k.After(f.At+f.For, vtime.Func(func() {
		r.over("black_hole", edgeOf(f.Edge), "carries again", slices.ContainsFunc(conns, (*world.Conn).Blocked))
	}))
}

// over tells that a fault of an edge's network is, and that the edge is well again unless
// another one of the kind goes on.
func (r *run) over(kind, edge, well string, another bool) {
	if another {
		well = "has another such fault, which goes on"
	}
	r.event(kind, edge+" "+well)
}

// another says whether a fault like one that is over goes on.
func (r *run) another(like func(sim.Fault) bool) bool { return slices.ContainsFunc(r.sc.Faults, like) }

// connsOf are the connections of an edge.
func (r *run) connsOf(edge string) (all []*world.Conn) {
	edge = edgeOf(edge)
	for _, c := range r.w.Conns() {
		if name := c.Edge(); name == edge || strings.HasPrefix(name, edge+" ") {
			all = append(all, c)
		}
	}
	return all
}

func each(conns []*world.Conn, do func(*world.Conn)) {
	for _, c := range conns {
		do(c)
	}
}

func (r *run) trigger() { r.rec.trigger(r.w.K.Now(), r.w.Now()) }

// lockTable is the process of the migration.
func (r *run) lockTable(f sim.LockTable) {
	k := r.w.K
	asked := k.Now()
	until, held := asked+vtime.Time(f.Hold), f.Hold
	r.trigger()
	s := r.db.Connect(f.PID, f.User, "migrate")
	r.db.Hold(s, r.db.Table(f.Table), f.Mode, f.Statement, until, func() {
		if f.Idle {
			s.Idle()
		}
		if waited := time.Duration(k.Now() - asked); waited >= time.Second { // behind another lock, and not behind statements
			held = max(f.Hold-waited, 0).Round(time.Millisecond)
		}
		r.rec.lockFrom(r.w.Now())
		r.event("lock_taken", fmt.Sprintf("pid %d (%s) holds %s on %s: %s", f.PID, f.User, f.Mode, f.Table, f.Statement))
	})
	r.rec.lockTo(r.w.Now())
	r.event("lock_released", fmt.Sprintf("pid %d released %s on %s after %s", f.PID, f.Mode, f.Table, held))
}

// on says whether a fault is at work now; for good is a duration of 0.
func (r *run) on(at, d time.Duration) bool {
	now := time.Duration(r.w.K.Now())
	return now >= at && (d == 0 || now-at < d)
}

// failing sets the share of a service's calls that fail by all the faults that are on:
// each fails its share of those that the others let through.
func (r *run) failing(service string) {
	share := 0.0
	for _, f := range r.sc.Faults {
		if f, ok := f.(sim.FailCalls); ok && f.Service == service && r.on(f.At, f.For) {
			share += f.Share - share*f.Share
		}
	}
	for _, s := range r.servicesOf(service) {
		s.Fail(share)
	}
	if share == 0 {
		r.event("fail", "calls of "+service+" no longer fail")
		return
	}
	r.event("fail", fmt.Sprintf("%.10g %% of the calls of %s fail", 100*share, service)) // 100 times 0.07 is a little more than 7
}

// slowReserve sets how much longer a reservation takes by all the faults that are on.
func (r *run) slowReserve() {
	var by time.Duration
	for _, f := range r.sc.Faults {
		if f, ok := f.(sim.SlowReserve); ok && r.on(f.At, f.For) {
			by += f.By
		}
	}
	for _, sku := range r.shop.skus {
		r.stock.Slow(sku, by)
	}
	if by == 0 {
		r.event("slow", "reservations take their usual time again")
		return
	}
	r.event("slow", fmt.Sprintf("reservations take %s longer for each article", by))
}

// chosen are the chosen replicas of a service; 0 is every one.
func (r *run) chosen(service string, replica int) []*world.Service {
	all := r.servicesOf(service)
	if replica > 0 {
		return all[replica-1 : replica]
	}
	return all
}

func (r *run) restart(f sim.RestartService) {
	if f.WhileFailing && r.rec.well() {
		return
	}
	if f.Down > 0 {
		r.trigger()
	}
	for _, s := range r.chosen(f.Service, f.Replica) {
		switch {
		case f.Down > 0:
			r.stop(s, "went down for "+policy.FormatDuration(f.Down), f.Down)
			r.w.K.After(f.Down, vtime.Func(func() {
				if r.start(s) {
					warm(s, f.WarmUp)
				}
			}))
		case !s.Down():
			r.failed(s.Restart())
			warm(s, f.WarmUp)
		}
	}
}

// stop is a service being down for so long: the latest end counts of several.
func (r *run) stop(s *world.Service, text string, d time.Duration) {
	if r.upAt == nil {
		r.upAt = map[*world.Service]vtime.Time{}
	}
	r.upAt[s] = max(r.upAt[s], r.w.K.Now()+vtime.Time(d))
	r.failed(s.Stop(text))
}

// start is the end of a stop; false when another one goes on.
func (r *run) start(s *world.Service) bool {
	if r.w.K.Now() < r.upAt[s] {
		return false
	}
	r.failed(s.Start())
	return true
}

func warm(s *world.Service, w sim.WarmUp) {
	if w.For > 0 {
		s.Pace().Warm(w.For, w.Factor, w.Exponential)
	}
}

func (r *run) failed(err error) { r.failure = errors.Join(r.failure, err) }

const (
	// Kubernetes starts a container that ends again and again 10 s after its end, then
	// twice as late each time, up to five minutes (CrashLoopBackOff).
	crashBackoff    = 10 * time.Second
	crashBackoffMax = 5 * time.Minute
)

// crash is a service dying again and again, at the end of which it lives.
func (r *run) crash(f sim.CrashLoop, wait time.Duration) {
	r.trigger()
	for _, s := range r.chosen(f.Service, f.Replica) {
		r.stop(s, "crashed, to be started in "+policy.FormatDuration(wait), wait)
	}
	r.w.K.After(wait, vtime.Func(func() {
		for _, s := range r.chosen(f.Service, f.Replica) {
			r.start(s)
		}
		if next := time.Duration(r.w.K.Now()) + f.Up; next < f.At+f.For {
			r.w.K.After(f.Up, vtime.Func(func() { r.crash(f, min(2*wait, crashBackoffMax)) }))
		}
	}))
}

// pace makes a service slower, or by less than 1 faster again.
func (r *run) pace(service string, replica int, factor float64) {
	for _, s := range r.chosen(service, replica) {
		s.Pace().Slow(factor)
	}
}

// compute gives the services their processors.
func (r *run) compute() {
	for _, p := range r.sc.World.Processors {
		for _, s := range r.servicesOf(p.Service) {
			s.Compute(p.Work, p.Cores)
		}
	}
}

func checkProcessors(w sim.World) error {
	for _, p := range w.Processors {
		if !slices.Contains(stoppable, p.Service) {
			return fmt.Errorf("processor of %q: expected one of %s", p.Service, strings.Join(stoppable, ", "))
		}
		if p.Cores < 0 || p.Cores > maxCores {
			return fmt.Errorf("processor of %s with %d cores: expected 1 to %d, or 0 for no bound", p.Service, p.Cores, maxCores)
		}
		if found, expected := p.Work.Wrong(); found != "" {
			return fmt.Errorf("work of %s: found %s, expected %s", p.Service, found, expected)
		}
	}
	if found, expected := w.Statements.Wrong(); found != "" {
		return fmt.Errorf("statements: found %s, expected %s", found, expected)
	}
	return nil
}

const maxCores = 100_000

func toWhat(route gateway.Route) string {
	if route == gateway.NoRoute {
		return "come"
	}
	return "ask for " + route.Method() + " " + route.Template()
}

// slows says whether anything in the scenario slows a service, whose statements then
// go at its pace.
func slows(sc sim.Scenario, service string) bool {
	for _, f := range sc.Faults {
		switch f := f.(type) {
		case sim.SlowService:
			if f.Service == service {
				return true
			}
		case sim.RestartService:
			if f.Service == service && f.WarmUp.For > 0 {
				return true
			}
		}
	}
	return false
}

// whom names a service or one of its replicas.
func whom(sc sim.Scenario, service string, replica int) string {
	if replica == 0 || replicasOf(sc, service) == 1 {
		return service
	}
	return fmt.Sprint(service, "-", replica)
}
