package serverlog

import (
	"strconv"
	"strings"
	"time"

	"tripcurve/internal/pglock"
)

// lockWord is what a message says of a wait for a lock.
type lockWord uint8

const (
	stillWaiting lockWord = iota
	acquired
	detectedDeadlock
	avoidedDeadlock
	failedToAcquire
)

// lockWords are PostgreSQL's messages of log_lock_waits (proc.c, ProcSleep).
var lockWords = []struct {
	text string
	word lockWord
}{
	{" still waiting for ", stillWaiting},
	{" acquired ", acquired},
	{" detected deadlock while waiting for ", detectedDeadlock},
	{" avoided deadlock for ", avoidedDeadlock},
	{" failed to acquire ", failedToAcquire},
}

// lockMessage is a message of log_lock_waits.
type lockMessage struct {
	word  lockWord
	pid   int
	mode  pglock.Mode
	on    object
	after time.Duration // that the wait has lasted
}

// object is what a lock is on, as the server names it: by numbers.
type object struct {
	text     string // "relation 16384 of database 5"
	lockType string // pg_locks.locktype
	relation uint32 // oid; 0 when the object is none and of none
	database uint32
}

// maxAfter bounds how long a wait may have lasted: longer ones are garbage.
const maxAfter = 366 * 24 * time.Hour

// readLock reads "process N still waiting for MODE on OBJECT after N ms".
func readLock(message string) (m lockMessage, ok bool) {
	rest, ok := strings.CutPrefix(message, "process ")
	if !ok {
		return m, false
	}
	pid, rest, _ := strings.Cut(rest, " ")
	n, err := readPID(pid)
	if err != nil || n == 0 {
		return m, false
	}
	m.pid = n
	rest = " " + rest
	for _, w := range lockWords {
		tail, found := strings.CutPrefix(rest, w.text)
		if !found {
			continue
		}
		m.word = w.word
		mode, tail, _ := strings.Cut(tail, " on ")
		if m.mode, ok = pglock.Parse(mode); !ok {
			return m, false
		}
		what, after, found := cutLast(tail, " after ")
		if !found {
			return m, false
		}
		what = strings.TrimSuffix(what, " by rearranging queue order")
		if m.on, ok = readObject(what); !ok {
			return m, false
		}
		m.after, ok = readMillis(after)
		return m, ok
	}
	return m, false
}

func cutLast(s, sep string) (before, after string, found bool) {
	i := strings.LastIndex(s, sep)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+len(sep):], true
}

// readMillis reads "100.088 ms" and ignores what follows.
func readMillis(s string) (time.Duration, bool) {
	number, _, ok := strings.Cut(s, " ms")
	if !ok || len(number) > 20 || strings.ContainsAny(number, "eExXpPnN_+-") {
		return 0, false
	}
	ms, err := strconv.ParseFloat(number, 64)
	if err != nil || ms < 0 || ms > float64(maxAfter/time.Millisecond) {
		return 0, false
	}
	return time.Duration(ms*1000+0.5) * time.Microsecond, true
}

// objects are the ways in which the server names what a lock is on (lmgr.c,
// DescribeLockTag); N stands for a number.
var objects = []struct {
	words    []string // between the numbers
	lockType string
	relation int // which number is the relation's oid, from 1; 0 none
	database int
}{
	{[]string{"relation ", " of database ", ""}, "relation", 1, 2},
	{[]string{"extension of relation ", " of database ", ""}, "extend", 1, 2},
	{[]string{"pg_database.datfrozenxid of database ", ""}, "frozenid", 0, 1},
	{[]string{"page ", " of relation ", " of database ", ""}, "page", 2, 3},
	{[]string{"tuple (", ",", ") of relation ", " of database ", ""}, "tuple", 3, 4},
	{[]string{"transaction ", ""}, "transactionid", 0, 0},
	{[]string{"virtual transaction ", "/", ""}, "virtualxid", 0, 0},
	{[]string{"speculative token ", " of transaction ", ""}, "spectoken", 0, 0},
	{[]string{"object ", " of class ", " of database ", ""}, "object", 0, 3},
	{[]string{"user lock [", ",", ",", "]"}, "userlock", 0, 1},
	{[]string{"advisory lock [", ",", ",", ",", "]"}, "advisory", 0, 1},
	{[]string{"remote transaction ", " of subscription ", " of database ", ""}, "applytransaction", 0, 3},
}

func readObject(text string) (object, bool) {
	for _, o := range objects {
		rest, ok := strings.CutPrefix(text, o.words[0])
		if !ok {
			continue
		}
		var numbers []uint32
		for _, word := range o.words[1:] {
			end := 0
			for end < len(rest) && '0' <= rest[end] && rest[end] <= '9' {
				end++
			}
			n, err := strconv.ParseUint(rest[:end], 10, 32)
			if err != nil {
				ok = false
				break
			}
			numbers = append(numbers, uint32(n))
			if rest, ok = strings.CutPrefix(rest[end:], word); !ok {
				break
			}
		}
		if !ok || rest != "" {
			continue
		}
		x := object{text: text, lockType: o.lockType}
		if o.relation > 0 {
			x.relation = numbers[o.relation-1]
		}
		if o.database > 0 {
			x.database = numbers[o.database-1]
		}
		return x, true
	}
	return object{}, false
}

// maxListed bounds how many process ids of one line are kept.
const maxListed = 10_000

