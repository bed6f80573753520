package curve

import (
	"math"
	"slices"
	"time"

	"tripcurve/sim/vtime"
)

// traffic is one seed's calls, the same for every setting and every share: what
// fails at a share also fails at all greater ones.
type traffic struct {
	fault      time.Duration   // since the breaker's construction
	at         []time.Duration // of each call, since the construction
	first      int             // call at or after the fault
	coin, dice []float64       // a call fails when its coin is below the share; dice are the library's own
}

func (o Options) traffic(seed uint64) traffic {
	t := traffic{fault: o.fault(seed)}
	end := t.fault + o.Horizon
	calls := int(1.01*o.Rate*end.Seconds()) + 100
	t.at, t.coin, t.dice = make([]time.Duration, 0, calls), make([]float64, 0, calls), make([]float64, 0, calls)
	c := newClock(o, seed, failing)
	for at := c.next(); at <= end; at = c.next() {
		t.at = append(t.at, at)
		t.coin = append(t.coin, c.coin())
		t.dice = append(t.dice, c.dice())
	}
	t.first, _ = slices.BinarySearch(t.at, t.fault)
	return t
}

// phases is how far the beginning of the failing moves from seed to seed.
const phases = 30 * time.Second

// fault is when the failing begins. Multiples of the golden ratio spread a few
// seeds evenly over the phases of whatever window a library has.
func (o Options) fault(seed uint64) time.Duration {
	if o.Arrivals == Regular {
		return o.WarmUp
	}
	_, part := math.Modf(float64(seed%(1<<32)) * (math.Sqrt(5) - 1) / 2)
	return o.WarmUp + time.Duration(part*float64(phases)).Truncate(time.Millisecond)
}

// purpose keeps streams of random numbers apart.
type purpose uint64

const (
	failing purpose = iota + 1
	healthyDay
	healthyHour
)

// clock makes calls one after the other, each with its coin and its dice.
type clock struct {
	regular bool
	gap     float64 // mean, in ns
	at      float64 // of the last call, in ns; not of regular ones
	key, n  uint64
}

func newClock(o Options, seed uint64, p purpose) clock {
	return clock{
		regular: o.Arrivals == Regular, gap: float64(time.Second) / o.Rate,
		key: vtime.Mix(vtime.Mix(seed+0x632be59bd9b4e019) ^ uint64(p)),
	}
}

// next is when the next call comes. A regular one is computed from its number, so
// that 1/rate need not be a whole number of nanoseconds.
func (c *clock) next() time.Duration {
	c.n++
	if c.regular {
		return time.Duration(math.Round(float64(c.n-1) * c.gap))
	}
	c.at -= math.Log(1-c.draw(0)) * c.gap
	return time.Duration(c.at)
}

func (c *clock) coin() float64 { return c.draw(1) }
func (c *clock) dice() float64 { return c.draw(2) }

// pace makes calls come at another rate from now on.
func (c *clock) pace(rate float64) { c.gap = float64(time.Second) / rate }

// latency is a number of the call's for how long its answer takes.
func (c *clock) latency() float64 { return c.draw(3) }

// draw is one of the numbers of the present call, in [0,1).
func (c *clock) draw(which uint64) float64 {
	return float64(vtime.Mix(c.key+vtime.Mix(c.n<<2|which))>>11) / (1 << 53)
}
