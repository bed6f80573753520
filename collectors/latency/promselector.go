package latency

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
)

// presetSelector selects the names that a scrape keeps, with those of Prometheus 3
// that have dots.
func presetSelector(names *Names) string {
	begin := make([]string, 0, len(kept))
	for _, k := range kept {
		begin = append(begin, regexp.QuoteMeta(k))
	}
	for _, name := range names.all() {
		begin = append(begin, regexp.QuoteMeta(name))
	}
	slices.Sort(begin)
	end := make([]string, 0, len(dropped))
	for _, d := range dropped {
		end = append(end, regexp.QuoteMeta(d))
	}
	return fmt.Sprintf("{__name__=~%q,__name__!~%q}", "("+strings.Join(begin, "|")+").*", ".*("+strings.Join(end, "|")+")")
}

// plainSelector is a name, or matchers in braces, or both. Quotes may hold
// anything.
var plainSelector = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^([a-zA-Z_:][a-zA-Z0-9_:]*)?\s*(\{(?:[^{}"'` + "`" + `]|"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|` + "`[^`]*`" + `)*\})?$`)
})

// parts of a histogram or summary, which are asked for with its name.
const parts = "(_bucket|_count|_sum|_total)?"

// asSelector is a query as a selector of raw samples, if it is one. The name of a
// histogram selects its parts, of which a classic one alone consists.
func asSelector(q string) (string, bool) {
	m := plainSelector().FindStringSubmatch(q)
	if m == nil || q == "" {
		return "", false
	}
	name, matchers := m[1], strings.TrimSpace(m[2])
	switch strings.ToLower(name) {
	case "":
		inside := strings.Trim(strings.TrimSpace(matchers[1:len(matchers)-1]), ",")
		return "{" + inside + "}", strings.TrimSpace(inside) != ""
	case "nan", "inf":
		return "", false
	}
	inside := strings.TrimSpace(strings.TrimSuffix(strings.TrimPrefix(matchers, "{"), "}"))
	if inside = strings.TrimSuffix(inside, ","); inside != "" {
		inside = "," + inside
	}
	return fmt.Sprintf("{__name__=~%q%s}", regexp.QuoteMeta(name)+parts, inside), true
}
