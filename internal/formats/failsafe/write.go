// Package failsafe is the policies of the Go library failsafe-go as Go source, which
// is the only form that it takes them in. There is no reader: Go source is no list of
// settings.
package failsafe

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"tripcurve/internal/formats/gosource"
	"tripcurve/internal/policy/failsafe"
)

// Snippet is what the source needs beside the policies' arguments.
type Snippet struct {
	Service string // the callee's name: "inventory" makes NewInventory
	Origin  string // where the numbers come from, in one line
	Notes   []string
	// NoBreaker leaves the breaker out: the policy has none.
	NoBreaker bool
}

const module = "github.com/failsafe-go/failsafe-go"

// Write is a Go file with a constructor of an executor: the policies, composed from
// the outside in.
func Write(p failsafe.Params, s Snippet) string {
	name := gosource.Name(s.Service)
	w := writer{params: p, imports: map[string]bool{module: true}}
	if p.TotalTimeout > 0 {
		w.timeout("total", "All attempts and the waits between them.", gosource.Duration(p.TotalTimeout))
	}
	w.retry(s.NoBreaker)
	if !s.NoBreaker {
		w.breaker()
	}
	if p.MaxConcurrency > 0 {
		w.use("bulkhead")
		w.define("limit", fmt.Sprintf("bulkhead.New[any](%d)", p.MaxConcurrency))
	}
	if p.Timeout > 0 {
		w.timeout("attempt", "It cancels the attempt's context and waits for the attempt to look at it.", gosource.Duration(p.Timeout))
	}
	text := fmt.Sprintf("New%s is what stands around the calls to %s, for failsafe-go %s", name, s.Service, failsafe.Version)
	result, returned := "failsafe.Executor[any]", ""
	if s.NoBreaker {
		text += ".\n"
	} else {
		text += ",\nand the circuit breaker that is part of it.\n"
		result, returned = "(failsafe.Executor[any], circuitbreaker.CircuitBreaker[any])", ", breaker"
	}
	doc := gosource.Doc{
		Text: text + "Both serve all calls: construct them once. A call must take its context from the\n" +
			"execution, or no timeout ends it:\n\n" +
			"\texecutor.WithContext(ctx).GetWithExecution(func(e failsafe.Execution[any]) (any, error) {\n" +
			"\t\treturn call(e.Context())\n\t})",
		Origin: s.Origin,
		Notes:  s.Notes,
	}
	if s.NoBreaker {
		doc.Text = strings.Replace(doc.Text, "Both serve all calls: construct them once.", "It serves all calls: construct it once.", 1)
	}
	var b strings.Builder
	b.WriteString("// Package breakers is the circuit breakers of this service's callees.\npackage breakers\n\nimport (\n")
	w.importLines(&b)
	fmt.Fprintf(&b, ")\n\n%sfunc New%s() %s {\n%s", doc, name, result, w.body.String())
	fmt.Fprintf(&b, "return failsafe.With[any](%s)%s\n}\n", strings.Join(w.policies, ", "), returned)
	return gosource.Format(b.String())
}

// writer is a function's body in the making.
type writer struct {
	params   failsafe.Params
	imports  map[string]bool
	body     strings.Builder
	policies []string // from the outside in
}

func (w *writer) use(packages ...string) {
	for _, p := range packages {
		w.imports[module+"/"+p] = true
	}
}

// define makes a policy under a name of its own, the next one inwards.
func (w *writer) define(name, expression string) {
	fmt.Fprintf(&w.body, "%s := %s\n", name, expression)
	w.policies = append(w.policies, name)
}

func (w *writer) importLines(b *strings.Builder) {
	if strings.Contains(w.body.String(), "time.") {
		b.WriteString("\"time\"\n\n")
	}
	paths := make([]string, 0, len(w.imports))
	for path := range w.imports {
		paths = append(paths, path)
	}
	slices.Sort(paths)
	for _, path := range paths {
		fmt.Fprintf(b, "%q\n", path)
	}
}

func (w *writer) timeout(name, comment, limit string) {
	w.use("timeout")
	fmt.Fprintf(&w.body, "// %s\n", comment)
	w.define(name, "timeout.New[any]("+limit+")")
}

