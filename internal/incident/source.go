package incident

import (
	"fmt"
	"time"
)

// SourceState says how a source does at the last look.
type SourceState uint8

const (
	SourceOK       SourceState = iota
	SourceStale                // connected, but nothing new for longer than its interval
	SourceDown                 // not reachable; it is being tried again
	SourceDone                 // ended in order: an imported file, a finished run
	SourceAbsent               // not configured
	SourceStarting             // begun, nothing heard of it yet
	SourceDegraded             // it answers, but not as it should: samples are missed, a rate limit holds
)

var sourceStates = [...]string{"ok", "stale", "down", "done", "absent", "starting", "degraded"}

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
	Since  time.Time // of its state, our clock; zero when nobody watched it
	Clock  Clock
}

// Clock is how the clock of a source stands to ours.
type Clock struct {
	Ahead  time.Duration // of ours; below 0 it is behind
	Within time.Duration // the error of Ahead at most, to either side; 0 is not measured
}

// Measured says whether there is a measurement.
func (c Clock) Measured() bool { return c.Within > 0 }

func (c Clock) String() string {
	switch {
	case !c.Measured():
		return "not measured"
	case c.Ahead.Abs() <= c.Within:
		return "as ours, within " + shortly(c.Within)
	case c.Ahead < 0:
		return fmt.Sprintf("%s behind ours, within %s", shortly(-c.Ahead), shortly(c.Within))
	}
	return fmt.Sprintf("%s ahead of ours, within %s", shortly(c.Ahead), shortly(c.Within))
}

// shortly is a duration to three digits or so.
func shortly(d time.Duration) string {
	unit := time.Microsecond
	for unit < time.Second && d >= 1000*unit {
		unit *= 10
	}
	return d.Round(unit).String()
}

// ClockOf is a clock that showed at, when it was asked at asked and had answered
// after took; resolution is the unit that it tells.
func ClockOf(at, asked time.Time, took, resolution time.Duration) Clock {
	return Clock{
		Ahead:  at.Add(resolution / 2).Sub(asked.Add(took / 2)),
		Within: max(resolution/2+took/2, time.Microsecond),
	}
}

// word is the name of an enumeration's value; what has none is printed as the
// number it is, for files may hold values of a newer program.
func word(names []string, i uint8, what string) string {
	if int(i) < len(names) {
		return names[i]
	}
	return fmt.Sprintf("%s %d", what, i)
}
