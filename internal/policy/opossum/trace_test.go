package opossum

import (
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tripcurve/internal/policy"
	"tripcurve/internal/policy/policytest"
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
	Events       []policytest.Stamped
	Settled      []policytest.Settled
}

func TestRecordedTraces(t *testing.T) {
	steps, differing := 0, 0
	var host *traceHost
	for line := range policytest.TraceLines[traceLine](t, "testdata/opossum.jsonl.gz") {
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
	policytest.Report(t, "opossum", "traces recorded from opossum 9.0.0", steps, differing)
}

// traceHost schedules the ends of the calls and their time limits.
type traceHost struct {
	*policytest.Host
	plan    string
	machine *Machine
	limit   time.Duration
	failed  bool
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
	m := New(p, epoch)
	return &traceHost{Host: policytest.NewHost(m, epoch), plan: header.Plan, machine: m, limit: p.Timeout}
}

var epoch = policytest.Epoch

// text is a JSON value as a parameter.
func text(v any) string {
	if f, ok := v.(float64); ok {
		return strconv.FormatFloat(f, 'f', -1, 64)
	}
	return fmt.Sprint(v)
}

func (h *traceHost) step(l traceLine) traceOut {
	at := time.Duration(l.AtMS) * time.Millisecond
	h.Run(at)
	out := traceOut{Before: h.machine.State().String()}
	switch l.Op {
	case "call":
		h.call(l, at, &out)
		h.Run(at)
	case "open":
		_ = h.machine.Operate(h.Now(at), policy.OpOpen)
	case "close":
		_ = h.machine.Operate(h.Now(at), policy.OpClose)
	}
	out.State = h.machine.State().String()
	out.PendingClose = h.machine.PendingClose()
	out.WarmUp = h.machine.WarmUp()
	out.Stats = map[string]int{}
	for _, s := range h.machine.Snapshot().Stats {
		if s.Name == "semaphoreRejections" {
			s.Name = "semaphore"
		}
		out.Stats[s.Name] = int(s.Value)
	}
	out.Events, out.Settled = h.Drain()
	return out
}

func (h *traceHost) call(l traceLine, at time.Duration, out *traceOut) {
	ticket, verdict := h.machine.Allow(h.Now(at), 0)
	out.Admitted = &verdict.Admitted
	if !verdict.Admitted {
		out.Reject = &verdict.Reason
		h.Settle(at, l.Call, verdict.Reason)
		return
	}
	end := policytest.End{Call: l.Call, Ticket: ticket}
	switch l.Outcome {
	case "ok":
		end.Outcome.Code, end.Verdict = policy.OK, "ok"
	case "filtered":
		end.Outcome.Code, end.Verdict = policy.Unrecorded, "FILTERED"
	default:
		end.Outcome.Code, end.Verdict = policy.Failure, "FAILED"
	}
	switch took := l.LatencyMS; {
	case took != nil && (h.limit == 0 || time.Duration(*took)*time.Millisecond < h.limit):
		end.At = at + time.Duration(*took)*time.Millisecond
	case h.limit > 0:
		end.At, end.Outcome.Code, end.Verdict = at+h.limit, policy.Timeout, "ETIMEDOUT"
	default:
		return // hangs for ever
	}
	h.Schedule(end)
}
