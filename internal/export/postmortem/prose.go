package postmortem

import (
	"regexp"
	"sort"
	"strings"
	"sync"
)

// piece is a part of a line of prose.
type piece struct {
	text string
	code bool
	term *Term // whose first use it is
}

// codePieces takes prose apart at its backquotes; one without its other is itself.
func codePieces(s string) (all []piece) {
	for {
		before, rest, found := strings.Cut(s, "`")
		code, after, closed := strings.Cut(rest, "`")
		if !found || !closed || code == "" {
			if s != "" {
				all = append(all, piece{text: s})
			}
			return all
		}
		if before != "" {
			all = append(all, piece{text: before})
		}
		all = append(all, piece{text: code, code: true})
		s = after
	}
}

var blankLine = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`\n[ \t]*\n`) })

// paragraphs of a text, each on one line.
func paragraphs(s string) (all []string) {
	for _, p := range blankLine().Split(s, -1) {
		if p = strings.Join(strings.Fields(p), " "); p != "" {
			all = append(all, p)
		}
	}
	return all
}

// marker finds the first use of each term of a glossary.
type marker struct {
	terms map[string]*Term // by what is not marked yet, in lower case
	re    *regexp.Regexp
}

func newMarker(terms []Term) *marker {
	m := &marker{terms: map[string]*Term{}}
	var words []string
	for i := range terms {
		for _, w := range append([]string{terms[i].Term}, terms[i].words...) {
			if _, had := m.terms[strings.ToLower(w)]; !had {
				m.terms[strings.ToLower(w)] = &terms[i]
				words = append(words, regexp.QuoteMeta(w))
			}
		}
	}
	if len(words) == 0 {
		return m
	}
	// The longest first, for "circuit breaker" is not "breaker".
	sort.Slice(words, func(i, j int) bool {
		if len(words[i]) != len(words[j]) {
			return len(words[i]) > len(words[j])
		}
		return words[i] < words[j]
	})
	m.re = regexp.MustCompile(`(?i)\b(?:` + strings.Join(words, "|") + `)s?\b`)
	return m
}

// find is the term that a word is, in the singular or the plural.
func (m *marker) find(word string) *Term {
	word = strings.ToLower(word)
	if t := m.terms[word]; t != nil {
		return t
	}
	return m.terms[strings.TrimSuffix(word, "s")]
}

// pieces takes prose apart at its code and at the terms that it is the first to use.
func (m *marker) pieces(s string) (all []piece) {
	for _, p := range codePieces(s) {
		if p.code || m.re == nil {
			all = append(all, p)
			continue
		}
		at := 0
		for _, span := range m.re.FindAllStringIndex(p.text, -1) {
			t := m.find(p.text[span[0]:span[1]])
			if t == nil || inNumber(p.text, span[0], span[1]) {
				continue
			}
			m.forget(t)
			if span[0] > at {
				all = append(all, piece{text: p.text[at:span[0]]})
			}
			all = append(all, piece{text: p.text[span[0]:span[1]], term: t})
			at = span[1]
		}
		if at < len(p.text) {
			all = append(all, piece{text: p.text[at:]})
		}
	}
	return all
}

// inNumber says that what stands at from to to is a part of a longer number, as the
// 504 of 7,504 is.
func inNumber(s string, from, to int) bool {
	digit := func(i int) bool { return i >= 0 && i < len(s) && s[i] >= '0' && s[i] <= '9' }
	joint := func(i int) bool { return i >= 0 && i < len(s) && (s[i] == ',' || s[i] == '.') }
	return digit(from) && joint(from-1) && digit(from-2) || digit(to-1) && joint(to) && digit(to+1)
}

// forget takes a term out, whose first use has been found.
func (m *marker) forget(t *Term) {
	for w, of := range m.terms {
		if of == t {
			delete(m.terms, w)
		}
	}
}

// used is the terms that the prose of a document uses.
func used(d *Document, terms []Term) []Term {
	m := newMarker(terms)
	seen := map[string]bool{}
	see := func(s string) {
		for _, p := range m.pieces(s) {
			if p.term != nil {
				seen[p.term.ID] = true
			}
		}
	}
	for _, s := range d.Sections {
		s.Walk(func(b *Block) { prose(b, see) })
	}
	out := []Term{}
	for _, t := range terms {
		if seen[t.ID] {
			out = append(out, t)
		}
	}
	return out
}

// prose hands out the texts of a block in which terms are marked, in the order in
// which they are written.
func prose(b *Block, f func(string)) {
	switch b.Kind {
	case Paragraph, Callout:
		for _, p := range paragraphs(b.Text) {
			f(p)
		}
	case List:
		for _, item := range b.Items {
			f(item)
		}
	case Code:
		for _, n := range b.Code.Notes {
			f(n.Text)
		}
	case Table, Facts, Group, Columns, Chart, Knobs, Missing: // names and figures
	}
}
