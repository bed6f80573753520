package postmortem

import (
	"fmt"
	"html"
	"strings"
	"time"

	"tripcurve/internal/export"
	"tripcurve/internal/policy"
	"tripcurve/internal/policy/library"
)

// behaviour is what a breaker does, found by driving its machine.
type behaviour struct {
	library, version string
	callTimeout      time.Duration
	failures         int           // in a row, after calm successes, until it opens; 0: it did not
	calm             int           // successes before
	reason           string        // of a rejection
	openFor          time.Duration // until it lets a probe through; 0: it never does
	probes           int           // let through at once in half-open
	closes           int           // good probes until it closes; 0: it did not
	reopens          bool          // a bad probe opens it again
}

const (
	calmCalls   = 10
	mostDriven  = 1000
	longestOpen = 15 * time.Minute
)

// drive finds out what a breaker does.
func drive(spec policy.BreakerSpec) (behaviour, error) {
	lib, ok := library.ByName(spec.Library)
	if !ok {
		return behaviour{}, fmt.Errorf("no library is called %q", spec.Library)
	}
	out := behaviour{library: lib.Name, version: lib.Version, calm: calmCalls}
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	// Once to see a good probe, once to see a bad one.
	for _, good := range []bool{true, false} {
		built, err := library.New(spec, start)
		if err != nil {
			return behaviour{}, err
		}
		m := built.Breaker
		if m == nil {
			return behaviour{}, fmt.Errorf("%s has no breaker", spec.Library)
		}
		out.callTimeout = built.CallTimeout
		at := start
		call := func(code policy.Code) (admitted bool, v policy.Verdict) {
			at = at.Add(10 * time.Millisecond)
			t, v := m.Allow(at, 0.5)
			if v.Admitted {
				m.Record(at.Add(time.Millisecond), t, policy.Outcome{Code: code, Took: time.Millisecond})
				at = at.Add(time.Millisecond)
			}
			m.Take()
			return v.Admitted, v
		}
		for range calmCalls {
			call(policy.OK)
		}
		out.failures = 0
		for n := 1; n <= mostDriven && m.State() != policy.Open; n++ {
			call(policy.Failure)
			out.failures = n
		}
		if m.State() != policy.Open {
			out.failures = 0
			return out, nil
		}
		if admitted, v := call(policy.OK); !admitted {
			out.reason = v.Reason
		}
		opened := at
		var tickets []policy.Ticket
		for at.Sub(opened) < longestOpen && len(tickets) == 0 {
			at = at.Add(100 * time.Millisecond)
			m.Advance(at)
			if t, v := m.Allow(at, 0.5); v.Admitted {
				tickets = append(tickets, t)
			}
			m.Take()
		}
		if len(tickets) == 0 {
			return out, nil
		}
		out.openFor = at.Sub(opened).Round(100 * time.Millisecond)
		for len(tickets) < 100 {
			t, v := m.Allow(at, 0.5)
			if !v.Admitted {
				break
			}
			tickets = append(tickets, t)
		}
		out.probes = len(tickets)
		code := policy.OK
		if !good {
			code = policy.Failure
		}
		for n := 1; n <= mostDriven && m.State() == policy.HalfOpen; n++ {
			if len(tickets) == 0 {
				t, v := m.Allow(at, 0.5)
				if !v.Admitted {
					break
				}
				tickets = append(tickets, t)
			}
			at = at.Add(time.Millisecond)
			m.Record(at, tickets[0], policy.Outcome{Code: code, Took: time.Millisecond})
			tickets = tickets[1:]
			m.Take()
			if good && m.State() == policy.Closed {
				out.closes = n
			}
			if !good && m.State() == policy.Open {
				out.reopens = true
			}
		}
	}
	return out, nil
}

// flowSpec is the breaker whose flow is shown: the chosen point's, else that of the
// postmortem's own listing.
func (b *builder) flowSpec() policy.BreakerSpec {
	spec := policy.BreakerSpec{Library: "opossum", Params: map[string]string{"timeout": "5000", "errorThresholdPercentage": "50", "resetTimeout": "30000"}}
	if n := b.Notes.WhatIf; n != nil {
		if n.TimeoutMS > 0 {
			spec.Params["timeout"] = fmt.Sprint(n.TimeoutMS)
		}
		if n.Threshold > 0 {
			spec.Params["errorThresholdPercentage"] = fmt.Sprint(n.Threshold)
		}
	}
	return spec
}

func (b *builder) decisionFlow() (blocks []Block) {
	if b.Notes.Flow != "" {
		blocks = append(blocks, text(b.says(b.Notes.Flow)))
	}
	spec := b.flowSpec()
	how, err := drive(spec)
	if err != nil {
		return append(blocks, text("The breaker cannot be driven: "+b.ours(err.Error())+"."))
	}
	p := Picture{Alt: fmt.Sprintf("What happens to a call behind the breaker of %s %s, as its state machine has it; the steps are written out below.", how.library, how.version), svg: how.svg()}
	return append(blocks, Block{Kind: Chart, Chart: &p}, ordered(how.steps()...),
		text(fmt.Sprintf("The figures come from driving the machine of %s %s that the simulator runs too, with %s.", how.library, how.version, paramsWord(spec))))
}

func paramsWord(spec policy.BreakerSpec) string {
	var parts []string
	for _, name := range []string{"timeout", "errorThresholdPercentage", "resetTimeout"} {
		if v := spec.Params[name]; v != "" {
			parts = append(parts, "`"+name+"` "+v)
		}
	}
	return strings.Join(parts, ", ")
}

