package cause

import (
	"cmp"
	"slices"

	"tripcurve/internal/incident"
)

// innocent notes that a rule looked and found no cause.
func (s *scene) innocent(rule, why string, support ...incident.ID) {
	s.checks = append(s.checks, incident.Check{Rule: rule, Looked: true, Why: why, Support: distinct(support)})
}

// undecided notes that a rule could not say, and what it lacks.
func (s *scene) undecided(rule, missing string) {
	s.checks = append(s.checks, incident.Check{Rule: rule, Why: missing})
}

// allChecks are the notes of all rules, by name, but for those that found something
// after all. Without a failing request there is nothing to be innocent of.
func (s *scene) allChecks(findings []incident.Finding) []incident.Check {
	if s.impact == (incident.Window{}) {
		return nil
	}
	found := map[string]bool{}
	for _, f := range findings {
		found[f.Cause] = true
	}
	checks := slices.DeleteFunc(s.checks, func(c incident.Check) bool { return !c.Looked && found[c.Rule] })
	slices.SortStableFunc(checks, func(a, b incident.Check) int { return cmp.Compare(a.Rule, b.Rule) })
	return slices.CompactFunc(checks, func(a, b incident.Check) bool { return a.Rule == b.Rule && a.Why == b.Why })
}

// looks is the series of the looks at the locks around the impact, and how many
// there were: what says that nobody waited.
func (s *scene) looks() (n int, support []incident.ID) {
	for _, x := range s.v.AllSeries() {
		if x.Name == incident.LockWaitersSeries {
			support = append(support, x.ID())
		}
	}
	return len(s.v.SampleTimes(s.closeUp)), support
}
