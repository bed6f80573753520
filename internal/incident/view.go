package incident

import (
	"cmp"
	"math"
	"slices"
	"strings"
	"sync"
	"time"
)

// View is evidence as it was at one instant. It never changes: any number of
// readers may use it, and all its methods are pure. What a method returns is
// the caller's to read, not to write.
type View struct {
	Window  Window // from the first to the last instant of all evidence; zero when there is none
	Sources []SourceStatus
	Written *Writings // what people wrote of the timeline

	buckets    []*chunk[bucket]
	latencies  []*chunk[summary]
	upstreams  []*chunk[summary]
	histograms []*chunk[histogram]
	episodes   []*chunk[Episode]
	series     []*Series
	exemplars  []Exemplar
	changes    []Change
	logFiles   []LogFile
	sampled    []time.Time

	// Worked out when first asked for.
	flowed   sync.Once
	flows    []Flow // as Flows has them
	flight   sync.Once
	inFlight []FlowPoint
	counted  bool // something counts started calls
	logged   sync.Once
	logs     []Window // what each gateway source covers

	serverFlows []Flow
}

// WithWritten is the same evidence with something else that people wrote.
func (v *View) WithWritten(all *Writings) *View {
	return &View{
		Window: v.Window, Sources: v.Sources, Written: all,
		buckets: v.buckets, latencies: v.latencies, upstreams: v.upstreams, histograms: v.histograms, episodes: v.episodes, series: v.series,
		exemplars: v.exemplars, changes: v.changes, logFiles: v.logFiles, sampled: v.sampled,
	}
}

// Buckets are all buckets in order of time. It copies them out: for one pass
// over a window EachBucket is cheaper.
func (v *View) Buckets() []Bucket {
	list := make([]Bucket, 0, 64)
	v.EachBucket(Window{}, func(b *Bucket) { list = append(list, *b) })
	return list
}

// EachBucket calls f for every bucket that begins in w, in order of time; the
// zero window is all of time. f must not keep or change what it gets.
func (v *View) EachBucket(w Window, f func(*Bucket)) {
	var whole Bucket
	var room []bucket
	for k, all := range spanned(v.buckets, w) {
		items := k.all(&room)
		for i := range items {
			if b := &items[i]; all || w.Has(b.at()) {
				whole = b.whole()
				f(&whole)
			}
		}
	}
}

// Latencies are all distributions in order of time.
func (v *View) Latencies() []Latency {
	list := make([]Latency, 0, 64)
	v.EachLatency(Window{}, func(l *Latency) { list = append(list, *l) })
	return list
}

// EachLatency is EachBucket for distributions.
func (v *View) EachLatency(w Window, f func(*Latency)) {
	var whole Latency
	for k, all := range spanned(v.latencies, w) {
		for i := range k.items {
			if l := &k.items[i]; all || w.Has(l.time()) {
				whole = l.latency()
				f(&whole)
			}
		}
	}
}

// Episodes are all episodes by their beginning.
func (v *View) Episodes() []Episode { return flatten(v.episodes) }

// EachEpisode calls f for every episode by its beginning; f must not keep or
// change what it gets.
func (v *View) EachEpisode(f func(*Episode)) {
	for _, k := range v.episodes {
		for i := range k.items {
			f(&k.items[i])
		}
	}
}

// AllSeries are all series by ID.
func (v *View) AllSeries() []*Series { return v.series }

// Exemplars are the requests and lines kept whole, by their start.
func (v *View) Exemplars() []Exemplar { return v.exemplars }

// Changes are all changes in order of time.
func (v *View) Changes() []Change { return v.changes }

// SampleTimes are the instants in w at which locks were looked at.
func (v *View) SampleTimes(w Window) []time.Time {
	from, _ := slices.BinarySearchFunc(v.sampled, w.From, time.Time.Compare)
	to, _ := slices.BinarySearchFunc(v.sampled, w.To, time.Time.Compare)
	return v.sampled[from:max(from, to)]
}

