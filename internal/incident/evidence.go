package incident

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// Evidence gathers facts. It has one writer; everybody else reads snapshots.
// Adding a fact again, or a file's same bytes again, adds nothing.
type Evidence struct {
	buckets        chunks[bucket]
	kinds          map[countKind]*countKind
	latencies      chunks[summary]
	upstreams      chunks[summary]
	histograms     chunks[histogram]
	histogramKinds map[string]*histogramKind
	episodes       chunks[Episode]
	latest         map[episodeKey]time.Time // From of the newest episode of each session and thing
	series         map[ID]*run
	runs           []*run // by ID
	exemplars      exemplars
	changes        []Change
	logFiles       []LogFile
	sampled        []time.Time // when locks were looked at, in order
	sources        []SourceStatus
	written        *Writings
	span           Window

	// sought is what is looked for while a fact is taken in: kept here, for it
	// would be a new object for every fact.
	sought struct {
		bucket           bucket
		episode, earlier Episode
	}

	view *View // the last snapshot; nil after a write
}

// NewEvidence is empty evidence.
func NewEvidence() *Evidence {
	return &Evidence{
		buckets: chunks[bucket]{
			at:    (*bucket).at,
			order: compareBuckets,
			pack:  packBuckets,
		},
		latencies: chunks[summary]{at: (*summary).time, order: compareSummaries},
		upstreams: chunks[summary]{at: (*summary).time, order: compareSummaries},
		histograms: chunks[histogram]{
			at:    func(h *histogram) time.Time { return h.time() },
			order: compareHistograms,
		},
		episodes: chunks[Episode]{
			at:    func(e *Episode) time.Time { return e.From },
			order: compareEpisodes,
		},
		kinds:          map[countKind]*countKind{},
		histogramKinds: map[string]*histogramKind{},
		latest:         map[episodeKey]time.Time{},
		series:         map[ID]*run{},
	}
}

// Add takes facts in, in any order. It keeps what it is given, which the caller must
// not change afterwards; but a Bucket, a Latency and an Upstream behind a pointer, and the
// points of a Series, it copies.
func (ev *Evidence) Add(facts ...Fact) {
	for _, f := range facts {
		switch f := f.(type) {
		case Bucket:
			ev.addBucket(f)
		case *Bucket:
			ev.addBucket(*f)
		case Latency:
			ev.addLatency(f)
		case *Latency:
			ev.addLatency(*f)
		case Upstream:
			ev.addUpstream(f)
		case *Upstream:
			ev.addUpstream(*f)
		case Episode:
			ev.addEpisode(&f)
		case *Episode:
			ev.addEpisode(f)
		case Series:
			ev.addSeries(f)
		case *Series:
			ev.addSeries(*f)
		case Histogram:
			ev.addHistogram(f)
		case *Histogram:
			ev.addHistogram(*f)
		case Exemplar:
			ev.addExemplar(f)
		case *Exemplar:
			ev.addExemplar(*f)
		case Change:
			ev.addChange(f)
		case *Change:
			ev.addChange(*f)
		case LogFile:
			ev.addLogFile(f)
		case *LogFile:
			ev.addLogFile(*f)
		}
	}
	ev.view = nil
}

// SetSource says how a source does now.
func (ev *Evidence) SetSource(s SourceStatus) {
	ev.view = nil
	ev.sources = slices.Clone(ev.sources) // a snapshot may hold it
	i := slices.IndexFunc(ev.sources, func(have SourceStatus) bool { return have.Name == s.Name && have.Group == s.Group })
	if i < 0 {
		ev.sources = append(ev.sources, s)
		return
	}
	if s.LastAt.IsZero() {
		s.LastAt = ev.sources[i].LastAt
	}
	ev.sources[i] = s
}

// Sampled says that locks were looked at, also when nobody waited. Lock
// episodes say it by themselves.
func (ev *Evidence) Sampled(at ...time.Time) {
	for _, t := range at {
		ev.addSampled(t)
	}
	ev.view = nil
}

// SetWritten says what people wrote of the timeline.
func (ev *Evidence) SetWritten(all *Writings) {
	ev.view = nil
	ev.written = all
}

// Snapshot is what is known now. It never changes and costs a copy of what was
// written since the last one.
func (ev *Evidence) Snapshot() *View {
	if ev.view == nil {
		ev.view = &View{
			Window:     ev.span,
			Sources:    ev.sources,
			Written:    ev.written,
			buckets:    ev.buckets.snapshot(),
			latencies:  ev.latencies.snapshot(),
			upstreams:  ev.upstreams.snapshot(),
			histograms: ev.histograms.snapshot(),
			episodes:   ev.episodes.snapshot(),
			series:     snapshotRuns(ev.runs),
			exemplars:  ev.exemplars.list(),
			changes:    ev.changes,
			logFiles:   ev.logFiles,
			sampled:    ev.sampled[:len(ev.sampled):len(ev.sampled)],
		}
	}
	return ev.view
}

// Settle packs what was added, as a Snapshot does: whoever adds much, nearly in order of
// time, calls it now and then and holds less meanwhile.
func (ev *Evidence) Settle() {
	ev.buckets.snapshot()
	ev.latencies.snapshot()
	ev.upstreams.snapshot()
	ev.histograms.snapshot()
	ev.episodes.snapshot()
}

// cover widens the span of all evidence.
func (ev *Evidence) cover(from, to time.Time) {
	if from.IsZero() || to.IsZero() {
		return
	}
	if ev.span.From.IsZero() || from.Before(ev.span.From) {
		ev.span.From = from.UTC()
	}
	if to.After(ev.span.To) {
		ev.span.To = to.UTC()
	}
}

func (ev *Evidence) addChange(c Change) {
	i, ok := slices.BinarySearchFunc(ev.changes, c, compareChanges)
	if ok || len(ev.changes) >= maxChanges {
		return
	}
	ev.changes = slices.Insert(slices.Clone(ev.changes), i, c) // a snapshot may hold it
	ev.cover(c.At, c.At)
}

func (ev *Evidence) addSampled(at time.Time) {
	i, ok := slices.BinarySearchFunc(ev.sampled, at, time.Time.Compare)
	switch {
	case ok:
	case i == len(ev.sampled):
		ev.sampled = append(ev.sampled, at) // beyond what any snapshot sees
	default:
		ev.sampled = slices.Insert(slices.Clone(ev.sampled), i, at)
	}
}

// maxChanges bounds memory: a system that changes more often than this says
// nothing by its changes.
const maxChanges = 10_000

func compareChanges(a, b Change) int {
	return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.Kind, b.Kind), strings.Compare(a.System, b.System), compareOrigins(&a.Origin, &b.Origin))
}

func compareOrigins(a, b *Origin) int {
	return cmp.Or(strings.Compare(a.Group, b.Group), strings.Compare(a.Name, b.Name), strings.Compare(a.File, b.File))
}

func compareEndpoints(a, b Endpoint) int {
	return cmp.Or(strings.Compare(a.Route, b.Route), strings.Compare(a.Method, b.Method))
}
