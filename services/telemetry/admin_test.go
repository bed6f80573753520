package telemetry_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"

	"tripcurve/services/telemetry"
)

// serveAdmin serves a process's listener for operators and connects to it.
func serveAdmin(t *testing.T, made *telemetry.Telemetry, addr string) *grpc.ClientConn {
	t.Helper()
	l, err := net.Listen("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /own", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "mine") })
	s, err := made.Admin(l, mux)
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(l) }()
	conn, err := grpc.NewClient("passthrough:///"+l.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = conn.Close()
		_ = s.Close()
		if err := <-ended; !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
	})
	return conn
}

func TestAdmin(t *testing.T) {
	made := open(t, telemetry.Config{Service: "gateway"})
	made.Meter().Count("circuit.gateway.order.open", 1)
	conn := serveAdmin(t, made, "127.0.0.1:0")
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for path, want := range map[string]string{
		"/metrics": "circuit_gateway_order_open_total 1\n",
		"/own":     "mine",
	} {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+strings.TrimPrefix(conn.CanonicalTarget(), "passthrough:///")+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if err != nil || resp.StatusCode != http.StatusOK || !strings.Contains(string(body), want) {
			t.Errorf("GET %s: %d, %v, want %q in %.200s", path, resp.StatusCode, err, want, body)
		}
	}
	made.Ready(ctx, nil)
	got, err := healthpb.NewHealthClient(conn).Check(ctx, &healthpb.HealthCheckRequest{})
	if err != nil || got.GetStatus() != healthpb.HealthCheckResponse_SERVING {
		t.Errorf("health of a process without gRPC of its own: %v, %v", got, err)
	}
}

func TestAdminIsForLoopbackAlone(t *testing.T) {
	made := open(t, telemetry.Config{Service: "gateway"})
	l, err := net.Listen("tcp", "0.0.0.0:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	if _, err := made.Admin(l, http.NewServeMux()); err == nil || !strings.Contains(err.Error(), "loopback alone") {
		t.Errorf("%v; want a refusal", err)
	}
}
