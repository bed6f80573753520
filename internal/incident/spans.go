package incident

import (
	"cmp"
	"slices"
)

// spans are the byte ranges that something which cannot be subtracted was made from.
type spans []span

// meeting says what a range is to those that were read before.
type meeting uint8

const (
	meetsNone meeting = iota
	holdsAll
	meetsSome // it was read already, at least partly
)

func (have spans) meet(s span) meeting {
	if s.to <= s.from { // no file: every fact is news
		return meetsNone
	}
	held := 0 // all or none
	for _, old := range have {
		switch {
		case s != old && s.holds(old):
			held++
		case s.meets(old):
			return meetsSome
		}
	}
	switch held {
	case 0:
		return meetsNone
	case len(have):
		return holdsAll
	}
	return meetsSome
}

// with adds a range, and widens the origin's to it. Beyond maxParts the two oldest are
// taken together with what lies between them.
func (have spans) with(s span, o *Origin) spans {
	if s.to > s.from {
		have = append(slices.Clone(have), s)
		o.From, o.To = min(o.From, s.from), max(o.To, s.to)
	}
	if len(have) > maxParts {
		slices.SortFunc(have, func(a, b span) int { return cmp.Compare(a.from, b.from) })
		have[1].from = have[0].from
		have = have[1:]
	}
	return have
}
