package host_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"tripcurve/internal/policy"
	"tripcurve/services/host"
	"tripcurve/services/pb"
)

// These tests run the wall clock inside a synctest bubble, whose time stands
// still until every goroutine waits: instants are exact and nothing sleeps.

// conn is a connection whose calls are a function.
type conn func(ctx context.Context, reply *pb.ReserveResponse) error

func (c conn) Invoke(ctx context.Context, _ string, _, reply any, _ ...grpc.CallOption) error {
	return c(ctx, reply.(*pb.ReserveResponse))
}

func (conn) NewStream(context.Context, *grpc.StreamDesc, string, ...grpc.CallOption) (grpc.ClientStream, error) {
	return nil, status.Error(codes.Unimplemented, "no streams here")
}

var errDown = status.Error(codes.Unavailable, "timeout")

// half is dice that always fall in the middle.
func half() float64 { return 0.5 }

// bench is what a guard stands on in these tests.
type bench struct {
	clock *host.WallClock
	meter *host.MemoryMeter
	start time.Time
}

// inBubble runs f with a clock of its own in virtual time.
func inBubble(t *testing.T, f func(t *testing.T, b bench)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		clock := host.NewWallClock()
		defer clock.Close()
		f(t, bench{clock: clock, meter: host.NewMemoryMeter(), start: clock.Now()})
	})
}

