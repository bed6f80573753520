package config

import (
	"slices"
	"strings"

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
	var findings []Finding
	for _, b := range p.boundaries {
		for _, c := range checks() {
			said := func(f Finding) bool {
				return slices.Contains(c.covers, f.Rule) && (len(p.boundaries) == 1 || strings.HasPrefix(f.What, b.name+": ") || strings.Contains(f.What, " "+b.name+": "))
			}
			if slices.ContainsFunc(p.findings, said) {
				continue
			}
			if what, why, instead := c.look(b); what != "" {
				findings = append(findings, b.finding(c.Rule, what, why, instead))
			}
		}
	}
	return findings
}
