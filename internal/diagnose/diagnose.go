// Package diagnose asks the simulator why an incident lasted: it runs the
// mechanisms that could have held it after its trigger had gone, each as a
// scenario, and holds what every run left behind against the incident's evidence,
// fact by fact, read by the same code on both sides.
package diagnose

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"tripcurve/internal/incident"
	"tripcurve/internal/incident/cause"
	"tripcurve/sim"
	"tripcurve/sim/replicate"
	"tripcurve/sim/scenario"
)

// Night is one run of a scenario, and what collectors would have read of it.
type Night func(ctx context.Context, sc sim.Scenario) (*incident.View, *sim.Result, error)

// Options say how Explain works.
type Options struct {
	// Seeds is how many replications each mechanism gets, at least one. The
	// scenario's own seed is not among them: its run may be the evidence itself.
	Seeds   int
	Workers int
	// Only names the mechanisms and twins to simulate, by their IDs; nil is all.
	Only []string
	// Progress hears how many of how many runs are done; may be nil.
	Progress func(done, of int)
}

// ErrNothingToExplain means that the evidence has no trigger that ended before the
// failing did.
var ErrNothingToExplain = errors.New("nothing outlasted its trigger")

// Explanation is every mechanism's fit to the evidence.
type Explanation struct {
	Scenario string
	Seeds    int
	Marks    Marks
	Sentence string // what the trigger covers
	Facts    []Observed
	// Candidates, in the order of Mechanisms. Twins are further ways in which the
	// same thing can come about, told apart by none of the facts.
	Candidates []Candidate
	Twins      []Candidate
	// Weight is the counterfactual of the first mechanism; nil when it does not fit.
	Weight *Weight
	// Unexplained is what no source decides, one statement each.
	Unexplained []string
}

// Weight is what the orders answered 502 say of a mechanism: how many there are with
// it, and how many in the same nights without it.
type Weight struct {
	Observed, With, Without float64 // orders
	Necessity               float64 // 1 - without/with
	Sufficiency             float64 // with/observed
}

// Explains is the word for it: contributes, unless most orders would have been
// accepted without it and it makes about as many fail as were seen.
func (w Weight) Explains() bool {
	return w.Necessity >= 0.8 && w.Sufficiency >= 0.7 && w.Sufficiency <= 1.3
}

// Marks are the instants between which facts are read. They are the incident's, on
// both sides.
type Marks struct {
	Began    time.Time // the trigger
	Released time.Time // the trigger was gone
	Ended    time.Time // the last failing checkout was answered
}

// Remainder is how long the failing went on after the trigger.
func (m Marks) Remainder() time.Duration { return m.Ended.Sub(m.Released) }

// Observed is a fact as the evidence has it.
type Observed struct {
	Fact
	Value Value
}

// Candidate is a mechanism, simulated and held against the evidence.
type Candidate struct {
	Mechanism
	Reckoning string // the closed form that belongs to it, with its figures; empty: none
	Fits      []Fit  // in the order of the facts
	// Tail is how long after the trigger checkouts went on failing, over the seeds.
	Tail    Spread
	Predict []Prediction
	Verdict Verdict
}

// Fit is one fact in the simulated nights.
type Fit struct {
	Fact       Fact
	Observed   Value
	Simulated  Spread
	Reproduced bool
}

// Spread is a figure over the seeds; Absent counts those that did not have it.
type Spread struct {
	Median, Min, Max float64 // NaN when no seed has it
	Seeds, Absent    int
}

// Prediction is what a mechanism says of something that nobody recorded.
type Prediction struct {
	Name   string
	Figure Spread
}

// Reproduced counts the facts that fit, Of those that the evidence has.
func (c *Candidate) Reproduced() (n, of int) {
	for _, f := range c.Fits {
		if f.Reproduced {
			n++
		}
	}
	return n, len(c.Fits)
}

// Failing are the facts that do not fit, in their order.
func (c *Candidate) Failing() (fs []Fit) {
	for _, f := range c.Fits {
		if !f.Reproduced {
			fs = append(fs, f)
		}
	}
	return fs
}

// MarksOf reads the trigger's window and the end of the failing out of the evidence.
func MarksOf(v *incident.View) (Marks, string, error) {
	a := cause.Analyze(v, cause.Options{})
	for _, f := range a.Findings {
		if f.Role != incident.Trigger || !f.Window.To.Before(a.Impact.To) {
			continue
		}
		m := Marks{
			Began: f.Window.From.Truncate(time.Second), Released: f.Window.To.Truncate(time.Second),
			Ended: a.Impact.To.Truncate(time.Second),
		}
		return m, a.Sentence, nil
	}
	return Marks{}, "", ErrNothingToExplain
}

