package policytest

import (
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"

	"tripcurve/internal/policy"
)

// Build makes the breaker of a script from the parameters in its command, and
// says which time limit its host keeps for it; 0 is none.
type Build func(params map[string]string, start time.Time) (policy.Breaker, time.Duration, error)

// Scripts runs every script of a folder. The command of a script is the library,
// its arguments the library's own parameters; show=transitions leaves out the
// single calls, caller-timeout=5s is a time limit of the caller's own, seen
// by the breaker as a failure. Input lines, in any order, each begin with a time or
// a range of times:
//
//	1s ok                          a call that succeeds at once
//	1s fails after 300ms           ends later; hangs never does
//	1s status 503 after 1s         an answer with that HTTP status, failed from 500 on
//	1s local                       a failure on the caller's side of the wire
//	1s ignored, unrecorded, busy   the codes of policy.Outcome
//	1s u=0.3 fails                 with the library's dice
//	0s..30s every 50ms ok          one call each 50 ms, 30 s excluded
//	2s open                        an operation by hand: close, half-open, force-open,
//	                               disable, enable, metrics-only, reset, shutdown
//	9s look
//
// Each output line has the time, what happened, the state and the library's
// statistics; "-> name" is an event of the library.
func Scripts(t *testing.T, dir string, build Build) {
	Runner{Build: build}.Run(t, dir)
}

// Runner runs scripts with a library's own words.
type Runner struct {
	Build Build
	// Stats are the statistics of a line; nil shows all of the snapshot.
	Stats func(policy.Breaker) string
	// Look is said for a look; nil says "look".
	Look func(policy.Breaker) string
	// Shown are the events that are shown; nil shows all.
	Shown []string
	// Steps counts the lines compared, for a Report; nil does not.
	Steps *int
}

// Run runs every script of a folder.
func (r Runner) Run(t *testing.T, dir string) {
	files, err := filepath.Glob(filepath.Join(dir, "*.txt"))
	if err != nil || len(files) == 0 {
		t.Fatalf("%s: no scripts: %v", dir, err)
	}
	for _, file := range files {
		name := strings.ReplaceAll(strings.TrimSuffix(filepath.Base(file), ".txt"), "_", " ")
		t.Run(name, func(t *testing.T) { datadriven.RunTest(t, file, r.run) })
	}
}

func (r Runner) run(t *testing.T, d *datadriven.TestData) string {
	s := &script{runner: r}
	params := map[string]string{}
	for _, a := range d.CmdArgs {
		v := strings.Join(a.Vals, ",")
		switch a.Key {
		case "show":
			s.quiet = true
		case "caller-timeout":
			limit, err := time.ParseDuration(v)
			if err != nil {
				d.Fatalf(t, "%s: %v", a.Key, err)
			}
			s.patience = limit
		default:
			s.hosts = s.hosts || a.Key == "hosts" || a.Key == "endpoints"
			params[a.Key] = v
		}
	}
	var err error
	if s.breaker, s.limit, err = r.Build(params, Epoch); err != nil {
		return err.Error() + "\n"
	}
	for line := range strings.Lines(d.Input) {
		if line = strings.TrimSpace(line); line != "" && line != "calls" {
			if err := s.line(line); err != nil {
				d.Fatalf(t, "%s: %v", line, err)
			}
		}
	}
	slices.SortStableFunc(s.acts, func(a, b act) int { return int(a.at - b.at) })
	for _, a := range s.acts {
		s.until(a.at)
		a.do(s, a.at)
	}
	last := time.Duration(0)
	if len(s.acts) > 0 {
		last = s.acts[len(s.acts)-1].at
	}
	for _, p := range s.pending {
		last = max(last, p.at)
	}
	s.until(last)
	s.settle()
	fmt.Fprintf(&s.out, "%d of %d calls reached the function\n", s.reached, s.asked)
	return s.out.String()
}

// settle lets the timers run out that are left when all calls have ended, as long
// as they change the state.
func (s *script) settle() {
	for range 100 {
		due, ok := s.breaker.Due()
		if !ok {
			return
		}
		state := s.breaker.State()
		s.breaker.Advance(due)
		s.transitions()
		if s.breaker.State() == state {
			return
		}
	}
}

