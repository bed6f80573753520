package channelz

import (
	"context"
	"errors"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/channelz/service"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	health "google.golang.org/grpc/health/grpc_health_v1"
	grpcstatus "google.golang.org/grpc/status"

	pb "google.golang.org/grpc/channelz/grpc_channelz_v1"

	"tripcurve/internal/incident"
)

// hanging is a gRPC service whose calls hang until its gate opens.
type hanging struct {
	health.UnimplementedHealthServer
	gate chan struct{}
	in   chan struct{} // one for each call that arrived
}

func (h *hanging) Check(ctx context.Context, _ *health.HealthCheckRequest) (*health.HealthCheckResponse, error) {
	h.in <- struct{}{}
	select {
	case <-h.gate:
	case <-ctx.Done():
	}
	return nil, grpcstatus.Error(codes.Unavailable, "it hung")
}

func serve(t *testing.T, srv *grpc.Server) string {
	t.Helper()
	lis, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = srv.Serve(lis) }()
	t.Cleanup(srv.Stop)
	return lis.Addr().String()
}

// samples asks a process again and again.
type samples struct {
	out    chan []incident.Fact
	status chan incident.SourceStatus
	ended  chan error
	ev     *incident.Evidence
}

func ask(t *testing.T, addr string) *samples {
	t.Helper()
	c, err := New(Config{Addr: addr, Interval: 20 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	s := &samples{make(chan []incident.Fact), make(chan incident.SourceStatus), make(chan error, 1), incident.NewEvidence()}
	ctx, stop := context.WithCancel(context.Background())
	go func() { s.ended <- c.Run(ctx, s.out, s.status) }()
	t.Cleanup(func() {
		stop()
		for {
			select {
			case <-s.out:
			case <-s.status:
			case <-s.ended:
				return
			case <-time.After(5 * time.Second):
				t.Error("the collector does not end with its context")
				return
			}
		}
	})
	return s
}

// next takes whole samples until it has seen n of them from their beginning on.
func (s *samples) next(t *testing.T, n int) (*incident.View, incident.SourceStatus) {
	t.Helper()
	var last incident.SourceStatus
	for got := 0; got < n; {
		select {
		case facts := <-s.out:
			s.ev.Add(facts...)
		case last = <-s.status:
			got++
		case err := <-s.ended:
			s.ended <- err
			t.Fatal(err)
		case <-time.After(10 * time.Second):
			t.Fatal("no sample comes")
		}
	}
	return s.ev.Snapshot(), last
}

// flow is the newest sample of the flow for which is says yes.
func flow(t *testing.T, v *incident.View, is func(incident.Flow) bool) incident.FlowPoint {
	t.Helper()
	for _, f := range v.Flows() {
		if is(f) {
			points := f.Points(incident.Window{From: v.Window.From, To: v.Window.To.Add(1)})
			return points[len(points)-1]
		}
	}
	t.Fatalf("no such flow in %+v", v.Flows())
	return incident.FlowPoint{}
}

// TestAHangIsCountedByBothSides: a real grpc-go server with channelz, a real client
// in the same process, and calls that hang; the channel and the server count them.
func TestAHangIsCountedByBothSides(t *testing.T) {
	h := &hanging{gate: make(chan struct{}), in: make(chan struct{}, 100)}
	srv := grpc.NewServer()
	health.RegisterHealthServer(srv, h)
	service.RegisterChannelzServiceToServer(srv)
	addr := serve(t, srv)
	conn, err := grpc.NewClient(addr, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	client := health.NewHealthClient(conn)
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()

	s := ask(t, "order="+addr)
	isServer := func(f incident.Flow) bool { return f.Server && f.Started.Labels["listen"] == addr }
	isChannel := func(f incident.Flow) bool {
		return !f.Server && f.Caller == "order" && f.Started.Labels[incident.CallTarget] == addr && len(f.Finished) == 2 && f.Callee() == addr
	}
	v, status := s.next(t, 1)
	if p := flow(t, v, isServer); p.InFlight != 0 {
		t.Errorf("%g calls at the server, and none is: ours must not count", p.InFlight)
	}
	if status.State != incident.SourceOK || !strings.Contains(status.Detail, "servers each 20ms") {
		t.Errorf("status %+v", status)
	}
	var calls sync.WaitGroup
	const n = 7
	for range n {
		calls.Go(func() { _, _ = client.Check(ctx, &health.HealthCheckRequest{}) })
	}
	for range n {
		<-h.in
	}
	v, _ = s.next(t, 2) // the first of them may have begun before
	// The collector's own connection is a channel to the same address.
	if p := flow(t, v, func(f incident.Flow) bool { return isChannel(f) && f.Started.Points[len(f.Started.Points)-1].V == n }); p.InFlight != n {
		t.Errorf("%g calls on the channel, want %d", p.InFlight, n)
	}
	if p := flow(t, v, isServer); p.InFlight != n {
		t.Errorf("%g calls at the server, want %d", p.InFlight, n)
	}
	found := false
	for _, x := range v.AllSeries() {
		if x.Name == LastStarted && x.Labels[incident.CallTarget] == addr {
			found = true
			if age := v.Window.To.Sub(time.UnixMilli(int64(1000 * x.Points[len(x.Points)-1].V))); age < -time.Second || age > 30*time.Second {
				t.Errorf("the last call began %s before the last sample", age)
			}
		}
		if strings.Contains(x.Labels["quantile"], "0.99") {
			t.Errorf("channelz knows no latency, yet there is %s", x.Name)
		}
	}
	if !found {
		t.Error("nothing says when the last call began")
	}
	close(h.gate)
	calls.Wait()
	v, _ = s.next(t, 2)
	if p := flow(t, v, isServer); p.InFlight != 0 {
		t.Errorf("%g calls at the server when all have failed", p.InFlight)
	}
}

// TestBehindNetHTTP: such a server has no sockets, so our own call cannot be told
// apart, and that is said.
func TestBehindNetHTTP(t *testing.T) {
	rpc := grpc.NewServer()
	service.RegisterChannelzServiceToServer(rpc)
	lis, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	srv := &http.Server{Handler: rpc, Protocols: new(http.Protocols), ReadHeaderTimeout: 5 * time.Second}
	srv.Protocols.SetUnencryptedHTTP2(true)
	go func() { _ = srv.Serve(lis) }()
	t.Cleanup(func() { _ = srv.Close() })
	v, _ := ask(t, lis.Addr().String()).next(t, 1)
	for _, f := range v.Flows() {
		if f.Server && !strings.Contains(f.Started.Caveat, "also counts the call that asks") {
			t.Errorf("%+v: nothing says that our own call may be in it", f.Started)
		}
	}
}

func TestWhoDoesNotServeIt(t *testing.T) {
	addr := serve(t, grpc.NewServer())
	s := ask(t, addr)
	select {
	case err := <-s.ended:
		s.ended <- err
		if !errors.Is(err, ErrAbsent) {
			t.Errorf("ended with %v", err)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("it goes on")
	}
	lis, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed := lis.Addr().String()
	_ = lis.Close()
	s = ask(t, closed)
	err = <-s.ended
	s.ended <- err
	if err == nil || errors.Is(err, ErrAbsent) || !strings.Contains(err.Error(), "channelz "+closed+": Unavailable") {
		t.Errorf("nobody there: %v", err)
	}
	for _, bad := range []string{"", "x", "http://x:1", ":9090", "x:0", "x:http", "a=b"} {
		if _, err := New(Config{Addr: bad}); !errors.Is(err, ErrAddr) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

// lying answers what a broken or hostile process may.
type lying struct {
	pb.UnimplementedChannelzServer
	page func(start int64) ([]*pb.Channel, bool)
}

func (l lying) GetTopChannels(_ context.Context, r *pb.GetTopChannelsRequest) (*pb.GetTopChannelsResponse, error) {
	channels, end := l.page(r.GetStartChannelId())
	return &pb.GetTopChannelsResponse{Channel: channels, End: end}, nil
}

func (lying) GetServers(context.Context, *pb.GetServersRequest) (*pb.GetServersResponse, error) {
	return &pb.GetServersResponse{}, nil // and no end
}

func channel(id int64, target string, started, ok, failed int64) *pb.Channel {
	return &pb.Channel{Ref: &pb.ChannelRef{ChannelId: id}, Data: &pb.ChannelData{Target: target, CallsStarted: started, CallsSucceeded: ok, CallsFailed: failed}}
}

func TestHostileAnswersAndRestarts(t *testing.T) {
	var mu sync.Mutex
	started := int64(100)
	srv := grpc.NewServer()
	pb.RegisterChannelzServer(srv, lying{page: func(start int64) ([]*pb.Channel, bool) {
		mu.Lock()
		defer mu.Unlock()
		// The same page again and again, without an end.
		return []*pb.Channel{
			channel(1, "dns:///inventory.shop.svc:9000", started, 10, 1), channel(2, "\x1b[2J\u202e", 5, 99, -7), nil, channel(3+start, "x", 1, 1, 0),
		}, false
	}})
	s := ask(t, "order="+serve(t, srv))
	v, status := s.next(t, 1)
	if p := flow(t, v, func(f incident.Flow) bool { return f.Edge() == "order.inventory" }); p.InFlight != 89 {
		t.Errorf("%g in flight, want 89", p.InFlight)
	}
	for _, f := range v.Flows() {
		if strings.ContainsAny(f.Name(), "\x1b\u202e") {
			t.Errorf("%q", f.Name())
		}
		for _, p := range f.Points(incident.Window{From: v.Window.From, To: v.Window.To.Add(1)}) {
			if !(p.InFlight >= 0) {
				t.Errorf("%s has %g calls in flight", f.Name(), p.InFlight)
			}
		}
	}
	if !strings.Contains(status.Detail, "more than 1000 are left out") {
		t.Errorf("status %+v", status)
	}
	mu.Lock()
	started = 12
	mu.Unlock()
	v, _ = s.next(t, 2)
	if c := v.Changes(); len(c) != 1 || c[0].Kind != incident.Restart || c[0].System != "order" {
		t.Errorf("changes %+v, want one restart", c)
	}
}

func FuzzTarget(f *testing.F) {
	for _, s := range []string{"dns:///inventory:9000", "unix:///tmp/x", "[::1]:80", "\x1b]0;x\x07", "passthrough:///postgres://u:secret@h/x"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if got := target(s); len(got) > 10*maxText || strings.ContainsFunc(got, func(r rune) bool { return r < ' ' || r == 0x202e }) {
			t.Fatalf("%q becomes %q", s, got)
		}
	})
}
