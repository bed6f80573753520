package tune

import (
	"context"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"tripcurve/internal/policy"
	"tripcurve/services/gateway"
	"tripcurve/services/order"
	"tripcurve/services/pb"
	"tripcurve/sim"
	"tripcurve/sim/replicate"
	"tripcurve/sim/scenario"
)

// callees are the edges of the order pipeline on the way of a checkout, with the
// service behind each.
var callees = map[string]string{gateway.EdgeOrder: "order", order.EdgeInventory: "inventory", order.EdgePayment: "payment"}

// reaches is the method that goes over each edge.
var reaches = map[string]string{
	gateway.EdgeOrder: pb.Order_Checkout_FullMethodName, order.EdgeInventory: pb.Inventory_Reserve_FullMethodName,
	order.EdgePayment: pb.Payment_CreateIntent_FullMethodName,
}

// counter is how often a method was called, by what its clients export.
type counter struct {
	method string
	since  map[time.Time]int64 // by when the client's process began
}

func (c *counter) read(_ time.Time, counts []sim.MethodCounts) {
	now := map[time.Time]int64{}
	for _, m := range counts {
		if m.Method == c.method {
			now[m.Since] += m.Started
		}
	}
	if c.since == nil {
		c.since = map[time.Time]int64{}
	}
	maps.Copy(c.since, now)
}

func (c *counter) total() (n int) {
	for _, calls := range c.since {
		n += int(calls)
	}
	return n
}

// Edges are those of the order pipeline that can be tuned.
func Edges() []string { return []string{gateway.EdgeOrder, order.EdgeInventory, order.EdgePayment} }

// The stretches of a run that is made for tuning.
const (
	before  = time.Minute       // before the trigger
	lasting = 2 * time.Minute   // the trigger, on average
	after   = 150 * time.Second // after it, to see whether requests succeed again
)

// OfScenario is the problem of one edge of the order pipeline: the scenario's own faults
// and three others of the edge's callee.
func OfScenario(ctx context.Context, sc sim.Scenario, edge string) (Problem, error) {
	service, ok := callees[edge]
	if !ok {
		return Problem{}, fmt.Errorf("edge %q: expected one on the way of a checkout (%s)", edge, strings.Join(Edges(), ", "))
	}
	if sc.World.InventoryReplicas == 0 { // so that a proxy among the libraries knows how many there are
		sc.World.InventoryReplicas = 1
	}
	w := &orders{sc: sc, edge: edge, service: service}
	p := Problem{Name: sc.Name, Edge: edge, Requests: "checkouts", Today: sc.Edges[edge], Key: fmt.Sprintf("%+v", sc), Hosts: 1}
	switch service {
	case "inventory":
		p.Hosts = sc.World.Inventories()
	case "order":
		p.Hosts = sc.World.Replicas()
	}
	var err error
	if p.Healthy, err = w.healthy(ctx); err != nil {
		return Problem{}, err
	}
	if len(sc.Faults) > 0 {
		p.Cases = append(p.Cases, w.own())
	}
	p.Cases = append(p.Cases, w.modes()...)
	return p, nil
}

// orders makes runs of the order pipeline.
type orders struct {
	sc            sim.Scenario
	edge, service string
}

// healthy is the calls over the edge while nothing is wrong. How long their answers take
// is not measured on the edge: a whole checkout's wait stands for it, which is longer.
func (w *orders) healthy(ctx context.Context) (Traffic, error) {
	sc := w.sc
	sc.Faults, sc.Rollout, sc.Length = nil, sim.Rollout{}, min(sc.Length, 10*time.Minute)
	sc.Edges = sc.Edges.Clone()
	p := sc.Edges[w.edge]
	p.Breaker = policy.BreakerSpec{}
	sc.Edges[w.edge] = p
	res, err := scenario.Run(ctx, sc, scenario.Observers{})
	if err != nil {
		return Traffic{}, err
	}
	breakers := 1
	if w.edge != gateway.EdgeOrder {
		breakers = sc.World.Replicas()
	}
	return newTraffic(sc.Seed, float64(res.Orders.Started)/sc.Length.Seconds()/float64(breakers), res.Waits.P50, res.Waits.P99), nil
}

// own is the scenario's own trigger.
func (w *orders) own() Case {
	short := w.shorten()
	return Case{
		Name: w.sc.Name, What: "the scenario's own faults",
		Play: func(ctx context.Context, p policy.Policy, n int, whole bool) (Seen, error) {
			sc := short
			if whole {
				sc = w.sc
			}
			return w.play(ctx, sc, p, n)
		},
		Short: cost(short), Whole: cost(w.sc),
	}
}