func (w *writer) breaker() {
	p := w.params
	w.use("circuitbreaker")
	var calls []string
	call := func(format string, args ...any) { calls = append(calls, fmt.Sprintf(format, args...)) }
	ratio := func(f, n int) {
		if n == 0 || n == f {
			call("WithFailureThreshold(%d)", f)
		} else {
			call("WithFailureThresholdRatio(%d, %d)", f, n)
		}
	}
	def := failsafe.Default()
	rate := p.FailureRateThreshold > 0 || p.FailureExecutionThreshold > 0
	switch {
	case rate:
		if p.FailureThreshold != def.FailureThreshold || p.FailureThresholdingCapacity != 0 {
			ratio(p.FailureThreshold, p.FailureThresholdingCapacity)
		}
		w.body.WriteString("// Both the rate and its threshold are compared in steps of 1 %.\n")
		call("WithFailureRateThreshold(%s, %d, %s)", gosource.Float(p.FailureRateThreshold), p.FailureExecutionThreshold, gosource.Duration(p.FailureThresholdingPeriod))
	case p.FailureThresholdingPeriod > 0:
		call("WithFailureThresholdPeriod(%d, %s)", p.FailureThreshold, gosource.Duration(p.FailureThresholdingPeriod))
	default:
		ratio(p.FailureThreshold, p.FailureThresholdingCapacity)
	}
	if n := p.SuccessThresholdingCapacity; n != 0 && n != p.SuccessThreshold {
		call("WithSuccessThresholdRatio(%d, %d)", p.SuccessThreshold, n)
	} else if p.SuccessThreshold > 0 {
		call("WithSuccessThreshold(%d)", p.SuccessThreshold)
	}
	if p.DelayMin > 0 && p.DelayMax > 0 {
		call("WithRandomDelay(%s, %s)", gosource.Duration(p.DelayMin), gosource.Duration(p.DelayMax))
	} else {
		call("WithDelay(%s)", gosource.Duration(p.Delay))
	}
	jitter(call, p.Jitter, p.JitterFactor)
	w.define("breaker", "circuitbreaker.NewBuilder[any]().\n"+strings.Join(calls, ".\n")+".\nBuild()")
}

// retry has no breaker or bulkhead inside to abort on where there is none.
func (w *writer) retry(noBreaker bool) {
	r := w.params.Retry
	if r.MaxRetries == 0 {
		return
	}
	w.use("retrypolicy")
	var calls []string
	call := func(format string, args ...any) { calls = append(calls, fmt.Sprintf(format, args...)) }
	call("WithMaxRetries(%d)", r.MaxRetries)
	if r.Delay > 0 && r.MaxDelay > 0 {
		call("WithBackoffFactor(%s, %s, %s)", gosource.Duration(r.Delay), gosource.Duration(r.MaxDelay), gosource.Float(r.DelayFactor))
	} else if r.Delay > 0 {
		call("WithDelay(%s)", gosource.Duration(r.Delay))
	}
	jitter(call, r.Jitter, r.JitterFactor)
	if r.AbortOnRejection {
		var rejections []string
		if !noBreaker {
			w.use("circuitbreaker")
			rejections = append(rejections, "circuitbreaker.ErrOpen")
		}
		if w.params.MaxConcurrency > 0 {
			w.use("bulkhead")
			rejections = append(rejections, "bulkhead.ErrFull")
		}
		if len(rejections) > 0 {
			call("AbortOnErrors(%s)", strings.Join(rejections, ", "))
		}
	}
	if r.BudgetMaxRate > 0 {
		w.use("budget")
		call("WithBudget(budget.NewBuilder().WithMaxRate(%s).WithMinConcurrency(%d).Build())", gosource.Float(r.BudgetMaxRate), r.BudgetMinConcurrency)
	}
	call("ReturnLastFailure()")
	w.body.WriteString("// The first attempt is not counted.\n")
	w.define("retries", "retrypolicy.NewBuilder[any]().\n"+strings.Join(calls, ".\n")+".\nBuild()")
}

// jitter is the random part of a delay; the library looks at the share only where
// there is no time.
func jitter(call func(string, ...any), d time.Duration, factor float64) {
	switch {
	case d > 0:
		call("WithJitter(%s)", gosource.Duration(d))
	case factor > 0:
		call("WithJitterFactor(%s)", gosource.Float(factor))
	}
}
