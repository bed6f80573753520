package main

import (
	"fmt"
	"path/filepath"
	"strings"

	"tripcurve/internal/formats/source"
	"tripcurve/internal/formats/trap"
	"tripcurve/internal/lint/config"
	"tripcurve/internal/lint/language"
	"tripcurve/internal/redact"
)

// languageFormat is --as of a document whose language is looked at.
const languageFormat = "language"

// isDocument says whether a file is one that people read.
func isDocument(path, as string) bool {
	switch strings.ToLower(filepath.Ext(path)) {
	case ".md", ".markdown":
		return as == "" || as == languageFormat
	}
	return as == languageFormat
}

// lintLanguage looks at the language of a document.
func (a *app) lintLanguage(path string) ([]config.Finding, error) {
	name, read := path, func() ([]byte, error) { return source.ReadFile(path) }
	if path == "-" {
		name, read = "stdin", func() ([]byte, error) { return source.ReadAll(a.stdin) }
	}
	text, err := read()
	if err != nil {
		return nil, err
	}
	var all []config.Finding
	for _, w := range language.Check(string(text)) {
		all = append(all, languageFinding(name, w))
	}
	return all, nil
}

func languageFinding(name string, w language.Warning) config.Finding {
	return config.Finding{
		Rule: "language/" + w.Rule, Severity: trap.Warning, File: name, Line: w.Line, Column: w.Column,
		What: fmt.Sprintf("%q", w.Text), Why: w.Reason, Instead: w.Ask,
	}
}

func languageRules() []config.Rule {
	var all []config.Rule
	for _, r := range language.Rules() {
		all = append(all, config.Rule{ID: "language/" + r.ID, Severity: trap.Warning, Doc: r.Doc})
	}
	return all
}

// fair warns on stderr of blame in the language of what is exported: in, which names the
// text for readers, and what people wrote there.
func (a *app) fair(in, text string) {
	for _, w := range language.Check(text) {
		where := in
		if strings.Contains(text, "\n") {
			where = fmt.Sprintf("%s:%d:%d", in, w.Line, w.Column)
		}
		fmt.Fprintf(a.stderr, "%s\n", redact.Line(fmt.Sprintf("%s: warning: %q: %s; %s [language/%s]", where, w.Text, w.Reason, w.Ask, w.Rule)))
	}
}
