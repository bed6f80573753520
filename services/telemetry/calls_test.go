package telemetry_test

import (
	"context"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	dto "github.com/prometheus/client_model/go"
	"google.golang.org/grpc"
	channelz "google.golang.org/grpc/channelz/grpc_channelz_v1"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"

	"tripcurve/services/host"
	"tripcurve/services/pb"
	"tripcurve/services/telemetry"
)

// failing is a connection on which every call fails.
type failing struct{ grpc.ClientConnInterface }

func (failing) Invoke(context.Context, string, any, any, ...grpc.CallOption) error {
	return status.Error(codes.Unavailable, "down")
}

// shelf is an inventory that answers as it is told to, and hangs while it is held.
type shelf struct {
	pb.UnimplementedInventoryServer
	err  error
	held chan struct{} // nil answers at once
	got  chan string   // gets the request's id of every call
}

func (s *shelf) Reserve(ctx context.Context, _ *pb.ReserveRequest) (*pb.ReserveResponse, error) {
	s.got <- host.RequestID(ctx)
	if s.held != nil {
		select {
		case <-s.held:
		case <-ctx.Done():
			return nil, status.FromContextError(ctx.Err()).Err()
		}
	}
	return &pb.ReserveResponse{}, s.err
}

// pair is two services, of which the one calls the other.
type pair struct {
	shelf              *shelf
	order, inventory   *telemetry.Telemetry
	orderLog, stockLog *book
	client             pb.InventoryClient
	conn               *grpc.ClientConn
}

func openPair(t *testing.T, s *shelf) *pair {
	t.Helper()
	p := &pair{shelf: s, orderLog: &book{}, stockLog: &book{}}
	s.got = make(chan string, 8)
	p.order = open(t, telemetry.Config{Service: "order", Log: telemetry.NewLog(p.orderLog, "order")})
	p.inventory = open(t, telemetry.Config{Service: "inventory", Log: telemetry.NewLog(p.stockLog, "inventory")})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer(p.inventory.Server()...)
	pb.RegisterInventoryServer(server, s)
	p.inventory.RegisterHealth(server)
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(l) }()
	opts := append(p.order.Dial(func(string) string { return "order.inventory" }), grpc.WithTransportCredentials(insecure.NewCredentials()))
	p.conn, err = grpc.NewClient("passthrough:///"+l.Addr().String(), opts...)
	if err != nil {
		t.Fatal(err)
	}
	p.client = pb.NewInventoryClient(p.conn)
	t.Cleanup(func() {
		_ = p.conn.Close()
		server.Stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return p
}

func (p *pair) reserve(t *testing.T, id string) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	_, err := p.client.Reserve(host.WithRequestID(ctx, id), &pb.ReserveRequest{})
	return err
}

// inFlight is what is seen of calls that hang: started minus ended.
func inFlight(all map[string]*dto.MetricFamily, side string) float64 {
	switch side {
	case "client":
		return total(all["grpc_client_attempt_started_total"]) - total(all["grpc_client_attempt_duration_seconds"])
	default:
		return total(all["grpc_server_call_started_total"]) - total(all["grpc_server_call_duration_seconds"])
	}
}

func TestCallThatHangsIsSeen(t *testing.T) {
	p := openPair(t, &shelf{held: make(chan struct{})})
	answered := make(chan error, 1)
	go func() { answered <- p.reserve(t, "req_1") }()
	<-p.shelf.got
	client, server := page(t, p.order), page(t, p.inventory)
	if c, s := inFlight(client, "client"), inFlight(server, "server"); c != 1 || s != 1 {
		t.Errorf("in flight: %g by the client, %g by the server, want 1 and 1", c, s)
	}
	if client["grpc_client_attempt_duration_seconds"] != nil || client["grpc_client_call_duration_seconds"] != nil {
		t.Error("a call that hangs has a duration")
	}
	labels := map[string]string{}
	for _, l := range client["grpc_client_attempt_started_total"].GetMetric()[0].GetLabel() {
		labels[l.GetName()] = l.GetValue()
	}
	if d := cmp.Diff(map[string]string{"grpc_method": "inventory.Inventory/Reserve", "grpc_target": p.conn.CanonicalTarget()}, labels); d != "" {
		t.Errorf("labels (-want +got):\n%s", d)
	}
	close(p.shelf.held)
	if err := <-answered; err != nil {
		t.Fatal(err)
	}
	if c := inFlight(page(t, p.order), "client"); c != 0 {
		t.Errorf("%g in flight when all are answered", c)
	}
}

