package world

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"tripcurve/internal/policy"
	"tripcurve/services/pb"
	"tripcurve/sim/vtime"
)

var began = time.Date(2026, 1, 15, 14, 18, 0, 0, time.UTC)

const delay = 10 * time.Millisecond

// scene is one client, one server and a connection between them. A call's order
// key is how long the server takes.
type scene struct {
	t        *testing.T
	w        *World
	client   *Service
	server   *Service
	conn     *Conn
	inv      pb.InventoryClient
	log      []string
	handling int
}

type slowServer struct {
	pb.UnimplementedInventoryServer
	s     *scene
	clock *Clock
}

func (v *slowServer) Reserve(ctx context.Context, in *pb.ReserveRequest) (*pb.ReserveResponse, error) {
	d, err := time.ParseDuration(in.GetOrderKey())
	if err != nil {
		return nil, status.Error(codes.InvalidArgument, "invalid_cart")
	}
	v.s.handling++
	defer func() { v.s.handling-- }()
	if err := v.clock.Sleep(ctx, d); err != nil {
		v.s.say("server: %v", err)
		return nil, err
	}
	return &pb.ReserveResponse{ReservationId: "res_" + in.GetOrderKey()}, nil
}

func newScene(t *testing.T, o ConnOptions) *scene {
	return newSceneOf(t, o, func(*Service) error { return nil })
}