func (h behaviour) steps() []string {
	limit := "without a limit of the breaker's own"
	if h.callTimeout > 0 {
		limit = "with a limit of " + policy.FormatDuration(h.callTimeout)
	}
	opens := "no number of failures opened it"
	if h.failures > 0 {
		opens = fmt.Sprintf("after %s, %s in a row open it", export.Plural(h.calm, "good call"), export.Plural(h.failures, "failing one"))
	}
	rejected := "Open: the call is turned away at once"
	if h.reason != "" {
		rejected += " with `" + h.reason + "`"
	}
	back := "it lets nothing through by itself"
	if h.openFor > 0 {
		back = "after " + policy.FormatDuration(h.openFor) + " it becomes half-open"
	}
	probe := fmt.Sprintf("Half-open: %s at once is let through, the others are turned away", export.Plural(h.probes, "probe"))
	ends := "a good probe closes it"
	if h.closes > 1 {
		ends = fmt.Sprintf("%d good probes close it", h.closes)
	}
	if h.closes == 0 {
		ends = "good probes did not close it"
	}
	if h.reopens {
		ends += "; a bad one opens it again"
	}
	return []string{
		"A call of the caller comes to the breaker, which asks for its state.",
		"Closed: the call is sent " + limit + ". A good answer goes to the caller; an error or the limit counts as a failure: " + opens + ".",
		rejected + "; " + back + ".",
		probe + "; " + ends + ".",
		"What fails or is turned away goes to the fallback, where the caller has one: an answer at once that says what is not available, in place of a wait.",
	}
}

// svg draws the flow. Its boxes are where they are for all libraries; what they say
// is the machine's.
func (h behaviour) svg() string {
	const w, boxH = 196.0, 58.0
	var b strings.Builder
	box := func(class string, x, y float64, lines ...string) {
		fmt.Fprintf(&b, `<rect class="box %s" x="%s" y="%s" width="%s" height="%s" rx="6"/>`, class, num(x), num(y), num(w), num(boxH))
		for i, l := range lines {
			fmt.Fprintf(&b, `<text class="label" x="%s" y="%s" text-anchor="middle">%s</text>`, num(x+w/2), num(y+boxH/2+5+float64(i)*17-float64(len(lines)-1)*8.5), html.EscapeString(l))
		}
	}
	arrow := func(d, label string, x, y float64) {
		fmt.Fprintf(&b, `<path class="arrow" d="%s" marker-end="url(#tip)"/>`, d)
		if label != "" {
			fmt.Fprintf(&b, `<text class="tick" x="%s" y="%s">%s</text>`, num(x), num(y), html.EscapeString(label))
		}
	}
	limit := "no limit"
	if h.callTimeout > 0 {
		limit = "limit " + policy.FormatDuration(h.callTimeout)
	}
	opens := "never opened"
	if h.failures > 0 {
		opens = fmt.Sprintf("%s open it", export.Plural(h.failures, "failure"))
	}
	reopens := "bad probe: open again"
	if !h.reopens {
		reopens = "a bad probe is counted"
	}
	const left, mid, right = 12.0, 282.0, 552.0
	box("", mid, 8, "call", "comes to the breaker")
	box("good", left, 112, "closed", "send it, "+limit)
	box("bad", mid, 112, "open", "turn it away at once")
	box("warn", right, 112, "half-open", export.Plural(h.probes, "probe")+" at once")
	box("", left, 228, "answered in time?", "count it")
	box("", right, 228, "probe good: closed", reopens)
	box("bad", mid, 228, "fallback", "an answer at once")
	box("good", left, 332, "answer", "goes to the caller")
	c := mid + w/2
	arrow(fmt.Sprintf("M%s 66V88H%sV108", num(c), num(left+w/2)), "", 0, 0)
	arrow(fmt.Sprintf("M%s 66V108", num(c)), "", 0, 0)
	arrow(fmt.Sprintf("M%s 66V88H%sV108", num(c), num(right+w/2)), "", 0, 0)
	arrow(fmt.Sprintf("M%s 170V224", num(left+w/2)), "", 0, 0)
	arrow(fmt.Sprintf("M%s 286V328", num(left+w/2)), "yes", left+w/2+8, 312)
	arrow(fmt.Sprintf("M%s 257H%s", num(left+w), num(mid-4)), "no", left+w+8, 250)
	arrow(fmt.Sprintf("M%s 170V224", num(c)), h.reason, c+8, 202)
	if h.openFor > 0 {
		arrow(fmt.Sprintf("M%s 141H%s", num(mid+w), num(right-4)), policy.FormatDuration(h.openFor), mid+w+8, 134)
	}
	arrow(fmt.Sprintf("M%s 170V224", num(right+w/2)), "", 0, 0)
	arrow(fmt.Sprintf("M%s 228V190H%sV174", num(left+w-30), num(mid+30)), opens, left+w-10, 184)
	alt := fmt.Sprintf("Decision flow of the breaker of %s", h.library)
	return fmt.Sprintf(`<svg viewBox="0 0 %s 400" role="img" aria-label="%s" class="chart flow"><defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto"><path class="tip" d="M0 0L8 4L0 8z"/></marker></defs>%s</svg>`,
		num(chartWidth), html.EscapeString(alt), b.String())
}
