package world

import (
	"math"
	"time"

	"tripcurve/sim"
	"tripcurve/sim/vtime"
)

// Pace is how fast one process of a service works: what it begins takes so many
// times as long as written, in its statements and on its processor. Nil is as
// written.
type Pace struct {
	k      *vtime.Kernel
	factor float64

	warm        float64 // factor when it began; 0 needs no warming up
	from, until vtime.Time
	exponential bool
}

// Slow multiplies the times of what the process begins from now on.
func (p *Pace) Slow(factor float64) { p.factor *= factor }

// Warm makes the process slow from now on, by factor at first and less and less for
// so long: in a straight line, or exponentially, to 1 % of the excess.
func (p *Pace) Warm(d time.Duration, factor float64, exponential bool) {
	p.from = p.k.Now()
	p.until, p.warm, p.exponential = p.from+vtime.Time(d), factor, exponential
}

// stretch is how long something takes that is written as d.
func (p *Pace) stretch(d time.Duration) time.Duration {
	if p == nil {
		return d
	}
	f := p.factor
	if now := p.k.Now(); now < p.until {
		gone := float64(now-p.from) / float64(p.until-p.from)
		excess := 1 - gone
		if p.exponential {
			excess = math.Pow(0.01, gone)
		}
		f *= 1 + (p.warm-1)*excess
	}
	return sim.Bounded(float64(d) * f)
}

// Pace is the service's own. Databases and stores take it where they are told to.
func (s *Service) Pace() *Pace {
	if s.pace == nil {
		s.pace = &Pace{k: s.w.K, factor: 1}
	}
	return s.pace
}