func (b bench) guard(t *testing.T, p policy.Policy, c conn, opts ...host.Option) *host.Guard {
	t.Helper()
	g, err := host.NewGuard("order.inventory", p, c, b.clock, b.meter, half, opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(g.Close)
	return g
}

func (b bench) breaker(t *testing.T, c conn, opts ...host.Option) *host.Guard {
	t.Helper()
	g := host.WithBreaker("inventory", c, append(opts, host.WithClock(b.clock), host.WithMeter(b.meter))...)
	t.Cleanup(g.Close)
	return g
}

// at is the time since the bubble's beginning.
func (b bench) at() time.Duration { return b.clock.Now().Sub(b.start) }

func (b bench) wait(t *testing.T, d time.Duration) {
	t.Helper()
	if err := b.clock.Sleep(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	synctest.Wait()
}

// circuit is what the breaker of that name counted.
func (b bench) circuit(name string) map[string]int64 {
	got := map[string]int64{}
	for _, event := range []string{"open", "half_open", "close", "reject"} {
		if n := b.meter.Counter("circuit." + name + "." + event); n > 0 {
			got[event] = n
		}
	}
	return got
}

func reserve(ctx context.Context, g *host.Guard) error {
	_, err := pb.NewInventoryClient(g).Reserve(ctx, &pb.ReserveRequest{})
	return err
}

// hang waits until the call's own context ends.
func hang(ctx context.Context, _ *pb.ReserveResponse) error {
	<-ctx.Done()
	return status.FromContextError(ctx.Err()).Err()
}

func TestCircuitBreaker(t *testing.T) {
	t.Run("opens circuit after 5 failures", func(t *testing.T) {
		inBubble(t, func(t *testing.T, b bench) {
			calls := 0
			g := b.breaker(t, func(context.Context, *pb.ReserveResponse) error {
				calls++
				return errDown
			}, host.WithParam("volumeThreshold", "5"))
			for i := range 5 {
				if err := reserve(t.Context(), g); !errors.Is(err, errDown) {
					t.Fatalf("call %d: %v, want the function's own %v", i+1, err, errDown)
				}
			}
			err := reserve(t.Context(), g)
			if !errors.Is(err, policy.ErrOpen) {
				t.Errorf("6th call: %v, want %v", err, policy.ErrOpen)
			}
			if calls != 5 {
				t.Errorf("the function was called %d times, want 5", calls)
			}
			if r, ok := host.RejectionOf(err); !ok || r.Reason != "EOPENBREAKER" {
				t.Errorf("rejection %+v, want opossum's EOPENBREAKER", r)
			}
			want := map[string]int64{"open": 1, "reject": 1}
			if diff := cmp.Diff(want, b.circuit("inventory")); diff != "" {
				t.Errorf("counted (-want +got):\n%s", diff)
			}
		})
	})

	t.Run("sends probe in half-open state", func(t *testing.T) {
		inBubble(t, func(t *testing.T, b bench) {
			calls, down := 0, true
			g := b.breaker(t, func(context.Context, *pb.ReserveResponse) error {
				calls++
				if down {
					return errDown
				}
				return nil
			})
			if err := reserve(t.Context(), g); !errors.Is(err, errDown) {
				t.Fatal(err)
			}
			if err := reserve(t.Context(), g); !errors.Is(err, policy.ErrOpen) {
				t.Fatalf("open breaker answered %v", err)
			}
			calls, down = 0, false
			b.wait(t, 30*time.Second)
			if n := b.meter.Counter("circuit.inventory.half_open"); n != 1 {
				t.Errorf("half-open counted %d times after resetTimeout and without a call, want 1", n)
			}
			if err := reserve(t.Context(), g); err != nil {
				t.Errorf("probe: %v", err)
			}
			if calls != 1 {
				t.Errorf("the function was called %d times, want 1", calls)
			}
			want := map[string]int64{"open": 1, "reject": 1, "half_open": 1, "close": 1}
			if diff := cmp.Diff(want, b.circuit("inventory")); diff != "" {
				t.Errorf("counted (-want +got):\n%s", diff)
			}
		})
	})

	t.Run("the factory's breaker gives a call 5 s and opens on the first failure", func(t *testing.T) {
		inBubble(t, func(t *testing.T, b bench) {
			g := b.breaker(t, hang)
			if err := reserve(t.Context(), g); !errors.Is(err, host.ErrTimeout) {
				t.Errorf("error %v, want %v", err, host.ErrTimeout)
			}
			if b.at() != 5*time.Second {
				t.Errorf("the caller waited %v, want 5s", b.at())
			}
			if s, _ := g.Snapshot(); s.State != policy.Open {
				t.Errorf("state %v, want open", s.State)
			}
		})
	})

	t.Run("rejects all but one call while the probe runs", func(t *testing.T) {
		inBubble(t, func(t *testing.T, b bench) {
			g := b.breaker(t, hang)
			_ = reserve(t.Context(), g) // trips at 5 s
			b.wait(t, 30*time.Second)
			probe := make(chan error, 1)
			go func() { probe <- reserve(t.Context(), g) }()
			synctest.Wait()
			if err := reserve(t.Context(), g); !errors.Is(err, policy.ErrOpen) {
				t.Errorf("beside the probe: %v, want %v", err, policy.ErrOpen)
			}
			if err := <-probe; !errors.Is(err, host.ErrTimeout) {
				t.Errorf("probe: %v", err)
			}
			if got, want := b.at(), 40*time.Second; got != want {
				t.Errorf("a cycle of probe and reset ended after %v, want %v", got, want)
			}
		})
	})

	t.Run("answers why it could not be made", func(t *testing.T) {
		inBubble(t, func(t *testing.T, b bench) {
			for _, opt := range []host.Option{
				host.WithParam("errorThreshold", "5"), // the original's test has it; opossum has not
				host.WithLibrary("none such"),
			} {
				if err := reserve(t.Context(), b.breaker(t, hang, opt)); err == nil || errors.Is(err, policy.ErrOpen) {
					t.Errorf("answered %v, want what is wrong with the options", err)
				}
			}
		})
	})
}

func TestCancel(t *testing.T) {
	t.Run("detach leaves the call running and releases the caller", func(t *testing.T) {
		inBubble(t, func(t *testing.T, b bench) {
			ended := make(chan time.Duration, 1)
			g := b.guard(t, policy.Policy{Timeout: 10 * time.Second}, func(ctx context.Context, _ *pb.ReserveResponse) error {
				err := b.clock.Sleep(ctx, time.Minute)
				ended <- b.at()
				return err
			})
			err := reserve(t.Context(), g)
			if !errors.Is(err, host.ErrTimeout) || status.Code(err) == codes.DeadlineExceeded {
				t.Errorf("error %v, want a timeout that is no gRPC deadline", err)
			}
			if b.at() != 10*time.Second {
				t.Errorf("the caller was released after %v, want 10s", b.at())
			}
			if at := <-ended; at != time.Minute {
				t.Errorf("the call ended after %v, want its own 1m", at)
			}
		})
	})

	t.Run("detach keeps the caller's end from the call", func(t *testing.T) {
		inBubble(t, func(t *testing.T, b bench) {
			g := b.guard(t, policy.Policy{}, func(ctx context.Context, _ *pb.ReserveResponse) error {
				return b.clock.Sleep(ctx, time.Minute)
			})
			ctx, cancel := b.clock.WithTimeout(t.Context(), time.Second)
			defer cancel()
			if err := reserve(ctx, g); err != nil || b.at() != time.Minute {
				t.Errorf("the call ended after %v with %v, want 1m and no error", b.at(), err)
			}
		})
	})

	t.Run("propagate cancels the call with its time limit", func(t *testing.T) {
		inBubble(t, func(t *testing.T, b bench) {
			g := b.guard(t, policy.Policy{Timeout: 10 * time.Second, Cancel: policy.Propagate}, hang)
			if err := reserve(t.Context(), g); !errors.Is(err, host.ErrTimeout) {
				t.Errorf("error %v, want %v", err, host.ErrTimeout)
			}
			if b.at() != 10*time.Second {
				t.Errorf("the call ended after %v, want 10s", b.at())
			}
		})
	})

	t.Run("propagate cancels the call with its caller", func(t *testing.T) {
		inBubble(t, func(t *testing.T, b bench) {
			g := b.guard(t, policy.Policy{Cancel: policy.Propagate}, hang)
			ctx, cancel := b.clock.WithTimeout(t.Context(), time.Second)
			defer cancel()
			if err := reserve(ctx, g); status.Code(err) != codes.DeadlineExceeded || b.at() != time.Second {
				t.Errorf("after %v: %v, want the caller's deadline after 1s", b.at(), err)
			}
		})
	})

	t.Run("a deadline ends the call even when detached", func(t *testing.T) {
		inBubble(t, func(t *testing.T, b bench) {
			var told time.Time
			g := b.guard(t, policy.Policy{Deadline: 5 * time.Second, Timeout: 10 * time.Second}, func(ctx context.Context, r *pb.ReserveResponse) error {
				told, _ = ctx.Deadline()
				return hang(ctx, r)
			})
			err := reserve(t.Context(), g)
			if status.Code(err) != codes.DeadlineExceeded || errors.Is(err, host.ErrTimeout) {
				t.Errorf("error %v, want DEADLINE_EXCEEDED", err)
			}
			if want := b.start.Add(5 * time.Second); !told.Equal(want) {
				t.Errorf("the connection was told the deadline %v, want %v", told, want)
			}
		})
	})
}

// recorder is a breaker that admits everything and takes down what it is told.
type recorder struct {
	policy.Breaker
	got []policy.Outcome
}

func (r *recorder) Allow(time.Time, float64) (policy.Ticket, policy.Verdict) {
	return policy.Ticket{}, policy.Verdict{Admitted: true}
}

func (r *recorder) Record(_ time.Time, _ policy.Ticket, o policy.Outcome) { r.got = append(r.got, o) }

func (r *recorder) Advance(time.Time)      {}
func (r *recorder) Due() (time.Time, bool) { return time.Time{}, false }
func (r *recorder) Take() []policy.Event   { return nil }
func (r *recorder) State() policy.State    { return policy.Closed }

func TestBreakerIsToldOnce(t *testing.T) {
	late := func(b bench, d time.Duration, end error) conn {
		return func(ctx context.Context, _ *pb.ReserveResponse) error {
			if err := b.clock.Sleep(ctx, d); err != nil {
				return status.FromContextError(err).Err()
			}
			return end
		}
	}
	for _, c := range []struct {
		name    string
		policy  policy.Policy
		library time.Duration // the library's own time limit
		takes   time.Duration
		end     error
		want    policy.Outcome
	}{
		{"success", policy.Policy{}, 0, time.Second, nil, policy.Outcome{Code: policy.OK, Took: time.Second, Status: 200}},
		{"failure", policy.Policy{}, 0, time.Second, errDown, policy.Outcome{Code: policy.Failure, Took: time.Second, Status: 503}},
		{
			"an answer of the business",
			policy.Policy{},
			0, time.Second, status.Error(codes.FailedPrecondition, "out_of_stock"),
			policy.Outcome{Code: policy.Unrecorded, Took: time.Second, Status: 409},
		},
		{
			"the library's limit, and a success too late",
			policy.Policy{},
			5 * time.Second, time.Minute, nil,
			policy.Outcome{Code: policy.Timeout, Took: 5 * time.Second},
		},
		{
			"the caller's own shorter limit",
			policy.Policy{Timeout: 2 * time.Second},
			5 * time.Second, time.Minute, nil,
			policy.Outcome{Code: policy.Failure, Took: 2 * time.Second},
		},
		{
			"a deadline",
			policy.Policy{Deadline: 2 * time.Second},
			5 * time.Second, time.Minute, nil,
			policy.Outcome{Code: policy.Failure, Took: 2 * time.Second, Status: 504},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, b bench) {
				r := &recorder{}
				g := b.guard(t, c.policy, late(b, c.takes, c.end), host.WithMachine(r, c.library))
				_ = reserve(t.Context(), g)
				b.wait(t, 2*time.Minute)
				if diff := cmp.Diff([]policy.Outcome{c.want}, r.got); diff != "" {
					t.Errorf("told (-want +got):\n%s", diff)
				}
			})
		})
	}
}

