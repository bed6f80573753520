package incident

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
	"time"
)

// Entry is one line of the timeline that people read, correct and export: what the
// evidence says (Moment) and what people wrote are of this one shape.
type Entry struct {
	ID        string        // EntryID: stable, so that exporting again neither reorders nor doubles
	Start     time.Time     // UTC
	End       time.Time     // zero: a point, or not over (Open)
	Open      bool          // still running at the last look
	Precision time.Duration // how exactly the times are known: "14:23" has a minute
	Clock     EntryClock
	Phase     Phase // what it marks in the course of the incident
	Kind      EntryKind
	Track     Track
	Progress  Progress // of a phase: done, in progress, planned
	Text      string   // one fact, no judgement; foreign text
	Actor     string   // a role: "on-call engineer"
	Person    string   // who it was; exports name roles unless they are asked for people
	System    string   // service, table, endpoint
	Lane      string   // deploy, locks, pool, errors, grpc, people, phases
	Source    EntrySource
	// Confidence is measured, derived (concluded from measurements), stated (by a
	// person) or assumed.
	Confidence string
	Pinned     bool // belongs into the short export
	Hidden     bool
	Derived    bool // from the evidence; people's entries are not
	Edited     bool // derived, and changed by people since
	Support    []ID // the evidence that it rests on
	Comments   []Comment
}

// EntryClock is the clock that an entry's times were read from.
type EntryClock struct {
	Name     string        // of the source whose clock it is; empty: ours
	Offset   time.Duration // added to what that clock showed; 0 when nothing was
	Within   time.Duration // what is left of its error, to either side; 0 is not known
	Original string        // the time as it was written there
}

// EntrySource is where an entry was read.
type EntrySource struct {
	Name     string    // collector or importer: "access.log", "slack", "people"
	Ref      string    // the query, or the file and its line: "byte 8123990", "events.json:14:3"
	URL      string    // of the message or page; empty without one
	Captured time.Time // when it was read; zero when unknown
	Hash     string    // of the content it was read from
}

func (s EntrySource) String() string {
	if s.Ref == "" {
		return s.Name
	}
	return strings.TrimPrefix(s.Name+", "+s.Ref, ", ")
}

// Comment is what somebody said of an entry.
type Comment struct {
	At   time.Time `json:"at"`
	Role string    `json:"role"`
	Text string    `json:"text"`
}

// Phase is what an entry marks in the course of an incident.
type Phase uint8

const (
	NoPhase Phase = iota
	PhaseTrigger
	PhaseImpactStart
	PhaseDetected
	PhaseAcknowledged
	PhaseEscalated
	PhaseMitigated
	PhaseResolved
	PhaseFollowUp
)

var phaseNames = []string{"", "trigger", "impact-start", "detected", "acknowledged", "escalated", "mitigated", "resolved", "follow-up"}

func (p Phase) String() string { return word(phaseNames, uint8(p), "phase") }

// EntryKind says what sort of thing an entry tells. Collectors write observations,
// people decisions and actions.
type EntryKind uint8

const (
	KObservation EntryKind = iota
	KChange
	KAlert
	KAction
	KDecision
	KCommunication
	KDerived // concluded from several observations
	KPhase   // a stretch of the incident or of its remediation
)

var entryKindNames = []string{"observation", "change", "alert", "action", "decision", "communication", "derived", "phase"}

func (k EntryKind) String() string { return word(entryKindNames, uint8(k), "entry kind") }

// Track keeps the minutes of an incident and the weeks after it apart.
type Track uint8

const (
	IncidentTrack Track = iota
	RemediationTrack
)

var trackNames = []string{"incident", "remediation"}

func (t Track) String() string { return word(trackNames, uint8(t), "track") }

// Progress is how far a phase is.
type Progress uint8

const (
	NoProgress Progress = iota
	Done
	InProgress
	Planned
)

var progressNames = []string{"", "done", "in-progress", "planned"}

func (p Progress) String() string { return word(progressNames, uint8(p), "progress") }

// confidences are the words for how an entry is known.
var confidences = []string{"measured", "derived", "stated", "assumed"}

