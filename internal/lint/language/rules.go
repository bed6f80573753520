package language

import (
	"strings"
	"sync"
)

// rule is a phrase: words, of which each may be one of several (a|b), and what has to
// stand around them.
type rule struct {
	id, reason, ask string
	phrases         []string
	when            func(words []word, i, n int) bool // nil: always
}

const (
	askHow    = "ask what made it possible or likely: what was known, shown and usual at that moment"
	askSystem = "say what the system lacked (a limit, a check, an alert), not what a person lacked"
)

// rules in the order in which they are tried; of one id several may be there.
var rules = []rule{
	{
		"fault", "a person and a verb of fault", askHow,
		[]string{
			"failed|fails|fail to", "neglected|neglects", "ignored|ignores", "overlooked|overlooks", "misread|misjudged|misconfigured|mishandled|botched",
			"messed|screwed up", "did|does not bother|care|think|notice|realize|realise", "didn't|doesn't bother|care|think|notice|realize|realise",
			"caused|broke the|production|prod|this|an|it", "is|was|are|were to blame", "is|was|are|were at fault",
		},
		byPerson,
	},
	{"fault", "a person and a verb of fault", askHow, []string{"forgot"}, notBySystem},
	{"fault", "a person and a verb of fault", askHow, []string{"forgets|forget"}, byPerson},
	{"fault", "a person and a verb of fault", askHow, []string{"his|her|their|my|your|our|whose fault", "the fault of", "blamed on", "blame for", "pointed|pointing fingers"}, nil},
	{
		"should-have", "a judgement after the fact: at that moment nobody knew how it would end", askHow,
		[]string{"should|could|ought have", "should|could not have", "shouldn't|couldn't|should've|could've", "should|could|would simply|just|easily have", "ought to have"},
		func(words []word, i, n int) bool { return byPerson(words, i, n) && participle(words, i+n) },
	},
	{"should-have", "a judgement after the fact: at that moment nobody knew how it would end", askHow, []string{"must have known", "had to know", "knew or should"}, byPerson},
	{
		"careless", "a judgement of a person", askHow,
		[]string{"careless|carelessly|carelessness", "negligent|negligence|negligently", "sloppy|sloppily|laziness|reckless|recklessly|incompetent|incompetence|stupid|stupidly"},
		nil,
	},
	{"human-error", "people err everywhere; that explains no incident", askSystem, []string{"human|operator|user|pilot|manual error|errors|mistake|mistakes", "human failure|factor"}, nil},
	{
		"mistake", "calls an action wrong by its outcome", askSystem,
		[]string{"mistake|mistakenly|mistook|blunder|blunders", "mistakes"},
		// "mistakes were made", "some mistakes"; not the verb of a parser that mistakes one thing for another
		func(words []word, i, _ int) bool {
			return words[i].text != "mistakes" || words[i].stop || determiners()[words[i-1].text] || amounts()[words[i-1].text]
		},
	},
	{"hindsight", "nothing was obvious before it was known", "say what was shown, and where", []string{"obviously", "obvious that|in", "of course", "in hindsight|retrospect", "with hindsight"}, nil},
	{
		"hindsight", "makes light of what was asked of a person", "say what was done, or leave the word out",
		[]string{"simply|merely"},
		func(words []word, i, n int) bool {
			if i+1 < len(words) && words[i+1].text == "put" {
				return false
			}
			p := before(words, i)
			return p < 0 || person(words, p) || helpers()[words[p].text] || words[p].text == "they" || words[p].text == "to"
		},
	},
	{"hindsight", "makes light of what was asked of a person", "say what was done, or leave the word out", []string{"just|only|simply had|needed|have to", "all|only they|he|she|we|you|anyone had to", "common sense", "should be|have been obvious", "as everyone|everybody|anyone knows"}, notBySystem},
	{"second-guessing", "tells another story than the one that happened", askSystem, []string{"if only", "if they|he|she|we|you|someone|somebody|anyone had"}, nil},
	{
		"second-guessing", "tells another story than the one that happened", askSystem,
		[]string{"would|could|might have prevented|avoided|caught|noticed|stopped|spotted"},
		func(words []word, i, n int) bool { return !bySystem(words, i, n) },
	},
	{
		"root-cause", "one cause, and a person or a team; incidents have several causes and none of them is a person", "name the contributing factors, in the plural",
		[]string{"root cause"},
		causeIsPerson,
	},
	{
		"why", "asks a person to justify what they did", "ask how it came about, or what was seen",
		[]string{"why did|didn't|do|does|was|were|wasn't|weren't|had|hadn't"},
		func(words []word, i, n int) bool {
			for j := i + n; j < min(i+n+4, len(words)) && !words[j].stop; j++ {
				if person(words, j) || words[j].text == "they" {
					return true
				}
				if !determiners()[words[j].text] && !qualifiers()[words[j].text] {
					return false
				}
			}
			return false
		},
	},
	{"who", "asks for a person instead of what happened", "ask how it came about, or what was seen", []string{"who caused|broke|forgot|approved|merged|deployed|allowed", "who did this|that|it", "who is|was to|responsible|at"}, nil},
}

