package incident

import (
	"cmp"
	"hash/fnv"
	"slices"
	"strings"
)

// How many exemplars are kept of each kind, per source and endpoint.
const (
	keepSlowest  = 20
	keepSampled  = 100
	keepUnparsed = 100
	maxGroups    = 2_000 // of source, endpoint and kind; what comes later is not kept
)

// exemplars keeps the best ones of each group; which ones does not depend on
// the order they came in.
type exemplars struct {
	groups map[ID][]Exemplar // by rank, best first
	all    []Exemplar        // what the last snapshot got; nil after a change
}

func (ev *Evidence) addExemplar(e Exemplar) {
	ev.cover(e.Start, e.End)
	ev.exemplars.add(e)
}

func (x *exemplars) add(e Exemplar) {
	if x.groups == nil {
		x.groups = map[ID][]Exemplar{}
	}
	key := join(e.Origin.Key(), e.Kind.String(), e.Endpoint.String())
	group, known := x.groups[key]
	if !known && len(x.groups) >= maxGroups {
		return
	}
	i, have := slices.BinarySearchFunc(group, e, compareExemplars)
	keep := map[ExemplarKind]int{FirstFailing: 1, LastFailing: 1, Slowest: keepSlowest, Sampled: keepSampled, Unparsed: keepUnparsed}[e.Kind]
	if have || i >= keep {
		return
	}
	group = slices.Insert(group, i, e)
	x.groups[key] = group[:min(len(group), keep)]
	x.all = nil
}

// compareExemplars ranks exemplars of one group, best first.
func compareExemplars(a, b Exemplar) int {
	var rank int
	switch a.Kind {
	case FirstFailing:
		rank = a.Start.Compare(b.Start)
	case LastFailing:
		rank = b.End.Compare(a.End)
	case Slowest:
		rank = cmp.Compare(b.Took, a.Took)
	case Sampled:
		rank = cmp.Compare(lot(a), lot(b))
	case Unparsed: // the first ones
	}
	return cmp.Or(rank, cmp.Compare(a.Origin.From, b.Origin.From), a.Start.Compare(b.Start), strings.Compare(a.Raw, b.Raw))
}

// lot is a number drawn from what the exemplar is: keeping the smallest lots is
// a uniform sample that can be merged.
func lot(e Exemplar) uint64 {
	h := fnv.New64a()
	h.Write([]byte(e.ID()))
	return h.Sum64()
}

func (x *exemplars) list() []Exemplar {
	if x.all == nil && len(x.groups) > 0 {
		for _, group := range x.groups {
			x.all = append(x.all, group...)
		}
		slices.SortFunc(x.all, func(a, b Exemplar) int {
			return cmp.Or(a.Start.Compare(b.Start), cmp.Compare(a.Kind, b.Kind), strings.Compare(string(a.ID()), string(b.ID())))
		})
	}
	return x.all
}
