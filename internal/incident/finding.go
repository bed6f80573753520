package incident

import "time"

// Window is a half-open interval [From, To) in UTC.
type Window struct{ From, To time.Time }

// Length is To - From, never negative.
func (w Window) Length() time.Duration { return max(0, w.To.Sub(w.From)) }

// Confidence is a word, not a decimal.
type Confidence uint8

const (
	NoClearCause Confidence = iota
	Possible
	Likely
)

func (c Confidence) String() string {
	return word([]string{"No clear cause", "Possible", "Likely"}, uint8(c), "confidence")
}

// Role keeps apart what analyses mix up.
type Role uint8

const (
	Trigger      Role = iota // a state change that began it
	FirstFailure             // the earliest degraded call
	Amplifier                // a missing guard: explains size and length, not the start
	Symptom
)

func (r Role) String() string {
	return word([]string{"trigger", "first failure", "amplifier", "symptom"}, uint8(r), "role")
}

// Finding is one sentence and its proof. No evidence, no finding.
type Finding struct {
	ID         string // stable: rule name and subject
	Role       Role
	Cause      string // the rule that found it: "lock_root", "traffic_step", ...
	Claim      string // one sentence
	Detail     []string
	Action     string // what to do; exact SQL where there is one
	Window     Window
	Confidence Confidence
	Support    []ID
	Against    []ID
	// GroupNames are the independence groups of Support, sorted, each once.
	GroupNames []string
	// Coverage is the share of the impact window that Window covers, 0..1.
	Coverage float64
	Subject  Subject
}

// Groups counts independence groups, not sources.
func (f Finding) Groups() int { return len(f.GroupNames) }

// Short is what a trigger is in two words, for a chart: "SHARE lock", "lock" where
// a log does not say of which mode, else "trigger": a deploy is no lock.
func (f Finding) Short() string {
	switch {
	case f.Subject.Mode != "":
		return f.Subject.Mode + " lock"
	case f.Subject.PID != 0 || f.Subject.Relation != "":
		return "lock"
	}
	return "trigger"
}

// Subject is what a finding is about, for drill-down; unused fields are zero.
type Subject struct {
	PID      int
	Relation string
	Mode     string
	Waiters  int // the most at one instant
	Endpoint Endpoint
	Edge     string
	Pool     string
}

// MomentKind orders and colours a timeline entry.
type MomentKind uint8

const (
	MTrigger MomentKind = iota
	MSymptom
	MDetection
	MAction
	MDecision
	MCommunication
	MRecovery
	MNote
)

func (k MomentKind) String() string {
	return word([]string{"trigger", "symptom", "detection", "action", "decision", "communication", "recovery", "note"}, uint8(k), "moment kind")
}

// Moment is one entry of the timeline.
type Moment struct {
	ID         string
	At         time.Time
	End        time.Time // zero for a point, and while it goes on
	Open       bool      // it went on at the last look
	Kind       MomentKind
	Text       string // one fact, no judgement
	System     string
	Lane       string // deploy, locks, pool, errors, grpc, people
	Confidence string // measured, derived, stated, assumed
	Precision  time.Duration
	Support    []ID
	SourceText string // "access.log, byte 8123990"
	Hidden     bool
}

// Inferred says that a moment was concluded, and not seen or stated.
func (m Moment) Inferred() bool { return m.Confidence != "measured" && m.Confidence != "stated" }

// Remainder is a part of the impact window that no trigger covers, and what is
// said about it.
type Remainder struct {
	Window      Window
	Explanation string // one clause, without its subject; empty: unexplained
	Detail      []string
	Support     []ID
}

// Analysis is everything derived from the evidence; a pure function of it.
type Analysis struct {
	Sentence   string      // speaks of the whole incident
	Proof      []string    // lines under it
	Impact     Window      // zero when nothing failed
	Others     []Window    // in which requests failed, too, each an impact of its own; nothing else here is of them
	First      FirstFailed // zero when nothing failed
	Findings   []Finding   // most important first
	Endpoints  []Impact
	Extent     Extent
	Onset      Onset       // zero when nobody failed or waits longer
	Components []Component // slower since the onset, by what is their own
	Gaps       []CallGap   // between the two ends of a call, the largest growth first
	Coverage   float64     // share of Impact covered by triggers, 0..1
	Remainder  []Remainder
	Derived    []Moment // the timeline as the evidence alone gives it; Timeline and Rows have what people wrote too
	Checked    []string // in words: what was looked at beside the rules, and what could not be
	Checks     []Check  // by rule, in the order of their names
	ReadHangs  []ReadHang
	Confidence Confidence
}
