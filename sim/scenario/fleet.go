package scenario

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"google.golang.org/grpc"

	"tripcurve/internal/policy"
	"tripcurve/services/host"
	"tripcurve/services/order"
	"tripcurve/services/pb"
	"tripcurve/sim"
	"tripcurve/sim/world"
)

// fleet is the replicas of the order service.
type fleet struct {
	replicas []*orderReplica
	turn     int // who gets the next message from outside
}

// orderReplica is one of them: a process with its own breakers and connections.
type orderReplica struct {
	name    string // empty where it is the only one
	service *world.Service
	server  *order.Server // as it is now: a restart makes another
	reserve []*world.Conn // by replica of inventory
	pays    *world.Conn
}

func newFleet(sc sim.Scenario) (f fleet) {
	for i := range sc.World.Replicas() {
		o := &orderReplica{}
		if sc.World.Replicas() > 1 {
			o.name = fmt.Sprint("order-", i+1)
		}
		f.replicas = append(f.replicas, o)
	}
	return f
}

// open starts them.
func (f *fleet) open(r *run) error {
	for i, o := range f.replicas {
		if err := o.open(r, policies(r.sc, i)); err != nil {
			return err
		}
	}
	return nil
}

// policies are those of the i-th replica's edges, counted from 0.
func policies(sc sim.Scenario, i int) policy.Edges {
	if i >= sc.Rollout.Replicas {
		return sc.Edges
	}
	edges := sc.Edges.Clone()
	for name, p := range sc.Rollout.Edges.Clone() {
		edges[name] = p
	}
	return edges
}

// open starts the service. A restart keeps the connections and makes the rest anew.
func (o *orderReplica) open(r *run, edges policy.Edges) (err error) {
	w, name := r.w, o.name
	if name == "" {
		name = "order"
	}
	rand, meter := w.Stream(name).Rand(), &meter{r: r, replica: o.name}
	options := func(edge string) world.ConnOptions {
		return world.ConnOptions{Edge: of(edge, o.name), Keepalive: edges[edge].Keepalive, MinPing: r.sc.World.MinPing}
	}
	store := r.orders
	o.service, err = w.AddService(name, func(s *world.Service) (err error) {
		s.Skew(r.sc.World.OrderAhead)
		if slows(r.sc, "order") {
			store = r.orders.At(s.Pace())
		}
		if o.server == nil {
			reserve := options(order.EdgeInventory)
			reserve.Streams, reserve.IdleDrop = r.sc.World.StreamQuota, r.sc.World.IdleDrop
			if r.sc.World.InventoryReplicas > 0 && isEnvoy(edges[order.EdgeInventory]) {
				reserve.Streams = 0 // it opens a further connection when the streams of one are used up
			}
			reserve.TCPKeepalive = edges[order.EdgeInventory].TCPKeepalive
			o.reserve = r.inventories.dial(r, s, reserve)
			o.pays = w.Dial(s, r.payment, options(order.EdgePayment))
		} else {
			o.server.Close()
		}
		o.server, err = order.New(order.Config{
			Clock: s.Clock(), Meter: meter, Rand: rand, Store: store,
			Inventory: balanced(o.reserve, r.sc.World.InventoryBalance), Payment: o.pays, Policies: edges,
			WebhookSecret: webhookSecret, Jobs: r.back.queue, Checkout: r.orders.Mode(),
		})
		if err != nil {
			return err
		}
		pb.RegisterOrderServer(s, o.server)
		s.OnStop = o.server.Close
		if leaves(r.sc) {
			worker := r.back.queue.Work(s, map[string]host.JobHandler{order.CheckoutJob: o.server.Process})
			s.OnStop = func() {
				worker.Kill()
				o.server.Close()
			}
			s.Go(func(ctx context.Context) { _ = o.server.RunRefresh(ctx, refreshEvery) }) // until the service dies
		}
		return nil
	})
	return err
}

// next is the replica that gets the next message from outside.
func (f *fleet) next() *orderReplica {
	o := f.replicas[f.turn]
	f.turn = (f.turn + 1) % len(f.replicas)
	return o
}

// streams is how many calls to inventory are open.
func (f *fleet) streams() (n int) {
	for _, o := range f.replicas {
		for _, c := range o.reserve {
			n += c.Open()
		}
	}
	return n
}

// of names a replica's edge.
func of(edge, replica string) string {
	if replica == "" {
		return edge
	}
	return edge + " of " + replica
}

// balanced is the connection to all replicas of a service; where there is only one,
// its own.
func balanced(conns []*world.Conn, how sim.Balance) grpc.ClientConnInterface {
	if len(conns) == 1 {
		return conns[0]
	}
	return world.NewBalanced(conns, how)
}

// rolledOut are the edges whose policy can differ from replica to replica.
var rolledOut = []string{order.EdgeInventory, order.EdgePayment}

// maxReplicas keeps a mistyped number from filling the memory.
const maxReplicas = 1000

func replicasOf(sc sim.Scenario, service string) int {
	switch service {
	case "order":
		return sc.World.Replicas()
	case "inventory":
		return sc.World.Inventories()
	default:
		return 1
	}
}

func checkReplicas(sc sim.Scenario) error {
	w, o := sc.World, sc.Rollout
	switch {
	case w.OrderReplicas < 0 || w.OrderReplicas > maxReplicas:
		return fmt.Errorf("%d replicas of order: expected 1 to %d", w.OrderReplicas, maxReplicas)
	case w.InventoryReplicas < 0 || w.InventoryReplicas > maxReplicas:
		return fmt.Errorf("%d replicas of inventory: expected 1 to %d", w.InventoryReplicas, maxReplicas)
	case w.OrderBalance > sim.LeastRequests:
		return fmt.Errorf("the gateway balances over order by %s: expected round_robin or least_requests", w.OrderBalance)
	case w.InventoryBalance > sim.LeastRequests:
		return fmt.Errorf("callers balance over inventory by %s: expected round_robin or least_requests", w.InventoryBalance)
	case o.Replicas < 0 || o.Replicas > w.Replicas():
		return fmt.Errorf("a rollout on %d replicas of order: there are %d", o.Replicas, w.Replicas())
	}
	for _, name := range o.Edges.Names() {
		if !slices.Contains(rolledOut, name) {
			return fmt.Errorf("a rollout on edge %s: expected an edge that leaves order (%s)", name, strings.Join(rolledOut, ", "))
		}
	}
	return nil
}
