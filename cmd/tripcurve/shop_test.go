//go:build real

package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	grpcprom "github.com/grpc-ecosystem/go-grpc-middleware/providers/prometheus"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	"tripcurve/internal/pgtest"
	"tripcurve/services/pb"
)

// shop is a small real system for the collectors to watch: an HTTP server that
// logs in nginx's format, a gRPC client with the usual metrics behind it, and an
// inventory service on a real Postgres. Nothing of tripcurve runs inside it.
type shop struct {
	t       *testing.T
	pg      *pgtest.Server
	log     string // path of the access log
	metrics string // URL
	stopped context.CancelFunc
	done    sync.WaitGroup
}

// shopLogFormat is what the shop's HTTP server writes.
const shopLogFormat = `$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent" $request_time $upstream_response_time`

// shopPatience is the HTTP server's own timer for one request.
const shopPatience = 2 * time.Second

func startShop(t *testing.T) *shop {
	t.Helper()
	s := &shop{t: t, pg: pgtest.Start(t, "max_connections=60")}
	s.pg.Exec(
		t,
		`CREATE TABLE stock_reservations (id int PRIMARY KEY, sku text NOT NULL, status text NOT NULL, expires_at timestamptz)`,
		`INSERT INTO stock_reservations SELECT i, 'WH-1000XM5', 'available', now() FROM generate_series(1, 5000) i`,
		`CREATE ROLE migrator LOGIN SUPERUSER PASSWORD 'm1grator'`,
		`CREATE ROLE monitor LOGIN PASSWORD 'w4tch'`,
		`GRANT pg_monitor TO monitor`,
	)
	ctx, stop := context.WithCancel(context.Background())
	s.stopped = stop
	t.Cleanup(s.stop)

	inventory := s.serveInventory(ctx)
	client, metrics := s.dial(inventory)
	page := httptest.NewServer(metrics)
	t.Cleanup(page.Close)
	s.metrics = page.URL + "/metrics"
	gateway := s.serveGateway(client)
	// Writers and readers of our own: one new request every 100 ms each,
	// whether or not earlier ones have been answered.
	s.load(ctx, 100*time.Millisecond, http.MethodPost, gateway+"/api/orders")
	s.load(ctx, 100*time.Millisecond, http.MethodGet, gateway+"/api/inventory/WH-1000XM5")
	return s
}

func (s *shop) stop() {
	s.stopped()
	s.done.Wait()
}

type inventoryServer struct {
	pb.UnimplementedInventoryServer
	writes, reads *pgxpool.Pool
	next          func() int
}

// Reserve updates one row; under a SHARE lock it hangs, and nobody cancels it.
func (i *inventoryServer) Reserve(ctx context.Context, _ *pb.ReserveRequest) (*pb.ReserveResponse, error) {
	_, err := i.writes.Exec(context.WithoutCancel(ctx), `UPDATE stock_reservations SET status = 'reserved' WHERE id = $1`, i.next())
	if err != nil {
		return nil, status.Error(codes.Unavailable, err.Error())
	}
	return &pb.ReserveResponse{ReservationId: "res_1"}, nil
}

func (i *inventoryServer) GetStock(ctx context.Context, r *pb.GetStockRequest) (*pb.GetStockResponse, error) {
	var n int32
	err := i.reads.QueryRow(ctx, `SELECT count(*) FROM stock_reservations WHERE sku = $1 AND status = 'available'`, r.GetSku()).Scan(&n)
	if err != nil {
		return nil, status.Error(codes.Unavailable, err.Error())
	}
	return &pb.GetStockResponse{Sku: r.GetSku(), Available: n}, nil
}

func (s *shop) pool(ctx context.Context, name string, size int32) *pgxpool.Pool {
	s.t.Helper()
	cfg, err := pgxpool.ParseConfig(s.pg.DSN())
	if err != nil {
		s.t.Fatal(err)
	}
	cfg.MaxConns = size
	cfg.ConnConfig.RuntimeParams["application_name"] = name
	p, err := pgxpool.NewWithConfig(ctx, cfg)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(p.Close)
	return p
}

func (s *shop) serveInventory(ctx context.Context) string {
	s.t.Helper()
	var mu sync.Mutex
	id := 0
	srv := grpc.NewServer()
	pb.RegisterInventoryServer(srv, &inventoryServer{
		writes: s.pool(ctx, "inventory-write", 20), reads: s.pool(ctx, "inventory-read", 5),
		next: func() int {
			mu.Lock()
			defer mu.Unlock()
			id = id%5000 + 1
			return id
		},
	})
	lis, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		s.t.Fatal(err)
	}
	s.done.Go(func() { _ = srv.Serve(lis) })
	s.t.Cleanup(srv.Stop)
	return lis.Addr().String()
}

