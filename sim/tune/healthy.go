package tune

import (
	"context"
	"math"
	"time"

	"gonum.org/v1/gonum/stat/distuv"

	"tripcurve/internal/policy"
	"tripcurve/sim/curve"
	"tripcurve/sim/replicate"
)

// Traffic is the calls of one breaker while nothing is wrong. The zero value is none.
type Traffic struct {
	Rate     float64       // calls per second
	P50, P99 time.Duration // of an answer
	Whole    float64       // hours of each kind that a finalist's replication has
	seed     uint64
	answers  answers
}

func newTraffic(seed uint64, rate float64, p50, p99 time.Duration) Traffic {
	return Traffic{Rate: rate, P50: p50, P99: p99, Whole: wholeHours, seed: seed, answers: logNormal(p50, p99)}
}

// mostCalls of one hour are played; of more traffic the hour is shorter.
const mostCalls = 10_000

// hours are the three that every setting has to live through: a noisy one, in which
// 3 % of the calls fail, and 25 % for 20 s of every ten minutes; a busy one, with four times the
// calls from its second quarter on to its last; a slow one, in which answers take ten
// times as long. Beside that 1 % of the calls fail. Each is so many hours long.
func (t Traffic) hours(many float64) []curve.Hour {
	length := time.Duration(many * min(float64(time.Hour), mostCalls/t.Rate*float64(time.Second)))
	quiet := func(time.Duration) float64 { return 0.01 }
	rate := func(time.Duration) float64 { return t.Rate }
	usual := func(_ time.Duration, u float64) time.Duration { return t.answers.at(u) }
	return []curve.Hour{
		{Name: "noisy", Length: length, Rate: rate, Latency: usual, Fails: func(at time.Duration) float64 {
			if at%(10*time.Minute) < 20*time.Second {
				return 0.25
			}
			return 0.03
		}},
		{Name: "busy", Length: length, Fails: quiet, Latency: usual, Rate: func(at time.Duration) float64 {
			if at > length/4 && at < 3*length/4 {
				return 4 * t.Rate
			}
			return t.Rate
		}},
		{Name: "slow", Length: length, Rate: rate, Fails: quiet, Latency: func(_ time.Duration, u float64) time.Duration {
			return 10 * t.answers.at(u)
		}},
	}
}

// answers is the quantiles of an answer's time.
type answers []time.Duration

// logNormal has the two quantiles, in steps that need no logarithm each.
func logNormal(p50, p99 time.Duration) answers {
	if p50 <= 0 {
		return nil
	}
	const steps = 4096
	sigma := math.Log(float64(max(p99, p50))/float64(p50)) / distuv.UnitNormal.Quantile(0.99)
	a := make(answers, steps)
	for i := range a {
		z := distuv.UnitNormal.Quantile((float64(i) + 0.5) / steps)
		a[i] = time.Duration(min(float64(p50)*math.Exp(sigma*z), float64(time.Hour)))
	}
	return a
}

func (a answers) at(u float64) time.Duration {
	if a == nil {
		return 0
	}
	return a[int(u*float64(len(a)))]
}

// Hours of each kind in one replication, cut short and whole.
const (
	shortHours = 1
	wholeHours = 8
)

// spend plays them on the machine alone. A whole replication is a day.
func (t Traffic) spend(ctx context.Context, p policy.Policy, n int, whole bool) (Seen, error) {
	if t.Rate <= 0 {
		return Seen{Recovered: true}, nil
	}
	many := float64(shortHours)
	if whole {
		many = t.Whole
	}
	var days, trips, lost float64
	hours := t.hours(many)
	for i, h := range hours {
		got, err := curve.Spend(ctx, curve.OfPolicy("", p), h, replicate.Seed(t.seed, n)+uint64(i))
		if err != nil {
			return Seen{}, err
		}
		days += got.Length.Hours() / 24
		trips += float64(got.Trips)
		lost += float64(got.Rejected+got.Cut) / float64(max(got.Calls, 1)) / float64(len(hours))
	}
	return Seen{FalseTrips: trips / days, Lost: lost, Recovered: true}, nil
}

// weight is what a replication costs, in virtual seconds of a pipeline.
func (t Traffic) weight(whole bool) float64 {
	if whole {
		return 8 * 60
	}
	return 60
}
