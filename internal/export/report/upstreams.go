package report

import (
	"cmp"
	"slices"

	"tripcurve/internal/incident"
)

// Upstream is what was asked of one upstream in the impact window, counted in steps of
// ten seconds.
type Upstream struct {
	Upstream string    `json:"upstream"` // as the gateway's log has it; "(none)": none was asked
	Requests int64     `json:"requests"`
	Failed   int64     `json:"failed"`
	P50      *Quantile `json:"p50"` // of those that ended; null where no duration was logged
	P99      *Quantile `json:"p99"`
}

// upstreams are those that were asked, the ones that failed most first.
func upstreams(v *incident.View, w incident.Window, foreign func(string) string) []Upstream {
	list := []Upstream{}
	if w.Length() == 0 {
		return list
	}
	type sum struct {
		requests, failed int64
		sketch           incident.Sketch
	}
	sums := map[string]*sum{}
	v.EachUpstream(w, func(u *incident.Upstream) {
		s := sums[u.Name]
		if s == nil {
			s = &sum{}
			sums[u.Name] = s
		}
		s.requests += u.Started
		if u.Failed() {
			s.failed += u.Started
		}
		switch {
		case u.Sketch == nil:
		case s.sketch == nil:
			s.sketch = u.Sketch
		default:
			if both, err := s.sketch.Merge(u.Sketch); err == nil { // it always is of the same accuracy
				s.sketch = both
			}
		}
	})
	for name, s := range sums {
		u := Upstream{Upstream: foreign(name), Requests: s.requests, Failed: s.failed}
		if s.sketch != nil {
			u.P50, u.P99 = quantile(s.sketch.Quantile(0.5)), quantile(s.sketch.Quantile(0.99))
		}
		list = append(list, u)
	}
	slices.SortFunc(list, func(a, b Upstream) int {
		return cmp.Or(cmp.Compare(b.Failed, a.Failed), cmp.Compare(b.Requests, a.Requests), cmp.Compare(a.Upstream, b.Upstream))
	})
	return list
}
