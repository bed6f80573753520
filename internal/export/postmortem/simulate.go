package postmortem

import (
	"context"
	"fmt"
	"strings"
	"time"

	"tripcurve/internal/export/compare"
	"tripcurve/internal/export/config"
	"tripcurve/internal/export/matrix"
	"tripcurve/internal/export/postmortem/author"
	"tripcurve/internal/policy"
	"tripcurve/sim"
	remedies "tripcurve/sim/compare"
	"tripcurve/sim/failmode"
)

// Plan says how much is simulated for a document.
type Plan struct {
	Seeds    int      // runs of each remedy, 2 at least
	Remedies []string // beside today
	// Grid is what the sliders of the document reach, with Runs of each point; empty: none.
	Grid Grid
	Runs int // 2 at least
	// Nights of each failure mode; 0: no matrix.
	Nights  int
	Workers int
	// Progress hears how many of how many pieces of work are done; may be nil.
	Progress func(done, of int)
	// Version of the program, for the files of the grid.
	Version string
	// Incident is named in the files of the grid.
	Incident string
}

// Usual is the plan for the bundled incident.
func Usual() Plan {
	return Plan{
		Seeds: 3, Runs: 2, Nights: 1,
		Remedies: []string{
			"keepalive", "deadline", "breaker", "breaker-full", "async", "async-deadline", "mesh", "mesh-3", "concurrently",
			"rollout-0", "rollout-25", "rollout-50", "rollout-75", "rollout-100",
		},
		Grid: Grid{Edge: "order.inventory", Thresholds: []int{25, 50, 75}, Timeouts: []int{2000, 5000, 9000}, Deadlines: []int{0, 2000, 5000}},
	}
}

// Grid is the points that are simulated for the sliders.
type Grid struct {
	Edge       string
	Thresholds []int // error threshold of the breaker, %
	Timeouts   []int // of a call, of the breaker's own, ms
	Deadlines  []int // of a call, gRPC's, ms; 0 is none
}

// Simulated is what the simulator says of an incident.
type Simulated struct {
	Scenario   sim.Scenario
	Comparison compare.Report
	Matrix     *matrix.Report
	WhatIf     *WhatIf
}

// drawn are the remedies whose waits are drawn.
func (s *Simulated) drawn() []string {
	return []string{remedies.Today, "deadline", "breaker", "breaker-full"}
}

// Simulate runs a plan over a scenario. The same plan gives the same figures,
// whatever the number of workers.
func Simulate(ctx context.Context, sc sim.Scenario, p Plan) (*Simulated, error) {
	points := p.Grid.points()
	shares := []int{(1 + len(p.Remedies)) * p.Seeds, (1 + len(points)) * p.Runs, p.Nights * 24}
	if len(points) == 0 {
		shares[1] = 0
	}
	total, before := shares[0]+shares[1]+shares[2], 0
	// Each stage has its share of the whole, whatever it counts itself.
	stage := func(share int) func(done, of int) {
		from := before
		before += share
		return func(done, of int) {
			if p.Progress != nil && of > 0 {
				p.Progress(from+share*done/of, total)
			}
		}
	}
	out := &Simulated{Scenario: sc}
	var rs []remedies.Remedy
	for _, name := range p.Remedies {
		r, ok := remedies.ByName(name)
		if !ok {
			return nil, fmt.Errorf("postmortem: %w", policy.Unknown("remedy", name, remedies.Names()))
		}
		rs = append(rs, r)
	}
	c, err := remedies.Run(ctx, sc, rs, remedies.Options{Seeds: p.Seeds, Workers: p.Workers, Progress: stage(shares[0])})
	if err != nil {
		return nil, fmt.Errorf("postmortem: compare the remedies: %w", err)
	}
	out.Comparison = compare.New(c)
	if len(points) > 0 {
		if out.WhatIf, err = simulateGrid(ctx, sc, p, points, stage(shares[1])); err != nil {
			return nil, err
		}
	}
	if p.Nights > 0 {
		rows, err := failmode.Run(ctx, sc, failmode.Options{Seeds: p.Nights, Workers: p.Workers, Progress: stage(shares[2])})
		if err != nil {
			return nil, fmt.Errorf("postmortem: %w", err)
		}
		m := matrix.New(sc.Name, p.Nights, rows)
		out.Matrix = &m
	}
	return out, nil
}

