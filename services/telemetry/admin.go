package telemetry

import (
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"time"

	"google.golang.org/grpc"
	channelz "google.golang.org/grpc/channelz/service"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
)

// turnOnChannelz before the first connection is made: grpc-go keeps no books of
// those that are older (internal/channelz TurnOn, v1.85.0, is called by the
// registration alone).
func turnOnChannelz() {
	s := grpc.NewServer()
	channelz.RegisterChannelzServiceToServer(s)
	s.Stop()
}

// Admin is the server of an operator's listener: GET /metrics and what mux has
// beside it over HTTP/1.1, and over HTTP/2 without TLS grpc.health.v1 and
// grpc.channelz.v1, which also tells of the connections of a process that serves
// no gRPC. Channelz shows addresses to whoever asks, so anything but a loopback
// listener is refused.
func (t *Telemetry) Admin(l net.Listener, mux *http.ServeMux) (*http.Server, error) {
	at, ok := l.Addr().(*net.TCPAddr)
	if !ok || !at.IP.IsLoopback() {
		return nil, fmt.Errorf("metrics and channelz on %s: loopback alone may ask", l.Addr())
	}
	mux.Handle("GET /metrics", t.Page())
	rpc := grpc.NewServer()
	healthpb.RegisterHealthServer(rpc, t.health.server)
	channelz.RegisterChannelzServiceToServer(rpc)
	s := &http.Server{
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.ProtoMajor == 2 && strings.HasPrefix(r.Header.Get("Content-Type"), "application/grpc") {
				rpc.ServeHTTP(w, r)
				return
			}
			mux.ServeHTTP(w, r)
		}),
		ReadHeaderTimeout: 5 * time.Second,
		ErrorLog:          slog.NewLogLogger(t.log.Handler(), slog.LevelWarn),
		Protocols:         new(http.Protocols),
	}
	s.Protocols.SetHTTP1(true)
	s.Protocols.SetUnencryptedHTTP2(true)
	s.RegisterOnShutdown(rpc.Stop)
	return s, nil
}
