package validate

import (
	"context"
	"math"
	"testing"
	"time"

	"tripcurve/sim/vtime"
	"tripcurve/sim/world"
)

// unit is the mean service time, 1 in the formulas: so long that the kernel's
// nanosecond rounds nothing away.
const unit = time.Second

// law is a distribution of service times with mean 1, by inversion.
type law func(u float64) float64

func exponential(u float64) float64 { return -math.Log(1 - u) }
func constant(float64) float64      { return 1 }

// hyper2 is the balanced hyperexponential distribution with squared coefficient of
// variation 4.
func hyper2(u float64) float64 {
	p := (1 + math.Sqrt(3./5)) / 2
	if u < p {
		return exponential(u/p) / (2 * p)
	}
	return exponential((u-p)/(1-p)) / (2 * (1 - p))
}

// stage is a pool of the simulator's with a queue in front, as a queueing system.
type stage struct {
	pool     *world.Pool
	cores    int // shared by all who are there, in the place of the pool; 0 is none
	cpu      *world.CPU
	law      law
	places   int     // who finds so many there leaves; 0 is no bound
	patience float64 // mean, exponential; who waits longer leaves; 0 waits for ever
	services *world.Stream
	leaving  *world.Stream
}

// visit is what one customer met at one stage, in units of the service time.
type visit struct {
	wait     float64
	took     float64 // wait and service
	queue    int     // customers that it found waiting
	lost     bool    // found no place
	gave, ok bool    // gave up waiting; was counted (after the warm-up)
}

// serve takes a customer through the stage; false when it left without service.
func (s *stage) serve(k *vtime.Kernel, customer uint64, v *visit) bool {
	if s.cpu != nil {
		return s.compute(k, customer, v)
	}
	v.queue = s.pool.Waiting()
	if s.places > 0 && s.pool.Used()+s.pool.Waiting() >= s.places {
		v.lost = true
		return false
	}
	came := k.Now()
	var limit *vtime.Context
	if s.patience > 0 {
		limit = k.WithTimeout(context.Background(), duration(s.patience*exponential(s.leaving.At(customer))))
	}
	err := s.pool.Acquire(limit)
	if limit != nil {
		limit.Cancel()
	}
	v.wait = units(k.Now() - came)
	if err != nil {
		v.gave = true
		return false
	}
	k.Sleep(nil, duration(s.law(s.services.At(customer))))
	s.pool.Release()
	v.took = units(k.Now() - came)
	return true
}

// compute is serve where all customers share the processor.
func (s *stage) compute(k *vtime.Kernel, customer uint64, v *visit) bool {
	came := k.Now()
	v.queue = s.cpu.Jobs()
	if err := s.cpu.Work(nil, duration(s.law(s.services.At(customer)))); err != nil {
		panic(err)
	}
	v.took = units(k.Now() - came)
	return true
}

func duration(units float64) time.Duration { return time.Duration(units * float64(unit)) }
func units(t vtime.Time) float64           { return float64(t) / float64(unit) }

// system is a run of customers through stages in a row.
type system struct {
	k      *vtime.Kernel
	seed   uint64
	stages []*stage
	visits [][]visit // by stage and customer
	skip   int       // customers of the warm-up
}

func newSystem(seed uint64, stages ...stage) *system {
	s := &system{k: vtime.New(time.Date(2026, 1, 15, 0, 0, 0, 0, time.UTC)), seed: seed}
	for i := range stages {
		st := &stages[i]
		st.services = world.NewStream(seed, "service "+string(rune('a'+i)))
		st.leaving = world.NewStream(seed, "patience "+string(rune('a'+i)))
		s.stages = append(s.stages, st)
	}
	return s
}

// servers is a stage with so many of them.
func servers(c int, l law) stage { return stage{pool: world.NewPool(nil, c), law: l} }

// shared is a stage whose customers share so many cores.
func shared(cores int, l law) stage { return stage{pool: world.NewPool(nil, 1), cores: cores, law: l} }

// open lets n customers come at a rate (Poisson), after skip others that fill the
// system.
func (s *system) open(rate float64, skip, n int) *system {
	s.reset(skip, skip+n)
	come := &arrivals{s: s, times: world.NewStream(s.seed, "arrivals"), gap: 1 / rate}
	come.next()
	s.finish()
	return s
}

