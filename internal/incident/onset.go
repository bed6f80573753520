package incident

import "time"

// Onset is when many series changed together, around the beginning of the
// impact. It does not replace the first failed request, which a log tells
// exactly; it tells what else changed, and whether that was before.
type Onset struct {
	At       time.Time
	Err      time.Duration // it may have been this much earlier or later
	Agree    []Agreed      // what changed then, the clearest first
	Of       int           // series that change at all
	Together bool          // enough of them, and clearly enough, for one event
	// Opens says that an incident is to be opened: requests fail as they do not
	// usually, and series changed together at the time. Neither alone does.
	Opens bool
	Slow  string // one sentence: who waits longer, when no request failed
	Says  string // one line
}

// Agreed is a series that changed at the onset.
type Agreed struct {
	Name    string  // "order.inventory Reserve in flight"
	Jump    float64 // in sigmas of its own noise; positive is upwards
	At      time.Time
	Support []ID
}

// Component is a service of the call graph by its latency before and since the
// onset. Latencies add up along calls, so what the callees explain is not its own.
type Component struct {
	Name           string
	Before, During time.Duration // the usual latency, as the service itself measures it
	Calls          int64         // that it answered since the onset
	Own            time.Duration // of what is more, per call, what its callees do not explain
	Share          float64       // of all that is more where users see it, 0..1
	Slow           bool          // beyond its own noise
	CallersView    bool          // measured by its callers alone
	Says           string
	Support        []ID
}

// CallGap is one call as both ends time it: what the caller waits longer than the
// callee works is network, queueing, a pool, connecting.
type CallGap struct {
	Caller, Callee string
	Before, During time.Duration
	Says           string
	Support        []ID
}

// Growth is by how much the gap grew; negative when it shrank.
func (g CallGap) Growth() time.Duration { return g.During - g.Before }
