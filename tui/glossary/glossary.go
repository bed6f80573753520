// Package glossary holds what the words of the screens and the documents mean, in our
// own: one file of text, which the screens show on K and `tripcurve glossary` prints.
package glossary

import (
	_ "embed"
	"fmt"
	"slices"
	"strings"
	"sync"
)

//go:embed terms.txt
var file string

// Term is one word and what it means.
type Term struct {
	Name    string   `json:"term"`
	Also    []string `json:"also"` // other words for it
	Meaning string   `json:"meaning"`
	See     []string `json:"see"` // names of others
}

// All are all terms by name.
var All = sync.OnceValue(func() []Term {
	terms, err := parse(file)
	if err != nil {
		panic(err) // the file is part of the program, and tested
	}
	return terms
})

func parse(text string) (terms []Term, err error) {
	for n, line := range strings.Split(text, "\n") {
		body := strings.TrimSpace(line)
		switch {
		case body == "" || strings.HasPrefix(line, "#"):
		case line[0] != ' ':
			words := strings.Split(body, " | ")
			terms = append(terms, Term{Name: words[0], Also: words[1:]})
		case len(terms) == 0:
			return nil, fmt.Errorf("terms.txt:%d: a meaning without a term", n+1)
		default:
			t := &terms[len(terms)-1]
			if see, ok := strings.CutPrefix(body, "see "); ok {
				t.See = strings.Split(see, ", ")
				continue
			}
			t.Meaning = strings.TrimSpace(t.Meaning + " " + body)
		}
	}
	slices.SortStableFunc(terms, func(a, b Term) int { return strings.Compare(strings.ToLower(a.Name), strings.ToLower(b.Name)) })
	return terms, nil
}

// words are the term and the other words for it.
func (t Term) words() []string { return append([]string{t.Name}, t.Also...) }

// Find is the term that a word means, in any case.
func Find(word string) (Term, bool) {
	for _, t := range All() {
		if slices.ContainsFunc(t.words(), func(w string) bool { return strings.EqualFold(w, word) }) {
			return t, true
		}
	}
	return Term{}, false
}

// Search are the terms of which a word or the meaning has the text, those first whose
// word has it.
func Search(text string) (found []Term) {
	text = strings.ToLower(text)
	var rest []Term
	for _, t := range All() {
		switch {
		case slices.ContainsFunc(t.words(), func(w string) bool { return strings.Contains(strings.ToLower(w), text) }):
			found = append(found, t)
		case strings.Contains(strings.ToLower(t.Meaning), text):
			rest = append(rest, t)
		}
	}
	return append(found, rest...)
}

// In are the terms of which some word stands in the text, whole.
func In(text string) (found []Term) {
	text = " " + strings.Map(func(r rune) rune {
		if r < 0x80 && !letter(r) {
			return ' '
		}
		return r
	}, strings.ToLower(text)) + " "
	text = " " + strings.Join(strings.Fields(text), " ") + " "
	for _, t := range All() {
		if slices.ContainsFunc(t.words(), func(w string) bool {
			return strings.Contains(text, " "+strings.ToLower(w)+" ")
		}) {
			found = append(found, t)
		}
	}
	return found
}

func letter(r rune) bool {
	return r == '_' || r == '-' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z'
}

// Head is the term with the other words for it, in a line.
func (t Term) Head() string {
	if len(t.Also) == 0 {
		return t.Name
	}
	return t.Name + "  (" + strings.Join(t.Also, ", ") + ")"
}

// Says is the meaning with what else to look at.
func (t Term) Says() string {
	if len(t.See) == 0 {
		return t.Meaning
	}
	return t.Meaning + " See " + strings.Join(t.See, ", ") + "."
}
