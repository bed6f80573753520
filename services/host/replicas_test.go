package host_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc"

	"tripcurve/internal/policy"
	"tripcurve/services/host"
	"tripcurve/services/pb"
)

// several is a connection to so many replicas.
type several struct {
	conn
	replicas []grpc.ClientConnInterface
}

func (s several) Replicas() []grpc.ClientConnInterface { return s.replicas }

// listener hears of the hosts beside counting.
type listener struct {
	*host.MemoryMeter
	heard []string
}

func (l *listener) BreakerEvent(edge string, e policy.Event) {
	l.heard = append(l.heard, edge+" "+e.Name)
}

// A proxy's breaker chooses the replica that a call goes to, and one that it has
// ejected gets none until the sweep after its time is over.
func TestBreakerChoosesTheReplica(t *testing.T) {
	inBubble(t, func(t *testing.T, b bench) {
		var got []string
		replica := func(name string, err error) grpc.ClientConnInterface {
			return conn(func(context.Context, *pb.ReserveResponse) error {
				got = append(got, name)
				return err
			})
		}
		to := several{replicas: []grpc.ClientConnInterface{replica("well", nil), replica("sick", errDown)}}
		p := policy.Policy{Breaker: policy.BreakerSpec{Library: "envoy", Params: map[string]string{
			"hosts": "2", "consecutive_5xx": "3", "max_ejection_percent": "50", "healthy_panic_threshold": "0",
		}}}
		hears := &listener{MemoryMeter: b.meter}
		g, err := host.NewGuard("order.inventory", p, to, b.clock, hears, half)
		if err != nil {
			t.Fatal(err)
		}
		defer g.Close()
		call := func(n int) string {
			got = nil
			for range n {
				_, _ = pb.NewInventoryClient(g).Reserve(t.Context(), &pb.ReserveRequest{})
			}
			return strings.Join(got, " ")
		}
		if s := call(8); s != "well sick well sick well sick well well" {
			t.Errorf("until the ejection: %s", s)
		}
		b.wait(t, 29*time.Second) // 30 s, and the sweeps are every 10 s
		if s := call(3); s != "well well well" {
			t.Errorf("while it is out: %s", s)
		}
		b.wait(t, time.Second)
		if s := call(3); !slices.Contains(strings.Fields(s), "sick") {
			t.Errorf("when it is back: %s", s)
		}
		if diff := cmp.Diff([]string{"order.inventory ejected 1 CONSECUTIVE_5XX", "order.inventory unejected 1"}, hears.heard); diff != "" {
			t.Errorf("heard (-want +got):\n%s", diff)
		}
	})
}

// Another breaker leaves the choice to the connection, and a number of hosts that
// is not that of the replicas is refused.
func TestBreakerThatDoesNotChoose(t *testing.T) {
	inBubble(t, func(t *testing.T, b bench) {
		calls := 0
		to := several{
			conn:     func(context.Context, *pb.ReserveResponse) error { calls++; return nil },
			replicas: make([]grpc.ClientConnInterface, 2),
		}
		p := policy.Policy{Breaker: policy.BreakerSpec{Library: "opossum"}}
		g, err := host.NewGuard("order.inventory", p, to, b.clock, b.meter, half)
		if err != nil {
			t.Fatal(err)
		}
		defer g.Close()
		if _, err := pb.NewInventoryClient(g).Reserve(t.Context(), &pb.ReserveRequest{}); err != nil || calls != 1 {
			t.Errorf("%d calls, %v", calls, err)
		}
		for library, hosts := range map[string]string{"envoy": "hosts", "istio": "hosts", "linkerd": "endpoints"} {
			p.Breaker = policy.BreakerSpec{Library: library, Params: map[string]string{hosts: "3"}}
			_, err := host.NewGuard("order.inventory", p, to, b.clock, b.meter, half)
			if want := fmt.Sprintf("%s chooses among 3 hosts, and the edge has 2 replicas", library); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: error %v", library, err)
			}
		}
	})
}
