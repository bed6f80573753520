package incident

import (
	"cmp"
	"slices"
)

// Shown are the moments of a timeline that are not hidden, in order of time and
// then of kind: the i-th has the letter Letter(i) on every screen and picture.
func Shown(timeline []Moment) []Moment {
	shown := make([]Moment, 0, len(timeline))
	for _, m := range timeline {
		if !m.Hidden {
			shown = append(shown, m)
		}
	}
	slices.SortStableFunc(shown, func(a, b Moment) int { return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.Kind, b.Kind)) })
	return shown
}

// Letter is 'A' to 'Z', then 'a' to 'z', then '+'.
func Letter(i int) rune {
	switch {
	case i < 26:
		return rune('A' + i)
	case i < 52:
		return rune('a' + i - 26)
	}
	return '+'
}