// script is a host whose calls are known beforehand.
type script struct {
	runner   Runner
	breaker  policy.Breaker
	limit    time.Duration // the library's own time limit on a call
	patience time.Duration // the caller's
	quiet    bool
	hosts    bool
	acts     []act
	pending  []pending
	out      strings.Builder

	asked, reached int
}

type act struct {
	at time.Duration
	do func(*script, time.Duration)
}

// pending is a call in flight.
type pending struct {
	at      time.Duration
	ticket  policy.Ticket
	outcome policy.Outcome
	word    string
}

func (s *script) line(line string) error {
	words := strings.Fields(line)
	from, to, isRange := strings.Cut(words[0], "..")
	first, err := time.ParseDuration(from)
	if err != nil {
		return err
	}
	last, every := first+1, time.Duration(1)
	words = words[1:]
	if isRange {
		if last, err = time.ParseDuration(to); err != nil {
			return err
		}
		if len(words) < 3 || words[0] != "every" {
			return fmt.Errorf("write 0s..30s every 50ms ok")
		}
		if every, err = time.ParseDuration(words[1]); err != nil {
			return err
		}
		words = words[2:]
	}
	do, err := parseAct(words)
	if err != nil {
		return err
	}
	for at := first; at < last; at += every {
		s.acts = append(s.acts, act{at, do})
	}
	return nil
}

var operations = map[string]policy.Operation{
	"open": policy.OpOpen, "close": policy.OpClose, "half-open": policy.OpHalfOpen, "force-open": policy.OpForceOpen,
	"disable": policy.OpDisable, "enable": policy.OpEnable, "metrics-only": policy.OpMetricsOnly,
	"reset": policy.OpReset, "shutdown": policy.OpShutDown,
}

// ends are the words for how a call ends, and what is shown when it has.
var ends = map[string]struct {
	code policy.Code
	said string
}{
	"ok": {policy.OK, "ok"}, "fails": {policy.Failure, "failed"}, "filtered": {policy.Unrecorded, "filtered"},
	"unrecorded": {policy.Unrecorded, "unrecorded"}, "ignored": {policy.Ignored, "ignored"}, "busy": {policy.Busy, "busy"},
	"local": {policy.Failure, "local"}, "hangs": {policy.Timeout, "timed out"}, "status": {},
}

func parseAct(words []string) (func(*script, time.Duration), error) {
	if len(words) == 0 {
		return nil, fmt.Errorf("says when but not what")
	}
	if op, ok := operations[words[0]]; ok {
		name := words[0]
		return func(s *script, at time.Duration) { s.operate(at, name, op) }, nil
	}
	if words[0] == "look" {
		return (*script).look, nil
	}
	u := 0.0
	if text, ok := strings.CutPrefix(words[0], "u="); ok {
		var err error
		if u, err = strconv.ParseFloat(text, 64); err != nil {
			return nil, err
		}
		words = words[1:]
	}
	end, ok := ends[words[0]]
	if !ok {
		return nil, fmt.Errorf("no outcome %q", words[0])
	}
	outcome := policy.Outcome{Code: end.code, Local: words[0] == "local"}
	hangs := words[0] == "hangs"
	words = words[1:]
	if end.said == "" { // status 503
		status, err := strconv.Atoi(words[0])
		if err != nil {
			return nil, err
		}
		outcome.Status, end.said = status, "status "+words[0]
		if status >= 500 {
			outcome.Code = policy.Failure
		}
		words = words[1:]
	}
	var after time.Duration
	if len(words) == 2 && words[0] == "after" {
		var err error
		if after, err = time.ParseDuration(words[1]); err != nil {
			return nil, err
		}
	} else if len(words) != 0 {
		return nil, fmt.Errorf("%q: write after 300ms", words)
	}
	if hangs {
		after = math.MaxInt64
	}
	return func(s *script, at time.Duration) { s.call(at, u, outcome, after, end.said) }, nil
}

func (s *script) operate(at time.Duration, name string, op policy.Operation) {
	if err := s.breaker.Operate(Epoch.Add(at), op); err != nil {
		s.say(at, name+": "+err.Error())
	} else {
		s.show(at, name)
	}
	s.transitions()
}

