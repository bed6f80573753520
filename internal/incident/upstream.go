package incident

import (
	"cmp"
	"strconv"
	"strings"
	"time"
)

// Upstream counts the requests that one upstream was asked for in one interval, by
// their start and by their end, and how long those took that ended in it.
type Upstream struct {
	At    time.Time
	Width time.Duration // 10 s
	// Name is the one that the gateway's log gives it: an address (of the last try) or
	// a cluster; NoUpstream and OtherUpstreams stand for no single one.
	Name    string
	Status  int // as sent to the client; 0 when nothing was sent
	Outcome Outcome
	Started int64
	Ended   int64
	Sketch  Sketch // nil where no duration was logged
	Origin  Origin
}

const (
	// NoUpstream are requests that the gateway answered without asking any.
	NoUpstream = "(none)"
	// OtherUpstreams are those beyond the number that is told apart.
	OtherUpstreams = "(others)"
)

func (Upstream) fact()            {}
func (u Upstream) Source() Origin { return u.Origin }

func (u Upstream) ID() ID {
	return join("upstream", u.Origin.Key(), u.Name, strconv.Itoa(u.Status), u.Outcome.String(), u.Width.String(), seconds(u.At))
}

// Failed says that the service failed these requests.
func (u Upstream) Failed() bool { return failed(u.Outcome, u.Status) }

// upstream is an Upstream with the byte ranges it was counted from.
type upstream struct {
	Upstream
	read spans
}

func (ev *Evidence) addUpstream(u Upstream) {
	u.At = u.At.UTC()
	if u.Sketch != nil {
		u.Sketch = u.Sketch.Packed()
	}
	s := span{u.Origin.From, u.Origin.To}
	have := ev.upstreams.find(&upstream{Upstream: u})
	if have == nil {
		ev.upstreams.insert(upstream{Upstream: u, read: spans{s}})
		return
	}
	switch have.read.meet(s) {
	case meetsSome:
	case holdsAll:
		have.Upstream, have.read = u, spans{s}
	case meetsNone:
		have.Started += u.Started
		have.Ended += u.Ended
		have.Sketch = Together(have.Sketch, u.Sketch)
		have.read = have.read.with(s, &have.Origin)
	}
}

// Together is both distributions, of which either may be nil; of two that differ in
// accuracy it is the first.
func Together(a, b Sketch) Sketch {
	if a == nil || b == nil {
		if a == nil {
			return b
		}
		return a
	}
	if both, err := a.Merge(b); err == nil {
		return both
	}
	return a
}

func compareUpstreams(a, b *Upstream) int {
	if c := a.At.Compare(b.At); c != 0 {
		return c
	}
	return cmp.Or(cmp.Compare(a.Width, b.Width), strings.Compare(a.Name, b.Name), cmp.Compare(a.Status, b.Status),
		cmp.Compare(a.Outcome, b.Outcome), compareOrigins(&a.Origin, &b.Origin))
}

// EachUpstream calls f for every count of an upstream whose middle lies in w, in order
// of time; the zero window is all of time. So the counts of adjoining windows add up. f
// must not keep or change what it gets.
func (v *View) EachUpstream(w Window, f func(*Upstream)) {
	near := w
	if w != (Window{}) {
		near.From = w.From.Add(-time.Hour) // no interval is wider
	}
	for k := range spanned(v.upstreams, near) {
		for i := range k.items {
			if u := &k.items[i].Upstream; w == (Window{}) || w.Has(u.At.Add(u.Width/2)) {
				f(u)
			}
		}
	}
}
