package cause

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"time"

	"tripcurve/internal/incident"
)

// trafficRule names a step of the traffic before requests failed.
const trafficRule = "traffic_step"

const (
	trafficStep = 10 * time.Second // arrivals are counted over this
	stepBack    = 15 * time.Minute // how far back the usual rate is looked for
	stepFactor  = 1.5              // of the usual rate; less is the time of day
	stepScore   = 5.0              // robust standard deviations, sustained
	stepOnset   = 3.0              // the same, of the first interval that belongs to it
	leastUsual  = 6                // intervals: of fewer there is no usual rate
	relFloor    = 0.1              // of the median: the scale is at least that (analysis.md, section 4)
)

// trafficRise is a rise of one endpoint's arrivals.
type trafficRise struct {
	endpoint   incident.Endpoint
	usual, now float64 // per second
	score      float64
	from, to   time.Time
	after      bool // its onset was seen after the first failure
}

// trafficSteps are the rises of the arrivals that are large against what is usual and
// lasted. One that began before the first failure can have begun it; one that began
// after it is people, or programs, who try again.
func (s *scene) trafficSteps() []incident.Finding {
	if s.impact == (incident.Window{}) {
		return nil
	}
	w := s.counting(incident.Window{From: s.impact.From.Add(-stepBack), To: incident.EarlierOf(s.impact.To, s.impact.From.Add(5*time.Minute))})
	first := int(s.impact.From.Sub(w.From) / trafficStep)
	bins := s.arrivals(w)
	if first < leastUsual {
		s.undecided(trafficRule, "the gateway's evidence begins too late to know the usual rate")
		return nil
	}
	var rises []trafficRise
	var calm string
	var support []incident.ID
	for _, x := range s.endpoints { // the worst first
		r, ok := rise(bins[x.Endpoint], first, w.From)
		if !ok {
			continue
		}
		r.endpoint = x.Endpoint
		if calm == "" {
			calm = fmt.Sprintf("%s came at %.2g a second, %.2g before", x.Endpoint, r.now, r.usual)
			support = x.Support
		}
		if r.score >= stepScore && r.now >= stepFactor*r.usual {
			rises = append(rises, r)
		}
	}
	slices.SortStableFunc(rises, func(a, b trafficRise) int { return cmp.Compare(b.now-b.usual, a.now-a.usual) })
	for _, r := range rises {
		if r.after {
			s.innocent(trafficRule, fmt.Sprintf("%s came %.1f times as often, but only after requests failed: tries again", r.endpoint, r.now/r.usual), s.bucketsOf(r.endpoint, r.from)...)
			continue
		}
		return []incident.Finding{s.trafficStep(r, len(bins))}
	}
	if len(rises) == 0 && calm != "" {
		s.innocent(trafficRule, calm, support...)
	}
	return nil
}

func (s *scene) trafficStep(r trafficRise, searched int) incident.Finding {
	f := incident.Finding{
		ID: subject(trafficRule, r.endpoint.String()), Role: incident.Trigger, Cause: trafficRule,
		Window: incident.Window{From: r.from, To: r.to}, Subject: incident.Subject{Endpoint: r.endpoint},
		Support: append(s.bucketsOf(r.endpoint, r.from), s.worst().Support...),
	}
	f.Claim = fmt.Sprintf("%s came %.1f times as often from %s on: %.2g a second instead of %.2g", r.endpoint, r.now/r.usual, clock(r.from), r.now, r.usual)
	lead := s.impact.From.Sub(r.from)
	p := s.chance(1, max(lead, trafficStep)+trafficStep, searched)
	f.Detail = append(f.Detail, fmt.Sprintf("%.0f robust standard deviations, sustained; it began %s before the first failing request (by chance: %s)", r.score, whole(max(0, lead)), chanceText(p)))
	f.Confidence = s.word(&f, basis{p: p, first: s.before(r.from, trafficStep, "gateway")})
	s.yield(&f)
	f.Detail = append(f.Detail, s.counterfactual(f.ID, "without the step"))
	f.Action = "shed or queue what is above the capacity, or add capacity; a limit on concurrent calls keeps the rest served"
	return f
}

