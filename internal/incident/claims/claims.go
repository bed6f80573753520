// Package claims checks the sentences of a postmortem: each claim is a quantity
// or a relation with its operands, and fifteen rules compute with them. A rule
// looks at operands and at the claims that are linked, never at ids or texts. The
// verdict comes with its arithmetic; where the document cannot decide, evidence
// may.
package claims

import (
	"slices"
	"strings"
	"time"

	"tripcurve/internal/incident"
)

// Schema names the form of a claims file and its version.
const Schema = "tripcurve.claims/1"

// Kinds are what a claim can be about.
var Kinds = []string{
	"duration", "count", "rate", "cause", "order", "lock", "bound", "universal", "capacity", "status",
	"independence", "config", "visibility", "other",
}

// Document is a list of claims about one incident.
type Document struct {
	Incident string
	Zone     string
	Window   Interval // of the impact, as the document states it; zero when it does not
	LengthS  float64  // of the window as stated; 0 when it is not
	Claims   []Claim
}

// Claim is one sentence and what can be computed of it.
type Claim struct {
	ID, Text string
	Kind     string
	Operands Operands
	Links    []string // ids of claims that it leans on or collides with
	// Rules are the numbers of the rules that may speak, in order; nil lets all
	// speak that find their operands.
	Rules   []int
	Derived bool // follows from stated figures and is not itself stated
	// What a test of the checker expects; the checker does not look at it.
	Expect             *Expectation
	ExpectWithEvidence string
}

// Expectation is a verdict with its arithmetic.
type Expectation struct{ Verdict, Arithmetic, Why string }

// Verdict of a claim. The order is that of rank: of several the greatest holds.
type Verdict uint8

const (
	NotCheckable  Verdict = iota // no rule and no evidence can decide it
	Consistent                   // nothing contradicts it
	NeedsEvidence                // the document alone cannot decide it
	Inconsistent                 // something in the document, a rule, a library or the evidence contradicts it
)

var verdicts = [...]string{"not_checkable", "consistent", "needs_evidence", "inconsistent"}

func (v Verdict) String() string {
	if int(v) < len(verdicts) {
		return verdicts[v]
	}
	return "unknown"
}

// Verdicts are the words of all verdicts, the worst first.
func Verdicts() []string {
	words := slices.Clone(verdicts[:])
	slices.Reverse(words)
	return words
}

// ParseVerdict reads a verdict's word.
func ParseVerdict(word string) (Verdict, bool) {
	i := slices.Index(verdicts[:], word)
	return Verdict(max(i, 0)), i >= 0
}

// Result is what was found of one claim.
type Result struct {
	ID, Text, Kind string
	Derived        bool
	Verdict        Verdict  // from the document alone
	WithEvidence   Verdict  // with the evidence; the same where that does not decide
	Arithmetic     []string // what was computed, in order; empty when there was nothing to compute
	Why            string
	Evidence       string        // what the evidence says of it; empty when it says nothing
	Needs          []string      // evidence that would decide it and was not found
	Support        []incident.ID // the evidence that decided
	Rules          []int         // that spoke
}

// Checked is the results of a document, in its order.
type Checked struct {
	Incident string
	Claims   []Result
}

// Count of verdicts, with evidence or of the document alone.
func (c Checked) Count(v Verdict, evidence bool) int {
	n := 0
	for i := range c.Claims {
		if of := c.Claims[i].Verdict; evidence && c.Claims[i].WithEvidence == v || !evidence && of == v {
			n++
		}
	}
	return n
}

// Check gives every claim its verdict. v may be nil: then the document is alone.
func Check(doc *Document, v *incident.View) Checked {
	by := make(map[string]*Claim, len(doc.Claims))
	for i := range doc.Claims {
		by[doc.Claims[i].ID] = &doc.Claims[i]
	}
	impact := &impact{}
	out := Checked{Incident: doc.Incident, Claims: make([]Result, 0, len(doc.Claims))}
	for i := range doc.Claims {
		s := &scope{doc: doc, claim: &doc.Claims[i], by: by, impact: impact}
		r := s.result()
		if v != nil {
			s.settle(v, &r)
		}
		out.Claims = append(out.Claims, r)
	}
	return out
}

// finding is what one rule says of one claim.
type finding struct {
	verdict Verdict
	parts   []string // of the arithmetic
	why     string
	needs   []string
}

// scope is one claim among the others of its document.
type scope struct {
	doc    *Document
	claim  *Claim
	by     map[string]*Claim
	impact *impact // of the document's window, found once for all claims
}

// rule is one of the fifteen: it says nothing where it does not find the
// operands that it computes with.
type rule struct {
	number int
	name   string
	wants  string // its operands, for a claim that names the rule without them
	check  func(*scope) []finding
}

