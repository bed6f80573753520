package config

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"tripcurve/internal/formats"
	"tripcurve/internal/formats/source"
	"tripcurve/internal/formats/trap"
)

// File is a text and the name that it is reported under.
type File struct{ Name, Text string }

// Lint looks at one file. As is the name of its format; "" detects it. A text of no
// known format is an error, everything that is wrong with one of a known format is
// a finding.
func Lint(name, text, as string) ([]Finding, error) {
	return All([]File{{name, text}}, as)
}

// All looks at several files, each alone and all together: a call passes through
// every layer that any of them configures. Files of no known format are errors,
// joined, beside the findings of the others.
func All(files []File, as string) ([]Finding, error) {
	var findings []Finding
	var unread []error
	var all []boundary
	order := map[string]int{}
	for i, f := range files {
		order[f.Name] = i
		parts, err := read(f, as)
		if err != nil {
			unread = append(unread, err)
			continue
		}
		for _, p := range parts {
			findings = append(findings, p.findings...)
			findings = append(findings, each(p)...)
			all = append(all, p.boundaries...)
		}
	}
	findings = append(findings, between(all)...)
	slices.SortStableFunc(findings, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(order[a.File], order[b.File]), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column), cmp.Compare(a.Rule, b.Rule))
	})
	return slices.Compact(findings), errors.Join(unread...)
}

// part is what one format says in one file.
type part struct {
	file       string
	format     string
	findings   []Finding
	boundaries []boundary
}

// read takes a file apart by format and reads each part.
func read(f File, as string) ([]part, error) {
	docs, err := formats.Documents(f.Name, f.Text, as)
	if err != nil {
		return nil, err
	}
	var parts []part
	for _, d := range docs {
		if d.Format.Name == "" {
			parts = append(parts, unknown(f.Name, d))
			continue
		}
		p, err := readPart(f.Name, d)
		if err != nil {
			return nil, err
		}
		parts = append(parts, p)
	}
	return parts, nil
}

// unknown is a document of a bundle that nobody reads. Kubernetes' other kinds are
// none of ours.
func unknown(file string, d formats.Document) part {
	if source.HasKey(d.Text, "kind") && source.HasKey(d.Text, "apiVersion") {
		return part{file: file}
	}
	return part{file: file, findings: []Finding{{
		Rule: "file/unknown-document", Severity: trap.Warning, File: file, Line: d.Line, Column: 1,
		What: "a document of no format known here", Why: "nothing in it was looked at",
		Instead: "give it a file of its own and say its format with --as",
	}}}
}

func readPart(file string, d formats.Document) (part, error) {
	p := part{file: file, format: d.Format.Name}
	traps, root, err := d.Format.Traps(d.Name, d.Text)
	trapped := map[source.Pos]bool{} // a trap knows more than the mistake at its place
	wrong := values(err)
	for _, t := range traps {
		at := source.Pos{Line: d.Line, Column: 1}
		if root != nil {
			n := source.Find(root, t.Path)
			// What it takes for missing, or for the default, may be there, but wrong.
			if slices.ContainsFunc(n.Members, func(m source.Member) bool { return wrong[m.Value.Pos] }) ||
				wrong[n.Pos] && !slices.Contains(explain, t.Rule) {
				continue
			}
			if t.Severity == trap.Note && wrong[n.Pos] {
				continue // a note on a value that could not be read is about its default
			}
			at = n.Key
			trapped[n.Key], trapped[n.Pos] = true, true
		}
		p.findings = append(p.findings, Finding{
			Rule: t.Rule, Severity: t.Severity, What: t.What, Why: t.Why, Instead: t.Instead,
		}.place(file, at))
	}
	for _, e := range flatten(err) {
		if f := mistake(d.Format.Name, e); !trapped[source.Pos{Line: f.Line, Column: f.Column}] || f.Line == 0 {
			f.File = file
			p.findings = append(p.findings, f)
		}
	}
	p.boundaries, err = boundaries(file, d, root)
	return p, err
}

// explain are the traps that are about a value which the strict reader does not take.
var explain = []string{"opossum/string-number", "opossum/volume-zero"}

// mistake is what a strict reader would not take.
func mistake(format string, err error) Finding {
	var e *source.Error
	if !errors.As(err, &e) {
		return Finding{Rule: format + "/" + source.Value.String(), What: err.Error()}
	}
	f := Finding{Rule: format + "/" + e.Mistake.String(), What: e.Found}
	if e.Want != "" {
		f.What = "found " + e.Found
		f.Instead = "expected " + e.Want
	}
	if what, why, both := strings.Cut(e.Found, " and would ignore it"); both && e.Mistake == source.UnknownKey {
		f.What, f.Why = what, "it is ignored"+why
	}
	return f.place(e.File, e.Pos)
}

// values are the places of values that could not be read.
func values(err error) map[source.Pos]bool {
	wrong := map[source.Pos]bool{}
	for _, one := range flatten(err) {
		var e *source.Error
		if errors.As(one, &e) && e.Mistake == source.Value {
			wrong[e.Pos] = true
		}
	}
	return wrong
}

// flatten takes joined errors apart.
func flatten(err error) []error {
	if err == nil {
		return nil
	}
	if several, ok := err.(interface{ Unwrap() []error }); ok {
		var all []error
		for _, e := range several.Unwrap() {
			all = append(all, flatten(e)...)
		}
		return all
	}
	return []error{err}
}

// sprint is fmt.Sprintf under a shorter name for the rules, which are mostly words.
func sprint(format string, args ...any) string { return fmt.Sprintf(format, args...) }
