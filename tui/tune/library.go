package tune

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"

	tea "charm.land/bubbletea/v2"

	"tripcurve/internal/policy"
	"tripcurve/internal/policy/library"
	"tripcurve/internal/redact"
	"tripcurve/tui/screen"
	"tripcurve/tui/text"
)

// intent is a change of library on one edge: what the user had set before it, so
// that going on to a third library translates from there and not from what the
// second one could keep, and going back is exact.
type intent struct {
	from, to policy.Policy
	lost     []string // what to could not keep of from, in words
}

// none is the choice of no library.
const none = "none"

// libraries are the names that the library's knob takes, in the order of the list;
// nobody changes them.
var libraries = sync.OnceValue(func() []string {
	names := []string{none}
	for _, l := range library.All() {
		names = append(names, l.Name)
	}
	return names
})

// chooseLibrary changes the library of the chosen edge's breaker and keeps what its
// parameters say as far as the new library can say it.
func (s *Screen) chooseLibrary(name string) tea.Cmd {
	if name == "" {
		return screen.Say("library takes a name: " + strings.Join(libraries(), ", "))
	}
	if !slices.Contains(libraries(), name) {
		return screen.Fail(policy.Unknown("breaker library", redact.Line(name), libraries()))
	}
	was := s.policy()
	from := was
	if in := s.intents[s.edgeName()]; reflect.DeepEqual(in.to, was) && in.from.Breaker.Library != "" {
		from = in.from
	}
	to, lost, err := translate(from, name)
	if err != nil {
		return screen.Fail(err)
	}
	if reflect.DeepEqual(to, was) {
		return nil
	}
	s.intents[s.edgeName()] = intent{from, to, lost}
	cmd := s.change(s.with(to))
	if len(lost) == 0 {
		return cmd
	}
	return tea.Batch(cmd, screen.Say(name+" could not keep "+text.Plural(len(lost), "thing")+": "+lost[0]))
}

// translate moves a policy's breaker to another library. A time limit or a bound on
// the calls in flight that the new library does not have becomes the edge's own.
func translate(from policy.Policy, name string) (to policy.Policy, lost []string, err error) {
	to = from
	switch {
	case name == from.Breaker.Library:
		return from, nil, nil
	case name == none, from.Breaker.Library == "":
		return to, nil, to.Set("breaker", name)
	}
	old, known := library.ByName(from.Breaker.Library)
	l, ok := library.ByName(name)
	if !known || !ok {
		return from, nil, policy.Unknown("breaker library", name, libraries())
	}
	n, err := old.ToNeutral(from.Breaker.Params)
	if err != nil {
		return from, nil, err
	}
	params, lost := l.FromNeutral(n)
	to.Breaker = policy.BreakerSpec{Library: name, Params: params}
	kept, err := l.ToNeutral(params)
	if err != nil {
		return from, nil, err
	}
	if d := n.CallTimeout; d > 0 && kept.CallTimeout == 0 && (to.Timeout == 0 || to.Timeout > d) {
		to.Timeout = d
		lost = append(lost, fmt.Sprintf("the time limit of %s is kept as the edge's own timeout, below", policy.FormatDuration(d)))
	}
	if m := n.MaxConcurrent; m > 0 && kept.MaxConcurrent == 0 && (to.MaxConcurrent == 0 || to.MaxConcurrent > m) {
		to.MaxConcurrent = m
		lost = append(lost, fmt.Sprintf("the bound of %d calls in flight is kept as the edge's own max_concurrent, below", m))
	}
	return to, lost, nil
}

// lost is what the chosen edge's library could not keep of the one before it.
func (s *Screen) lost() []string {
	if in := s.intents[s.edgeName()]; in.to.Breaker.Library == s.policy().Breaker.Library {
		return in.lost
	}
	return nil
}
