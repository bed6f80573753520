package lab

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"sync"
	"syscall"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/keepalive"

	"tripcurve/internal/policy"
	"tripcurve/services/gateway"
	"tripcurve/services/host"
	"tripcurve/services/inventory"
	"tripcurve/services/order"
	"tripcurve/services/pb"
	"tripcurve/services/telemetry"
)

// The services, each a process.
const (
	serviceGateway     = "gateway"
	serviceOrder       = "order"
	serviceInventory   = "inventory"
	servicePayment     = "payment"
	serviceWarehouse   = "warehouse"
	serviceFulfillment = "fulfillment" // works on the queue
	serviceBalancer    = "balancer"    // between order and inventory
)

// services in the order of their start: those that are called first.
var services = []string{servicePayment, serviceInventory, serviceWarehouse, serviceBalancer, serviceOrder, serviceFulfillment, serviceGateway}

// Services are the names that Serve takes.
func Services() []string { return append([]string(nil), services...) }

// orders are what a service is told when it starts, on its standard input.
type orders struct {
	Addresses addresses // where to listen; with port 0 anywhere
	DSN       string    // of its database
	Edges     policy.Edges
	World     World
	Upstreams map[string]string // address by service
	AccessLog string            // file
	LogFormat AccessLog
	Token     string // of the control pages
	OTLP      string // endpoint of a collector of metrics; empty leaves it to the environment
	// WebhookSecret signs the processor's messages to Shop, a URL that is empty
	// while the order service has not started.
	WebhookSecret string
	Shop          string
}

// report is the one line that a service says on its standard output.
type report struct {
	addresses
	Error string `json:"error,omitempty"`
	Taken bool   `json:"taken,omitempty"` // the error is an address that is taken
}

const anywhere = "127.0.0.1:0"

// orders for the service of that name. A service that is started again serves
// where it did before.
func (l *Lab) orders(name string) orders {
	o := orders{
		Addresses: l.settings.Addresses[name],
		Edges:     l.settings.Scenario.Edges, World: l.settings.Scenario.World,
		Upstreams: map[string]string{}, OTLP: l.options.OTLP,
	}
	if o.Addresses == (addresses{}) {
		o.Addresses = addresses{Serves: anywhere, Admin: anywhere}
		if name == serviceGateway && l.options.Listen != "" {
			o.Addresses.Serves = l.options.Listen
		}
	}
	for service, a := range l.settings.Addresses {
		o.Upstreams[service] = a.Serves
	}
	c := l.settings.Cluster
	switch name {
	case serviceInventory:
		o.DSN = c.dsn(roleShop, dbInventory, name)
	case serviceFulfillment:
		o.DSN = c.dsn(roleShop, dbOrders, name)
	case serviceWarehouse:
		o.DSN = c.dsn(roleShop, dbShipments, name)
	case serviceOrder:
		o.DSN, o.WebhookSecret, o.Token = c.dsn(roleShop, dbOrders, name), l.settings.WebhookSecret, l.settings.Token
		o.Upstreams[serviceInventory] = o.Upstreams[serviceBalancer]
	case servicePayment:
		o.DSN, o.WebhookSecret = c.dsn(roleShop, dbPayments, name), l.settings.WebhookSecret
		o.Shop, o.Token = l.settings.shop(), l.settings.Token
	case serviceGateway:
		o.AccessLog, o.LogFormat = l.state.accessLog(), l.settings.AccessLog
	case serviceBalancer:
		o.Token = l.settings.Token
	}
	return o
}

// Serve is one service, until ctx or its standard input ends. It reads its orders
// from in and answers on out, in one line, where it serves or why it cannot.
func Serve(ctx context.Context, name string, in io.Reader, out, stderr io.Writer) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	p := &server{name: name, log: telemetry.NewLog(stderr, name), clock: host.NewWallClock(), fail: cancel}
	err := json.NewDecoder(in).Decode(&p.orders)
	if err != nil {
		return fmt.Errorf("%s: no orders on standard input: %w", name, err)
	}
	go func() {
		_, _ = io.Copy(io.Discard, in) // until the lab's command has gone
		cancel(errors.New("the lab's command has gone"))
	}()
	err = p.run(ctx)
	r := report{addresses: p.at}
	if err != nil {
		r.Error, r.Taken = err.Error(), errors.Is(err, syscall.EADDRINUSE)
	}
	if err := errors.Join(err, json.NewEncoder(out).Encode(r)); err != nil {
		p.close()
		return err
	}
	p.log.Info("serving", "serves", p.at.Serves, "admin", p.at.Admin)
	<-ctx.Done()
	p.log.Info("ending", "cause", context.Cause(ctx))
	p.close()
	return nil
}

// server is a service's process.
type server struct {
	name   string
	orders orders
	log    *slog.Logger
	clock  *host.WallClock
	fail   context.CancelCauseFunc
	at     addresses

	telemetry *telemetry.Telemetry
	meter     host.Meter
	check     func(context.Context) error // whether what it stands on is there; nil is always
	closers   []func()
}

