package sim

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"tripcurve/internal/policy"
	"tripcurve/services/gateway"
)

// Load is who comes where that is more than the straight lines of a Scenario say.
type Load struct {
	// Where one of these has points, it is the rate in the place of the straight line:
	// a step, a daily curve.
	Checkouts, InventoryReads, OrderReads Rate
	// Users come beside them.
	Users Users
}

// Users are so many customers who wait for their answers: each thinks, looks at an
// article, checks out with a probability, and begins anew. So they come the less often
// the longer they wait.
type Users struct {
	N     int
	Think Dist
	Buy   float64 // 0..1
}

// CustomerRetries are customers who come back. The zero value is none who do.
type CustomerRetries struct {
	Times int           // at most
	After time.Duration // the answer, or the error page
	// Multiplier makes each further wait so many times as long; 0 is 1.
	Multiplier float64
	Jitter     float64 // share of a wait by which it is drawn longer or shorter, 0..1
}

// TrafficSurge is so many times as many arrivals for a while; For of 0 is for good.
// Users are not multiplied.
type TrafficSurge struct {
	At, For time.Duration
	Factor  float64
	Route   gateway.Route // NoRoute is every one
}

// Span is as long as it lasts.
func (f TrafficSurge) Span(length time.Duration) (from, to time.Duration) {
	return f.At, forGood(f.At, f.For, length)
}

// Rate is the straight line as a rate over a run.
func (r Ramp) Rate(length time.Duration) Rate {
	return Rate{Points: []RatePoint{{Per: r.From}, {At: length, Per: r.To}}}
}

// Rate is a route's over the run.
func (sc *Scenario) Rate(route gateway.Route) Rate {
	var line Ramp
	var rate Rate
	switch route {
	case gateway.PostOrder:
		line, rate = sc.Checkouts, sc.Load.Checkouts
	case gateway.GetStock:
		line, rate = sc.InventoryReads, sc.Load.InventoryReads
	case gateway.GetOrder:
		line, rate = sc.OrderReads, sc.Load.OrderReads
	case gateway.NoRoute, gateway.PostIntent: // nobody sets out for these
	}
	if len(rate.Points) > 0 {
		return rate
	}
	return line.Rate(sc.Length)
}

// Scale makes so many times as many come, users among them.
func (sc *Scenario) Scale(by float64) {
	for _, line := range []*Ramp{&sc.Checkouts, &sc.InventoryReads, &sc.OrderReads} {
		line.From, line.To = by*line.From, by*line.To
	}
	for _, rate := range []*Rate{&sc.Load.Checkouts, &sc.Load.InventoryReads, &sc.Load.OrderReads} {
		rate.Points = slices.Clone(rate.Points)
		for i := range rate.Points {
			rate.Points[i].Per *= by
		}
	}
	sc.Load.Users.N = int(math.Round(by * float64(sc.Load.Users.N)))
}

// Surges are those of a route.
func (sc *Scenario) Surges(route gateway.Route) (all []Surge) {
	for _, f := range sc.Faults {
		if s, ok := f.(TrafficSurge); ok && (s.Route == gateway.NoRoute || s.Route == route) {
			all = append(all, Surge{At: s.At, For: s.For, Factor: s.Factor})
		}
	}
	return all
}

// ParseRate reads a rate: "0.9", in arrivals per second, or points with straight
// lines between them, "0s:1,5m:1,5m:4" with a step in it; "24h/0h:0.2,12h:1.5,24h:0.2"
// begins anew every 24 h.
func ParseRate(text string) (Rate, error) {
	wrong := fmt.Errorf("%q is not a rate: expected arrivals per second such as 0.9, points such as 0s:1,5m:1,5m:4, or with a period 24h/0h:0.2,12h:1.5,23h:0.2", text)
	var r Rate
	points := text
	if period, rest, ok := strings.Cut(text, "/"); ok {
		d, err := policy.ParseDuration(period)
		if err != nil || d <= 0 {
			return r, wrong
		}
		r.Period, points = d, rest
	}
	for _, p := range strings.Split(points, ",") {
		at, per, ok := strings.Cut(p, ":")
		if !ok {
			at, per = "0s", p
		}
		d, err := policy.ParseDuration(at)
		n, numErr := strconv.ParseFloat(per, 64)
		if err != nil || numErr != nil || !ok && strings.Contains(points, ",") {
			return r, wrong
		}
		r.Points = append(r.Points, RatePoint{At: d, Per: n})
	}
	return r, nil
}

// Wrong says what of the rate cannot be, and what was expected in its place; both
// empty when all is well. most is the highest rate that makes sense.
func (r Rate) Wrong(most float64) (found, expected string) {
	for i, p := range r.Points {
		switch {
		case !(p.Per >= 0 && p.Per <= most):
			return fmt.Sprintf("%g/s", p.Per), fmt.Sprintf("a rate from 0 to %g/s", most)
		case i > 0 && p.At < r.Points[i-1].At:
			return "the instant " + p.At.String() + " after " + r.Points[i-1].At.String(), "rising instants"
		case r.Period > 0 && p.At >= r.Period:
			return "the instant " + p.At.String() + " in a period of " + r.Period.String(), "instants within the period"
		}
	}
	return "", ""
}
