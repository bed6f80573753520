package fit

import (
	"context"
	"math"
	"slices"
	"time"

	"tripcurve/internal/incident"
	"tripcurve/sim/pipeline"
	"tripcurve/sim/replicate"
)

// tally is what the runs show of one endpoint, added up.
type tally struct {
	started, failed float64         // that ended within the run
	took            []time.Duration // of those that ended well in healthy times
	first, last     []float64       // seconds from the beginning: of the starts of those that failed, by run
	shares          []float64       // that failed, by run
}

// outcome is what all runs show.
type outcome struct {
	runs    int
	by      map[string]*tally // by the gateway's endpoint
	waiters float64           // most sessions that waited for locks, the mean over the runs
}

const (
	leastSeeds, mostSeeds = 20, 400
	fewSeeds              = 6      // to choose between variants
	steadied              = 40_000 // requests of an endpoint over all runs: its count is then within 0.5 %
	mostSimulated         = 4e6    // requests over all runs
	mostTimes             = 200_000
)

// seeds is how many runs make the chance in the counts small against their bounds.
func (r *recording) seeds() int {
	least, all := math.Inf(1), 0.0
	for _, e := range r.endpoints {
		least = math.Min(least, e.total)
		all += e.total
	}
	n := math.Max(leastSeeds, math.Min(mostSeeds, math.Ceil(steadied/least)))
	return int(math.Max(leastSeeds, math.Min(n, mostSimulated/all)))
}

// simulate runs a pipeline under so many seeds of its own.
func (r *recording) simulate(ctx context.Context, p *pipeline.Pipeline, n int, o Options) (*outcome, error) {
	runs, err := replicate.Run(ctx, replicate.Plan{N: n, Workers: o.Workers, Progress: o.Progress}, func(ctx context.Context, i int) (*outcome, error) {
		own := *p
		own.Seed = replicate.Seed(p.Seed, i)
		one := &outcome{by: map[string]*tally{}}
		res, err := pipeline.Run(ctx, &own, pipeline.Options{OnRequest: func(a pipeline.Answer) { r.see(one, &a) }})
		if err != nil {
			return nil, err
		}
		for _, d := range res.Databases {
			one.waiters = math.Max(one.waiters, float64(d.WaitersMax))
		}
		return one, nil
	})
	if err != nil {
		return nil, err
	}
	all := &outcome{runs: n, by: map[string]*tally{}}
	for _, one := range runs {
		all.waiters += one.waiters / float64(n)
		for name, t := range one.by {
			sum := all.of(name)
			sum.started += t.started
			sum.failed += t.failed
			if len(sum.took) < mostTimes {
				sum.took = append(sum.took, t.took...)
			}
			sum.shares = append(sum.shares, t.failed/math.Max(1, t.started))
			sum.first, sum.last = append(sum.first, t.first...), append(sum.last, t.last...)
		}
	}
	for _, t := range all.by {
		slices.Sort(t.took)
		slices.Sort(t.shares)
	}
	return all, nil
}

func (o *outcome) of(name string) *tally {
	if o.by[name] == nil {
		o.by[name] = &tally{}
	}
	return o.by[name]
}

// see counts one answer of a run, where the recording's log would have had it.
func (r *recording) see(o *outcome, a *pipeline.Answer) {
	at := a.Start.Sub(r.window.From)
	if s := int(at / time.Second); s < 0 || s >= len(r.known) || !r.known[s] {
		return
	}
	t := o.of(a.Endpoint)
	t.started++
	if a.Code != 0 {
		t.failed++
		if len(t.first) == 0 {
			t.first, t.last = []float64{at.Seconds()}, []float64{at.Seconds()}
		}
		t.first[0], t.last[0] = math.Min(t.first[0], at.Seconds()), math.Max(t.last[0], at.Seconds())
		return
	}
	if slices.ContainsFunc(r.healthy, func(w incident.Window) bool { return w.Has(a.End) && w.Has(a.Start) }) {
		t.took = append(t.took, a.End.Sub(a.Start))
	}
}

// quantile is of sorted values; 0 without any.
func quantile[T time.Duration | float64](sorted []T, q float64) T {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[max(0, min(len(sorted)-1, int(math.Ceil(q*float64(len(sorted))))-1))]
}

func mean(values []float64) float64 {
	n := 0.0
	for _, v := range values {
		n += v
	}
	return n / math.Max(1, float64(len(values)))
}

// better is by how much a variant must be nearer to the recording than one before it:
// by the bound of one figure.
const better = 1

// choose runs the variants and takes the one that is nearest to the recording, of those
// that are as near the first.
func choose(ctx context.Context, r *recording, o Options) (variant, error) {
	all := r.variants()
	best, least := all[0], math.Inf(1)
	for _, v := range all {
		if len(all) == 1 {
			break
		}
		m := r.model(v)
		if err := pipeline.Check(m.p); err != nil {
			return best, err
		}
		seen, err := r.simulate(ctx, m.p, fewSeeds, Options{Workers: o.Workers})
		if err != nil {
			return best, err
		}
		rep := r.report(m.p, seen)
		if d := rep.distance(); d < least-better || math.IsInf(least, 1) {
			best, least = v, d
		}
	}
	return best, nil
}
