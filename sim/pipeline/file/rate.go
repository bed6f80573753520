package file

import (
	"math"
	"strings"
	"time"

	"tripcurve/internal/formats/source"
	"tripcurve/internal/policy"
	"tripcurve/sim"
)

// rate is arrivals over time, in one of five ways.
type rate struct {
	sim.Rate
	whole bool // from and to: over the whole run, whose length is not known here
	daily bool // its phase is the run's time of day
}

var rateWays = []string{"from", "to", "ramp", "steps", "daily"}

func (r *rate) ReadNode(n *source.Node) error {
	if n.Kind != source.Map {
		v, err := perSecond(n)
		r.Rate = sim.Steady(v)
		return err
	}
	if _, line := n.Get("from"); line {
		return r.line(n)
	}
	if len(n.Members) != 1 {
		return n.Errorf("a rate, from and to, or one of ramp, steps and daily", "%d ways to say a rate", len(n.Members))
	}
	m := n.Members[0]
	switch m.Key {
	case "ramp":
		return r.points(m.Value, false)
	case "steps":
		return r.points(m.Value, true)
	case "daily":
		return r.day(m.Value)
	}
	return m.Wrong(policy.Unknown("way to say a rate", m.Key, rateWays).Error())
}

// line is a rate that changes along one straight line from the beginning to the end.
func (r *rate) line(n *source.Node) error {
	for _, m := range n.Members {
		if m.Key != "from" && m.Key != "to" {
			return m.Wrong(policy.Unknown("key", m.Key, rateWays[:2]).Error())
		}
	}
	to, ok := n.Get("to")
	if !ok {
		return n.Errorf("from and to", "no to")
	}
	from, _ := n.Get("from")
	a, err := perSecond(from)
	if err != nil {
		return err
	}
	b, err := perSecond(to)
	r.Rate, r.whole = sim.Rate{Points: []sim.RatePoint{{Per: a}, {At: math.MaxInt64, Per: b}}}, true
	return err
}

func (r *rate) points(n *source.Node, steps bool) error {
	return eachMember(n, "rates by the time from the run's beginning, such as {0s: 10/s, 5m: 50/s}", func(m source.Member) error {
		at, err := time.ParseDuration(m.Key)
		if err != nil || at < 0 {
			return m.Wrong("found \"" + m.Key + "\", expected the time from the run's beginning, such as 90s")
		}
		v, err := perSecond(m.Value)
		if err != nil {
			return err
		}
		if last := len(r.Points) - 1; last >= 0 {
			if at <= r.Points[last].At {
				return m.Wrong("found " + m.Key + " after " + policy.FormatDuration(r.Points[last].At) + ", expected rising times")
			}
			if steps {
				r.Points = append(r.Points, sim.RatePoint{At: at, Per: r.Points[last].Per})
			}
		} else if at != 0 {
			return m.Wrong("found " + m.Key + " first, expected 0s")
		}
		r.Points = append(r.Points, sim.RatePoint{At: at, Per: v})
		return nil
	})
}

// day is a curve over the hours of a day, in UTC.
func (r *rate) day(n *source.Node) error {
	const day = 24 * time.Hour
	r.Period, r.daily = day, true
	return eachMember(n, "rates by the time of day, such as {\"06:00\": 5/s, \"20:00\": 60/s}", func(m source.Member) error {
		at, err := time.Parse("15:04", strings.Trim(m.Key, `"'`))
		if err != nil {
			return m.Wrong("found \"" + m.Key + "\", expected a time of day, such as \"06:30\"")
		}
		t := time.Duration(at.Hour())*time.Hour + time.Duration(at.Minute())*time.Minute
		if last := len(r.Points) - 1; last >= 0 && t <= r.Points[last].At {
			return m.Wrong("found " + m.Key + " after a later time, expected rising times")
		}
		v, err := perSecond(m.Value)
		r.Points = append(r.Points, sim.RatePoint{At: t, Per: v})
		return err
	})
}

// over is the rate in a run that begins at start and is so long.
func (r *rate) over(start time.Time, length time.Duration) sim.Rate {
	out := r.Rate
	if r.whole {
		out.Points[1].At = length
	}
	if r.daily {
		out.Phase = start.Sub(start.Truncate(24 * time.Hour))
	}
	return out
}
