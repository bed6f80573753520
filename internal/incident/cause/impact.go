package cause

import (
	"cmp"
	"math"
	"slices"
	"time"

	"tripcurve/internal/incident"
)

const (
	badStep   = 10 * time.Second // failing shares are taken over this, or over a bucket that is wider
	quiet     = 60 * time.Second // without bad steps: the impact is over
	badShare  = 0.05             // of the requests of a step; below it nobody is called
	leastFail = 3                // failed requests make an impact, not one or two
	// worstBaseline is what a failing share before the incident may be at most. A
	// recording that begins in the middle knows no healthy time.
	worstBaseline = 0.02
	// recent is how far back the traffic's usual rate is looked for.
	recent = 10 * time.Minute
)

// cell is what happened to one endpoint in one bucket interval.
type cell struct {
	at              time.Time
	width           time.Duration
	started, failed int64 // by start
	ended, dead     int64 // by end; dead ones had failed
}

// burst is a time in which one endpoint failed.
type burst struct {
	incident.Window
	endpoint incident.Endpoint
	failed   int64
}

// findImpact sets the impact's window and what each endpoint went through.
func (s *scene) findImpact(at time.Time) {
	s.findEndsOnly()
	cells := s.cells()
	endpoints := make([]incident.Endpoint, 0, len(cells))
	for e := range cells {
		endpoints = append(endpoints, e)
	}
	slices.SortFunc(endpoints, func(a, b incident.Endpoint) int {
		return cmp.Or(cmp.Compare(a.Route, b.Route), cmp.Compare(a.Method, b.Method))
	})
	var bursts []burst
	for _, e := range endpoints {
		bursts = append(bursts, findBursts(e, cells[e])...)
	}
	s.preciseEnds(bursts)
	s.chooseImpact(bursts, at)
	s.closeUp = incident.Window{From: s.impact.From.Add(-around), To: s.impact.To.Add(around)}
	if s.impact == (incident.Window{}) {
		s.closeUp = incident.Window{From: s.v.Window.From, To: s.v.Window.To.Add(time.Second)}
	}
	s.describe(endpoints, cells)
}

// findEndsOnly finds the logs that stamp ends and have no durations: when their
// requests began is not known.
func (s *scene) findEndsOnly() {
	s.endsOnly = map[string]bool{}
	s.v.EachBucket(incident.Window{}, func(b *incident.Bucket) {
		only, seen := s.endsOnly[b.Origin.Name]
		s.endsOnly[b.Origin.Name] = b.Started == 0 && (only || !seen)
	})
}

// counted is how many requests a bucket counts: by start, or by end where no
// start is known.
func (s *scene) counted(b *incident.Bucket) int64 {
	if s.endsOnly[b.Origin.Name] {
		return b.Ended
	}
	return b.Started
}

// cells are the gateway's buckets by endpoint, in order of time. They are counted first: a
// day has hundreds of thousands.
func (s *scene) cells() map[incident.Endpoint][]cell {
	type column struct {
		n    int
		last cell
		list []cell
	}
	columns := map[incident.Endpoint]*column{}
	s.v.EachBucket(incident.Window{}, func(b *incident.Bucket) {
		c := columns[b.Endpoint]
		if c == nil {
			c = &column{}
			columns[b.Endpoint] = c
		}
		if c.n == 0 || !c.last.of(b) {
			c.n++
			c.last = cell{at: b.At, width: b.Width}
		}
	})
	s.v.EachBucket(incident.Window{}, func(b *incident.Bucket) {
		c := columns[b.Endpoint]
		if c.list == nil {
			c.list = make([]cell, 0, c.n)
		}
		if n := len(c.list); n == 0 || !c.list[n-1].of(b) {
			c.list = append(c.list, cell{at: b.At, width: b.Width})
		}
		sum := &c.list[len(c.list)-1]
		sum.started += s.counted(b)
		sum.ended += b.Ended
		if b.Failed() {
			sum.failed += s.counted(b)
			sum.dead += b.Ended
		}
	})
	cells := make(map[incident.Endpoint][]cell, len(columns))
	for e, c := range columns {
		cells[e] = c.list
	}
	return cells
}

// of says whether a bucket is counted in it.
func (c *cell) of(b *incident.Bucket) bool { return c.width == b.Width && c.at.Equal(b.At) }

// step is what happened in badStep.
type step struct {
	from, to                     time.Time
	started, failed, ended, dead int64
	first, last                  time.Time // beginning of the first cell that failed by start, end of the last one by end
}