func TestFailedCallsAreLogged(t *testing.T) {
	for _, c := range []struct {
		name  string
		err   error
		level string
		code  string
		word  string
		more  map[string]any // of both lines
	}{
		{"a business answer", status.Error(codes.FailedPrecondition, "out_of_stock"), "INFO", "FailedPrecondition", "out_of_stock", nil},
		{"a failure", status.Error(codes.Unavailable, "stock_unavailable"), "WARN", "Unavailable", "stock_unavailable", nil},
		{
			"a rejection further down", status.Error(codes.Unavailable, "inventory_unavailable: rejected by inventory.postgres: EOPENBREAKER"),
			"WARN", "Unavailable", "inventory_unavailable",
			map[string]any{"rejected_by": "inventory.postgres", "rejection": "EOPENBREAKER"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := openPair(t, &shelf{err: c.err})
			if err := p.reserve(t, "req_1"); status.Code(err) != status.Code(c.err) {
				t.Fatalf("answered %v", err)
			}
			if id := <-p.shelf.got; id != "req_1" {
				t.Errorf("the callee knows the request as %q", id)
			}
			want := map[string]any{
				"level": c.level, "request_id": "req_1", "method": "inventory.Inventory/Reserve", "code": c.code, "error": c.word,
			}
			for k, v := range c.more {
				want[k] = v
			}
			for side, said := range map[string][]map[string]any{
				"order": p.orderLog.lines(t, "call failed"), "inventory": p.stockLog.lines(t, "answered with an error"),
			} {
				if len(said) != 1 {
					t.Fatalf("%s logs %d lines", side, len(said))
				}
				want["service"], want["msg"] = side, said[0]["msg"]
				delete(want, "edge")
				if side == "order" {
					want["edge"] = "order.inventory"
				}
				if at, err := time.Parse(time.RFC3339Nano, said[0]["time"].(string)); err != nil || at.Location() != time.UTC {
					t.Errorf("%s: time %v, %v", side, said[0]["time"], err)
				}
				if ms, ok := said[0]["took_ms"].(float64); !ok || ms < 0 {
					t.Errorf("%s: took_ms %v", side, said[0]["took_ms"])
				}
				delete(said[0], "time")
				delete(said[0], "took_ms")
				if d := cmp.Diff(want, said[0]); d != "" {
					t.Errorf("%s (-want +got):\n%s", side, d)
				}
			}
		})
	}
}

func TestRequestIDsThatAreNone(t *testing.T) {
	p := openPair(t, &shelf{})
	for _, id := range []string{"", strings.Repeat("x", 200), "two words"} {
		if err := p.reserve(t, id); err != nil {
			t.Fatal(err)
		}
		if known := <-p.shelf.got; known != "" {
			t.Errorf("%q is taken over as %q", id, known)
		}
	}
}

func TestBreakersAreLogged(t *testing.T) {
	log := &book{}
	made := open(t, telemetry.Config{Service: "order", Log: telemetry.NewLog(log, "order")})
	for _, what := range []string{"open", "half_open", "close"} {
		made.Meter().Count("circuit.order.inventory."+what, 0) // the series begins, nothing happened
		made.Meter().Count("circuit.order.inventory."+what, 1)
	}
	made.Meter().Count("circuit.order.inventory.reject", 1)
	var got []string
	for _, l := range log.lines(t, "breaker") {
		got = append(got, l["level"].(string)+" "+l["edge"].(string)+" "+l["state"].(string))
	}
	want := []string{"WARN order.inventory open", "INFO order.inventory half_open", "INFO order.inventory close"}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

func TestHealth(t *testing.T) {
	p := openPair(t, &shelf{})
	client := healthpb.NewHealthClient(p.conn)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	ask := func() healthpb.HealthCheckResponse_ServingStatus {
		t.Helper()
		whole, err := client.Check(ctx, &healthpb.HealthCheckRequest{})
		if err != nil {
			t.Fatal(err)
		}
		service, err := client.Check(ctx, &healthpb.HealthCheckRequest{Service: "inventory.Inventory"})
		if err != nil || service.GetStatus() != whole.GetStatus() {
			t.Errorf("the process is %v, its service %v, %v", whole.GetStatus(), service.GetStatus(), err)
		}
		return whole.GetStatus()
	}
	if got := ask(); got != healthpb.HealthCheckResponse_NOT_SERVING {
		t.Errorf("%v before it is ready", got)
	}
	database := make(chan error, 1) // one answer for each look
	database <- nil
	watching, stop := context.WithCancel(ctx)
	wait := p.inventory.Ready(watching, func(ctx context.Context) error {
		select {
		case err := <-database:
			return err
		case <-ctx.Done():
			return ctx.Err()
		}
	})
	if got := ask(); got != healthpb.HealthCheckResponse_SERVING {
		t.Errorf("%v when it is ready", got)
	}
	watch, err := client.Watch(ctx, &healthpb.HealthCheckRequest{})
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []healthpb.HealthCheckResponse_ServingStatus{
		healthpb.HealthCheckResponse_SERVING,
		healthpb.HealthCheckResponse_NOT_SERVING, // the database does not answer in time
		healthpb.HealthCheckResponse_SERVING,     // and does again
		healthpb.HealthCheckResponse_NOT_SERVING, // the process is about to end
	} {
		if i == 2 {
			database <- nil
		}
		if i == 3 {
			p.inventory.NotServing()
		}
		got, err := watch.Recv()
		if err != nil || got.GetStatus() != want {
			t.Fatalf("%d: %v, %v, want %v", i, got.GetStatus(), err, want)
		}
	}
	stop()
	wait()
	said := p.stockLog.lines(t, "not ready")
	if len(said) == 0 || said[0]["error"] != context.DeadlineExceeded.Error() {
		t.Errorf("log says %s", p.stockLog)
	}
}

func TestChannelz(t *testing.T) {
	p := openPair(t, &shelf{held: make(chan struct{})})
	go func() { _ = p.reserve(t, "req_1") }()
	<-p.shelf.got
	t.Cleanup(func() { close(p.shelf.held) })
	client := channelz.NewChannelzClient(serveAdmin(t, p.order, "127.0.0.1:0"))
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	got, err := client.GetTopChannels(ctx, &channelz.GetTopChannelsRequest{})
	if err != nil {
		t.Fatal(err)
	}
	var hanging int64
	for _, c := range got.GetChannel() {
		if d := c.GetData(); d.GetTarget() == p.conn.CanonicalTarget() {
			hanging = d.GetCallsStarted() - d.GetCallsSucceeded() - d.GetCallsFailed()
		}
	}
	if hanging != 1 {
		t.Errorf("channelz knows %d calls in flight, want 1: %v", hanging, got)
	}
}
