package incident

import "time"

// Check is what one rule looked at and did not find to be a cause, or why it could
// not say. Innocence is a statement about evidence, so a rule that looked cites it.
type Check struct {
	Rule    string // as Finding.Cause
	Looked  bool   // false: it could not decide, for want of a source
	Why     string // one clause: why it is innocent, or what is missing
	Support []ID   // what was looked at; empty when nothing was
}

// FirstFailed is the earliest degraded call: neither a cause nor the impact.
type FirstFailed struct {
	Endpoint Endpoint
	At       time.Time     // it began; by a log without durations, it was answered
	Within   time.Duration // At may be so much later
	Support  []ID
}

// WhyReadsHang tells apart what can keep a read from being answered under a lock.
type WhyReadsHang uint8

const (
	NotByTheLock   WhyReadsHang = iota // the lock lets reads pass, and nothing else is seen that would stop them
	PoolStarved                        // no read waits in the database: it has no connection
	BehindQueue                        // reads wait behind a request for ACCESS EXCLUSIVE that waits itself
	IndexLocked                        // reads wait for an index: to be planned they lock all of a table's
	LockStopsReads                     // the lock itself conflicts with a read's
)

func (w WhyReadsHang) String() string {
	return word([]string{"not explained by the lock", "pool starvation", "queue behind ACCESS EXCLUSIVE", "index lock", "the lock itself"}, uint8(w), "reason")
}

// ReadHang is why the reads of one endpoint failed while a lock was held.
type ReadHang struct {
	Endpoint Endpoint
	Why      WhyReadsHang
	Finding  string // ID of the lock's
	Text     string // one sentence
	Support  []ID
}