func steps(cells []cell) []step {
	var list []step
	for _, c := range cells {
		from := c.at.Truncate(badStep)
		if n := len(list); n == 0 || list[n-1].from.Before(from) {
			list = append(list, step{from: from, to: incident.LaterOf(from.Add(badStep), c.at.Add(c.width))})
		}
		p := &list[len(list)-1]
		p.started += c.started
		p.failed += c.failed
		p.ended += c.ended
		p.dead += c.dead
		if c.failed > 0 && p.first.IsZero() {
			p.first = c.at
		}
		if c.dead > 0 {
			p.last = c.at.Add(c.width)
		}
	}
	return list
}

// findBursts finds when an endpoint failed more than it does on a usual day.
func findBursts(e incident.Endpoint, cells []cell) []burst {
	all := steps(cells)
	usual := baseline(all)
	bad := func(failed, n int64) bool {
		if failed == 0 || n == 0 {
			return false
		}
		expected := usual * float64(n)
		return float64(failed) > expected+4*math.Sqrt(expected) && float64(failed)/float64(n) >= max(badShare, 3*usual)
	}
	var bursts []burst
	var b burst
	var n int64
	var until time.Time
	flush := func() {
		if b.failed >= leastFail && float64(b.failed) >= badShare*float64(n) {
			bursts = append(bursts, b)
		}
		b, n = burst{}, 0
	}
	for _, p := range all {
		if !bad(p.failed, p.started) && !bad(p.dead, p.ended) {
			continue
		}
		if b.failed > 0 && p.from.Sub(until) > quiet {
			flush()
		}
		if b.From.IsZero() {
			b.endpoint = e
			b.From = p.first
			if p.first.IsZero() { // it began before the recording: only ends are seen
				b.From = p.from
			}
		}
		b.To = incident.LaterOf(b.To, incident.LaterOf(p.last, p.first.Add(time.Second)))
		b.failed += max(p.failed, p.dead)
		n += max(p.started, p.ended)
		until = p.to
	}
	flush()
	return bursts
}

// preciseEnds takes the end of a burst, known to a bucket, from the last
// failing request where that was kept whole: to the full second after it, so
// that the window is half open and holds all of it.
func (s *scene) preciseEnds(bursts []burst) {
	for _, e := range s.v.Exemplars() {
		if e.Kind != incident.LastFailing || !e.Failed() {
			continue
		}
		end := e.End.Add(time.Second - time.Nanosecond).Truncate(time.Second)
		for i := range bursts {
			if b := &bursts[i]; b.endpoint == e.Endpoint && end.Before(b.To) && b.To.Sub(end) <= time.Second {
				b.To = incident.LaterOf(end, b.From.Add(time.Second))
			}
		}
	}
}

// baseline is the failing share of a usual time: the lower quartile over the
// steps, which an incident of less than three quarters of the recording does
// not touch.
func baseline(all []step) float64 {
	var shares []float64
	for _, p := range all {
		if p.started > 0 {
			shares = append(shares, float64(p.failed)/float64(p.started))
		}
	}
	if len(shares) == 0 {
		return 0
	}
	slices.Sort(shares)
	usual := shares[len(shares)/4]
	if usual == 0 { // rare failures: a mean over the better three quarters
		sum := 0.0
		for _, x := range shares[:len(shares)*3/4] {
			sum += x
		}
		usual = sum / float64(max(1, len(shares)*3/4))
	}
	return min(usual, worstBaseline)
}

// chooseImpact puts bursts that touch together and takes the one asked for.
func (s *scene) chooseImpact(bursts []burst, at time.Time) {
	type group struct {
		incident.Window
		failed int64
	}
	slices.SortStableFunc(bursts, func(a, b burst) int { return a.From.Compare(b.From) })
	var groups []group
	for _, b := range bursts {
		if n := len(groups); n > 0 && b.From.Sub(groups[n-1].To) <= quiet {
			groups[n-1].To = incident.LaterOf(groups[n-1].To, b.To)
			groups[n-1].failed += b.failed
			continue
		}
		groups = append(groups, group{b.Window, b.failed})
	}
	best := -1
	for i, g := range groups {
		if best < 0 || at.IsZero() && g.failed > groups[best].failed || !at.IsZero() && !g.From.After(at) {
			best = i
		}
	}
	for i, g := range groups {
		if i == best {
			s.impact = g.Window
		} else {
			s.others = append(s.others, g.Window)
		}
	}
}

