package incident

import (
	"cmp"
	"math"
	"slices"
)

// Ending is how many calls of a flow ended in one way.
type Ending struct {
	Code   string // gRPC's spelling; as the source has it where that is no code
	Failed bool
	Calls  float64
	Series *Series // that counts them
}

// Ends are the calls of the flow that ended in w, by code, the most first: what
// its counters rose by from the last sample before w to the last one in it. A
// counter that appears after its flow's calls began had been at zero.
func (f Flow) Ends(w Window) []Ending {
	var out []Ending
	for _, s := range f.Finished {
		n := s.Rise(w, len(f.Started.Points) > 0 && len(s.Points) > 0 && f.Started.Points[0].At.Before(s.Points[0].At))
		if !(n > 0) {
			continue
		}
		e := Ending{Series: s, Calls: n}
		e.Code, e.Failed = codeOf(s.Labels)
		if i := slices.IndexFunc(out, func(o Ending) bool { return o.Code == e.Code }); i >= 0 {
			out[i].Calls += n
			continue
		}
		out = append(out, e)
	}
	slices.SortStableFunc(out, func(a, b Ending) int { return cmp.Or(cmp.Compare(b.Calls, a.Calls), cmp.Compare(a.Code, b.Code)) })
	return out
}

// Rise is how much a counter grew in w, from the last sample before it on; after a
// reset it had begun at zero. fromZero: so it had before its first sample.
func (s *Series) Rise(w Window, fromZero bool) (sum float64) {
	points := s.in(w)
	was := math.NaN()
	if len(points) > 0 && fromZero && w.Has(points[0].At) {
		was = 0
	}
	for _, p := range points {
		switch {
		case math.IsNaN(p.V):
			continue
		case p.V < was:
			sum += p.V
		case p.V >= was:
			sum += p.V - was
		}
		was = p.V
	}
	return sum
}

// codeOf reads how calls ended out of a counter's labels.
func codeOf(labels map[string]string) (code string, failed bool) {
	for _, name := range statusLabels {
		v, ok := labels[name]
		if !ok {
			continue
		}
		if c, ok := ParseGRPCCode(v); ok {
			return c.String(), c.Failed()
		}
		if v != "" {
			return v, v == "failed"
		}
	}
	return "", false
}
