package opossum

import (
	"bufio"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tripcurve/internal/policy"
)

// The traces are what the real opossum 9.0.0 did, step by step in virtual time;
// the test plays its host: it schedules the ends of the calls and their time
// limits, and compares everything seen after every step.

// traceLine is a header (type "trace") or a step.
type traceLine struct {
	Type    string
	Trace   int
	Plan    string
	Steps   int
	Options map[string]any

	I         int
	Op        string
	AtMS      int64 `json:"at_ms"`
	Call      int
	Outcome   string
	LatencyMS *int64 `json:"latency_ms"`
	Out       traceOut
}

type traceOut struct {
	Before       string
	Admitted     *bool
	Reject       *string
	State        string
	PendingClose bool `json:"pending_close"`
	WarmUp       bool `json:"warm_up"`
	Stats        map[string]int
	Events       []traceEvent
	Settled      []traceEnd
}

// traceEvent is [at_ms, name].
type traceEvent struct {
	AtMS int64
	Name string
}

func (e *traceEvent) UnmarshalJSON(b []byte) error {
	return json.Unmarshal(b, &[]any{&e.AtMS, &e.Name})
}

// traceEnd is [at_ms, call, verdict].
type traceEnd struct {
	AtMS    int64
	Call    int
	Verdict string
}

func (e *traceEnd) UnmarshalJSON(b []byte) error {
	return json.Unmarshal(b, &[]any{&e.AtMS, &e.Call, &e.Verdict})
}

func TestRecordedTraces(t *testing.T) {
	steps, differing := 0, 0
	var host *traceHost
	for line := range traceLines(t) {
		if line.Type == "trace" {
			host = newTraceHost(t, line)
			continue
		}
		steps++
		got := host.step(line)
		if diff := cmp.Diff(line.Out, got); diff != "" && !host.failed {
			host.failed = true // later steps of a trace follow from the first difference
			differing++
			t.Errorf("trace %d (%s) step %d, %s at %d ms (-recorded +machine):\n%s", line.Trace, host.plan, line.I, line.Op, line.AtMS, diff)
		}
	}
	if steps != 7423 {
		t.Errorf("%d steps replayed, the file has 7,423", steps)
	}
	t.Logf("%d steps, %d traces differ", steps, differing)
}

func traceLines(t *testing.T) func(func(traceLine) bool) {
	return func(yield func(traceLine) bool) {
		f, err := os.Open("testdata/opossum.jsonl.gz")
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		z, err := gzip.NewReader(f)
		if err != nil {
			t.Fatal(err)
		}
		in := bufio.NewScanner(z)
		in.Buffer(nil, 1<<20)
		for in.Scan() {
			var l traceLine
			if err := json.Unmarshal(in.Bytes(), &l); err != nil {
				t.Fatalf("%s: %v", in.Text(), err)
			}
			if !yield(l) {
				return
			}
		}
		if err := in.Err(); err != nil {
			t.Fatal(err)
		}
	}
}

// traceHost is the program around the breaker: it owns the calls in flight.
type traceHost struct {
	plan    string
	machine *Machine
	limit   time.Duration
	failed  bool
	pending []pending
	settled []traceEnd
	events  []traceEvent
}

// pending is a call in flight that will end by itself or by its time limit.
type pending struct {
	at      time.Duration
	call    int
	ticket  policy.Ticket
	code    policy.Code
	verdict string
}

func newTraceHost(t *testing.T, header traceLine) *traceHost {
	params := map[string]string{}
	for name, value := range header.Options {
		switch name {
		case "errorThreshold", "errorFilterCode":
			// The first is no option and did nothing; the second is in the outcomes.
		default:
			params[name] = text(value)
		}
	}
	p, err := Parse(params)
	if err != nil {
		t.Fatalf("trace %d: %v", header.Trace, err)
	}
	return &traceHost{plan: header.Plan, machine: New(p, epoch), limit: p.Timeout}
}

