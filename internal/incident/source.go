package incident

import (
	"fmt"
	"time"
)

// SourceState says how a source does at the last look.
type SourceState uint8

const (
	SourceOK     SourceState = iota
	SourceStale              // connected, but nothing new for longer than its interval
	SourceDown               // not reachable; it is being tried again
	SourceDone               // ended in order: an imported file, a finished run
	SourceAbsent             // not configured
)

var sourceStates = [...]string{"ok", "stale", "down", "done", "absent"}

func (s SourceState) String() string { return word(sourceStates[:], uint8(s), "source state") }

// ServerLogGroup is the group in the status of an imported server log. Its facts
// are of the group postgres, for a log and a sampler see the same locks; but a log
// without lock waits has not looked at the locks.
const ServerLogGroup = "postgres_log"

// SourceStatus is how one source does.
type SourceStatus struct {
	Name   string // as in Origin.Name
	Group  string // independence group, as in Origin.Group
	State  SourceState
	LastAt time.Time // of its newest evidence, the source's clock; zero when it gave none
	Detail string    // why it is stale or down; foreign text, sanitised when rendered
}

// word is the name of an enumeration's value; what has none is printed as the
// number it is, for files may hold values of a newer program.
func word(names []string, i uint8, what string) string {
	if int(i) < len(names) {
		return names[i]
	}
	return fmt.Sprintf("%s %d", what, i)
}
