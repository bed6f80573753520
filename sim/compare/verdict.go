package compare

import (
	"math"

	"tripcurve/sim/output"
)

// Effect is how a figure of a remedy stands to that of another.
type Effect uint8

const (
	// Unsure: the replications do not say.
	Unsure Effect = iota
	// Alike: the difference is too small to matter, if there is one.
	Alike
	Better
	Worse
)

// Margin is the share of the figure compared with below which a difference does not
// matter, however sure it is.
const Margin = 0.05

// judged are the measures that remedies are judged by.
var judged = []string{"failed", "outage_s", "wait_p50_s", "wait_p99_s", "reads_failed", "orphans", "connections_lost", FalseTrips}

// level is the confidence of one comparison such that all that are made to judge the
// remedies hold together with output.Level (Bonferroni).
func (c *Comparison) level() float64 {
	return 1 - (1-output.Level)/float64(max(1, (len(c.Rows)-1)*len(judged)))
}

// Effect is a measure of a row against today's.
func (c *Comparison) Effect(r Row, measure string) Effect { return c.Versus(r, c.Rows[0], measure) }

// Versus is a measure of a against b's.
func (c *Comparison) Versus(a, b Row, measure string) Effect {
	fa, ok := a.Figure(measure)
	fb, found := b.Figure(measure)
	if !ok || !found {
		return Unsure
	}
	d, err := output.Paired(fa.Values, fb.Values, c.level())
	margin := Margin * math.Abs(fb.Mean)
	switch {
	case err != nil:
		return Unsure
	case d.Hi < -margin:
		return Better
	case d.Lo > margin:
		return Worse
	case d.Lo >= -margin && d.Hi <= margin:
		return Alike
	}
	return Unsure
}

// Best is the row with the least of a measure among those that leave the trigger in
// place, answer when the work is done, and are better than today in it, and the others
// of which these replications do not say that they are worse than it; also those of
// which they do not even say that they are better than today. The best of many is a
// lucky one: how much it is better than those is not to be read off the same
// replications. ok is false when none is better than today.
func (c *Comparison) Best(measure string) (best Row, alike []Row, ok bool) {
	var others []Row
	lowest := math.Inf(1)
	for _, r := range c.Rows[1:] {
		if r.Remedy.Prevents || r.Remedy.Defers {
			continue
		}
		others = append(others, r)
		if f, _ := r.Figure(measure); f.Mean < lowest && c.Effect(r, measure) == Better {
			best, lowest, ok = r, f.Mean, true
		}
	}
	if !ok {
		return best, nil, false
	}
	for _, r := range others {
		if r.Remedy.Name == best.Remedy.Name {
			continue
		}
		a, _ := r.Figure(measure)
		b, _ := best.Figure(measure)
		if d, err := output.Paired(a.Values, b.Values, c.level()); err == nil && d.Lo <= 0 {
			alike = append(alike, r)
		}
	}
	return best, alike, true
}
