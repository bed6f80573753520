package serverlog

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"tripcurve/internal/incident"
	"tripcurve/internal/redact"
)

const classDeadlock = "deadlock"

const deadlockMessage = "deadlock detected"

// states are the errors worth counting by themselves, by SQLSTATE.
var states = map[string]string{
	"40P01": classDeadlock, "55P03": "lock_not_available", "57014": "canceled", "57P01": "terminated", "57P02": "crash_shutdown",
	"57P03": "cannot_connect_now", "53300": "too_many_connections", "25P03": "idle_in_transaction_timeout", "25P04": "transaction_timeout",
	"57P05": "idle_session_timeout", "53100": "disk_full", "53200": "out_of_memory",
}

// messages tell them where the log has no SQLSTATE, and apart where several share
// one.
var messages = []struct{ prefix, class string }{
	{deadlockMessage, classDeadlock},
	{"canceling statement due to lock timeout", "lock_timeout"},
	{"canceling statement due to statement timeout", "statement_timeout"},
	{"canceling statement due to user request", "canceled"},
	{"canceling autovacuum task", "autovacuum_canceled"},
	{"could not obtain lock on ", "lock_not_available"},
	{"terminating connection due to administrator command", "terminated"},
	{"terminating connection due to idle-in-transaction timeout", "idle_in_transaction_timeout"},
	{"terminating connection due to transaction timeout", "transaction_timeout"},
	{"terminating connection due to idle-session timeout", "idle_session_timeout"},
	{"terminating connection because of crash of another server process", "crash_shutdown"},
	{"sorry, too many clients already", "too_many_connections"},
	{"remaining connection slots are reserved for ", "too_many_connections"},
	{"too many connections for ", "too_many_connections"},
	{"the database system is ", "cannot_connect_now"},
	{"out of memory", "out_of_memory"},
}

// serverMessages are what the server says of itself.
var serverMessages = []struct{ prefix, class string }{
	{"checkpoint complete: ", "checkpoint"},
	{"restartpoint complete: ", "checkpoint"},
	{"checkpoints are occurring too frequently ", "checkpoints_too_frequent"},
	{"database system is ready to accept connections", "started"},
	{"received fast shutdown request", "shutdown"},
	{"received smart shutdown request", "shutdown"},
	{"received immediate shutdown request", "shutdown"},
	{"database system was not properly shut down; automatic recovery in progress", "recovery"},
	{"automatic vacuum of table ", "autovacuum"},
	{"automatic aggressive vacuum ", "autovacuum"},
	{"automatic analyze of table ", "autovacuum"},
}

// isError says that an entry is an error, also in a log of another language.
func isError(e *entry) bool {
	switch e.severity {
	case "ERROR", "FATAL", "PANIC":
		return true
	case "LOG", "WARNING", "NOTICE", "INFO", "DEBUG":
		return false
	}
	return len(e.state) == 5 && e.state[:2] > "02" // 00, 01 and 02 are successes and warnings
}

// plainClass is the class of an entry whose text is not the server's.
func plainClass(e *entry) string {
	if isError(e) {
		return "error"
	}
	return ""
}

// classOf is what kind of event an entry is, empty when it is none worth keeping;
// note says it in a few words, and took how long it took.
func classOf(e *entry) (class, note string, took time.Duration) {
	note = clip(e.message, 300)
	if isError(e) {
		for _, m := range messages {
			if strings.HasPrefix(e.message, m.prefix) {
				return m.class, note, 0
			}
		}
		return either(states[e.state], "error"), note, 0
	}
	if t, ok := readTimed(e.message); ok {
		switch t.step {
		case "":
			return "", "", 0
		case "plan":
			return "plan", "plan of a statement of " + t.took.Round(time.Millisecond).String(), t.took
		}
		return "slow_statement", fmt.Sprintf("%s of %s", t.step, t.took.Round(time.Millisecond)), t.took
	}
	if e.user != "" {
		return "", "", 0
	}
	if isCrash(e.message) {
		return "crash", note, 0
	}
	for _, m := range serverMessages {
		if strings.HasPrefix(e.message, m.prefix) {
			return m.class, note, 0
		}
	}
	return "", "", 0
}

// cycleNote words a deadlock.
func cycleNote(cycle []edge, note string) string {
	const most = 8
	var steps []string
	for i, x := range cycle {
		if i == most {
			steps = append(steps, fmt.Sprintf("and %d more", len(cycle)-most))
			break
		}
		steps = append(steps, fmt.Sprintf("pid %d waits for pid %d (%s on %s)", x.waiter, x.holder, x.mode, x.on.text))
	}
	if len(steps) == 0 {
		return note
	}
	return note + ": " + strings.Join(steps, ", ")
}

