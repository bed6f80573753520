package lab

import (
	"context"
	"net"
	"syscall"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/keepalive"

	"tripcurve/services/fulfillment"
	"tripcurve/services/gateway"
	"tripcurve/services/order"
	"tripcurve/services/pb"
)

// dial connects to another service under the keepalives of the edge.
func (p *server) dial(service, edge string) (*grpc.ClientConn, error) {
	d := net.Dialer{Timeout: dialTimeout, KeepAlive: noKeepalive, KeepAliveConfig: p.tcpKeepalive(edge)}
	if ms := p.orders.World.UserTimeout.Milliseconds(); ms > 0 && edge == order.EdgeInventory {
		d.Control = func(_, _ string, c syscall.RawConn) error { return setUserTimeout(c, int(ms)) }
	}
	edgeOf := func(method string) string {
		if edge == gateway.EdgeOrder && method == pb.Order_GetOrder_FullMethodName {
			return gateway.EdgeOrderRead // over the same connection
		}
		return edge
	}
	opts := append(p.telemetry.Dial(edgeOf),
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, addr string) (net.Conn, error) { return d.DialContext(ctx, "tcp", addr) }),
		// A service that was restarted is back within a second; grpc-go's own wait
		// grows to two minutes.
		grpc.WithConnectParams(grpc.ConnectParams{
			Backoff:           backoff.Config{BaseDelay: 100 * time.Millisecond, Multiplier: 1.6, Jitter: 0.2, MaxDelay: time.Second},
			MinConnectTimeout: dialTimeout,
		}),
	)
	if k := p.orders.Edges[edge].Keepalive; k.Time > 0 {
		opts = append(opts, grpc.WithKeepaliveParams(keepalive.ClientParameters{
			Time: k.Time, Timeout: k.Timeout, PermitWithoutStream: k.WithoutCalls,
		}))
	}
	conn, err := grpc.NewClient("passthrough:///"+p.orders.Upstreams[service], opts...)
	if err != nil {
		return nil, err
	}
	p.onClose(func() { _ = conn.Close() })
	return conn, nil
}

// tcpKeepalive is TCP keepalive where edges want these: the shortest of them, or
// none where none wants any. A net.Dialer's or net.ListenConfig's own KeepAlive is
// the time to the first probe alone: the next follow every 15 s (package net,
// newTCPConn, go1.26), which a balancer may take for idleness.
func (p *server) tcpKeepalive(edges ...string) net.KeepAliveConfig {
	var c net.KeepAliveConfig
	for _, e := range edges {
		if d := p.orders.Edges[e].TCPKeepalive; d > 0 && (!c.Enable || d < c.Idle) {
			c = net.KeepAliveConfig{Enable: true, Idle: d, Interval: d}
		}
	}
	return c
}

// noKeepalive is a net.Dialer's and net.ListenConfig's KeepAlive, which counts where
// no KeepAliveConfig is enabled; 0 would be Go's 15 s.
const noKeepalive time.Duration = -1

// entering are the edges that end at each service. A listener does not know which
// of them a connection is of, so it probes for the one that wants it soonest; what
// the caller's end does is the edge's own.
var entering = map[string][]string{
	serviceOrder:     {gateway.EdgeOrder, gateway.EdgeOrderRead},
	serviceInventory: {order.EdgeInventory, gateway.EdgeInventory, fulfillment.EdgeInventory},
	servicePayment:   {order.EdgePayment, gateway.EdgePayment},
	serviceWarehouse: {fulfillment.EdgeWarehouse},
}