// Get is the fact behind an ID.
func (v *View) Get(id ID) (Fact, bool) {
	kind, _, _ := strings.Cut(string(id), "/")
	switch kind {
	case "bucket":
		return search(v.buckets, func(b *bucket) (Fact, bool) { w := b.whole(); return w, w.ID() == id }, at(id, 10))
	case "latency":
		return search(v.latencies, func(s *summary) (Fact, bool) { l := s.latency(); return l, l.ID() == id }, at(id, 10))
	case "upstream":
		return search(v.upstreams, func(s *summary) (Fact, bool) { u := s.upstream(); return u, u.ID() == id }, at(id, 10))
	case "episode":
		return search(v.episodes, func(e *Episode) (Fact, bool) { return *e, e.ID() == id }, at(id, 36))
	case "series":
		i, ok := slices.BinarySearchFunc(v.series, id, func(s *Series, id ID) int { return strings.Compare(string(s.ID()), string(id)) })
		if ok {
			return *v.series[i], true
		}
	case "histogram":
		return search(v.histograms, func(h *histogram) (Fact, bool) { x := h.whole(nil); return x, x.ID() == id }, at(id, 10))
	case "exemplar":
		for _, e := range v.exemplars {
			if e.ID() == id {
				return e, true
			}
		}
	case "change":
		for _, c := range v.changes {
			if c.ID() == id {
				return c, true
			}
		}
	case "log":
		for _, l := range v.logFiles {
			if l.ID() == id {
				return l, true
			}
		}
	}
	return nil, false
}

// Endpoints are all endpoints seen, by route and method.
func (v *View) Endpoints() []Endpoint {
	seen := map[Endpoint]bool{}
	v.EachBucket(Window{}, func(b *Bucket) { seen[b.Endpoint] = true })
	list := make([]Endpoint, 0, len(seen))
	for e := range seen {
		list = append(list, e)
	}
	slices.SortFunc(list, compareEndpoints)
	return list
}

// Rate counts requests that match, per step of w, by their start or by their
// end. A step in which every gateway source had a gap, or none had begun or all
// had ended, is NaN: not zero, unknown.
// A bucket that is not within one step is spread evenly.
func (v *View) Rate(match func(Bucket) bool, w Window, step time.Duration, byEnd bool) []float64 {
	counts := make([]float64, w.Steps(step))
	if len(counts) == 0 {
		return counts
	}
	wide := Window{w.From.Add(-time.Hour), w.To} // no bucket is wider than an hour
	v.EachBucket(wide, func(b *Bucket) {
		n := b.Started
		if byEnd {
			n = b.Ended
		}
		if n == 0 || !b.At.Add(b.Width).After(w.From) || !match(*b) {
			return
		}
		first := max(0, int(b.At.Sub(w.From)/step))
		if !b.At.Before(w.From) && first < len(counts) && !b.At.Add(b.Width).After(w.From.Add(time.Duration(first+1)*step)) {
			counts[first] += float64(n)
			return
		}
		for i := first; i < len(counts); i++ {
			lo, hi := w.From.Add(time.Duration(i)*step), w.From.Add(time.Duration(i+1)*step)
			share := Window{LaterOf(lo, b.At), EarlierOf(hi, b.At.Add(b.Width))}.Length()
			if share == 0 && lo.After(b.At) {
				return
			}
			counts[i] += float64(n) * float64(share) / float64(b.Width)
		}
	})
	v.unlogged(counts, w, step)
	v.blank(counts, "gateway", w, step)
	return counts
}

// LockWaiters is the most sessions that waited for a lock at one instant of
// each step, a parallel worker counting as its leader. The last look at the
// locks holds for three intervals; where Postgres was not looked at it is NaN.
func (v *View) LockWaiters(w Window, step time.Duration) []float64 {
	counts := make([]float64, w.Steps(step))
	if len(counts) == 0 {
		return counts
	}
	if !v.Sees("postgres") {
		return nans(counts)
	}
	type turn struct {
		at   time.Time
		pid  int
		more int
	}
	var turns []turn
	last, _ := v.lastLook(w.To)
	held := last.Add(v.holds())
	v.EachEpisode(func(e *Episode) {
		to := e.To
		switch {
		case !e.Active(e.To):
		case e.To.Equal(last):
			to = held
		default: // it was seen then, so that instant counts
			to = e.To.Add(time.Nanosecond)
		}
		if e.Kind == LockWait && to.After(w.From) && e.From.Before(w.To) {
			turns = append(turns, turn{e.From, e.Session.Leader(), +1}, turn{to, e.Session.Leader(), -1})
		}
	})
	slices.SortFunc(turns, func(a, b turn) int { return cmp.Or(a.at.Compare(b.at), cmp.Compare(a.more, b.more)) })
	waits := map[int]int{} // episodes by leader
	i := 0
	for n := range counts {
		end := w.From.Add(time.Duration(n+1) * step)
		most := len(waits)
		for ; i < len(turns) && turns[i].at.Before(end); i++ {
			t := turns[i]
			if waits[t.pid] += t.more; waits[t.pid] == 0 {
				delete(waits, t.pid)
			}
			if t.at.After(w.From.Add(time.Duration(n) * step)) {
				most = max(most, len(waits))
			} else {
				most = len(waits)
			}
		}
		counts[n] = float64(most)
	}
	v.unlooked(counts, w, step)
	v.blank(counts, "postgres", w, step)
	return counts
}

