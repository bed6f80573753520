package language

import (
	"slices"
	"strings"
)

// ignoring is the mark, with the rule, which may be left out, and the reason.
var ignoring = compiled(`<!--\s*tripcurve:ignore\b\s*([A-Za-z/-]*?)\s*(?::\s*(.*?))?\s*-->`)

// marks are the rules that are silenced, by their lines.
type marks map[int][]string

func (m marks) silence(rule string, line int) bool {
	return slices.Contains(m[line], rule) || slices.Contains(m[line], "")
}

// misuse is a mark that silences nothing.
type misuse struct {
	Warning
	at int
}

func ignores(text string) (marks, []misuse) {
	all, wrong := marks{}, []misuse(nil)
	at := 0
	for i, line := range strings.Split(text, "\n") {
		for _, m := range ignoring().FindAllStringSubmatchIndex(line, -1) {
			rule := strings.TrimPrefix(line[m[2]:m[3]], "language/")
			reason := ""
			if m[4] >= 0 {
				reason = line[m[4]:m[5]]
			}
			said := line[m[0]:m[1]]
			switch {
			case rule != "" && !known(rule):
				wrong = append(wrong, misuse{Warning{Rule: "unknown-rule", Text: said, Reason: "there is no rule " + rule, Ask: "one of " + strings.Join(names(), ", ")}, at + m[0]})
			case reason == "":
				wrong = append(wrong, misuse{Warning{Rule: "ignore-without-reason", Text: said, Reason: "who reads it later cannot tell whether it still holds", Ask: "tripcurve:ignore RULE: reason"}, at + m[0]})
			default:
				n := i + 1
				if strings.TrimSpace(line[:m[0]]+line[m[1]:]) == "" {
					n++ // alone on its line
				}
				all[n] = append(all[n], rule)
			}
		}
		at += len(line) + 1
	}
	return all, wrong
}

func known(rule string) bool { return slices.Contains(names(), rule) }

// names are the rules that can be silenced.
func names() (all []string) {
	for _, r := range rules {
		if !slices.Contains(all, r.id) {
			all = append(all, r.id)
		}
	}
	return all
}
