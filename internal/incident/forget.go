package incident

import (
	"slices"
	"time"
)

// Forget drops what ended before an instant: a recorder that runs for weeks keeps
// what matters of its evidence. What reaches beyond that instant stays whole.
// Snapshots that were taken keep what they have. What was forgotten is news again if
// it is added once more.
func (ev *Evidence) Forget(before time.Time) {
	ev.view = nil
	ev.buckets.drop(before, func(b *bucket) bool { return b.over(before) })
	clear(ev.kinds) // some may be of nothing any more; the others are found again
	ev.latencies.drop(before, func(s *summary) bool { return s.over(before) })
	ev.upstreams.drop(before, func(s *summary) bool { return s.over(before) })
	ev.histograms.drop(before, func(h *histogram) bool { return h.at < before.UnixNano() })
	ev.forgetKinds()
	ev.episodes.drop(before, func(e *Episode) bool { return e.To.Before(before) })
	for key, from := range ev.latest {
		if from.Before(before) && !ev.episodes.any(from, func(e *Episode) bool { return e.key() == key }) {
			delete(ev.latest, key)
		}
	}
	runs := ev.runs[:0]
	for _, r := range ev.runs {
		if n := len(r.series.Points); n > 0 && r.series.Points[n-1].At.Before(before) {
			delete(ev.series, r.id)
			continue
		}
		runs = append(runs, r)
		if i, _ := slices.BinarySearchFunc(r.series.Points, before, func(p Point, at time.Time) int { return p.At.Compare(at) }); i > 0 {
			r.series.Points, r.shared = slices.Clone(r.series.Points[i:]), nil
		}
	}
	clear(ev.runs[len(runs):])
	ev.runs = runs
	ev.exemplars.drop(before)
	ev.changes = slices.DeleteFunc(slices.Clone(ev.changes), func(c Change) bool { return c.At.Before(before) })
	i, _ := slices.BinarySearchFunc(ev.sampled, before, time.Time.Compare)
	ev.sampled = slices.Clone(ev.sampled[i:])
	if ev.span.From.Before(before) {
		ev.span.From = before.UTC()
	}
	if ev.span.To.Before(before) {
		ev.span = Window{}
	}
}

// drop takes out what is over, of the chunks that begin before an instant.
func (c *chunks[T]) drop(before time.Time, over func(*T) bool) {
	c.ownList()
	kept := c.list[:0]
	var room []T
	for i, k := range c.list {
		if k.minute > minute(before) || !slices.ContainsFunc(k.all(&room), func(x T) bool { return over(&x) }) {
			kept = append(kept, c.list[i])
			continue
		}
		left := slices.DeleteFunc(slices.Clone(k.all(&room)), func(x T) bool { return over(&x) })
		c.dirty = slices.DeleteFunc(c.dirty, func(d *chunk[T]) bool { return d == k })
		if len(left) > 0 {
			n := &chunk[T]{minute: k.minute, items: left}
			kept, c.dirty = append(kept, n), append(c.dirty, n)
		}
	}
	clear(c.list[len(kept):])
	c.list = kept
}

// any says whether an item of an instant is so.
func (c *chunks[T]) any(at time.Time, is func(*T) bool) bool {
	i, ok := c.index(at)
	var room []T
	return ok && slices.ContainsFunc(c.list[i].all(&room), func(x T) bool { return c.at(&x).Equal(at) && is(&x) })
}

// drop takes out what ended before an instant, and what nobody knows the time of.
func (x *exemplars) drop(before time.Time) {
	for key, group := range x.groups {
		group = slices.DeleteFunc(slices.Clone(group), func(e Exemplar) bool {
			return e.Start.Before(before) && e.End.Before(before)
		})
		if len(group) == 0 {
			delete(x.groups, key)
		} else {
			x.groups[key] = group
		}
	}
	x.all = nil
}