// phrase is one phrase of a rule, each of its words being one of several.
type phrase struct {
	rule  int
	words []map[string]bool
}

// byFirst are the phrases by each word that they may begin with, in the order of the rules.
var byFirst = sync.OnceValue(func() map[string][]phrase {
	all := map[string][]phrase{}
	for n, r := range rules {
		for _, text := range r.phrases {
			p := phrase{rule: n}
			for part := range strings.FieldsSeq(text) {
				p.words = append(p.words, setOf(strings.ReplaceAll(part, "|", " ")))
			}
			for w := range p.words[0] {
				all[w] = append(all[w], p)
			}
		}
	}
	return all
})

// match is the first rule that a phrase at i is of, and of how many words the phrase is; 0:
// there is none.
func match(words []word, i int) (rule, int) {
next:
	for _, p := range byFirst()[words[i].text] {
		if i+len(p.words) > len(words) {
			continue
		}
		for k, w := range p.words[1:] {
			if words[i+k+1].stop || !w[words[i+k+1].text] {
				continue next
			}
		}
		if r := rules[p.rule]; r.when == nil || r.when(words, i, len(p.words)) {
			return r, len(p.words)
		}
	}
	return rule{}, 0
}

// before is the word that the one at i says something of: the last before it that is no
// adverb and no helping verb, in the same clause; -1 without one.
func before(words []word, i int) int {
	for ; i > 0 && !words[i].stop; i-- {
		if !adverb(words[i-1]) {
			return i - 1
		}
	}
	return -1
}

// adverb leaves out CONCURRENTLY, which is a thing here.
func adverb(w word) bool {
	return adverbs()[w.text] || strings.HasSuffix(w.text, "ly") && len(w.text) > 4 && w.orig != strings.ToUpper(w.orig)
}

func byPerson(words []word, i, _ int) bool {
	p := before(words, i)
	return p >= 0 && person(words, p)
}

// bySystem says that a thing did it, or something that stands for one.
func bySystem(words []word, i, _ int) bool {
	p := before(words, i)
	if p < 0 || person(words, p) || activities()[words[p].text] {
		return false
	}
	w := words[p].text
	return systems()[w] || systems()[strings.TrimSuffix(w, "s")] || strings.ContainsAny(w, "_.0123456789") || words[p].orig == strings.ToUpper(words[p].orig) && len(w) > 1
}

func notBySystem(words []word, i, n int) bool { return !bySystem(words, i, n) }

// person says whether the word at i is one for people.
func person(words []word, i int) bool {
	w := words[i].text
	if strings.HasPrefix(w, "@") || people()[w] || givenNames()[w] && words[i].orig != w {
		return true
	}
	if !ambiguous()[w] {
		return false
	}
	// the operator, an on-call manager; not the lock manager, the Postgres operator
	return i > 0 && !words[i].stop && (determiners()[words[i-1].text] || qualifiers()[words[i-1].text])
}

// participle says whether the word at i can follow "should have" as a verb: "we should have
// noticed" judges, "we should have a runbook" asks for one.
func participle(words []word, i int) bool {
	for ; i < len(words) && !words[i].stop; i++ {
		w := words[i].text
		if adverb(words[i]) {
			continue
		}
		return irregular()[w] || len(w) > 4 && strings.HasSuffix(w, "ed")
	}
	return false
}

// causeIsPerson says whether the root cause is said to be a person: "the root cause was that
// the engineer", "the team was the root cause". Who finds it is not it.
func causeIsPerson(words []word, i, n int) bool {
	linked := i+n < len(words) && words[i+n].stop // a colon
	for j := i + n; j < min(i+n+9, len(words)); j++ {
		w := words[j].text
		switch {
		case words[j].stop && j > i+n:
			return false
		case finders()[w]:
			return false
		case linked && person(words, j):
			return true
		}
		if linked = linked || w == "is" || w == "was" || w == "lies" || w == "lay"; !linked {
			break
		}
	}
	// "Bob was the root cause", "the team is the root cause"
	j := i
	for j > 0 && !words[j].stop && (determiners()[words[j-1].text] || helpers()[words[j-1].text]) {
		j--
	}
	return j < i && j > 0 && !words[j].stop && person(words, j-1) && helpers()[words[j].text]
}
