package gatewaylog

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"
)

// apacheSign finds a conversion of Apache's: %h, %>s, %{Referer}i, %!200,304{Cookie}i, %^FB.
var apacheSign = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^%(?:%|(?:!?[0-9]{3}(?:,[0-9]{3})*)?[<>]?(?:\{[^}]*\})?(?:\^?[A-Za-z]{1,2}))`)
})

// apacheLooking tells an Apache LogFormat from an nginx log_format.
func apacheLooking(text string) bool {
	return strings.HasPrefix(text, "LogFormat ") || strings.HasPrefix(text, "LogFormat\t") || !strings.Contains(text, "$") && strings.Contains(text, "%")
}

// parseApacheFormat compiles a LogFormat: the directive with its quoted string
// and nickname, or only the string.
func parseApacheFormat(text string) (*Format, error) {
	layout, columns, name, err := apacheDirective(text)
	if err != nil {
		return nil, fmt.Errorf("LogFormat: %w", err)
	}
	f := &Format{Name: "LogFormat", Title: "Apache LogFormat", Family: "apache", Layout: layout, Vocabulary: "apache", Escape: "apache", Outcomes: "apache", stamp: stampStart}
	if name != "" {
		f.Title += " " + name
	}
	var v apacheVocabulary
	f.program, err = compile(layout, escapeApache, vocabulary{
		sign: "%", next: apacheName, look: v.look, column: func(i int) int { return columns[i] },
	})
	if err != nil {
		return nil, fmt.Errorf("LogFormat: %w", err)
	}
	if v.end {
		f.stamp = stampEnd
	}
	f.program.keepBest(v.took)
	f.Took.Unit = v.took
	if err := f.complete(); err != nil {
		return nil, err
	}
	return f, f.checkApache()
}

// keepBest reads over what is said better elsewhere on the line: a duration in a
// coarser unit, the status before an internal redirect.
func (p *program) keepBest(unit string) {
	final := slices.ContainsFunc(p.ops, func(o op) bool { return o.field == statusField && o.grade >= 0 })
	for i := range p.ops {
		o := &p.ops[i]
		if o.field == tookField && o.unit != units[unit] || o.field == statusField && final && o.grade < 0 {
			o.field = skipField
			p.fields--
		}
	}
}

// apacheDirective takes the directive apart. columns are, for each byte of the
// layout, where it stands in text, from 1.
func apacheDirective(text string) (layout string, columns []int, name string, err error) {
	at := 0
	if rest, ok := strings.CutPrefix(text, "LogFormat"); ok {
		at = len(text) - len(strings.TrimLeft(rest, " \t"))
	}
	var quote byte
	if at < len(text) && (text[at] == '"' || text[at] == '\'') {
		quote = text[at]
		if at == 0 && quote == '"' && !closes(text) {
			quote = 0 // the bare text, which begins with a quoted value
		} else {
			at++
		}
	}
	if at > 0 && quote == 0 {
		return "", nil, "", fmt.Errorf("column %d: expected the format in quotes, found %q", at+1, text[min(at, len(text)):min(at+12, len(text))])
	}
	var b strings.Builder
	for ; at < len(text); at++ {
		c := text[at]
		if quote != 0 && c == quote {
			rest := strings.Fields(text[at+1:])
			if len(rest) > 0 {
				name = rest[0]
			}
			return b.String(), columns, name, nil
		}
		columns = append(columns, at+1)
		if c == '\\' && at+1 < len(text) {
			if e, ok := nginxEscapes[text[at+1]]; ok {
				c = e
				at++
			}
		}
		b.WriteByte(c)
	}
	if quote != 0 {
		return "", nil, "", fmt.Errorf("the %c of the format is not closed", quote)
	}
	return b.String(), columns, "", nil
}

// closes says that the quote text begins with ends the format: inside, quotes
// have a backslash, and behind it stands at most a nickname.
func closes(text string) bool {
	for i := 1; i < len(text); i++ {
		switch text[i] {
		case '\\':
			i++
		case '"':
			return !strings.Contains(text[i+1:], "%")
		}
	}
	return false
}

// apacheName reads one conversion, without its percent sign.
func apacheName(s string) (name string, n int) {
	if s[0] != '%' {
		return "", 0
	}
	if strings.HasPrefix(s, "%U%q") { // which together are the target as it was sent
		return "U%q", 4
	}
	m := apacheSign().FindString(s)
	if m == "" {
		return "", 1
	}
	// Only three conversions have two letters; of others the second one is text.
	if letters := m[strings.LastIndexAny(m, "}<>%0123456789,")+1:]; len(letters) == 2 && letters[0] != '^' {
		m = m[:len(m)-1]
	}
	if i := strings.IndexByte(m, '^'); i >= 0 {
		if two := m[i+1:]; two != "FB" && two != "FU" && two != "ti" && two != "to" {
			return "", 1
		}
	}
	return m[1:], len(m)
}

// apacheVocabulary looks conversions up, and remembers what the format makes of them.
type apacheVocabulary struct {
	took string
	end  bool
}

// apacheWords are conversions without a choice. What is not among them is an
// error, for Apache would not start with it either.
var apacheWords = map[string]spec{
	"h": {}, "a": {}, "{c}a": {}, "A": {}, "l": {}, "L": {}, "k": {}, "p": {}, "P": {}, "f": {text: true}, "H": {}, "R": {}, "X": {field: flagsField, width: 1},
	"u": {text: true}, "q": {text: true}, "I": {field: sizeField}, "O": {field: sizeField}, "S": {field: sizeField}, "b": {field: sizeField}, "B": {field: sizeField},
	"r": {field: requestField, text: true}, "m": {field: methodField}, "U": {field: targetField, text: true}, "U%q": {field: targetField, text: true},
	"s": {field: statusField, width: 3}, "v": {field: hostField}, "V": {field: hostField},
	"^FB": {field: upstreamTookField, unit: time.Microsecond}, "^FU": {},
	"D": {field: tookField, unit: time.Microsecond}, "T": {field: tookField, unit: time.Second},
	"{ms}T": {field: tookField, unit: time.Millisecond}, "{us}T": {field: tookField, unit: time.Microsecond}, "{s}T": {field: tookField, unit: time.Second},
	"{UNIQUE_ID}e": {field: requestIDField}, "{X-Request-Id}i": {field: requestIDField, text: true}, "{X-Request-ID}i": {field: requestIDField, text: true},
	"{X-Request-Id}o": {field: requestIDField, text: true}, "{Host}i": {field: hostField, text: true},
	"{BALANCER_WORKER_NAME}e": {field: upstreamAddrField}, "{BALANCER_WORKER_ROUTE}e": {field: clusterField},
}

// fineness orders the ways to write one duration: the finer one counts.
var fineness = map[time.Duration]string{time.Second: "s", time.Millisecond: "ms", time.Microsecond: "us"}

func (v *apacheVocabulary) look(name string) (spec, error) {
	name = strings.TrimLeft(name, "!0123456789,")
	plain := strings.TrimLeft(name, "<>")
	if s, ok := apacheWords[plain]; ok {
		if s.field == statusField && !strings.HasPrefix(name, ">") {
			s.grade = -1 // of the request as it came; %>s is the answer
		}
		if s.field == tookField {
			s.grade = finer[s.unit]
			if unit := fineness[s.unit]; v.took == "" || s.grade > finer[units[v.took]] {
				v.took = unit
			}
		}
		return s, nil
	}
	argument, letter, ok := strings.Cut(strings.TrimPrefix(plain, "{"), "}")
	if !ok {
		argument, letter = "", plain
	}
	switch letter {
	case "t":
		return v.time(argument)
	case "i", "o", "n", "C", "e", "^ti", "^to":
		if argument != "" {
			return spec{text: true}, nil
		}
	case "a", "p", "P", "h":
		return spec{}, nil
	}
	return spec{}, fmt.Errorf("no such conversion of Apache's, or one that cannot be read")
}

var finer = map[time.Duration]int{time.Second: 1, time.Millisecond: 2, time.Microsecond: 3}

// time reads %t and %{...}t.
func (v *apacheVocabulary) time(layout string) (spec, error) {
	rest, end := strings.CutPrefix(layout, "end:")
	v.end = v.end || end
	rest = strings.TrimPrefix(rest, "begin:")
	switch rest {
	case "":
		if layout != "" {
			break
		}
		return spec{field: atField, time: bracketTime, width: 28, grade: 1}, nil
	case "sec":
		return spec{field: atField, time: unixTime, unit: time.Second, grade: 1}, nil
	case "msec":
		return spec{field: atField, time: unixTime, unit: time.Millisecond, grade: 3}, nil
	case "usec":
		return spec{field: atField, time: unixTime, unit: time.Microsecond, grade: 4}, nil
	case "msec_frac":
		return spec{field: fractionField, width: 3}, nil
	case "usec_frac":
		return spec{field: fractionField, width: 6}, nil
	case "%z":
		return spec{field: zoneField, width: 5}, nil
	}
	f, err := parseStrftime(rest)
	if err != nil {
		return spec{}, err
	}
	if !f.has("YdHMS") || !f.has("m") && !f.has("b") {
		return spec{}, fmt.Errorf("a time needs year, month, day, hour, minute and second in one %%{...}t")
	}
	return spec{field: atField, time: pieceTime, pieces: f, width: f.width}, nil
}

// checkApache says what a LogFormat cannot do without, and notes what it does without.
func (f *Format) checkApache() error {
	switch {
	case !f.has(atField):
		return fmt.Errorf("LogFormat: no time: %%t is needed")
	case !f.has(statusField):
		return fmt.Errorf("LogFormat: no status: %%>s is needed")
	case !f.has(requestField) && !f.has(targetField):
		return fmt.Errorf("LogFormat: no request: %%r, or %%m and %%U, is needed")
	}
	if !f.has(requestField) && !f.has(methodField) {
		f.Notes = append(f.Notes, "no %m: requests of all methods are counted together")
	}
	return nil
}
