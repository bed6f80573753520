package resilience4j

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tripcurve/internal/policy"
	"tripcurve/internal/policy/policytest"
)

// The traces are what the real resilience4j 2.4.0 did, step by step in virtual time;
// the test plays its host: it schedules the ends of the calls, and compares
// everything seen after every step.

// traceLine is a header (type "trace") or a step.
type traceLine struct {
	Type    string
	Trace   int
	Plan    string
	EpochMS int64 `json:"epoch_ms"`
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
	Before   string
	Admitted *bool
	Reject   *string
	Illegal  bool
	State    string
	Stats    traceStats
	Events   []policytest.Stamped
	Settled  []policytest.Settled
}

// traceStats has the rates as the 32-bit floats that the library computes.
type traceStats struct {
	Buffered     int
	Failed       int
	Slow         int
	SlowFailed   int     `json:"slow_failed"`
	NotPermitted int     `json:"not_permitted"`
	FailureRate  float32 `json:"failure_rate"`
	SlowRate     float32 `json:"slow_rate"`
}

func TestRecordedTraces(t *testing.T) {
	steps, traces, differing := 0, 0, 0
	var host *traceHost
	for line := range policytest.TraceLines[traceLine](t, "testdata/resilience4j.jsonl.gz") {
		if line.Type == "trace" {
			traces++
			host = newTraceHost(t, line)
			continue
		}
		steps++
		got := host.step(t, line)
		if diff := cmp.Diff(line.Out, got); diff != "" && !host.failed {
			host.failed = true // later steps of a trace follow from the first difference
			differing++
			t.Errorf("trace %d (%s) step %d, %s at %d ms (-recorded +machine):\n%s", line.Trace, host.plan, line.I, line.Op, line.AtMS, diff)
		}
	}
	if steps != 6730 || traces != 30 {
		t.Errorf("%d steps of %d traces replayed, the file has 6,730 of 30", steps, traces)
	}
	policytest.Report(t, "resilience4j", "traces recorded from resilience4j 2.4.0", steps, differing)
}

type traceHost struct {
	*policytest.Host
	plan              string
	machine           *Machine
	ignoring, letting bool
	failed            bool
}

func newTraceHost(t *testing.T, header traceLine) *traceHost {
	h := &traceHost{plan: header.Plan}
	params := map[string]string{}
	for name, value := range header.Options {
		switch name {
		case "ignoreOutcome":
			h.ignoring = true
			continue
		case "unrecordedOutcome":
			h.letting = true
			continue
		case "exponentialBackoffMultiplier":
			params["enableExponentialBackoff"] = "true"
		}
		switch v := value.(type) {
		case float64:
			text := strconv.FormatFloat(v, 'f', -1, 64)
			if duration, ok := strings.CutSuffix(name, "Ms"); ok {
				name, text = duration, text+"ms"
			}
			params[name] = text
		case bool:
			params[name] = strconv.FormatBool(v)
		case string:
			params[name] = v
		}
	}
	p, err := Parse(params)
	if err != nil {
		t.Fatalf("trace %d: %v", header.Trace, err)
	}
	start := time.UnixMilli(header.EpochMS)
	h.machine = New(p, start)
	h.Host = policytest.NewHost(h.machine, start)
	return h
}

var traceOperations = map[string]policy.Operation{
	"open": policy.OpOpen, "close": policy.OpClose, "half_open": policy.OpHalfOpen, "forced_open": policy.OpForceOpen,
	"disabled": policy.OpDisable, "metrics_only": policy.OpMetricsOnly, "reset": policy.OpReset,
}

func (h *traceHost) step(t *testing.T, l traceLine) traceOut {
	at := time.Duration(l.AtMS) * time.Millisecond
	h.Run(at)
	out := traceOut{Before: states[h.machine.State()]}
	switch op, known := traceOperations[l.Op]; {
	case l.Op == "call":
		h.call(t, l, at, &out)
		h.Run(at)
	case known:
		out.Illegal = h.machine.Operate(h.Now(at), op) != nil
	case l.Op != "observe":
		t.Fatalf("no operation %q", l.Op)
	}
	out.State = states[h.machine.State()]
	out.Stats = h.stats(at)
	out.Events, out.Settled = h.Drain()
	return out
}

func (h *traceHost) call(t *testing.T, l traceLine, at time.Duration, out *traceOut) {
	ticket, verdict := h.machine.Allow(h.Now(at), 0)
	out.Admitted = &verdict.Admitted
	if !verdict.Admitted {
		out.Reject = &verdict.Reason
		h.Settle(at, l.Call, verdict.Reason)
		return
	}
	end := policytest.End{Call: l.Call, Ticket: ticket, Outcome: policy.Outcome{Code: policy.Failure}}
	switch l.Outcome {
	case "ok":
		end.Outcome.Code, end.Verdict = policy.OK, "ok"
	case "error":
		end.Verdict = "FAILED"
	case "ignored":
		end.Verdict = "IGNORED"
		if h.ignoring {
			end.Outcome.Code = policy.Ignored
		}
	case "unrecorded":
		end.Verdict = "UNRECORDED"
		if h.letting {
			end.Outcome.Code = policy.Unrecorded
		}
	case "hang":
		return
	default:
		t.Fatalf("no outcome %q", l.Outcome)
	}
	end.At = at + time.Duration(*l.LatencyMS)*time.Millisecond
	h.Schedule(end)
}

func (h *traceHost) stats(at time.Duration) traceStats {
	w := h.machine.metrics
	w.turn(at)
	s := traceStats{
		Buffered: int(w.total.calls), Failed: int(w.total.failed), Slow: int(w.total.slow), SlowFailed: int(w.total.slowFailed),
		NotPermitted: w.notPermitted, FailureRate: -1, SlowRate: -1,
	}
	if f, slow, enough := w.rates(); enough {
		s.FailureRate, s.SlowRate = f, slow
	}
	return s
}
