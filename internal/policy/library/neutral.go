package library

import (
	"errors"
	"time"

	"tripcurve/internal/policy"
	"tripcurve/internal/policy/param"
)

// NeutralName is the name under which a policy holds a breaker in words that no
// library owns. It can be moved to any library, but not be run: what a number
// means is the library's to say.
const NeutralName = "neutral"

// ErrNeutral is the refusal to run a breaker that names no library.
var ErrNeutral = errors.New("a neutral breaker cannot be run, for libraries read the same numbers differently: say whose it is, as in breaker=opossum")

const (
	day    = 24 * time.Hour
	counts = 1_000_000
)

var neutralTable = param.Table[Neutral]{
	Library: NeutralName,
	Default: func() Neutral { return Neutral{} },
	Params: []param.Of[Neutral]{
		param.Duration(policy.Param{Name: "call_timeout", Unit: "s", Max: 60, Step: 0.5, Help: "ends one attempt; 0 is no limit"},
			func(n *Neutral) *time.Duration { return &n.CallTimeout }, 0, day),
		param.Duration(policy.Param{Name: "total_timeout", Unit: "s", Max: 120, Step: 0.5, Help: "ends the call with all its attempts and waits; 0 is no limit"},
			func(n *Neutral) *time.Duration { return &n.TotalTimeout }, 0, day),
		param.Number(policy.Param{Name: "failure_rate", Kind: policy.KindNumber, Max: 1, Step: 0.05, Help: "opens when this share of the calls in the window has failed, 0..1; 0 is no rule on a rate"},
			func(n *Neutral) *float64 { return &n.FailureRate }, 0, 2),
		param.Integer(policy.Param{Name: "min_calls", Unit: "calls", Kind: policy.KindInteger, Max: 500, Step: 1, Help: "calls in the window before the rate is looked at"},
			func(n *Neutral) *int { return &n.MinCalls }, 0, counts),
		param.Duration(policy.Param{Name: "window", Unit: "s", Max: 120, Step: 1, Help: "length of the window in time"},
			func(n *Neutral) *time.Duration { return &n.Window }, 0, day),
		param.Integer(policy.Param{Name: "window_calls", Unit: "calls", Kind: policy.KindInteger, Max: 1000, Step: 10, Help: "length of the window in calls, in place of one in time"},
			func(n *Neutral) *int { return &n.WindowCalls }, 0, counts),
		param.Duration(policy.Param{Name: "open_for", Unit: "s", Max: 300, Step: 1, Help: "how long it stays open the first time"},
			func(n *Neutral) *time.Duration { return &n.OpenFor }, 0, day),
		param.Number(policy.Param{Name: "open_growth", Kind: policy.KindNumber, Max: 5, Step: 0.1, Help: "each open time is this many times the last; 0 and 1 do not grow"},
			func(n *Neutral) *float64 { return &n.Growth.Factor }, 0, 1000),
		param.Duration(policy.Param{Name: "open_max", Unit: "s", Max: 600, Step: 5, Help: "longest open time; 0 is no bound"},
			func(n *Neutral) *time.Duration { return &n.Growth.Max }, 0, day),
		param.Number(policy.Param{Name: "open_jitter", Kind: policy.KindNumber, Max: 1, Step: 0.05, Help: "open times are drawn from this share around their length"},
			func(n *Neutral) *float64 { return &n.Growth.Jitter }, 0, 1),
		param.Integer(policy.Param{Name: "probes", Unit: "calls", Kind: policy.KindInteger, Max: 100, Step: 1, Help: "calls let through in half-open; 0 is one"},
			func(n *Neutral) *int { return &n.Probes }, 0, counts),
		param.Integer(policy.Param{Name: "max_concurrent", Unit: "calls", Kind: policy.KindInteger, Max: 500, Step: 10, Help: "calls in flight; 0 is no bound"},
			func(n *Neutral) *int { return &n.MaxConcurrent }, 0, counts),
	},
}

// neutral is no library of All: it takes part where policies are read, written
// and moved.
func neutral() Library {
	return Library{
		Name:    NeutralName,
		Params:  neutralTable.List(),
		Factory: map[string]string{"failure_rate": "0.5", "min_calls": "10", "window": "10s", "open_for": "30s"},
		Check:   neutralTable.Check,
		New: func(params map[string]string, _ time.Time) (Built, error) {
			if _, err := neutralTable.Parse(params); err != nil {
				return Built{}, err
			}
			return Built{}, ErrNeutral
		},
		Traps: func(params map[string]string) ([]string, error) {
			_, err := neutralTable.Parse(params)
			return nil, err
		},
		ToNeutral:   neutralTable.Parse,
		FromNeutral: func(n Neutral) (map[string]string, []string) { return neutralTable.Map(n), nil },
	}
}

// Neutralised is a policy whose breaker is said in neutral words, and the
// parameters of its library that these words cannot hold.
func Neutralised(p policy.Policy) (policy.Policy, []string, error) {
	if p.Breaker.Library == "" || p.Breaker.Library == NeutralName {
		return p, nil, nil
	}
	l, err := get(p.Breaker.Library)
	if err != nil {
		return p, nil, err
	}
	n, err := l.ToNeutral(p.Breaker.Params)
	if err != nil {
		return p, nil, err
	}
	// What does not come back did not go over.
	back, _ := l.FromNeutral(n)
	var lost []string
	for _, param := range l.Params {
		v, given := p.Breaker.Params[param.Name]
		again, ok := back[param.Name]
		if !ok {
			again = param.Text
		}
		if given && v != again {
			lost = append(lost, param.Name+" "+v)
		}
	}
	if p.Retry.Attempts <= 1 {
		p.Retry = n.Retry
	}
	p.Breaker = policy.BreakerSpec{Library: NeutralName, Params: neutralTable.Map(n)}
	return p, lost, nil
}