// EntryID is the identity of an entry: of what its source calls it, whatever its
// times and words become later.
func EntryID(source, key string) string {
	sum := sha256.Sum256([]byte(source + "\x00" + key))
	return hex.EncodeToString(sum[:6])
}

// CompareEntries is the order of every list and export: start, then end (a point
// before an interval, one that goes on last), then phase, then id.
func CompareEntries(a, b Entry) int {
	order := func(p Phase) int { return (int(p) + len(phaseNames) - 1) % len(phaseNames) } // none is last
	return cmp.Or(a.Start.Compare(b.Start), boolOrder(a.Open, b.Open), a.last().Compare(b.last()),
		cmp.Compare(order(a.Phase), order(b.Phase)), strings.Compare(a.ID, b.ID))
}

func boolOrder(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	}
	return 1
}

// last is the end of an entry as far as it is known.
func (e Entry) last() time.Time {
	if e.End.IsZero() {
		return e.Start
	}
	return e.End
}

// Interval says that an entry is no point.
func (e Entry) Interval() bool { return e.Open || !e.End.IsZero() }

// Earlier says that a began before b did for certain: only when what lies between
// them is more than the clocks and the precision of both leave open.
func Earlier(a, b Entry) bool {
	return b.Start.Add(-b.Clock.Within).After(a.Start.Add(a.Precision + a.Clock.Within))
}

// Phases are the entries of kind phase that are not hidden, in order of time.
func Phases(entries []Entry) []Entry {
	var list []Entry
	for _, e := range entries {
		if e.Kind == KPhase && !e.Hidden {
			list = append(list, e)
		}
	}
	slices.SortStableFunc(list, CompareEntries)
	return list
}

// CurrentPhase is the index of the phase that one is in: the last that is in
// progress, else the last that is done; -1 without either.
func CurrentPhase(phases []Entry) int {
	current := -1
	for i, p := range phases {
		if p.Progress == InProgress || p.Progress == Done && (current < 0 || phases[current].Progress == Done) {
			current = i
		}
	}
	return current
}

// Timeline is all of an incident's timeline in its order: what the analysis says of
// the evidence in v, which may be nil, and what people wrote (View.Written).
func Timeline(v *View, a Analysis, written *Writings) []Entry {
	var list []Entry
	at := map[string]int{}
	for _, m := range a.Derived {
		e := EntryOf(v, m)
		if _, twice := at[e.ID]; twice {
			continue
		}
		at[e.ID] = len(list)
		list = append(list, e)
	}
	markPhases(list, a.Derived)
	for i := range written.Len() {
		id := written.id(i)
		if at, known := at[id]; known {
			list[at] = written.apply(i, list[at])
			continue
		}
		if e := written.own(i); !e.Derived { // else the evidence does not say so any more
			at[id] = len(list)
			list = append(list, e)
		}
	}
	slices.SortStableFunc(list, CompareEntries)
	return list
}

// EntryOf is what a moment says, as an entry.
func EntryOf(v *View, m Moment) Entry {
	e := Entry{
		ID: EntryID("evidence", m.ID), Start: m.At, End: m.End, Open: m.Open, Precision: m.Precision, Text: m.Text,
		System: m.System, Lane: m.Lane, Confidence: m.Confidence, Hidden: m.Hidden, Derived: true, Support: m.Support,
	}
	e.Source.Name, e.Source.Ref, _ = strings.Cut(m.SourceText, ", ")
	switch m.Kind {
	case MTrigger:
		e.Phase = PhaseTrigger
	case MDetection:
		e.Kind = KAlert
	case MAction:
		e.Kind = KAction
	case MDecision:
		e.Kind = KDecision
	case MCommunication:
		e.Kind = KCommunication
	case MSymptom, MRecovery, MNote:
		if m.Lane == "deploy" {
			e.Kind = KChange
		}
	}
	if m.Confidence == "derived" && e.Kind == KObservation {
		e.Kind = KDerived
	}
	if v == nil || len(m.Support) == 0 {
		return e
	}
	f, ok := v.Get(m.Support[0])
	if !ok {
		return e
	}
	o := f.Source()
	e.Source.Hash, e.Clock.Name = o.File, cmp.Or(o.Name, o.Group)
	for _, s := range v.Sources {
		if s.Name == o.Name && s.Group == o.Group && s.Clock.Measured() {
			e.Clock.Within = s.Clock.Ahead.Abs() + s.Clock.Within // evidence is kept as its clock told it
		}
	}
	return e
}