// dial makes the gateway's gRPC client with the metrics that real clients export.
func (s *shop) dial(addr string) (pb.InventoryClient, http.Handler) {
	s.t.Helper()
	m := grpcprom.NewClientMetrics(grpcprom.WithClientHandlingTimeHistogram())
	reg := prometheus.NewRegistry()
	reg.MustRegister(m)
	conn, err := grpc.NewClient(
		addr,
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithUnaryInterceptor(m.UnaryClientInterceptor()),
	)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = conn.Close() })
	return pb.NewInventoryClient(conn), promhttp.HandlerFor(reg, promhttp.HandlerOpts{})
}

// serveGateway waits for the inventory no longer than its own timer; the call
// behind it runs on, as at the night of INC-2847.
func (s *shop) serveGateway(inventory pb.InventoryClient) string {
	s.t.Helper()
	s.log = filepath.Join(s.t.TempDir(), "access.log")
	f, err := os.Create(s.log)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = f.Close() })
	var mu sync.Mutex
	handle := func(good, bad int, call func(context.Context) error) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			start := time.Now()
			answered := make(chan error, 1)
			s.done.Go(func() { answered <- call(context.Background()) })
			code := good
			select {
			case err := <-answered:
				if err != nil {
					code = bad
				}
			case <-time.After(shopPatience):
				code = bad
			}
			w.WriteHeader(code)
			took := time.Since(start).Seconds()
			mu.Lock()
			defer mu.Unlock()
			fmt.Fprintf(f, "127.0.0.1 - - [%s] \"%s %s HTTP/1.1\" %d 2 \"-\" \"loadgen/1\" %.3f %.3f\n",
				time.Now().Format("02/Jan/2006:15:04:05 -0700"), r.Method, r.URL.Path, code, took, took)
		}
	}
	mux := http.NewServeMux()
	mux.Handle("POST /api/orders", handle(http.StatusCreated, http.StatusBadGateway, func(ctx context.Context) error {
		_, err := inventory.Reserve(ctx, &pb.ReserveRequest{})
		return err
	}))
	mux.Handle("GET /api/inventory/{sku}", handle(http.StatusOK, http.StatusGatewayTimeout, func(ctx context.Context) error {
		_, err := inventory.GetStock(ctx, &pb.GetStockRequest{Sku: "WH-1000XM5"})
		return err
	}))
	srv := httptest.NewServer(mux)
	s.t.Cleanup(srv.Close)
	return srv.URL
}

func (s *shop) load(ctx context.Context, every time.Duration, method, url string) {
	client := &http.Client{Timeout: 2 * shopPatience}
	s.done.Go(func() {
		tick := time.NewTicker(every)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			s.done.Go(func() {
				req, err := http.NewRequestWithContext(ctx, method, url, nil)
				if err != nil {
					return
				}
				if resp, err := client.Do(req); err == nil {
					_ = resp.Body.Close()
				}
			})
		}
	})
}

// migrate takes the lock as the migration of INC-2847 did and holds it until
// release is called: CREATE INDEX inside a transaction that stays open. since is
// when the server says that the transaction began.
func (s *shop) migrate() (pid int, since time.Time, release func()) {
	s.t.Helper()
	ctx := context.Background()
	cfg, err := pgx.ParseConfig(s.pg.DSNOf("migrator", "m1grator"))
	if err != nil {
		s.t.Fatal(err)
	}
	cfg.RuntimeParams["application_name"] = "psql"
	conn, err := pgx.ConnectConfig(ctx, cfg)
	if err != nil {
		s.t.Fatal(err)
	}
	pid = int(conn.PgConn().PID())
	for _, q := range []string{"BEGIN", "CREATE INDEX idx_reservations_expiry ON stock_reservations (expires_at)"} {
		if _, err := conn.Exec(ctx, q); err != nil {
			s.t.Fatal(err)
		}
	}
	if err := conn.QueryRow(ctx, "SELECT now()").Scan(&since); err != nil {
		s.t.Fatal(err)
	}
	var once sync.Once
	release = func() {
		once.Do(func() {
			_, err := conn.Exec(ctx, "ROLLBACK")
			if err := errors.Join(err, conn.Close(ctx)); err != nil {
				s.t.Log(err) // the server may have been stopped on purpose
			}
		})
	}
	s.t.Cleanup(release)
	return pid, since, release
}
