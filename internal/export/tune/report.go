// Package tune writes what a search for settings found: as JSON for programs, as text
// for people.
package tune

import (
	"math"
	"time"

	"tripcurve/sim/output"
	"tripcurve/sim/tune"
)

// Report is the result for programs. Durations are seconds.
type Report struct {
	Schema      string        `json:"schema"`
	Scenario    string        `json:"scenario"`
	Edge        string        `json:"edge"`
	Library     string        `json:"library"`
	Version     string        `json:"version"` // of the library
	Seed        uint64        `json:"seed"`    // of the search; the runs' follow from the scenario's own
	Settings    int           `json:"settings"`
	Runs        int           `json:"runs"` // made, or known from before
	Interrupted bool          `json:"interrupted"`
	Level       float64       `json:"level"`           // of the intervals
	Enough      float64       `json:"recovery_needed"` // by the lower bound of the share of runs
	Objectives  []Objective   `json:"objectives"`
	Cases       []Case        `json:"cases"`
	Healthy     Healthy       `json:"healthy"`
	Rungs       []Rung        `json:"rungs"`
	Chosen      *Point        `json:"chosen"` // null: no setting recovers
	Runner      *Point        `json:"runner_up"`
	Baselines   []Point       `json:"baselines"`
	Against     []Comparison  `json:"chosen_against"`
	Front       []Point       `json:"finalists"`
	Sensitivity []Sensitivity `json:"sensitivity"`
	Says        []string      `json:"says"`

	r *tune.Result
}

// Objective says in words what is measured.
type Objective struct {
	Name string `json:"name"`
	What string `json:"what"`
}

// Case is one way of things going wrong.
type Case struct {
	Name string `json:"name"`
	What string `json:"what"`
}

// Healthy is the traffic on which false trips are counted.
type Healthy struct {
	Rate float64 `json:"rate_per_s"` // of one breaker
	P50  float64 `json:"p50_s"`
	P99  float64 `json:"p99_s"`
}

// Rung is one part of the race.
type Rung struct {
	Name         string `json:"name"`
	What         string `json:"what"`
	Settings     int    `json:"settings"`
	Replications int    `json:"replications"`
	Kept         int    `json:"kept"`
	Dominated    int    `json:"surely_dominated"`
}

// Point is one setting and what is known of it.
type Point struct {
	Name      string              `json:"name,omitempty"` // of a baseline
	N         int                 `json:"n,omitempty"`    // of a finalist, as --point takes it
	Settings  []string            `json:"settings"`
	Shown     string              `json:"shown"`
	Measures  map[string]Estimate `json:"measures"`
	Recovered int                 `json:"recovered_runs"`
	Runs      int                 `json:"runs"`
	Share     Estimate            `json:"recovered"`
	Holds     bool                `json:"holds"`
	Front     float64             `json:"front_probability"`
	Alike     bool                `json:"not_told_apart_from_chosen"`
	Cases     map[string]CaseMean `json:"cases"`
}

// Estimate is a mean with its interval.
type Estimate struct {
	Value float64  `json:"value"`
	Lo    *float64 `json:"lo"`
	Hi    *float64 `json:"hi"`
}

// CaseMean is a point in one case, means over its runs.
type CaseMean struct {
	Came      float64 `json:"came"` // requests while the trigger lasted
	NotServed float64 `json:"not_served"`
	Wait      float64 `json:"wait_p99_s"`
	Calls     float64 `json:"calls"`
	Trips     float64 `json:"trips"`
	Recovery  float64 `json:"recovery_s"`
	Recovered int     `json:"recovered_runs"`
	Runs      int     `json:"runs"`
}

// Comparison is the chosen setting against another one over the same customers.
type Comparison struct {
	With     string            `json:"with"`
	Measures map[string]Versus `json:"measures"`

	verdicts []tune.Verdict
}

// Versus is a difference, chosen less the other; "less" and "more" are said where it
// is sure and large enough to matter.
type Versus struct {
	Difference Estimate `json:"difference"`
	Relative   float64  `json:"relative"` // share of the other's
	Means      string   `json:"means"`    // less, more, or undecided
}

// Sensitivity is what moving one knob over its whole scale does, by objective.
type Sensitivity struct {
	Knob    string             `json:"knob"`
	Effects int                `json:"effects"`
	Size    map[string]float64 `json:"mu_star"`
	Spread  map[string]float64 `json:"sigma"`
}

