package timeline

import (
	"slices"
	"time"

	"tripcurve/internal/incident"
	"tripcurve/tui/events"
	"tripcurve/tui/screen"
)

// known is what drawing needs of all moments: worked out once, for there may be a
// hundred thousand of them.
type known struct {
	inferred int      // how many were concluded and not seen
	lanes    []string // as they come
	lasting  []int    // moments that have an end
}

func (s *Screen) knowledge() known {
	var k known
	had := map[int]bool{}
	names := s.events.Lanes()
	for i, n := range s.shown {
		if n < 0 {
			k.lasting = append(k.lasting, i)
			continue
		}
		at := int(n)
		if s.events.Inferred(at) {
			k.inferred++
		}
		if lane := s.events.Lane(at); !had[lane] {
			had[lane] = true
			if names[lane] != "" && names[lane] != phasesLane {
				k.lanes = append(k.lanes, names[lane])
			}
		}
		if s.events.Lasts(at) {
			k.lasting = append(k.lasting, i)
		}
	}
	return k
}

// sifted remembers which entries of people's own a filter keeps: they are the same from
// one view to the next, and there may be many.
type sifted struct {
	filter  screen.Filter
	written *incident.Writings
	is      []bool
	done    []bool
}

func (k *sifted) keeps(at int, match func() bool) bool {
	if !k.done[at] {
		k.done[at], k.is[at] = true, match()
	}
	return k.is[at]
}

// chosen is the id of the selected row; empty without one.
func (s *Screen) chosen() string {
	if s.list.At < len(s.shown) {
		return s.id(s.shown[s.list.At])
	}
	return ""
}

// reload takes the moments that the filter keeps, in their order. was is the id of the
// one to be selected.
func (s *Screen) reload(was string) {
	if s.edit.want != "" {
		was = s.edit.want
	}
	s.list.At = s.choose(was)
	s.list.Clamp(len(s.shown))
	s.of = ""
	s.known = s.knowledge()
	s.resolve()
}

// choose lists what is to be shown, and finds the row of an id in it, else the one that
// was selected.
func (s *Screen) choose(id string) int {
	s.shown = s.shown[:0]
	for i := range s.events.Len() {
		if (s.hidden || !s.events.Hidden(i)) && s.keeps(i) {
			s.shown = append(s.shown, int32(i))
		}
	}
	if s.hidden { // the phases, which are no moments, between them
		for i := range s.phases {
			if m := s.phase(i); s.matches(&m) {
				s.shown = append(s.shown, int32(^i))
			}
		}
		slices.SortStableFunc(s.shown, func(a, b int32) int { return s.begins(a).Compare(s.begins(b)) })
	}
	if n := s.list.At; n < len(s.shown) && s.id(s.shown[n]) == id { // mostly
		s.edit.want = ""
		return n
	}
	if i := slices.IndexFunc(s.shown, func(n int32) bool { return s.id(n) == id }); i >= 0 {
		s.edit.want = ""
		return i
	}
	return s.list.At
}

// keeps says whether the filter keeps a row.
func (s *Screen) keeps(i int) bool {
	if !s.Filter.Active() {
		return true
	}
	match := func() bool {
		m := s.events.Moment(i)
		return s.matches(&m)
	}
	at, own := s.events.Written(i)
	if !own {
		return match()
	}
	if all := s.View.Written; s.sifted.filter != s.Filter || s.sifted.written != all {
		s.sifted = sifted{filter: s.Filter, written: all, is: make([]bool, all.Len()), done: make([]bool, all.Len())}
	}
	return s.sifted.keeps(at, match)
}

func (s *Screen) matches(m *incident.Moment) bool {
	return s.Filter.Match(m.Text, m.System, m.Lane, m.SourceText)
}

// phase is a phase as a row of the list.
func (s *Screen) phase(i int) incident.Moment { return s.phases[i].Moment() }

// event is the moment or the phase of a listed row.
func (s *Screen) event(n int32) events.Event {
	if n >= 0 {
		return s.events.Event(int(n))
	}
	key := rune(events.HiddenKey)
	if n = ^n; n < 9 {
		key = '1' + n
	}
	return events.Event{Moment: s.phase(int(n)), Key: key, Label: "phase"}
}

func (s *Screen) begins(n int32) time.Time {
	if n < 0 {
		return s.phases[^n].Start
	}
	return s.events.At(int(n))
}

func (s *Screen) id(n int32) string {
	if n < 0 {
		return s.phases[^n].ID
	}
	return s.events.ID(int(n))
}
