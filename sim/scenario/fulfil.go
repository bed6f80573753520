package scenario

import (
	"context"
	"strings"
	"time"

	"google.golang.org/grpc"

	"tripcurve/services/fulfillment"
	"tripcurve/services/host"
	"tripcurve/services/order"
	"tripcurve/services/payment"
	"tripcurve/services/pb"
	"tripcurve/services/warehouse"
	"tripcurve/sim"
	"tripcurve/sim/vtime"
	"tripcurve/sim/world"
)

// backOffice is what happens behind an accepted order: the customer pays the
// processor, the processor tells the shop, the queue's worker ships. It draws from
// streams of its own, so that it changes nothing of what happens at the counter.
type backOffice struct {
	r         *run
	queue     *world.JobQueue
	shipments *world.Shipments
	ledger    payment.Ledger
	processor *payment.Server // of customers and messages; intents are made by another on the same ledger
	chance    host.Rand       // the processor's
	services  []*world.Service
	worker    *world.QueueWorker
}

// webhookSecret signs the simulated processor's messages.
const webhookSecret = "whsec_simulated"

func newBackOffice(r *run, ledger payment.Ledger, orders int) *backOffice {
	d := r.sc.World.Statement()
	return &backOffice{
		r: r, queue: r.w.NewJobQueue(world.JobQueueOptions{Statement: d, Expect: orders}), shipments: r.w.NewShipments(d, orders),
		ledger: ledger, chance: r.w.Stream("processor").Rand(),
	}
}

// process is the part of the payment service that takes money and tells the shop.
func (b *backOffice) process(s *world.Service) {
	p := payment.New(payment.Config{
		Ledger: b.ledger, Rand: b.chance, Meter: b.r.meter, Clock: s.Clock(), Shop: b, Secret: webhookSecret,
	})
	b.processor = p
	s.Go(func(ctx context.Context) { _ = p.RunSender(ctx, payment.DefaultResend) }) // until the service dies
}

// open starts the warehouse and the queue's worker.
func (b *backOffice) open() error {
	w, edge := b.r.w, b.r.sc.Edges[fulfillment.EdgeWarehouse]
	packs, ships := w.Stream("warehouse").Rand(), w.Stream("fulfillment").Rand()
	house, err := w.AddService("warehouse", func(s *world.Service) error {
		pb.RegisterWarehouseServer(s, warehouse.New(warehouse.Config{Shipments: b.shipments, Rand: packs, Meter: b.r.meter}))
		return nil
	})
	if err != nil {
		return err
	}
	var conn *world.Conn
	var sells grpc.ClientConnInterface // nil unless somebody sweeps
	var before *fulfillment.Worker
	store := b.r.orders
	worker, err := w.AddService("fulfillment", func(s *world.Service) (err error) {
		if slows(b.r.sc, "fulfillment") {
			store = b.r.orders.At(s.Pace())
		}
		if before == nil {
			conn = w.Dial(s, house, world.ConnOptions{Edge: fulfillment.EdgeWarehouse, Keepalive: edge.Keepalive, MinPing: b.r.sc.World.MinPing})
			if b.r.sc.World.Sweep > 0 {
				sells = balanced(b.r.inventories.dial(b.r, s, world.ConnOptions{
					Edge: fulfillment.EdgeInventory, MinPing: b.r.sc.World.MinPing,
				}), b.r.sc.World.InventoryBalance)
			}
		} else {
			before.Close()
		}
		before, err = fulfillment.New(fulfillment.Config{
			Clock: s.Clock(), Meter: b.r.meter, Rand: ships, Store: store, Warehouse: conn, Inventory: sells,
			Policies: b.r.sc.Edges,
		})
		if err == nil {
			b.worker = b.queue.Work(s, map[string]host.JobHandler{order.FulfillmentJob: before.Ship})
			s.OnStop = func() {
				b.worker.Kill()
				before.Close()
			}
		}
		return err
	})
	b.services = []*world.Service{house, worker}
	if slows(b.r.sc, "warehouse") {
		b.shipments.RunAt(house.Pace())
	}
	return err
}

// Send takes the processor's message to the shop, whose replicas take turns.
func (b *backOffice) Send(ctx context.Context, body []byte, signature string) error {
	o := b.r.fleet.next()
	return b.r.w.Post(ctx, o.service, func(ctx context.Context) error {
		return o.server.PaymentEvent(ctx, body, signature)
	})
}

// pay is the customer agreeing on the checkout page. What he is told is no matter:
// the shop hears from the processor.
func (b *backOffice) pay(ctx context.Context, secret string) {
	intent, _, found := strings.Cut(secret, "_secret_")
	if !found {
		return
	}
	_ = b.r.w.Post(ctx, b.r.payment, func(ctx context.Context) error {
		_, err := b.processor.ConfirmIntent(ctx, &pb.ConfirmIntentRequest{IntentId: intent, ClientSecret: secret})
		return err
	})
}

// settled is how long before the end an order must be paid that is to be shipped
// by then, in a run in which nothing goes wrong.
const settled = 30 * time.Second

// count says what became of the orders that were paid.
func (b *backOffice) count() (f sim.Fulfilment) {
	until := vtime.Time(b.r.sc.Length - settled)
	if b.r.rec.triggered {
		until = b.r.rec.triggerAt
	}
	for _, s := range b.r.orders.Sales() {
		f.Paid++
		switch {
		case b.r.orders.Status(s.Order) == order.Shipped && b.shipments.Parcels(s.Order) == 1:
			f.Shipped++
		case s.At < until:
			f.Failed++
		}
	}
	return f
}
