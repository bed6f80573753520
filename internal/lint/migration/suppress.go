package migration

import (
	"regexp"
	"slices"
	"strings"
	"sync"

	"tripcurve/internal/formats/trap"
	"tripcurve/internal/lint/config"
)

// ignore is a comment that silences a rule for the statement that it stands before,
// in, or behind on its last line.
type ignore struct {
	at   int
	rule string // with its prefix
	used bool
}

var ignoring = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^\s*tripcurve:ignore\b\s*([A-Za-z/-]*)\s*(:?)\s*(.*?)\s*$`)
})

// ignores reads the comments; what is wrong with one is said, and it silences
// nothing.
func (w *walk) ignores(comments []remark) []*ignore {
	var all []*ignore
	for _, c := range comments {
		if !strings.Contains(c.text, "tripcurve:ignore") {
			continue
		}
		m := ignoring().FindStringSubmatch(c.text)
		if m == nil {
			continue
		}
		rule := strings.TrimPrefix(m[1], prefix)
		_, known := rules[rule]
		switch {
		case !known:
			w.say(c.at, rules["unknown-rule"], trap.Error, "tripcurve:ignore of \""+m[1]+"\"", "there is no such rule", "write -- tripcurve:ignore RULE: reason")
		case m[2] == "" || m[3] == "":
			w.say(c.at, rules["ignore-without-reason"], trap.Error, "tripcurve:ignore "+rule+" without a reason", "who reads it later cannot tell whether it still holds", "write -- tripcurve:ignore "+rule+": reason")
		case rule == "syntax" || rule == "unknown-rule" || rule == "ignore-without-reason":
			w.say(c.at, rules["unknown-rule"], trap.Error, "tripcurve:ignore "+rule, "this cannot be ignored", "")
		default:
			all = append(all, &ignore{at: c.at, rule: prefix + rule})
		}
	}
	return all
}

// suppress are the findings that no comment silences, in order, with what is to be
// said of the comments.
func (w *walk) suppress(ignores []*ignore, chunks []chunk) []config.Finding {
	var kept []config.Finding
	for _, f := range w.findings {
		if i := w.silencer(f, ignores, chunks); i != nil {
			i.used = true
			continue
		}
		kept = append(kept, f)
	}
	w.findings = nil
	for _, i := range ignores {
		if !i.used {
			w.say(i.at, rules["unused-ignore"], trap.Warning, "tripcurve:ignore "+strings.TrimPrefix(i.rule, prefix)+" silences nothing", "the statement has changed, or the comment stands at another one", "remove it")
		}
	}
	kept = append(kept, w.findings...)
	slices.SortStableFunc(kept, func(a, b config.Finding) int {
		if a.Line != b.Line {
			return a.Line - b.Line
		}
		return a.Column - b.Column
	})
	return kept
}

// silencer is the comment that silences a finding.
func (w *walk) silencer(f config.Finding, ignores []*ignore, chunks []chunk) *ignore {
	at := w.lines[f.Line-1] + f.Column - 1
	for n, c := range chunks {
		if at < c.at || at > c.end {
			continue
		}
		from, until := 0, c.end+lineEnd(w.text[c.end:])
		if n > 0 {
			from = chunks[n-1].end + lineEnd(w.text[chunks[n-1].end:])
			from = min(from, c.at)
		}
		if n+1 < len(chunks) {
			until = min(until, chunks[n+1].at)
		}
		for _, i := range ignores {
			if i.rule == f.Rule && i.at >= from && i.at <= until {
				return i
			}
		}
	}
	return nil
}