func (s *script) look(at time.Duration) {
	s.breaker.Advance(Epoch.Add(at))
	word := "look"
	if s.runner.Look != nil {
		word = s.runner.Look(s.breaker)
	}
	s.show(at, word)
}

func (s *script) call(at time.Duration, u float64, o policy.Outcome, after time.Duration, said string) {
	s.asked++
	ticket, verdict := s.breaker.Allow(Epoch.Add(at), u)
	if !verdict.Admitted {
		if !s.quiet {
			reason := "rejected   " + verdict.Reason
			if verdict.Wait {
				reason = "waits"
			}
			s.say(at, reason)
		}
		s.transitions()
		return
	}
	s.reached++
	p := pending{at: at + min(after, math.MaxInt64-at), ticket: ticket, outcome: o, word: said}
	limit := s.limit
	if ticket.State == policy.Disabled && !ticket.Held {
		limit = 0 // a disabled breaker keeps no time limit either
	}
	if own := verdict.Limit; own > 0 && (s.patience == 0 || own < s.patience) {
		p = p.within(at, own, policy.Failure, "client timed out")
	} else {
		p = p.within(at, s.patience, policy.Failure, "client timed out")
	}
	p = p.within(at, limit, policy.Timeout, "timed out")
	p.outcome.Took = p.at - at
	if p.at == math.MaxInt64 {
		return // hangs for ever
	}
	s.pending = append(s.pending, p)
	slices.SortStableFunc(s.pending, func(a, b pending) int {
		if a.at < b.at {
			return -1
		} else if a.at > b.at {
			return 1
		}
		return 0
	})
	s.until(at)
}

// within ends a call that takes as long as its limit or longer.
func (p pending) within(at, limit time.Duration, code policy.Code, word string) pending {
	if limit > 0 && p.at >= at+limit {
		p.at, p.outcome, p.word = at+limit, policy.Outcome{Code: code}, word
	}
	return p
}

// until does what happens by itself up to at: the ends of calls and the
// library's timers.
func (s *script) until(at time.Duration) {
	for {
		due, timer := s.breaker.Due()
		call := len(s.pending) > 0 && s.pending[0].at <= at
		switch {
		case timer && due.Sub(Epoch) <= at && (!call || due.Sub(Epoch) <= s.pending[0].at):
			s.breaker.Advance(due)
		case call:
			p := s.pending[0]
			s.pending = s.pending[1:]
			s.breaker.Record(Epoch.Add(p.at), p.ticket, p.outcome)
			if !s.quiet {
				word := p.word
				if s.hosts {
					word += fmt.Sprintf(" on %d", p.ticket.Host)
				}
				s.show(p.at, word)
			}
		default:
			s.transitions()
			return
		}
		s.transitions()
	}
}

func (s *script) transitions() {
	for _, e := range s.breaker.Take() {
		if s.runner.Shown == nil || slices.Contains(s.runner.Shown, e.Name) {
			s.say(e.At.Sub(Epoch), "-> "+e.Name)
		}
	}
}

func (s *script) show(at time.Duration, what string) {
	if s.runner.Stats != nil {
		s.say(at, fmt.Sprintf("%-10s %-9s %s", what, s.breaker.State(), s.runner.Stats(s.breaker)))
		return
	}
	snap := s.breaker.Snapshot()
	var stats strings.Builder
	if _, ok := s.breaker.(policy.Sharer); ok {
		fmt.Fprintf(&stats, " share=%s", number(snap.Share))
	}
	for _, st := range snap.Stats {
		fmt.Fprintf(&stats, " %s=%s", st.Name, number(st.Value))
	}
	s.say(at, fmt.Sprintf("%-10s %-9s%s", what, snap.State, stats.String()))
}

// number is a statistic without noise digits; "-" where it is undefined.
func number(f float64) string {
	if math.IsNaN(f) {
		return "-"
	}
	return strconv.FormatFloat(math.Round(f*1e6)/1e6, 'f', -1, 64)
}

func (s *script) say(at time.Duration, what string) {
	if s.runner.Steps != nil {
		*s.runner.Steps++
	}
	fmt.Fprintf(&s.out, "%-7s %s\n", at, what)
}
