package gobreaker

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tripcurve/internal/policy"
	"tripcurve/internal/policy/policytest"
)

// The traces are what the real gobreaker v2.4.0 did, step by step in virtual time;
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
	MaxRequests    int
	IntervalMS     int64
	BucketPeriodMS int64
	TimeoutMS      int64
	ReadyToTrip    *struct {
		ConsecutiveOver *int
		Over            string
		Min             int
		Rate            float64
	}
	IsExcluded bool
}

type traceOut struct {
	Before   string
	Admitted bool
	Reject   *string
	State    string
	Stats    map[string]int
	Events   []policytest.Stamped
	Settled  []policytest.Settled
}

func (o traceOptions) params() Params {
	p := Default()
	p.MaxRequests, p.IsExcluded = o.MaxRequests, o.IsExcluded
	p.Interval, p.BucketPeriod, p.Timeout = ms(o.IntervalMS), ms(o.BucketPeriodMS), ms(o.TimeoutMS)
	switch r := o.ReadyToTrip; {
	case r == nil:
	case r.ConsecutiveOver != nil:
		p.ConsecutiveFailures = *r.ConsecutiveOver
	default:
		p.ReadyToTrip, p.MinRequests, p.FailureRatio = r.Over, r.Min, r.Rate
	}
	return p
}

func ms(n int64) time.Duration { return time.Duration(n) * time.Millisecond }

func TestRecordedTraces(t *testing.T) {
	steps, differing := 0, 0
	var host *traceHost
	for line := range policytest.TraceLines[traceLine](t, "testdata/gobreaker.jsonl.gz") {
		if line.Type == "trace" {
			m := New(line.Options.params(), policytest.Epoch)
			host = &traceHost{Host: policytest.NewHost(m, policytest.Epoch), plan: line.Plan, machine: m}
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
	policytest.Report(t, "gobreaker", "traces recorded from gobreaker v2.4.0", steps, differing)
}

type traceHost struct {
	*policytest.Host
	plan    string
	machine *Machine
	failed  bool
}

func (h *traceHost) step(l traceLine) traceOut {
	at := ms(l.AtMS)
	h.Run(at)
	out := traceOut{Before: h.machine.State().String()}
	if l.Op == "call" {
		h.call(l, at, &out)
		h.Run(at)
	} else {
		h.machine.Observe(h.Now(at))
	}
	out.State = h.machine.State().String()
	c := h.machine.Counts()
	out.Stats = map[string]int{
		"requests": int(c.Requests), "successes": int(c.TotalSuccesses), "failures": int(c.TotalFailures), "exclusions": int(c.TotalExclusions),
		"consecutive_successes": int(c.ConsecutiveSuccesses), "consecutive_failures": int(c.ConsecutiveFailures),
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
		return // hangs for ever
	}
	end := policytest.End{At: at + ms(*l.LatencyMS), Call: l.Call, Ticket: ticket}
	switch l.Outcome {
	case "ok":
		end.Outcome.Code, end.Verdict = policy.OK, "ok"
	case "excluded":
		end.Outcome.Code, end.Verdict = policy.Ignored, "EXCLUDED"
	default:
		end.Outcome.Code, end.Verdict = policy.Failure, "FAILED"
	}
	h.Schedule(end)
}
