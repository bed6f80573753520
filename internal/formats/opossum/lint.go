package opossum

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"tripcurve/internal/formats/source"
	"tripcurve/internal/formats/trap"
	"tripcurve/internal/policy/opossum"
)

// Detect says why a text is a file of options.
func Detect(file, text string) string {
	if !strings.HasPrefix(strings.TrimSpace(text), "{") {
		return ""
	}
	for _, key := range []string{"errorThresholdPercentage", "resetTimeout", "volumeThreshold", "rollingCountTimeout", "rollingCountBuckets", "errorThreshold", "allowWarmUp"} {
		if source.HasKey(text, key) {
			return "it has the key " + key
		}
	}
	if name := file[strings.LastIndexByte(file, '/')+1:]; strings.HasPrefix(name, "breaker.") && strings.HasSuffix(name, ".json") {
		return "its name is breaker.<service>.json"
	}
	return ""
}

// Lint is the traps of a file read as far as it can be read, and its mistakes.
func Lint(file, text string) ([]trap.Trap, *source.Node, error) {
	root, err := source.JSON(file, text)
	if err != nil {
		return nil, nil, err
	}
	traps, err := lint(file, root)
	return traps, root, err
}

func lint(file string, root *source.Node) ([]trap.Trap, error) {
	var mistakes []error
	c, _ := decodeAll(file, root, source.Decoder{Mistakes: &mistakes})
	if !several(root) {
		return slices.Concat(ignored(root), Traps(c[service(file)])), errors.Join(mistakes...)
	}
	var all []trap.Trap
	for _, name := range slices.Sorted(maps.Keys(c)) {
		n, _ := root.Get(name)
		for _, t := range slices.Concat(ignored(n), Traps(c[name])) {
			t.Path = trap.At([]string{name}, t.Path...)
			t.What = name + ": " + t.What
			all = append(all, t)
		}
	}
	return all, errors.Join(mistakes...)
}

// ignored are the traps that only the text shows: what the library overlooks or
// takes for something else, in silence.
func ignored(n *source.Node) []trap.Trap {
	var t traps
	for _, m := range n.Members {
		switch m.Key {
		case "errorThreshold":
			t.add("ignored-key", trap.Error, m.Key,
				"opossum has no such option and ignores it in silence: with the default volumeThreshold 0 the breaker opens on the first failure",
				"a percentage is errorThresholdPercentage, a number of calls is volumeThreshold", "errorThreshold %s", m.Value.Text)
		case "maxFailures":
			t.add("ignored-key", trap.Error, m.Key, "opossum no longer looks at it",
				"write errorThresholdPercentage and volumeThreshold", "maxFailures %s", m.Value.Text)
		case "abortController":
			t.add("shared-abort", trap.Error, m.Key,
				"all calls in flight share the one controller: a single time-out aborts them all, and without autoRenewAbortController every later call, too",
				"give each call a deadline of its own", "abortController")
		case "errorFilter":
			t.add("filter-in-json", trap.Error, m.Key, "it is a function, and the library calls it: what is none makes every failing call a TypeError",
				"write it in the code", "errorFilter %q", m.Value.Text)
		case "volumeThreshold":
			t.quoted(m, "opossum takes 0 for what is not an integer: one failure after a quiet window opens the breaker", trap.Error)
		case "capacity":
			t.quoted(m, "opossum takes what is not an integer for no limit at all", trap.Error)
		default:
			if opossum.Known(m.Key) == nil {
				t.quoted(m, "what becomes of text is left to JavaScript's conversions", trap.Warning)
			}
		}
	}
	return t
}

// quoted is a number written as text.
func (t *traps) quoted(m source.Member, why string, s trap.Severity) {
	if _, err := strconv.ParseFloat(m.Value.Text, 64); m.Value.Kind != source.String || err != nil {
		return
	}
	t.add("string-number", s, m.Key, why, fmt.Sprintf("write %s without quotes", m.Value.Text), "%s %q", m.Key, m.Value.Text)
}
