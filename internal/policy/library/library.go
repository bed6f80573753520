// Package library is the list of the breaker libraries that are modelled. One
// more is a package beside opossum's and a line in All.
package library

import (
	"fmt"
	"strings"
	"time"

	"tripcurve/internal/policy"
)

// Param is one parameter of a library in its own words.
type Param = policy.Param

// Neutral is the go-between when thresholds move from one library to another.
type Neutral = policy.Neutral

// Library is one breaker library.
type Library struct {
	Name, Version string
	Params        []Param
	// Factory is what choosing the library writes, in its own parameters.
	Factory map[string]string
	// Check says whether the library takes a value for one parameter and returns
	// it as the library writes it.
	Check func(name, value string) (string, error)
	// New builds a breaker constructed at start; absent parameters have the
	// library's own defaults.
	New func(params map[string]string, start time.Time) (Built, error)
	// Traps says in words what a set of parameters does that their names do not say.
	Traps func(params map[string]string) ([]string, error)
	// ToNeutral and FromNeutral move a set of parameters between libraries;
	// FromNeutral also says in words what was lost.
	ToNeutral   func(params map[string]string) (Neutral, error)
	FromNeutral func(Neutral) (map[string]string, []string)
}

// Built is a breaker and what its host must do for it.
type Built struct {
	Breaker policy.Breaker
	// CallTimeout is the library's own time limit on one attempt, which the host
	// keeps and records as policy.Timeout; 0 is none.
	CallTimeout time.Duration
	// TotalTimeout is the library's own time limit over all attempts; 0 is none.
	TotalTimeout time.Duration
	// MaxConcurrent is the library's own bound on the calls in flight where the
	// machine does not keep it itself; 0 is none.
	MaxConcurrent int
}

// All are the libraries, in the order in which they are shown.
func All() []Library {
	return []Library{
		opossumLibrary(),
	}
}

func init() {
	for _, l := range append(All(), neutral()) {
		policy.RegisterDialect(policy.Dialect{Name: l.Name, Params: l.Params, Factory: l.Factory, Check: l.Check})
	}
}

// ByName finds a library by the name that a policy gives it, the neutral words
// among them.
func ByName(name string) (Library, bool) {
	for _, l := range append(All(), neutral()) {
		if l.Name == name {
			return l, true
		}
	}
	return Library{}, false
}

// New builds the breaker of spec, constructed at start. A spec without a library
// gives a Built without a Breaker.
func New(spec policy.BreakerSpec, start time.Time) (Built, error) {
	if spec.Library == "" {
		return Built{}, nil
	}
	l, err := get(spec.Library)
	if err != nil {
		return Built{}, err
	}
	return l.New(spec.Params, start)
}

// NeutralOf is all that an edge's policy says, in neutral words. The shortest of
// its time limits is the call's.
func NeutralOf(p policy.Policy) (Neutral, error) {
	var n Neutral
	if p.Breaker.Library != "" {
		l, err := get(p.Breaker.Library)
		if err != nil {
			return Neutral{}, err
		}
		if n, err = l.ToNeutral(p.Breaker.Params); err != nil {
			return Neutral{}, err
		}
	}
	n.CallTimeout = policy.Shortest(n.CallTimeout, p.Timeout, p.Deadline)
	if p.MaxConcurrent > 0 && (n.MaxConcurrent == 0 || p.MaxConcurrent < n.MaxConcurrent) {
		n.MaxConcurrent = p.MaxConcurrent
	}
	if p.Retry.Attempts > 1 || n.Retry.Attempts <= 1 {
		n.Retry = p.Retry
	}
	return n, nil
}

func get(name string) (Library, error) {
	l, ok := ByName(name)
	if !ok {
		var names []string
		for _, l := range All() {
			names = append(names, l.Name)
		}
		return Library{}, fmt.Errorf("no breaker library %q: there is %s", name, strings.Join(names, ", "))
	}
	return l, nil
}