// run starts to serve.
func (p *server) run(ctx context.Context) error {
	var err error
	p.telemetry, err = telemetry.New(telemetry.Config{Service: p.name, Log: p.log, OTLP: p.orders.OTLP})
	if err != nil {
		return err
	}
	p.onClose(p.lastWords) // last, when all calls have been counted
	p.meter = p.telemetry.Meter()
	admin := http.NewServeMux()

	p.onClose(p.clock.Close) // calls that were left behind end with their connections
	switch p.name {
	case servicePayment:
		err = p.payment(ctx, admin)
	case serviceInventory:
		err = p.inventory(ctx)
	case serviceOrder:
		err = p.order(ctx, admin)
	case serviceWarehouse:
		err = p.warehouse(ctx)
	case serviceFulfillment:
		err = p.fulfillment(ctx)
	case serviceGateway:
		err = p.gateway(ctx)
	case serviceBalancer:
		err = p.balancer(ctx, admin)
	default:
		err = fmt.Errorf("no service is called %q", p.name)
	}
	if err != nil {
		return err
	}
	l, err := p.listen(ctx, p.orders.Addresses.Admin)
	if err != nil {
		return err
	}
	p.at.Admin = l.Addr().String()
	s, err := p.telemetry.Admin(l, admin)
	if err != nil {
		return errors.Join(err, l.Close())
	}
	p.serveHTTP(l, s)
	watching, stop := context.WithCancel(ctx)
	wait := p.telemetry.Ready(watching, p.check)
	p.onClose(func() { stop(); wait() })
	return nil
}

// lastWords sends what is left to tell.
func (p *server) lastWords() {
	ctx, cancel := context.WithTimeout(context.Background(), lastWordsTimeout)
	defer cancel()
	if err := p.telemetry.Close(ctx); err != nil {
		p.log.Warn("not all was told", "error", err)
	}
}

const (
	// lastWordsTimeout and farewellTimeout together leave a service that is politely
	// asked to end the time to do so.
	lastWordsTimeout = 1500 * time.Millisecond
	// farewellTimeout is how long calls in flight may take when the service ends.
	farewellTimeout = 500 * time.Millisecond
)

// onClose is done at the end, the last one first.
func (p *server) onClose(f func()) { p.closers = append(p.closers, f) }

func (p *server) close() {
	if p.telemetry != nil {
		p.telemetry.NotServing()
	}
	for i := len(p.closers) - 1; i >= 0; i-- {
		p.closers[i]()
	}
	p.closers = nil
}

// bindTimeout is how long the address of a service that was killed is waited for.
const bindTimeout = 5 * time.Second

// listen on an address of ours; one that is taken is taken at once when it was the
// user's choice, and waited for when it was ours a moment ago.
func (p *server) listen(ctx context.Context, addr string) (net.Listener, error) {
	lc := net.ListenConfig{KeepAlive: noKeepalive, KeepAliveConfig: p.tcpKeepalive(entering[p.name]...)}
	lc.SetMultipathTCP(false) // Go's listeners are else, and have no socket filters: see lose
	l, err := lc.Listen(ctx, "tcp", addr)
	for deadline := time.Now().Add(bindTimeout); err != nil && p.name != serviceGateway && time.Now().Before(deadline); {
		time.Sleep(pollEvery)
		l, err = lc.Listen(ctx, "tcp", addr)
	}
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("another program serves on %s; name a free address with --listen: %w", addr, err)
	}
	return l, err
}

// serveGRPC serves what register adds.
func (p *server) serveGRPC(ctx context.Context, register func(grpc.ServiceRegistrar), opts ...grpc.ServerOption) error {
	l, err := p.listen(ctx, p.orders.Addresses.Serves)
	if err != nil {
		return err
	}
	p.at.Serves = l.Addr().String()
	opts = append(opts, p.telemetry.Server()...)
	s := grpc.NewServer(append(opts, grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{
		MinTime: p.orders.World.MinPing, PermitWithoutStream: true,
	}))...)
	register(s)
	p.telemetry.RegisterHealth(s)
	p.onClose(func() {
		late := time.AfterFunc(farewellTimeout, s.Stop)
		defer late.Stop()
		s.GracefulStop()
	})
	go func() {
		if err := s.Serve(l); err != nil {
			p.fail(err)
		}
	}()
	return nil
}

func (p *server) serveHTTP(l net.Listener, s *http.Server) {
	p.onClose(func() { _ = s.Close() })
	go func() {
		if err := s.Serve(l); err != nil && !errors.Is(err, http.ErrServerClosed) {
			p.fail(err)
		}
	}()
}

