package compare

import (
	"context"
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tripcurve/internal/policy"
	"tripcurve/sim"
	"tripcurve/sim/output"
	"tripcurve/sim/scenario"
)

func TestThreshold(t *testing.T) {
	at := func(tips float64) (Threshold, int) {
		asked := 0
		got, err := threshold(1, 100, func(v float64) (*Point, error) {
			asked++
			p := &Point{At: v, Stuck: output.Share(0, 10, output.Level)}
			if v >= tips {
				p.Stuck, p.loop = output.Share(5, 10, output.Level), "loop"
			}
			return p, nil
		})
		if err != nil {
			t.Fatal(err)
		}
		return got, asked
	}
	got, asked := at(42)
	if got.Below.At >= 42 || got.Above.At < 42 || got.Above.At/got.Below.At > nearness || got.loop != "loop" || asked > 10 {
		t.Errorf("tips at 42, found between %g and %g with %d points", got.Below.At, got.Above.At, asked)
	}
	if got, asked := at(1000); got.Above != nil || got.Below.At != 100 || got.loop != "" || asked != 1 {
		t.Errorf("never tips: %+v with %d points", got, asked)
	}
	if got, asked := at(0); got.Below != nil || got.Above.At != 1 || asked != 2 {
		t.Errorf("has always tipped: %+v with %d points", got, asked)
	}
	broken := errors.New("broken")
	if _, err := threshold(1, 100, func(float64) (*Point, error) { return nil, broken }); !errors.Is(err, broken) {
		t.Errorf("a mistake is %v", err)
	}
}

// 100 streams are full some 45 s after the lock at 2.7 tries per second, and a minute
// later the flow has been idle for a minute: from about 105 s on the lock outlives
// itself. With a deadline it never does.
func TestTippingHold(t *testing.T) {
	sc := scenario.INC2847()
	lock, _ := firstLock(sc)
	s := search{context.Background(), Options{Seeds: 2, Workers: 2}}
	for hold, want := range map[time.Duration]struct {
		stuck float64
		loop  string
	}{85 * time.Second: {}, 130 * time.Second: {1, "dead connection: all 100 streams"}} {
		p, err := s.point(hold.Seconds(), triggered(sc, lock, hold, 1))
		if err != nil || p.At != hold.Seconds() || p.Stuck.Value != want.stuck || !strings.HasPrefix(p.loop, want.loop) {
			t.Errorf("%s: %+v, %v", hold, p, err)
		}
	}
	deadline, _ := ByName("deadline")
	if p, err := s.point(130, deadline.Apply(triggered(sc, lock, 130*time.Second, 1))); err != nil || p.Stuck.Value != 0 || p.loop != "" {
		t.Errorf("with a deadline: %+v, %v", p, err)
	}
}

func TestTriggered(t *testing.T) {
	sc := scenario.INC2847()
	lock, _ := firstLock(sc)
	got := triggered(sc, lock, 10*time.Second, 2)
	if len(got.Faults) != 1 || got.Length != 1270*time.Second || got.Checkouts != (sim.Ramp{From: 1.92, To: 1.66}) || got.OrderReads.To != 10 {
		t.Errorf("%+v", got)
	}
	if d := cmp.Diff(scenario.INC2847(), sc); d != "" {
		t.Errorf("the scenario that was given is changed: %s", d)
	}
	// At that load a gap of a minute is to be expected in one run of twenty.
	load := busyFrom(got)
	rate := load * 1.79
	if n := rate * got.Length.Seconds() * math.Exp(-60*rate); n > idleByItself || n < idleByItself/2 {
		t.Errorf("from %g times the load on %g gaps are expected", load, n)
	}
	got.World.IdleDrop = 0
	if busyFrom(got) != leastLoad {
		t.Error("without a balancer that drops flows every load is busy enough")
	}
	if _, err := Tip(context.Background(), scenario.Healthy(), Remedies(), Options{Seeds: 2}); !errors.Is(err, ErrNoTrigger) {
		t.Errorf("nothing is locked: %v", err)
	}
	if _, err := Tip(context.Background(), sc, Remedies(), Options{Seeds: 1}); err == nil {
		t.Error("one run is a share")
	}
}

func TestLoops(t *testing.T) {
	sc := scenario.INC2847()
	retries := sc
	retries.Edges = policy.Edges{"e": {Retry: policy.Retry{Attempts: 3}}}
	end := func(streams, pool, waiting int, kinds ...string) *sim.Result {
		r := &sim.Result{StreamsInUse: []int{0, streams}, PoolInUse: []int{0, pool}, LockWaiters: []int{0, waiting}}
		for _, k := range kinds {
			r.Events = append(r.Events, sim.Event{Kind: k})
		}
		return r
	}
	open := end(3, 0, 0, "connection_dropped")
	open.Breakers = []sim.BreakerTrack{{Changes: []sim.BreakerChange{{State: policy.Open}, {State: policy.HalfOpen}}}}
	probes := end(3, 0, 0)
	probes.Breakers = open.Breakers
	storm := end(50, 40, 0)
	storm.ReserveCallsPerOrder = 2.7
	queue := end(10, 0, 0, "connection_dropped")
	queue.Backlog = []int{0, 700}
	for _, c := range []struct {
		name string
		sc   sim.Scenario
		r    *sim.Result
		want string
	}{
		{"streams", sc, end(100, 0, 0, "connection_dropped"), "dead connection: all 100 streams are held for ever"},
		{"some", sc, end(40, 0, 0, "connection_dropped"), "dead connection: calls go on into a connection"},
		{"breaker", sc, open, "dead connection: the breaker let nobody through for longer"},
		{"ghosts", sc, end(100, 100, 0, "connection_dropped", "connection_dead"), "ghost work: all 100 database connections"},
		{"retries", retries, storm, "retries: "},
		{"probes", sc, probes, "the breaker's own probes fail"},
		{"queue", sc, queue, "dead connection: the workers of the queue wait for 10 answers"},
		{"nothing", sc, end(1, 2, 0), "not known: 1 streams and 2 database connections"},
	} {
		if got := loopOf(c.sc, c.r); !strings.HasPrefix(got, c.want) {
			t.Errorf("%s: %q, want %q ...", c.name, got, c.want)
		}
	}
}
