package incident

import "slices"

// Facts is everything that the view shows, as facts that rebuild it when they
// are added to empty evidence.
func (v *View) Facts() []Fact {
	var all []Fact
	for _, b := range v.Buckets() {
		all = append(all, b)
	}
	for _, l := range v.Latencies() {
		all = append(all, l)
	}
	v.EachUpstream(Window{}, func(u *Upstream) { all = append(all, *u) })
	for _, e := range v.Episodes() {
		all = append(all, e)
	}
	for _, s := range v.AllSeries() {
		all = append(all, *s)
	}
	v.EachHistogram(Window{}, func(h *Histogram) {
		x := *h
		x.Bins = slices.Clone(h.Bins)
		all = append(all, x)
	})
	for _, x := range v.Exemplars() {
		all = append(all, x)
	}
	for _, c := range v.Changes() {
		all = append(all, c)
	}
	for _, l := range v.LogFiles() {
		all = append(all, l)
	}
	return all
}
