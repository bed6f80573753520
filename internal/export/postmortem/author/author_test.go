package author

import (
	"reflect"
	"strings"
	"testing"

	"tripcurve/internal/formats/source"
)

var (
	parts = []string{"options", "code"}
	facts = []string{"failed", "impact_duration"}
)

const head = "schema: " + Schema + "\n"

func TestTemplateIsAFileOfQuestions(t *testing.T) {
	n, err := Read("template.yaml", Template, parts, facts)
	if err != nil {
		t.Fatal(err)
	}
	if n.Title != "" || len(n.Decisions) != 0 || n.WhatIf != nil {
		t.Errorf("the template answers something: %+v", n)
	}
	// Each key that the reader takes is in the template.
	for _, key := range source.Keys(reflect.TypeFor[Notes]()) {
		if !strings.Contains(string(Template), "\n"+key+":") {
			t.Errorf("the template does not have %s", key)
		}
	}
	// A key without a value has to be one of them too.
	if _, err := Read("t", []byte(head+"titel:\n"), parts, facts); err == nil || !strings.Contains(err.Error(), "t:2:1: ") {
		t.Errorf("an unknown key without a value: %v", err)
	}
}

func TestMistakesHaveTheirPlace(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"nothing", "", "f.yaml:1:1: found nothing, expected schema: " + Schema},
		{"no schema", "title: x\n", "f.yaml:1:"},
		{"another schema", "schema: other/1\n", "f.yaml:1:9: "},
		{"two documents", head + "---\ntitle: x\n", "a second one"},
		{"unknown key", head + "titel: x\n", `f.yaml:2:1: no key "titel", did you mean title?`},
		{"a list for a text", head + "title: [a]\n", "f.yaml:2:8: "},
		{"a word that is none", head + "status: finished\n", "f.yaml:2:9: "},
		{"a verdict that is none", head + "options: [{name: A, verdict: maybe}]\n", "f.yaml:2:30: "},
		{"a fact that there is not", head + "summary: \"{{fialed}} orders\"\n", "f.yaml:2:10: found {{fialed}}, expected one of failed, impact_duration"},
		{"a fact that does not end", head + "summary: \"{{failed orders\"\n", "f.yaml:2:10: found {{ without }}"},
		{"a callout on no part", head + "callouts: [{level: note, text: x}]\n", "a callout on no part"},
		{"a callout on another part", head + "callouts: [{part: chapter, level: note, text: x}]\n", "f.yaml:2:19: "},
		{"a line out of range", head + "code: [{file: a.go, line: 0, text: x}]\n", "from 1"},
		{"a text too long", head + "title: \"" + strings.Repeat("x", mostText+1) + "\"\n", "at most"},
		{"a list too long", head + "went_well: [" + strings.Repeat("x, ", mostItems) + "x]\n", "at most"},
		{"no YAML", head + "title: [\n", "f.yaml:"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Read("f.yaml", []byte(c.text), parts, facts)
			if err == nil {
				t.Fatal("no error")
			}
			if !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v\nwants %q", err, c.want)
			}
		})
	}
}

func TestTextsAreTrimmedAndFactsFound(t *testing.T) {
	n, err := Read("f.yaml", []byte(head+"title: 6\nsummary: |\n  a {{ failed }} b\n\n  c\ncode:\n  - {file: a.go, line: 3, text: \"{{x}}\"}\n"), parts, facts)
	if err != nil {
		t.Fatal(err)
	}
	if n.Title != "6" || n.Summary != "a {{ failed }} b\n\nc" {
		t.Errorf("title %q, summary %q", n.Title, n.Summary)
	}
	if got := Pieces(string(n.Summary)); len(got) != 3 || got[1].Fact != "failed" {
		t.Errorf("pieces %+v", got)
	}
	if n.Code[0].Text != "{{x}}" {
		t.Errorf("code is its own, not %q", n.Code[0].Text)
	}
}

func FuzzRead(f *testing.F) {
	f.Add(string(Template))
	f.Add(head + "summary: \"{{failed}}\"\ncallouts: [{part: code, level: danger, text: x}]\n")
	f.Add(head + "faq: [{question: a, answer: b}]\n---\n")
	f.Fuzz(func(t *testing.T, text string) {
		n, err := Read("f.yaml", []byte(text), parts, facts)
		if err != nil {
			if !strings.Contains(err.Error(), "f.yaml") {
				t.Errorf("an error without its file: %v", err)
			}
			return
		}
		for _, c := range n.Callouts {
			if c.Part != "options" && c.Part != "code" {
				t.Errorf("a callout on %q", c.Part)
			}
		}
		for _, p := range Pieces(string(n.Summary)) {
			if p.Broken || p.Fact != "" && p.Fact != "failed" && p.Fact != "impact_duration" {
				t.Errorf("a fact %+v", p)
			}
		}
	})
}