// cost is about proportional to the time that a run takes to make.
func cost(sc sim.Scenario) float64 {
	perSecond := (sc.Checkouts.From+sc.Checkouts.To)*2 + (sc.InventoryReads.From+sc.InventoryReads.To)/2 + (sc.OrderReads.From+sc.OrderReads.To)/2
	return sc.Length.Seconds() * perSecond / 10
}

// shorten cuts the scenario to the stretch around its trigger. Restarts after the
// trigger's end are left out, for what they end has not recovered, and so are reads of
// orders, which nothing else depends on. What comes long before the trigger is cut off
// where the arrivals are straight lines and the faults locks.
func (w *orders) shorten() sim.Scenario {
	trigger := triggerOf(w.sc)
	return stretchOf(withoutRestarts(w.sc, trigger.to), trigger.from-before, trigger.to+after)
}

// Draft is the part of a scenario in which its settings differ most, for a first look: from
// a minute before its trigger until 150 s after it, without the reads of orders, which
// nothing else depends on. Of the bundled night it is a seventh of the work.
func Draft(sc sim.Scenario) sim.Scenario {
	trigger := triggerOf(sc)
	return stretchOf(withoutRestarts(sc, trigger.to+after), trigger.from-before, trigger.to+after)
}

// withoutRestarts is a scenario without those that come at an instant or after it.
func withoutRestarts(sc sim.Scenario, from time.Duration) sim.Scenario {
	sc.Faults = slices.DeleteFunc(slices.Clone(sc.Faults), func(f sim.Fault) bool {
		r, restart := f.(sim.RestartService)
		return restart && r.At >= from
	})
	return sc
}

// stretchOf is a part of a scenario, without the reads of orders. It begins with the
// scenario where its beginning cannot be cut off.
func stretchOf(sc sim.Scenario, from, to time.Duration) sim.Scenario {
	length := sc.Length
	from, to = max(0, from), min(length, to)
	if later, ok := shifted(sc.Faults, from); ok && len(sc.Arrivals) == 0 && sc.Load.Checkouts.Points == nil && sc.Load.InventoryReads.Points == nil {
		sc.Faults = later
	} else {
		from = 0
	}
	sc.Start, sc.Length = sc.Start.Add(from), to-from
	sc.Checkouts = cut(sc.Checkouts, length, from, to)
	sc.InventoryReads = cut(sc.InventoryReads, length, from, to)
	sc.OrderReads, sc.Load.OrderReads = sim.Ramp{}, sim.Rate{}
	return sc
}

// shifted is the faults of a scenario that begins so much later; not ok with one that is
// no lock and no restart.
func shifted(faults []sim.Fault, by time.Duration) (later []sim.Fault, ok bool) {
	for _, f := range faults {
		switch f := f.(type) {
		case sim.LockTable:
			f.At -= by
			later = append(later, f)
		case sim.RestartService:
			f.At -= by
			later = append(later, f)
		default:
			return nil, false
		}
	}
	return later, true
}

// cut is a straight line's part.
func cut(r sim.Ramp, length, from, to time.Duration) sim.Ramp {
	at := func(t time.Duration) float64 { return r.From + (r.To-r.From)*float64(t)/float64(length) }
	return sim.Ramp{From: at(from), To: at(to)}
}

// stretch is from when to when.
type stretch struct{ from, to time.Duration }

// triggerOf is while something is wrong by itself: the scenario's faults, but for
// restarts, which people make.
func triggerOf(sc sim.Scenario) stretch {
	s := stretch{from: sc.Length}
	for _, f := range sc.Faults {
		if _, restart := f.(sim.RestartService); restart && len(sc.Faults) > 1 {
			continue
		}
		from, to := f.Span(sc.Length)
		s.from, s.to = min(s.from, from), max(s.to, min(to, sc.Length))
	}
	if s.from >= s.to {
		return stretch{0, sc.Length}
	}
	return s
}