// yield lowers what may be a coincidence below what a rule without chance found.
func (s *scene) yield(f *incident.Finding) {
	if s.explained {
		f.Confidence = incident.NoClearCause
		f.Detail = append(f.Detail, "something that needs no coincidence explains the beginning already")
	}
}

// chanceText is a probability in words of one digit.
func chanceText(p float64) string {
	if p < notByChance {
		return "p < 0.001"
	}
	return fmt.Sprintf("p = %.2g", p)
}

// counting is the part of a window in which requests are counted finely enough.
func (s *scene) counting(w incident.Window) incident.Window {
	from := w.To
	s.v.EachBucket(w, func(b *incident.Bucket) {
		if b.Width <= trafficStep && b.At.Before(from) {
			from = b.At
		}
	})
	return incident.Window{From: from.Truncate(trafficStep), To: w.To}
}

// arrivals are the counts of requests that began in each interval, by endpoint. Where
// the gateway was not seen they are NaN.
func (s *scene) arrivals(w incident.Window) map[incident.Endpoint][]float64 {
	n := w.Steps(trafficStep)
	bins := map[incident.Endpoint][]float64{}
	s.v.EachBucket(w, func(b *incident.Bucket) {
		count := s.counted(b)
		if count == 0 || b.Width > trafficStep {
			return // a minute of a rollup is no 10 s
		}
		list := bins[b.Endpoint]
		if list == nil {
			list = make([]float64, n)
			bins[b.Endpoint] = list
		}
		list[int(b.At.Sub(w.From)/trafficStep)] += float64(count)
	})
	known := s.v.Rate(func(incident.Bucket) bool { return false }, w, trafficStep, false)
	for i, k := range known {
		if math.IsNaN(k) {
			for _, list := range bins {
				list[i] = k
			}
		}
	}
	return bins
}

// rise compares the intervals from first on with those before it.
func rise(bins []float64, first int, from time.Time) (r trafficRise, ok bool) {
	// The step may have come before the failure: what is usual is the earlier part.
	usual := present(bins[:min(len(bins), max(first-int(mechanism/trafficStep), leastUsual))])
	since := present(bins[min(len(bins), first):])
	if len(usual) < leastUsual || len(since) == 0 {
		return r, false
	}
	median, scale := robust(usual)
	per := trafficStep.Seconds()
	r.usual, r.now = median/per, middle(since)/per
	if median == 0 {
		return r, false
	}
	r.score = (r.now - r.usual) * per / scale
	begun := -1
	for i := range bins {
		if i >= leastUsual && bins[i] > median+stepOnset*scale && sustained(bins[i:], median+stepOnset*scale) {
			begun = i
			break
		}
	}
	if begun < 0 {
		return r, true
	}
	r.from = from.Add(time.Duration(begun) * trafficStep)
	r.after = begun > first
	r.to = from.Add(time.Duration(len(bins)) * trafficStep)
	return r, true
}

// sustained says that three of the first five stay above a level.
func sustained(bins []float64, level float64) bool {
	n := 0
	for _, v := range bins[:min(5, len(bins))] {
		if v > level {
			n++
		}
	}
	return n >= min(3, len(bins))
}

// present are the values that are known.
func present(values []float64) (known []float64) {
	for _, v := range values {
		if !math.IsNaN(v) {
			known = append(known, v)
		}
	}
	return known
}

// middle is the median.
func middle(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}

// robust is the median of counts and their scale: the median absolute deviation, the
// spread that arrivals have by themselves, a share of the median, and one request,
// whichever is largest. Without such a floor nearly constant series alarm by nothing.
func robust(counts []float64) (median, scale float64) {
	median = middle(counts)
	off := make([]float64, len(counts))
	for i, v := range counts {
		off[i] = math.Abs(v - median)
	}
	return median, max(1.4826*middle(off), math.Sqrt(median), relFloor*median, 1)
}

// bucketsOf are the buckets of an endpoint from an instant on, at most three.
func (s *scene) bucketsOf(e incident.Endpoint, from time.Time) (ids []incident.ID) {
	s.v.EachBucket(incident.Window{From: from, To: from.Add(time.Minute)}, func(b *incident.Bucket) {
		if b.Endpoint == e && s.counted(b) > 0 && len(ids) < 3 {
			ids = append(ids, b.ID())
		}
	})
	return ids
}