// readQueue reads "Process holding the lock: 1. Wait queue: 2, 3.", also in the
// plural.
func readQueue(detail string) (holders, queue []int, ok bool) {
	rest, ok := strings.CutPrefix(detail, "Process holding the lock: ")
	if !ok {
		if rest, ok = strings.CutPrefix(detail, "Processes holding the lock: "); !ok {
			return nil, nil, false
		}
	}
	held, waits, ok := strings.Cut(rest, ". Wait queue: ")
	if !ok {
		return nil, nil, false
	}
	if holders, ok = readPIDs(held); !ok {
		return nil, nil, false
	}
	queue, ok = readPIDs(strings.TrimSuffix(strings.TrimRight(waits, "\n"), "."))
	return holders, queue, ok
}

func readPIDs(s string) (list []int, ok bool) {
	if s = strings.TrimSpace(s); s == "" {
		return nil, true
	}
	for field := range strings.SplitSeq(s, ", ") {
		n, err := readPID(field)
		if err != nil || n == 0 {
			return nil, false
		}
		if len(list) < maxListed {
			list = append(list, n)
		}
	}
	return list, true
}

// edge is one step of a deadlock.
type edge struct {
	waiter, holder int
	mode           pglock.Mode
	on             object
}

// maxCycle bounds a deadlock's length.
const maxCycle = 1000

// readDeadlock reads the detail of "deadlock detected": who waits for whom, then
// what each runs.
func readDeadlock(detail string) (cycle []edge, queries map[int]string) {
	all := strings.Split(detail, "\n")
	for len(all) > 0 && len(cycle) < maxCycle {
		e, ok := readEdge(all[0])
		if !ok {
			break
		}
		cycle = append(cycle, e)
		all = all[1:]
	}
	queries = map[int]string{}
	at := 0
	for _, line := range all {
		rest, ok := strings.CutPrefix(line, "Process ")
		pid, query, found := strings.Cut(rest, ": ")
		if n, err := readPID(pid); ok && found && err == nil && inCycle(cycle, n) && queries[n] == "" {
			at = n
			queries[n] = query
		} else if at != 0 {
			queries[at] += "\n" + line
		}
	}
	return cycle, queries
}

func inCycle(cycle []edge, pid int) bool {
	for _, e := range cycle {
		if e.waiter == pid {
			return true
		}
	}
	return false
}

// readEdge reads "Process P waits for MODE on OBJECT; blocked by process Q.".
func readEdge(line string) (e edge, ok bool) {
	rest, ok := strings.CutPrefix(line, "Process ")
	pid, rest, found := strings.Cut(rest, " waits for ")
	if !ok || !found {
		return e, false
	}
	mode, rest, _ := strings.Cut(rest, " on ")
	what, holder, found := strings.Cut(rest, "; blocked by process ")
	if !found {
		return e, false
	}
	var err1, err2 error
	e.waiter, err1 = readPID(pid)
	e.holder, err2 = readPID(strings.TrimSuffix(holder, "."))
	if err1 != nil || err2 != nil || e.waiter == 0 || e.holder == 0 {
		return e, false
	}
	if e.mode, ok = pglock.Parse(mode); !ok {
		return e, false
	}
	e.on, ok = readObject(what)
	return e, ok
}

// timed is a message of log_min_duration_statement, log_duration or auto_explain.
type timed struct {
	took time.Duration
	step string // "statement", "execute", "bind", "parse", "plan"; empty of log_duration
	text string // the statement, or the query and its plan
}

// readTimed reads "duration: N ms  statement: X" and its like.
func readTimed(message string) (t timed, ok bool) {
	rest, ok := strings.CutPrefix(message, "duration: ")
	if !ok {
		return t, false
	}
	if t.took, ok = readMillis(rest); !ok {
		return t, false
	}
	_, rest, _ = strings.Cut(rest, " ms")
	t.step, t.text, _ = readStep(strings.TrimPrefix(rest, "  "))
	return t, true
}

// readStep reads "statement: X" and "execute name: X", as log_statement writes
// them as well.
func readStep(s string) (step, text string, ok bool) {
	for _, step := range []string{"statement", "execute", "bind", "parse", "plan", "fastpath function call"} {
		rest, found := strings.CutPrefix(s, step)
		if !found {
			continue
		}
		if text, found := strings.CutPrefix(rest, ":"); found {
			return step, strings.TrimLeft(text, " \n"), true
		}
		// The name of a prepared statement, and of its portal: it may have blanks and
		// colons, but the text begins behind the first ": " of nearly all.
		if rest[:min(1, len(rest))] == " " && step != "plan" {
			if _, text, found := strings.Cut(rest, ": "); found {
				return step, text, true
			}
		}
	}
	return "", "", false
}

// readCheckpoint reads the seconds of "checkpoint complete: ... write=1.5 s,
// sync=0.1 s, total=1.7 s; ...".
func readCheckpoint(message string) (phases map[string]float64, ok bool) {
	if !strings.HasPrefix(message, "checkpoint complete: ") && !strings.HasPrefix(message, "restartpoint complete: ") {
		return nil, false
	}
	phases = map[string]float64{}
	for _, phase := range checkpointPhases {
		_, rest, found := strings.Cut(message, phase+"=")
		number, _, unit := strings.Cut(rest, " s")
		v, err := strconv.ParseFloat(number, 64)
		if !found || !unit || err != nil || !(v >= 0 && v < 1e7) {
			return nil, false
		}
		phases[phase] = v
	}
	return phases, true
}

var checkpointPhases = []string{"write", "sync", "total"}