// point is one setting of the sliders, as indices into the axes.
type point struct{ threshold, timeout, deadline int }

func (g Grid) points() (all []point) {
	for i := range g.Thresholds {
		for j := range g.Timeouts {
			for k := range g.Deadlines {
				all = append(all, point{i, j, k})
			}
		}
	}
	return all
}

// sets are the settings of a point, as --set takes them.
func (g Grid) sets(p point) []string {
	sets := []string{
		g.Edge + ".breaker=opossum",
		fmt.Sprintf("%s.breaker.errorThresholdPercentage=%d", g.Edge, g.Thresholds[p.threshold]),
		fmt.Sprintf("%s.breaker.timeout=%d", g.Edge, g.Timeouts[p.timeout]),
	}
	if d := g.Deadlines[p.deadline]; d > 0 {
		sets = append(sets, fmt.Sprintf("%s.deadline=%s", g.Edge, policy.FormatDuration(time.Duration(d)*time.Millisecond)))
	}
	return sets
}

// WhatIf is the grid behind the sliders. Without scripts it is a table.
type WhatIf struct {
	Edge     string       `json:"edge"`
	Scenario string       `json:"scenario"`
	Runs     int          `json:"runs"` // of each point
	Axes     []Axis       `json:"axes"`
	Measures []Measure    `json:"measures"`
	Today    []float64    `json:"today"` // without a breaker and without a deadline
	Points   []GridPoint  `json:"points"`
	Chosen   int          `json:"chosen"` // point
	Warnings []string     `json:"warnings"`
	Targets  []TargetName `json:"targets"`
}

// Axis is one slider.
type Axis struct {
	ID     string `json:"id"`
	Label  string `json:"label"`
	Unit   string `json:"unit"`
	Values []int  `json:"values"`
}

// Measure is one figure of a point.
type Measure struct {
	ID       string `json:"id"`
	Label    string `json:"label"`
	Unit     string `json:"unit"`
	Decimals int    `json:"decimals"`
}

// TargetName is a kind of file that the chosen point is written as.
type TargetName struct {
	ID   string `json:"id"`
	File string `json:"file"`
}

// GridPoint is one setting and what came of it.
type GridPoint struct {
	At      []int     `json:"at"` // index of each axis
	Figures []float64 `json:"figures"`
	Lo      []float64 `json:"lo"`
	Hi      []float64 `json:"hi"`
	Files   []string  `json:"files"` // one of each target, as export config writes it
	Command string    `json:"command"`
}

var gridMeasures = []Measure{
	{"failed", "checkouts not served", "", 0},
	{"outage_s", "outage", "s", 0},
	{"wait_p50_s", "median wait", "s", 3},
	{"wait_p99_s", "99 % wait", "s", 2},
	{"reads_failed", "reads of stock that failed", "", 0},
	{"orphans", "reservations without an order", "", 0},
	{"false_trips_per_day", "false trips on a healthy day", "", 1},
}

// gridTargets are the files that a point can be taken home as.
var gridTargets = []string{"opossum", "opossum-js", config.TargetPolicy}

