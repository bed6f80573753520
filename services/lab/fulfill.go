package lab

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"

	"tripcurve/internal/policy"
	"tripcurve/services/fulfillment"
	"tripcurve/services/host"
	"tripcurve/services/order"
	"tripcurve/services/payment"
	"tripcurve/services/payment/webhook"
	"tripcurve/services/pb"
	"tripcurve/services/riverqueue"
	"tripcurve/services/warehouse"
	"tripcurve/services/warehouse/pgshipments"
)

// What happens behind an accepted order: the customer pays the processor, the
// processor tells the shop, and the queue's worker ships the order.

const (
	// webhookPath is where the processor's messages go, on the order service's admin address.
	webhookPath = "/webhooks/payment"
	// shopPath is where the payment service is told of that, on its own.
	shopPath = "/shop"
	// resendEvery is how often messages that the shop has not taken are sent again.
	resendEvery = 2 * time.Second
	// shopTimeout bounds one message.
	shopTimeout = 5 * time.Second
)

// messages is the way of the processor's messages to the shop, once it is known: the two services
// call each other, and one must start first.
type messages struct {
	url    atomic.Pointer[string]
	client *http.Client
}

var errNoShop = errors.New("the shop is not up yet")

// Send takes a message to the shop.
func (s *messages) Send(ctx context.Context, body []byte, signature string) error {
	url := s.url.Load()
	if url == nil {
		return errNoShop
	}
	return webhook.Post{URL: *url, Client: s.client}.Send(ctx, body, signature)
}

func (p *server) payment(ctx context.Context, admin *http.ServeMux) error {
	ledger, err := p.ledger(ctx)
	if err != nil {
		return err
	}
	to := &messages{client: &http.Client{Timeout: shopTimeout}}
	p.onClose(to.client.CloseIdleConnections)
	if p.orders.Shop != "" {
		to.url.Store(&p.orders.Shop)
	}
	s := payment.New(payment.Config{Ledger: ledger, Meter: p.meter, Clock: p.clock, Shop: to, Secret: p.orders.WebhookSecret})
	admin.Handle("POST "+payment.ConfirmPath, s.Page())
	admin.Handle("PUT "+shopPath, p.guarded(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		text, err := io.ReadAll(io.LimitReader(r.Body, 1<<10))
		if err != nil {
			http.Error(w, "no address", http.StatusBadRequest)
			return
		}
		url := string(text)
		to.url.Store(&url)
	})))
	p.background(ctx, func(ctx context.Context) error { return s.RunSender(ctx, resendEvery) })
	return p.serveGRPC(ctx, func(r grpc.ServiceRegistrar) { pb.RegisterPaymentServer(r, s) })
}

// background runs f until the service ends.
func (p *server) background(ctx context.Context, f func(context.Context) error) {
	ctx, stop := context.WithCancel(ctx)
	ended := make(chan struct{})
	p.onClose(func() { stop(); <-ended })
	go func() {
		defer close(ended)
		if err := f(ctx); err != nil && ctx.Err() == nil {
			p.fail(err)
		}
	}()
}

// introduce tells the payment service where the shop is.
func (l *Lab) introduce(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	to := "http://" + l.settings.Addresses[servicePayment].Admin + shopPath
	req, err := http.NewRequestWithContext(ctx, http.MethodPut, to, strings.NewReader(l.settings.shop()))
	if err != nil {
		return err
	}
	req.Header.Set(tokenHeader, l.settings.Token)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return fmt.Errorf("tell payment of the shop: %w", err)
	}
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("tell payment of the shop: answered %s", resp.Status)
	}
	return nil
}

// shop is the URL of the order service's webhook; empty before it is up.
func (s settings) shop() string {
	if at := s.Addresses[serviceOrder].Admin; at != "" {
		return "http://" + at + webhookPath
	}
	return ""
}

