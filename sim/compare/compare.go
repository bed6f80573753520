package compare

import (
	"context"
	"fmt"
	"slices"
	"time"

	"tripcurve/sim"
	"tripcurve/sim/output"
	"tripcurve/sim/replicate"
	"tripcurve/sim/scenario"
	"tripcurve/sim/trap"
)

// Options say how often and on how many cores.
type Options struct {
	Seeds   int // replications of each remedy, 2 at least
	Workers int // the answer does not depend on their number
	// Progress hears how many of how many pieces of work are done; may be nil.
	Progress func(done, of int)
}

// Comparison is the remedies of one scenario side by side. The n-th replication of
// each of them meets the same customers.
type Comparison struct {
	Scenario sim.Scenario // as it is today
	Seeds    int
	Incident Span
	Rows     []Row // today first
}

// Row is one remedy.
type Row struct {
	Remedy   Remedy
	Figures  []Figure // in the order of Measures
	Troubled int      // replications in which checkouts failed
	// Recovery is how long after the trigger's end checkouts succeeded again by
	// themselves, of the troubled replications. One that a restart ended counts for
	// as long as it was watched until then.
	Recovery  output.Survival
	Restarted int           // replications that a restart ended
	Watched   time.Duration // for how long the shortest of those that did not recover were watched
	// Breaker says that the remedy has one; Opening is how long after the incident's
	// beginning the first one opened.
	Breaker bool
	Opening output.Survival
	Waits   Waits
	// Queue says that the remedy leaves orders to one; Drain is how long after the
	// trigger's end the backlog was gone, where no restart did that.
	Queue bool
	Drain output.Survival
	Traps []Fallen
}

// Fallen is a trap that replications fell into.
type Fallen struct {
	trap.Trap       // as the first of them did
	Replication int // which that was, from 1
	Nights      int // replications in all
}

// Waits is how long the customers of all replications waited, by when they came.
type Waits struct {
	Step     time.Duration
	P50, P99 []float64 // s, one of each step of the run; NaN where nobody came
}

// Run makes all replications of today and of the remedies.
func Run(ctx context.Context, sc sim.Scenario, remedies []Remedy, o Options) (*Comparison, error) {
	if o.Seeds < 2 {
		return nil, fmt.Errorf("%d seeds: expected 2 at least, for a difference to have an interval", o.Seeds)
	}
	today, _ := ByName(Today)
	remedies = append([]Remedy{today}, slices.DeleteFunc(slices.Clone(remedies), func(r Remedy) bool { return r.Name == Today })...)
	c := &Comparison{Scenario: sc, Seeds: o.Seeds, Incident: incidentOf(sc)}
	scenarios := make([]sim.Scenario, len(remedies))
	for i, r := range remedies {
		scenarios[i] = r.Apply(sc)
	}
	days := healthyDays(scenarios)
	p := replicate.Plan{N: (len(remedies) + len(days)) * o.Seeds, Workers: o.Workers, Progress: o.Progress}
	done, err := replicate.Run(ctx, p, func(ctx context.Context, n int) (piece, error) {
		which, replication := (n-1)/o.Seeds, (n-1)%o.Seeds+1
		if which < len(scenarios) {
			night, err := play(ctx, scenario.Replication(scenarios[which], replication), c.Incident)
			return piece{night: night}, err
		}
		trips, err := days[which-len(scenarios)].trips(ctx, replicate.Seed(sc.Seed, replication))
		return piece{trips: trips}, err
	})
	if err != nil {
		return nil, err
	}
	of := func(which int) []piece { return done[which*o.Seeds : (which+1)*o.Seeds] }
	for i, day := range days {
		for n, p := range of(len(scenarios) + i) {
			for _, row := range day.rows {
				of(row)[n].night.falseTrips += p.trips
			}
		}
	}
	var now []piece
	for i, r := range remedies {
		if i == 0 {
			now = of(i)
		}
		row, err := c.row(r, of(i), now)
		if err != nil {
			return nil, err
		}
		row.Breaker = len(breakersOf(scenarios[i])) > 0
		c.Rows = append(c.Rows, row)
	}
	return c, nil
}

// piece is one piece of work: a night, or the false trips of a day.
type piece struct {
	night *night
	trips float64
}

// row sums up one remedy's nights.
func (c *Comparison) row(r Remedy, of, now []piece) (Row, error) {
	row := Row{Remedy: r}
	for _, m := range Measures() {
		values, today := make([]float64, len(of)), make([]float64, len(of))
		for i := range of {
			values[i], today[i] = m.of(of[i].night), m.of(now[i].night)
		}
		f, err := figure(m, values, today, output.Level)
		if err != nil {
			return Row{}, err
		}
		row.Figures = append(row.Figures, f)
	}
	var recovery, opening, drain []output.Until
	for _, p := range of {
		n := p.night
		opening = append(opening, n.opening)
		if n.left {
			row.Queue = true
			drain = append(drain, n.drain)
		}
		if !n.troubled {
			continue
		}
		row.Troubled++
		if n.restarted {
			row.Restarted++
		}
		recovery = append(recovery, n.recovery)
		if seen := time.Duration(n.recovery.Seconds * float64(time.Second)); n.recovery.Censored && (row.Watched == 0 || seen < row.Watched) {
			row.Watched = seen
		}
	}
	row.Recovery, row.Opening, row.Drain = output.Survive(recovery), output.Survive(opening), output.Survive(drain)
	row.Waits = over(c.Scenario.Length, of)
	row.Traps = fallen(of)
	return row, nil
}

// fallen is the traps of a remedy's nights, in the order in which they were first
// fallen into.
func fallen(of []piece) (all []Fallen) {
	for i, p := range of {
		for _, t := range p.night.traps {
			at := slices.IndexFunc(all, func(f Fallen) bool { return f.ID == t.ID })
			if at < 0 {
				at = len(all)
				all = append(all, Fallen{Trap: t, Replication: i + 1})
			}
			all[at].Nights++
		}
	}
	return all
}

// Figure is the figure of that name; false when there is none.
func (r Row) Figure(name string) (Figure, bool) {
	for i, m := range Measures() {
		if m.Name == name && i < len(r.Figures) {
			return r.Figures[i], true
		}
	}
	return Figure{}, false
}
