package semian

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tripcurve/internal/policy"
	"tripcurve/internal/policy/policytest"
)

// The traces are what the real Semian 0.28.2 did, step by step in virtual time; the
// test plays its host: it schedules the ends of the calls, keeps the client's time
// limit, and compares everything seen after every step.

// traceLine is a header (type "trace") or a step.
type traceLine struct {
	Type    string
	Trace   int
	Plan    string
	Options map[string]any

	I         int
	Op        string
	AtMS      int64 `json:"at_ms"`
	Call      int
	Outcome   string
	LatencyMS *int64 `json:"latency_ms"`
	U         float64
	Out       traceOut
}

type traceOut struct {
	Before   string
	Admitted *bool
	Reject   *string
	State    string
	Stats    map[string]*float64
	Events   []policytest.Stamped
	Settled  []policytest.Settled
	Ticks    []tick
}

// tick is one update of the adaptive breaker: [at_ms, rejection_rate, error_rate,
// ideal_error_rate, p, integral, derivative], compared bit by bit.
type tick [7]uint64

// UnmarshalJSON reads the numbers.
func (t *tick) UnmarshalJSON(b []byte) error {
	var numbers [7]float64
	if err := json.Unmarshal(b, &numbers); err != nil {
		return err
	}
	*t = bits(numbers)
	return nil
}

func (t tick) String() string {
	s := ""
	for _, b := range t {
		s += fmt.Sprint(math.Float64frombits(b), " ")
	}
	return s
}

func bits(numbers [7]float64) (t tick) {
	for i, n := range numbers {
		t[i] = math.Float64bits(n)
	}
	return t
}

func TestRecordedTraces(t *testing.T) {
	steps, differing, ticks := 0, 0, 0
	var host *traceHost
	for line := range policytest.TraceLines[traceLine](t, "testdata/semian.jsonl.gz") {
		if line.Type == "trace" {
			host = newTraceHost(t, line)
			continue
		}
		steps++
		ticks += len(line.Out.Ticks)
		got := host.step(line)
		if diff := cmp.Diff(line.Out, got); diff != "" && !host.failed {
			host.failed = true // later steps of a trace follow from the first difference
			differing++
			t.Errorf("trace %d (%s) step %d, %s at %d ms (-recorded +machine):\n%s", line.Trace, host.plan, line.I, line.Op, line.AtMS, diff)
		}
	}
	if steps != 4156 {
		t.Errorf("%d steps replayed, the file has 4,156", steps)
	}
	t.Logf("%d updates of the adaptive breaker, bit by bit", ticks)
	policytest.Report(t, "semian", "traces recorded from Semian "+Version, steps, differing)
}

// traceHost is the program around a breaker, and the updates that it saw.
type traceHost struct {
	*policytest.Host
	plan    string
	breaker policy.Breaker
	client  time.Duration // the client's own time limit; 0 is none
	ticks   []tick
	failed  bool
}

func newTraceHost(t *testing.T, header traceLine) *traceHost {
	h := &traceHost{plan: header.Plan}
	params := map[string]string{}
	for name, value := range header.Options {
		switch v := value.(type) {
		case float64:
			params[name] = strconv.FormatFloat(v, 'f', -1, 64)
		default:
			params[name] = fmt.Sprint(v)
		}
		if name == "client_timeout_ms" { // the called client's, not Semian's
			h.client = time.Duration(value.(float64)) * time.Millisecond
			delete(params, name)
		}
	}
	p, err := Parse(params)
	if err != nil {
		t.Fatalf("trace %d: %v", header.Trace, err)
	}
	h.breaker = New(p, policytest.Epoch)
	h.Host = policytest.NewHost(watched{h.breaker, h}, policytest.Epoch)
	return h
}

// watched notes every update. The host stops at each one that is due.
type watched struct {
	policy.Breaker
	host *traceHost
}

func (w watched) Advance(now time.Time) {
	due, ok := w.Due()
	w.Breaker.Advance(now)
	if ok && !due.After(now) {
		c := w.Breaker.(*Adaptive).Controller()
		at := float64(due.Sub(policytest.Epoch).Milliseconds())
		w.host.ticks = append(w.host.ticks, bits([7]float64{at, c.RejectionRate, c.ErrorRate, c.IdealErrorRate, c.P, c.Integral, c.Derivative}))
	}
}

func (h *traceHost) step(l traceLine) traceOut {
	at := time.Duration(l.AtMS) * time.Millisecond
	h.Run(at)
	out := traceOut{Before: h.breaker.State().String(), Stats: map[string]*float64{}}
	switch l.Op {
	case "call":
		h.call(l, at, &out)
		h.Run(at)
	case "reset":
		_ = h.breaker.Operate(h.Now(at), policy.OpReset)
	}
	out.State = h.breaker.State().String()
	for _, s := range h.breaker.Snapshot().Stats {
		switch {
		case s.Name == "error_rate" || s.Name == "ideal_error_rate": // in the ticks
		case math.IsNaN(s.Value):
			out.Stats[s.Name] = nil
		default:
			out.Stats[s.Name] = &s.Value
		}
	}
	out.Events, out.Settled = h.Drain()
	if l.Out.Ticks != nil {
		out.Ticks = append([]tick{}, h.ticks...)
	}
	h.ticks = nil
	return out
}

// outcomes of the traces.
var outcomes = map[string]policytest.End{
	"ok":       {Outcome: policy.Outcome{Code: policy.OK}, Verdict: "ok"},
	"error":    {Outcome: policy.Outcome{Code: policy.Failure}, Verdict: "Failed"},
	"unlisted": {Outcome: policy.Outcome{Code: policy.Ignored}, Verdict: "Unlisted"},
	"unmarked": {Outcome: policy.Outcome{Code: policy.Ignored}, Verdict: "Unmarked"},
	"busy":     {Outcome: policy.Outcome{Code: policy.Busy}, Verdict: "TimeoutError"},
	"hang":     {},
	"timeout":  {Outcome: policy.Outcome{Code: policy.Failure}, Verdict: "ClientTimeout"},
}

func (h *traceHost) call(l traceLine, at time.Duration, out *traceOut) {
	ticket, verdict := h.breaker.Allow(h.Now(at), l.U)
	out.Admitted = &verdict.Admitted
	if !verdict.Admitted {
		out.Reject = &verdict.Reason
		h.Settle(at, l.Call, verdict.Reason)
		return
	}
	limit := h.client
	if verdict.Limit > 0 {
		limit = verdict.Limit
	}
	end := outcomes[l.Outcome]
	took := time.Duration(math.MaxInt64)
	if l.LatencyMS != nil {
		took = time.Duration(*l.LatencyMS) * time.Millisecond
	}
	if limit > 0 && took > limit {
		end, took = outcomes["timeout"], limit
	}
	if took == math.MaxInt64 {
		return // hangs for ever
	}
	end.At, end.Call, end.Ticket = at+took, l.Call, ticket
	h.Schedule(end)
}
