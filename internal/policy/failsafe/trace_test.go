package failsafe

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tripcurve/internal/policy"
	"tripcurve/internal/policy/policytest"
)

// The traces are what the real failsafe-go v0.9.8 did, step by step in virtual time;
// the test plays its host: it schedules the ends of the calls, and compares
// everything seen after every step.

// traceLine is a header (type "trace") or a step.
type traceLine struct {
	Type    string
	Trace   int
	Plan    string
	Options traceOptions

	I         int
	Op        string
	AtMS      int64 `json:"at_ms"`
	Call      int
	Outcome   string
	LatencyMS *int64 `json:"latency_ms"`
	Out       traceOut
}

type traceOptions struct {
	FailureThreshold            *int
	FailureThresholdingCapacity int
	FailureRateThreshold        float64
	FailureExecutionThreshold   int
	FailureThresholdingPeriodMS int64
	SuccessThreshold            int
	SuccessThresholdingCapacity int
	DelayMS                     int64
	// CallTimeoutMS is a timeout inside the breaker; the function ignores its
	// context, so the call ends when the function does.
	CallTimeoutMS int64
}

type traceOut struct {
	Before   string
	Admitted bool
	Reject   *string
	State    string
	Stats    map[string]float64
	Events   []policytest.Stamped
	Settled  []policytest.Settled
}

func (o traceOptions) params() Params {
	p := Default()
	if o.FailureThreshold != nil {
		p.FailureThreshold = *o.FailureThreshold
	}
	p.FailureThresholdingCapacity = o.FailureThresholdingCapacity
	p.FailureRateThreshold, p.FailureExecutionThreshold = o.FailureRateThreshold, o.FailureExecutionThreshold
	p.FailureThresholdingPeriod = ms(o.FailureThresholdingPeriodMS)
	p.SuccessThreshold, p.SuccessThresholdingCapacity = o.SuccessThreshold, o.SuccessThresholdingCapacity
	p.Delay, p.Timeout = ms(o.DelayMS), ms(o.CallTimeoutMS)
	return p
}

func ms(n int64) time.Duration { return time.Duration(n) * time.Millisecond }

// recordedAt is when the traces' breakers were constructed: their time buckets follow
// the Unix epoch.
var recordedAt = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

func TestRecordedTraces(t *testing.T) {
	steps, differing := 0, 0
	var host *traceHost
	for line := range policytest.TraceLines[traceLine](t, "testdata/failsafe-go.jsonl.gz") {
		if line.Type == "trace" {
			p := line.Options.params()
			m := New(p, recordedAt)
			host = &traceHost{Host: policytest.NewHost(m, recordedAt), plan: line.Plan, machine: m, limit: p.Timeout}
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
	if steps != 757 {
		t.Errorf("%d steps replayed, the file has 757", steps)
	}
	policytest.Report(t, "failsafe-go", "traces recorded from failsafe-go v0.9.8", steps, differing)
}

type traceHost struct {
	*policytest.Host
	plan    string
	machine *Machine
	limit   time.Duration
	failed  bool
}

func (h *traceHost) step(l traceLine) traceOut {
	at := ms(l.AtMS)
	h.Run(at)
	out := traceOut{Before: h.machine.State().String()}
	if l.Op == "call" {
		h.call(l, at, &out)
		h.Run(at)
	}
	out.State = h.machine.State().String()
	out.Stats = map[string]float64{}
	for i, s := range h.machine.Snapshot().Stats {
		out.Stats[[]string{"executions", "failures", "failure_rate", "successes", "success_rate"}[i]] = s.Value
	}
	out.Events, out.Settled = h.Drain()
	for i, e := range out.Events { // the recorder wrote half_open for the library's half-open
		out.Events[i].Name = strings.ReplaceAll(e.Name, "-", "_")
	}
	return out
}

func (h *traceHost) call(l traceLine, at time.Duration, out *traceOut) {
	ticket, verdict := h.machine.Allow(h.Now(at), 0)
	if out.Admitted = verdict.Admitted; !verdict.Admitted {
		out.Reject = &verdict.Reason
		h.Settle(at, l.Call, verdict.Reason)
		return
	}
	if l.LatencyMS == nil {
		return // hangs for ever, whatever the timeout
	}
	took := ms(*l.LatencyMS)
	end := policytest.End{At: at + took, Call: l.Call, Ticket: ticket}
	switch {
	case h.limit > 0 && took > h.limit:
		end.Outcome.Code, end.Verdict = policy.Timeout, "timeout exceeded"
	case l.Outcome == "ok":
		end.Outcome.Code, end.Verdict = policy.OK, "ok"
	default:
		end.Outcome.Code, end.Verdict = policy.Failure, "FAILED"
	}
	h.Schedule(end)
}
