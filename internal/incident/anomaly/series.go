// Package anomaly is the statistics of an incident: what a series does when all
// is well and how far it is from that, when many series changed together, and
// which component of a call graph the excess belongs to. It knows no cause: it
// says where and when to look. Everything here is a pure function of numbers
// and instants, or a small machine that is told the time.
package anomaly

import (
	"math"
	"slices"
	"time"

	"tripcurve/internal/incident"
)

// Kind is what a series measures; it says which way is bad.
type Kind uint8

const (
	Other Kind = iota
	Latency
	Errors
	Availability // a share of what went well, 0..1
	Rate         // requests, queries, bytes per second
	CPU
	Memory
	Disk
	Pool // places in use
	LockWait
	Queue // what waits or is in flight
)

// Direction is the way in which a series gets worse.
type Direction int8

const (
	Both Direction = 0 // a jump either way is news, neither is bad by itself
	Up   Direction = +1
	Down Direction = -1
)

// Bad is the direction in which the kind gets worse: traffic and what is not
// known go both ways.
func (k Kind) Bad() Direction {
	switch k {
	case Latency, Errors, CPU, Memory, Disk, Pool, LockWait, Queue:
		return Up
	case Availability:
		return Down
	case Rate, Other:
		return Both
	}
	return Both
}

// Viewpoint is who measured: the one who called, the one who was called, the
// machine, the database. Latencies of one call from two viewpoints differ by
// what lies between them.
type Viewpoint uint8

const (
	Server Viewpoint = iota
	Client
	Infra
	Database
)

// Series is one measure over time. What it measured per second is what stands in
// Points: a counter goes through Rates first.
type Series struct {
	ID        string
	Service   string // whose measure it is; empty when nobody knows
	Kind      Kind
	Unit      string
	Viewpoint Viewpoint
	Step      time.Duration    // between two samples; zero: StepOf the points
	Points    []incident.Point // in time order; NaN is a sample that was not there
}

// HoldSteps is for how many steps a sample stands when the next does not come;
// a longer gap stays a gap.
const HoldSteps = 3

// mostSteps bounds how many differences StepOf looks at.
const mostSteps = 64

// StepOf is the usual time between two samples: the median of differences, of 64
// spread over the whole when there are more, which neither a gap nor a sample
// twice moves. Zero for less than two samples.
func StepOf(points []incident.Point) time.Duration {
	var steps [mostSteps]time.Duration
	n := 0
	stride := max(1, (len(points)-1+mostSteps-1)/mostSteps)
	for i := 1; i < len(points); i += stride {
		if d := points[i].At.Sub(points[i-1].At); d > 0 {
			steps[n] = d
			n++
		}
	}
	if n == 0 {
		return 0
	}
	slices.Sort(steps[:n])
	return steps[n/2]
}

// Rates are a cumulative counter's changes per second, each at the later of its
// two samples. Where the counter fell its process began anew: that is a gap, not
// a rate, and so is the first sample after one that is missing.
func Rates(points []incident.Point) []incident.Point {
	rates := make([]incident.Point, 0, len(points))
	for i := 1; i < len(points); i++ {
		was, is := points[i-1], points[i]
		seconds := is.At.Sub(was.At).Seconds()
		if seconds <= 0 {
			continue
		}
		v := (is.V - was.V) / seconds
		if v < 0 { // NaN stays NaN
			v = math.NaN()
		}
		rates = append(rates, incident.Point{At: is.At, V: v})
	}
	return rates
}

// Means are what two cumulative counters say about the time between their
// samples: the change of sum by the change of count, the mean latency of a
// histogram. Nothing counted, or either counter reset, is a gap. The counters
// are read at the same instants; what only one of them has is left out.
func Means(sum, count []incident.Point) []incident.Point {
	means := make([]incident.Point, 0, len(sum))
	var lastSum, lastCount float64
	have := false
	for i, j := 0, 0; i < len(sum) && j < len(count); {
		switch c := sum[i].At.Compare(count[j].At); {
		case c < 0:
			i++
			continue
		case c > 0:
			j++
			continue
		}
		if have {
			total, n := sum[i].V-lastSum, count[j].V-lastCount
			v := math.NaN()
			if n > 0 && total >= 0 {
				v = total / n
			}
			means = append(means, incident.Point{At: sum[i].At, V: v})
		}
		lastSum, lastCount, have = sum[i].V, count[j].V, true
		i++
		j++
	}
	return means
}

// Grid puts samples on a grid of n steps from an instant on: each cell has its
// last sample, and a sample stands for at most HoldSteps of its own steps when
// the next does not come. Everything else is NaN: not zero, unknown. A cell
// belongs to the sample that ends it, for a rate speaks of the time before it.
func Grid(points []incident.Point, own time.Duration, from time.Time, step time.Duration, n int) []float64 {
	cells := make([]float64, n)
	for i := range cells {
		cells[i] = math.NaN()
	}
	if step <= 0 || n <= 0 {
		return cells
	}
	hold := max(0, HoldSteps*int(own/step)-1) // cells beyond its own; a finer series fills every cell by itself
	if own > 0 && own < step {
		hold = HoldSteps - 1
	}
	first, _ := slices.BinarySearchFunc(points, from.Add(-time.Duration(hold+1)*step),
		func(p incident.Point, at time.Time) int { return p.At.Compare(at) })
	last := math.MinInt // the cell of the last sample
	var v float64
	fill := func(to int) { // cells after last and before to
		if last == math.MinInt || math.IsNaN(v) {
			return
		}
		for i := max(0, last+1); i < min(n, to, last+1+hold); i++ {
			cells[i] = v
		}
	}
	zero, width := from.UnixNano(), int64(step) // plain numbers: a second costs less than a time.Time's
	for _, p := range points[first:] {
		since := p.At.UnixNano() - zero
		i := int(since / width)
		if since < 0 {
			i = -1 - int((-since-1)/width)
		}
		if i >= n {
			fill(i)
			return cells
		}
		if i != last {
			fill(i)
		}
		if i >= 0 && !(i == last && math.IsNaN(p.V)) {
			cells[i] = p.V
		}
		last, v = i, p.V
	}
	fill(n)
	return cells
}