// Sees says that a source of the group gave evidence or is connected.
func (v *View) Sees(group string) bool {
	for _, s := range v.Sources {
		if s.Group == group && (s.State != SourceAbsent && (s.State != SourceDown && s.State != SourceStarting || !s.LastAt.IsZero())) {
			return true
		}
	}
	switch group {
	case "postgres":
		return len(v.sampled) > 0
	case "gateway":
		return len(v.buckets) > 0
	}
	return slices.ContainsFunc(v.series, func(s *Series) bool { return s.Origin.Group == group })
}

// Gaps are the episodes in which a source of the group gave nothing.
func (v *View) Gaps(group string) []Episode {
	var gaps []Episode
	v.EachEpisode(func(e *Episode) {
		if e.Kind == Gap && e.Origin.Group == group {
			gaps = append(gaps, *e)
		}
	})
	return gaps
}

// blank makes the steps NaN in which every source of the group had a gap.
func (v *View) blank(counts []float64, group string, w Window, step time.Duration) {
	gaps := v.Gaps(group)
	if len(gaps) == 0 {
		return
	}
	names := map[string]bool{}
	for _, s := range v.Sources {
		if s.Group == group && s.State != SourceAbsent {
			names[s.Name] = true
		}
	}
	for _, g := range gaps {
		names[g.Origin.Name] = true
	}
	for i := range counts {
		lo, hi := w.From.Add(time.Duration(i)*step), w.From.Add(time.Duration(i+1)*step)
		silent := map[string]bool{}
		for _, g := range gaps {
			if !g.From.After(lo) && (g.Open || !g.To.Before(hi)) {
				silent[g.Origin.Name] = true
			}
		}
		if len(silent) == len(names) {
			counts[i] = math.NaN()
		}
	}
}

// Has says that an instant lies in the window.
func (w Window) Has(at time.Time) bool { return !at.Before(w.From) && at.Before(w.To) }

// Meet is what two windows share; of zero length when nothing.
func (w Window) Meet(o Window) Window {
	m := Window{LaterOf(w.From, o.From), EarlierOf(w.To, o.To)}
	if m.To.Before(m.From) {
		m.To = m.From
	}
	return m
}

// Steps is how many steps cover the window.
func (w Window) Steps(step time.Duration) int {
	if step <= 0 {
		return 0
	}
	n := w.Length() / step // a length of centuries has no room for another step
	if w.Length()%step > 0 {
		n++
	}
	return int(n)
}

// Leader is the session's own process id, or its leader's when it is a
// parallel worker.
func (s Session) Leader() int {
	if s.LeaderPID != 0 {
		return s.LeaderPID
	}
	return s.PID
}

func search[T any](list []*chunk[T], is func(*T) (Fact, bool), near time.Time) (Fact, bool) {
	var room []T
	for _, k := range within(list, Window{near, near}) {
		items := k.all(&room)
		for i := range items {
			if f, ok := is(&items[i]); ok {
				return f, true
			}
		}
	}
	return nil, false
}

// at reads the instant at the end of an ID: unix seconds, or nanoseconds in
// base 36.
func at(id ID, base int) time.Time {
	s := string(id[strings.LastIndexByte(string(id), '/')+1:])
	if base == 36 {
		return time.Unix(0, number(s, 36))
	}
	return time.Unix(number(s, 10), 0)
}

func nans(list []float64) []float64 {
	for i := range list {
		list[i] = math.NaN()
	}
	return list
}
