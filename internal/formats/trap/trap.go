// Package trap is what a configuration does that its keys do not say, in a shape
// that exporters print and the linter places in a file.
package trap

import "slices"

// Severity of a trap. The zero value is an Error, so that one that was not
// weighed is not overlooked.
type Severity uint8

const (
	// Error: the file does not do what it says, or does nothing at all.
	Error Severity = iota
	// Warning: it does what it says, and that hurts on a bad day.
	Warning
	// Note: true of every file of this kind, or worth knowing; nothing to change.
	Note
)

var severityNames = [...]string{"error", "warning", "note"}

func (s Severity) String() string { return severityNames[s] }

// Trap is one of them. A sentence made of it reads "What: Why; Instead", each
// part in lower case without a full stop.
type Trap struct {
	// Rule is "<format>/<what is wrong>": "resilience4j/half-open-forever".
	Rule     string
	Severity Severity
	// Path is the keys from the root of the file to what is meant, an item of a
	// list by its index ("0"). The path to a key that is missing may end in it.
	Path []string
	// What stands in the file ("volumeThreshold 0") or is missing ("no timeout").
	What string
	// Why it hurts.
	Why string
	// Instead is what to write; empty where there is nothing to write.
	Instead string
}

func (t Trap) String() string {
	s := t.What
	if t.Why != "" {
		s += ": " + t.Why
	}
	if t.Instead != "" {
		s += "; " + t.Instead
	}
	return s
}

// Sentences are the traps in words.
func Sentences(traps []Trap) []string {
	var s []string
	for _, t := range traps {
		s = append(s, t.String())
	}
	return s
}

// At is a path with further keys behind it. Neither shares memory with the other.
func At(path []string, keys ...string) []string { return slices.Concat(path, keys) }