func simulateGrid(ctx context.Context, sc sim.Scenario, p Plan, points []point, progress func(done, of int)) (*WhatIf, error) {
	g := p.Grid
	w := &WhatIf{
		Edge: g.Edge, Scenario: sc.Name, Runs: p.Runs, Measures: gridMeasures, Warnings: []string{}, Targets: []TargetName{}, Points: []GridPoint{},
		Axes: []Axis{
			{"threshold", "Error threshold", "%", g.Thresholds}, {"timeout", "Timeout of a call, the breaker's own", "ms", g.Timeouts}, {"deadline", "Deadline of a call (0: none)", "ms", g.Deadlines},
		},
	}
	var rs []remedies.Remedy
	for i, at := range points {
		sets := g.sets(at)
		rs = append(rs, remedies.Remedy{Name: fmt.Sprintf("point-%d", i), What: strings.Join(sets, ", "), Apply: func(sc sim.Scenario) sim.Scenario {
			sc.Edges, _ = withSets(sc.Edges, sets) // they were tried before
			return sc
		}})
		if _, err := withSets(sc.Edges, sets); err != nil {
			return nil, fmt.Errorf("postmortem: %w", err)
		}
	}
	c, err := remedies.Run(ctx, sc, rs, remedies.Options{Seeds: p.Runs, Workers: p.Workers, Progress: progress})
	if err != nil {
		return nil, fmt.Errorf("postmortem: simulate the grid: %w", err)
	}
	rep := compare.New(c)
	w.Today, _, _ = measuresOf(rep.Remedies[0])
	for i, at := range points {
		sets := g.sets(at)
		edges, err := withSets(sc.Edges, sets)
		if err != nil {
			return nil, fmt.Errorf("postmortem: %w", err)
		}
		pt := GridPoint{At: []int{at.threshold, at.timeout, at.deadline}, Files: []string{}}
		pt.Figures, pt.Lo, pt.Hi = measuresOf(rep.Remedies[i+1])
		var from []string
		for _, s := range sets {
			from = append(from, "--set "+s)
		}
		pt.Command = "tripcurve export config " + strings.Join(from, " ")
		origin := config.Origin{Incident: p.Incident, Scenario: sc.Name, Seed: sc.Seed, Version: p.Version, Set: strings.Join(from, ", ")}
		for j, target := range gridTargets {
			f, err := config.Render(g.Edge, edges[g.Edge], target, origin)
			if err != nil {
				return nil, fmt.Errorf("postmortem: %w", err)
			}
			pt.Files = append(pt.Files, f.Text)
			if i == 0 {
				w.Targets = append(w.Targets, TargetName{target, f.Name})
				if j == 0 {
					w.Warnings = append(w.Warnings, f.Warnings...)
				}
			}
		}
		w.Points = append(w.Points, pt)
	}
	return w, nil
}

func withSets(edges policy.Edges, sets []string) (policy.Edges, error) {
	edges = edges.Clone()
	for _, s := range sets {
		path, value, _ := strings.Cut(s, "=")
		if err := edges.Set(path, value); err != nil {
			return nil, err
		}
	}
	return edges, nil
}

func measuresOf(r compare.Remedy) (mean, lo, hi []float64) {
	for _, m := range gridMeasures {
		x := r.Measures[m.ID]
		mean, lo, hi = append(mean, x.Mean), append(lo, x.P5), append(hi, x.P95)
	}
	return mean, lo, hi
}

// Choose marks the point of the grid that is nearest to what the authors chose, else
// that of the postmortem's own listing.
func (w *WhatIf) Choose(n *author.WhatIf) {
	want := []int{50, 5000, 0}
	if n != nil {
		if n.Threshold > 0 {
			want[0] = n.Threshold
		}
		if n.TimeoutMS > 0 {
			want[1] = n.TimeoutMS
		}
		want[2] = n.Deadline
	}
	best := -1.0
	for i, p := range w.Points {
		far := 0.0
		for j, at := range p.At {
			v := w.Axes[j].Values
			span := float64(max(v[len(v)-1]-v[0], 1))
			d := float64(v[at]-want[j]) / span
			far += d * d
		}
		if best < 0 || far < best {
			best, w.Chosen = far, i
		}
	}
}
