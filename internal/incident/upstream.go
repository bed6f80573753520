package incident

import (
	"strconv"
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

// EachUpstream calls f for every count of an upstream whose middle lies in w, in order
// of time; the zero window is all of time. So the counts of adjoining windows add up. f
// must not keep or change what it gets.
func (v *View) EachUpstream(w Window, f func(*Upstream)) {
	near := w
	if w != (Window{}) {
		near.From = w.From.Add(-time.Hour) // no interval is wider
	}
	var whole Upstream
	for k := range spanned(v.upstreams, near) {
		for i := range k.items {
			if u := &k.items[i]; w == (Window{}) || w.Has(u.time().Add(u.kind.width/2)) {
				whole = u.upstream()
				f(&whole)
			}
		}
	}
}