// Explain simulates every mechanism in the world of sc, with its trigger and its
// restart where the evidence in v has them, and holds it against that evidence. It is a pure function of its arguments: the number of workers
// changes nothing.
func Explain(ctx context.Context, sc sim.Scenario, v *incident.View, night Night, o Options) (*Explanation, error) {
	marks, sentence, err := MarksOf(v)
	if err != nil {
		return nil, err
	}
	sc = placed(sc, v, marks)
	x := &Explanation{Scenario: sc.Name, Seeds: o.Seeds, Marks: marks, Sentence: sentence}
	for _, f := range Facts() {
		if value := f.read(v, marks); value.Known {
			x.Facts = append(x.Facts, Observed{f, value})
		}
	}
	all, eight := o.choose()
	runs, err := replicate.Run(ctx, replicate.Plan{N: o.Seeds * len(all), Workers: o.Workers, Progress: o.Progress},
		func(ctx context.Context, i int) (run, error) {
			m, seed := all[(i-1)/o.Seeds], (i-1)%o.Seeds+1
			changed := scenario.Replication(sc, seed) // first: a mechanism keeps the customers
			changed.Name = sc.Name + " " + m.ID
			changed.Edges = sc.Edges.Clone()
			changed.Faults = slices.Clone(sc.Faults)
			m.apply(&changed, marks)
			return measure(ctx, changed, night, x.Facts, marks)
		})
	if err != nil {
		return nil, fmt.Errorf("explain %s: %w", sc.Name, err)
	}
	for i, m := range all {
		c := newCandidate(m, x, runs[i*o.Seeds:(i+1)*o.Seeds])
		if m.reckon != nil {
			c.Reckoning = m.reckon(&sc, marks)
		}
		if i < eight {
			x.Candidates = append(x.Candidates, c)
		} else {
			x.Twins = append(x.Twins, c)
		}
	}
	judge(x)
	return x, nil
}

// placed is the scenario with its lock held as long as the evidence says and begun at
// that instant, and with a restart at the end where the evidence has one.
func placed(sc sim.Scenario, v *incident.View, m Marks) sim.Scenario {
	faults := sc.Faults
	sc.Faults = nil
	restarted := slices.ContainsFunc(v.Changes(), func(c incident.Change) bool {
		return c.Kind == incident.Restart && c.At.Sub(m.Ended).Abs() <= scrape
	})
	for _, f := range faults {
		if lock, ok := f.(sim.LockTable); ok {
			sc.Start = m.Began.Add(-lock.At)
			lock.Hold = m.Released.Sub(m.Began)
			sc.Faults = append(sc.Faults, lock)
		}
	}
	for _, f := range faults {
		switch f := f.(type) {
		case sim.LockTable: // is there
		case sim.RestartService:
			if restarted {
				f.At = m.Ended.Sub(sc.Start)
				sc.Faults = append(sc.Faults, f)
			}
		default:
			sc.Faults = append(sc.Faults, f)
		}
	}
	sc.Length = max(sc.Length, m.Ended.Sub(sc.Start)+2*time.Minute)
	return sc
}

// choose is the mechanisms to simulate, the first so many of them no twins.
func (o Options) choose() (all []Mechanism, first int) {
	for _, list := range [][]Mechanism{Mechanisms(), Twins()} {
		first = len(all)
		for _, m := range list {
			if o.Only == nil || slices.Contains(o.Only, m.ID) {
				all = append(all, m)
			}
		}
	}
	return all, first
}

// run is what one simulated night gave.
type run struct {
	facts   []Value
	tail    Value
	predict []float64
}

func measure(ctx context.Context, sc sim.Scenario, night Night, facts []Observed, m Marks) (run, error) {
	v, res, err := night(ctx, sc)
	if err != nil {
		return run{}, err
	}
	r := run{facts: make([]Value, len(facts)), tail: tail(v, m)}
	for i, f := range facts {
		r.facts[i] = f.read(v, m)
	}
	for _, p := range predictions {
		r.predict = append(r.predict, p.of(res, m))
	}
	return r, nil
}

func newCandidate(m Mechanism, x *Explanation, runs []run) Candidate {
	c := Candidate{Mechanism: m}
	gather := func(get func(run) Value) Spread {
		values := make([]Value, len(runs))
		for i, r := range runs {
			values[i] = get(r)
		}
		return spread(values)
	}
	c.Tail = gather(func(r run) Value { return r.tail })
	for i, f := range x.Facts {
		fit := Fit{Fact: f.Fact, Observed: f.Value, Simulated: gather(func(r run) Value { return r.facts[i] })}
		fit.Reproduced = f.agrees(f.Value, fit.Simulated)
		c.Fits = append(c.Fits, fit)
	}
	for i, p := range predictions {
		c.Predict = append(c.Predict, Prediction{p.name, gather(func(r run) Value { return number(r.predict[i]) })})
	}
	return c
}

// spread is the middle and the ends of the values that there are.
func spread(values []Value) Spread {
	s := Spread{Median: math.NaN(), Min: math.NaN(), Max: math.NaN(), Seeds: len(values)}
	var have []float64
	for _, v := range values {
		if v.Absent || !v.Known {
			s.Absent++
			continue
		}
		have = append(have, v.Number)
	}
	if len(have) == 0 {
		return s
	}
	slices.Sort(have)
	s.Median, s.Min, s.Max = have[(len(have)-1)/2], have[0], have[len(have)-1]
	return s
}