func TestRetry(t *testing.T) {
	three := policy.Retry{Attempts: 3, Base: time.Second, Multiplier: 2}
	// failing fails so often with the error, then succeeds, and takes down when it was called.
	failing := func(b bench, times int, err error, at *[]time.Duration) conn {
		return func(context.Context, *pb.ReserveResponse) error {
			*at = append(*at, b.at())
			if len(*at) <= times {
				return err
			}
			return nil
		}
	}
	for _, c := range []struct {
		name  string
		retry policy.Retry
		times int
		err   error
		want  []time.Duration // when the function was called
		fails bool
	}{
		{"waits longer each time", three, 2, errDown, []time.Duration{0, time.Second, 3 * time.Second}, false},
		{"gives up after the last attempt", three, 9, errDown, []time.Duration{0, time.Second, 3 * time.Second}, true},
		{"tries a deadline again", three, 1, status.Error(codes.DeadlineExceeded, "late"), []time.Duration{0, time.Second}, false},
		{"takes an answer of the business for an answer", three, 9, status.Error(codes.InvalidArgument, "invalid_cart"), []time.Duration{0}, true},
		{"zero tries once", policy.Retry{}, 9, errDown, []time.Duration{0}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, b bench) {
				var at []time.Duration
				g := b.guard(t, policy.Policy{Retry: c.retry}, failing(b, c.times, c.err, &at))
				if err := reserve(t.Context(), g); (err != nil) != c.fails {
					t.Errorf("error %v", err)
				}
				if diff := cmp.Diff(c.want, at); diff != "" {
					t.Errorf("called at (-want +got):\n%s", diff)
				}
			})
		})
	}

	t.Run("each attempt is one call of the breaker, and a rejection ends the call", func(t *testing.T) {
		inBubble(t, func(t *testing.T, b bench) {
			var at []time.Duration
			p := policy.Policy{Retry: three, Breaker: policy.BreakerSpec{
				Library: "opossum", Params: map[string]string{"volumeThreshold": "2"},
			}}
			g := b.guard(t, p, failing(b, 9, errDown, &at))
			if err := reserve(t.Context(), g); !errors.Is(err, policy.ErrOpen) {
				t.Errorf("error %v, want %v", err, policy.ErrOpen)
			}
			if diff := cmp.Diff([]time.Duration{0, time.Second}, at); diff != "" {
				t.Errorf("called at (-want +got):\n%s", diff)
			}
		})
	})

	t.Run("a budget bounds the retries of all calls together", func(t *testing.T) {
		inBubble(t, func(t *testing.T, b bench) {
			calls := 0
			g := b.guard(t, policy.Policy{Retry: policy.Retry{Attempts: 3, Budget: 0.1}}, func(context.Context, *pb.ReserveResponse) error {
				calls++
				return errDown
			})
			for range 100 {
				_ = reserve(t.Context(), g)
			}
			// Ten tokens, one for each failed attempt, retries only while more than five
			// are left: the first call makes three attempts, the second two.
			if calls != 103 {
				t.Errorf("100 calls made %d attempts, want 103", calls)
			}
		})
	})

	t.Run("a caller that has gone gets no further attempt", func(t *testing.T) {
		inBubble(t, func(t *testing.T, b bench) {
			var at []time.Duration
			g := b.guard(t, policy.Policy{Retry: three}, failing(b, 9, errDown, &at))
			ctx, cancel := b.clock.WithTimeout(t.Context(), 2*time.Second)
			defer cancel()
			if err := reserve(ctx, g); !errors.Is(err, errDown) {
				t.Errorf("error %v, want the attempt's own", err)
			}
			if diff := cmp.Diff([]time.Duration{0, time.Second}, at); diff != "" {
				t.Errorf("called at (-want +got):\n%s", diff)
			}
		})
	})

	t.Run("a late answer of an abandoned attempt does not reach the caller", func(t *testing.T) {
		inBubble(t, func(t *testing.T, b bench) {
			var n atomic.Int32
			p := policy.Policy{Timeout: time.Second, Retry: policy.Retry{Attempts: 3}}
			g := b.guard(t, p, func(ctx context.Context, r *pb.ReserveResponse) error {
				id, takes := "good", 200*time.Millisecond
				if n.Add(1) == 1 {
					id, takes = "late", 1100*time.Millisecond
				}
				err := b.clock.Sleep(ctx, takes)
				r.ReservationId = id
				return err
			})
			out, err := pb.NewInventoryClient(g).Reserve(t.Context(), &pb.ReserveRequest{})
			if err != nil || out.GetReservationId() != "good" {
				t.Errorf("answer %q, %v, want that of the second attempt", out.GetReservationId(), err)
			}
		})
	})
}