// markPhases finds the marks of the course among what was observed: the impact
// begins with the first failing endpoint and is over when the last succeeds again.
func markPhases(list []Entry, moments []Moment) {
	first, last, seen := -1, -1, -1
	for i, m := range moments[:min(len(moments), len(list))] {
		switch {
		case m.Hidden:
		case strings.HasSuffix(m.ID, "/vanished"): // what stopped coming failed nobody
		case m.Kind == MSymptom && m.Lane == "errors" && (first < 0 || m.At.Before(moments[first].At)):
			first = i
		case m.Kind == MRecovery && m.Lane == "errors" && (last < 0 || m.At.After(moments[last].At)):
			last = i
		case m.Kind == MDetection && (seen < 0 || m.At.Before(moments[seen].At)):
			seen = i
		}
	}
	for _, mark := range []struct {
		at    int
		phase Phase
	}{{first, PhaseImpactStart}, {last, PhaseMitigated}, {seen, PhaseDetected}} {
		if mark.at >= 0 {
			list[mark.at].Phase = mark.phase
		}
	}
}

// Moments are the moments of the evidence as people changed them, and people's own
// entries but for phases, in the order of Analysis.Derived. Rows is the same of much
// that is written.
func Moments(a Analysis, written *Writings) []Moment {
	if written.Len() == 0 {
		return a.Derived
	}
	r := NewRows(&View{Written: written}, a)
	list := make([]Moment, r.Len())
	for i := range list {
		list[i] = r.Moment(i)
	}
	return list
}

// changed are moments of the evidence as people changed them, in order.
func changed(derived []Moment, patches []Written) []Moment {
	order := func(a, b Moment) int { return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.Kind, b.Kind)) }
	if len(patches) == 0 && slices.IsSortedFunc(derived, order) {
		return derived
	}
	list := slices.Clone(derived)
	at := map[string]int{}
	for i, m := range list {
		at[EntryID("evidence", m.ID)] = i
	}
	for _, w := range patches {
		i := at[w.ID]
		m := w.Apply(EntryOf(nil, list[i])).Moment()
		if w.Fields["kind"] == "" && w.Fields["phase"] == "" {
			m.Kind = list[i].Kind
		}
		m.ID, m.SourceText = list[i].ID, list[i].SourceText
		list[i] = m
	}
	slices.SortStableFunc(list, func(a, b Moment) int { return cmp.Or(order(a, b), strings.Compare(a.ID, b.ID)) })
	return list
}

// Moment is an entry as screens and pictures show it.
func (e Entry) Moment() Moment {
	m := Moment{
		ID: e.ID, At: e.Start, End: e.End, Open: e.Open, Kind: MNote, Text: e.Text, System: e.System, Lane: cmp.Or(e.Lane, "people"),
		Confidence: e.Confidence, Precision: e.Precision, Support: e.Support, SourceText: e.Source.String(), Hidden: e.Hidden,
	}
	switch {
	case e.Kind == KPhase:
		m.Lane = "phases"
	case e.Kind == KAction:
		m.Kind = MAction
	case e.Kind == KDecision:
		m.Kind = MDecision
	case e.Kind == KCommunication:
		m.Kind = MCommunication
	case e.Phase == PhaseTrigger:
		m.Kind = MTrigger
	case e.Phase == PhaseMitigated || e.Phase == PhaseResolved:
		m.Kind = MRecovery
	case e.Kind == KAlert || e.Phase == PhaseDetected:
		m.Kind = MDetection
	case e.Phase == PhaseImpactStart:
		m.Kind = MSymptom
	case e.Kind == KChange:
		m.Lane = cmp.Or(e.Lane, "deploy")
	}
	return m
}
