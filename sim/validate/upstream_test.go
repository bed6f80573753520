package validate

import (
	"context"
	"math"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"tripcurve/internal/policy"
	"tripcurve/internal/policy/library"
	"tripcurve/internal/policy/retry"
	"tripcurve/services/host"
	"tripcurve/services/pb"
	"tripcurve/sim/vtime"
	"tripcurve/sim/world"
)

// upstream is a service behind a connection and a guard, all of them the
// simulator's and the product's own, with clients that come at a rate of time.
type upstream struct {
	t     *testing.T
	w     *world.World
	guard *host.Guard
	stub  pb.InventoryClient

	began, served, failed []int // by second; the last two by the answer's
	attempts              int   // calls that reached the service
}

// answers is what the service does with a call; it may sleep and wait.
type answers func(ctx context.Context) error

// endpoint is the service's handler.
type endpoint struct {
	pb.UnimplementedInventoryServer
	u       *upstream
	answers answers
}

// GetStock is the one method that the clients call.
func (e endpoint) GetStock(ctx context.Context, _ *pb.GetStockRequest) (*pb.GetStockResponse, error) {
	e.u.attempts++
	return &pb.GetStockResponse{}, e.answers(ctx)
}

// newUpstream connects clients under a policy to a service. A plan, where there is
// one, comes in place of the policy's own retries.
func newUpstream(t *testing.T, seed uint64, p policy.Policy, plan *retry.Plan, service func(*upstream) answers) *upstream {
	t.Helper()
	u := &upstream{t: t, w: world.New(world.Config{Seed: seed, Start: time.Date(2026, 1, 15, 0, 0, 0, 0, time.UTC)})}
	client, err := u.w.AddService("client", nil)
	if err != nil {
		t.Fatal(err)
	}
	a := service(u)
	server, err := u.w.AddService("service", func(s *world.Service) error {
		pb.RegisterInventoryServer(s, endpoint{u: u, answers: a})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	conn := u.w.Dial(client, server, world.ConnOptions{Edge: "client.service"})
	u.guard, err = host.NewGuard("client.service", p, conn, client.Clock(), nil, u.w.Stream("retries").Rand(),
		host.WithRetryable(func(error) bool { return true }), host.WithBuilt(library.Built{Retry: plan}))
	if err != nil {
		t.Fatal(err)
	}
	u.stub = pb.NewInventoryClient(u.guard)
	return u
}

// run lets clients come (Poisson, by the rate at the present second) for so many
// seconds and books how their calls end. At the end everything left is dropped.
func (u *upstream) run(seconds int, rate func(second float64) float64) *upstream {
	u.began, u.served, u.failed = make([]int, seconds), make([]int, seconds), make([]int, seconds)
	gaps := u.w.Stream("arrivals")
	var come func()
	come = func() {
		u.began[u.second()]++
		u.w.K.Start(nil, vtime.Func(u.call))
		now := time.Duration(u.w.K.Now()).Seconds()
		u.w.K.After(time.Duration(gaps.Exp()/rate(now)*float64(time.Second)), vtime.Func(come))
	}
	u.w.K.After(0, vtime.Func(come))
	if err := u.w.K.Run(context.Background(), vtime.Time(seconds)*vtime.Time(time.Second)-1); err != nil {
		u.t.Error(err)
	}
	for _, c := range u.w.Conns() {
		if err := c.Err(); err != nil {
			u.t.Error(err)
		}
	}
	u.w.Close()
	return u
}

// call is one client's process.
func (u *upstream) call() {
	var ctx vtime.Loose
	if _, err := u.stub.GetStock(&ctx, &pb.GetStockRequest{}); err != nil {
		u.failed[u.second()]++
	} else {
		u.served[u.second()]++
	}
}

func (u *upstream) second() int {
	return min(int(time.Duration(u.w.K.Now())/time.Second), len(u.began)-1)
}

// goodput is the calls served from one second to another as a share of those begun.
func (u *upstream) goodput(from, to int) float64 {
	served, began := 0, 0
	for s := from; s < to; s++ {
		served, began = served+u.served[s], began+u.began[s]
	}
	return float64(served) / float64(began)
}

// collapsed says that at most half of the calls are served, recovered that 95 % are.
func collapsed(goodput float64) bool { return goodput <= 0.5 }
func recovered(goodput float64) bool { return goodput >= 0.95 }

// sleep is the service taking its time.
func (u *upstream) sleep(seconds float64) {
	if u.w.K.Sleep(nil, time.Duration(seconds*float64(time.Second))) == vtime.Killed {
		u.w.K.Unwind()
	}
}

// single is one server with exponential service, so many places and no
// cancellation: a call that its client has given up is served all the same.
type single struct {
	u         *upstream
	pool      *world.Pool
	work      *world.Stream
	perSecond float64
	places    int
	emptied   vtime.Time // the first instant at which nobody was left; -1 before
}

var errFull = status.Error(codes.ResourceExhausted, "no place in the queue")

// one makes the server's handler and keeps the server in at.
func one(perSecond float64, places int, at **single) func(*upstream) answers {
	return func(u *upstream) answers {
		q := &single{u: u, pool: world.NewPool(u.w.K, 1), work: u.w.Stream("work"), perSecond: perSecond, places: places, emptied: -1}
		*at = q
		return q.serve
	}
}

func (q *single) serve(context.Context) error {
	if q.pool.Used()+q.pool.Waiting() >= q.places {
		return errFull
	}
	_ = q.pool.Acquire(nil) // without a context it has no error
	q.u.sleep(q.work.Exp() / q.perSecond)
	q.pool.Release()
	if q.pool.Used() == 0 && q.emptied < 0 {
		q.emptied = q.u.w.K.Now()
	}
	return nil
}

// fill takes all places with calls whose clients have gone.
func (q *single) fill() {
	for range q.places {
		q.u.w.K.Start(nil, vtime.Func(func() { _ = q.serve(context.Background()) }))
	}
}

// expectation of the attempts per call when each fails with probability f and at
// most n are made.
func expectation(f float64, n int) float64 {
	if f >= 1 {
		return float64(n)
	}
	return (1 - math.Pow(f, float64(n))) / (1 - f)
}