func TestMaxConcurrent(t *testing.T) {
	inBubble(t, func(t *testing.T, b bench) {
		g := b.guard(t, policy.Policy{Timeout: time.Second, MaxConcurrent: 1}, func(ctx context.Context, _ *pb.ReserveResponse) error {
			return b.clock.Sleep(ctx, 10*time.Second)
		})
		if err := reserve(t.Context(), g); !errors.Is(err, host.ErrTimeout) {
			t.Fatal(err)
		}
		// The caller has gone on, the call has not ended: it keeps its place.
		err := reserve(t.Context(), g)
		if r, ok := host.RejectionOf(err); !errors.Is(err, host.ErrBusy) || errors.Is(err, policy.ErrOpen) || !ok || r.Reason != "max_concurrent" {
			t.Errorf("beside an abandoned call: %v, want %v", err, host.ErrBusy)
		}
		b.wait(t, 10*time.Second)
		if err := reserve(t.Context(), g); !errors.Is(err, host.ErrTimeout) {
			t.Errorf("after it ended: %v, want to be let through", err)
		}
	})
}

func TestTrace(t *testing.T) {
	inBubble(t, func(t *testing.T, b bench) {
		var n atomic.Int32
		p := policy.Policy{Timeout: 10 * time.Second, Retry: policy.Retry{Attempts: 3}}
		g := b.guard(t, p, func(ctx context.Context, r *pb.ReserveResponse) error {
			if n.Add(1) < 3 {
				return hang(ctx, r)
			}
			return b.clock.Sleep(ctx, time.Second)
		})
		var trace host.Trace
		if _, err := pb.NewInventoryClient(g).Reserve(t.Context(), &pb.ReserveRequest{}, &trace); err != nil {
			t.Fatal(err)
		}
		type try struct {
			At, Took time.Duration
			Failed   bool
		}
		var got []try
		for _, a := range trace.Attempts {
			got = append(got, try{a.Start.Sub(b.start), a.Took, a.Err != nil})
		}
		want := []try{
			{0, 10 * time.Second, true},
			{10 * time.Second, 10 * time.Second, true},
			{20 * time.Second, time.Second, false},
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("attempts (-want +got):\n%s", diff)
		}
	})
}