// queue is where the order service leaves its jobs.
func (p *server) queue(handlers map[string]host.JobHandler) (*riverqueue.Queue, error) {
	q, err := riverqueue.Open(p.orders.DSN, riverqueue.Options{
		Application: p.name, Handlers: handlers, Known: order.JobKinds(), Logger: p.log,
	})
	if err != nil {
		return nil, err
	}
	p.onClose(func() {
		ctx, cancel := context.WithTimeout(context.Background(), queueStop)
		defer cancel()
		if err := q.Close(ctx); err != nil {
			p.log.Warn("the queue did not stop in time", "error", err)
		}
	})
	return q, nil
}

// queueStop is how long the jobs under way are waited for when they are cancelled.
const queueStop = 2 * time.Second

// fulfillment is the worker's process.
func (p *server) fulfillment(ctx context.Context) error {
	store, err := p.store(ctx)
	if err != nil {
		return err
	}
	toWarehouse, err := p.dial(serviceWarehouse, fulfillment.EdgeWarehouse)
	if err != nil {
		return err
	}
	toInventory, err := p.dial(serviceInventory, fulfillment.EdgeInventory)
	if err != nil {
		return err
	}
	w, err := fulfillment.New(fulfillment.Config{
		Clock: p.clock, Meter: p.meter, Rand: host.CryptoRand, Store: store, Warehouse: toWarehouse, Inventory: toInventory,
		Policies: p.orders.Edges,
	})
	if err != nil {
		return err
	}
	p.onClose(w.Close)
	q, err := p.queue(map[string]host.JobHandler{order.FulfillmentJob: w.Ship})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	return q.Start(ctx)
}

func (p *server) warehouse(ctx context.Context) error {
	db, err := p.database(ctx, spareConnections, policy.Detach)
	if err != nil {
		return err
	}
	s := warehouse.New(warehouse.Config{Shipments: pgshipments.New(db), Meter: p.meter})
	return p.serveGRPC(ctx, func(r grpc.ServiceRegistrar) { pb.RegisterWarehouseServer(r, s) })
}

// Fulfilment is what became of the orders that were accepted in a run.
type Fulfilment struct {
	Paid    int // orders that the processor's message has reached, shipped or not
	Shipped int
	Failed  int // jobs that were given up, of either kind
	Left    int // jobs that wait or run
	Unsent  int // payments that the shop has not taken note of
}

// settleTimeout is how long the queue is given to ship what was paid last.
const settleTimeout = 15 * time.Second

// fulfilment waits until nothing is left to do and counts.
func (l *Lab) fulfilment(ctx context.Context) (f Fulfilment, err error) {
	ctx, cancel := context.WithTimeout(ctx, settleTimeout+dialTimeout)
	defer cancel()
	orders, err := l.settings.Cluster.connect(ctx, roleShop, dbOrders, "lab")
	if err != nil {
		return f, err
	}
	defer func() { _ = orders.Close(ctx) }()
	payments, err := l.settings.Cluster.connect(ctx, roleShop, dbPayments, "lab")
	if err != nil {
		return f, err
	}
	defer func() { _ = payments.Close(ctx) }()
	for deadline := time.Now().Add(settleTimeout); ; {
		err := errors.Join(
			orders.QueryRow(ctx, `SELECT count(*) FILTER (WHERE status IN ('paid', 'shipped')), count(*) FILTER (WHERE status = 'shipped')
FROM orders WHERE intent_id IS NOT NULL`).Scan(&f.Paid, &f.Shipped),
			orders.QueryRow(ctx, `SELECT count(*) FILTER (WHERE state IN ('discarded', 'cancelled')), count(*) FILTER (WHERE finalized_at IS NULL)
FROM river_job WHERE kind = ANY($1)`, order.JobKinds()).Scan(&f.Failed, &f.Left),
			payments.QueryRow(ctx, `SELECT count(*) FROM payment_intents WHERE paid_at IS NOT NULL AND NOT event_taken`).Scan(&f.Unsent),
		)
		if err != nil || f.Left+f.Unsent == 0 || time.Now().After(deadline) {
			return f, err
		}
		hold(ctx, 5*pollEvery)
	}
}