// modes are three ways in which the edge's callee fails, each for a time that is drawn
// anew for each replication: at one length alone that breaker wins whose probe falls on
// its end.
func (w *orders) modes() []Case {
	mode := func(name, what string, fault func(d time.Duration) sim.Fault) Case {
		base := w.sc
		base.Rollout, base.OrderReads, base.Load.OrderReads, base.Arrivals = sim.Rollout{}, sim.Ramp{}, sim.Rate{}, nil
		at := w.sc.Checkouts
		base.Checkouts = sim.Ramp{From: (at.From + at.To) / 2, To: (at.From + at.To) / 2}
		base.Length = before + 3*lasting/2 + after
		return Case{
			Name: name, What: what, Short: cost(base), Whole: cost(base),
			Play: func(ctx context.Context, p policy.Policy, n int, _ bool) (Seen, error) {
				sc := base
				d := lastingOf(w.sc.Seed, n)
				sc.Faults = []sim.Fault{fault(d)}
				sc.Length = before + d + after
				return w.play(ctx, sc, p, n)
			},
		}
	}
	return []Case{
		mode("hang", "calls of "+w.service+" take a minute and more, for 1 to 3 min", func(d time.Duration) sim.Fault {
			return sim.SlowService{At: before, For: d, Service: w.service, Factor: w.factor(time.Minute)}
		}),
		mode("slow", "calls of "+w.service+" take a second or two, for 1 to 3 min", func(d time.Duration) sim.Fault {
			return sim.SlowService{At: before, For: d, Service: w.service, Factor: w.factor(300 * time.Millisecond)}
		}),
		mode("errors", "half of the calls of "+w.service+" fail at once, for 1 to 3 min", func(d time.Duration) sim.Fault {
			return sim.FailCalls{At: before, For: d, Service: w.service, Share: 0.5}
		}),
	}
}

// factor is how many times slower a statement has to be to take so long.
func (w *orders) factor(statement time.Duration) float64 {
	usual := w.sc.World.Statement()
	return max(1, float64(statement)/max(usual.Mean(), float64(time.Microsecond)))
}

// lastingOf is how long a trigger lasts in a replication: half as long to half as long
// again as on average.
func lastingOf(seed uint64, n int) time.Duration {
	const parts = 1 << 20
	draw := float64(replicate.Seed(seed+0x1a57, n)%parts) / parts
	return time.Duration((0.5 + draw) * float64(lasting)).Round(time.Second)
}

// play makes a run and looks at what the setting is judged by.
func (w *orders) play(ctx context.Context, sc sim.Scenario, p policy.Policy, n int) (Seen, error) {
	sc = scenario.Replication(sc, n)
	sc.Edges = sc.Edges.Clone()
	sc.Edges[w.edge] = p
	trigger := triggerOf(sc)
	var s Seen
	var waits []time.Duration
	called := counter{method: reaches[w.edge]}
	res, err := scenario.Run(ctx, sc, scenario.Observers{OnScrape: called.read, OnCheckout: func(r *gateway.Response) {
		if start := r.Start.Sub(sc.Start); start >= trigger.from && start < trigger.to {
			waits = append(waits, r.Took)
		}
	}})
	if err != nil {
		return Seen{}, err
	}
	for i, n := range res.Started {
		if at := time.Duration(i) * time.Second; at >= trigger.from.Truncate(time.Second) && at < trigger.to {
			s.Came += n
		}
	}
	s.NotServed = res.Orders.Failed + res.Unanswered(sc.Patience)
	for range max(0, s.Came-len(waits)) { // they waited until the end
		waits = append(waits, sc.Length-trigger.from)
	}
	s.Wait = quantile99(waits)
	s.Calls = called.total()
	s.Trips = trips(res.Breakers, w.edge)
	s.Recovery, s.Recovered = recovery(res, trigger)
	return s, nil
}

// trips counts how often the breakers of an edge open.
func trips(breakers []sim.BreakerTrack, edge string) (n int) {
	for _, b := range breakers {
		for _, c := range b.Changes {
			if b.Edge == edge && c.State == policy.Open {
				n++
			}
		}
	}
	return n
}

// recovery is as sim.Result has it, until the first restart after the trigger: what that
// ended had not recovered by itself.
func recovery(res *sim.Result, trigger stretch) (s float64, recovered bool) {
	took, recovered, failed := res.Recovery()
	if !failed {
		return 0, true
	}
	if res.LockTo.IsZero() { // it is then counted from the first failure
		end := res.Start.Add(res.Length)
		if recovered {
			end = res.RecoveredAt
		}
		took = max(0, end.Sub(res.Start.Add(trigger.to)))
	}
	for _, e := range res.Events {
		at := e.At.Sub(res.Start)
		if e.Kind == "restart" && at >= trigger.to && at-trigger.to <= took {
			return (at - trigger.to).Seconds(), false
		}
	}
	return took.Seconds(), recovered
}

// quantile99 is in s; 0 when nobody waited.
func quantile99(waits []time.Duration) float64 {
	if len(waits) == 0 {
		return 0
	}
	slices.Sort(waits)
	return waits[max(int(math.Ceil(0.99*float64(len(waits))))-1, 0)].Seconds()
}
