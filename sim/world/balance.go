package world

import (
	"context"

	"google.golang.org/grpc"

	"tripcurve/services/host"
	"tripcurve/sim"
)

var _ host.Replicated = (*Balanced)(nil)

// Balanced is one caller's connections to the replicas of a service, and how it
// chooses among them. It is a grpc.ClientConnInterface. As in grpc-go, a replica
// whose connection is being made is passed over while another one is ready, and one
// that could not be connected to while another one is being connected.
type Balanced struct {
	conns []*Conn
	how   sim.Balance
	last  int // replica taken last
}

// NewBalanced balances over conns, of which there is at least one, as how says:
// round robin or by least requests.
func NewBalanced(conns []*Conn, how sim.Balance) *Balanced {
	return &Balanced{conns: conns, how: how, last: len(conns) - 1}
}

// Invoke makes one call of one of the replicas.
func (b *Balanced) Invoke(ctx context.Context, name string, args, reply any, opts ...grpc.CallOption) error {
	return b.choose().Invoke(ctx, name, args, reply, opts...)
}

// NewStream is not supported, as by the connections.
func (b *Balanced) NewStream(ctx context.Context, desc *grpc.StreamDesc, name string, opts ...grpc.CallOption) (grpc.ClientStream, error) {
	return b.conns[0].NewStream(ctx, desc, name, opts...)
}

// Replicas are the connections, in the order of the replicas.
func (b *Balanced) Replicas() []grpc.ClientConnInterface {
	all := make([]grpc.ClientConnInterface, len(b.conns))
	for i, c := range b.conns {
		all[i] = c
	}
	return all
}

func (b *Balanced) choose() *Conn {
	n := len(b.conns)
	best := -1
	for i := range n {
		at := (b.last + 1 + i) % n
		if !b.conns[at].ready {
			continue
		}
		if best < 0 || b.conns[at].load() < b.conns[best].load() {
			best = at
		}
		if b.how == sim.RoundRobin {
			break
		}
	}
	for i := 0; best < 0; i++ { // the call waits for one that is being made, or fails where none is
		if at := (b.last + 1 + i) % n; b.conns[at].failing == nil || i == n {
			best = at
		}
	}
	b.last = best
	return b.conns[best]
}
