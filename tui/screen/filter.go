package screen

import (
	"fmt"
	"regexp"
	"strings"
)

// Filter keeps what matches a regular expression, or what does not. The zero
// Filter keeps everything.
type Filter struct {
	Text string // as typed
	not  bool
	re   *regexp.Regexp
}

// ParseFilter reads what was typed after '/': a regular expression, inverted by
// a leading '!', blind to case unless it has a capital.
func ParseFilter(text string) (Filter, error) {
	f := Filter{Text: text}
	expr, not := strings.CutPrefix(text, "!")
	if expr == "" {
		return Filter{}, nil
	}
	f.not = not
	if expr == strings.ToLower(expr) {
		expr = "(?i)" + expr
	}
	re, err := regexp.Compile(expr)
	if err != nil {
		return Filter{}, fmt.Errorf("filter %q: %w", text, err)
	}
	f.re = re
	return f, nil
}

// Active says whether the filter can hide anything.
func (f Filter) Active() bool { return f.re != nil }

// Match says whether any of the fields is kept.
func (f Filter) Match(fields ...string) bool {
	if f.re == nil {
		return true
	}
	for _, s := range fields {
		if f.re.MatchString(s) {
			return !f.not
		}
	}
	return f.not
}
