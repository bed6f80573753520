// Package config says what a configuration does that its keys do not say, before
// it does it: what the library behind it ignores in silence, what its parser would
// refuse, and what no single value but their sum makes wrong.
package config

import (
	"fmt"

	"tripcurve/internal/formats/source"
	"tripcurve/internal/formats/trap"
)

// Finding is one thing that is wrong, and where.
type Finding struct {
	Rule     string // "<format>/<what>", or "policy/<what>" for what holds in every format
	Severity trap.Severity
	File     string
	Line     int // from 1; 0 where the file as a whole is meant
	Column   int // in bytes, from 1
	What     string
	Why      string
	Instead  string // empty where there is nothing to write instead
}

// Sentence is the finding without its place.
func (f Finding) Sentence() string {
	return trap.Trap{What: f.What, Why: f.Why, Instead: f.Instead}.String()
}

// String is the finding as a line that editors can follow.
func (f Finding) String() string {
	where := f.File
	if f.Line > 0 {
		where = fmt.Sprintf("%s:%d:%d", f.File, f.Line, f.Column)
	}
	return fmt.Sprintf("%s: %s: %s [%s]", where, f.Severity, f.Sentence(), f.Rule)
}

// Failing are the findings that fail a check: all but notes.
func Failing(findings []Finding) []Finding {
	var failing []Finding
	for _, f := range findings {
		if f.Severity != trap.Note {
			failing = append(failing, f)
		}
	}
	return failing
}

// place fills in where a finding stands.
func (f Finding) place(file string, at source.Pos) Finding {
	f.File, f.Line, f.Column = file, at.Line, at.Column
	return f
}