func TestRejectionCrossesAHop(t *testing.T) {
	own := &host.Rejection{Edge: "order.inventory", Reason: "EOPENBREAKER"}
	hop := status.Error(codes.Unavailable, "inventory_unavailable: "+own.Error())
	got, ok := host.RejectionOf(hop)
	if !ok {
		t.Fatalf("%v is not known as a rejection", hop)
	}
	if diff := cmp.Diff(own, got); diff != "" {
		t.Errorf("rejection (-want +got):\n%s", diff)
	}
	if word := host.Word(hop); word != "inventory_unavailable" {
		t.Errorf("word %q, want inventory_unavailable", word)
	}
	for _, err := range []error{nil, errDown, status.Error(codes.Internal, own.Error()), errors.New("rejected by x: y")} {
		if r, ok := host.RejectionOf(err); ok {
			t.Errorf("%v is taken for the rejection %+v", err, r)
		}
	}
}

func TestBareGuardAllocations(t *testing.T) {
	clock := host.NewWallClock()
	defer clock.Close()
	for _, c := range []struct {
		cancel policy.Cancel
		want   float64
	}{
		{policy.Propagate, 0},
		{policy.Detach, 1}, // the context without its caller's end
	} {
		g, err := host.NewGuard("order.payment", policy.Policy{Cancel: c.cancel},
			conn(func(context.Context, *pb.ReserveResponse) error { return nil }), clock, nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		ctx, reply := context.Background(), &pb.ReserveResponse{}
		if n := testing.AllocsPerRun(100, func() { _ = g.Invoke(ctx, "/m", nil, reply) }); n != c.want {
			t.Errorf("cancel %d: %v allocations per call, want %v", c.cancel, n, c.want)
		}
	}
}

func BenchmarkGuard(b *testing.B) {
	clock := host.NewWallClock()
	defer clock.Close()
	free := conn(func(context.Context, *pb.ReserveResponse) error { return nil })
	for _, c := range []struct {
		name   string
		policy policy.Policy
	}{
		{"bare", policy.Policy{}},
		{"breaker", policy.Policy{Cancel: policy.Propagate, Breaker: policy.BreakerSpec{
			Library: "opossum", Params: map[string]string{"timeout": "0"},
		}}},
	} {
		b.Run(c.name, func(b *testing.B) {
			g, err := host.NewGuard("order.inventory", c.policy, free, clock, nil, half)
			if err != nil {
				b.Fatal(err)
			}
			ctx, reply := context.Background(), &pb.ReserveResponse{}
			b.ReportAllocs()
			for b.Loop() {
				_ = g.Invoke(ctx, "/m", nil, reply)
			}
		})
	}
}

// A counter that is not there until it is 1 has no increase to Prometheus.
func TestBreakersSeriesAreThereFromTheStart(t *testing.T) {
	for library, want := range map[string][]string{
		"":        {},
		"opossum": {"circuit.order.inventory.close", "circuit.order.inventory.half_open", "circuit.order.inventory.open", "circuit.order.inventory.reject"},
	} {
		clock, meter := host.NewWallClock(), host.NewMemoryMeter()
		g, err := host.NewGuard("order.inventory", policy.Policy{Breaker: policy.BreakerSpec{Library: library}}, nil, clock, meter, nil)
		if err != nil {
			t.Fatal(err)
		}
		g.Close()
		clock.Close()
		if diff := cmp.Diff(want, meter.Counters()); diff != "" {
			t.Errorf("library %q (-want +got):\n%s", library, diff)
		}
	}
}