// New makes the report.
func New(r *tune.Result) Report {
	h := r.Problem.Healthy
	rep := Report{
		Schema: "tripcurve.tune/1", Scenario: r.Problem.Name, Edge: r.Problem.Edge, Library: r.Library.Name, Version: r.Library.Version,
		Seed: r.Options.Seed, Settings: r.Tried, Runs: r.Runs, Interrupted: r.Interrupted, Level: output.Level, Enough: tune.Enough,
		Healthy: Healthy{round(h.Rate), seconds(h.P50), seconds(h.P99)}, r: r,
		Rungs: []Rung{}, Baselines: []Point{}, Against: []Comparison{}, Front: []Point{}, Sensitivity: []Sensitivity{},
	}
	for _, o := range tune.Objectives() {
		rep.Objectives = append(rep.Objectives, Objective{o.Name, o.What})
	}
	for _, c := range r.Problem.Cases {
		rep.Cases = append(rep.Cases, Case{c.Name, c.What})
	}
	for _, x := range r.Rungs {
		rep.Rungs = append(rep.Rungs, Rung(x))
	}
	if r.Chosen != nil {
		rep.Chosen = ref(point(r, *r.Chosen))
	}
	if r.Runner != nil {
		rep.Runner = ref(point(r, *r.Runner))
	}
	for _, b := range r.Baselines {
		rep.Baselines = append(rep.Baselines, point(r, b))
		if r.Chosen != nil {
			rep.Against = append(rep.Against, against(*r.Chosen, b, len(r.Baselines)))
		}
	}
	for i, f := range r.Finalists {
		p := point(r, f)
		p.N = i + 1
		rep.Front = append(rep.Front, p)
	}
	for _, s := range r.Sensitivity {
		out := Sensitivity{Knob: s.Knob.Path, Effects: s.Effects, Size: map[string]float64{}, Spread: map[string]float64{}}
		for i, o := range tune.Objectives() {
			out.Size[o.Name], out.Spread[o.Name] = round(s.MeanSize[i]), round(s.Spread[i])
		}
		rep.Sensitivity = append(rep.Sensitivity, out)
	}
	rep.Says = says(r)
	return rep
}

func point(r *tune.Result, p tune.Point) Point {
	out := Point{
		Name: p.Name, Settings: p.Settings, Shown: shown(r, p), Measures: map[string]Estimate{}, Recovered: p.Recovered, Runs: p.Tried,
		Share: estimate(output.Share(p.Recovered, p.Tried, output.Level)), Holds: p.Holds, Front: p.Front, Alike: p.Alike, Cases: map[string]CaseMean{},
	}
	for i, o := range tune.Objectives() {
		out.Measures[o.Name] = estimate(interval(p, i))
	}
	for i, c := range p.Cases {
		out.Cases[r.Problem.Cases[i].Name] = CaseMean{
			round(c.Came), round(c.NotServed), round(c.Wait), round(c.Calls), round(c.Trips), round(c.Recovery), c.Recovered, c.Runs,
		}
	}
	return out
}

// interval is of one objective of a point.
func interval(p tune.Point, objective int) output.Interval {
	values := make([]float64, len(p.Runs))
	for k, v := range p.Runs {
		values[k] = v[objective]
	}
	return output.Mean(values, output.Level)
}

func against(chosen, b tune.Point, comparisons int) Comparison {
	c := Comparison{With: b.Name, Measures: map[string]Versus{}, verdicts: tune.Versus(chosen, b, comparisons)}
	for i, o := range tune.Objectives() {
		v := c.verdicts[i]
		c.Measures[o.Name] = Versus{estimate(v.Interval), round(v.Relative), map[int8]string{-1: "less", 0: "undecided", 1: "more"}[v.Means]}
	}
	return c
}

func estimate(i output.Interval) Estimate {
	return Estimate{round(i.Value), finite(i.Lo), finite(i.Hi)}
}

func finite(v float64) *float64 {
	if math.IsInf(v, 0) || math.IsNaN(v) {
		return nil
	}
	return ref(round(v))
}

func ref[T any](v T) *T { return &v }

func round(v float64) float64 { return math.Round(v*1e4) / 1e4 }

func seconds(d time.Duration) float64 { return round(d.Seconds()) }