// events counts what happened and keeps some entries whole.
type events struct {
	classes map[string]*class
}

// class is one kind of event.
type class struct {
	counts      []incident.Point // the count so far, at most one a width
	width       time.Duration
	n           int64
	first, last incident.Exemplar
	slowest     []incident.Exemplar // longest first
	sampled     []incident.Exemplar // by lot, smallest first
}

const (
	keepSlowest = 20
	keepSampled = 16
	// maxCounts bounds the points of one class: beyond it they stand half as close.
	maxCounts = 8192
)

func newEvents() events { return events{classes: map[string]*class{}} }

func (v *events) add(e *entry, name, note string, took time.Duration, origin incident.Origin) {
	if name == "" {
		return
	}
	c := v.classes[name]
	if c == nil {
		c = &class{width: time.Second}
		v.classes[name] = c
	}
	c.n++
	c.count(e.at)
	lot := drawn(e.offset)
	slow := took > 0 && (len(c.slowest) < keepSlowest || took > c.slowest[len(c.slowest)-1].Took)
	sample := len(c.sampled) < keepSampled || lot < drawn(c.sampled[len(c.sampled)-1].Origin.From)
	x := incident.Exemplar{
		Start: e.at.Add(-took), End: e.at, Endpoint: incident.Endpoint{Method: incident.ServerLogMethod, Route: name},
		Took: took, Raw: e.raw, Note: note, Origin: e.in(origin),
	}
	x.Origin.From, x.Origin.To = e.offset, e.offset+e.length
	if c.n == 1 {
		c.first = x
	}
	if slow {
		c.slowest = placed(c.slowest, keepSlowest, x, func(a, b incident.Exemplar) int {
			return cmp.Or(cmp.Compare(b.Took, a.Took), cmp.Compare(a.Origin.From, b.Origin.From))
		})
	}
	if sample {
		c.sampled = placed(c.sampled, keepSampled, x, func(a, b incident.Exemplar) int {
			return cmp.Compare(drawn(a.Origin.From), drawn(b.Origin.From))
		})
	}
	c.last = x
}

func placed(list []incident.Exemplar, most int, x incident.Exemplar, order func(a, b incident.Exemplar) int) []incident.Exemplar {
	i, _ := slices.BinarySearchFunc(list, x, order)
	list = slices.Insert(list, i, x)
	return list[:min(len(list), most)]
}

// count adds a point; the lines of a log are nearly in the order of time.
func (c *class) count(at time.Time) {
	at = at.Truncate(c.width)
	if n := len(c.counts); n > 0 && !at.After(c.counts[n-1].At) {
		c.counts[n-1].V++
		return
	}
	c.counts = append(c.counts, incident.Point{At: at, V: float64(c.n)})
	if len(c.counts) <= maxCounts {
		return
	}
	c.width *= 2
	kept := c.counts[:0]
	for _, p := range c.counts {
		p.At = p.At.Truncate(c.width)
		if n := len(kept); n > 0 && !p.At.After(kept[n-1].At) {
			kept[n-1].V = p.V
			continue
		}
		kept = append(kept, p)
	}
	c.counts = kept
}

// drawn is the lot of the entry at an offset: keeping the smallest lots is a
// uniform sample (splitmix64).
func drawn(offset int64) uint64 {
	z := uint64(offset) + 0x9e3779b97f4a7c15
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// failing are the classes of which the first and the last count by themselves.
func failing(name string) bool {
	switch name {
	case "slow_statement", "plan", "checkpoint", "autovacuum", "started":
		return false
	}
	return true
}

func (v *events) facts(facts []incident.Fact, origin incident.Origin) []incident.Fact {
	names := make([]string, 0, len(v.classes))
	for name := range v.classes {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		c := v.classes[name]
		facts = append(facts, incident.Series{
			Name: incident.ServerLogEvents, Labels: map[string]string{"event": name}, Unit: "1", Kind: incident.Counter,
			Points: c.counts, Origin: origin, Caveat: "counted from the beginning of the log",
		})
		give := func(kind incident.ExemplarKind, x incident.Exemplar) {
			x.Kind, x.Raw, x.Note = kind, redact.MaskSecrets(x.Raw), redact.MaskSecrets(x.Note)
			if origin.File == "" {
				x.Origin.From, x.Origin.To = 0, 0
			}
			facts = append(facts, x)
		}
		if failing(name) {
			give(incident.FirstFailing, c.first)
			give(incident.LastFailing, c.last)
		}
		for _, x := range c.slowest {
			give(incident.Slowest, x)
		}
		for _, x := range c.sampled {
			give(incident.Sampled, x)
		}
	}
	return facts
}
