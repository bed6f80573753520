package opossum

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"

	"tripcurve/internal/policy"
)

func TestMain(m *testing.M) {
	if os.Getenv("TRIPCURVE_UPDATE") != "" {
		_ = flag.Set("rewrite", "true")
	}
	os.Exit(m.Run())
}

// TestScripts runs testdata/*.txt. The command is the constructor, its arguments
// the options; show=transitions leaves out the single calls. Input lines:
//
//	1s ok                          a call that succeeds at once
//	1s fails after 300ms           ends later; hangs never does
//	0s..30s every 50ms ok          one call each 50 ms, 30 s excluded
//	2s open                        also close, enable, disable, shutdown
//	9s look
func TestScripts(t *testing.T) {
	for _, file := range []string{
		// The first two are the order pipeline's own tests, under their own names.
		"opens circuit after 5 failures", "sends probe in half-open state", "factory",
		"threshold", "half open", "window", "late", "capacity", "warm up", "manual", "wrong key",
	} {
		t.Run(file, func(t *testing.T) {
			path := "testdata/" + strings.ReplaceAll(file, " ", "_") + ".txt"
			datadriven.RunTest(t, path, runScript)
		})
	}
}

func runScript(t *testing.T, d *datadriven.TestData) string {
	params := map[string]string{}
	quiet := false
	for _, a := range d.CmdArgs {
		if a.Key == "show" {
			quiet = true
			continue
		}
		params[a.Key] = strings.Join(a.Vals, ",")
	}
	p, err := Parse(params)
	if err != nil {
		return err.Error() + "\n"
	}
	s := &script{machine: New(p, epoch), limit: p.Timeout, quiet: quiet}
	for line := range strings.Lines(d.Input) {
		if line = strings.TrimSpace(line); line != "" && line != "calls" {
			if err := s.line(line); err != nil {
				d.Fatalf(t, "%s: %v", line, err)
			}
		}
	}
	slices.SortStableFunc(s.acts, func(a, b act) int { return int(a.at - b.at) })
	for _, a := range s.acts {
		s.run(a.at)
		a.do(s, a.at)
	}
	s.run(time.Hour)
	fmt.Fprintf(&s.out, "%d of %d calls reached the function\n", s.reached, s.asked)
	return s.out.String()
}

// script is a host whose calls are known beforehand.
type script struct {
	machine *Machine
	limit   time.Duration
	quiet   bool
	acts    []act
	pending []pending
	out     strings.Builder

	asked, reached int
}

type act struct {
	at time.Duration
	do func(*script, time.Duration)
}

func (s *script) line(line string) error {
	words := strings.Fields(line)
	when := words[0]
	from, to, isRange := strings.Cut(when, "..")
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

func parseAct(words []string) (func(*script, time.Duration), error) {
	operations := map[string]policy.Operation{
		"open": policy.OpOpen, "close": policy.OpClose, "enable": policy.OpEnable,
		"disable": policy.OpDisable, "shutdown": policy.OpShutDown, "half-open": policy.OpHalfOpen,
	}
	codes := map[string]policy.Code{"ok": policy.OK, "fails": policy.Failure, "filtered": policy.Unrecorded}
	word := words[0]
	if op, ok := operations[word]; ok {
		return func(s *script, at time.Duration) {
			err := s.machine.Operate(epoch.Add(at), op)
			if err != nil {
				s.say(at, word+": "+err.Error())
			} else {
				s.show(at, word)
			}
			s.transitions()
		}, nil
	}
	if word == "look" {
		return func(s *script, at time.Duration) {
			s.machine.Advance(epoch.Add(at))
			what := "look"
			if s.machine.PendingClose() {
				what = "look probe" // half-open and its probe not yet taken
			}
			s.show(at, what)
		}, nil
	}
	code, ends := codes[word]
	if !ends && word != "hangs" {
		return nil, fmt.Errorf("no outcome %q", word)
	}
	var after time.Duration
	if len(words) == 3 {
		var err error
		if after, err = time.ParseDuration(words[2]); err != nil {
			return nil, err
		}
	}
	return func(s *script, at time.Duration) { s.call(at, code, after, ends) }, nil
}

func (s *script) call(at time.Duration, code policy.Code, after time.Duration, ends bool) {
	s.asked++
	ticket, verdict := s.machine.Allow(epoch.Add(at), 0)
	if !verdict.Admitted {
		if !s.quiet {
			s.say(at, "rejected   "+verdict.Reason)
		}
		s.transitions()
		return
	}
	s.reached++
	p := pending{at: at + after, ticket: ticket, code: code}
	if limited := s.limit > 0 && ticket.Held; limited && (!ends || after >= s.limit) {
		p.at, p.code = at+s.limit, policy.Timeout
	} else if !ends {
		return
	}
	s.pending = append(s.pending, p)
	slices.SortStableFunc(s.pending, func(a, b pending) int { return int(a.at - b.at) })
	s.run(at)
}

// run does what happens by itself up to at: the ends of calls and the reset timer.
func (s *script) run(at time.Duration) {
	for {
		due, timer := s.machine.Due()
		call := len(s.pending) > 0 && s.pending[0].at <= at
		switch {
		case timer && due.Sub(epoch) <= at && (!call || due.Sub(epoch) <= s.pending[0].at):
			s.machine.Advance(due)
		case call:
			p := s.pending[0]
			s.pending = s.pending[1:]
			s.machine.Record(epoch.Add(p.at), p.ticket, policy.Outcome{Code: p.code})
			if !s.quiet {
				s.show(p.at, map[policy.Code]string{policy.OK: "ok", policy.Failure: "failed", policy.Timeout: "timed out", policy.Unrecorded: "filtered"}[p.code])
			}
		default:
			s.transitions()
			return
		}
		s.transitions()
	}
}

// transitions prints changes of state; the other events repeat what is shown.
func (s *script) transitions() {
	for _, e := range s.machine.Take() {
		switch e.Name {
		case "open", "halfOpen", "close", "shutdown":
			s.say(e.At.Sub(epoch), "-> "+e.Name)
		}
	}
}

func (s *script) show(at time.Duration, what string) {
	w := s.machine.window.sum
	failed := "no calls"
	if w[fires] > 0 {
		failed = fmt.Sprintf("%.0f %% failed", 100*float64(w[failures])/float64(w[fires]))
	} else if w[failures] > 0 {
		failed = fmt.Sprintf("%d failed", w[failures])
	}
	s.say(at, fmt.Sprintf("%-10s %-9s %2d fires  %s", what, stateName(s.machine.State()), w[fires], failed))
}

func (s *script) say(at time.Duration, what string) {
	fmt.Fprintf(&s.out, "%-7s %s\n", at, what)
}