// describe says what each endpoint went through.
func (s *scene) describe(endpoints []incident.Endpoint, cells map[incident.Endpoint][]cell) {
	index := map[incident.Endpoint]int{}
	for i, e := range endpoints {
		index[e] = i
		s.endpoints = append(s.endpoints, incident.Impact{Endpoint: e})
	}
	w := s.impact
	s.v.EachBucket(incident.Window{}, func(b *incident.Bucket) {
		x := &s.endpoints[index[b.Endpoint]]
		during := w != (incident.Window{}) && !b.At.Before(w.From) && (b.At.Before(w.To) || s.atEnd(b))
		counts := &x.Before
		switch {
		case during:
			counts = &x.During
		case w != (incident.Window{}) && !b.At.Before(w.To):
			counts = &x.After
		}
		n := s.counted(b)
		add(counts, b, n)
		x.ByEnd = x.ByEnd || s.endsOnly[b.Origin.Name]
		if during || w == (incident.Window{}) {
			x.Requests += n
			if b.Failed() {
				x.Failed += n
				if w == (incident.Window{}) && n > 0 && len(x.Support) == 0 {
					x.Support = append(x.Support, b.ID())
				}
			}
		}
		if b.Failed() && w != (incident.Window{}) && !b.At.Before(w.From) && !b.At.After(w.To) {
			if n > 0 && x.FirstFailed.IsZero() {
				x.FirstFailed = b.At
				x.Support = append(x.Support, b.ID())
			}
			if b.Ended > 0 {
				x.LastFailed = b.At.Add(b.Width)
			}
		}
	})
	s.precise(index)
	s.latencies(index)
	end := s.gatewayEnd(cells)
	for i := range s.endpoints {
		x := &s.endpoints[i]
		x.Statuses = x.During.Statuses
		switch {
		case w == (incident.Window{}):
		case x.Failed > 0:
			recovery(x, cells[x.Endpoint])
		default:
			s.vanished(x, cells[x.Endpoint], end)
		}
		x.Support = distinct(x.Support)
	}
	slices.SortStableFunc(s.endpoints, func(a, b incident.Impact) int {
		return cmp.Or(cmp.Compare(b.Failed, a.Failed), boolean(b.Vanished)-boolean(a.Vanished), cmp.Compare(b.Requests, a.Requests))
	})
	s.midway = w != (incident.Window{}) && !slices.ContainsFunc(s.endpoints, func(x incident.Impact) bool { return x.Before.Requests > 0 })
	s.open = w != (incident.Window{}) && !end.IsZero() && end.Sub(w.To) < quiet/2 && !slices.ContainsFunc(s.endpoints, func(x incident.Impact) bool {
		return x.Failed > 0 && !x.Recovered.IsZero()
	})
}

// atEnd keeps a failed request with the impact whose last second it began in.
func (s *scene) atEnd(b *incident.Bucket) bool { return b.At.Equal(s.impact.To) && b.Failed() }

func add(c *incident.Counts, b *incident.Bucket, n int64) {
	if n == 0 {
		return
	}
	c.Requests += n
	if b.Failed() {
		c.Failed += n
	}
	if c.Statuses == nil {
		c.Statuses = map[int]int64{}
	}
	c.Statuses[b.Status] += n
}

// precise takes the instants of the first and the last failing request from
// the requests that were kept whole. The last one's is told to the full second
// after it, as the impact's end is.
func (s *scene) precise(index map[incident.Endpoint]int) {
	s.lastKept = map[incident.Endpoint]incident.ID{}
	for _, e := range s.v.Exemplars() {
		i, ok := index[e.Endpoint]
		if !ok || !e.Failed() {
			continue
		}
		x := &s.endpoints[i]
		began := e.Start
		if began.IsZero() {
			began = e.End
		}
		if e.Kind == incident.FirstFailing && began.Truncate(time.Second).Equal(x.FirstFailed) {
			x.FirstFailed = began
			x.Support = append([]incident.ID{e.ID()}, x.Support...)
		}
		if late := x.LastFailed.Sub(e.End); e.Kind == incident.LastFailing && late >= 0 && late <= time.Second {
			x.LastFailed = up(e.End, time.Second)
			x.Support = append(x.Support, e.ID())
			s.lastKept[e.Endpoint] = e.ID()
		}
	}
}