// newSceneOf is a scene whose client boots so; one that does not boot makes its
// calls inline.
func newSceneOf(t *testing.T, o ConnOptions, boot func(*Service) error) *scene {
	s := &scene{t: t}
	s.w = New(Config{Seed: 1, Start: began, NetworkDelay: delay, OnEvent: func(kind, _ string) { s.say("world: %s", kind) }})
	t.Cleanup(s.w.Close)
	var err error
	s.client, err = s.w.AddService("order", boot)
	if err != nil {
		t.Fatal(err)
	}
	s.server, err = s.w.AddService("inventory", func(v *Service) error {
		pb.RegisterInventoryServer(v, &slowServer{s: s, clock: v.Clock()})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	o.Edge = "order.inventory"
	s.conn = s.w.Dial(s.client, s.server, o)
	s.inv = pb.NewInventoryClient(s.conn)
	return s
}

func (s *scene) say(format string, args ...any) {
	s.log = append(s.log, fmt.Sprintf("%.3f ", time.Duration(s.w.K.Now()).Seconds())+fmt.Sprintf(format, args...))
}

// call makes one call at an instant, with a time limit unless it is 0, and says how it ended.
func (s *scene) call(at time.Duration, takes string, limit time.Duration) {
	s.w.K.StartAfter(at, &s.client.group, vtime.Func(func() {
		ctx := context.Context(vtime.Detached(context.Background()))
		if limit > 0 {
			var cancel context.CancelFunc
			ctx, cancel = s.client.Clock().WithTimeout(ctx, limit)
			defer cancel()
		}
		out, err := s.inv.Reserve(ctx, &pb.ReserveRequest{OrderKey: takes})
		if err != nil {
			s.say("%s: %s", takes, status.Code(err))
			return
		}
		s.say("%s: %s", takes, out.GetReservationId())
	}))
}

func (s *scene) at(d time.Duration, f func()) { s.w.K.After(d, vtime.Func(f)) }

func (s *scene) run(d time.Duration, want ...string) {
	s.t.Helper()
	if err := s.w.K.Run(context.Background(), s.w.K.Now()+vtime.Time(d)); err != nil {
		s.t.Fatal(err)
	}
	if diff := cmp.Diff(want, s.log); diff != "" {
		s.t.Errorf("(-want +got):\n%s", diff)
	}
	if err := s.conn.Err(); err != nil {
		s.t.Error(err)
	}
	s.log = nil
}

func TestCallTakesTheNetworkBothWays(t *testing.T) {
	s := newScene(t, ConnOptions{})
	s.call(0, "1s", 0)
	s.call(0, "nonsense", 0)
	s.run(time.Minute, "0.020 nonsense: InvalidArgument", "1.020 1s: res_1s")
	c := s.conn.Counts()[0]
	if diff := cmp.Diff([]any{"/inventory.Inventory/Reserve", int64(2), int64(1), int64(1)},
		[]any{c.Method, c.Started, c.Handled[codes.OK], c.Handled[codes.InvalidArgument]}); diff != "" {
		t.Error(diff)
	}
	if n := s.server.Calls("/inventory.Inventory/Reserve"); n != 2 {
		t.Errorf("%d calls reached the server", n)
	}
}

func TestCallsWaitForAStream(t *testing.T) {
	s := newScene(t, ConnOptions{Streams: 2})
	full := 0
	s.conn.OnFull = func() { full++ }
	s.call(0, "3s", 0)
	s.call(0, "1s", 0)
	s.call(time.Millisecond, "2s", 0)
	s.call(2*time.Millisecond, "4s", 500*time.Millisecond) // gives up in the queue
	s.call(3*time.Millisecond, "5s", 0)
	s.run(time.Minute,
		"0.502 4s: DeadlineExceeded",
		"1.020 1s: res_1s", "3.020 3s: res_3s", "3.040 2s: res_2s", "8.040 5s: res_5s")
	if full == 0 {
		t.Error("nobody was told that the streams were used up")
	}
	if n := s.w.DeadlineExceeded(); n != 1 {
		t.Errorf("%d calls ended with DEADLINE_EXCEEDED", n)
	}
}

// The caller wakes at the instant of its deadline; the server's context ends when
// the grpc-timeout has run there, a network delay later.
func TestDeadlineEndsBothSides(t *testing.T) {
	s := newScene(t, ConnOptions{Streams: 1})
	s.call(0, "1h", 5*time.Second)
	s.call(time.Second, "1s", 0) // has the stream as soon as it is free
	s.run(time.Minute,
		"5.000 1h: DeadlineExceeded", "5.010 server: context deadline exceeded", "6.020 1s: res_1s")
}

// A caller without a deadline that is cancelled resets the stream.
func TestCancellationReachesTheServer(t *testing.T) {
	s := newScene(t, ConnOptions{})
	s.w.K.Start(nil, vtime.Func(func() {
		ctx := s.w.K.WithCancel(context.Background())
		s.at(2*time.Second, ctx.Cancel)
		_, err := s.inv.Reserve(ctx, &pb.ReserveRequest{OrderKey: "1h"})
		s.say("1h: %s", status.Code(err))
	}))
	s.run(time.Minute, "2.000 1h: Canceled", "2.010 server: context canceled")
}

// The balancer drops a flow on which nothing moves; neither end hears of it: the
// answer is lost, and so is every later request.
func TestIdleFlowIsDropped(t *testing.T) {
	s := newScene(t, ConnOptions{IdleDrop: 60 * time.Second})
	s.call(0, "50s", 0)               // an answer in time counts as a byte
	s.call(30*time.Second, "100s", 0) // the next idle minute begins with the answer at 50 s
	s.call(200*time.Second, "1s", 0)  // sent into the void
	s.call(300*time.Second, "1s", 0)  // too
	s.run(400*time.Second, "50.020 50s: res_50s", "110.010 world: connection_dropped")
	if s.conn.Open() != 3 {
		t.Errorf("%d calls open, want 3 that hang for ever", s.conn.Open())
	}
	// TCP gives up 924.6 s after the first unacknowledged byte.
	s.run(2000*time.Second,
		"1124.600 world: connection_dead", "1124.600 100s: Unavailable", "1124.600 1s: Unavailable", "1124.600 1s: Unavailable")
}

func TestKeepaliveKeepsTheFlow(t *testing.T) {
	s := newScene(t, ConnOptions{IdleDrop: 60 * time.Second, Keepalive: policy.Keepalive{Time: 20 * time.Second}})
	s.call(0, "600s", 0)
	s.run(610*time.Second, "600.020 600s: res_600s")
	// Without a call there is no ping: the flow idles, and the next call finds out.
	s.call(100*time.Second, "1s", 0)
	s.run(201*time.Second,
		"660.010 world: connection_dropped",
		// 20 s after its request: with keepalive on, that is the time of TCP_USER_TIMEOUT.
		"730.000 world: connection_dead", "730.000 1s: Unavailable")
}

// A probe is life enough for the balancer, with and without a call; one that comes
// too late finds the connection dead after nine more of them.
func TestTCPKeepalive(t *testing.T) {
	s := newScene(t, ConnOptions{IdleDrop: 60 * time.Second, TCPKeepalive: 15 * time.Second})
	s.call(0, "600s", 0)
	s.call(900*time.Second, "1s", 0)
	s.run(910*time.Second, "600.020 600s: res_600s", "901.020 1s: res_1s")

	s = newScene(t, ConnOptions{IdleDrop: 60 * time.Second, TCPKeepalive: 75 * time.Second})
	s.call(0, "3600s", 0)
	s.run(900*time.Second,
		"60.000 world: connection_dropped",
		"750.000 world: connection_dead", "750.000 3600s: Unavailable")
}

// Pings without a call keep an idle flow, too.
func TestKeepaliveWithoutCalls(t *testing.T) {
	s := newScene(t, ConnOptions{IdleDrop: 60 * time.Second, Keepalive: policy.Keepalive{Time: 20 * time.Second, WithoutCalls: true}})
	s.call(600*time.Second, "1s", 0)
	s.run(610*time.Second, "601.020 1s: res_1s")
}

// grpc-go's server closes a connection that pings more often than it allows; with
// pings every 20 s against its default of 5 min that is at the fourth.
func TestServerHasEnoughOfPings(t *testing.T) {
	s := newScene(t, ConnOptions{Keepalive: policy.Keepalive{Time: 20 * time.Second}, MinPing: 5 * time.Minute})
	s.call(0, "600s", 0)
	s.run(200*time.Second, "80.060 world: connection_dead", "80.060 600s: Unavailable", "80.070 server: context canceled")
}

func TestRestartOfTheServer(t *testing.T) {
	s := newScene(t, ConnOptions{Streams: 1})
	s.call(0, "10s", 0)
	s.call(time.Second, "1s", 0) // waits for the stream and goes over the new connection
	s.at(5*time.Second, func() {
		if err := s.server.Restart(); err != nil {
			t.Error(err)
		}
	})
	s.run(time.Minute, "5.000 world: restart", "5.000 10s: Unavailable", "6.040 1s: res_1s")
	if s.handling != 0 {
		t.Errorf("%d handlers of the old process still run", s.handling)
	}
}

func TestRestartOfTheClient(t *testing.T) {
	s := newScene(t, ConnOptions{IdleDrop: 60 * time.Second})
	s.call(0, "70s", 0)
	s.at(5*time.Second, func() { _ = s.client.Restart() })
	s.call(6*time.Second, "100s", 0)
	s.at(70*time.Second, func() { _ = s.client.Restart() }) // the flow is gone: the server hears nothing
	s.run(3*time.Minute,
		"5.000 world: restart", "5.010 server: context canceled",
		"66.000 world: connection_dropped", "70.000 world: restart", "130.020 world: connection_dropped")
	if s.handling != 0 {
		t.Errorf("%d handlers still run", s.handling)
	}
	if len(s.conn.Counts()) != 0 || !s.conn.Began().Equal(began.Add(70*time.Second)) {
		t.Error("the new process did not begin to count from zero")
	}
}

// The deadline of a handler that was killed with its process is nobody else's: the
// stream is used again for the next call, which goes on undisturbed.
func TestDeadlineOfAKilledHandler(t *testing.T) {
	s := newScene(t, ConnOptions{Streams: 1})
	s.call(0, "1h", 5*time.Second)
	s.at(time.Second, func() { _ = s.server.Restart() })
	s.call(2*time.Second, "10s", 0)
	s.run(time.Minute, "1.000 world: restart", "1.000 1h: Unavailable", "12.020 10s: res_10s")
}

// A call that runs on behind its caller (host.Clock.Race) still holds its stream.
func TestRaceLeavesTheCallRunning(t *testing.T) {
	s := newScene(t, ConnOptions{Streams: 1})
	s.w.K.Start(&s.client.group, vtime.Func(func() {
		err := s.client.Clock().Race(context.Background(), time.Second, func(ctx context.Context) error {
			_, err := s.inv.Reserve(ctx, &pb.ReserveRequest{OrderKey: "3s"})
			s.say("3s ended behind its caller: %v", err)
			return err
		})
		s.say("caller: %v", err)
	}))
	s.call(2*time.Second, "1s", 0)
	s.run(time.Minute, "1.000 caller: no answer in time", "3.020 3s ended behind its caller: <nil>", "4.040 1s: res_1s")
}

// A handler that runs on its caller's coroutine is not to be told from one that
// runs on its own, whatever the server goes through.
func TestInlineCallsAreLikeOthers(t *testing.T) {
	for seed := range uint64(100) {
		var logs [2][]string
		for i, boot := range []func(*Service) error{nil, func(*Service) error { return nil }} {
			rng := rand.New(rand.NewPCG(seed, 3))
			s := newSceneOf(t, ConnOptions{Streams: rng.IntN(3)}, boot)
			if s.conn.inline != (boot == nil) {
				t.Fatal("the scene is not what it is said to be")
			}
			for n := range 1 + rng.IntN(8) {
				takes := fmt.Sprintf("%d.%03ds", rng.IntN(3), n) // no two alike
				s.call(time.Duration(rng.IntN(2000))*time.Millisecond, takes, 0)
			}
			for range rng.IntN(4) {
				s.at(time.Duration(rng.IntN(4000))*time.Millisecond, func() { _ = s.server.Restart() })
			}
			if err := s.w.K.Run(context.Background(), vtime.Time(time.Minute)); err != nil {
				t.Fatal(err)
			}
			if err := s.conn.Err(); err != nil || s.conn.Open() != 0 || s.handling != 0 || s.server.group.Len() != 0 {
				t.Errorf("seed %d: %d open, %d handlers: %v", seed, s.conn.Open(), s.handling, err)
			}
			logs[i] = s.log
		}
		if diff := cmp.Diff(logs[1], logs[0]); diff != "" {
			t.Fatalf("seed %d (-own coroutine +inline):\n%s", seed, diff)
		}
	}
}
