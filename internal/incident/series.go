package incident

import (
	"maps"
	"math"
	"math/bits"
	"slices"
	"strings"
	"time"
)

// run is a series that grows.
type run struct {
	id     ID
	series Series
	shared *Series // what the last snapshot got; nil after a change
}

// maxPoints bounds one series in memory (256 kB, 11 h at one sample each 5 s);
// beyond it the older half is thinned. The incident file keeps all.
const maxPoints = 8192

// stretches is by how many equal parts of its time, at most, the older half of a full
// series is thinned: three samples of each are three quarters of that half.
const stretches = maxPoints / 8

// LockWaitersSeries is the gauge that a Postgres collector gives with every
// look at the locks, also when nobody waits.
const LockWaitersSeries = "postgres_lock_waiters"

// SettingSeries is a server's setting by label name; switches are 0 and 1, times
// are in ms, sizes in bytes.
const SettingSeries = "postgres_setting"

// ServerLogEvents is the counter of what a server's log tells, by label event:
// deadlock, lock_timeout, too_many_connections, ... An exemplar of such an event
// has the method ServerLogMethod and the event as its route.
const (
	ServerLogEvents = "postgres_log_events"
	ServerLogMethod = "postgres"
)

func (ev *Evidence) addSeries(s Series) {
	id := s.ID()
	r := ev.series[id]
	if r == nil {
		r = &run{id: id, series: s}
		r.series.Labels = maps.Clone(s.Labels)
		r.series.Points = nil
		ev.series[id] = r
		i, _ := slices.BinarySearchFunc(ev.runs, r, func(a, b *run) int { return strings.Compare(string(a.id), string(b.id)) })
		ev.runs = slices.Insert(ev.runs, i, r)
	}
	r.shared = nil
	if !strings.HasPrefix(r.series.Caveat, s.Caveat) { // what says more stays
		r.series.Caveat = s.Caveat
	}
	if r.series.Unit == "" {
		r.series.Unit = s.Unit
	}
	if s.StartAt.After(r.series.StartAt) {
		r.series.StartAt = s.StartAt
	}
	for _, p := range s.Points {
		if p.At.IsZero() {
			continue
		}
		p.At = p.At.UTC()
		r.series.Points = addPoint(r.series.Points, p)
		ev.cover(p.At, p.At)
		if s.Name == LockWaitersSeries {
			ev.addSampled(p.At)
		}
		if len(r.series.Points) > maxPoints {
			r.series.Points = thin(r.series.Points, r.series.Kind)
		}
	}
}

// addPoint appends beyond what any snapshot sees; a late point makes a copy.
func addPoint(points []Point, p Point) []Point {
	if n := len(points); n == 0 || points[n-1].At.Before(p.At) {
		return append(points, p)
	}
	i, have := slices.BinarySearchFunc(points, p.At, func(q Point, at time.Time) int { return q.At.Compare(at) })
	switch {
	case !have:
		return slices.Insert(slices.Clone(points), i, p)
	case math.IsNaN(points[i].V) && !math.IsNaN(p.V):
		points = slices.Clone(points)
		points[i] = p
	}
	return points
}

// thin keeps of the older half what a chart of it shows, however often it is done: of
// each of its stretches the first sample, the lowest and the highest, and those next to a
// NaN. Of a counter it keeps the first of stretches half as long, and those before and
// after a reset: counters are subtracted from each other, such as what has ended from what
// was started, and the same instants have to be left of each.
func thin(points []Point, kind SeriesKind) []Point {
	old, rest := points[:len(points)/2], points[len(points)/2:]
	// Widths are powers of two, so that the stretches of the next time hold whole ones of
	// this: else gaps would grow each time.
	width := time.Duration(1) << bits.Len64(uint64(rest[0].At.Sub(old[0].At)/stretches))
	if kind == Counter {
		width /= 2
	}
	part := func(i int) time.Time { return points[i].At.Truncate(width) }
	kept := make([]Point, 0, len(points))
	for i := 0; i < len(old); {
		begin, stretch := i, part(i)
		low, high := i, i
		for ; i < len(old) && part(i).Equal(stretch); i++ {
			if v := old[i].V; v < old[low].V || math.IsNaN(old[low].V) {
				low = i
			}
			if v := old[i].V; v > old[high].V || math.IsNaN(old[high].V) {
				high = i
			}
		}
		for n := begin; n < i; n++ {
			v, next := points[n].V, points[n+1].V // rest is behind the last of old
			turn := math.IsNaN(v) != math.IsNaN(next) || kind == Counter && next < v
			if n > 0 {
				before := points[n-1].V
				turn = turn || math.IsNaN(v) != math.IsNaN(before) || kind == Counter && v < before
			}
			if turn || n == begin || kind != Counter && (n == low || n == high) {
				kept = append(kept, points[n])
			}
		}
	}
	if len(kept) > len(old)*7/8 { // nothing but turns: forget the oldest
		kept = kept[len(kept)/2:]
	}
	return append(kept, rest...)
}

func snapshotRuns(runs []*run) []*Series {
	list := make([]*Series, len(runs))
	for i, r := range runs {
		if r.shared == nil {
			s := r.series
			s.Points = s.Points[:len(s.Points):len(s.Points)]
			r.shared = &s
		}
		list[i] = r.shared
	}
	return list
}

// in is the samples in w and the one before it.
func (s *Series) in(w Window) []Point {
	before := func(q Point, at time.Time) int { return q.At.Compare(at) }
	from, _ := slices.BinarySearchFunc(s.Points, w.From, before)
	to, _ := slices.BinarySearchFunc(s.Points, w.To, before)
	return s.Points[max(0, from-1):max(from, to)]
}

// Resets are the instants at which a counter was first seen lower than before:
// its process had started anew.
func (s *Series) Resets() []time.Time {
	if s.Kind != Counter {
		return nil
	}
	var at []time.Time
	last := math.NaN()
	for _, p := range s.Points {
		if math.IsNaN(p.V) {
			continue
		}
		if p.V < last {
			at = append(at, p.At)
		}
		last = p.V
	}
	return at
}

// OrphanSeries is the gauge of reservations that no order names, as somebody asked
// the databases for it.
const OrphanSeries = "inventory.reservations.without_order"
