package policy

import (
	"fmt"
	"maps"
	"slices"
	"sync"
)

// Param is one parameter of a library, under the library's own name and in its
// own unit.
type Param struct {
	Name string
	Unit string // ms, s, %, calls, buckets; empty for a switch
	Kind Kind
	// Default is the library's own; for a switch 1 is true.
	Default float64
	// Min, Max and Step are a slider's; a typed value may lie outside, within
	// what the library accepts.
	Min, Max, Step float64
	Help           string
	Choices        []string // KindChoice only
	// Text is the library's default as it writes it; a param.Table fills it in.
	Text string
}

// Dialect is what Set needs to know of a breaker library. The libraries live in
// packages below this one, which this one may not import, so they are made known
// as database/sql's drivers are: the package internal/policy/library registers
// all of them when it is imported, and without it no breaker can be set.
type Dialect struct {
	Name   string
	Params []Param
	// Factory is what choosing the library writes into a BreakerSpec; the user's
	// own parameters come over it.
	Factory map[string]string
	// Check says whether the library takes value for its parameter name and
	// returns it as the library writes it ("5s" becomes "5000" where it counts
	// in milliseconds).
	Check func(name, value string) (string, error)
}

// known lists the libraries; nil: none is.
var known func() []Dialect

// RegisterDialects makes the libraries known to Set and Fields. It is called once, from an
// init function; list is asked when a breaker is first set or shown.
func RegisterDialects(list func() []Dialect) {
	if known != nil {
		panic("policy: breaker libraries registered twice")
	}
	known = list
}

// dialects are the libraries by their names.
func dialects() map[string]Dialect {
	if known == nil {
		return nil
	}
	return byName()
}

// byName is made once. A name that is there twice is a mistake of ours.
var byName = sync.OnceValue(func() map[string]Dialect {
	all := map[string]Dialect{}
	for _, d := range known() {
		if _, dup := all[d.Name]; dup {
			panic(fmt.Sprintf("policy: breaker library %q registered twice", d.Name))
		}
		all[d.Name] = d
	}
	return all
})

// Dialects are the names of the registered libraries, sorted.
func Dialects() []string {
	return slices.Sorted(maps.Keys(dialects()))
}