var epoch = time.Date(2026, 1, 15, 14, 0, 0, 0, time.UTC)

// text is a JSON value as a parameter.
func text(v any) string {
	if f, ok := v.(float64); ok {
		return strconv.FormatFloat(f, 'f', -1, 64)
	}
	return fmt.Sprint(v)
}

func (h *traceHost) step(l traceLine) traceOut {
	at := time.Duration(l.AtMS) * time.Millisecond
	now := epoch.Add(at)
	h.run(at)
	h.machine.Advance(now)
	out := traceOut{Before: stateName(h.machine.State())}
	switch l.Op {
	case "call":
		h.call(l, at, &out)
		h.run(at)
	case "open":
		_ = h.machine.Operate(now, policy.OpOpen)
	case "close":
		_ = h.machine.Operate(now, policy.OpClose)
	}
	h.take()
	out.State = stateName(h.machine.State())
	out.PendingClose = h.machine.PendingClose()
	out.WarmUp = h.machine.WarmUp()
	out.Stats = map[string]int{}
	for _, s := range h.machine.Snapshot().Stats {
		if s.Name == "semaphoreRejections" {
			s.Name = "semaphore"
		}
		out.Stats[s.Name] = int(s.Value)
	}
	out.Events, out.Settled = h.events, h.settled
	if out.Events == nil {
		out.Events = []traceEvent{}
	}
	if out.Settled == nil {
		out.Settled = []traceEnd{}
	}
	h.events, h.settled = nil, nil
	return out
}

func (h *traceHost) call(l traceLine, at time.Duration, out *traceOut) {
	ticket, verdict := h.machine.Allow(epoch.Add(at), 0)
	out.Admitted = &verdict.Admitted
	if !verdict.Admitted {
		out.Reject = &verdict.Reason
		h.settled = append(h.settled, traceEnd{l.AtMS, l.Call, verdict.Reason})
		return
	}
	p := pending{call: l.Call, ticket: ticket}
	switch l.Outcome {
	case "ok":
		p.code, p.verdict = policy.OK, "ok"
	case "filtered":
		p.code, p.verdict = policy.Unrecorded, "FILTERED"
	default:
		p.code, p.verdict = policy.Failure, "FAILED"
	}
	switch took := l.LatencyMS; {
	case took != nil && (h.limit == 0 || time.Duration(*took)*time.Millisecond < h.limit):
		p.at = at + time.Duration(*took)*time.Millisecond
	case h.limit > 0:
		p.at, p.code, p.verdict = at+h.limit, policy.Timeout, "ETIMEDOUT"
	default:
		return // hangs for ever
	}
	h.pending = append(h.pending, p)
	slices.SortStableFunc(h.pending, func(a, b pending) int { return int(a.at - b.at) })
}

// run lets every call end that is due by at.
func (h *traceHost) run(at time.Duration) {
	for len(h.pending) > 0 && h.pending[0].at <= at {
		p := h.pending[0]
		h.pending = h.pending[1:]
		h.machine.Record(epoch.Add(p.at), p.ticket, policy.Outcome{Code: p.code, Took: p.at - p.ticket.At.Sub(epoch)})
		h.take()
		h.settled = append(h.settled, traceEnd{p.at.Milliseconds(), p.call, p.verdict})
	}
}

func (h *traceHost) take() {
	for _, e := range h.machine.Take() {
		h.events = append(h.events, traceEvent{e.At.Sub(epoch).Milliseconds(), e.Name})
	}
}

// stateName is the state as the traces spell it.
func stateName(s policy.State) string {
	switch s {
	case policy.Closed:
		return "closed"
	case policy.Open:
		return "open"
	case policy.HalfOpen:
		return "half_open"
	case policy.ShutDown:
		return "shut_down"
	case policy.Disabled:
		return "disabled"
	default:
		return fmt.Sprintf("state %d", s)
	}
}