// closed lets so many clients think and come, again and again, until n services
// after skip others have begun.
func (s *system) closed(clients int, think float64, skip, n int) *system {
	s.reset(skip, skip+n)
	thoughts, came := world.NewStream(s.seed, "think"), 0
	for range clients {
		s.k.Start(nil, vtime.Func(func() {
			for {
				s.k.Sleep(nil, duration(think*thoughts.Exp()))
				if came >= len(s.visits[0]) {
					return
				}
				came++
				s.customer(came - 1)
			}
		}))
	}
	s.finish()
	return s
}

func (s *system) reset(skip, n int) {
	s.skip = skip
	for _, st := range s.stages {
		st.pool = world.NewPool(s.k, st.pool.Size())
		if st.cores > 0 {
			st.cpu = world.NewCPU(s.k, st.cores)
		}
		s.visits = append(s.visits, make([]visit, n))
	}
}

// finish runs the system until it is empty.
func (s *system) finish() {
	if err := s.k.Run(context.Background(), math.MaxInt64/2); err != nil {
		panic(err)
	}
	s.k.Close()
	for _, st := range s.stages {
		if err := st.pool.Err(); err != nil || st.pool.Used() > 0 {
			panic(err)
		}
	}
}

// customer is one, through all stages.
func (s *system) customer(i int) {
	for at, st := range s.stages {
		v := &s.visits[at][i]
		v.ok = i >= s.skip
		if !st.serve(s.k, uint64(i), v) {
			return
		}
	}
}

// arrivals is a Poisson process.
type arrivals struct {
	s     *system
	times *world.Stream
	gap   float64
	n     int
}

func (a *arrivals) next() {
	if a.n < len(a.s.visits[0]) {
		a.s.k.After(duration(a.gap*a.times.Exp()), a)
	}
}

// Run is one arrival.
func (a *arrivals) Run() {
	a.s.k.Start(nil, &passage{a.s, a.n})
	a.n++
	a.next()
}

// passage is one customer's process.
type passage struct {
	s *system
	i int
}

// Run is the process.
func (p *passage) Run() { p.s.customer(p.i) }

// average is over the counted customers of a stage that count at all.
func (s *system) average(at int, of func(v *visit) (value float64, counts bool)) float64 {
	sum, n := 0.0, 0
	for i := range s.visits[at] {
		v := &s.visits[at][i]
		if !v.ok {
			continue
		}
		if x, counts := of(v); counts {
			sum += x
			n++
		}
	}
	return sum / float64(n)
}

// What is averaged.
func waiting(v *visit) (float64, bool) { return v.wait, !v.lost }
func staying(v *visit) (float64, bool) { return v.took, true }
func queue(v *visit) (float64, bool)   { return float64(v.queue), true }
func lost(v *visit) (float64, bool)    { return share(v.lost), true }
func gaveUp(v *visit) (float64, bool)  { return share(v.gave), true }

// longer is the share whose time in the system exceeds a time.
func longer(than float64) func(*visit) (float64, bool) {
	return func(v *visit) (float64, bool) { return share(v.took > than), true }
}

// waits is the share that waits longer than a time.
func waits(than float64) func(*visit) (float64, bool) {
	return func(v *visit) (float64, bool) { return share(v.wait > than), true }
}

func share(yes bool) float64 {
	if yes {
		return 1
	}
	return 0
}

// The service laws have the mean and the variation that the formulas are told.
func TestLaws(t *testing.T) {
	for _, c := range []struct {
		name string
		law  law
		c2   float64
	}{{"exponential", exponential, 1}, {"constant", constant, 0}, {"hyper2", hyper2, 4}} {
		const n = 1_000_000
		var sum, squares float64
		for i := range n {
			x := c.law((float64(i) + 0.5) / n) // the inverse, integrated
			sum += x / n
			squares += x * x / n
		}
		if math.Abs(sum-1) > 1e-4 || math.Abs(squares-1-c.c2) > 2e-3 {
			t.Errorf("%s: mean %.6f, C2 %.6f, want 1 and %g", c.name, sum, squares-1, c.c2)
		}
	}
}
