// Package gobreaker is the settings of the Go library sony/gobreaker as Go source,
// which is the only form that it takes them in. There is no reader: Go source is no
// list of settings.
package gobreaker

import (
	"fmt"
	"strings"
	"time"

	"tripcurve/internal/formats/gosource"
	"tripcurve/internal/policy"
	"tripcurve/internal/policy/gobreaker"
)

// Snippet is what the source needs beside the settings.
type Snippet struct {
	Service string // the callee's name: "inventory" makes NewInventory
	Origin  string // where the numbers come from, in one line
	Notes   []string
	// Limit is the time limit that each call's context needs; 0 names none.
	Limit time.Duration
	// Never opens: the policy has no breaker.
	Never bool
}

// Write is a Go file with a constructor of the breaker.
func Write(p gobreaker.Params, s Snippet) string {
	name := gosource.Name(s.Service)
	imports := []string{"github.com/sony/gobreaker/v2"}
	if p.IsExcluded {
		imports = append([]string{"context", "errors"}, imports...)
	}
	if !s.Never {
		imports = append(imports, "time")
	}
	doc := gosource.Doc{
		Text: fmt.Sprintf("New%s is the circuit breaker in front of %s, for sony/gobreaker %s.", name, s.Service, gobreaker.Version) +
			"\nOne breaker serves all calls: construct it once, and give every call of its Execute\n" + limit(s.Limit),
		Origin: s.Origin,
		Notes:  s.Notes,
	}
	var b strings.Builder
	b.WriteString("// Package breakers is the circuit breakers of this service's callees.\npackage breakers\n\nimport (\n")
	for _, std := range []bool{true, false} {
		for _, path := range imports {
			if std == !strings.Contains(path, ".") {
				fmt.Fprintf(&b, "%q\n", path)
			}
		}
		b.WriteString("\n")
	}
	fmt.Fprintf(&b, ")\n\n%sfunc New%s() *gobreaker.CircuitBreaker[any] {\nreturn gobreaker.NewCircuitBreaker[any](gobreaker.Settings{\n", doc, name)
	fmt.Fprintf(&b, "Name: %q,\n", s.Service)
	if s.Never {
		b.WriteString("ReadyToTrip: func(gobreaker.Counts) bool { return false },\n")
	} else {
		settings(&b, p)
	}
	b.WriteString("})\n}\n")
	return gosource.Format(b.String())
}

func limit(d time.Duration) string {
	if d == 0 {
		return "a context with a deadline: the breaker itself has no time limit."
	}
	return fmt.Sprintf("a context with a deadline, of context.WithTimeout(ctx, %s): the breaker itself\nhas no time limit.", gosource.Duration(d))
}

func settings(b *strings.Builder, p gobreaker.Params) {
	fmt.Fprintf(b, "// Calls let through in half-open; all of them must succeed.\nMaxRequests: %d,\n", max(p.MaxRequests, 1))
	switch {
	case p.Rolling():
		fmt.Fprintf(b, "// A rolling window of %s, forgotten bucket by bucket.\nInterval: %s,\nBucketPeriod: %s,\n", policy.FormatDuration(p.Span()), gosource.Duration(p.Interval), gosource.Duration(p.BucketPeriod))
	case p.Span() > 0:
		fmt.Fprintf(b, "// A fixed window, cleared as a whole.\nInterval: %s,\n", gosource.Duration(p.Span()))
	}
	def := gobreaker.Default()
	openFor := p.Timeout
	if openFor <= 0 {
		openFor = def.Timeout
	}
	fmt.Fprintf(b, "// How long it stays open; not a time limit on calls.\nTimeout: %s,\n", gosource.Duration(openFor))
	rule(b, p)
	if p.IsExcluded {
		b.WriteString("// Neither success nor failure: which errors these are is yours to say.\n" +
			"IsExcluded: func(err error) bool { return errors.Is(err, context.Canceled) },\n")
	}
}

// rule is ReadyToTrip, which is asked after each failure in closed.
func rule(b *strings.Builder, p gobreaker.Params) {
	b.WriteString("ReadyToTrip: func(c gobreaker.Counts) bool {\n")
	switch p.ReadyToTrip {
	case gobreaker.Consecutive:
		fmt.Fprintf(b, "return c.ConsecutiveFailures > %d\n", p.ConsecutiveFailures)
	case gobreaker.Requests:
		fmt.Fprintf(b, "return c.Requests >= %d && float64(c.TotalFailures)/float64(c.Requests) >= %s\n", max(1, p.MinRequests), gosource.Float(p.FailureRatio))
	default:
		fmt.Fprintf(b, "ended := c.TotalSuccesses + c.TotalFailures // Requests would count the calls in flight too\n"+
			"return ended >= %d && float64(c.TotalFailures)/float64(ended) >= %s\n", max(1, p.MinRequests), gosource.Float(p.FailureRatio))
	}
	b.WriteString("},\n")
}
