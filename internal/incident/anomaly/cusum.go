package anomaly

import (
	"math"
	"slices"
	"time"
)

// CUSUMParams tune the sums; the zero value takes the defaults.
type CUSUMParams struct {
	Allowance float64   // k: sigmas of each sample that are noise; default 1
	Limit     float64   // h: the sum at which it alarms; default 20
	Cap       float64   // sigmas that one sample can add, so that one alone is no alarm; default 5
	Baseline  int       // samples of the sliding baseline; default 300
	Warm      int       // samples before it judges; default 30
	Relative  float64   // floor of the scale as a share of the median; default RelativeFloor
	Quantum   float64   // floor of the scale: the smallest step of the series, in its unit
	Bad       Direction // Both watches either side
}

func (p CUSUMParams) withDefaults() CUSUMParams {
	def := func(v *float64, d float64) {
		if *v <= 0 {
			*v = d
		}
	}
	def(&p.Allowance, 1)
	def(&p.Limit, 20)
	def(&p.Cap, 5)
	def(&p.Relative, RelativeFloor)
	if p.Baseline <= 0 {
		p.Baseline = 300
	}
	if p.Warm <= 0 {
		p.Warm = min(30, p.Baseline)
	}
	return p
}

// CUSUM is Page's cumulative sum over robust z-scores of one series, for the
// live path: S = max(0, S + min(z, cap) - k), alarm at S > h, and the onset is
// the last instant at which S was 0. Its baseline is the sliding median and
// quartiles of the last samples, and stands still while it alarms. One of these
// is no incident: alone it fires 3.5 to 4.6 times per 1,000 samples on series
// that just follow the day.
type CUSUM struct {
	p       CUSUMParams
	ring    []float64 // the last samples, oldest at next once full
	next    int
	sorted  []float64
	sums    [2]float64   // up, down
	zeroAt  [2]time.Time // when each was last 0
	alarm   bool
	onset   time.Time
	alarmed time.Time
}

// NewCUSUM makes one for a series.
func NewCUSUM(p CUSUMParams) *CUSUM {
	p = p.withDefaults()
	return &CUSUM{p: p, ring: make([]float64, 0, p.Baseline), sorted: make([]float64, 0, p.Baseline)}
}

// Observe takes the next sample; a NaN is a gap and changes nothing. It answers
// whether the series is in alarm.
func (c *CUSUM) Observe(at time.Time, v float64) bool {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return c.alarm
	}
	if len(c.sorted) >= c.p.Warm {
		z := (v - quantile(c.sorted, 0.5)) / c.scale()
		c.add(0, at, z, c.p.Bad != Down)
		c.add(1, at, -z, c.p.Bad != Up)
		worst := 0
		if c.sums[1] > c.sums[0] {
			worst = 1
		}
		switch s := c.sums[worst]; {
		case !c.alarm && s > c.p.Limit:
			c.alarm, c.onset, c.alarmed = true, c.zeroAt[worst], at
		case c.alarm && s == 0:
			c.alarm = false
		}
	} else {
		c.zeroAt = [2]time.Time{at, at}
	}
	if !c.alarm {
		c.learn(v)
	}
	return c.alarm
}

// Onset is when the alarm that stands began, as far as the sum tells, and when
// it was raised; false when there is none.
func (c *CUSUM) Onset() (began, raised time.Time, ok bool) { return c.onset, c.alarmed, c.alarm }

// Accept ends an alarm and forgets the baseline: the new level is the usual
// from now on, after a deploy for example.
func (c *CUSUM) Accept() {
	c.ring, c.sorted, c.next = c.ring[:0], c.sorted[:0], 0
	c.sums, c.alarm = [2]float64{}, false
}

func (c *CUSUM) add(side int, at time.Time, z float64, watched bool) {
	if !watched {
		return
	}
	// Beyond twice the limit the sum says nothing more, and recovery would take as
	// long as the incident did.
	s := min(2*c.p.Limit, max(0, c.sums[side]+min(z, c.p.Cap)-c.p.Allowance))
	if s == 0 {
		c.zeroAt[side] = at
	}
	c.sums[side] = s
}

// scale leaves out the MAD, which a sliding window cannot keep sorted; for
// a symmetric series it is half the IQR.
func (c *CUSUM) scale() float64 {
	iqr := quantile(c.sorted, 0.75) - quantile(c.sorted, 0.25)
	s := max(iqr*iqrToSigma, c.p.Relative*math.Abs(quantile(c.sorted, 0.5)), c.p.Quantum)
	if s == 0 {
		return 1
	}
	return s
}

func (c *CUSUM) learn(v float64) {
	if len(c.ring) < c.p.Baseline {
		c.ring = append(c.ring, v)
	} else {
		i, _ := slices.BinarySearch(c.sorted, c.ring[c.next])
		c.sorted = slices.Delete(c.sorted, i, i+1)
		c.ring[c.next] = v
		c.next = (c.next + 1) % c.p.Baseline
	}
	i, _ := slices.BinarySearch(c.sorted, v)
	c.sorted = slices.Insert(c.sorted, i, v)
}
