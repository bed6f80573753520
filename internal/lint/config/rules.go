package config

import (
	"slices"

	"tripcurve/internal/formats/trap"
)

// Rule is one entry of the catalogue.
type Rule struct {
	ID       string
	Severity trap.Severity
	Doc      string // one line
}

// check is a rule on one boundary that holds for every format.
type check struct {
	Rule
	// covers are the rules of single formats that say the same; where one of them
	// was found, this one is silent.
	covers []string
	look   func(boundary) (what, why, instead string)
}

// checks are the rules on one boundary, one file per group.
func checks() []check {
	return slices.Concat(limitChecks, breakerChecks, connectionChecks, retryChecks)
}

// each looks at every boundary of a part alone.
func each(p part) []Finding {
	found := map[string]bool{}
	for _, f := range p.findings {
		found[f.Rule] = true
	}
	var findings []Finding
	for _, b := range p.boundaries {
		for _, c := range checks() {
			if slices.ContainsFunc(c.covers, func(rule string) bool { return found[rule] }) {
				continue
			}
			if what, why, instead := c.look(b); what != "" {
				findings = append(findings, b.finding(c.Rule, what, why, instead))
			}
		}
	}
	return findings
}