// latencies sets the quantiles, of requests by their end.
func (s *scene) latencies(index map[incident.Endpoint]int) {
	type parts struct{ before, during, after incident.Sketch }
	merged := make([]parts, len(s.endpoints))
	join := func(into *incident.Sketch, more incident.Sketch) { *into = incident.Together(*into, more) }
	from := s.v.Window.From
	if s.impact != (incident.Window{}) {
		from = s.impact.From.Add(-recent)
	}
	s.v.EachLatency(incident.Window{From: from, To: s.v.Window.To.Add(time.Second)}, func(l *incident.Latency) {
		i, ok := index[l.Endpoint]
		switch {
		case !ok:
		case s.impact == (incident.Window{}) || !l.At.Add(l.Width).After(s.impact.From):
			join(&merged[i].before, l.Sketch)
		case l.At.Before(s.impact.To):
			join(&merged[i].during, l.Sketch)
		default:
			join(&merged[i].after, l.Sketch)
		}
	})
	for i := range s.endpoints {
		x := &s.endpoints[i]
		if b := merged[i].before; b != nil {
			x.P50Before, x.P99Before = b.Quantile(0.5), b.Quantile(0.99)
		}
		if d := merged[i].during; d != nil {
			x.P50During, x.P99During = d.Quantile(0.5), d.Quantile(0.99)
		}
		if a := merged[i].after; a != nil {
			x.P50After, x.P99After = a.Quantile(0.5), a.Quantile(0.99)
		}
	}
}

// recovery finds the first answer that was right and after which few are wrong.
func recovery(x *incident.Impact, cells []cell) {
	last := x.LastFailed.Truncate(time.Second)
	for i, c := range cells {
		if c.at.Before(last) || c.ended == c.dead {
			continue
		}
		var ended, dead int64
		for _, next := range cells[i:] {
			if next.at.After(c.at) && next.at.Sub(c.at) <= quiet {
				ended += next.ended
				dead += next.dead
			}
		}
		if float64(dead) <= badShare*float64(ended) {
			x.Recovered = c.at
			return
		}
	}
}

// vanished says whether traffic that used to come stopped altogether: at its
// usual rate at least ten requests had to come, and none did.
func (s *scene) vanished(x *incident.Impact, cells []cell, end time.Time) {
	var n int64
	var first time.Time
	for _, c := range cells {
		if c.started > 0 && c.at.Before(s.impact.From) && !c.at.Before(s.impact.From.Add(-recent)) {
			if first.IsZero() {
				first = c.at
			}
			n += c.started
		}
	}
	usual := float64(n) / max(1, s.impact.From.Sub(first).Seconds())
	silent := func(from, to time.Time) bool {
		w := incident.Window{From: from, To: to}
		return usual*w.Length().Seconds() >= 10 && 2*w.Meet(s.impact).Length() >= s.impact.Length()
	}
	var last cell
	for _, c := range append(cells[:len(cells):len(cells)], cell{at: end, started: 1}) {
		if c.started == 0 {
			continue
		}
		if from := last.at.Add(last.width); n > 0 && !last.at.IsZero() && silent(from, c.at) {
			// Only when the next one was due could its absence be seen.
			x.Vanished, x.VanishedFrom = true, from.Add(time.Duration(float64(time.Second)/usual))
			x.Support = append(x.Support, s.bucketAt(x.Endpoint, last.at)...)
			return
		}
		last = c
	}
}

// bucketAt are the buckets of an endpoint that begin at an instant.
func (s *scene) bucketAt(e incident.Endpoint, at time.Time) (ids []incident.ID) {
	s.v.EachBucket(incident.Window{From: at, To: at.Add(time.Nanosecond)}, func(b *incident.Bucket) {
		if b.Endpoint == e && len(ids) < 3 {
			ids = append(ids, b.ID())
		}
	})
	return ids
}

// gatewayEnd is the end of all buckets.
func (s *scene) gatewayEnd(cells map[incident.Endpoint][]cell) time.Time {
	var end time.Time
	for _, list := range cells {
		if n := len(list); n > 0 {
			end = incident.LaterOf(end, list[n-1].at.Add(list[n-1].width))
		}
	}
	return end
}

// hungAtOnce is the most failed requests that were under way at one instant of
// the impact: what a cause has to be large enough for.
func (s *scene) hungAtOnce() int64 {
	var under, most int64
	var last time.Time
	s.v.EachBucket(s.closeUp, func(b *incident.Bucket) {
		if !b.Failed() || s.endsOnly[b.Origin.Name] {
			return
		}
		if !b.At.Equal(last) {
			most = max(most, under)
			last = b.At
		}
		under += b.Started - b.Ended
	})
	return max(most, under)
}

func boolean(b bool) int {
	if b {
		return 1
	}
	return 0
}
