package curve

import (
	"context"
	"fmt"
	"time"

	"tripcurve/internal/policy"
)

// Compute makes the curves of all settings. progress, which may be nil, is
// told how many of the calls are through,
// those included that an early opening spares. The same settings and options give the
// same result whatever the number of workers. It ends early, with ctx's error, when
// ctx ends.
func Compute(ctx context.Context, settings []Setting, o Options, progress func(done, total int)) (*Result, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	if runs := len(settings) * len(o.Modes) * len(o.Shares) * o.Seeds; runs > maxRuns {
		return nil, fmt.Errorf("%d settings at %d failing shares from %d seeds are %d runs: expected %d at most",
			len(settings), len(o.Shares), o.Seeds, runs, maxRuns)
	}
	res := &Result{Options: o}
	var jobs []job
	traffics := make([]traffic, o.Seeds)
	for i := range traffics {
		traffics[i] = o.traffic(o.Seed + uint64(i))
	}
	for _, s := range settings {
		if err := s.Check(); err != nil {
			return nil, err
		}
	}
	day := int(o.Rate * o.HealthyLength.Seconds() / float64(o.Seeds))
	// The healthy days first: they are the longest pieces of work.
	res.Healthy = make([]Healthy, 0, len(settings)*len(o.Healthy))
	var parts [][]Healthy
	if o.HealthyLength > 0 {
		for _, s := range settings {
			for _, share := range o.Healthy {
				of := make([]Healthy, o.Seeds)
				parts = append(parts, of)
				for i := range of {
					jobs = append(jobs, job{day, func(r *runner) { of[i] = r.healthy(s, share, o.Seed+uint64(i)) }})
				}
			}
		}
	}
	for _, s := range settings {
		for _, m := range o.Modes {
			c := Curve{Setting: s, Mode: m, Limit: o.limit(s), Points: make([]Point, len(o.Shares))}
			for p, share := range o.Shares {
				runs := make([]Run, o.Seeds)
				c.Points[p] = Point{Share: share, Runs: runs}
				for i := range runs {
					jobs = append(jobs, job{len(traffics[i].at), func(r *runner) { runs[i] = r.trip(s, m, share, &traffics[i]) }})
				}
			}
			res.Curves = append(res.Curves, c)
		}
	}
	var err error
	if res.Decisions, err = work(ctx, o, jobs, progress); err != nil {
		return nil, err
	}
	for _, of := range parts {
		res.Healthy = append(res.Healthy, sum(of))
	}
	return res, nil
}

// limit is what ends a hanging call of a setting.
func (o Options) limit(s Setting) time.Duration {
	b, err := s.build()
	if err != nil {
		return 0
	}
	if own := policy.Shortest(b.CallTimeout, b.TotalTimeout, s.Timeout); own > 0 {
		return own
	}
	return o.Timeout
}

func sum(of []Healthy) Healthy {
	all := of[0]
	for _, h := range of[1:] {
		all.Length += h.Length
		all.Calls += h.Calls
		all.Trips += h.Trips
		all.Rejected += h.Rejected
	}
	return all
}
