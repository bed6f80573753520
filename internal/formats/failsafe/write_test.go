package failsafe

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"tripcurve/internal/formats/gosource/gosourcetest"
	"tripcurve/internal/policy/failsafe"
)

// anyParams are as a user would have them, in any combination.
var anyParams = rapid.Custom(func(t *rapid.T) failsafe.Params {
	p := failsafe.Default()
	draw := func(name string, lo, hi int) int { return rapid.IntRange(lo, hi).Draw(t, name) }
	tenths := func(name string, lo, hi int) time.Duration {
		return 100 * time.Millisecond * time.Duration(draw(name, lo, hi))
	}
	p.FailureThreshold = draw("failureThreshold", 1, 5)
	switch rapid.SampledFrom([]string{"failures", "ratio", "period", "rate"}).Draw(t, "form") {
	case "ratio":
		p.FailureThresholdingCapacity = p.FailureThreshold + draw("failureThresholdingCapacity", 0, 10)
	case "period":
		p.FailureThresholdingPeriod = tenths("failureThresholdingPeriod", 1, 900)
	case "rate":
		p.FailureThreshold = 1
		p.FailureRateThreshold = rapid.SampledFrom([]float64{0.01, 0.25, 1. / 3, 0.5}).Draw(t, "failureRateThreshold")
		p.FailureExecutionThreshold = draw("failureExecutionThreshold", 0, 10)
		p.FailureThresholdingPeriod = tenths("failureThresholdingPeriod", 0, 900)
	}
	p.SuccessThreshold = draw("successThreshold", 0, 4)
	if p.SuccessThreshold > 0 && rapid.Bool().Draw(t, "of more") {
		p.SuccessThresholdingCapacity = p.SuccessThreshold + draw("successThresholdingCapacity", 0, 3)
	}
	p.Delay = tenths("delay", 1, 600)
	switch rapid.SampledFrom([]string{"", "", "random", "jitter", "factor"}).Draw(t, "dice") {
	case "random":
		p.DelayMin, p.DelayMax = tenths("delayMin", 1, 10), tenths("delayMax", 10, 20)
	case "jitter":
		p.Jitter = tenths("jitter", 1, 10)
	case "factor":
		p.JitterFactor = 0.5
	}
	if rapid.Bool().Draw(t, "timeout") {
		p.Timeout = tenths("timeout", 1, 100)
	}
	if rapid.Bool().Draw(t, "total") {
		p.TotalTimeout = tenths("total", 150, 300)
	}
	p.MaxConcurrency = draw("maxConcurrency", 0, 3)
	if rapid.Bool().Draw(t, "retries") {
		p.Retry.MaxRetries = draw("maxRetries", 0, 4) // -1 would try an open breaker for ever
		p.Retry.Delay = tenths("retry.delay", 0, 5)
		p.Retry.MaxDelay = tenths("retry.maxDelay", 0, 20)
		p.Retry.DelayFactor = rapid.SampledFrom([]float64{1, 1.5, 2}).Draw(t, "delayFactor")
		p.Retry.JitterFactor = rapid.SampledFrom([]float64{0, 0.25}).Draw(t, "retry.jitterFactor")
		p.Retry.AbortOnRejection = rapid.Bool().Draw(t, "abort")
		if rapid.Bool().Draw(t, "budget") {
			p.Retry.BudgetMaxRate = 0.2
		}
	}
	return p
})

// What is written compiles, and the policies that it makes do what the machine and
// the plan do.
func TestWhatIsWrittenRuns(t *testing.T) {
	walk, err := os.ReadFile("testdata/walk_test.go.txt")
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{"walk_test.go": string(walk)}
	var cases strings.Builder
	for i := range 40 {
		p := anyParams.Example(i)
		name := fmt.Sprintf("Case%02d", i)
		text := Write(p, Snippet{Service: "case", Origin: "written by tripcurve\nfunc init() { panic(0) }", Notes: []string{"a note */ of\ntwo lines"}})
		files[fmt.Sprintf("breaker-%02d.go", i)] = strings.ReplaceAll(text, "NewCase(", "New"+name+"(")
		fmt.Fprintf(&cases, "%q: {New%s, %#v},\n", name, name, p.Map())
	}
	bare := failsafe.Default()
	files["bare.go"] = Write(bare, Snippet{Service: "bare", NoBreaker: true})
	bare.Retry.MaxRetries, bare.Retry.AbortOnRejection = 2, true
	files["retrying.go"] = Write(bare, Snippet{Service: "re-trying", NoBreaker: true})
	files["cases_test.go"] = "package breakers\n\nimport (\n\"github.com/failsafe-go/failsafe-go\"\n\"github.com/failsafe-go/failsafe-go/circuitbreaker\"\n)\n\n" +
		"var _, _ = NewBare, NewReTrying\n\nvar cases = map[string]struct {\nconstruct func() (failsafe.Executor[any], circuitbreaker.CircuitBreaker[any])\nparams map[string]string\n}{\n" + cases.String() + "}\n"
	gosourcetest.Run(t, files)
}
