// Package library is the list of the breaker libraries that are modelled. One
// more is a package beside opossum's and a line in All.
package library

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"tripcurve/internal/policy"
	"tripcurve/internal/policy/retry"
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
	// Hosts is the parameter that says among how many hosts the machine chooses; empty
	// where it chooses none.
	Hosts string
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
	// Breaker is nil where the library has none (gRPC's service config).
	Breaker policy.Breaker
	// CallTimeout is the library's own time limit on one attempt, which the host
	// keeps and records as policy.Timeout; 0 is none.
	CallTimeout time.Duration
	// TotalTimeout is the library's own time limit over all attempts and the waits
	// between them, which the host keeps too; 0 is none.
	TotalTimeout time.Duration
	// TotalUnseen: an attempt that TotalTimeout ended is no failure to the breaker
	// (Polly: a cancelled call is not handled); else it is a policy.Timeout.
	TotalUnseen bool
	// Ending says what the library's own time limits do to the call.
	Ending Ending
	// MaxConcurrent is the library's own bound on the calls in flight where the
	// machine does not keep it itself; 0 is none.
	MaxConcurrent int
	// Retry is the library's own retries; nil where it makes none.
	Retry *retry.Plan
	// Order is the library's documented order of its pieces, outermost first. What
	// it leaves out has the place that Complete gives it.
	Order []Piece
}

// Piece is one of the things around a call.
type Piece uint8

// The pieces, in the order that holds unless a library's own documents say
// otherwise. Those of the libraries, outermost first, and where they say so:
//
//	opossum       Breaker CallTimeout                             lib/circuit.js, call: it makes no retries; its capacity is the machine's
//	resilience4j  Retry Breaker CallTimeout Limit                 "Resilience4j Aspect order": Retry(CircuitBreaker(RateLimiter(TimeLimiter(Bulkhead(f)))))
//	hystrix       Breaker Limit CallTimeout                       wiki "How it Works": circuit, then pool or semaphore, then run; rejections of the pool are the machine's
//	grpc          TotalTimeout Retry                              proposal A6: the timeout covers all attempts
//	envoy, istio  TotalTimeout Retry Limit Breaker CallTimeout    route timeout, retry policy, circuit_breakers, host with its outlier detection, per_try_timeout
//	gobreaker     Breaker                                         Execute(f) and nothing else
//	failsafe-go   Retry Breaker Limit CallTimeout                 the order of With(...) is the caller's; README's example is retry, breaker, timeout
//	polly         Limit TotalTimeout Retry Breaker CallTimeout    AddStandardResilienceHandler
//	semian        Breaker Limit                                   ProtectedResource#acquire: acquire_circuit_breaker { acquire_bulkhead { f } }
//	linkerd       TotalTimeout Retry Breaker CallTimeout          request timeout, retries, endpoint with its accrual, response timeout
const (
	// TotalTimeout ends the call with all attempts made inside it.
	TotalTimeout Piece = iota
	// Retry makes what is inside it again. A breaker inside it sees every attempt,
	// one outside it the call.
	Retry
	// Limit is the bound on the calls in flight. Outside the breaker a call without
	// a place is rejected unseen; inside it that is a policy.Busy.
	Limit
	// Breaker asks the machine.
	Breaker
	// CallTimeout ends one attempt.
	CallTimeout
)

var pieceNames = [...]string{"total timeout", "retry", "limit", "breaker", "call timeout"}

func (p Piece) String() string { return pieceNames[p] }

// Ending is what becomes of a call that one of the library's own time limits ended.
type Ending uint8

const (
	// EndByPolicy: as the edge's policy.Cancel has it.
	EndByPolicy Ending = iota
	// EndReset: the call and the work below it are cancelled whatever the policy
	// says, for a proxy resets the stream.
	EndReset
	// EndDeadline: the limit is a gRPC deadline, sent with the call: it ends on both
	// sides with DEADLINE_EXCEEDED.
	EndDeadline
)

// Complete is a library's order with the pieces that it does not have itself but
// that an edge's policy may bring: the total timeout goes outside everything, the
// retries outside everything else, the limit next outside the breaker, the breaker
// and the call timeout inside.
func Complete(order []Piece) []Piece {
	all := slices.Clone(order)
	put := func(p Piece, at int) {
		if !slices.Contains(all, p) {
			all = slices.Insert(all, at, p)
		}
	}
	put(TotalTimeout, 0)
	put(Retry, slices.Index(all, TotalTimeout)+1)
	put(CallTimeout, len(all))
	put(Breaker, slices.Index(all, CallTimeout))
	put(Limit, slices.Index(all, Breaker))
	return all
}

// All are the libraries, in the order in which they are shown. What is in them is shared:
// nobody changes it.
func All() []Library { return slices.Clone(all()) }

// all is made once: the screens ask for it before their first frame.
var all = sync.OnceValue(func() []Library {
	return []Library{
		opossumLibrary(),
		resilience4jLibrary(),
		hystrixLibrary(),
		grpcLibrary(),
		envoyLibrary(),
		istioLibrary(),
		gobreakerLibrary(),
		failsafeLibrary(),
		pollyLibrary(),
		semianLibrary(),
		linkerdLibrary(),
	}
})

func init() {
	policy.RegisterDialects(func() []policy.Dialect {
		var list []policy.Dialect
		for _, l := range append(All(), neutral()) {
			list = append(list, policy.Dialect{Name: l.Name, Params: l.Params, Factory: l.Factory, Check: l.Check})
		}
		return list
	})
}

// ByName finds a library by the name that a policy gives it, the neutral words
// among them.
func ByName(name string) (Library, bool) {
	l, ok := byName()[name]
	return l, ok
}

// byName is made once: a simulated night looks up each of its breakers.
var byName = sync.OnceValue(func() map[string]Library {
	names := map[string]Library{}
	for _, l := range append(All(), neutral()) {
		names[l.Name] = l
	}
	return names
})

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