// rules by number, from 1.
var rules = []rule{
	{1, "duration", "start, end and stated_s, or tries, per_try_s and stated_s", checkDuration},
	{2, "cause covers effect", "cause_intervals and effect, window and possible, or pid", checkCoverage},
	{3, "order", "cause_at, effect_at and min_delay_s, or first and then", checkOrder},
	{4, "Little's law", "capacity and fill_s, or rate_per_s, hold_s and capacity", checkLittle},
	{5, "rate agreement", "observations, or count, window_s and stated_rate_per_s", checkRates},
	{6, "bound against value", "bounds, or stated_max_s and cause_length_s", checkBounds},
	{7, "lock matrix", "held_mode and wanted", checkLocks},
	{8, "totals", "parts and stated, or phases and current", checkTotals},
	{9, "universals", "quantifier and of or scope", checkUniversal},
	{10, "status vocabulary", "claims or status", checkStatus},
	{11, "capacity", "waiting, holders and max_connections", checkCapacity},
	{12, "independence", "sources and stated", checkIndependence},
	{13, "configuration against text", "an option or a construct and what is claimed of it", checkConfig},
	{14, "visibility", "value_s, recorded and hang_began", checkVisibility},
	{15, "units", "value_s and value_ms, or a library whose options are in ms", checkUnits},
}

// Rule is a rule's name by its number, 1 to 15.
func Rule(number int) (name string, ok bool) {
	if number < 1 || number > len(rules) {
		return "", false
	}
	return rules[number-1].name, true
}

// result is the verdict of the document alone.
func (s *scope) result() Result {
	c := s.claim
	r := Result{ID: c.ID, Text: c.Text, Kind: c.Kind, Derived: c.Derived}
	var whys []string
	add := func(f finding) {
		for _, p := range f.parts {
			if !slices.Contains(r.Arithmetic, p) {
				r.Arithmetic = append(r.Arithmetic, p)
			}
		}
		if f.verdict > r.Verdict {
			r.Verdict, whys = f.verdict, nil
		}
		if f.verdict == r.Verdict && f.why != "" && !slices.Contains(whys, f.why) {
			whys = append(whys, f.why)
		}
		for _, n := range f.needs {
			if !slices.Contains(r.Needs, n) {
				r.Needs = append(r.Needs, n)
			}
		}
	}
	for _, ru := range s.spoken() {
		found := ru.check(s)
		if len(found) > 0 {
			r.Rules = append(r.Rules, ru.number)
		}
		for _, f := range found {
			add(f)
		}
	}
	if needs := c.Operands.Texts("needs"); len(needs) > 0 && r.Verdict < NeedsEvidence {
		add(finding{verdict: NeedsEvidence, why: "the document does not show " + strings.Join(needs, ", "), needs: needs})
	} else if r.Verdict == NeedsEvidence {
		add(finding{verdict: NeedsEvidence, needs: needs})
	}
	if len(r.Rules) == 0 && r.Verdict == NotCheckable {
		whys = []string{s.unspoken()}
	}
	r.Why = strings.Join(whys, "; ")
	r.WithEvidence = r.Verdict
	return r
}

// spoken are the rules that may speak of the claim.
func (s *scope) spoken() []rule {
	if s.claim.Rules == nil {
		return rules
	}
	list := make([]rule, 0, len(s.claim.Rules))
	for _, n := range s.claim.Rules {
		if n >= 1 && n <= len(rules) {
			list = append(list, rules[n-1])
		}
	}
	return list
}

// unspoken says why no rule spoke.
func (s *scope) unspoken() string {
	if len(s.claim.Rules) == 0 {
		return "no rule computes with it and nothing that is measured can test it"
	}
	var wants []string
	for _, ru := range s.spoken() {
		wants = append(wants, "rule "+plain(float64(ru.number))+" wants "+ru.wants)
	}
	return strings.Join(wants, "; ")
}

// linked are the claims that the claim names.
func (s *scope) linked() []*Claim {
	list := make([]*Claim, 0, len(s.claim.Links))
	for _, id := range s.claim.Links {
		if c := s.by[id]; c != nil && c != s.claim {
			list = append(list, c)
		}
	}
	return list
}

// near are the claims about the same thing: those that the claim names, then
// those that name it or one that it names, in the document's order.
func (s *scope) near() []*Claim {
	list := s.linked()
	for i := range s.doc.Claims {
		c := &s.doc.Claims[i]
		if c == s.claim || slices.Contains(list, c) {
			continue
		}
		if slices.ContainsFunc(c.Links, func(id string) bool { return id == s.claim.ID || slices.Contains(s.claim.Links, id) }) {
			list = append(list, c)
		}
	}
	return list
}

// length of the impact in seconds, 0 when the document does not state it.
func (s *scope) length() float64 {
	if l := s.doc.Window.Seconds(); l > 0 {
		return l
	}
	return s.doc.LengthS
}

// at is an instant of the claim, or of the document's window when it has none.
func (s *scope) at(key string, otherwise time.Time) (time.Time, bool) {
	if t, ok := s.claim.Operands.At(key); ok {
		return t, true
	}
	return otherwise, !otherwise.IsZero()
}
