package world

import (
	"context"
	"math"
	"strings"
	"testing"
	"time"

	"tripcurve/sim/vtime"
)

// station is a pool as a queueing system: Poisson arrivals, exponential service.
type station struct {
	w        *World
	pool     *Pool
	gap      time.Duration // mean time between arrivals
	service  time.Duration // mean
	loses    bool          // a customer who finds no place leaves
	arrivals *Stream
	services *Stream
	waits    []float64 // s, by customer; for a losing station 1 for lost, else 0
}

func newStation(t *testing.T, places int, load float64, service time.Duration, loses bool) *station {
	w := newWorld(t)
	return &station{
		w: w, pool: NewPool(w.K, places), service: service, loses: loses,
		gap:      time.Duration(float64(service) / load),
		arrivals: w.Stream("arrivals"), services: w.Stream("services"),
	}
}

// run serves n customers.
func (s *station) run(n int) []float64 {
	k := s.w.K
	for range n {
		k.Start(nil, vtime.Func(func() {
			if s.loses && s.pool.Used() == s.pool.Size() {
				s.waits = append(s.waits, 1)
				return
			}
			came := k.Now()
			_ = s.pool.Acquire(nil)
			if s.loses {
				s.waits = append(s.waits, 0)
			} else {
				s.waits = append(s.waits, time.Duration(k.Now()-came).Seconds())
			}
			k.Sleep(nil, time.Duration(s.services.Exp()*float64(s.service)))
			s.pool.Release()
		}))
		_ = k.Run(context.Background(), k.Now()+vtime.Time(s.arrivals.Exp()*float64(s.gap)))
	}
	_ = k.Run(context.Background(), k.Now()+vtime.Time(time.Hour))
	return s.waits
}

// interval is the 99.9 % confidence interval of the mean by 20 batch means, the
// first tenth left out: the station starts empty, which is not steady state.
func interval(values []float64) (lo, hi float64) {
	const batches, t999 = 20, 3.883 // Student's t with 19 degrees of freedom
	values = values[len(values)/10:]
	size := len(values) / batches
	var sum, squares float64
	for b := range batches {
		var mean float64
		for _, v := range values[b*size : (b+1)*size] {
			mean += v / float64(size)
		}
		sum += mean
		squares += mean * mean
	}
	mean := sum / batches
	half := t999 * math.Sqrt((squares-batches*mean*mean)/(batches-1)/batches)
	return mean - half, mean + half
}

// erlangB is the share of customers that find all c places taken at load a, when
// such customers leave.
func erlangB(c int, a float64) float64 {
	b := 1.0
	for k := 1; k <= c; k++ {
		b = a * b / (float64(k) + a*b)
	}
	return b
}

// meanWait is the mean time in the queue of M/M/c, in units of the service time.
func meanWait(c int, a float64) float64 {
	b, r := erlangB(c, a), a/float64(c)
	return b / (1 - r*(1-b)) / (float64(c) * (1 - r))
}

func TestPoolAgainstErlang(t *testing.T) {
	const service = 40 * time.Millisecond
	for _, c := range []struct {
		name   string
		places int
		load   float64
		loses  bool
		want   float64 // by the formula; s, or share lost
	}{
		{"M/M/2 at half load", 2, 1, false, meanWait(2, 1) * service.Seconds()},
		{"M/M/2 at 0.8", 2, 1.6, false, 0.07111},
		{"M/M/10 at 0.8", 10, 8, false, 0.0081836},
		{"Erlang B with 10 places", 10, 8, true, 0.121661},
		{"Erlang B with 2 places", 2, 1.6, true, 0.329897},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newStation(t, c.places, c.load, service, c.loses)
			lo, hi := interval(s.run(120_000))
			if c.want < lo || c.want > hi {
				t.Errorf("the formula gives %.6f, outside of [%.6f, %.6f]", c.want, lo, hi)
			}
			if (hi-lo)/c.want > 0.35 {
				t.Errorf("the interval [%.6f, %.6f] is too wide to say anything", lo, hi)
			}
			if err := s.pool.Err(); err != nil {
				t.Error(err)
			}
		})
	}
}

// Streams of different runs and purposes have nothing to do with each other, also
// for seeds that are multiples of SplitMix64's increment.
func TestStreamsAreIndependent(t *testing.T) {
	const n = 20_000
	draw := func(seed uint64, name string) []float64 {
		s := NewStream(seed, name)
		v := make([]float64, n)
		for i := range v {
			v[i] = s.Float()
		}
		return v
	}
	const increment uint64 = 0x9e3779b97f4a7c15
	streams := [][]float64{
		draw(1, "arrivals"), draw(2, "arrivals"), draw(1, "service"), draw(1, "servicf"),
		draw(increment, "arrivals"), draw(2*(increment&(1<<62-1)), "arrivals"), draw(0, ""),
	}
	for i, a := range streams {
		var mean float64
		for _, v := range a {
			mean += v / n
		}
		if math.Abs(mean-0.5) > 0.01 {
			t.Errorf("stream %d has mean %.4f", i, mean)
		}
		for j, b := range streams {
			for lag := range 5 {
				if i == j && lag == 0 {
					continue
				}
				var corr float64
				for k := range n - lag {
					corr += (a[k] - 0.5) * (b[k+lag] - 0.5) * 12 / n
				}
				if math.Abs(corr) > 0.04 { // five and a half standard deviations
					t.Errorf("streams %d and %d at lag %d have correlation %.4f", i, j, lag, corr)
				}
			}
		}
	}
	s := NewStream(1, "keyed")
	if s.At(7) != s.At(7) || s.At(7) == s.At(8) {
		t.Error("a keyed draw depends on its key alone")
	}
}

// Who gives up in the queue leaves it; who is killed with a place in hand gives
// it back.
func TestPoolWaitersLeave(t *testing.T) {
	w := newWorld(t)
	k, p := w.K, NewPool(w.K, 1)
	var g vtime.Group
	var got []string
	hold := func(name string, c *vtime.Context, d time.Duration) {
		k.Start(&g, vtime.Func(func() {
			if p.Acquire(c) != nil {
				got = append(got, name+" gave up")
				return
			}
			defer p.Release()
			got = append(got, name)
			if k.Sleep(nil, d) == vtime.Killed {
				k.Unwind()
			}
		}))
	}
	hold("a", nil, 3*time.Second)
	hold("b", k.WithTimeout(context.Background(), time.Second), time.Second)
	hold("c", nil, time.Second)
	hold("d", nil, time.Hour)
	hold("e", nil, time.Hour)
	k.After(3500*time.Millisecond, vtime.Func(func() {
		k.After(500*time.Millisecond, vtime.Func(g.Kill)) // the very instant at which c has handed over to d
	}))
	_ = k.Run(context.Background(), vtime.Time(time.Minute))
	want := "a, b gave up, c"
	if s := strings.Join(got, ", "); s != want {
		t.Errorf("%s, want %s", s, want)
	}
	if p.Used() != 0 || p.Waiting() != 0 || p.Err() != nil {
		t.Errorf("%d used, %d waiting: %v", p.Used(), p.Waiting(), p.Err())
	}
}
