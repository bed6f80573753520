// Package language looks for blame in the language of a postmortem: a person and a verb of
// fault, second-guessing, judgements of hindsight. It warns and never rewrites, and says
// nothing of what systems do: "the client failed to connect" is a fact.
package language

import (
	"cmp"
	"regexp"
	"slices"
	"strings"
	"sync"
)

// Warning is one phrase, where it stands, and why it blames.
type Warning struct {
	Rule   string // "fault"; see Rules
	Line   int    // from 1
	Column int    // in bytes, from 1
	Text   string // as it stands there
	Reason string
	Ask    string // what to write about instead
}

// Rule is a kind of phrase.
type Rule struct{ ID, Doc string }

// Rules are all kinds, in the order of the documentation.
func Rules() []Rule {
	all := []Rule{
		{"unknown-rule", "tripcurve:ignore of a rule that does not exist"},
		{"ignore-without-reason", "tripcurve:ignore without a reason"},
	}
	for _, r := range rules {
		if !slices.ContainsFunc(all, func(x Rule) bool { return x.ID == r.id }) {
			all = append(all, Rule{r.id, r.reason})
		}
	}
	return all
}

// Check looks at a text: plain or Markdown, of which code, comments and addresses are passed
// over. A comment <!-- tripcurve:ignore RULE: reason --> silences a rule for its line or,
// alone on a line, for the next; without RULE all of them.
func Check(text string) []Warning {
	words := split(blank(text))
	lines := linesOf(text)
	var found []Warning
	add := func(w Warning, at int) {
		w.Line, w.Column = lines.place(at)
		found = append(found, w)
	}
	marks, wrong := ignores(text)
	for _, w := range wrong {
		add(w.Warning, w.at)
	}
	end := -1 // of the last phrase: one that is in another is told once
	for i := range words {
		r, n := match(words, i)
		if n == 0 || words[i].at < end {
			continue
		}
		last := words[i+n-1]
		end = last.at + len(last.text)
		if line, _ := lines.place(words[i].at); !marks.silence(r.id, line) {
			add(Warning{Rule: r.id, Text: strings.Join(strings.Fields(text[words[i].at:end]), " "), Reason: r.reason, Ask: r.ask}, words[i].at)
		}
	}
	slices.SortStableFunc(found, func(a, b Warning) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	return found
}

// word is a word and what stands before it.
type word struct {
	text string // lower case, ' for every apostrophe
	orig string
	at   int  // in bytes
	stop bool // a clause or a paragraph begins with it
}

var (
	wordly = compiled(`@?[A-Za-z][A-Za-z0-9_]*(?:['’.-][A-Za-z0-9_]+)*|[0-9][0-9.,]*`)
	stops  = compiled(`[.;:!?|(),"“”]|\n[ \t]*(?:\n|[-*+#>|]|\d+[.)])|(?:^|\s)[-–—](?:\s|$)`)
)

// compiled is an expression that is compiled when it is first asked for.
func compiled(expression string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(expression) })
}

func split(text string) []word {
	var words []word
	done := 0
	for _, m := range wordly().FindAllStringIndex(text, -1) {
		orig := text[m[0]:m[1]]
		words = append(words, word{
			text: strings.ToLower(strings.ReplaceAll(orig, "’", "'")), orig: orig, at: m[0],
			stop: len(words) == 0 || stops().MatchString(text[done:m[0]]),
		})
		done = m[1]
	}
	return words
}

// notProse are code, comments, addresses and the targets of links.
var notProse = compiled("(?s)```.*?(?:```|$)|~~~.*?(?:~~~|$)|`[^`\n]*`|<!--.*?(?:-->|$)|<[^>\n]*>|https?://[^\\s)>]*|\\]\\([^)\n]*\\)")

// blank puts dots, which end a clause as code does not, for what is not prose; every other
// byte keeps its place.
func blank(text string) string {
	return notProse().ReplaceAllStringFunc(text, func(s string) string {
		return strings.Map(func(r rune) rune {
			if r == '\n' {
				return r
			}
			return '_'
		}, toASCII(s))
	})
}

// toASCII has one byte for each byte.
func toASCII(s string) string {
	b := []byte(s)
	for i, c := range b {
		if c >= 0x80 {
			b[i] = '_'
		}
	}
	return string(b)
}

// lineStarts are where lines begin, in bytes.
type lineStarts []int

func linesOf(text string) lineStarts {
	l := lineStarts{0}
	for i := range len(text) {
		if text[i] == '\n' {
			l = append(l, i+1)
		}
	}
	return l
}

func (l lineStarts) place(at int) (line, column int) {
	i, exact := slices.BinarySearch(l, at)
	if !exact {
		i--
	}
	return i + 1, at - l[i] + 1
}