func (p *server) inventory(ctx context.Context) error {
	stock, err := p.stock(ctx)
	if err != nil {
		return err
	}
	i := inventory.New(inventory.Config{Stock: stock, Meter: p.meter, TTL: p.orders.World.ReservationTTL})
	if every := p.orders.World.Sweep; every > 0 {
		p.background(ctx, func(ctx context.Context) error { return i.RunSweeper(ctx, p.clock, every) })
	}
	return p.serveGRPC(ctx, func(s grpc.ServiceRegistrar) { pb.RegisterInventoryServer(s, i) }, grpc.MaxConcurrentStreams(uint32(p.orders.World.StreamQuota)))
}

func (p *server) order(ctx context.Context, admin *http.ServeMux) error {
	store, err := p.store(ctx)
	if err != nil {
		return err
	}
	toInventory, err := p.dial(serviceInventory, order.EdgeInventory)
	if err != nil {
		return err
	}
	toPayment, err := p.dial(servicePayment, order.EdgePayment)
	if err != nil {
		return err
	}
	var o *order.Server
	queue, err := p.queue(map[string]host.JobHandler{
		order.CheckoutJob: func(ctx context.Context, args []byte) error { return o.Process(ctx, args) },
	})
	if err != nil {
		return err
	}
	o, err = order.New(order.Config{
		Clock: p.clock, Meter: p.meter, Store: store, Inventory: toInventory, Payment: toPayment, Policies: p.orders.Edges,
		WebhookSecret: p.orders.WebhookSecret, Jobs: queue,
	})
	if err != nil {
		return err
	}
	p.onClose(o.Close)
	starting, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	if err := errors.Join(o.Refresh(starting), queue.Start(starting)); err != nil {
		return err
	}
	p.background(ctx, func(ctx context.Context) error { return o.RunRefresh(ctx, refreshEvery) })
	admin.Handle(webhookPath, o.Webhook())
	admin.Handle(checkoutPath, p.guarded(o.Control()))
	return p.serveGRPC(ctx, func(s grpc.ServiceRegistrar) { pb.RegisterOrderServer(s, o) })
}

func (p *server) gateway(ctx context.Context) error {
	upstreams := map[string]string{}
	dial := func(service, edge string) (*grpc.ClientConn, error) {
		upstreams[edge] = p.orders.Upstreams[service]
		return p.dial(service, edge)
	}
	toOrder, err1 := dial(serviceOrder, gateway.EdgeOrder)
	toInventory, err2 := dial(serviceInventory, gateway.EdgeInventory)
	toPayment, err3 := dial(servicePayment, gateway.EdgePayment)
	upstreams[gateway.EdgeOrderRead] = upstreams[gateway.EdgeOrder]
	if err := errors.Join(err1, err2, err3); err != nil {
		return err
	}
	log, err := p.accessLog()
	if err != nil {
		return err
	}
	g, err := gateway.New(gateway.Config{
		Clock: p.clock, Meter: p.meter, Order: toOrder, Inventory: toInventory, Payment: toPayment,
		Policies: p.orders.Edges, Upstreams: upstreams,
	})
	if err != nil {
		return err
	}
	p.onClose(g.Close)
	l, err := p.listen(ctx, p.orders.Addresses.Serves)
	if err != nil {
		return err
	}
	p.at.Serves = l.Addr().String()
	p.serveHTTP(l, &http.Server{
		Handler: gateway.Handler{Gateway: g, Log: log}, ReadHeaderTimeout: 5 * time.Second,
		ErrorLog: slog.NewLogLogger(p.log.Handler(), slog.LevelWarn),
	})
	return nil
}

// accessLog appends to the log, a line at a time.
func (p *server) accessLog() (func(gateway.AccessEntry), error) {
	write, err := p.orders.LogFormat.writer()
	if err != nil {
		return nil, err
	}
	f, err := os.OpenFile(p.orders.AccessLog, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	p.onClose(func() { _ = f.Close() })
	var mu sync.Mutex
	var line []byte
	return func(e gateway.AccessEntry) {
		mu.Lock()
		defer mu.Unlock()
		line = write(line[:0], e)
		if _, err := f.Write(line); err != nil {
			p.log.Error("access log", "error", err)
		}
	}, nil
}

func (p *server) balancer(ctx context.Context, admin *http.ServeMux) error {
	l, err := p.listen(ctx, p.orders.Addresses.Serves)
	if err != nil {
		return err
	}
	p.at.Serves = l.Addr().String()
	b := newBalancer(p.orders.Upstreams[serviceInventory], p.orders.World.IdleDrop)
	b.lossy = p.orders.World.LosesPackets
	b.say = func(format string, args ...any) { p.log.Info(fmt.Sprintf(format, args...)) }
	admin.Handle("POST /blackhole/{state}", p.guarded(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		b.blackHole(r.PathValue("state") == "on")
		p.log.Info("black hole", "state", r.PathValue("state"))
	})))
	ctx, stop := context.WithCancel(ctx)
	ended := make(chan struct{})
	p.onClose(func() { stop(); <-ended })
	go func() {
		defer close(ended)
		if err := b.serve(ctx, l); err != nil {
			p.fail(err)
		}
	}()
	return nil
}
