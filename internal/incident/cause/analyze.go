// Package cause derives what happened from the evidence: which requests failed
// and when, what began it, what made it large or long, and which part of it
// nothing explains. Every rule is a pure function of a view; no evidence, no
// sentence.
package cause

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"tripcurve/internal/incident"
)

// Options choose what is analysed.
type Options struct {
	// At chooses the impact that was going on then, or the last one before, when
	// there were several. Zero: the one with the most failed requests.
	At time.Time
	// Passed are the findings, by ID, whose counterfactual was run: true when the same
	// incident without the cause loses most of its impact, and with it has about as
	// much as was seen. Nothing is Likely without.
	Passed map[string]bool
	// arrange puts the findings into the order in which they are told; nil leaves them.
	arrange func([]incident.Finding) []incident.Finding
}

// Analyze is everything that the rules derive from a view.
func Analyze(v *incident.View, opt Options) incident.Analysis {
	s := &scene{v: v, passed: opt.Passed, told: map[string]string{}}
	s.findImpact(opt.At)
	s.findHolders()
	s.findHangs()
	s.findFullPools()

	findings := s.completed(s.triggers())
	findings = append(findings, s.completed(slices.Concat(
		s.callsWithoutDeadline(), s.poolsExhausted(findings), s.retriesAmplified(), s.breakersOpen()))...)
	a := incident.Analysis{Impact: s.impact, First: s.firstFailed()}
	a.Coverage, a.Remainder = s.coverage(findings)
	findings = append(findings, s.completed(s.missingKeepalive())...)
	slices.SortStableFunc(findings, func(a, b incident.Finding) int {
		return cmp.Or(cmp.Compare(a.Role, b.Role), cmp.Compare(b.Confidence, a.Confidence))
	})
	nameApart(findings)
	if opt.arrange != nil {
		findings = opt.arrange(findings)
	}
	a.Findings = findings
	for _, f := range findings {
		if f.Role == incident.Trigger { // an amplifier is no cause of the beginning
			a.Confidence = max(a.Confidence, f.Confidence)
		}
	}
	a.ReadHangs = s.readHangs(findings)
	a.Checks = s.allChecks(findings)
	a.Checked = s.checked(findings)
	a.Others = s.others
	a.Derived = s.timeline(findings)
	a.Extent = s.reach(a.Derived)
	s.effects(a.Extent.Errors)
	a.Endpoints = s.endpoints
	a.Onset = s.onset()
	a.Components, a.Gaps = s.components(a.Onset)
	a.Sentence, a.Proof = s.sentence(&a)
	return a
}

// triggers are what can have begun the impact, and what only looks like it, the
// rules without chance before those of coincidence.
func (s *scene) triggers() []incident.Finding {
	certain := slices.Concat(s.lockRoots(), s.limitsReached())
	s.explained = slices.ContainsFunc(certain, func(f incident.Finding) bool {
		return f.Role == incident.Trigger && f.Confidence > incident.NoClearCause
	})
	chance := slices.Concat(s.trafficSteps(), s.changesClose())
	s.suspected = len(chance) > 0
	return slices.Concat(certain, chance, s.slowCallees())
}

// nameApart gives findings of one rule and subject, such as two transactions of one
// session on one table, IDs of their own: the first keeps it, those after it have their
// beginning behind it.
func nameApart(findings []incident.Finding) {
	taken := map[string]bool{}
	for i := range findings {
		f := &findings[i]
		id := f.ID
		for n := int64(0); taken[f.ID]; n++ {
			f.ID = fmt.Sprintf("%s/%d", id, f.Window.From.UnixMilli()+n)
		}
		taken[f.ID] = true
	}
}

// completed fills in what every finding has by its support and its window.
func (s *scene) completed(findings []incident.Finding) []incident.Finding {
	for i := range findings {
		f := &findings[i]
		f.Window.To = up(f.Window.To, time.Second)
		f.Coverage = share(f.Window.Meet(s.impact).Length(), s.impact.Length())
		f.Support, f.Against = distinct(f.Support), distinct(f.Against)
		f.GroupNames = s.groups(f.Support)
	}
	return findings
}

// scene is what the rules share: the view and what was already worked out.
type scene struct {
	v         *incident.View
	impact    incident.Window                   // zero when nothing failed
	open      bool                              // requests fail to the end of the evidence
	endsOnly  map[string]bool                   // logs without durations, by the source's name
	midway    bool                              // they failed already when the gateway's evidence began
	others    []incident.Window                 // further impacts, apart from this one
	lastKept  map[incident.Endpoint]incident.ID // the last failing request of the impact, where it was kept whole
	endpoints []incident.Impact                 // worst first
	waits     map[int][]*incident.Episode       // for locks, by leader's pid
	holders   []*holder                         // of locks that others waited for, heaviest first
	flows     []counted                         // all of them
	hangs     []*hang                           // calls that did not end, the deepest callee first
	dismissed []string                          // what was looked at and is not the cause, in words
	told      map[string]string                 // findings by ID: what their entry in the timeline says
	passed    map[string]bool                   // findings by ID whose counterfactual was run
	full      []ceiling                         // pools that a source says were full
	dead      []deadCall                        // calls on connections that nobody noticed were dead
	stuck     []incident.Finding                // breakers that stayed open
	checks    []incident.Check                  // by the rules, as they look
	explained bool                              // by a trigger that a rule without chance found
	suspected bool                              // a change or the traffic may have begun it
	closeUp   incident.Window                   // where to look for causes: the impact and a little around
}

// around is how far before and after the impact a cause is looked for.
const around = 2 * time.Minute

func (s *scene) groups(ids []incident.ID) []string {
	var names []string
	for _, id := range ids {
		if f, ok := s.v.Get(id); ok {
			names = append(names, f.Source().Group)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// distinct drops repeats and keeps the order.
func distinct(ids []incident.ID) []incident.ID {
	seen := map[incident.ID]bool{}
	kept := ids[:0]
	for _, id := range ids {
		if !seen[id] {
			seen[id] = true
			kept = append(kept, id)
		}
	}
	return kept
}

func share(part, all time.Duration) float64 {
	if all <= 0 {
		return 0
	}
	return float64(part) / float64(all)
}

// subject makes a finding's id out of the rule and what it is about.
func subject(rule string, about ...string) string {
	return rule + "/" + strings.Join(about, "/")
}
